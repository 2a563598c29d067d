"""Verifies the signature of a received request (S§10; RFC 9421 §3.2)."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from typing import Any, Callable, Optional, Sequence

from .content_digest import require_content_digest
from .encodings import parse_base64url, serialize_base64url
from .errors import AAuthError
from .identifiers import require_target
from .keys import ALGORITHM, VerificationKey
from .nonces import NonceClaim
from .signature_input import (
    NONCE_BYTES,
    SAFE_METHODS,
    SIGNATURE_WINDOW,
    SignatureInput,
    coverage_of,
    parse_signature,
    parse_signature_input,
    serialize_signature_base,
)
from .signature_key import KeyReference, parse_signature_key


@dataclass(frozen=True)
class ReceivedMessage:
    """A request as it arrived: the request target as in the request line, undecoded; each header line as a pair, in order, with
    duplicates; and the whole body. Read no more of a body than you accept before you create one."""

    method: str
    raw_target: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""

    def field(self, name: str) -> Optional[str]:
        """The value of a field, with the values of several lines joined as a list; `None` if the request has no such field."""
        values = [value.strip(" \t") for key, value in self.headers if key.lower() == name]
        return ", ".join(values) if values else None

    def is_repeated(self, name: str) -> bool:
        return sum(key.lower() == name for key, _value in self.headers) > 1


@dataclass(frozen=True)
class ResolvedKey:
    """The key of a signature, and what is known about its holder: the agent, the delegate, and the claims of an auth token."""

    key: VerificationKey
    scheme: str
    agent: Optional[str] = None
    delegate: Optional[str] = None
    token_type: Optional[str] = None
    claims: Optional[dict[str, Any]] = None
    expired: bool = False


@dataclass(frozen=True)
class VerifiedSignature:
    """A request with a verified signature. `nonce` is not claimed yet: pass it to `require_unused_nonce` after every other check."""

    message: ReceivedMessage
    authority: str
    path: str
    covered: Sequence[str]
    resolved: ResolvedKey
    nonce: Optional[NonceClaim]


def verify_signature(
    message: ReceivedMessage,
    *,
    authorities: Sequence[str],
    resolve_key: Callable[[KeyReference], ResolvedKey],
    nonce: str = "optional",
    max_body: int = 1_048_576,
    now: Callable[[], float] = time.time,
) -> VerifiedSignature:
    """Verifies the only signature of a request: local checks first, then the key, then the signature, then the digest. It does not check
    who the signer is or what the signer may do.

    Args:
        authorities: the values that `@authority` can have; `Host` only selects one of them (S§10.3.1).
        resolve_key: finds the key to which `Signature-Key` refers; called after all local checks.
        nonce: `required` refuses requests without a nonce if their method is not GET, HEAD or OPTIONS.

    Raises:
        AAuthError: with the code of the step that failed, and the errors of `resolve_key`.
    """
    if len(message.headers) > 1000:
        raise AAuthError("headers_too_large", "The request has more than 1000 header lines.")
    path, query = require_target(message.raw_target)  #                       target_ambiguous
    authority = _require_authority(message, authorities)  #                   header_duplicate
    reference, given, signature = _require_signature(message)  #              signature_missing, signature_malformed, …
    _require_fresh(given, now())  #                                           signature_created_outside_window, signature_expired
    nonce_text = _require_nonce(message, nonce == "required")  #              nonce_missing, nonce_malformed
    if len(message.body) > max_body:
        raise AAuthError("body_too_large", f"The body is larger than {max_body} bytes.")
    expected = coverage_of(query=query is not None, body=message.body != b"", nonce=nonce_text is not None)
    _require_coverage(given, expected)  #                                     component_missing, component_forbidden
    values = {"@method": message.method, "@authority": authority, "@path": path, "@query": query}
    base = serialize_signature_base(
        given.components, [_component(message, name, values) for name in given.components], given.parameters
    )
    resolved = resolve_key(reference)  #                                      key_unknown, key_invalid, …
    if given.algorithm not in (None, ALGORITHM):
        raise AAuthError("algorithm_mismatch", "alg does not match the key’s algorithm: omit it.")
    if not resolved.key.verify_bytes(signature, base):
        raise AAuthError("signature_mismatch", f"Signature verification failed for {message.method} {path[:99]}: compare the signature base.")
    if message.body:
        require_content_digest(message.field("content-digest") or "", message.body)  # digest_malformed, digest_mismatch
    claim = None if nonce_text is None else _nonce_claim(authority, resolved, nonce_text)
    return VerifiedSignature(message, authority, path, given.components, resolved, claim)


def require_unused_nonce(claim_nonce: Callable[[NonceClaim], bool], nonce: Optional[NonceClaim]) -> None:
    """Claims the nonce of a request, if it has one. Call this when nothing else can refuse the request, and before it changes anything.

    Raises:
        AAuthError: `nonce_replayed` for a nonce that was claimed before.
    """
    if nonce is not None and not claim_nonce(nonce):
        raise AAuthError("nonce_replayed", "This nonce has already been used: sign each request with a new one.")


def _require_authority(message: ReceivedMessage, authorities: Sequence[str]) -> str:
    if message.is_repeated("host"):
        raise AAuthError("header_duplicate", "The request has more than one Host header: send a single one.")
    host = re.sub(r":(?:80|443)?\Z", "", (message.field("host") or "").lower())
    return next((authority for authority in authorities if authority in (host, message.field("host"))), authorities[0])


def _require_signature(message: ReceivedMessage) -> tuple[KeyReference, SignatureInput, bytes]:
    """The members of the three headers, which must have the same label (S§10.1)."""
    fields = {}
    for name in ("signature-key", "signature-input", "signature"):
        fields[name] = message.field(name)
        if fields[name] is None:
            raise AAuthError("signature_missing", f"The request has no {name} header: it must be signed (RFC 9421).")
        if message.is_repeated(name):
            raise AAuthError("signature_malformed", f"The request has the {name} header twice.")
    key_label, reference = parse_signature_key(fields["signature-key"])
    given = parse_signature_input(fields["signature-input"])
    label, signature = parse_signature(fields["signature"])
    if given.tag is not None:
        raise AAuthError("signature_missing", "The signature has a tag, which marks it for another protocol: sign without a tag.")
    if not key_label == given.label == label:
        message_text = "Signature, Signature-Input and Signature-Key must have the same label."
        raise AAuthError("signature_label_mismatch", message_text)
    return reference, given, signature


def _require_fresh(given: SignatureInput, now: float) -> None:
    age = now - given.created
    if abs(age) > SIGNATURE_WINDOW:
        where = f"{abs(round(age))} s {'behind' if age > 0 else 'ahead of'} this server’s clock"
        message = f"created is {where}; at most {SIGNATURE_WINDOW} s are allowed: check both clocks."
        raise AAuthError("signature_created_outside_window", message)
    if given.expires is not None and given.expires <= now:
        raise AAuthError("signature_expired", "The signature has expired: sign again.")


def _require_nonce(message: ReceivedMessage, is_required: bool) -> Optional[str]:
    text = message.field("nonce")
    if text is None:
        if is_required and message.method not in SAFE_METHODS:
            raise AAuthError("nonce_missing", f"{message.method} requests need a Nonce header.", required_input=["nonce"])
        return None
    try:
        size = len(parse_base64url(text)) if len(text) <= 256 else 0
    except ValueError:
        size = 0
    if size < NONCE_BYTES:
        raise AAuthError("nonce_malformed", f"Nonce must encode at least {NONCE_BYTES} bytes as base64url, in at most 256 characters.")
    return text


def _require_coverage(given: SignatureInput, expected: Sequence[str]) -> None:
    missing = [name for name in expected if name not in given.components]
    if missing:
        message = f"The signature does not cover {', '.join(missing)}."
        raise AAuthError("component_missing", message, required_input=missing)
    conditional = {"@query", "content-type", "content-digest", "nonce"}
    forbidden = [name for name in given.components if name in conditional and name not in expected]
    if forbidden:
        message = f"{', '.join(forbidden)} is covered, but the request does not have what it describes."
        raise AAuthError("component_forbidden", message)


def _component(message: ReceivedMessage, name: str, values: dict[str, Any]) -> str:
    """The value of a covered component: printable ASCII, because a line feed would add a line to the signature base."""
    value = values[name] if name in values else None if name.startswith("@") else message.field(name)
    if value is None:
        code = "component_unsupported" if name.startswith("@") else "component_missing"
        raise AAuthError(code, f"The signature covers {name}, which this server does not support or the request does not have.")
    if not re.fullmatch(r"[\t\x20-\x7e]*", value):
        raise AAuthError("component_unsupported", f"The value of {name} is not printable ASCII.")
    return value


def _nonce_claim(authority: str, resolved: ResolvedKey, nonce: str) -> NonceClaim:
    text = f"{authority}\n{resolved.key.thumbprint}\n{nonce}"
    # Stored until no clock accepts the signature any more: it may have been created ahead of this clock.
    return NonceClaim(serialize_base64url(hashlib.sha256(text.encode()).digest()), 2 * SIGNATURE_WINDOW, resolved.agent or "")
