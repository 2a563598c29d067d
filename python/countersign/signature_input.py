"""`Signature-Input`, `Signature` and the signature base (RFC 9421 §2.5, 4.1, 4.2; S§10.3, 10.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Sequence

from .encodings import parse_base64, parse_base64url
from .errors import AAuthError

SIGNED_COMPONENTS = (
    ("@method", "always"),
    ("@authority", "always"),
    ("@path", "always"),
    ("@query", "query"),
    ("content-type", "body"),
    ("content-digest", "body"),
    ("nonce", "nonce"),
    ("signature-key", "always"),
)
"""What a signature covers, and when (S§10.3). A conditional component is covered if and only if its condition holds."""

SIGNATURE_WINDOW = 60
"""Maximum difference, in either direction, between `created` and the receiver's clock, in seconds (S§10.4)."""

NONCE_BYTES = 12
"""Minimum entropy of a nonce, in bytes (S§10.5)."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_LABEL = r"[a-z*][a-z0-9_.*-]{0,63}"
_PARAMETER = r";([a-z*][a-z0-9_.*-]{0,63})(?:=(?:(0|-?[1-9][0-9]{0,14})|\"([\x20\x21\x23-\x5b\x5d-\x7e]*)\"|([A-Za-z*][\w:/!#$%&'*+.^`|~-]*|\?0)))?"
_INPUT = re.compile(rf"({_LABEL})=(\(([^()]*)\)((?:{_PARAMETER})*))", re.ASCII)
_COMPONENTS = re.compile(r'"[^"\\ ;]+"(?: "[^"\\ ;]+")*')
_COMPONENT = re.compile(r"@?[a-z0-9!#$%&'*+.^_`|~-]+")
_SIGNATURE = re.compile(rf"({_LABEL})=:([A-Za-z0-9+/_-]{{1,2048}}={{0,2}}):")


@dataclass(frozen=True)
class SignatureInput:
    """One parsed `Signature-Input` member. Times are Unix seconds; `parameters` is its value as received."""

    label: str
    components: Sequence[str]
    created: int
    expires: Optional[int]
    algorithm: Optional[str]
    tag: Optional[str]
    parameters: str


def coverage_of(*, query: bool, body: bool, nonce: bool) -> list[str]:
    """The components to cover in a request with these parts, in the order in which they are emitted (S§10.3)."""
    present = {"always": True, "query": query, "body": body, "nonce": nonce}
    return [name for name, when in SIGNED_COMPONENTS if present[when]]


def parse_signature_input(text: str) -> SignatureInput:
    """Parses `label=("@method" …);created=…`. The text must be exactly one member, because AAuth has one signature per request (S§10.1).

    Raises:
        AAuthError: `signature_malformed`, `signature_created_missing`, `component_unsupported`.
    """
    match = _INPUT.fullmatch(text) if len(text) <= 4096 else None
    if match is None:
        raise _malformed("is not a single member of the form label=(…);created=…")
    components = _parse_components(match[3])
    values: dict[str, object] = {}
    for name, digits, string, _token in re.findall(_PARAMETER, match[4], re.ASCII):
        if name in values:
            raise _malformed(f"has {name} twice")
        if name in ("created", "expires") and not re.fullmatch("0|[1-9][0-9]*", digits):
            raise _malformed(f"has a {name} that is not a whole number of seconds")
        values[name] = int(digits) if digits else string
    if "created" not in values:
        raise AAuthError("signature_created_missing", "Signature-Input has no created parameter: add the time of signing.")
    expires = values.get("expires")
    return SignatureInput(match[1], components, values["created"], expires, values.get("alg"), values.get("tag"), match[2])


def _parse_components(text: str) -> list[str]:
    if text == "":
        return []
    if '";' in text:
        raise AAuthError("component_unsupported", "A covered component has parameters: cover it without them.")
    if not _COMPONENTS.fullmatch(text):
        raise _malformed("has a malformed component list")
    components = text[1:-1].split('" "')
    if len(components) > 32 or len(set(components)) != len(components):
        raise _malformed("covers a component twice, or more than 32 components")
    if not all(_COMPONENT.fullmatch(name) for name in components):
        raise AAuthError("component_unsupported", "A covered component is not a valid name in lower case.")
    return components


def parse_signature(text: str) -> tuple[str, bytes]:
    """Parses `label=:…:`, in base64 or, for older peers, in base64url without padding (W2).

    Raises:
        AAuthError: `signature_malformed`.
    """
    match = _SIGNATURE.fullmatch(text)
    if match is None:
        raise AAuthError("signature_malformed", "Signature must be a single member of the form label=:base64:.")
    for parse in (parse_base64, parse_base64url):
        try:
            return match[1], parse(match[2])
        except ValueError:
            continue
    raise AAuthError("signature_malformed", "Signature is neither canonical base64 nor base64url.")


def serialize_signature_parameters(components: Sequence[str], created: int) -> str:
    """Serializes the value of a `Signature-Input` member."""
    return f"({' '.join(_quote(name) for name in components)});created={created}"


def serialize_signature_base(components: Sequence[str], values: Sequence[str], parameters: str) -> bytes:
    """The bytes that are signed: a line per component, then `@signature-params`, without a final line feed (RFC 9421 §2.5)."""
    lines = [f"{_quote(name)}: {value}" for name, value in zip(components, values)]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")


def _quote(name: str) -> str:
    return f'"{name}"'


def _malformed(what: str) -> AAuthError:
    return AAuthError("signature_malformed", f"Signature-Input {what}.")
