"""An API in Flask behind the gateway."""

import os

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)


@app.get("/albums/")
def albums():
    user = request.headers.get("X-AAuth-Issuer", ""), request.headers.get("X-AAuth-Subject", "")
    return {"user": user, "url": request.url}


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "3000")))
