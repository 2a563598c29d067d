"""An API in FastAPI behind the gateway."""

import os
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header, Request


class ForwardedHost:
    """Uses the gateway's X-Forwarded-Host as Host, so that redirects and URLs have the public host."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-host"]
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            if forwarded:
                scope = {**scope, "headers": [(b"host", forwarded[0]), *others]}
        await self.app(scope, receive, send)


app = FastAPI()
app.add_middleware(ForwardedHost)


@app.get("/albums/")
def albums(
    request: Request,
    x_aauth_issuer: Annotated[str, Header()] = "",
    x_aauth_subject: Annotated[str, Header()] = "",
):
    return {"user": [x_aauth_issuer, x_aauth_subject], "url": str(request.url)}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "3000")))
