"""An API that knows nothing of signatures: the gateway in front of it says who asks."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

notes = {}  # a database of yours


class Notes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, notes.get(self.person(), []))

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        note = json.loads(self.rfile.read(length))["text"]
        notes.setdefault(self.person(), []).append(note)
        self.answer(201, note)

    def person(self):
        """A person is the auth server and the subject there, together."""
        return self.headers["X-AAuth-Issuer"], self.headers["X-AAuth-Subject"]

    def answer(self, status, found):
        body = json.dumps({"person": self.person(), "notes": found}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# Only this machine gets here: whoever else could, would write the headers.
ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Notes).serve_forever()
