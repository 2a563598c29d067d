"""The Python agent, for tests: reads requests as JSON lines, and prints JSON lines: consents to decide, and responses.

Usage: agent_driver.py OPTIONS, a JSON object with the options of `create_agent` that are data, `key`, and `agentToken` for a delegate.
Each request has `url`, and optionally `method`, `headers`, `body` and `now`.
"""

import json
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parents[2] / "python"))

from countersign import AgentError, create_agent, create_signer, loopback_consent  # noqa: E402

options = json.loads(sys.argv[1])
clock = {"offset": 0}


def show(message):
    print(json.dumps(message), flush=True)


agent = create_agent(
    id=options["id"],
    signer=create_signer(options["key"]),
    auth_servers=options["authServers"],
    redirect_uri=options["redirectUri"],
    on_consent=loopback_consent(lambda consent: show({"consent": consent.url})),
    agent_token=(lambda: options["agentToken"]) if "agentToken" in options else None,
    allow_insecure_loopback=True,
    now=lambda: time.time() + clock["offset"],
)
show({"documents": agent.documents})
for line in sys.stdin:
    request = json.loads(line)
    clock["offset"] = request.get("offset", 0)
    try:
        response = agent.fetch(
            request["url"],
            method=request.get("method", "GET"),
            headers=request.get("headers"),
            body=request.get("body", "").encode(),
        )
        show({"status": response.status, "body": response.body.decode()})
    except (AgentError, OSError, ValueError) as error:
        show({"error": getattr(error, "code", type(error).__name__), "message": str(error)})
