"""Finds the key to which `Signature-Key` refers (S§10.7), and verifies the token that carries it."""

from __future__ import annotations

import time
from typing import Callable, Sequence

from .discovery import AGENT_DOCUMENT, RESOURCE_DOCUMENT, Discovery, DiscoveryError
from .errors import AAuthError
from .keys import VerificationKey, import_verification_key
from .signature_key import KeyReference
from .tokens import AGENT_TOKEN, AUTH_TOKEN, TokenType, decode_token, verify_token
from .verify_signature import ResolvedKey

_PUBLISHERS = {document.name: document for document in (AGENT_DOCUMENT, RESOURCE_DOCUMENT)}
"""The documents of parties that sign requests, by the value of `well-known` (W11)."""


def create_key_resolver(
    discovery: Discovery,
    *,
    audience: str,
    auth_token_issuers: Sequence[str],
    now: Callable[[], float] = time.time,
    allow_insecure_loopback: bool = False,
) -> Callable[[KeyReference], ResolvedKey]:
    """Creates the `resolve_key` of a resource. `audience` is its identifier; auth tokens are accepted only from `auth_token_issuers`.

    The returned function raises `AAuthError`: `key_unknown`, `key_invalid`, `unavailable`, and the errors of `verify_token`.
    """

    def resolve_jwks(reference: KeyReference) -> ResolvedKey:
        kid, well_known = reference["kid"], reference.get("well-known")
        try:
            if well_known is None:
                # Without a document, nothing says whose keys these are (W11).
                return ResolvedKey(discovery.find_key_at(reference.get("jwks", reference.get("id")), kid), "jwks")
            if well_known not in _PUBLISHERS:
                raise DiscoveryError(f"the well-known name is not supported: use {' or '.join(_PUBLISHERS)}")
            agent = reference["id"]
            return ResolvedKey(discovery.find_key(_PUBLISHERS[well_known], agent, kid), "jwks", agent)
        except DiscoveryError as error:
            raise AAuthError("key_unknown", f"No key was found: {error}.") from error

    def find_agent_server_key(issuer: str, kid: str) -> VerificationKey:
        try:
            return discovery.find_key(AGENT_DOCUMENT, issuer, kid)
        except DiscoveryError as error:
            raise AAuthError("key_unknown", f"No key was found: {error}.") from error

    def find_auth_server_key(issuer: str, kid: str) -> VerificationKey:
        try:
            return discovery.find_key(AUTH_TOKEN.issuer_document, issuer, kid)
        except DiscoveryError as error:
            # The resource’s own auth server does not respond: the agent did nothing wrong.
            code = "unavailable" if error.is_unreachable else "auth_token_invalid"
            raise AAuthError(code, "The auth+jwt was rejected: no usable key of its issuer was found.") from error

    def resolve_token(compact: str) -> ResolvedKey:
        token = decode_token(compact)
        is_auth = token is not None and token.header.get("typ") == AUTH_TOKEN.typ
        token_type: TokenType = AUTH_TOKEN if is_auth else AGENT_TOKEN
        verified = verify_token(
            token_type,
            compact,
            audience=audience,
            find_key=find_auth_server_key if is_auth else find_agent_server_key,
            issuers=auth_token_issuers if is_auth else None,
            now=now,
            allow_insecure_loopback=allow_insecure_loopback,
            # So that the signature is verified before the resource challenges for a new token.
            allow_expired=is_auth,
        )
        claims, key = verified.claims, verified.confirmation_key
        if "call" in claims:
            raise AAuthError("auth_token_invalid", "The auth+jwt was rejected: it is for one call (W40), which is not supported here.")
        if is_auth:
            delegate = claims.get("agent_delegate")
            return ResolvedKey(key, "jwt", claims["agent"], delegate, token_type.typ, claims, verified.expired)
        return ResolvedKey(key, "jwt", claims["iss"], claims["sub"], token_type.typ)

    def resolve_key(reference: KeyReference) -> ResolvedKey:
        if reference["scheme"] == "hwk":
            return ResolvedKey(import_verification_key(reference), "hwk")
        if reference["scheme"] == "jwks":
            return resolve_jwks(reference)
        if reference["scheme"] == "jwt":
            return resolve_token(reference["jwt"])
        raise AAuthError("key_unknown", "No key was found: scheme=x509 is not supported: sign with jwks or jwt.")

    return resolve_key
