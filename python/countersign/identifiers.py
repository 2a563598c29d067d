"""Identifiers, URLs and scopes: which texts are accepted (W10). The raw text is checked, because URL parsers hide differences."""

from __future__ import annotations

import re
from typing import Any, Optional

from .errors import AAuthError

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_IDENTIFIER = re.compile(rf"https://(?=.{{1,253}}(?::|\Z))(?:{_LABEL}\.)+({_LABEL})(?::([1-9][0-9]{{0,4}}))?")
_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]|localhost):([1-9][0-9]{0,4})")
_URL = re.compile(r"(https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{0,4}))?)(/[^?#]*)?(\?[^#]*)?")
_PATH = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@/%\[\]|]*")
_QUERY = re.compile(r"\?[A-Za-z0-9\-._~!$&()*+,;=:@/%?\[\]|^`{}\\]*")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|\Z)", re.IGNORECASE)
_SCOPE_VALUE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")


def is_identifier(text: Any, *, allow_insecure_loopback: bool = False) -> bool:
    """Whether a text is the identifier of an agent, a resource or an auth server: `https` and a lower-case domain name, without path,
    trailing slash, user-info, default port or trailing dot. Two identifiers are equal only if their texts are equal.

    `allow_insecure_loopback` also accepts `http` with a port on 127.0.0.1, [::1] and localhost, for development.
    """
    if not isinstance(text, str):
        return False
    loopback = _LOOPBACK.fullmatch(text)
    if loopback is not None:
        return allow_insecure_loopback and int(loopback[1]) <= 65535
    match = _IDENTIFIER.fullmatch(text)
    # URL parsers read a host whose last label is a number as an IPv4 address.
    if match is None or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", match[1]):
        return False
    return match[2] is None or (int(match[2]) <= 65535 and match[2] != "443")


def require_identifier(option: str, text: Any, *, allow_insecure_loopback: bool = False) -> None:
    """Raises a `TypeError` that names the option if a configured value is not an identifier."""
    if is_identifier(text, allow_insecure_loopback=allow_insecure_loopback):
        return
    hint = "https:// and a domain name in lower case, without a trailing slash"
    if is_identifier(text, allow_insecure_loopback=True):
        hint = "https; set allow_insecure_loopback=True to develop on loopback"
    raise TypeError(f"{option} is not a valid identifier: it must be {hint}: {text!r}")


def is_fetchable_url(text: Any, *, allow_insecure_loopback: bool = False) -> bool:
    """Whether a URL from a document or a header may be fetched: an identifier, with any plain path and query."""
    try:
        origin, _path, _query = split_url(text)
    except ValueError:
        return False
    return is_identifier(origin, allow_insecure_loopback=allow_insecure_loopback)


def split_url(url: Any) -> tuple[str, str, Optional[str]]:
    """Splits a URL into its origin, its path and its query, which includes the `?`; `None` if there is no query.

    Raises:
        ValueError: for a URL that other programs could read differently.
    """
    match = _URL.fullmatch(url) if isinstance(url, str) and len(url) <= 8192 else None
    if match is None or int(match[2] or 1) > 65535:
        raise ValueError("the URL must be https://host/path?query in ASCII, without user-info and fragment")
    path, query = match[3] or "/", match[4]
    if not _PATH.fullmatch(path) or _DOT_SEGMENT.search(path) or (query and not _QUERY.fullmatch(query)):
        raise ValueError("the URL must be percent-encoded, without dot segments")
    return match[1], path, query


def require_target(raw_target: str) -> tuple[str, Optional[str]]:
    """Splits a request target into its path and its query (RFC 9421 §2.2.6, 2.2.7). A target that a URL parser would change is refused,
    because the router and the signature could otherwise disagree about the path (S27, S28).

    Raises:
        AAuthError: `target_ambiguous`.
    """
    try:
        _origin, path, query = split_url(f"https://host{raw_target}") if raw_target.startswith("/") else split_url("")
    except ValueError as error:
        message = "The request target is not a plain path (and query): send it as a URL parser would normalize it."
        raise AAuthError("target_ambiguous", message) from error
    return path, query


def authority_of(origin: str) -> str:
    """The authority of an origin: the host in lower case, without the scheme’s default port (RFC 9421 §2.2.3)."""
    scheme, _, host = origin.partition("://")
    default = {"https": ":443", "http": ":80"}[scheme]
    host = host.lower()
    return host[: -len(default)] if host.endswith(default) else host


def is_under(url: str, identifier: str) -> bool:
    """Whether a URL is at an identifier."""
    return url.startswith(identifier) and url[len(identifier) : len(identifier) + 1] in ("", "/", "?", "#")


def parse_scope(text: Any) -> Optional[list[str]]:
    """The values of a space-separated scope (RFC 6749 §3.3), in order and without duplicates; `None` if it is empty or malformed."""
    values = list(dict.fromkeys(text.split(" "))) if isinstance(text, str) and len(text) <= 8192 else []
    return values if 0 < len(values) <= 64 and all(_SCOPE_VALUE.fullmatch(value) for value in values) else None
