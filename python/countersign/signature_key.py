"""The `Signature-Key` header, with which the receiver finds the key (S§10.1)."""

from __future__ import annotations

import re

from .errors import AAuthError

KeyReference = dict[str, str]
"""A parsed `Signature-Key`: `scheme` and its parameters, by their names on the wire, in the order received."""

_MAX_LENGTH = 16_384
_PARAMETER = r" ([a-z][a-z0-9_-]{0,15})=\"([ !#-'*+\-./0-:<>-\[\]-~]*)\""
_SIGNATURE_KEY = re.compile(rf"([a-z*][a-z0-9_.*-]{{0,63}})=\(scheme=([a-z0-9]{{1,8}})((?:{_PARAMETER})*)\)")

_SCHEMES = {
    "hwk": ({"kty"}, {"crv", "x", "y", "n", "e", "alg", "kid"}),
    "jwks": ({"kid"}, {"id", "well-known", "jwks"}),
    "jwt": ({"jwt"}, set()),
    "x509": ({"x5u", "x5t"}, set()),
}
"""The required and the optional parameters of each scheme (S§10.7)."""

_SECRET_PARAMETERS = {"d", "k", "p", "q", "dp", "dq", "qi"}


def parse_signature_key(text: str) -> tuple[str, KeyReference]:
    """Parses `label=(scheme=jwks id="…" kid="…")`, and returns the label and the reference. The form does not conform to RFC 8941, so
    exactly what `serialize_signature_key` emits is accepted (W1).

    Raises:
        AAuthError: `signature_malformed`; `key_invalid` if a key in the header contains its private part.
    """
    match = _SIGNATURE_KEY.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        raise _malformed('is not a single member of the form label=(scheme=… name="value")')
    label, scheme, rest = match[1], match[2], match[3]
    pairs = re.findall(_PARAMETER, rest)
    parameters = dict(pairs)
    if scheme not in _SCHEMES:
        raise _malformed(f"has an unknown scheme: use {', '.join(_SCHEMES)}")
    if scheme == "hwk" and _SECRET_PARAMETERS & parameters.keys():
        raise AAuthError("key_invalid", "Signature-Key contains a private or symmetric key: send only the public key.")
    required, optional = _SCHEMES[scheme]
    if len(parameters) != len(pairs) or "" in parameters.values():
        raise _malformed("has a parameter that occurs twice or is empty")
    if not required <= parameters.keys() <= required | optional:
        raise _malformed(f"does not have the parameters of {scheme}: {', '.join(sorted(required))}")
    # The two modes exclude each other (S§10.7): otherwise, two receivers could find two keys.
    if scheme == "jwks" and ("id" in parameters) == ("jwks" in parameters):
        raise _malformed("must have either id or jwks")
    if "well-known" in parameters and "id" not in parameters:
        raise _malformed("must have well-known only with id")
    return label, {"scheme": scheme, **parameters}


def serialize_signature_key(label: str, key: KeyReference) -> str:
    """Serializes a key reference.

    Raises:
        TypeError: for a value that the header cannot represent.
    """
    parameters = "".join(f' {name}="{value}"' for name, value in key.items() if name != "scheme")
    text = f"{label}=(scheme={key['scheme']}{parameters})"
    try:
        parse_signature_key(text)
    except AAuthError as error:
        raise TypeError(f"this key reference cannot be sent: {error}") from error
    return text


def _malformed(what: str) -> AAuthError:
    return AAuthError("signature_malformed", f"Signature-Key {what}.")
