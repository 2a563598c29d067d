"""The three roles, in memory."""

import html
import json
import re
import secrets
import sys
import time
from urllib.parse import parse_qsl, quote, urlsplit

from messages import fetch_json, find_key, send_signed, verify_request
from person import Person
from tokens import Key, Refusal, decode_token, issue_token, thumbprint, verify_token


def json_answer(status, value, headers=()):
    return status, [("Content-Type", "application/json"), *headers], json.dumps(value).encode()


def text_answer(status, text, headers=(), kind="text/plain"):
    return status, [("Content-Type", f"{kind}; charset=utf-8"), *headers], text.encode()


class Role:
    """Serves a well-known document and its keys. Subclasses add `routes`."""

    document = own = kid = ""

    def __init__(self, options):
        self.id, self.options = options.id, options
        self.authority = urlsplit(self.id).netloc
        self.key = Key(self.kid)
        self.routes = {
            ("GET", f"/.well-known/{self.document}"): lambda _request: json_answer(200, self.metadata()),
            ("GET", "/jwks.json"): lambda _request: json_answer(200, {"keys": [self.key.jwk]}),
        }

    def metadata(self):
        return {self.own: self.id, "jwks_uri": f"{self.id}/jwks.json"}

    def answer(self, request):
        route = self.routes.get((request.method, request.path))
        if not route:
            return text_answer(404, "Not found")
        try:
            return route(request)
        except Refusal as refusal:
            print(f"refused {request.method} {request.path}: {refusal.why}", file=sys.stderr, flush=True)
            body = {"error": refusal.error, "error_description": refusal.why}
            return json_answer(refusal.status, body, refusal.headers)

    def verify(self, request, find_signing_key):
        return verify_request(request, self.authority, find_signing_key, self.options.refuse_nonce)


class Resource(Role):
    document, own, kid = "aauth-resource", "resource", "resource-key-1"
    scope = "data.read data.write"

    def __init__(self, options):
        super().__init__(options)
        for method in ("GET", "POST"):
            self.routes[method, "/data-auth"] = self.protected

    def protected(self, request):
        found = self.verify(request, self.find_signing_key)
        claims = found.get("claims")
        if claims is None or not set(self.scope.split()) <= set(claims.get("scope", "").split()):
            return self.challenge(found)
        return json_answer(
            200,
            {
                "message": "Access granted",
                "data": "This is protected data (authorized)",
                "scheme": "jwt",
                "token_type": "auth+jwt",
                "method": request.method,
                "agent": found["agent"],
                "agent_delegate": claims.get("agent_delegate"),
                "scope": claims["scope"],
            },
        )

    def challenge(self, found):
        claims = {
            "iss": self.id,
            "aud": self.options.auth_server_url,
            "agent": found["agent"],
            "agent_jkt": thumbprint(found["jwk"]),
            "scope": self.scope,
            "exp": int(time.time()) + 600,
        }
        token = issue_token("resource+jwt", claims, self.key)
        header = f'httpsig; auth-token; resource_token="{token}"; auth_server="{self.options.auth_server_url}"'
        return text_answer(401, "Authorization required", [("Agent-Auth", header)])

    def find_signing_key(self, parameters):
        if parameters["scheme"] == "jwks":
            agent = parameters["id"]
            return {"jwk": find_key(parameters.get("well-known", "aauth-agent"), agent, parameters["kid"]), "agent": agent}
        if parameters["scheme"] != "jwt":
            needed = [("Agent-Auth", "httpsig; identity=?1")]
            raise Refusal(401, "invalid_request", "only the schemes jwks and jwt name an agent", needed)

        def refuse(why):
            return Refusal(401, "invalid_auth_token", f"the auth token is refused: {why}")

        def issuer_key(issuer, kid):
            if issuer != self.options.auth_server_url:
                raise refuse(f"its issuer {issuer} is not trusted")
            return find_key("aauth-issuer", issuer, kid)

        claims = verify_token("auth+jwt", parameters["jwt"], self.id, issuer_key, refuse)
        if not isinstance(claims.get("cnf"), dict) or "jwk" not in claims["cnf"] or "agent" not in claims:
            raise refuse("it is bound to no key, or names no agent")
        return {"jwk": claims["cnf"]["jwk"], "agent": claims["agent"], "claims": claims}


