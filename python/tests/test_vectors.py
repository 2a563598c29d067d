"""The published vectors: what this library has must reach the same verdicts, and produce the same bytes."""

import base64
import json
import unittest
from pathlib import Path

from countersign import AAuthError, ReceivedMessage, Response, create_resource, create_signer, generate_private_jwk, sign_request
from countersign.challenge import Challenge, parse_challenge, serialize_challenge
from countersign.content_digest import content_digest, require_content_digest
from countersign.encodings import parse_base64url
from countersign.identifiers import split_url
from countersign.keys import import_verification_key, jwk_thumbprint
from countersign.resource import LEVELS
from countersign.signature_input import parse_signature, parse_signature_input, serialize_signature_base
from countersign.signature_key import parse_signature_key, serialize_signature_key
from countersign.tokens import decode_token

FOLDER = Path(__file__).parents[2] / "packages" / "countersign" / "vectors"


def read(name):
    return json.loads((FOLDER / name).read_text("utf-8"))


SIGNATURES = read("signatures-2026-01.json")
CAPTURE = read("capture-2026-01.json")
SCOPE = "data.read data.write"


def receiver():
    """A resource that knows only what is in the file, with empty caches."""
    given = SIGNATURES["receiver"]

    def fetch(url, **_options):
        document = SIGNATURES["documents"].get(url)
        return Response(404, {}, b"") if document is None else Response(200, {}, document["body"].encode())

    return create_resource(
        id=given["identifier"],
        signer=create_signer(generate_private_jwk()),
        auth_server=given["authServer"],
        fetch=fetch,
        scopes={name: name for name in SCOPE.split()},
        now=lambda: SIGNATURES["clock"],
    )


def message_of(request):
    origin = split_url(request["url"])[0]
    headers = request["headers"].items() if isinstance(request["headers"], dict) else request["headers"]
    lines = [(name, value) for name, value in headers if value is not None]
    return ReceivedMessage(request["method"], request["url"][len(origin) :], lines, (request.get("body") or "").encode())


def verify_at(case, level):
    return receiver().verify(message_of(case["request"]), level, SCOPE if level == "authorization" else None)


class SignatureVectors(unittest.TestCase):
    """One test for each case, added below."""

    def check(self, case):
        verdict = dict(case["verdict"])
        if case["scheme"] == "x509":
            # The only scheme that this library does not have. It must be refused, whatever the certificate.
            verdict = {"accepted": False, "code": "key_unknown", "status": 401, "error": "invalid_signature", "signatureError": "unknown_key"}
        if verdict["accepted"]:
            self.check_accepted(case, verdict)
        else:
            self.check_refused(case, verdict)

    def check_accepted(self, case, verdict):
        verified = verify_at(case, verdict["level"])
        for name in ("agent", "delegate", "sub", "thumbprint"):
            self.assertEqual(getattr(verified, name), verdict.get(name), name)
        self.assertEqual(" ".join(verified.scope), verdict.get("scope", ""))
        self.assertEqual(verified.body.decode(), case["request"].get("body", ""))
        for level in LEVELS[LEVELS.index(verdict["level"]) + 1 :]:
            with self.assertRaises(AAuthError):
                verify_at(case, level)

    def check_refused(self, case, verdict):
        with self.assertRaises(AAuthError) as raised:
            verify_at(case, "signature")
        error = raised.exception
        response = receiver().to_response(error)
        self.assertEqual((error.code, response.status), (verdict["code"], verdict["status"]))
        self.assertEqual(json.loads(response.body)["error"], verdict["error"])
        header = response.headers.get("signature-error")
        self.assertEqual(header and header.split(",")[0], verdict.get("signatureError") and f"error={verdict['signatureError']}")

    def check_bytes(self, case):
        """The signature is the same bytes that this library makes over the base."""
        key = SIGNATURES["keys"][case["signedBy"]]
        signature = create_signer(key).sign(case["base"].encode())
        self.assertEqual(base64.b64encode(signature).decode(), case["signature"])
        if case["verdict"]["accepted"]:
            fields = {name: value for name, value in case["request"]["headers"]}
            given = parse_signature_input(fields["signature-input"])
            message = message_of(case["request"])
            _origin, path, query = split_url(case["request"]["url"])
            values = {"@method": message.method, "@authority": "resource.example", "@path": path, "@query": query}
            base = serialize_signature_base(
                given.components, [values.get(name) or message.field(name) for name in given.components], given.parameters
            )
            self.assertEqual(base.decode(), case["base"])


