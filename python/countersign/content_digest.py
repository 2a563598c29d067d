"""`Content-Digest` (RFC 9530): what binds a body to the signature (S§10.3)."""

from __future__ import annotations

import hashlib
import hmac
import re

from .encodings import parse_base64, serialize_base64
from .errors import AAuthError

_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):")
_ALGORITHMS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def content_digest(body: bytes) -> str:
    """The `Content-Digest` of a body, with SHA-256."""
    return f"sha-256=:{serialize_base64(hashlib.sha256(body).digest())}:"


def require_content_digest(header: str, body: bytes) -> None:
    """Recomputes every digest with a known algorithm. At least one must be present, and all must match.

    Raises:
        AAuthError: `digest_malformed`, `digest_mismatch`.
    """
    matches = [_MEMBER.fullmatch(member.strip(" \t")) for member in header.split(",")]
    if len(header) > 4096 or not all(matches) or len({match[1] for match in matches}) != len(matches):
        raise AAuthError("digest_malformed", "Content-Digest is not a list of distinct digests in base64 (RFC 9530).")
    known = [(match[1], match[2]) for match in matches if match[1] in _ALGORITHMS]
    if not known:
        raise AAuthError("digest_malformed", "Content-Digest has neither sha-256 nor sha-512.")
    for algorithm, encoded in known:
        try:
            expected = parse_base64(encoded)
        except ValueError as error:
            raise AAuthError("digest_malformed", "Content-Digest has a value that is not canonical base64.") from error
        if not hmac.compare_digest(_ALGORITHMS[algorithm](body).digest(), expected):
            raise AAuthError("digest_mismatch", f"The body does not match the {algorithm} digest that the signature covers.")
