"""Base64url, JWKs and JWTs (EdDSA alone), over the `cryptography` package."""

import base64
import hashlib
import json
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Refusal(Exception):
    """A message that is not accepted, and what the sender is told."""

    def __init__(self, status, error, why, headers=()):
        super().__init__(why)
        self.status, self.error, self.why, self.headers = status, error, why, headers


def to_base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text):
    """The bytes of base64url without padding; ValueError for anything else, base64 with its `+`, `/` and `=` included."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_base64url(raw) != text:
        raise ValueError("not base64url without padding")
    return raw


class Key:
    """An Ed25519 key pair with a key id."""

    def __init__(self, kid):
        self.kid = kid
        self.private = Ed25519PrivateKey.generate()
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": to_base64url(raw), "kid": kid}

    def sign(self, text):
        return self.private.sign(text.encode())


def is_signed_by(jwk, signature, text):
    if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519" or "d" in jwk:
        raise ValueError("the key is not a public Ed25519 key")
    try:
        Ed25519PublicKey.from_public_bytes(from_base64url(jwk["x"])).verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True


def thumbprint(jwk):
    """RFC 7638."""
    members = {name: jwk[name] for name in ("crv", "kty", "x")}
    return to_base64url(hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def issue_token(typ, claims, key):
    header = {"alg": "EdDSA", "kid": key.kid, "typ": typ}
    parts = [to_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)]
    return ".".join([*parts, to_base64url(key.sign(".".join(parts)))])


def decode_token(compact):
    """Header and claims, nothing verified."""
    header, claims, _signature = compact.split(".")
    parts = json.loads(from_base64url(header)), json.loads(from_base64url(claims))
    if not all(isinstance(part, dict) for part in parts):
        raise ValueError("its header or its claims are no JSON object")
    return parts


def verify_token(typ, compact, audience, find_key, refuse):
    """The claims of a token whose type, audience, time and signature are right; else raises what `refuse(why)` makes."""
    try:
        header, claims = decode_token(compact)
        signature = from_base64url(compact.split(".")[2])
    except (ValueError, KeyError) as error:
        raise refuse("it is no compact JWT") from error
    if header.get("typ") != typ:
        raise refuse(f"its typ is {header.get('typ')}, not {typ}")
    if header.get("alg") != "EdDSA":
        raise refuse("its alg is not EdDSA")
    if claims.get("aud") != audience:
        raise refuse(f"its aud is {claims.get('aud')}, not {audience}")
    if not isinstance(claims.get("exp"), (int, float)) or claims["exp"] <= time.time():
        raise refuse("it has expired")
    if not is_signed_by(find_key(claims.get("iss"), header.get("kid")), signature, compact.rsplit(".", 1)[0]):
        raise refuse("its signature is not its issuer's")
    return claims
