"""The parts that every message depends on: encodings, keys, identifiers, headers and nonces."""

import ast
import threading
import unittest
from pathlib import Path

from countersign import AAuthError, NonceClaim, create_memory_nonces, create_signer, generate_private_jwk
from countersign.challenge import Challenge, parse_challenge
from countersign.encodings import parse_base64, parse_base64url, parse_json_object, serialize_base64url
from countersign.identifiers import is_fetchable_url, is_identifier, is_under, parse_scope
from countersign.keys import import_verification_key
from countersign.signature_input import parse_signature_input
from countersign.signature_key import parse_signature_key, serialize_signature_key

PYTHON = Path(__file__).parents[1]


class Encodings(unittest.TestCase):
    def test_only_canonical_texts(self):
        self.assertEqual((parse_base64("/+8="), parse_base64url("_-8")), (b"\xff\xef", b"\xff\xef"))
        for text in ("/+8", "/+9=", "/+8=\n", " /+8=", "_-8=", "é", "/+8==", "="):
            with self.subTest(text), self.assertRaises(ValueError):
                parse_base64(text)
        for text in ("_-9", "/+8", "_-8=", "_-8\n", "_", "é", "_ -8"):
            with self.subTest(text), self.assertRaises(ValueError):
                parse_base64url(text)

    def test_json(self):
        for text in (b"[]", b"1", b"", b'{"a":1,"a":1}', b'{"a":{"b":1,"b":2}}', b'{"a":NaN}', b'{"a":Infinity}', b"\xef\xbb\xbf{}", b"\xff", '{"a":1}'.encode("utf-16"), b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}"):
            with self.subTest(text[:20]):
                try:
                    value = parse_json_object(text)
                except ValueError:
                    continue
                # Older versions of Python accept long integers, which are harmless in a document of bounded size.
                self.assertIsInstance(value["a"], int)


