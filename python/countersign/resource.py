"""A protected API: verifies signed requests, challenges with resource tokens, and publishes its document and keys (S§4, 6, 8.3)."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Mapping, Optional, Sequence
from urllib.parse import parse_qs

from .challenge import Challenge, serialize_challenge
from .discovery import Discovery
from .errors import AAuthError
from .fetch import Fetch, Response
from .identifiers import authority_of, parse_scope, require_identifier
from .keys import Signer
from .nonces import ClaimNonce, create_memory_nonces
from .resolve_key import create_key_resolver
from .tokens import RESOURCE_TOKEN, issue_token
from .verify_signature import ReceivedMessage, ResolvedKey, require_unused_nonce, verify_signature

LEVELS = ("signature", "identity", "authorization")
"""What a request can prove (S§4.1–4.3): a key; an agent; what an auth server allows the agent to do."""

_RESOURCE_TOKEN_SECONDS = 600


@dataclass(frozen=True)
class VerifiedRequest:
    """A request that was verified at the required level. `iss` and `sub` together identify the user: use both as the key."""

    method: str
    path: str
    covered: Sequence[str]
    body: bytes
    thumbprint: str
    scheme: str
    agent: Optional[str]
    delegate: Optional[str]
    token_type: Optional[str]
    iss: Optional[str]
    sub: Optional[str]
    scope: Sequence[str]


class Resource:
    """A protected API.

    Args:
        id: the identifier, whose host is the only accepted `@authority` (S§10.3.1).
        signer: signs resource tokens; its public key is published.
        auth_server: the auth server that decides who may do what; the only accepted issuer of auth tokens.
        fetch: fetches the documents of agents and of the auth server: `create_guarded_fetch()`, or one of your own with the same
            bounds. Its URLs come from requests that are not verified yet.
        scopes: what agents can request, with a description for users.
        nonce: `required` refuses requests with a method other than GET, HEAD and OPTIONS without a nonce (S§10.5).
        claim_nonce: stores nonces; all processes must share one store. Default: a bounded store in this process.
        now: returns the current time in Unix seconds.
        allow_insecure_loopback: accepts `http` with a port on loopback, for development only.

    Raises:
        TypeError: for an invalid option.
    """

    def __init__(
        self,
        *,
        id: str,
        signer: Signer,
        auth_server: str,
        fetch: Fetch,
        scopes: Mapping[str, str],
        nonce: str = "optional",
        claim_nonce: Optional[ClaimNonce] = None,
        now: Callable[[], float] = time.time,
        allow_insecure_loopback: bool = False,
    ):
        require_identifier("id", id, allow_insecure_loopback=allow_insecure_loopback)
        require_identifier("auth_server", auth_server, allow_insecure_loopback=allow_insecure_loopback)
        if nonce not in ("optional", "required"):
            raise TypeError(f"nonce must be 'optional' or 'required', not {nonce!r}")
        if not scopes or parse_scope(" ".join(scopes)) != list(scopes):
            raise TypeError("scopes must describe at least one valid scope, such as {'data.read': 'Read your data'}")
        self.id = id
        self._signer = signer
        self._auth_server = auth_server
        self._scopes = scopes
        self._now = now
        self._claim_nonce = claim_nonce or create_memory_nonces(now)
        rules = {"now": now, "allow_insecure_loopback": allow_insecure_loopback}
        resolve_key = create_key_resolver(Discovery(fetch, **rules), audience=id, auth_token_issuers=[auth_server], **rules)
        self._verify_signature = partial(
            verify_signature, authorities=[authority_of(id)], resolve_key=resolve_key, nonce=nonce, now=now
        )
        self.documents: dict[str, dict[str, Any]] = {
            "/.well-known/aauth-resource": {
                "resource": id,
                "jwks_uri": f"{id}/jwks.json",
                "resource_token_endpoint": f"{id}/resource/token",
                "supported_scopes": list(scopes),
                "scope_descriptions": dict(scopes),
            },
            "/jwks.json": {"keys": [signer.jwk]},
        }
        """The documents to publish, by path (S§8.3)."""

    def verify(self, message: ReceivedMessage, require: str, scope: Optional[str] = None) -> VerifiedRequest:
        """Verifies a request at a level; with `authorization`, the auth token must have all values of `scope`. You must still check which
        records the user may see, and shared caches must not store the response.

        Raises:
            AAuthError: to pass to `to_response`.
            TypeError: for an invalid requirement.
        """
        if require not in LEVELS or (require == "authorization") != (parse_scope(scope) is not None):
            raise TypeError("require must be 'signature', 'identity', or 'authorization' with a scope such as 'data.read'")
        try:
            verified = self._verify_signature(message)
        except AAuthError as error:
            # Nothing is proven yet, so there is no agent to which a resource token could be bound.
            level = "authorization" if error.code == "auth_token_invalid" else min(require, "identity", key=LEVELS.index)
            error.challenge = {"level": level}
            raise
        self._require_level(verified.resolved, require, (scope or "").split(" "))
        # Last, so that refused requests leave nothing in the store: a client can send any number of them.
        require_unused_nonce(self._claim_nonce, verified.nonce)
        resolved, claims = verified.resolved, verified.resolved.claims or {}
        known = (resolved.agent, resolved.delegate, resolved.token_type, claims.get("iss"), claims.get("sub"))
        sent = (message.method, verified.path, verified.covered, message.body)
        return VerifiedRequest(*sent, resolved.key.thumbprint, resolved.scheme, *known, parse_scope(claims.get("scope")) or [])

    def _require_level(self, resolved: ResolvedKey, require: str, scope: Sequence[str]) -> None:
        """Checks that a verified signature reaches a level (S§4.1–4.3, 7.7 steps 8–14)."""
        if require != "signature" and resolved.agent is None:
            message = "The signature does not identify an agent: sign with jwks and well-known, or with an agent token."
            raise AAuthError("identity_required", message, challenge={"level": "identity"})
        granted = parse_scope((resolved.claims or {}).get("scope")) or []
        missing = [value for value in scope if value not in granted]
        challenge: dict[str, Any] = {"level": "authorization"}
        if require == "authorization":
            # Includes what is granted already, so that one token then covers all of the agent’s requests.
            wanted = [*granted, *missing] if resolved.claims and not resolved.expired else scope
            challenge.update(agent=resolved.agent, thumbprint=resolved.key.thumbprint, scope=" ".join(wanted))
            if resolved.claims is None:
                raise AAuthError("authorization_required", "The request has no auth token.", challenge=challenge)
        if resolved.expired:
            raise AAuthError("auth_token_expired", "The auth token has expired: refresh it.", challenge=challenge)
        if require == "authorization" and missing:
            message = f"The auth token lacks the scopes {' '.join(missing)}."
            raise AAuthError("scope_insufficient", message, challenge=challenge)

    def to_response(self, error: AAuthError) -> Response:
        """Converts a refusal to a response, with a challenge for what is missing (S§4, 12)."""
        headers = {}
        if error.signature_error is not None:
            inputs = " ".join(f'"{name}"' for name in error.required_input)
            required = f", required_input=({inputs})" if inputs else ""
            headers["signature-error"] = f"error={error.signature_error}{required}"
        if error.challenge is not None and error.status in (401, 403):
            headers["agent-auth"] = serialize_challenge(self._challenge(error.challenge))
        description = re.sub(r"[^\x20-\x7e]", "?", error.description.replace("’", "'"))
        return _json_response(error.status, {"error": error.error, "error_description": description}, headers)

    def _challenge(self, challenge: Mapping[str, Any]) -> Challenge:
        if "scope" not in challenge:
            return Challenge(challenge["level"])
        token = self._issue_resource_token(challenge["agent"], challenge["thumbprint"], challenge["scope"])
        return Challenge("authorization", token, self._auth_server)

    def _issue_resource_token(self, agent: str, thumbprint: str, scope: str) -> str:
        claims = {
            "iss": self.id,
            "aud": self._auth_server,
            "agent": agent,
            "agent_jkt": thumbprint,
            "scope": scope,
            "exp": int(self._now()) + _RESOURCE_TOKEN_SECONDS,
        }
        return issue_token(RESOURCE_TOKEN, claims, signer=self._signer, now=self._now)

    def handle(self, message: ReceivedMessage) -> Optional[Response]:
        """Serves the resource's documents and its token endpoint (S§9.2.5); `None` for any other path."""
        path = message.raw_target.partition("?")[0]
        try:
            if path == "/resource/token":
                return self._answer_token_request(message)
            if path not in self.documents:
                return None
            if message.method not in ("GET", "HEAD"):
                raise AAuthError("method_not_allowed", "Use GET.")
        except AAuthError as error:
            return self.to_response(error)
        return _json_response(200, self.documents[path], {"cache-control": "public, max-age=300"})

    def _answer_token_request(self, message: ReceivedMessage) -> Response:
        if message.method != "POST":
            raise AAuthError("method_not_allowed", "Use POST.")
        verified = self.verify(message, "identity")
        values = parse_qs(message.body.decode("latin-1")).get("scope", [])
        scope = parse_scope(values[0]) if len(values) == 1 else None
        if scope is None or not set(scope) <= self._scopes.keys():
            raise AAuthError("scope_invalid", f"Send scope, with some of: {' '.join(self._scopes)}.")
        token = self._issue_resource_token(verified.agent, verified.thumbprint, " ".join(scope))
        body = {"resource_token": token, "auth_server": self._auth_server, "expires_in": _RESOURCE_TOKEN_SECONDS}
        return _json_response(200, body)


def _json_response(status: int, body: Mapping[str, Any], headers: Optional[Mapping[str, str]] = None) -> Response:
    fields = {"cache-control": "no-store", "content-type": "application/json", **(headers or {})}
    return Response(status, fields, json.dumps(body).encode())


create_resource = Resource
"""The name in the TypeScript library."""
