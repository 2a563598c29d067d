"""Agent tokens, resource tokens and auth tokens (S§5–7): signed JWTs, each bound to a key."""

from __future__ import annotations

import json
import math
import secrets
import time
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Sequence

from .discovery import AGENT_DOCUMENT, AUTH_SERVER_DOCUMENT, RESOURCE_DOCUMENT, DocumentType
from .encodings import parse_base64url, parse_json_object, serialize_base64url
from .errors import AAuthError
from .identifiers import is_identifier
from .keys import JOSE_NAMES, Signer, VerificationKey, import_verification_key


@dataclass(frozen=True)
class TokenType:
    """Everything that differs between token types. `max_lifetime` is the longest time from now until `exp`, in seconds."""

    name: str
    issuer_document: DocumentType
    required: Mapping[str, str]
    optional: Mapping[str, str]
    audience_required: bool
    max_lifetime: int

    @property
    def typ(self) -> str:
        return f"{self.name}+jwt"


_TIMES = {"iat": "seconds", "nbf": "seconds", "jti": "string"}
_BOUND = {"iss": "identifier", "exp": "seconds", "cnf": "confirmation"}
_DAY = 86_400

AGENT_TOKEN = TokenType("agent", AGENT_DOCUMENT, {**_BOUND, "sub": "string"}, _TIMES, False, _DAY)
"""What makes its holder a delegate of an agent server (S§5.3)."""

_FOR_AGENT = {"iss": "identifier", "exp": "seconds", "agent": "identifier", "agent_jkt": "thumbprint", "scope": "string"}
RESOURCE_TOKEN = TokenType("resource", RESOURCE_DOCUMENT, _FOR_AGENT, _TIMES, True, 900)
"""What a resource requires of an agent (S§6.3), always with a `scope`."""

_USER = {"agent_delegate": "string", "scope": "string", "sub": "string"}
AUTH_TOKEN = TokenType("auth", AUTH_SERVER_DOCUMENT, {**_BOUND, "agent": "identifier"}, {**_TIMES, **_USER}, True, _DAY)
"""What an auth server allows an agent to do at a resource (S§7.3, 7.4)."""

_MAX_LENGTH = 8192
_CLOCK_TOLERANCE = 60


