"""Signed requests (RFC 9421): a conforming base, one label `sig1`, and `Signature` in base64url without padding."""

import base64
import hashlib
import http.client
import json
import re
import time
from urllib.parse import urlsplit

from tokens import Refusal, from_base64url, is_signed_by, to_base64url

LABEL = "sig1"
WINDOW = 60
FORM = "application/x-www-form-urlencoded"


class Request:
    """What was received."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.body = method, target, body
        self.path, mark, query = target.partition("?")
        self.query = mark + query if mark else None
        self.headers = {}
        for name, value in headers:
            name = name.lower()
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}
        self.cookies = [value for name, value in headers if name.lower() == "set-cookie"]


def send(method, url, headers=(), body=None):
    """Sends a request; follows no redirect."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(parts.netloc, timeout=10)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def fetch_json(url):
    answer = send("GET", url, {"accept": "application/json"})
    if answer.status != 200:
        raise ValueError(f"{url} answers {answer.status}")
    return json.loads(answer.body)


def find_key(document, identifier, kid):
    """The key of that id in the JWKS that an identifier's well-known document names."""
    metadata = fetch_json(f"{identifier}/.well-known/{document}")
    own = {"aauth-agent": "agent", "aauth-resource": "resource", "aauth-issuer": "issuer"}[document]
    if metadata.get(own) != identifier:
        raise ValueError(f"the document of {identifier} names {metadata.get(own)}")
    for jwk in fetch_json(metadata["jwks_uri"])["keys"]:
        if jwk.get("kid") == kid:
            return jwk
    raise ValueError(f"{identifier} publishes no key {kid}")


def send_signed(method, url, key, reference, body=None, sign_body=False, media_type=FORM):
    """Signs a request and sends it. `reference` is the value of `Signature-Key` without its label."""
    parts = urlsplit(url)
    headers = {}
    if body is not None:
        headers["Content-Type"] = media_type
        headers["Content-Digest"] = digest_of(body)
    headers["Signature-Key"] = f"{LABEL}={reference}"
    covered = ["@method", "@authority", "@path"]
    if "?" in url:
        covered.append("@query")
    if body is not None and sign_body:
        covered += ["content-type", "content-digest"]
    covered.append("signature-key")
    values = {name.lower(): value for name, value in headers.items()}
    values |= {"@method": method, "@authority": parts.netloc, "@path": parts.path or "/", "@query": f"?{parts.query}"}
    parameters = f"({' '.join(quote(name) for name in covered)});created={int(time.time())}"
    base = signature_base(covered, values, parameters)
    headers["Signature-Input"] = f"{LABEL}={parameters}"
    headers["Signature"] = f"{LABEL}=:{to_base64url(key.sign(base))}:"
    return send(method, url, headers, body)


def verify_request(request, authority, find_signing_key, refuse_nonce=None):
    """Returns what `find_signing_key(parameters)` says of the key, once the signature is that key's over the request."""
    if refuse_nonce is not None and "nonce" in request.headers:
        raise Refusal(refuse_nonce, "invalid_request", "the header Nonce is not allowed here")
    parameters = read_signature_key(header_of(request, "signature-key"))
    covered, parameters_text, created = read_signature_input(header_of(request, "signature-input"))
    signature = read_signature(header_of(request, "signature"))
    if abs(time.time() - created) > WINDOW:
        raise invalid(f"created is more than {WINDOW} s away from this clock")
    required = ["@method", "@authority", "@path", "signature-key"] + (["@query"] if request.query is not None else [])
    missing = [name for name in required if name not in covered]
    if missing:
        raise invalid(f"the signature does not cover {', '.join(missing)}", "invalid_input")
    values = dict(request.headers)
    values |= {"@method": request.method, "@authority": authority, "@path": request.path, "@query": request.query or "?"}
    absent = [name for name in covered if name not in values]
    if absent:
        raise invalid(f"the signature covers {', '.join(absent)}, which the request does not have", "invalid_input")
    try:
        found = find_signing_key(parameters)
        verified = is_signed_by(found["jwk"], signature, signature_base(covered, values, parameters_text))
    except (ValueError, KeyError, OSError) as error:
        raise invalid(f"the key was not found: {error}", "unknown_key") from error
    if not verified:
        raise invalid("the signature is not the key's over this request")
    if "content-digest" in covered and digest_of(request.body) not in re.split(r",\s*", values["content-digest"]):
        raise invalid("the body does not have the digest that is signed")
    return found


def signature_base(covered, values, parameters):
    return "\n".join([*(f"{quote(name)}: {values[name]}" for name in covered), f'"@signature-params": {parameters}'])


def digest_of(body):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def read_signature_key(text):
    """The parameters of `sig1=(scheme=… name="value" …)`."""
    match = re.fullmatch(LABEL + r'=\(scheme=([a-z0-9]+)((?: [a-z0-9-]+="[^"\\]*")*)\)', text)
    if not match:
        raise invalid(f"Signature-Key is not {LABEL}=(scheme=…)")
    pairs = re.findall(r' ([a-z0-9-]+)="([^"\\]*)"', match[2])
    if len(dict(pairs)) != len(pairs):
        raise invalid("Signature-Key has a parameter twice")
    return {"scheme": match[1], **dict(pairs)}


def read_signature_input(text):
    match = re.fullmatch(LABEL + r'=(\(((?:"[@a-z0-9-]+" ?)*)\);created=(\d+)(?:;[a-z]+=(?:"[^"\\]*"|\d+))*)', text)
    if not match:
        raise invalid(f"Signature-Input is not {LABEL}=(…);created=…")
    return re.findall(r'"([^"]+)"', match[2]), match[1], int(match[3])


def read_signature(text):
    match = re.fullmatch(LABEL + r"=:(.*):", text)
    if not match:
        raise invalid(f"Signature is not {LABEL}=:…:")
    try:
        return from_base64url(match[1])
    except ValueError as error:
        raise invalid("Signature is not base64url without padding") from error


def header_of(request, name):
    if name not in request.headers:
        raise invalid(f"the request has no {name}")
    return request.headers[name]


def invalid(why, signature_error="invalid_signature"):
    return Refusal(401, "invalid_signature", why, [("Signature-Error", f"error={signature_error}")])


def quote(name):
    return f'"{name}"'
