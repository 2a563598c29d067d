"""An API that knows nothing about signatures: the gateway in front of it identifies the user."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

notes = {}  # your database


class Notes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.respond(200, notes.get(self.user(), []))

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        note = json.loads(self.rfile.read(length))["text"]
        notes.setdefault(self.user(), []).append(note)
        self.respond(201, note)

    def user(self):
        """A user is the auth server and the subject there, together."""
        return self.headers["X-AAuth-Issuer"], self.headers["X-AAuth-Subject"]

    def respond(self, status, found):
        body = json.dumps({"user": self.user(), "notes": found}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# Only this machine can connect: anyone else could set the headers themselves.
ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Notes).serve_forever()