@dataclass(frozen=True)
class DecodedToken:
    """The parts of a compact JWS (RFC 7515 §3.1). Nothing about them is verified."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signature: bytes
    signing_input: bytes


@dataclass(frozen=True)
class VerifiedToken:
    """A token with verified signature and claims. `confirmation_key` is the key to which `cnf` binds it: check that it signed the
    request."""

    claims: dict[str, Any]
    confirmation_key: Optional[VerificationKey]
    expired: bool


def issue_token(
    token_type: TokenType, claims: Mapping[str, Any], *, signer: Signer, now: Callable[[], float] = time.time
) -> str:
    """Signs a token, with `iat` and `jti` (W16). The claims are not checked; the caller is responsible for them."""
    header = {"alg": JOSE_NAMES[0], "kid": signer.kid, "typ": token_type.typ}
    payload = {"iat": int(now()), "jti": secrets.token_urlsafe(16), **claims}
    signing_input = ".".join(serialize_base64url(_to_json(part)) for part in (header, payload))
    return f"{signing_input}.{serialize_base64url(signer.sign(signing_input.encode()))}"


def decode_token(compact: Any) -> Optional[DecodedToken]:
    """Decodes a compact token without verifying anything; `None` if the text is not a token."""
    if not isinstance(compact, str) or len(compact) > _MAX_LENGTH or compact.count(".") != 2 or compact.endswith("."):
        return None
    header, payload, signature = compact.split(".")
    try:
        parts = parse_json_object(parse_base64url(header)), parse_json_object(parse_base64url(payload))
        return DecodedToken(*parts, parse_base64url(signature), f"{header}.{payload}".encode("ascii"))
    except ValueError:
        return None


def verify_token(
    token_type: TokenType,
    compact: str,
    *,
    audience: str,
    find_key: Callable[[str, str], VerificationKey],
    issuers: Optional[Sequence[str]] = None,
    now: Callable[[], float] = time.time,
    allow_insecure_loopback: bool = False,
    allow_expired: bool = False,
) -> VerifiedToken:
    """Verifies a token (S§5.7, 6.5, 7.7), with the local checks before the key lookup. It does not check `agent`, `agent_jkt` or `scope`,
    because only the caller knows the expected values.

    Args:
        audience: the recipient, which `aud` must contain.
        find_key: finds the key of an issuer by its `kid`; raises the error that the caller expects.
        issuers: the accepted issuers; anyone else's tokens are refused before anything is fetched. If absent, any issuer is accepted.
        allow_expired: returns an expired token, marked as expired, if nothing else is wrong with it.

    Raises:
        AAuthError: the type's `…_token_invalid` or `…_token_expired`, and the errors of `find_key`.
    """

    def refuse(why: str) -> AAuthError:
        return AAuthError(f"{token_type.name}_token_invalid", f"The {token_type.typ} was rejected: {why}.")

    token = decode_token(compact)
    if token is None:
        raise refuse("it is too long, or not a signed compact JWT without duplicate JSON members")
    if token.header.get("typ") != token_type.typ:
        raise refuse(f"its typ is not {token_type.typ}")
    if "crit" in token.header or "b64" in token.header:
        raise refuse("its header has unsupported critical extensions")
    kid = token.header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= 256:
        raise refuse("its header must have a kid of at most 256 characters")
    # Never `none`, and never a symmetric algorithm, for which the issuer's public key would be the secret.
    if token.header.get("alg") not in JOSE_NAMES:
        raise refuse("its alg is not EdDSA, the only one that is supported")
    claims = token.payload
    for name, kind in {**token_type.required, **token_type.optional}.items():
        if name not in claims and name in token_type.required:
            raise refuse(f"it has no {name}")
        if name in claims and not _has_kind(claims[name], kind, allow_insecure_loopback):
            raise refuse(f"its {name} has an invalid value")
    if issuers is not None and claims["iss"] not in issuers:
        raise refuse("its issuer is not accepted")
    audiences = claims.get("aud", [] if token_type.audience_required else audience)
    if audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise refuse("its aud does not include the recipient")
    if any(claims.get(name, 0) > now() + _CLOCK_TOLERANCE for name in ("iat", "nbf")):
        raise refuse("its iat or nbf is in the future")
    if claims["exp"] > now() + token_type.max_lifetime:
        raise refuse(f"its lifetime exceeds {token_type.max_lifetime} s")
    expired = claims["exp"] <= now()
    if expired and not allow_expired:
        raise AAuthError(f"{token_type.name}_token_expired", f"The {token_type.typ} has expired: get a new one from its issuer.")
    if not find_key(claims["iss"], kid).verify_bytes(token.signature, token.signing_input):
        raise refuse("its signature was not made with the issuer’s key")
    return VerifiedToken(claims, _confirmation_key(claims, refuse) if "cnf" in token_type.required else None, expired)


def confirmation_jwk(claims: Mapping[str, Any]) -> Any:
    """The key in a token's `cnf` (RFC 7800 §3.2), not verified; `None` if there is none."""
    cnf = claims.get("cnf")
    return cnf.get("jwk") if isinstance(cnf, dict) else None


def _confirmation_key(claims: dict[str, Any], refuse: Callable[[str], AAuthError]) -> VerificationKey:
    try:
        key = import_verification_key(confirmation_jwk(claims))
    except AAuthError as error:
        raise refuse("its cnf.jwk is not a usable public key") from error
    if claims["cnf"].get("jkt", key.thumbprint) != key.thumbprint:
        raise refuse("its cnf names two keys")
    return key


def _has_kind(value: Any, kind: str, allow_insecure_loopback: bool) -> bool:
    if kind == "identifier":
        return is_identifier(value, allow_insecure_loopback=allow_insecure_loopback)
    if kind == "seconds":
        return type(value) in (int, float) and 0 <= value < math.inf
    if kind == "confirmation":
        # At most one of jwk, jwe and jku (RFC 7800 §3.1).
        return isinstance(value, dict) and isinstance(value.get("jwk"), dict) and not {"jwe", "jku"} & value.keys()
    if kind == "thumbprint":
        return isinstance(value, str) and len(value) == 43
    return isinstance(value, str) and 0 < len(value) <= 4096


def _to_json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
