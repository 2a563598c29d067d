"""Signs requests (S§10.3–10.5)."""

from __future__ import annotations

import re
import secrets
import time
from typing import Callable, Mapping, Optional

from .content_digest import content_digest
from .encodings import serialize_base64, serialize_base64url
from .identifiers import authority_of, split_url
from .keys import Signer
from .signature_input import SAFE_METHODS, coverage_of, serialize_signature_base, serialize_signature_parameters
from .signature_key import KeyReference, serialize_signature_key

_LABEL = "sig1"
_OWN_FIELDS = ("host", "nonce", "content-digest", "signature", "signature-input", "signature-key")


def sign_request(
    method: str,
    url: str,
    headers: Optional[Mapping[str, str]] = None,
    body: bytes = b"",
    *,
    signer: Signer,
    signature_key: KeyReference,
    now: Callable[[], float] = time.time,
) -> dict[str, str]:
    """Returns the headers to send: the given ones, `Signature`, `Signature-Input` and `Signature-Key`, `Content-Digest` if there is a
    body, and `Nonce` unless the method is GET, HEAD or OPTIONS. Send exactly this method, URL and body; do not follow redirects.

    Raises:
        ValueError: for a URL that is not plain, and for a body without a `Content-Type`, which the signature covers.
        TypeError: for a key reference that the header cannot represent.
    """
    origin, path, query = split_url(url)
    sent = {name.lower(): value for name, value in (headers or {}).items() if name.lower() not in _OWN_FIELDS}
    if not re.fullmatch("[A-Z]+", method):
        raise ValueError(f"the method must be in upper case, such as GET: {method!r}")
    if body:
        if not re.fullmatch(r"[!-~](?:[ -~]*[!-~])?", sent.get("content-type", "")):
            raise ValueError("a request with a body needs a Content-Type in ASCII: the signature covers it")
        sent["content-digest"] = content_digest(body)
    if method not in SAFE_METHODS:
        sent["nonce"] = serialize_base64url(secrets.token_bytes(16))
    sent["signature-key"] = serialize_signature_key(_LABEL, signature_key)
    components = coverage_of(query=query is not None, body=bool(body), nonce="nonce" in sent)
    values = {**sent, "@method": method, "@authority": authority_of(origin), "@path": path, "@query": query}
    parameters = serialize_signature_parameters(components, int(now()))
    base = serialize_signature_base(components, [values[name] for name in components], parameters)
    sent["signature-input"] = f"{_LABEL}={parameters}"
    sent["signature"] = f"{_LABEL}=:{serialize_base64(signer.sign(base))}:"
    return sent
