"""An API in FastAPI behind the gateway."""

import os
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header, Request


app = FastAPI()


@app.get("/albums/")
def albums(
    request: Request,
    x_aauth_issuer: Annotated[str, Header()] = "",
    x_aauth_subject: Annotated[str, Header()] = "",
):
    return {"user": [x_aauth_issuer, x_aauth_subject], "url": str(request.url)}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "3000")))
