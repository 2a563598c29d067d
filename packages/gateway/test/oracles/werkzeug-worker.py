"""Runs requests through Werkzeug: a JSON line with rules, options and requests in, one with the endpoints that ran out."""

import io
import json
import sys
from email.message import Message
from types import SimpleNamespace

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.serving import WSGIRequestHandler

SERVER = SimpleNamespace(
    ssl_context=None, multithread=False, multiprocess=False, server_address=("127.0.0.1", 80)
)


def environ_of(method: str, target: str) -> dict:
    """The environment of a request as Werkzeug's own server makes it."""
    handler = WSGIRequestHandler.__new__(WSGIRequestHandler)
    handler.server = SERVER
    handler.client_address = ("127.0.0.1", 1)
    handler.path = target
    handler.command = method
    handler.request_version = "HTTP/1.1"
    handler.rfile = io.BytesIO()
    handler.connection = None
    handler.headers = Message()
    handler.headers["Host"] = "api.example"
    return handler.make_environ()


def endpoint_of(rules: Map, method: str, target: str):
    try:
        return rules.bind_to_environ(environ_of(method, target)).match()[0]
    except HTTPException:
        # No such path or method, or a redirect, which comes back through the gateway.
        return None


def answer(line: str):
    asked = json.loads(line)
    try:
        rules = Map(
            [Rule(rule["path"], methods=rule["methods"], endpoint=rule["row"]) for rule in asked["rules"]],
            **asked["options"],
        )
        rules.update()
    except (ValueError, LookupError):
        return None
    return [endpoint_of(rules, request["method"], request["target"]) for request in asked["requests"]]


for line in sys.stdin:
    print(json.dumps(answer(line)), flush=True)
