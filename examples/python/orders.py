"""Reads orders through `countersign sidecar`, which signs them as your agent."""

import os
import sys

import requests

# The secret is in the file sidecar-secret, in the agent's folder.
SIDECAR = os.environ.get("SIDECAR", "http://x:SECRET@127.0.0.1:8007")
API = os.environ.get("API", "https://api.example/orders")

response = requests.get(f"{SIDECAR}/{API}", timeout=60)
if response.status_code == 401 and "consent_url" in response.text:
    # Only where the sidecar has no terminal to ask in.
    sys.exit(f"Please decide here, then run this again: {response.json()['consent_url']}")
response.raise_for_status()
print(response.text)
