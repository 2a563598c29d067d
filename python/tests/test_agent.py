"""An agent: what it does about each challenge, and what it refuses to do for a resource, an auth server or a callback."""

import json
import unittest
from urllib.parse import parse_qs, urlsplit

from countersign import RESOURCE_TOKEN, AgentError, Response, create_agent, create_signer, generate_private_jwk, issue_token
from countersign.signature_key import parse_signature_key
from countersign.tokens import decode_token

from .world import AGENT, AUTH_SERVER, REDIRECT_URI, RESOURCE, START, World, json_response

DATA = f"{RESOURCE}/data"


class Flow(unittest.TestCase):
    def setUp(self):
        self.world = World()

    def refuses(self, code, agent, url=DATA):
        with self.assertRaises(AgentError) as raised:
            agent.fetch(url)
        self.assertEqual(raised.exception.code, code, raised.exception)
        return raised.exception

    def test_the_consent_flow(self):
        consents = []
        agent = self.world.agent(on_consent=lambda consent: consents.append(consent) or self.world.decide(consent))
        self.assertEqual(json.loads(agent.fetch(DATA).body), {"sub": "user-1", "agent": AGENT, "delegate": None})
        [consent] = consents
        self.assertEqual((consent.resource, consent.scope, consent.expires_at), (RESOURCE, "data.read", START + 600))
        query = parse_qs(urlsplit(consent.url).query)
        self.assertEqual((query["request_token"], query["redirect_uri"]), (["request-token"], [REDIRECT_URI]))
        self.assertGreaterEqual(len(query["state"][0]), 32)
        auth, code = self.world.posted
        self.assertEqual((auth["request_type"], auth["redirect_uri"]), ("auth", REDIRECT_URI))
        self.assertEqual(code, {"request_type": "code", "code": "the-code", "redirect_uri": REDIRECT_URI, "request_token": "request-token"})
        # The token is used again, for any method and path of the resource.
        self.assertEqual(agent.fetch(f"{DATA}/2?x=1", method="POST", headers={"Content-Type": "text/plain"}, body=b"hello").status, 200)
        self.assertEqual((len(consents), len(self.world.posted)), (1, 2))

    def test_a_token_without_consent(self):
        self.world.respond[f"{AUTH_SERVER}/agent/token"] = lambda *_: json_response({"auth_token": self.world.auth_token()})
        self.assertEqual(self.world.agent(on_consent=None).fetch(DATA).status, 200)

    def test_refresh(self):
        agent = self.world.agent()
        agent.fetch(DATA)
        self.world.time += 296
        self.assertEqual(agent.fetch(DATA).status, 200)
        self.assertEqual(self.world.posted[2:], [{"request_type": "refresh", "refresh_token": "refresh-token"}])
        # A refresh response has no refresh token: the existing one remains valid (S§9.7).
        self.world.time += 296
        self.assertEqual(agent.fetch(DATA).status, 200)
        self.assertEqual([form["request_type"] for form in self.world.posted], ["auth", "code", "refresh", "refresh"])

    def test_a_revoked_grant_prompts_again(self):
        prompts = []
        agent = self.world.agent(on_consent=lambda consent: prompts.append(consent) or self.world.decide(consent))
        agent.fetch(DATA)
        self.world.time += 400
        answer = self.world.answer_form
        self.world.answer_form = lambda form: json_response({"error": "invalid_grant"}, 400) if form["request_type"] == "refresh" else answer(form)
        self.assertEqual(agent.fetch(DATA).status, 200)
        self.assertEqual(len(prompts), 2)

    def test_a_refresh_that_fails_for_another_reason(self):
        """The grant may still be there, so the user is not prompted again."""
        agent = self.world.agent()
        agent.fetch(DATA)
        self.world.time += 400
        answer = self.world.answer_form
        self.world.answer_form = lambda form: json_response({"error": "temporarily_unavailable"}, 503)
        self.assertEqual(self.refuses("token_request_failed", agent).error, "temporarily_unavailable")
        self.world.answer_form = answer
        self.assertEqual(agent.fetch(DATA).status, 200)
        self.assertEqual([form["request_type"] for form in self.world.posted], ["auth", "code", "refresh"])

    def test_a_token_that_the_resource_no_longer_accepts(self):
        agent = self.world.agent()
        agent.fetch(DATA)
        serve = self.world.serve
        tokens = []

        def serve_revoked(url, method, headers, body):
            """Refuses the first token, as a resource with a deny list does."""
            reference = parse_signature_key(headers["signature-key"])[1]
            tokens.append(reference.get("jwt"))
            if reference.get("jwt") == tokens[0]:
                return Response(401, {"agent-auth": "httpsig; auth-token"}, b"")
            return serve(url, method, headers, body)

        self.world.serve = serve_revoked
        self.world.time += 1
        self.assertEqual(agent.fetch(DATA).status, 200)
        self.assertEqual(self.world.posted[-1]["request_type"], "refresh")

    def test_a_token_that_cannot_be_refreshed(self):
        """The resource refuses it without a resource token, so the agent identifies itself to receive one."""
        answer = self.world.answer_form

        def without_refresh_token(form):
            body = json.loads(answer(form).body)
            return json_response({name: value for name, value in body.items() if name != "refresh_token"})

        self.world.answer_form = without_refresh_token
        agent = self.world.agent()
        agent.fetch(DATA)
        serve, refused = self.world.serve, []

        def serve_once_refused(url, method, headers, body):
            if "jwt=" in headers["signature-key"] and not refused:
                refused.append(url)
                return Response(401, {"agent-auth": "httpsig; auth-token"}, b"")
            return serve(url, method, headers, body)

        self.world.serve = serve_once_refused
        self.assertEqual(agent.fetch(DATA).status, 200)
        self.assertEqual([form["request_type"] for form in self.world.posted], ["auth", "code"] * 2)

    def test_a_larger_scope(self):
        agent = self.world.agent()
        self.world.change_token = {"scope": "data.read"}
        agent.fetch(DATA)
        self.world.change_token = {}
        self.assertEqual(agent.fetch(f"{RESOURCE}/write").status, 200)
        self.assertEqual([form["request_type"] for form in self.world.posted], ["auth", "code"] * 2)

    def test_a_challenge_that_repeats_ends(self):
        self.world.change_token = {"scope": "other"}
        self.assertEqual(self.world.agent().fetch(DATA).status, 403)
        self.assertEqual(len(self.world.posted), 2)

    def test_a_delegate(self):
        signer = self.world.signers["delegate"]
        self.world.change_token = {"agent_delegate": "laptop", "cnf": {"jwk": signer.jwk}}
        agent = self.world.agent(signer=signer, agent_token=self.world.agent_token)
        self.assertEqual(json.loads(agent.fetch(DATA).body), {"sub": "user-1", "agent": AGENT, "delegate": "laptop"})
        wrong = [self.world.agent_token(iss=AUTH_SERVER), self.world.agent_token(cnf={"jwk": self.world.signers["other"].jwk}), "x", self.world.auth_token()]
        for jwt in wrong:
            with self.assertRaisesRegex(TypeError, "agent_token"):
                self.world.agent(signer=signer, agent_token=lambda jwt=jwt: jwt).fetch(DATA)

    def test_an_auth_server_that_is_not_accepted(self):
        agent = self.world.agent(auth_servers=["https://other.example"])
        refused = self.refuses("auth_server_refused", agent)
        self.assertIn(AUTH_SERVER, str(refused))
        self.assertEqual([url for url in self.world.fetched if url.startswith(AUTH_SERVER)], [])

    def test_resource_tokens_that_do_not_match(self):
        valid = {
            "iss": RESOURCE,
            "aud": AUTH_SERVER,
            "agent": AGENT,
            "agent_jkt": self.world.signers[AGENT].thumbprint,
            "scope": "data.read",
            "exp": START + 60,
        }
        other = self.world.signers["other"].thumbprint
        changes = [{"iss": "https://resource.exam"}, {"iss": "https:"}, {"iss": DATA}, {"iss": AGENT}, {"aud": AGENT}, {"agent": RESOURCE}, {"agent_jkt": other}, {"scope": ""}]
        tokens = [issue_token(RESOURCE_TOKEN, {**valid, **change}, signer=self.world.signers[RESOURCE]) for change in changes]
        for token in [*tokens, self.world.agent_token(), "not-a-token"]:
            header = f'httpsig; auth-token; resource_token="{token}"; auth_server="{AUTH_SERVER}"'
            self.world.respond[DATA] = lambda *_, header=header: Response(401, {"agent-auth": header}, b"")
            self.refuses("resource_token_refused", self.world.agent())
        self.assertEqual(self.world.posted, [])

    def test_auth_tokens_that_do_not_match(self):
        other = {"jwk": self.world.signers["other"].jwk}
        for change in [{"iss": RESOURCE}, {"aud": AGENT}, {"aud": None}, {"cnf": other}, {"cnf": None}, {"exp": START}, {"exp": "soon"}]:
            with self.subTest(change):
                self.world.change_token = change
                self.refuses("auth_token_refused", self.world.agent())
        self.world.change_token = {}
        claims = decode_token(self.world.auth_token()).payload
        for jwt in (self.world.agent_token(), self.world.sign_token({"typ": "JWT"}, claims), "x", None):
            self.world.auth_token = lambda jwt=jwt: jwt
            self.refuses("auth_token_refused", self.world.agent())

    def test_another_users_token_is_not_stored(self):
        agent = self.world.agent()
        agent.fetch(DATA)
        self.world.time += 1000
        self.world.change_token = {"sub": "user-2"}
        self.refuses("other_user", agent)

    def test_callbacks(self):
        def callback(**changes):
            def on_consent(consent):
                state = parse_qs(urlsplit(consent.url).query)["state"][0]
                given = {"code": "the-code", "state": state, "iss": AUTH_SERVER, **changes}
                return REDIRECT_URI + "?" + "&".join(f"{name}={value}" for name, value in given.items() if value is not None)

            return self.world.agent(on_consent=on_consent)

        for name, agent, code in [
            ("another state", callback(state="x"), "answer_refused"),
            ("no state", callback(state=None), "answer_refused"),
            ("another issuer", callback(iss="https://evil.example"), "answer_refused"),
            ("no issuer", callback(iss=None), "answer_refused"),
            ("no code", callback(code=None), "token_request_failed"),
            ("two codes", callback(code="x&code=y"), "answer_refused"),
            ("denied", callback(code=None, error="access_denied"), "access_denied"),
            ("code and error", callback(error="access_denied"), "access_denied"),
            ("another URL", self.world.agent(on_consent=lambda consent: f"https://evil.example/?{urlsplit(consent.url).query}"), "answer_refused"),
        ]:
            with self.subTest(name):
                self.refuses(code, agent)
        self.assertEqual({form["request_type"] for form in self.world.posted}, {"auth"}, "a code was sent")

    def test_without_a_way_to_prompt(self):
        refused = self.refuses("consent_required", self.world.agent(on_consent=None))
        self.assertTrue(refused.consent.url.startswith(f"{AUTH_SERVER}/agent/auth?"))
        self.assertNotIn("request-token", str(refused))

    def test_auth_server_documents_that_are_refused(self):
        for member in ("agent_token_endpoint", "agent_auth_endpoint"):
            for url, code in [("https://evil.example/x", "endpoint_refused"), ("http://auth.example/x", "auth_server_unknown"), (None, "auth_server_unknown")]:
                with self.subTest(f"{member} {url}"):
                    world = World()
                    world.metadata[member] = url
                    with self.assertRaises(AgentError) as raised:
                        world.agent().fetch(DATA)
                    self.assertEqual((raised.exception.code, world.posted), (code, []))

    def test_auth_servers_that_fail(self):
        url = f"{AUTH_SERVER}/agent/token"
        for name, response, code in [
            ("an error", json_response({"error": "invalid_request", "error_description": "\x1b[31mred"}, 400), "token_request_failed"),
            ("denied", json_response({"error": "access_denied"}, 403), "access_denied"),
            ("a redirect", Response(307, {"location": "https://evil.example"}, b""), "token_request_failed"),
            ("no JSON", Response(200, {}, b"<html>"), "token_request_failed"),
            ("neither token", json_response({"expires_in": 5}), "token_request_failed"),
        ]:
            with self.subTest(name):
                self.world.respond[url] = lambda *_, response=response: response
                self.assertNotIn("\x1b", str(self.refuses(code, self.world.agent())))

        def fail(*_):
            raise OSError("connection refused")

        self.world.respond[url] = fail
        self.refuses("auth_server_unreachable", self.world.agent())

    def test_challenges_that_cannot_be_satisfied(self):
        whole = f'httpsig; auth-token; resource_token="x"; auth_server="{AUTH_SERVER}"'
        for header, status in [(whole, 200), (whole, 404), ('httpsig; auth-token; resource_token="x"', 401), ("Bearer", 401), ("httpsig; auth-token", 401), ("httpsig; identity=?1", 401), ("httpsig; auth-token; auth-token", 401), ("httpsig; auth-token", 200)]:
            self.world.respond[DATA] = lambda *_, header=header, status=status: Response(status, {"agent-auth": header}, b"")
            self.assertEqual(self.world.agent().fetch(DATA).status, status)
        self.world.respond[DATA] = lambda *_: Response(401, {"agent-auth": 'httpsig; user_interaction="https://x.example"'}, b"")
        self.refuses("challenge_unsupported", self.world.agent())

    def test_the_token_stays_at_its_resource(self):
        agent = self.world.agent()
        agent.fetch(DATA)
        seen = []

        def record(_method, headers, _body):
            seen.append(headers["signature-key"])
            return Response(200, {}, b"")

        for url in ("https://resource.example.evil.example/data", "https://resource.example:8443/data", "https://other.example/"):
            self.world.respond[url] = record
            agent.fetch(url)
        self.assertTrue(all("scheme=jwks" in key for key in seen), seen)

    def test_headers_of_the_caller_are_not_trusted(self):
        sent = []

        def record(_method, headers, _body):
            sent.append(headers)
            return Response(200, {}, b"")

        self.world.respond[DATA] = record
        given = {"Signature": "x", "NONCE": "x", "Content-Digest": "x", "Host": "evil.example", "Accept": "text/plain"}
        self.world.agent().fetch(DATA, method="DELETE", headers=given)
        self.assertEqual((sent[0]["accept"], "host" in sent[0]), ("text/plain", False))
        self.assertNotIn("x", [sent[0][name] for name in ("signature", "nonce")])
        with self.assertRaisesRegex(ValueError, "Content-Type"):
            self.world.agent().fetch(DATA, method="POST", body=b"x")
        for method in ("get", "GET /x HTTP/1.1\r\nX:", ""):
            with self.assertRaisesRegex(ValueError, "upper case"):
                self.world.agent().fetch(DATA, method=method)
        for url in ("https://user:pass@resource.example/", "ftp://resource.example/", "https://resource.example/a b", "https://resource.example/é", "https://resource.example:x/", "https://resource.example:65536/", "https://rés.example/", "https:///x", "/data"):
            with self.subTest(url), self.assertRaises(ValueError):
                self.world.agent().fetch(url)

    def test_invalid_options(self):
        valid = {"id": AGENT, "signer": create_signer(generate_private_jwk()), "auth_servers": [AUTH_SERVER], "redirect_uri": REDIRECT_URI}
        for change in [{"id": f"{AGENT}/"}, {"auth_servers": AUTH_SERVER}, {"auth_servers": ["auth.example"]}, {"redirect_uri": f"{AGENT}/callback"}]:
            with self.subTest(change), self.assertRaises(TypeError):
                create_agent(**{**valid, **change})
        agent = create_agent(**{**valid, "redirect_uri": f"{AGENT}/callback"}, one_person=True, about={"name": "Example", "agent": "x"})
        self.assertEqual(agent.documents["/.well-known/aauth-agent"]["agent"], AGENT)


if __name__ == "__main__":
    unittest.main()
