"""Calls an API as an agent, and prompts the user of this computer if the API requires their consent."""

import json
import os
import sys

from countersign import AgentError, create_agent, create_signer, loopback_consent

with open(os.environ.get("AGENT_KEY", "agent-key.json"), encoding="utf-8") as file:
    signer = create_signer(json.load(file))

agent = create_agent(
    id=os.environ.get("AGENT", "https://agent.example"),
    signer=signer,
    # The auth servers at which the user may type a password.
    auth_servers=[os.environ.get("AUTH_SERVER", "https://auth.example")],
    redirect_uri=os.environ.get("REDIRECT_URI", "http://127.0.0.1:53123/callback"),
    on_consent=loopback_consent(),
    # For development: http on loopback.
    allow_insecure_loopback="ALLOW_INSECURE_LOOPBACK" in os.environ,
)
try:
    response = agent.fetch(os.environ.get("API", "https://api.example/orders"))
except AgentError as error:
    sys.exit(f"{error.code}: {error}")
print(response.status, response.body.decode())
