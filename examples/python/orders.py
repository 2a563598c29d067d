"""Reads orders through `countersign sidecar`, which signs the requests as your agent."""

import os
import sys

import requests

# The secret is in the file sidecar-secret, in the agent's folder.
SIDECAR = os.environ.get("SIDECAR", "http://x:SECRET@127.0.0.1:8007")
API = os.environ.get("API", "https://api.example/orders")

try:
    response = requests.get(f"{SIDECAR}/{API}", timeout=60)
except requests.ConnectionError:
    sys.exit("The sidecar is not responding. Start it with: countersign sidecar --allow-host HOST")
if response.status_code == 401 and "consent_url" in response.text:
    # Only if the sidecar has no terminal to prompt you in.
    sys.exit(f"Please decide here, then run this again: {response.json()['consent_url']}")
if not response.ok:
    # The body says what is wrong. An exception would print the URL, with the secret.
    sys.exit(f"{response.status_code}: {response.text}")
print(response.text)
