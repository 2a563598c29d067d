"""The `Agent-Auth` header, with which a resource states what it requires (S§4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Union

from .errors import AAuthError

# The list of algorithms is an inner list where structured fields allow only items, so it is removed before the rest is parsed.
_STRING_OR_ALGORITHMS = re.compile(r'"(?:[^"\\]|\\.)*"|;[ ]*algs=\([ ]*(?:"[a-z0-9-]{1,40}"(?:[ ]+|(?=\))))*\)')
_PARAMETER = re.compile(
    r';[ ]*([a-z*][a-z0-9_.*-]*)(?:=(?:"((?:[ !#-\[\]-~]|\\["\\])*)"|\?([01])|([A-Za-z0-9*:?.+/=_-]+)))?(?=;|\Z)'
)


@dataclass(frozen=True)
class Challenge:
    """What the next request must prove: `signature`, `identity` or `authorization`, the last with a resource token for an auth server."""

    level: str
    resource_token: Optional[str] = None
    auth_server: Optional[str] = None


def parse_challenge(header: str) -> Challenge:
    """Parses an `Agent-Auth` value. Unknown parameters are ignored.

    Raises:
        AAuthError: `request_malformed`; `challenge_unsupported` if the resource wants to interact with the user itself (S§9.9).
    """
    match = re.match(r" *httpsig(?![^; ])", header)
    if len(header) > 16_384 or header.count(";") > 32 or match is None:
        raise AAuthError("request_malformed", "Agent-Auth does not use the scheme httpsig, or is too long.")
    text = _STRING_OR_ALGORITHMS.sub(lambda found: found[0] if found[0].startswith('"') else "", header[match.end() :].rstrip(" "))
    parameters: dict[str, Union[str, bool, None]] = {}
    while text:
        found = _PARAMETER.match(text)
        if found is None or found[1] in parameters:
            raise AAuthError("request_malformed", "Agent-Auth is not a structured item with distinct parameters (RFC 8941).")
        name, string, boolean, other = found.groups()
        parameters[name] = re.sub(r"\\(.)", r"\1", string) if string is not None else None if other else boolean != "0"
        text = text[found.end() :]
    if "user_interaction" in parameters:
        raise AAuthError("challenge_unsupported", "Agent-Auth requires user_interaction, which is not supported.")
    if parameters.get("auth-token") is not True:
        return Challenge("identity" if parameters.get("identity") is True else "signature")
    for name in ("resource_token", "auth_server"):
        if not isinstance(parameters.get(name, ""), str):
            raise AAuthError("request_malformed", f"Agent-Auth has a {name} that is not a string.")
    return Challenge("authorization", parameters.get("resource_token"), parameters.get("auth_server"))


def serialize_challenge(challenge: Challenge) -> str:
    """Serializes a challenge, such as `httpsig; auth-token; resource_token="…"; auth_server="…"`. The values are tokens and identifiers,
    which need no escapes."""
    members = {"signature": ["httpsig"], "identity": ["httpsig", "identity=?1"], "authorization": ["httpsig", "auth-token"]}
    text = "; ".join(members[challenge.level])
    if challenge.resource_token is not None:
        text += f'; resource_token="{challenge.resource_token}"'
    if challenge.auth_server is not None:
        text += f'; auth_server="{challenge.auth_server}"'
    return text
