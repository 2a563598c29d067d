"""An API that only agents with the user's consent can call. Put a proxy in front of it that terminates TLS."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from countersign import AAuthError, ReceivedMessage, Response, create_guarded_fetch, create_resource, create_signer

with open(os.environ.get("API_KEY", "api-key.json"), encoding="utf-8") as file:
    signer = create_signer(json.load(file))

# For development: http on loopback.
insecure = "ALLOW_INSECURE_LOOPBACK" in os.environ
resource = create_resource(
    id=os.environ.get("API", "https://api.example"),
    signer=signer,
    auth_server=os.environ.get("AUTH_SERVER", "https://auth.example"),
    fetch=create_guarded_fetch(allow_insecure_loopback=insecure),
    scopes={"orders.read": "See your orders", "orders.write": "Place orders"},
    nonce="required",
    allow_insecure_loopback=insecure,
)


def respond(message: ReceivedMessage) -> Response:
    published = resource.handle(message)
    if published is not None:
        return published
    try:
        scope = "orders.read" if message.method == "GET" else "orders.write"
        request = resource.verify(message, "authorization", scope)
    except AAuthError as error:
        return resource.to_response(error)
    orders = {"agent": request.agent, "user": [request.iss, request.sub], "received": request.body.decode("latin-1")}
    # No shared cache may store what belongs to one user.
    headers = {"content-type": "application/json", "cache-control": "private, no-store", "vary": "Signature-Key"}
    return Response(200, headers, json.dumps(orders).encode())


class Handler(BaseHTTPRequestHandler):
    timeout = 10

    def handle_request(self) -> None:
        lengths = self.headers.get_all("content-length", ["0"])
        # This server reads only bodies with a single plain length, so that no part of a body can become a request.
        if "transfer-encoding" in self.headers or len(lengths) != 1 or not lengths[0].isdecimal() or int(lengths[0]) > 2**20:
            return self.send_error(413)
        # The target as it was sent: `self.path` is already normalized.
        target = self.requestline.split(" ")[1]
        message = ReceivedMessage(self.command, target, self.headers.items(), self.rfile.read(int(lengths[0])))
        response = respond(message)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = do_PUT = do_DELETE = handle_request


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8002"))), Handler).serve_forever()
