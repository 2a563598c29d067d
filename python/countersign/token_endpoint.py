"""The agent as a client of the auth server (S§9.3–9.7). Every auth token is checked before it is used (W21)."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping, Optional
from urllib.parse import parse_qsl, urlencode

from .discovery import AUTH_SERVER_DOCUMENT, Discovery, DiscoveryError
from .encodings import parse_json_object
from .errors import AAuthError, AgentError
from .fetch import Response
from .identifiers import is_identifier, is_under, parse_scope, split_url
from .keys import import_verification_key
from .tokens import AUTH_TOKEN, RESOURCE_TOKEN, confirmation_jwk, decode_token


@dataclass(frozen=True)
class TokenNeed:
    """What a resource requires, as its resource token states."""

    resource: str
    auth_server: str
    scope: str
    resource_token: str


@dataclass(frozen=True)
class HeldToken:
    """An auth token that was checked. `expires_at` is in Unix seconds."""

    jwt: str
    resource: str
    auth_server: str
    expires_at: float
    sub: Optional[str]
    refresh_token: Optional[str]


@dataclass(frozen=True)
class Consent:
    """A decision that the user has to make: on the page `url`, at the auth server, about `scope` at the resource."""

    url: str
    redirect_uri: str
    state: str
    auth_server: str
    resource: str
    scope: str
    expires_at: float


OnConsent = Callable[[Consent], str]
"""Shows the user `url`, waits for them, and returns the URL to which the auth server redirected their browser."""


@dataclass(frozen=True)
class TokenEndpoint:
    """Requests auth tokens for one agent. `send` sends a request that is signed as the agent."""

    agent: str
    thumbprint: str
    redirect_uri: str
    on_consent: Optional[OnConsent]
    discovery: Discovery
    send: Callable[[str, str, Mapping[str, str], bytes], Response]
    now: Callable[[], float] = time.time

    def require_resource_token(self, compact: str, *, url: str, auth_server: str) -> TokenNeed:
        """Checks that a resource token matches this request before it is forwarded: otherwise, a resource could make the agent request
        access to another resource. The auth server verifies its signature.

        Raises:
            AgentError: `resource_token_refused`.
        """
        token = decode_token(compact)
        claims = token.payload if token is not None and token.header.get("typ") == RESOURCE_TOKEN.typ else {}
        expected = {"aud": auth_server, "agent": self.agent, "agent_jkt": self.thumbprint}
        wrong = [name for name, value in expected.items() if claims.get(name) != value]
        # An identifier: `https:` would be the start of every URL.
        if not is_identifier(claims.get("iss"), allow_insecure_loopback=True) or not is_under(url, claims["iss"]):
            wrong.append("iss")
        if parse_scope(claims.get("scope")) is None:
            wrong.append("scope")
        if wrong:
            message = f"The resource token was rejected: its {', '.join(wrong)} does not match this request."
            raise AgentError("resource_token_refused", message)
        return TokenNeed(claims["iss"], auth_server, claims["scope"], compact)

    def request_auth_token(self, need: TokenNeed) -> HeldToken:
        """Exchanges a resource token for an auth token, with the user's consent if the auth server requires it (S§9.3–9.6).

        Raises:
            AgentError: `consent_required` without `on_consent`, `access_denied`, `answer_refused`, and the errors of `_post_form`.
        """
        metadata = self._find_auth_server(need.auth_server)
        form = {"request_type": "auth", "resource_token": need.resource_token, "redirect_uri": self.redirect_uri}
        response = self._post_form(metadata, form)
        if "auth_token" in response:
            return self._require_auth_token(need, response)
        request_token = response.get("request_token")
        if not isinstance(request_token, str) or request_token == "":
            message = f"{need.auth_server} returned neither an auth_token nor a request_token."
            raise AgentError("token_request_failed", message)
        code = self._prompt(metadata, need, request_token, response.get("expires_in"))
        form = {"request_type": "code", "code": code, "redirect_uri": self.redirect_uri, "request_token": request_token}
        return self._require_auth_token(need, self._post_form(metadata, form))

    def refresh_auth_token(self, held: HeldToken) -> Optional[HeldToken]:
        """Refreshes an auth token without the user (S§9.7). `None` if the auth server no longer accepts the refresh token: the user may
        have revoked access."""
        form = {"request_type": "refresh", "refresh_token": held.refresh_token or ""}
        try:
            response = self._post_form(self._find_auth_server(held.auth_server), form)
        except AgentError as error:
            if error.error in ("invalid_grant", "access_denied"):
                return None
            raise
        need = TokenNeed(held.resource, held.auth_server, "", "")
        return replace(self._require_auth_token(need, response), refresh_token=held.refresh_token)

    def _prompt(self, metadata: Mapping[str, Any], need: TokenNeed, request_token: str, expires_in: Any) -> str:
        """Prompts the user, and returns the code with which the auth server redirected their browser (S§9.5)."""
        state = secrets.token_urlsafe(24)
        parameters = {"request_token": request_token, "redirect_uri": self.redirect_uri, "state": state}
        page = metadata["agent_auth_endpoint"]
        url = f"{page}{'&' if '?' in page else '?'}{urlencode(parameters)}"
        lifetime = expires_in if type(expires_in) in (int, float) else 600
        consent = Consent(
            url, self.redirect_uri, state, need.auth_server, need.resource, need.scope, self.now() + lifetime
        )
        if self.on_consent is None:
            message = f"The user must give consent at {need.auth_server}: set on_consent to prompt them."
            raise AgentError("consent_required", message, consent=consent)
        return self._require_code(self.on_consent(consent), consent, metadata)

    def _require_code(self, callback: str, consent: Consent, metadata: Mapping[str, Any]) -> str:
        """The code in a callback. Nothing in it can be trusted before `state` and `iss` match: anyone can open the redirect URI."""
        pairs = parse_qsl(callback.partition("?")[2].partition("#")[0])
        parameters = dict(pairs)
        is_ours = callback.partition("?")[0] == self.redirect_uri and len(parameters) == len(pairs)
        if not is_ours or not hmac.compare_digest(parameters.get("state", "").encode(), consent.state.encode()):
            raise AgentError("answer_refused", "The callback does not belong to this request: open the link again.")
        # RFC 9207: a code from another auth server must not be sent to this one.
        is_required = metadata.get("authorization_response_iss_parameter_supported") is True
        if parameters.get("iss", None if is_required else consent.auth_server) != consent.auth_server:
            raise AgentError("answer_refused", "The callback came from an unexpected server: open the link again.")
        if "error" in parameters or "code" not in parameters:
            code = "access_denied" if parameters.get("error") == "access_denied" else "token_request_failed"
            description = _printable(parameters.get("error_description", parameters.get("error", "no code")))
            raise AgentError(code, f"{consent.auth_server} did not allow access: {description}", error=parameters.get("error"))
        return parameters["code"]

    def _find_auth_server(self, auth_server: str) -> dict[str, Any]:
        try:
            metadata = self.discovery.find_metadata(AUTH_SERVER_DOCUMENT, auth_server)
        except DiscoveryError as error:
            code = "auth_server_unreachable" if error.is_unreachable else "auth_server_unknown"
            raise AgentError(code, f"The metadata of {auth_server} cannot be used: {error}.") from error
        # The user types a password at one endpoint, and tokens come from the other.
        for member in ("agent_token_endpoint", "agent_auth_endpoint"):
            if split_url(metadata[member])[0] != auth_server:
                message = f"The document of {auth_server} was rejected: its {member} is at another origin."
                raise AgentError("endpoint_refused", message)
        return metadata

    def _post_form(self, metadata: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, Any]:
        """Posts a form to the token endpoint, and returns the JSON object in a successful response.

        Raises:
            AgentError: `access_denied`, `auth_server_unreachable`, `token_request_failed`.
        """
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        try:
            response = self.send("POST", metadata["agent_token_endpoint"], headers, urlencode(form).encode())
        except OSError as error:
            raise AgentError("auth_server_unreachable", f"{metadata['issuer']} does not respond: {error}") from error
        try:
            body = parse_json_object(response.body)
        except ValueError:
            body = {}
        if response.status == 200 and body:
            return body
        error_code = body.get("error") if isinstance(body.get("error"), str) else None
        what = _printable(f"{error_code or ''} {body.get('error_description') or ''}")
        code = "access_denied" if error_code == "access_denied" else "token_request_failed"
        raise AgentError(code, f"{metadata['issuer']} returned {response.status} {what}".rstrip(), error=error_code)

    def _require_auth_token(self, need: TokenNeed, response: Mapping[str, Any]) -> HeldToken:
        """Checks the issuer, audience, key and expiry of an auth token. The resource verifies its signature.

        Raises:
            AgentError: `auth_token_refused`.
        """

        def refuse(why: str) -> AgentError:
            return AgentError("auth_token_refused", f"The auth token of {need.auth_server} was rejected: {why}.")

        token = decode_token(response.get("auth_token"))
        if token is None or token.header.get("typ") != AUTH_TOKEN.typ:
            raise refuse(f"it is not a token of type {AUTH_TOKEN.typ}")
        claims = token.payload
        audiences = claims["aud"] if isinstance(claims.get("aud"), list) else [claims.get("aud")]
        if claims.get("iss") != need.auth_server or need.resource not in audiences:
            raise refuse("its iss or aud is not the party that was called")
        try:
            thumbprint = import_verification_key(confirmation_jwk(claims)).thumbprint
        except AAuthError as error:
            raise refuse("it is not bound to a usable key") from error
        if thumbprint != self.thumbprint:
            raise refuse("it is bound to another key")
        expires_at, expires_in = claims.get("exp"), response.get("expires_in")
        if type(expires_at) not in (int, float) or not expires_at > self.now():
            raise refuse("its exp is not in the future")
        if type(expires_in) in (int, float):
            expires_at = min(expires_at, self.now() + expires_in)
        refresh_token = response.get("refresh_token")
        renewal = refresh_token if isinstance(refresh_token, str) else None
        return HeldToken(response["auth_token"], need.resource, need.auth_server, expires_at, claims.get("sub"), renewal)


def _printable(text: str) -> str:
    """Another party's text, for a message: it may come from a browser, so it is not trusted."""
    return re.sub(r"[^\x20-\x7e]", "?", text[:200])