class AuthServer(Role):
    document, own, kid = "aauth-issuer", "issuer", "auth-key-1"

    def __init__(self, options):
        super().__init__(options)
        self.requests, self.codes, self.sessions = {}, {}, set()
        self.routes["POST", "/agent/token"] = self.token
        self.routes["GET", "/agent/auth"] = self.show
        self.routes["POST", "/agent/auth"] = self.submit

    def metadata(self):
        return {
            **super().metadata(),
            "agent_token_endpoint": f"{self.id}/agent/token",
            "agent_auth_endpoint": f"{self.id}/agent/auth",
            "agent_signing_algs_supported": ["ed25519"],
            "request_types_supported": ["auth", "code"],
        }

    def token(self, request):
        signer = self.verify(request, self.find_signing_key)
        form = dict(parse_qsl(request.body.decode()))
        handlers = {"auth": self.begin, "code": self.redeem}
        if form.get("request_type") not in handlers:
            raise Refusal(400, "unsupported_request_type", "request_type must be auth or code")
        return json_answer(200, handlers[form["request_type"]](signer, form))

    def find_signing_key(self, parameters):
        if parameters["scheme"] != "jwks" or "id" not in parameters:
            raise Refusal(401, "invalid_request", "the token endpoint needs scheme=jwks with an id")
        agent = parameters["id"]
        return {"jwk": find_key("aauth-agent", agent, parameters["kid"]), "agent": agent}

    def begin(self, signer, form):
        def refuse(why):
            return Refusal(400, "invalid_resource_token", f"the resource token is refused: {why}")

        def resource_key(issuer, kid):
            return find_key("aauth-resource", issuer, kid)

        try:
            claims = verify_token("resource+jwt", form.get("resource_token", ""), self.id, resource_key, refuse)
        except (ValueError, OSError) as error:
            raise refuse(str(error)) from error
        if claims.get("agent") != signer["agent"]:
            raise refuse("its agent is not the one that signs")
        if claims.get("agent_jkt") != thumbprint(signer["jwk"]):
            raise refuse("its agent_jkt is not the signing key")
        redirect_uri = form.get("redirect_uri", "")
        if not redirect_uri.startswith(f"{signer['agent']}/"):
            raise Refusal(400, "invalid_request", "the redirect_uri is not the agent's")
        request_token = secrets.token_urlsafe(32)
        self.requests[request_token] = {
            "agent": signer["agent"],
            "resource": claims["iss"],
            "scope": claims["scope"],
            "redirect_uri": redirect_uri,
            "until": time.time() + 600,
        }
        return {"request_token": request_token, "expires_in": 600}

    def redeem(self, signer, form):
        granted = self.codes.pop(form.get("code"), None)
        if not granted or granted["until"] < time.time() or granted["agent"] != signer["agent"]:
            raise Refusal(400, "invalid_grant", "the code is unknown, used, too old or another agent's")
        if form.get("redirect_uri", granted["redirect_uri"]) != granted["redirect_uri"]:
            raise Refusal(400, "invalid_grant", "the redirect_uri is not the one of the code")
        claims = {
            "iss": self.id,
            "aud": granted["resource"],
            "cnf": {"jwk": signer["jwk"]},
            "scope": granted["scope"],
            "exp": int(time.time()) + 3600,
            "agent": signer["agent"],
            "sub": self.options.username,
        }
        token = issue_token("auth+jwt", claims, self.key)
        return {"auth_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def show(self, request):
        link = dict(parse_qsl((request.query or "?")[1:]))
        asked = self.open_request(link)
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(link[name])}">'
            for name in ("request_token", "redirect_uri")
        )
        if self.session_of(request) is None:
            controls = '<input name="username"><input type="password" name="password">'
            controls += '<button name="action" value="login">Sign in</button>'
        else:
            controls = f"<p>{html.escape(asked['agent'])} asks for {html.escape(asked['scope'])}</p>"
            controls += '<button name="consent" value="deny">Deny</button><button name="consent" value="grant">Allow</button>'
        page = f'<!doctype html><title>Sign in</title><form method="post" action="/agent/auth">{hidden}{controls}</form>'
        return text_answer(200, page, kind="text/html")

    def submit(self, request):
        form = dict(parse_qsl(request.body.decode()))
        asked = self.open_request(form)
        if form.get("action") == "login":
            if (form.get("username"), form.get("password")) != (self.options.username, self.options.password):
                raise Refusal(401, "access_denied", "the user name or the password is wrong")
            session = secrets.token_urlsafe(16)
            self.sessions.add(session)
            again = f"/agent/auth?request_token={quote(form['request_token'])}&redirect_uri={quote(form['redirect_uri'], safe='')}"
            return 303, [("Location", again), ("Set-Cookie", f"session={session}; Path=/; HttpOnly")], b""
        if self.session_of(request) is None or form.get("consent") not in ("grant", "deny"):
            raise Refusal(400, "invalid_request", "nobody is signed in, or nothing is decided")
        del self.requests[form["request_token"]]
        outcome = "error=access_denied"
        if form["consent"] == "grant":
            code = secrets.token_urlsafe(32)
            self.codes[code] = {**asked, "until": time.time() + 60}
            outcome = f"code={code}"
        mark = "&" if "?" in asked["redirect_uri"] else "?"
        return 303, [("Location", f"{asked['redirect_uri']}{mark}{outcome}")], b""

    def open_request(self, link):
        asked = self.requests.get(link.get("request_token"))
        if not asked or asked["until"] < time.time() or link.get("redirect_uri") != asked["redirect_uri"]:
            raise Refusal(400, "invalid_request", "the request is unknown, decided, too old or another one's")
        return asked

    def session_of(self, request):
        cookies = dict(re.findall(r"([^=; ]+)=([^;]*)", request.headers.get("cookie", "")))
        return cookies.get("session") if cookies.get("session") in self.sessions else None


