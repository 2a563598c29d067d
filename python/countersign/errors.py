"""The exceptions of the library (S§12). Each says what is wrong and what to do; no message contains a token, a signature or a key."""

from __future__ import annotations

from typing import Any, Optional, Sequence

_CASES = {
    (401, "invalid_signature", "invalid_signature"): (
        "signature_missing signature_malformed signature_label_mismatch signature_created_missing signature_expired "
        "signature_created_outside_window signature_mismatch digest_malformed digest_mismatch nonce_malformed nonce_replayed "
        "algorithm_mismatch"
    ),
    (401, "invalid_signature", "invalid_input"): "component_missing component_forbidden component_unsupported nonce_missing",
    (401, "invalid_signature", "invalid_key"): "key_invalid",
    (401, "invalid_signature", "unknown_key"): "key_unknown",
    (401, "invalid_request", None): "identity_required authorization_required",
    (400, "invalid_request", None): "target_ambiguous header_duplicate request_malformed challenge_unsupported",
    (405, "invalid_request", None): "method_not_allowed",
    (413, "invalid_request", None): "body_too_large",
    (415, "invalid_request", None): "media_type_unsupported",
    (431, "invalid_request", None): "headers_too_large",
    (401, "invalid_agent_token", None): "agent_token_invalid",
    (401, "expired_agent_token", None): "agent_token_expired",
    (400, "invalid_resource_token", None): "resource_token_invalid",
    (400, "expired_resource_token", None): "resource_token_expired",
    (401, "invalid_auth_token", None): "auth_token_invalid",
    (401, "expired_auth_token", None): "auth_token_expired",
    (403, "insufficient_scope", None): "scope_insufficient",
    (400, "invalid_scope", None): "scope_invalid",
    (429, "too_many_requests", None): "too_many_requests",
    (503, "temporarily_unavailable", None): "unavailable",
}
WIRE_ERRORS = {code: wire for wire, codes in _CASES.items() for code in codes.split()}
"""Status, `error` in the body and `error` in `Signature-Error`, by code. The codes are those of the TypeScript library."""

_PUBLIC_DESCRIPTIONS = {
    "key_unknown": "No usable key was found at the location in the signature: check what is published there.",
    "unavailable": "Try again in a moment.",
}
"""What an unauthenticated caller receives if the message could reveal what this machine can reach."""


class AAuthError(Exception):
    """A refused request or token. The message is for the operator; `description` is for the caller."""

    def __init__(self, code: str, message: str, required_input: Sequence[str] = (), challenge: Optional[dict[str, Any]] = None):
        super().__init__(message)
        self.code = code
        self.status, self.error, self.signature_error = WIRE_ERRORS[code]
        self.description = _PUBLIC_DESCRIPTIONS.get(code, message)
        self.required_input = required_input
        self.challenge = challenge


class AgentError(Exception):
    """A request that could not be authorized. `error` is the auth server's error code, if it sent one; `consent` is the decision that
    the user has to make, with the code `consent_required`."""

    def __init__(self, code: str, message: str, *, error: Optional[str] = None, consent: Any = None):
        super().__init__(message)
        self.code = code
        self.error = error
        self.consent = consent
