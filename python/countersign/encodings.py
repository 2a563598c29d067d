"""Strict decoders: one text for each value, so that no two parties can read the same message differently."""

from __future__ import annotations

import base64
import json
from typing import Any, Union


def serialize_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def serialize_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def parse_base64(text: str) -> bytes:
    """Decodes canonical base64 with padding.

    Raises:
        ValueError: for any other text, such as one whose unused bits are not zero.
    """
    data = base64.b64decode(text, validate=True)
    if serialize_base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def parse_base64url(text: str) -> bytes:
    """Decodes canonical base64url without padding (RFC 7515 §2).

    Raises:
        ValueError: for any other text.
    """
    data = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    if serialize_base64url(data) != text:
        raise ValueError("not canonical base64url")
    return data


def parse_json_object(data: Union[bytes, str]) -> dict[str, Any]:
    """Parses a JSON object in UTF-8. Duplicate members are refused: parsers disagree about which of them counts (RFC 8259 §4).

    Raises:
        ValueError: for anything else.
    """
    text = data.decode("utf-8") if isinstance(data, bytes) else data
    try:
        value = json.loads(text, object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("the JSON has a duplicate member")
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
