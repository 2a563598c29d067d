"""An API on a shared network: it serves only requests that the gateway vouches for. Needs python3-cryptography."""

import base64
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ID = os.environ.get("ID", "https://api.example")  # `id` of the gateway
UPSTREAM = os.environ.get("UPSTREAM", "http://10.0.0.5:3000")  # its `upstream`: this program
HOST, PORT = os.environ.get("HOST", "10.0.0.5"), int(os.environ.get("PORT", "3000"))


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


with open("jwks.json") as file:  # countersign agent keys show api-key.json > jwks.json
    keys = {key["kid"]: Ed25519PublicKey.from_public_bytes(decoded(key["x"])) for key in json.load(file)["keys"]}


def verified_claims(assertion, method, target):
    """Returns the claims of an assertion for exactly this request. Raises for anything else."""
    head, body, signature = assertion.split(".")
    header = json.loads(decoded(head))
    if (header["alg"], header["typ"]) != ("EdDSA", "gateway-assertion+jwt"):
        raise ValueError("not a gateway assertion")
    keys[header["kid"]].verify(decoded(signature), f"{head}.{body}".encode())
    claims = json.loads(decoded(body))
    if (claims["iss"], claims["aud"]) != (ID, UPSTREAM):
        raise ValueError("not from our gateway, or not for us")
    if (claims["method"], claims["target"]) != (method, target):
        raise ValueError("for another request")
    if claims["exp"] <= time.time():
        raise ValueError("expired")
    return claims


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            claims = verified_claims(self.headers["X-AAuth-Assertion"] or "", self.command, self.path)
        except (InvalidSignature, KeyError, TypeError, ValueError):
            return self.send_error(401)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{claims['agent']} at level {claims['level']}.\n".encode())


ThreadingHTTPServer((HOST, PORT), Api).serve_forever()
