#!/usr/bin/env python3
"""A peer that speaks the January 2026 edition of AAuth as older implementations do, for interoperability tests.

It signs a conforming RFC 9421 base and verifies what it receives: signatures, digests where they are covered, tokens
and what they are bound to. It sends and reads Signature in base64url without padding only, knows the label sig1 only,
sends no Nonce, leaves bodies unsigned, publishes no redirect_uris, drops state, and sends no iss.
Everything is kept in memory. It listens on 127.0.0.1 alone and is for tests.
"""

import argparse
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.dont_write_bytecode = True

from messages import Request  # noqa: E402
from roles import Agent, AuthServer, Resource  # noqa: E402

ROLES = {"agent": Agent, "resource": Resource, "auth-server": AuthServer}
EPILOG = """\
Prints "ready" when it listens, and "refused …" with the reason on stderr for each message it does not accept.
agent: then asks --resource-url, signs in and decides as its own scripted person, and prints one JSON line with the
"status" and "body" of the last answer, or an "error". It ends with 0 after a 200, else with 1.
resource: protects /data-auth. auth-server: has one user.

  peer.py auth-server --port 8003
  peer.py resource --port 8002 --auth-server-url http://127.0.0.1:8003
  peer.py agent --port 8001 --resource-url http://127.0.0.1:8002/data-auth
"""


def parse_options():
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=form)
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 takes a free one and needs no --id")
    parser.add_argument("--id", help="own identifier (default: http://127.0.0.1:PORT)")
    parser.add_argument("--auth-server-url", help="resource: identifier of the auth server")
    parser.add_argument("--resource-url", help="agent: URL of the protected path")
    parser.add_argument("--username", default="testuser", help="auth-server: its user; agent: its person (default: testuser)")
    parser.add_argument("--password", default="testpass", help="the same for the password (default: testpass)")
    parser.add_argument("--consent", choices=["grant", "deny"], default="grant", help="agent: what its person decides")
    parser.add_argument("--sign-bodies", action="store_true", help="agent: cover content-type and content-digest")
    parser.add_argument("--body", help="agent: ask with POST and this body, as JSON")
    parser.add_argument("--refuse-nonce", type=int, metavar="STATUS", help="refuse requests that have a Nonce, such as 400")
    options = parser.parse_args()
    if options.role == "resource" and not options.auth_server_url:
        parser.error("a resource needs --auth-server-url")
    if options.role == "agent" and not options.resource_url:
        parser.error("an agent needs --resource-url")
    return options


class Server(ThreadingHTTPServer):
    daemon_threads = True
    role = None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        status, headers, content = self.server.role.answer(Request(self.command, self.path, self.headers.items(), body))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_line):
        """Says nothing about requests that are accepted."""


def run_agent(agent):
    try:
        answer = agent.run()
    except (ValueError, KeyError, OSError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    text = answer.body.decode()
    is_json = "json" in answer.headers.get("content-type", "")
    print(json.dumps({"status": answer.status, "body": json.loads(text) if is_json else text}), flush=True)
    return 0 if answer.status == 200 else 1


def main():
    options = parse_options()
    server = Server(("127.0.0.1", options.port), Handler)
    options.id = options.id or f"http://127.0.0.1:{server.server_address[1]}"
    server.role = ROLES[options.role](options)
    print("ready", options.id, flush=True)
    if options.role != "agent":
        server.serve_forever()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return run_agent(server.role)


if __name__ == "__main__":
    sys.exit(main())
