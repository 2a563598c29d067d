"""What a resource accepts and refuses: each refusal starts from a valid request with one change."""

import json
import unittest
from dataclasses import replace

from countersign import AAuthError, AUTH_TOKEN, RESOURCE_TOKEN, Response, create_signer, generate_private_jwk, issue_token
from countersign.challenge import parse_challenge
from countersign.content_digest import content_digest
from countersign.encodings import serialize_base64, serialize_base64url
from countersign.signature_input import serialize_signature_base
from countersign.tokens import decode_token

from .world import AGENT, AUTH_SERVER, RESOURCE, START, World, json_response

FORM = {"content-type": "application/x-www-form-urlencoded"}


def with_field(message, name, value):
    lines = [(key, value if key == name else old) for key, old in message.headers]
    return replace(message, headers=lines if name in dict(message.headers) else [*lines, (name, value)])


def without_field(message, name):
    return replace(message, headers=[line for line in message.headers if line[0] != name])


class Requests(unittest.TestCase):
    def setUp(self):
        self.world = World()

    def refuses(self, code, message, require="signature", scope=None, world=None):
        with self.assertRaises(AAuthError) as raised:
            (world or self.world).resource.verify(message, require, scope)
        self.assertEqual(raised.exception.code, code, raised.exception)
        return raised.exception

    def signed_by_hand(self, components, *, method="POST", path="/data", fields=None, body=b"x", parameters=""):
        """A correct signature over the given components, which `sign_request` would not send."""
        signer = self.world.signers[AGENT]
        reference = f'sig1=(scheme=jwks id="{AGENT}" kid="{signer.kid}" well-known="aauth-agent")'
        fields = {"content-type": "text/plain", "content-digest": content_digest(body), "signature-key": reference, **(fields or {})}
        values = {"@method": method, "@authority": "resource.example", "@path": path, "@query": "?", **fields}
        text = f"({' '.join(json.dumps(name) for name in components)});created={START}{parameters}"
        signature = signer.sign(serialize_signature_base(components, [values[name] for name in components], text))
        fields.update({"signature-input": f"sig1={text}", "signature": f"sig1=:{serialize_base64(signature)}:"})
        lines = [("host", "resource.example"), *fields.items()]
        return replace(self.world.message(), method=method, raw_target=path, headers=lines, body=body)

    def test_accepts_a_valid_request_of_each_kind(self):
        verified = self.world.resource.verify(self.world.message(), "identity")
        self.assertEqual((verified.agent, verified.scheme, verified.method, verified.path), (AGENT, "jwks", "GET", "/data"))
        body = self.world.message("POST", f"{RESOURCE}/data?x=1", FORM, b"a=b")
        self.assertIn("content-digest", self.world.resource.verify(body, "identity").covered)
        token = {"scheme": "jwt", "jwt": self.world.agent_token()}
        verified = self.world.resource.verify(self.world.message(signer="delegate", reference=token), "identity")
        self.assertEqual((verified.agent, verified.delegate, verified.token_type), (AGENT, "laptop", "agent+jwt"))
        token = {"scheme": "jwt", "jwt": self.world.auth_token(agent_delegate="laptop")}
        verified = self.world.resource.verify(self.world.message(reference=token), "authorization", "data.read")
        self.assertEqual((verified.iss, verified.sub, verified.scope), (AUTH_SERVER, "user-1", ["data.read", "data.write"]))

    def test_a_body_must_be_covered_and_match_its_digest(self):
        message = self.world.message("POST", headers=FORM, body=b"amount=1")
        self.refuses("digest_mismatch", replace(message, body=b"amount=9"))
        self.refuses("component_forbidden", replace(message, body=b""))
        self.refuses("component_missing", replace(self.world.message("GET"), body=b"x"))
        other = f"md5=:{serialize_base64(b'0' * 16)}:"
        components = ["@method", "@authority", "@path", "content-type", "content-digest", "signature-key"]
        self.world.resource.verify(self.signed_by_hand(components), "identity")
        self.refuses("digest_malformed", self.signed_by_hand(components, fields={"content-digest": other}))
        both = f"{content_digest(b'x')}, sha-512=:{serialize_base64(b'0' * 64)}:"
        self.refuses("digest_mismatch", self.signed_by_hand(components, fields={"content-digest": both}))
        for value in ("sha-256=:AAAB=:", "sha-256=x", "", content_digest(b"x") + ", a=:AA==:" * 500):
            self.refuses("digest_malformed", self.signed_by_hand(components, fields={"content-digest": value}))
        twice = f"{content_digest(b'y')}, {content_digest(b'x')}"
        self.refuses("digest_malformed", self.signed_by_hand(components, fields={"content-digest": twice}))

    def test_every_required_component_must_be_covered(self):
        components = ["@method", "@authority", "@path", "content-type", "content-digest", "signature-key"]
        for name in components:
            with self.subTest(name):
                refused = self.refuses("component_missing", self.signed_by_hand([each for each in components if each != name]))
                self.assertIn(name, refused.required_input)
        self.refuses("component_missing", self.signed_by_hand(components, path="/data?x"))
        nonce = {"nonce": serialize_base64url(b"0" * 16)}
        self.refuses("component_missing", self.signed_by_hand(components, fields=nonce))
        self.refuses("component_forbidden", self.signed_by_hand([*components, "@query"]))
        self.refuses("component_unsupported", self.signed_by_hand([*components, "@scheme"], fields={"@scheme": "https"}))

    def test_a_value_cannot_add_a_line_to_the_base(self):
        components = ["@method", "@authority", "@path", "content-type", "content-digest", "signature-key"]
        message = self.signed_by_hand(components, fields={"content-type": 'text/plain\n"@path": /admin'})
        self.refuses("component_unsupported", message)

    def test_created_must_be_within_a_minute(self):
        message = self.world.message()
        for seconds, code in [(61, "signature_created_outside_window"), (-61, "signature_created_outside_window")]:
            self.world.time = START + seconds
            self.refuses(code, message)
        for seconds in (60, -60):
            self.world.time = START + seconds
            self.world.resource.verify(message, "identity")

    def test_expires_and_alg_are_respected(self):
        components = ["@method", "@authority", "@path", "content-type", "content-digest", "signature-key"]
        self.refuses("signature_expired", self.signed_by_hand(components, parameters=f";expires={START}"))
        self.refuses("algorithm_mismatch", self.signed_by_hand(components, parameters=';alg="hmac-sha256"'))
        self.refuses("signature_missing", self.signed_by_hand(components, parameters=';tag="web-bot-auth"'))
        self.refuses("signature_malformed", self.signed_by_hand(components, parameters=f";created={START}"))
        self.world.resource.verify(self.signed_by_hand(components, parameters=';alg="ed25519"'), "identity")

    def test_headers_of_the_signature_must_be_single_and_have_one_label(self):
        message = self.world.message()
        for name in ("signature", "signature-input", "signature-key"):
            with self.subTest(name):
                value = dict(message.headers)[name]
                self.refuses("signature_missing", without_field(message, name))
                self.refuses("signature_malformed", replace(message, headers=[*message.headers, (name, value)]))
                self.refuses("signature_label_mismatch", with_field(message, name, value.replace("sig1=", "sig2=", 1)))
                self.refuses("signature_malformed", with_field(message, name, f"{value}, {value.replace('sig1', 'sig2')}"))
                self.refuses("signature_malformed", with_field(message, name, f"{value}\n"))

    def test_what_was_signed_cannot_be_changed(self):
        message = self.world.message("GET", f"{RESOURCE}/data?x=1")
        self.refuses("signature_mismatch", replace(message, method="DELETE"))
        self.refuses("signature_mismatch", replace(message, raw_target="/admin?x=1"))
        self.refuses("signature_mismatch", replace(message, raw_target="/data?x=2"))
        self.refuses("component_forbidden", replace(message, raw_target="/data"))
        key = dict(message.headers)["signature-key"]
        self.refuses("key_unknown", with_field(message, "signature-key", key.replace("agent.example", "evil.example")))

    def test_the_authority_comes_from_the_identifier(self):
        message = self.world.message()
        # Host only selects one of the configured authorities: a different one changes nothing.
        self.world.resource.verify(with_field(message, "host", "evil.example"), "identity")
        elsewhere = self.world.message(url="https://evil.example/data")
        self.refuses("signature_mismatch", with_field(elsewhere, "host", "evil.example"))
        self.refuses("header_duplicate", replace(message, headers=[*message.headers, ("Host", "resource.example")]))

    def test_ambiguous_targets_are_refused(self):
        message = self.world.message()
        for target in ("/x/../data", "/x/%2e%2E/data", "//evil.example/../x", "/a b", "/é", "/a\\b", "data", "", "*", "/a#b", "/" + "a" * 9000):
            with self.subTest(target[:20]):
                self.refuses("target_ambiguous", replace(message, raw_target=target))

    def test_bounds(self):
        message = self.world.message()
        self.refuses("headers_too_large", replace(message, headers=[*message.headers, *[("x", "y")] * 1000]))
        self.world.resource.verify(replace(message, headers=[*message.headers, *[("x", "y")] * (1000 - len(message.headers))]), "identity")
        self.world.resource.verify(self.world.message("POST", headers=FORM, body=b"a" * 2**20), "identity")
        large = self.world.message("POST", headers=FORM, body=b"a" * (2**20 + 1))
        self.refuses("body_too_large", large)

    def test_nonces_of_all_lengths(self):
        components = ["@method", "@authority", "@path", "content-type", "content-digest", "nonce", "signature-key"]
        for size, is_accepted in [(0, False), (11, False), (12, True), (192, True), (193, False)]:
            with self.subTest(size):
                message = self.signed_by_hand(components, fields={"nonce": serialize_base64url(b"0" * size)})
                if is_accepted:
                    self.world.resource.verify(message, "identity")
                else:
                    self.refuses("nonce_malformed", message)
        self.refuses("nonce_malformed", self.signed_by_hand(components, fields={"nonce": "a+b/" * 5}))

    def test_the_store_learns_who_claims_a_nonce(self):
        claims = []
        world = World(claim_nonce=lambda claim: claims.append(claim) or True)
        world.resource.verify(world.message("POST"), "identity")
        other = world.signers["other"]
        anonymous = {"scheme": "hwk", "kty": "OKP", "crv": "Ed25519", "x": other.jwk["x"]}
        world.resource.verify(world.message("POST", signer="other", reference=anonymous), "signature")
        world.resource.verify(world.message("GET"), "identity")
        self.assertEqual([(claim.source, claim.lifetime, len(claim.key)) for claim in claims], [(AGENT, 120, 43), ("", 120, 43)])

    def test_a_nonce_works_once(self):
        message = self.world.message("DELETE")
        self.world.resource.verify(message, "identity")
        self.refuses("nonce_replayed", message)
        self.world.time += 60
        self.refuses("nonce_replayed", message)
        self.world.resource.verify(self.world.message("DELETE"), "identity")

    def test_a_refused_request_does_not_use_up_its_nonce(self):
        message = self.world.message("DELETE")
        self.refuses("authorization_required", message, "authorization", "data.read")
        self.world.resource.verify(message, "identity")

    def test_a_nonce_can_be_required(self):
        components = ["@method", "@authority", "@path", "content-type", "content-digest", "signature-key"]
        self.world.resource.verify(self.signed_by_hand(components), "identity")
        self.world = World(nonce="required")
        self.refuses("nonce_missing", self.signed_by_hand(components))
        self.world.resource.verify(self.world.message("GET"), "identity")
        self.refuses("nonce_malformed", with_field(self.world.message("POST"), "nonce", serialize_base64url(b"0" * 11)))

    def test_keys(self):
        unpublished = self.world.message(signer="other")
        self.refuses("key_unknown", unpublished)
        other = self.world.signers["other"]
        published = {"scheme": "jwks", "id": AGENT, "kid": self.world.signers[AGENT].kid, "well-known": "aauth-agent"}
        self.refuses("signature_mismatch", self.world.message(signer="other", reference=published))
        self.world.documents["https://copied.example/.well-known/aauth-agent"] = self.world.documents[f"{AGENT}/.well-known/aauth-agent"]
        self.refuses("key_unknown", self.world.message(reference={**published, "id": "https://copied.example"}))
        for member, identifier in [("id", "http://agent.example"), ("id", "https://10.0.0.1"), ("id", "https://agent.example/"), ("id", "https://AGENT.example")]:
            with self.subTest(identifier):
                fetched = len(self.world.fetched)
                self.refuses("key_unknown", self.world.message(reference={**published, member: identifier}))
                self.assertEqual(len(self.world.fetched), fetched, "an unacceptable identifier was fetched")
        for url in ("http://agent.example/jwks.json", "https://127.0.0.1/jwks.json", "https://agent.example/../x", "file:///jwks.json"):
            for reference in ({"jwks": url}, {"id": url}):
                with self.subTest(url):
                    fetched = len(self.world.fetched)
                    self.refuses("key_unknown", self.world.message(reference={"scheme": "jwks", **reference, "kid": "k"}))
                    self.assertEqual(len(self.world.fetched), fetched, "an unacceptable URL was fetched")
        anonymous = {"scheme": "hwk", "kty": "OKP", "crv": "Ed25519", "x": other.jwk["x"]}
        message = self.world.message(signer="other", reference=anonymous)
        self.assertIsNone(self.world.resource.verify(message, "signature").agent)
        self.refuses("identity_required", message, "identity")
        with_jwks = {"scheme": "jwks", "jwks": f"{AGENT}/jwks.json", "kid": self.world.signers[AGENT].kid}
        self.refuses("identity_required", self.world.message(reference=with_jwks), "identity")

    def test_documents_that_are_not_acceptable(self):
        url, jwks = f"{AGENT}/.well-known/aauth-agent", f"{AGENT}/jwks.json"
        key = self.world.signers[AGENT].jwk
        for name, at, response in [
            ("a redirect", url, Response(302, {"location": "https://evil.example/"}, b"")),
            ("no JSON", url, Response(200, {}, b"<html>")),
            ("a list", url, Response(200, {}, b"[]")),
            ("a duplicate member", url, Response(200, {}, json.dumps(self.world.documents[url]).replace("{", '{"agent":"x",').encode())),
            ("too large", url, json_response({**self.world.documents[url], "name": "x" * 70_000})),
            ("deeply nested", url, Response(200, {}, b'{"a":' * 50_000)),
            ("keys over http", url, json_response({"agent": AGENT, "jwks_uri": "http://agent.example/jwks.json"})),
            ("no keys", jwks, json_response({"keys": {}})),
            ("two keys with the kid", jwks, json_response({"keys": [key, key]})),
            ("too many keys", jwks, json_response({"keys": [key, *[{}] * 100]})),
        ]:
            with self.subTest(name):
                world = World()
                world.signers[AGENT] = self.world.signers[AGENT]
                world.documents = dict(self.world.documents)
                world.respond[at] = lambda *_, response=response: response
                self.refuses("key_unknown", world.message(), world=world)
        private = World()
        private.documents[f"{AGENT}/jwks.json"] = {"keys": [{**private.signers[AGENT].jwk, "d": "AAAA"}]}
        self.refuses("key_invalid", private.message(), world=private)

    def test_lookups_are_cached_and_bounded(self):
        for _ in range(5):
            self.world.resource.verify(self.world.message(), "identity")
            self.refuses("key_unknown", self.world.message(signer="other"))
        self.assertEqual(len(self.world.fetched), 2)
        # A removed key is no longer accepted after a minute.
        self.world.documents[f"{AGENT}/jwks.json"] = {"keys": [self.world.signers["other"].jwk]}
        self.world.time += 61
        self.refuses("key_unknown", self.world.message())
        self.world.resource.verify(self.world.message(signer="other"), "identity")

    def test_the_message_does_not_reveal_what_this_server_can_reach(self):
        self.world.respond[f"{AGENT}/.well-known/aauth-agent"] = lambda *_: (_ for _ in ()).throw(OSError("10.0.0.1 refused"))
        refused = self.refuses("key_unknown", self.world.message())
        self.assertIn("10.0.0.1", str(refused))
        self.assertNotIn(b"10.0.0.1", self.world.resource.to_response(refused).body)