class Keys(unittest.TestCase):
    def test_points_that_are_no_safe_keys(self):
        prime = 2**255 - 19
        for name, y in [("zero", 0), ("one", 1), ("minus one", prime - 1), ("the prime", prime), ("not on the curve", 2), ("above the prime", prime + 3)]:
            for sign in (0, 1):
                with self.subTest(f"{name} {sign}"):
                    x = serialize_base64url((y | sign << 255).to_bytes(32, "little"))
                    with self.assertRaises(AAuthError) as raised:
                        import_verification_key({"kty": "OKP", "crv": "Ed25519", "x": x})
                    self.assertEqual(raised.exception.code, "key_invalid")
        for x in ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"):
            with self.assertRaises(AAuthError):
                import_verification_key({"kty": "OKP", "crv": "Ed25519", "x": serialize_base64url(bytes.fromhex(x))})

    def test_keys_for_other_purposes(self):
        jwk = {name: value for name, value in generate_private_jwk().items() if name != "d"}
        import_verification_key({**jwk, "use": "sig", "key_ops": ["verify"], "alg": "EdDSA"})
        for change in [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": "verify"}, {"alg": "HS256"}, {"alg": ["EdDSA"]}, {"crv": "X25519"}, {"kty": ["OKP"]}, {"x": None}, {"x": "AAAA"}, {"x": jwk["x"] + "="}, {"d": None}]:
            with self.subTest(change), self.assertRaises(AAuthError) as raised:
                import_verification_key({**jwk, **change})
            self.assertEqual(raised.exception.code, "key_invalid")
        for other in (None, [], "key", {}):
            with self.assertRaises(AAuthError):
                import_verification_key(other)

    def test_signers(self):
        jwk, other = generate_private_jwk(), generate_private_jwk()
        signer = create_signer(jwk)
        self.assertEqual((signer.kid, signer.jwk), (jwk["kid"], {name: value for name, value in jwk.items() if name != "d"}))
        self.assertNotIn(jwk["d"], repr(signer))
        with self.assertRaises(AAuthError):
            create_signer({**jwk, "d": other["d"]})
        for change in [{"d": None}, {"d": "AAAA"}, {"d": "é"}]:
            with self.assertRaises(TypeError):
                create_signer({**jwk, **change})
        with self.assertRaises(TypeError):
            create_signer({"keys": [jwk]})


class Identifiers(unittest.TestCase):
    def test_identifiers(self):
        for text in ("https://agent.example", "https://a-b.example:8443", "https://xn--bcher-kva.example"):
            self.assertTrue(is_identifier(text))
        for text in (
            "https://agent.example/",
            "https://agent.example:443",
            "https://agent.example:65536",
            "https://Agent.example",
            "https://agent.example.",
            "https://agent",
            "https://user@agent.example",
            "https://agent.example?x",
            "https://agent.example#x",
            "https://agent.example\n",
            "https://bücher.example",
            "https://-a.example",
            "https://127.0.0.1",
            "https://[::1]",
            "https://agent.0x7f",
            "https://" + "a." * 127 + "example",
            "http://agent.example",
            "http://127.0.0.1:8001",
            None,
            5,
        ):
            with self.subTest(text):
                self.assertFalse(is_identifier(text))
        for text in ("http://127.0.0.1:8001", "http://localhost:8001", "http://[::1]:8001"):
            self.assertTrue(is_identifier(text, allow_insecure_loopback=True))
        for text in ("http://127.0.0.1", "http://127.0.0.2:8001", "http://localhost.example:8001", "http://127.0.0.1:0", "http://agent.example:80"):
            self.assertFalse(is_identifier(text, allow_insecure_loopback=True))

    def test_urls(self):
        self.assertTrue(is_fetchable_url("https://agent.example/keys/jwks.json?v=1"))
        for url in ("https://agent.example/../x", "https://agent.example/a b", "https://agent.example/#x", "https://a@agent.example/", "//agent.example/", "https://agent.example\\@evil.example/", None):
            with self.subTest(url):
                self.assertFalse(is_fetchable_url(url))
        self.assertTrue(is_under("https://a.example/x", "https://a.example"))
        self.assertFalse(is_under("https://a.example.evil.example", "https://a.example"))

    def test_scopes(self):
        self.assertEqual(parse_scope("a b a"), ["a", "b"])
        for text in ("", " ", "a  b", 'a"', "a\\", "é", " ".join(map(str, range(65))), "a" * 129, None, ["a"]):
            with self.subTest(text):
                self.assertIsNone(parse_scope(text))


class Headers(unittest.TestCase):
    def test_signature_key(self):
        for text in (
            'sig1=(scheme=jwks id="https://a.example" kid="k" well-known="aauth-agent")',
            'sig=(scheme=jwt jwt="a.b.c")',
            'sig=(scheme=hwk kty="OKP" crv="Ed25519" x="abc")',
        ):
            self.assertEqual(serialize_signature_key(*parse_signature_key(text)), text)
        for text in (
            "",
            "sig1",
            "sig1=()",
            "sig1=(scheme=jwks)",
            "sig1=(scheme=other)",
            'sig1=(scheme=jwt jwt="a" jwt="b")',
            'sig1=(scheme=jwt jwt="")',
            'sig1=(scheme=jwt jwt="a" x="b")',
            'sig1=(scheme=jwt  jwt="a")',
            'sig1=(scheme=jwt jwt="a\\"b")',
            'sig1=(scheme=jwt jwt="a"), sig2=(scheme=jwt jwt="b")',
            'sig1=(scheme=jwt jwt="a");x',
            'sig1=(scheme=jwt jwt="a")\n',
            'Sig1=(scheme=jwt jwt="a")',
            'sig1=(scheme=jwks id="https://a.example" jwks="https://a.example" kid="k")',
            'sig1=(scheme=jwks jwks="https://a.example" kid="k" well-known="x")',
            'sig1=(scheme=jwt jwt="' + "a" * 20_000 + '")',
        ):
            with self.subTest(text[:60]), self.assertRaises(AAuthError) as raised:
                parse_signature_key(text)
            self.assertEqual(raised.exception.code, "signature_malformed")
        with self.assertRaises(TypeError):
            serialize_signature_key("sig1", {"scheme": "jwt", "jwt": 'a" kid="b'})

    def test_signature_input(self):
        given = parse_signature_input('sig1=("@method" "x-y");created=5;expires=6;keyid="k";x;y=?0')
        self.assertEqual((given.components, given.created, given.expires, given.algorithm), (["@method", "x-y"], 5, 6, None))
        self.assertEqual(parse_signature_input("sig=();created=0").components, [])
        thirty_two = " ".join(f'"c{number}"' for number in range(32))
        self.assertEqual(len(parse_signature_input(f"sig1=({thirty_two});created=5").components), 32)
        for text, code in [
            ("", "signature_malformed"),
            ("sig1=", "signature_malformed"),
            ('sig1=("@method";created=5', "signature_malformed"),
            ("sig1=(@method);created=5", "signature_malformed"),
            ('sig1=("@method"  "@path");created=5', "signature_malformed"),
            ('sig1=( "@method");created=5', "signature_malformed"),
            ('sig1=("@method" "@method");created=5', "signature_malformed"),
            (f'sig1=({thirty_two} "c32");created=5', "signature_malformed"),
            ('sig1=("@method"); created=5', "signature_malformed"),
            ('sig1=("@method");created=05', "signature_malformed"),
            ('sig1=("@method");created=-5', "signature_malformed"),
            ('sig1=("@method");created=5.5', "signature_malformed"),
            ('sig1=("@method");created="5"', "signature_malformed"),
            ('sig1=("@method");created', "signature_malformed"),
            ('sig1=("@method");created=5;created=6', "signature_malformed"),
            ('sig1=("@method");created=5, sig2=("@method");created=5', "signature_malformed"),
            ('sig1=("@method");created=5;x="' + "a" * 4096 + '"', "signature_malformed"),
            ('sig1=("@method")', "signature_created_missing"),
            ('sig1=("Content-Type");created=5', "component_unsupported"),
            ('sig1=("é");created=5', "component_unsupported"),
            ('sig1=("@query-param";name="a");created=5', "component_unsupported"),
        ]:
            with self.subTest(text[:60]), self.assertRaises(AAuthError) as raised:
                parse_signature_input(text)
            self.assertEqual(raised.exception.code, code)

    def test_challenges(self):
        for header, challenge in [
            ("httpsig", Challenge("signature")),
            (" httpsig;identity=?1 ", Challenge("identity")),
            ("httpsig; identity=?0", Challenge("signature")),
            ("httpsig; identity=1", Challenge("signature")),
            ('httpsig; identity=?1; algs=("ed25519" "rsa-pss-sha512")', Challenge("identity")),
            ('httpsig; auth-token; resource_token="a.b"; auth_server="https://a.example"; x=5', Challenge("authorization", "a.b", "https://a.example")),
            ('httpsig; auth-token; resource_token="a\\"b"', Challenge("authorization", 'a"b')),
            ('httpsig; x="; auth-token"', Challenge("signature")),
        ]:
            with self.subTest(header):
                self.assertEqual(parse_challenge(header), challenge)
        for header in ("", "Bearer", "httpsigx", "httpsig, httpsig", "httpsig; a; a", "httpsig; auth-token; auth_server=5", 'httpsig; x="', "httpsig; A", "httpsig" + "; a" * 40, "httpsig; x=" + "a" * 20_000):
            with self.subTest(header[:40]), self.assertRaises(AAuthError) as raised:
                parse_challenge(header)
            self.assertEqual(raised.exception.code, "request_malformed")


class Nonces(unittest.TestCase):
    def test_one_of_many_threads_succeeds(self):
        claim_nonce = create_memory_nonces()
        claimed = []
        barrier = threading.Barrier(16)

        def claim():
            barrier.wait()
            for number in range(200):
                if claim_nonce(NonceClaim(str(number), 120, "agent")):
                    claimed.append(number)

        threads = [threading.Thread(target=claim) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(claimed), list(range(200)))

    def test_limits_and_expiry(self):
        time = [0.0]
        claim_nonce = create_memory_nonces(lambda: time[0], per_source=2, total=3)
        self.assertTrue(all(claim_nonce(NonceClaim(key, 120, "")) for key in ("a", "b")))
        with self.assertRaises(AAuthError) as raised:
            claim_nonce(NonceClaim("c", 120, ""))
        self.assertEqual(raised.exception.status, 429)
        # Keys without an agent do not crowd out agents, and a nonce is never evicted.
        self.assertTrue(claim_nonce(NonceClaim("d", 60, "https://agent.example")))
        self.assertFalse(claim_nonce(NonceClaim("a", 120, "")))
        with self.assertRaises(AAuthError):
            claim_nonce(NonceClaim("e", 60, "https://other.example"))
        time[0] = 60
        self.assertTrue(claim_nonce(NonceClaim("e", 60, "https://other.example")))
        time[0] = 120
        self.assertTrue(claim_nonce(NonceClaim("a", 120, "")))


class Sources(unittest.TestCase):
    def test_every_file_is_valid_in_the_oldest_supported_version(self):
        files = [path for folder in ("countersign", "examples") for path in (PYTHON / folder).glob("*.py")]
        self.assertGreater(len(files), 15)
        for path in files:
            tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 9))
            imported = {node.module.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0}
            imported |= {name.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
            # The standard library and `cryptography` only.
            third_party = {name for name in imported if "site-packages" in str(getattr(__import__(name), "__file__", "")) or "dist-packages" in str(getattr(__import__(name), "__file__", ""))}
            self.assertLessEqual(third_party, {"cryptography"}, path.name)

    def test_the_readme_shows_the_examples(self):
        readme = (PYTHON / "README.md").read_text("utf-8")
        for path in (PYTHON / "examples").glob("*.py"):
            self.assertIn(f"```python {path.name}\n{path.read_text('utf-8')}```", readme)


if __name__ == "__main__":
    unittest.main()
