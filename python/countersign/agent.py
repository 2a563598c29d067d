"""An agent that acts for one user: signs its requests, answers challenges, and prompts the user when a decision is needed (S§3, 9)."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Mapping, Optional, Sequence

from .challenge import Challenge, parse_challenge
from .discovery import AGENT_DOCUMENT, Discovery
from .errors import AAuthError, AgentError
from .fetch import Fetch, Response, create_fetch
from .identifiers import is_under, require_identifier, split_url
from .keys import Signer, import_verification_key
from .sign_request import sign_request
from .signature_key import KeyReference
from .token_endpoint import HeldToken, OnConsent, TokenEndpoint
from .tokens import AGENT_TOKEN, confirmation_jwk, decode_token

_EXPIRY_MARGIN = 5
"""Tokens this close to their expiry are no longer used, in seconds, so that they do not expire in transit."""


class Agent:
    """An agent for one user, registered nowhere.

    Args:
        id: the identifier of the agent: the URL under which its document and keys are published.
        signer: signs every request.
        auth_servers: the auth servers that the agent accepts. There is no default, because users type their passwords there.
        redirect_uri: the URL to which the auth server redirects the user, as in the agent's document.
        on_consent: shows the user the page, waits for them, and returns the URL to which their browser was redirected:
            `loopback_consent()`. Without it, a request that needs the user raises `consent_required`.
        agent_token: returns an agent token, which makes this process a delegate of `id`. Called for each request that is signed with it,
            so keep the token until shortly before it expires.
        one_person: declares that only one person uses this agent although `redirect_uri` is not on loopback.
        about: how the agent describes itself in its document, such as `{"name": "Example"}`.
        fetch: sends requests. Default: `create_fetch()`.
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
        auth_servers: Sequence[str],
        redirect_uri: str,
        on_consent: Optional[OnConsent] = None,
        agent_token: Optional[Callable[[], str]] = None,
        one_person: bool = False,
        about: Optional[Mapping[str, Any]] = None,
        fetch: Optional[Fetch] = None,
        now: Callable[[], float] = time.time,
        allow_insecure_loopback: bool = False,
    ):
        require_identifier("id", id, allow_insecure_loopback=allow_insecure_loopback)
        if isinstance(auth_servers, str):
            raise TypeError("auth_servers must be a list, such as ['https://auth.example']")
        for auth_server in auth_servers:
            require_identifier("an entry of auth_servers", auth_server, allow_insecure_loopback=allow_insecure_loopback)
        if not one_person and not redirect_uri.startswith(("http://127.0.0.1:", "http://[::1]:")):
            raise TypeError(
                f"anyone who opens the consent link could complete the consent at {redirect_uri}: use a redirect_uri on loopback, "
                "or set one_person=True if only one person uses this agent"
            )
        self.id = id
        self._signer = signer
        self._auth_servers = frozenset(auth_servers)
        self._agent_token = agent_token
        self._fetch = fetch or create_fetch(allow_insecure_loopback=allow_insecure_loopback)
        self._now = now
        self._lock = threading.RLock()
        self._held: dict[str, HeldToken] = {}
        self._subs: dict[str, str] = {}
        self._token_endpoint = TokenEndpoint(
            agent=id,
            thumbprint=signer.thumbprint,
            redirect_uri=redirect_uri,
            on_consent=on_consent,
            discovery=Discovery(self._fetch, now=now, allow_insecure_loopback=allow_insecure_loopback),
            send=self._send,
            now=now,
        )
        self.documents: dict[str, dict[str, Any]] = {
            "/.well-known/aauth-agent": {
                **(about or {}),
                "agent": id,
                "jwks_uri": f"{id}/jwks.json",
                "redirect_uris": [redirect_uri],
            },
            "/jwks.json": {"keys": [signer.jwk]},
        }
        """The documents to publish at `id`, by path (S§8.1). With an agent token, the agent server publishes its own instead."""

    def fetch(
        self, url: str, *, method: str = "GET", headers: Optional[Mapping[str, str]] = None, body: bytes = b""
    ) -> Response:
        """Sends a signed request, and satisfies the challenges of the resource; the call may therefore wait for the user. Redirects are not
        followed. Returns the last response if a challenge repeats.

        Raises:
            AgentError: if the request cannot be authorized.
            ValueError: for plain http, except on loopback with a port if `allow_insecure_loopback` is set, and for a URL that is not plain.
            OSError: if there is no response.
        """
        split_url(url)
        held = self._token_for(url)
        taken = set()
        while True:
            response = self._send(method, url, headers or {}, body, held)
            challenge = _read_challenge(response)
            step = _step_for(response.status, challenge, held)
            if step is None or step in taken:
                return response
            taken.add(step)
            if step == "authorize":
                held = self._authorize(challenge, url)
            else:
                held = self._refresh(held) if step == "refresh" else self._drop(held)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, held: Optional[HeldToken] = None
    ) -> Response:
        """Signs a request, with an auth token if there is one, or else as the agent, and sends it."""
        signature_key = self._own_reference() if held is None else {"scheme": "jwt", "jwt": held.jwt}
        signed = sign_request(method, url, headers, body, signer=self._signer, signature_key=signature_key, now=self._now)
        return self._fetch(url, method=method, headers=signed, body=body)

    def _own_reference(self) -> KeyReference:
        """The agent token of a delegate (S§5), or the key that the agent publishes."""
        if self._agent_token is None:
            return {"scheme": "jwks", "id": self.id, "kid": self._signer.kid, "well-known": AGENT_DOCUMENT.name}
        jwt = self._agent_token()
        token = decode_token(jwt)
        if token is None or token.header.get("typ") != AGENT_TOKEN.typ or token.payload.get("iss") != self.id:
            raise TypeError(f"agent_token must return an {AGENT_TOKEN.typ} that {self.id} issued")
        if import_verification_key(confirmation_jwk(token.payload)).thumbprint != self._signer.thumbprint:
            raise TypeError("agent_token returned a token for another key: request one for the key of signer")
        return {"scheme": "jwt", "jwt": jwt}

    def _authorize(self, challenge: Challenge, url: str) -> HeldToken:
        auth_server = challenge.auth_server
        if auth_server not in self._auth_servers:
            message = f"{split_url(url)[0]} sends users to {auth_server[:200]!r}, which auth_servers does not contain: add it if users "
            raise AgentError("auth_server_refused", f"{message}may type their passwords there.")
        need = self._token_endpoint.require_resource_token(challenge.resource_token, url=url, auth_server=auth_server)
        return self._keep(self._token_endpoint.request_auth_token(need))

    def _keep(self, token: HeldToken) -> HeldToken:
        with self._lock:
            # Another user’s data must never be mixed with this user’s, whoever opened the link.
            if token.sub is not None and self._subs.setdefault(token.auth_server, token.sub) != token.sub:
                message = f"Someone other than this agent’s user allowed this at {token.auth_server}, so no token was stored."
                raise AgentError("other_user", message)
            self._held[token.resource] = token
        return token

    def _drop(self, token: HeldToken) -> None:
        with self._lock:
            if self._held.get(token.resource) is token:
                del self._held[token.resource]

    def _refresh(self, token: HeldToken) -> Optional[HeldToken]:
        fresh = self._token_endpoint.refresh_auth_token(token)
        return self._drop(token) if fresh is None else self._keep(fresh)

    def _token_for(self, url: str) -> Optional[HeldToken]:
        """The token to try first; refreshed if it has expired."""
        with self._lock:
            token = next((held for held in self._held.values() if is_under(url, held.resource)), None)
        if token is None or token.expires_at - _EXPIRY_MARGIN > self._now():
            return token
        return self._drop(token) if token.refresh_token is None else self._refresh(token)


def _read_challenge(response: Response) -> Optional[Challenge]:
    header = response.headers.get("agent-auth")
    if header is None or response.status not in (401, 403, 429):
        return None
    try:
        return parse_challenge(header)
    except AAuthError as error:
        if error.code == "challenge_unsupported":
            raise AgentError("challenge_unsupported", str(error)) from error
        # A challenge that cannot be read must not hide the response that carried it.
        return None


def _step_for(status: int, challenge: Optional[Challenge], held: Optional[HeldToken]) -> Optional[str]:
    """What to do about a challenge: `refresh` or `drop` the token, or `authorize` (S§4.3, 9.7)."""
    if challenge is None or challenge.level != "authorization":
        return None
    if held is not None and status == 401 and held.refresh_token is not None:
        return "refresh"
    if challenge.resource_token is not None and challenge.auth_server is not None:
        return "authorize"
    return "drop" if held is not None and status == 401 else None


create_agent = Agent
"""The name in the TypeScript library."""
