"""The Python agent, for tests: reads requests as JSON lines, and prints JSON lines: consents to decide, and responses.

Usage: agent_driver.py OPTIONS, a JSON object: see python-processes.ts. Each request has `url`, and optionally `method`, `headers`, `body` and
`offset`, which moves the clock.
"""

import json
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parents[2] / "python"))

from countersign import AgentError, create_agent, create_fetch, create_signer, loopback_consent  # noqa: E402
from countersign.identifiers import split_url  # noqa: E402

options = json.loads(sys.argv[1])
clock = {"offset": 0}


def show(message):
    print(json.dumps(message), flush=True)


direct = create_fetch(allow_insecure_loopback=True)


def through_proxy(url, *, headers=None, **request):
    origin, path, query = split_url(url)
    return direct(f"{options['proxy']}{path}{query or ''}", headers={**(headers or {}), "x-origin": origin}, **request)


agent = create_agent(
    id=options["id"],
    signer=create_signer(options["key"]),
    auth_servers=options["authServers"],
    redirect_uri=options["redirectUri"],
    on_consent=loopback_consent(lambda consent: show({"consent": consent.url})),
    agent_token=(lambda: options["agentToken"]) if "agentToken" in options else None,
    fetch=through_proxy if "proxy" in options else direct,
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