def add_case(position, case):
    name = "".join(letter if letter.isalnum() else "_" for letter in case["name"])
    setattr(SignatureVectors, f"test_{position:02}_{name}", lambda self: self.check(case))
    setattr(SignatureVectors, f"test_{position:02}_{name}_bytes", lambda self: self.check_bytes(case))


for number, vector in enumerate(SIGNATURES["cases"]):
    add_case(number, vector)


class SenderVectors(unittest.TestCase):
    def test_sign_request_sends_the_headers_of_the_vectors(self):
        """A GET has no nonce, so every byte is determined."""
        cases = {case["name"]: case for case in SIGNATURES["cases"]}
        for name in ("jwks with well-known, GET", "jwks with well-known, GET with query", "jwt agent, GET", "jwt auth, GET with query"):
            with self.subTest(name):
                case = cases[name]
                fields = {name: value for name, value in case["request"]["headers"] if name != "host"}
                sent = sign_request(
                    "GET",
                    case["request"]["url"],
                    signer=create_signer(SIGNATURES["keys"][case["signedBy"]]),
                    signature_key=parse_signature_key(fields["signature-key"])[1],
                    now=lambda: SIGNATURES["clock"] + 0.9,
                )
                self.assertEqual(sent, fields)


class CaptureVectors(unittest.TestCase):
    """A flow that another implementation sent: its values count, and its signatures, which lack a line, must be refused."""

    def test_values(self):
        key = import_verification_key(CAPTURE["agentKey"]["jwk"])
        self.assertEqual(key.thumbprint, CAPTURE["agentKey"]["thumbprint"])
        for request in CAPTURE["requests"]:
            with self.subTest(request["name"]):
                fields = request["request"]["headers"]
                self.assertTrue(key.verify_bytes(parse_base64url(request["capturedSignature"]), request["capturedBase"].encode()))
                self.assertEqual(parse_signature(fields["signature"])[1], parse_base64url(request["capturedSignature"]))
                self.assertEqual(serialize_signature_key(*parse_signature_key(fields["signature-key"])), fields["signature-key"])
                message = message_of(request["request"])
                given = parse_signature_input(fields["signature-input"])
                origin = split_url(request["request"]["url"])[0]
                values = {"@method": message.method, "@authority": origin.partition("://")[2], "@path": message.raw_target}
                base = serialize_signature_base(
                    given.components, [values.get(name) or message.field(name) for name in given.components], given.parameters
                )
                self.assertEqual(base.decode(), f'{request["capturedBase"]}"@signature-params": {given.parameters}')

    def test_a_base_without_signature_params_is_refused(self):
        published = {**CAPTURE["agentKey"]["jwk"], "kid": "key-1"}
        agent = CAPTURE["identifiers"]["agent"]
        documents = {
            f"{agent}/.well-known/aauth-agent": {"agent": agent, "jwks_uri": f"{agent}/jwks.json"},
            f"{agent}/jwks.json": {"keys": [published]},
        }

        def fetch(url, **_options):
            return Response(200, {}, json.dumps(documents[url]).encode())

        for request in CAPTURE["requests"][:3]:
            with self.subTest(request["name"]):
                resource = create_resource(
                    id=split_url(request["request"]["url"])[0],
                    signer=create_signer(generate_private_jwk()),
                    auth_server=CAPTURE["identifiers"]["authServer"],
                    fetch=fetch,
                    scopes={"data.read": "Read"},
                    now=lambda: request["created"],
                    allow_insecure_loopback=True,
                )
                with self.assertRaises(AAuthError) as raised:
                    resource.verify(message_of(request["request"]), "signature")
                self.assertEqual(raised.exception.code, "signature_mismatch")

    def test_digests_tokens_and_the_challenge(self):
        for digest in CAPTURE["digests"]:
            self.assertEqual(content_digest(digest["body"].encode()), digest["contentDigest"])
        for token in CAPTURE["tokens"].values():
            decoded = decode_token(token["compact"])
            self.assertEqual((decoded.header, decoded.payload), (token["header"], token["payload"]))
        resource_token = CAPTURE["tokens"]["resource_token"]["compact"]
        header = CAPTURE["responses"]["challenge"]["header"][len("agent-auth: ") :].replace("<resource_token>", resource_token)
        challenge = parse_challenge(header)
        self.assertEqual(challenge, Challenge("authorization", resource_token, CAPTURE["identifiers"]["authServer"]))
        self.assertEqual(serialize_challenge(challenge), header)


