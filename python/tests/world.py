"""Parties in memory, for tests: their keys, their documents, and a clock that moves only on request."""

import json
from urllib.parse import parse_qs, urlsplit

from countersign import (
    AGENT_TOKEN,
    AUTH_TOKEN,
    ReceivedMessage,
    Response,
    create_agent,
    create_resource,
    create_signer,
    generate_private_jwk,
    issue_token,
    sign_request,
)
from countersign.encodings import serialize_base64url
from countersign.identifiers import split_url

AGENT = "https://agent.example"
RESOURCE = "https://resource.example"
AUTH_SERVER = "https://auth.example"
REDIRECT_URI = "http://127.0.0.1:53123/callback"
START = 1_800_000_000


class World:
    """An agent server, an auth server whose user allows everything, and a resource, reached through `fetch`."""

    def __init__(self, **resource_options):
        self.time = START
        self.signers = {name: create_signer(generate_private_jwk()) for name in (AGENT, RESOURCE, AUTH_SERVER, "delegate", "other")}
        self.fetched = []
        self.posted = []
        self.respond = {}
        self.change_token = {}
        self.metadata = {
            "issuer": AUTH_SERVER,
            "jwks_uri": f"{AUTH_SERVER}/jwks.json",
            "agent_token_endpoint": f"{AUTH_SERVER}/agent/token",
            "agent_auth_endpoint": f"{AUTH_SERVER}/agent/auth",
            "authorization_response_iss_parameter_supported": True,
        }
        self.documents = {
            f"{AGENT}/.well-known/aauth-agent": {"agent": AGENT, "jwks_uri": f"{AGENT}/jwks.json"},
            f"{AGENT}/jwks.json": {"keys": [self.signers[AGENT].jwk]},
            f"{AUTH_SERVER}/.well-known/aauth-issuer": self.metadata,
            f"{AUTH_SERVER}/jwks.json": {"keys": [self.signers[AUTH_SERVER].jwk]},
        }
        options = {"scopes": {"data.read": "Read your data", "data.write": "Change your data"}, **resource_options}
        self.resource = create_resource(
            id=RESOURCE, signer=self.signers[RESOURCE], auth_server=AUTH_SERVER, fetch=self.fetch, now=self.now, **options
        )

    def now(self):
        return self.time

    def fetch(self, url, *, method="GET", headers=None, body=b"", max_bytes=2**20):
        self.fetched.append(url)
        if url in self.respond:
            return self.respond[url](method, headers, body)
        if url.startswith(f"{RESOURCE}/"):
            return self.serve(url, method, headers, body)
        if url == f"{AUTH_SERVER}/agent/token":
            return self.answer_form({name: values[0] for name, values in parse_qs(body.decode()).items()})
        document = self.documents.get(url)
        return Response(404, {}, b"") if document is None else json_response(document)

    def serve(self, url, method, headers, body):
        message = message_of(method, url, headers, body)
        try:
            scope = "data.read data.write" if "/write" in url else "data.read"
            verified = self.resource.verify(message, "authorization", scope)
        except Exception as error:
            return self.resource.to_response(error)
        return json_response({"sub": verified.sub, "agent": verified.agent, "delegate": verified.delegate})

    def answer_form(self, form):
        self.posted.append(form)
        if form["request_type"] == "auth":
            return json_response({"request_token": "request-token", "expires_in": 600})
        if form["request_type"] == "refresh" and form["refresh_token"] != "refresh-token":
            return json_response({"error": "invalid_grant"}, 400)
        return json_response({"auth_token": self.auth_token(), "expires_in": 300, "refresh_token": "refresh-token"})

    def auth_token(self, signer=AUTH_SERVER, **changes):
        claims = {
            "iss": AUTH_SERVER,
            "aud": RESOURCE,
            "agent": AGENT,
            "sub": "user-1",
            "scope": "data.read data.write",
            "exp": self.time + 300,
            "cnf": {"jwk": self.signers[AGENT].jwk},
            **self.change_token,
            **changes,
        }
        return issue_token(AUTH_TOKEN, without_none(claims), signer=self.signers[signer], now=self.now)

    def agent_token(self, signer=AGENT, **changes):
        claims = {"iss": AGENT, "sub": "laptop", "exp": self.time + 300, "cnf": {"jwk": self.signers["delegate"].jwk}, **changes}
        return issue_token(AGENT_TOKEN, without_none(claims), signer=self.signers[signer], now=self.now)

    def sign_token(self, header, claims, signer=AUTH_SERVER):
        """A token whose signature is right, whatever its header says."""
        key = self.signers[signer]
        header = without_none({"alg": "EdDSA", "kid": key.kid, "typ": "auth+jwt", **header})
        signing_input = ".".join(serialize_base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{signing_input}.{serialize_base64url(key.sign(signing_input.encode()))}"

    def agent(self, **options):
        """An agent whose user allows everything at once."""
        given = {"on_consent": self.decide, "signer": self.signers[AGENT], "auth_servers": [AUTH_SERVER], **options}
        return create_agent(id=AGENT, redirect_uri=REDIRECT_URI, fetch=self.fetch, now=self.now, **given)

    def decide(self, consent):
        state = parse_qs(urlsplit(consent.url).query)["state"][0]
        return f"{REDIRECT_URI}?code=the-code&state={state}&iss={AUTH_SERVER}"

    def message(self, method="GET", url=f"{RESOURCE}/data", headers=None, body=b"", *, signer=AGENT, reference=None):
        """A valid signed message, to which a test makes one change."""
        key = self.signers[signer]
        signature_key = reference or {"scheme": "jwks", "id": AGENT, "kid": key.kid, "well-known": "aauth-agent"}
        signed = sign_request(method, url, headers, body, signer=key, signature_key=signature_key, now=self.now)
        return message_of(method, url, signed, body)


def message_of(method, url, headers, body=b""):
    _origin, path, query = split_url(url)
    lines = [("host", urlsplit(url).netloc), *headers.items()]
    return ReceivedMessage(method, path + (query or ""), lines, body)


def json_response(value, status=200):
    return Response(status, {"content-type": "application/json"}, json.dumps(value).encode())


def without_none(claims):
    return {name: value for name, value in claims.items() if value is not None}