class Tokens(unittest.TestCase):
    def setUp(self):
        self.world = World()

    def refuses(self, code, jwt, signer=AGENT, world=None):
        world = world or self.world
        message = world.message(signer=signer, reference={"scheme": "jwt", "jwt": jwt})
        with self.assertRaises(AAuthError) as raised:
            world.resource.verify(message, "authorization", "data.read")
        self.assertEqual(raised.exception.code, code, raised.exception)
        return raised.exception

    def test_auth_tokens(self):
        token, key = self.world.auth_token, self.world.signers["other"].jwk
        for name, jwt in [
            ("another audience", token(aud="https://other.example")),
            ("a longer audience", token(aud=f"{RESOURCE}.evil.example")),
            ("no audience", token(aud=None)),
            ("another issuer", token(iss=AGENT, signer=AGENT)),
            ("no agent", token(agent=None)),
            ("no key", token(cnf=None)),
            ("two keys", token(cnf={"jwk": self.world.signers[AGENT].jwk, "jkt": self.world.signers["other"].thumbprint})),
            ("a key by URL", token(cnf={"jwk": self.world.signers[AGENT].jwk, "jku": "https://evil.example"})),
            ("a private key", token(cnf={"jwk": {**key, "d": "AAAA"}})),
            ("no expiry", token(exp=None)),
            ("an expiry that is no number", token(exp="2000000000")),
            ("an expiry that is true", token(exp=True)),
            ("a lifetime of two days", token(exp=START + 2 * 86_400)),
            ("not valid yet", token(nbf=START + 61)),
            ("issued in the future", token(iat=START + 61)),
            ("a subject that is no text", token(sub=5)),
            ("signed by another key", self.world.sign_token({"kid": self.world.signers[AUTH_SERVER].kid}, decode_token(token()).payload, "other")),
            ("a resource token", issue_token(RESOURCE_TOKEN, {"iss": RESOURCE}, signer=self.world.signers[RESOURCE])),
        ]:
            with self.subTest(name):
                code = "agent_token_invalid" if name == "a resource token" else "auth_token_invalid"
                self.refuses(code, jwt)
        self.refuses("auth_token_expired", token(exp=START))
        self.refuses("signature_mismatch", token(), signer="other")

    def test_headers_of_tokens(self):
        """Each token is signed by the issuer, so that only its header can be the reason. Nothing is fetched for it."""
        claims = decode_token(self.world.auth_token()).payload
        self.assertEqual(self.world.sign_token({}, claims).count("."), 2)
        for name, header in [
            ("none", {"alg": "none"}),
            ("HMAC with the public key", {"alg": "HS256"}),
            ("another asymmetric algorithm", {"alg": "ES256"}),
            ("no algorithm", {"alg": None}),
            ("a list", {"alg": ["EdDSA"]}),
            ("a critical extension", {"crit": ["exp"]}),
            ("an unencoded payload", {"b64": False}),
            ("no kid", {"kid": None}),
            ("a kid that is no text", {"kid": 5}),
            ("a long kid", {"kid": "k" * 257}),
        ]:
            with self.subTest(name):
                self.refuses("auth_token_invalid", self.world.sign_token(header, claims))
                self.assertEqual(self.world.fetched, [])
        for typ in ("JWT", "AUTH+JWT", None):
            self.refuses("agent_token_invalid", self.world.sign_token({"typ": typ}, claims))
        self.assertEqual(self.world.fetched, [])
        # The key is the one that the issuer publishes under this kid, never one in the header.
        jwk = self.world.signers["other"].jwk
        self.refuses("auth_token_invalid", self.world.sign_token({"jwk": jwk}, claims, "other"))

    def test_an_issuer_that_is_not_accepted_is_not_contacted(self):
        evil = "https://evil.example"
        self.world.documents[f"{evil}/.well-known/aauth-issuer"] = {**self.world.metadata, "issuer": evil, "jwks_uri": f"{evil}/jwks.json"}
        self.world.documents[f"{evil}/jwks.json"] = {"keys": [self.world.signers["other"].jwk]}
        self.refuses("auth_token_invalid", self.world.auth_token(iss=evil, signer="other"))
        self.assertEqual(self.world.fetched, [])

    def test_times_of_tokens(self):
        def verify(jwt):
            return self.world.resource.verify(self.world.message(reference={"scheme": "jwt", "jwt": jwt}), "authorization", "data.read")

        verify(self.world.auth_token(exp=START + 86_400, nbf=START + 60, iat=START + 60))
        verify(self.world.auth_token(exp=START + 0.5))
        self.refuses("auth_token_invalid", self.world.auth_token(exp=START + 86_401))
        self.refuses("auth_token_expired", self.world.auth_token(exp=START))
        self.refuses("auth_token_invalid", self.world.auth_token(exp=-1))
        infinite = self.world.sign_token({}, {**decode_token(self.world.auth_token()).payload, "exp": float("inf")})
        self.refuses("agent_token_invalid", infinite)

    def test_an_auth_token_for_one_call_is_refused(self):
        call = {"method": "GET", "target": f"{RESOURCE}/data"}
        self.refuses("auth_token_invalid", self.world.auth_token(call=call))

    def test_an_agent_token_signed_by_an_agent_is_not_an_auth_token(self):
        claims = {"iss": AGENT, "aud": RESOURCE, "agent": AGENT, "scope": "data.read", "exp": START + 60, "cnf": {"jwk": self.world.signers[AGENT].jwk}}
        self.refuses("auth_token_invalid", issue_token(AUTH_TOKEN, claims, signer=self.world.signers[AGENT], now=self.world.now))

    def test_texts_that_are_no_tokens(self):
        jwt = self.world.auth_token()
        payload = serialize_base64url(b'{"iss":"https://auth.example","iss":"https://evil.example"}')
        for name, text in [
            ("text", "hello"),
            ("two parts", jwt.rpartition(".")[0]),
            ("four parts", f"{jwt}.x"),
            ("no signature", f"{jwt.rpartition('.')[0]}."),
            ("padding", f"{jwt}="),
            ("a duplicate member", f"{jwt.partition('.')[0]}.{payload}.AAAA"),
            ("too long", f"{jwt}{'A' * 9000}"),
        ]:
            with self.subTest(name):
                with self.assertRaises((AAuthError, TypeError)) as raised:
                    message = self.world.message(reference={"scheme": "jwt", "jwt": text})
                    self.world.resource.verify(message, "signature")
                if isinstance(raised.exception, AAuthError):
                    self.assertEqual(raised.exception.code, "agent_token_invalid")

    def test_agent_tokens(self):
        token = self.world.agent_token
        for name, code, jwt, signer in [
            ("expired", "agent_token_expired", token(exp=START), "delegate"),
            ("for another recipient", "agent_token_invalid", token(aud=["https://other.example"]), "delegate"),
            ("no delegate", "agent_token_invalid", token(sub=None), "delegate"),
            ("no key", "agent_token_invalid", token(cnf={}), "delegate"),
            ("from itself", "key_unknown", token(signer="delegate"), "delegate"),
            ("used with another key", "signature_mismatch", token(), "other"),
        ]:
            with self.subTest(name):
                self.refuses(code, jwt, signer)
        self.refuses("authorization_required", token(aud=["https://other.example", RESOURCE]), "delegate")

    def test_challenges(self):
        message = self.world.message(signer="delegate", reference={"scheme": "jwt", "jwt": self.world.agent_token()})
        with self.assertRaises(AAuthError) as raised:
            self.world.resource.verify(message, "authorization", "data.read")
        response = self.world.resource.to_response(raised.exception)
        challenge = parse_challenge(response.headers["agent-auth"])
        self.assertEqual((response.status, challenge.level, challenge.auth_server), (401, "authorization", AUTH_SERVER))
        claims = decode_token(challenge.resource_token).payload
        self.assertEqual(
            {name: claims[name] for name in ("iss", "aud", "agent", "agent_jkt", "scope", "exp")},
            {
                "iss": RESOURCE,
                "aud": AUTH_SERVER,
                "agent": AGENT,
                "agent_jkt": self.world.signers["delegate"].thumbprint,
                "scope": "data.read",
                "exp": START + 600,
            },
        )
        # Nothing was verified: no resource token.
        for code, message in [("signature_missing", replace(message, headers=[])), ("signature_mismatch", replace(message, method="PUT"))]:
            with self.assertRaises(AAuthError) as raised:
                self.world.resource.verify(message, "authorization", "data.read")
            self.assertEqual(raised.exception.code, code)
            self.assertEqual(self.world.resource.to_response(raised.exception).headers["agent-auth"], "httpsig; identity=?1")

    def test_a_missing_scope_is_added_to_what_was_granted(self):
        message = self.world.message(reference={"scheme": "jwt", "jwt": self.world.auth_token(scope="data.read")})
        with self.assertRaises(AAuthError) as raised:
            self.world.resource.verify(message, "authorization", "data.write")
        refused = self.world.resource.to_response(raised.exception)
        self.assertEqual((refused.status, json.loads(refused.body)["error"]), (403, "insufficient_scope"))
        token = parse_challenge(refused.headers["agent-auth"]).resource_token
        self.assertEqual(decode_token(token).payload["scope"], "data.read data.write")

    def test_an_expired_token_needs_its_signature(self):
        """Otherwise, anyone who saw an old token would receive a resource token for its agent."""
        jwt = self.world.auth_token(exp=START)
        refused = self.refuses("signature_mismatch", jwt, signer="other")
        self.assertEqual(self.world.resource.to_response(refused).headers["agent-auth"], "httpsig; identity=?1")
        refused = self.refuses("auth_token_expired", jwt)
        token = parse_challenge(self.world.resource.to_response(refused).headers["agent-auth"]).resource_token
        self.assertEqual(decode_token(token).payload["scope"], "data.read")

    def test_an_auth_server_that_does_not_respond_is_not_the_agents_fault(self):
        self.world.respond[f"{AUTH_SERVER}/.well-known/aauth-issuer"] = lambda *_: Response(503, {}, b"")
        refused = self.refuses("unavailable", self.world.auth_token())
        response = self.world.resource.to_response(refused)
        self.assertEqual((response.status, "agent-auth" in response.headers), (503, False))

    def test_the_resource_token_endpoint(self):
        def request(body, method="POST"):
            url = f"{RESOURCE}/resource/token"
            return self.world.resource.handle(self.world.message(method, url, FORM if body else {}, body))

        response = request(b"scope=data.read")
        self.assertEqual(response.status, 200)
        body = json.loads(response.body)
        self.assertEqual((body["auth_server"], decode_token(body["resource_token"]).payload["scope"]), (AUTH_SERVER, "data.read"))
        self.assertEqual(request(b"scope=data.read+data.write").status, 200)
        for form in (b"scope=admin", b"scope=data.read&scope=data.write", b"x=y", b"scope="):
            self.assertEqual(json.loads(request(form).body)["error"], "invalid_scope")
        self.assertEqual(request(b"", "GET").status, 405)
        unsigned = replace(self.world.message("POST", f"{RESOURCE}/resource/token", FORM, b"scope=data.read"), headers=[])
        self.assertEqual(self.world.resource.handle(unsigned).status, 401)

    def test_documents(self):
        def get(path, method="GET"):
            return self.world.resource.handle(replace(self.world.message(), raw_target=path, method=method))

        metadata = json.loads(get("/.well-known/aauth-resource").body)
        self.assertEqual((metadata["resource"], metadata["supported_scopes"]), (RESOURCE, ["data.read", "data.write"]))
        self.assertEqual(json.loads(get("/jwks.json").body), {"keys": [self.world.signers[RESOURCE].jwk]})
        self.assertNotIn("d", json.loads(get("/jwks.json").body)["keys"][0])
        self.assertIsNone(get("/data"))
        self.assertEqual(get("/jwks.json", "POST").status, 405)

    def test_invalid_options_and_requirements(self):
        from countersign import create_resource

        signer = create_signer(generate_private_jwk())
        valid = {"id": RESOURCE, "signer": signer, "auth_server": AUTH_SERVER, "fetch": self.world.fetch, "scopes": {"a": "b"}}
        for name, value in [("id", f"{RESOURCE}/"), ("auth_server", "http://127.0.0.1:1"), ("scopes", {}), ("scopes", {"a b": ""}), ("nonce", "always")]:
            with self.subTest(name), self.assertRaises(TypeError) as raised:
                create_resource(**{**valid, name: value})
            self.assertRegex(str(raised.exception), "must")
        for requirement in [("authorization", None), ("authorization", ""), ("identity", "data.read"), ("user", None)]:
            with self.assertRaises(TypeError):
                self.world.resource.verify(self.world.message(), *requirement)


if __name__ == "__main__":
    unittest.main()