class StandardVectors(unittest.TestCase):
    """Vectors from the RFCs, as far as they are about Ed25519 and SHA-2."""

    def test_rfc_9530_digests(self):
        vectors = read("rfc9530-content-digest.json")
        for case in vectors["cases"]:
            require_content_digest(case["header"], case["body"].encode())
            with self.assertRaises(AAuthError):
                require_content_digest(case["header"], case["body"].encode() + b"x")
        with self.assertRaises(AAuthError):
            require_content_digest(vectors["truncated"]["header"], vectors["truncated"]["body"].encode())

    def test_rfc_9421_ed25519(self):
        vectors = read("rfc9421-appendix-b.json")
        case = next(case for case in vectors["cases"] if case["name"].startswith("B.2.6"))
        given = parse_signature_input(case["signatureInput"])
        base = serialize_signature_base(given.components, [case["values"][name] for name in given.components], given.parameters)
        signer = create_signer({**vectors["keys"]["test-key-ed25519"], **vectors["ed25519PrivateKey"]})
        self.assertEqual(base64.b64encode(signer.sign(base)).decode(), case["signature"])
        self.assertTrue(import_verification_key(signer.jwk).verify_bytes(base64.b64decode(case["signature"]), base))

    def test_rfc_9421_component_parameters_are_refused(self):
        for case in read("rfc9421-appendix-b.json")["cases"]:
            if "base" in case:
                with self.subTest(case["name"]), self.assertRaises(AAuthError) as raised:
                    parse_signature_input(case["signatureInput"])
                self.assertEqual(raised.exception.code, "component_unsupported")

    def test_rfc_8037_thumbprint_and_signature(self):
        vectors = read("jose.json")
        thumbprint = next(case for case in vectors["thumbprints"] if case["name"] == "RFC 8037 A.3")
        self.assertEqual(jwk_thumbprint(thumbprint["jwk"]), thumbprint["thumbprint"])
        case = next(case for case in vectors["signatures"] if case["name"] == "RFC 8037 A.4")
        signing_input, _, signature = case["compact"].rpartition(".")
        self.assertEqual(create_signer({**case["jwk"], "d": case["d"]}).sign(signing_input.encode()), parse_base64url(signature))

    def test_keys_of_other_types_are_refused(self):
        vectors = read("jose.json")
        for jwk in [vectors["thumbprints"][0]["jwk"], vectors["signatures"][1]["jwk"], {"kty": "oct", "k": "AAAA"}]:
            with self.assertRaises(AAuthError) as raised:
                import_verification_key(jwk)
            self.assertEqual(raised.exception.code, "key_invalid")
        self.assertIsNone(decode_token(vectors["unsecured"]["compact"]))


if __name__ == "__main__":
    unittest.main()
