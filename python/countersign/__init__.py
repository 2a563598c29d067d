"""Agent authorization with user consent: the January 2026 edition of AAuth, for Python. See README.md."""

from .agent import Agent, create_agent
from .errors import AAuthError, AgentError
from .fetch import Fetch, Response, create_fetch, create_guarded_fetch
from .keys import Signer, create_signer, generate_private_jwk
from .loopback_consent import loopback_consent
from .nonces import NonceClaim, create_memory_nonces
from .resource import Resource, VerifiedRequest, create_resource
from .sign_request import sign_request
from .token_endpoint import Consent
from .tokens import AGENT_TOKEN, AUTH_TOKEN, RESOURCE_TOKEN, issue_token, verify_token
from .verify_signature import ReceivedMessage, verify_signature

__all__ = [
    "AAuthError",
    "AGENT_TOKEN",
    "AUTH_TOKEN",
    "Agent",
    "AgentError",
    "Consent",
    "Fetch",
    "NonceClaim",
    "RESOURCE_TOKEN",
    "ReceivedMessage",
    "Resource",
    "Response",
    "Signer",
    "VerifiedRequest",
    "create_agent",
    "create_fetch",
    "create_guarded_fetch",
    "create_memory_nonces",
    "create_resource",
    "create_signer",
    "generate_private_jwk",
    "issue_token",
    "loopback_consent",
    "sign_request",
    "verify_signature",
    "verify_token",
]
