"""Keys (RFC 7517, RFC 7638, RFC 8037). Ed25519 is the algorithm that every implementation must support (S§10), and the only one here:
the key alone determines the algorithm, so no header can select a different one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from .encodings import parse_base64url, serialize_base64url
from .errors import AAuthError

ALGORITHM = "ed25519"
"""The name of the algorithm in `Signature-Input` (RFC 9421 §3.3.6)."""

JOSE_NAMES = ("EdDSA", "Ed25519")
"""The names of the algorithm in tokens and JWKs (RFC 8037 §3.1, RFC 9864 §2.2). The first one is emitted."""

_SECRET_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


class Signer(Protocol):
    """Signs with a private key, which it need not hold itself: `sign` may call a key service. `jwk` is the public half, with `kid`."""

    kid: str
    jwk: dict[str, str]
    thumbprint: str

    def sign(self, data: bytes) -> bytes: ...


@dataclass(frozen=True)
class VerificationKey:
    """A public key that passed every check of `import_verification_key`."""

    jwk: dict[str, str]
    thumbprint: str
    public_key: Ed25519PublicKey

    def verify_bytes(self, signature: bytes, data: bytes) -> bool:
        """Whether the signature of the data was made with this key."""
        try:
            self.public_key.verify(signature, data)
            return True
        except InvalidSignature:
            return False


def jwk_thumbprint(jwk: dict[str, Any]) -> str:
    """The JWK thumbprint of an Ed25519 key: base64url(SHA-256(canonical members)) (RFC 7638 §3, RFC 8037 appendix A.3)."""
    members = {"crv": jwk["crv"], "kty": jwk["kty"], "x": jwk["x"]}
    return serialize_base64url(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())


def import_verification_key(jwk: Any) -> VerificationKey:
    """Checks and imports another party's public key.

    Raises:
        AAuthError: `key_invalid` for private members, another key type, a key for another purpose, and bytes that are not a safe key.
    """
    if not isinstance(jwk, dict):
        raise AAuthError("key_invalid", "The key is not a JSON object.")
    if _SECRET_MEMBERS & jwk.keys():
        raise AAuthError("key_invalid", "The key contains private members: publish only the public key.")
    if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        raise AAuthError("key_invalid", "The key type is not supported: use an Ed25519 key (kty OKP, crv Ed25519).")
    if jwk.get("alg", ALGORITHM) not in (ALGORITHM, *JOSE_NAMES):
        raise AAuthError("key_invalid", "The key’s alg does not match its type: use EdDSA, or omit alg.")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise AAuthError("key_invalid", "The key’s use or key_ops do not allow it to verify signatures.")
    try:
        point = parse_base64url(jwk["x"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise AAuthError("key_invalid", "The key has no x in base64url.") from error
    if len(point) != 32 or not _is_safe_point(point):
        raise AAuthError("key_invalid", "The key’s x is not a usable Ed25519 public key: generate a new key.")
    members = {name: jwk[name] for name in ("kty", "crv", "x")}
    if isinstance(jwk.get("kid"), str):
        members["kid"] = jwk["kid"]
    return VerificationKey(members, jwk_thumbprint(jwk), Ed25519PublicKey.from_public_bytes(point))


_PRIME = 2**255 - 19
_D = -121665 * pow(121666, _PRIME - 2, _PRIME) % _PRIME
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = {0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8}
"""The y coordinates of the points whose order divides 8: with such a key, one signature can be valid for many messages."""


def _is_safe_point(point: bytes) -> bool:
    """Whether 32 bytes are the canonical encoding of a point on the curve (RFC 8032 §5.1.3), and not of small order. No library checks
    this when it imports a key, and a second encoding would give one key two thumbprints."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    if y >= _PRIME or y in _SMALL_ORDER:
        return False
    # x² = (y² − 1) / (dy² + 1) must have a solution: Euler's criterion.
    return pow((y * y - 1) * (_D * y * y + 1), (_PRIME - 1) // 2, _PRIME) == 1


@dataclass(frozen=True)
class LocalSigner:
    """A `Signer` that holds its key in memory."""

    kid: str
    jwk: dict[str, str]
    thumbprint: str
    private_key: Ed25519PrivateKey

    def sign(self, data: bytes) -> bytes:
        return self.private_key.sign(data)

    def __repr__(self) -> str:
        return f"LocalSigner(kid={self.kid!r})"


def create_signer(private_jwk: dict[str, Any]) -> Signer:
    """Creates a signer from a private JWK. The `kid` is the one in the JWK, or else the thumbprint.

    Raises:
        TypeError: without a valid private member `d`.
        AAuthError: `key_invalid` for another key type, or if `d` belongs to a different public key.
    """
    if not isinstance(private_jwk, dict) or not isinstance(private_jwk.get("d"), str):
        raise TypeError("create_signer requires a private JWK, with the member d: create one with generate_private_jwk()")
    public = {name: value for name, value in private_jwk.items() if name not in ("d", "key_ops")}
    key = import_verification_key(public)
    try:
        private_key = Ed25519PrivateKey.from_private_bytes(parse_base64url(private_jwk["d"]))
    except ValueError as error:
        raise TypeError("the private JWK’s d must be 32 bytes in base64url") from error
    if private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) != parse_base64url(key.jwk["x"]):
        raise AAuthError("key_invalid", "The private member d does not belong to the public key x.")
    kid = key.jwk.get("kid", key.thumbprint)
    return LocalSigner(kid, {**key.jwk, "kid": kid}, key.thumbprint, private_key)


def generate_private_jwk() -> dict[str, str]:
    """Generates a private key as a JWK. Store it with access for its owner only, and pass it to `create_signer`."""
    private_key = Ed25519PrivateKey.generate()
    secret = private_key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": serialize_base64url(public)}
    return {**jwk, "kid": jwk_thumbprint(jwk), "d": serialize_base64url(secret)}