class Agent(Role):
    document, own, kid = "aauth-agent", "agent", "key-1"

    def __init__(self, options):
        super().__init__(options)
        self.answers = {}
        self.routes["GET", "/callback"] = self.callback

    def callback(self, request):
        self.answers = dict(parse_qsl((request.query or "?")[1:]))
        return text_answer(200, "You can close this page.")

    def run(self):
        """The whole flow; returns the resource's last answer."""
        url, named = self.options.resource_url, f'(scheme=jwks id="{self.id}" kid="{self.kid}" well-known="aauth-agent")'
        wanted = None if self.options.body is None else self.options.body.encode()

        def ask_resource(reference):
            method = "GET" if wanted is None else "POST"
            return send_signed(method, url, self.key, reference, wanted, self.options.sign_bodies, "application/json")

        first = ask_resource(named)
        challenge = first.headers.get("agent-auth", "")
        parameters = dict(re.findall(r'; ?([a-z_]+)="([^"]*)"', challenge))
        if first.status != 401 or "resource_token" not in parameters:
            return first
        resource_token, auth_server = parameters["resource_token"], parameters["auth_server"]
        self.require_resource_token(resource_token, auth_server)
        metadata = fetch_json(f"{auth_server}/.well-known/aauth-issuer")
        if metadata.get("issuer") != auth_server:
            raise ValueError(f"the document of {auth_server} names {metadata.get('issuer')}")
        redirect_uri = f"{self.id}/callback"

        def ask(**form):
            body = "&".join(f"{name}={quote(value, safe=':/')}" for name, value in form.items()).encode()
            endpoint = metadata["agent_token_endpoint"]
            answer = send_signed("POST", endpoint, self.key, named, body, self.options.sign_bodies)
            if answer.status != 200:
                raise ValueError(f"{endpoint} answers {answer.status} {answer.body.decode()}")
            return json.loads(answer.body)

        asked = ask(request_type="auth", resource_token=resource_token, redirect_uri=redirect_uri)
        link = f"{metadata['agent_auth_endpoint']}?request_token={asked['request_token']}&redirect_uri={redirect_uri}"
        print(f"consent {link}", flush=True)
        Person(self.options.username, self.options.password, self.options.consent).visit(link)
        if "code" not in self.answers:
            raise ValueError(f"nothing was allowed: {self.answers.get('error', 'no answer')}")
        tokens = ask(request_type="code", code=self.answers["code"], redirect_uri=redirect_uri)
        self.require_auth_token(tokens["auth_token"], auth_server)
        return ask_resource(f'(scheme=jwt jwt="{tokens["auth_token"]}")')

    def require_resource_token(self, token, auth_server):
        claims = decode_token(token)[1]
        own = claims.get("agent") == self.id and claims.get("agent_jkt") == thumbprint(self.key.jwk)
        if not own or claims.get("aud") != auth_server or not self.options.resource_url.startswith(f"{claims['iss']}/"):
            raise ValueError("the resource token is not about this request")

    def require_auth_token(self, token, auth_server):
        claims = decode_token(token)[1]
        bound = thumbprint(claims["cnf"]["jwk"]) == thumbprint(self.key.jwk)
        if not bound or claims["iss"] != auth_server or not self.options.resource_url.startswith(f"{claims['aud']}/"):
            raise ValueError("the auth token is not for this agent and resource")
