"""Fetches the documents in which parties publish their keys (S§8), and finds keys in them (S§10.7)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Callable, Optional

from .encodings import parse_json_object
from .errors import AAuthError
from .fetch import Fetch
from .identifiers import is_fetchable_url, is_identifier
from .keys import VerificationKey, import_verification_key


@dataclass(frozen=True)
class DocumentType:
    """A document at `{identifier}/.well-known/{name}`; `own` is the member that contains the identifier itself (S§8.1–8.3)."""

    name: str
    own: str
    urls: tuple[str, ...] = ("jwks_uri",)


AGENT_DOCUMENT = DocumentType("aauth-agent", "agent")
RESOURCE_DOCUMENT = DocumentType("aauth-resource", "resource")
AUTH_SERVER_DOCUMENT = DocumentType("aauth-issuer", "issuer", ("jwks_uri", "agent_token_endpoint", "agent_auth_endpoint"))

_CACHE_SECONDS = 60
_UNREACHABLE_SECONDS = 5
_CACHED_DOCUMENTS = 1000
_MAX_BYTES = 65_536


class DiscoveryError(Exception):
    """A document or key that was not found. `is_unreachable`: its origin did not respond, so trying again later may help."""

    def __init__(self, message: str, is_unreachable: bool = False):
        super().__init__(message)
        self.is_unreachable = is_unreachable


class Discovery:
    """Finds documents and keys with a `Fetch`. Documents, and refusals of documents, are kept for a minute: a key is accepted for at most
    a minute after it was removed, and the senders of unverified requests cannot cause more fetches of a URL than that."""

    def __init__(self, fetch: Fetch, *, now: Callable[[], float] = time.time, allow_insecure_loopback: bool = False):
        self._fetch = fetch
        self._now = now
        self._allow_insecure_loopback = allow_insecure_loopback
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[float, Any]] = {}

    def find_metadata(self, document: DocumentType, identifier: str) -> dict[str, Any]:
        """The document of a party. It must contain its own identifier, so a copy at another host is refused.

        Raises:
            DiscoveryError: if there is no such document.
        """
        if not is_identifier(identifier, allow_insecure_loopback=self._allow_insecure_loopback):
            raise DiscoveryError("the identifier does not have the accepted form (https://host)")
        url = f"{identifier}/.well-known/{document.name}"
        metadata = self._fetch_json(url)
        if metadata.get(document.own) != identifier:
            raise DiscoveryError(f"{url} was refused: its {document.own} is not the identifier it was fetched for")
        for member in document.urls:
            if not is_fetchable_url(metadata.get(member), allow_insecure_loopback=self._allow_insecure_loopback):
                raise DiscoveryError(f"{url} was refused: its {member} is missing or not an accepted URL")
        return metadata

    def find_key(self, document: DocumentType, identifier: str, kid: str) -> VerificationKey:
        """The key with this `kid` that a party publishes.

        Raises:
            DiscoveryError: if there is no such key.
            AAuthError: `key_invalid` for a key that must not be used.
        """
        return self.find_key_at(self.find_metadata(document, identifier)["jwks_uri"], kid)

    def find_key_at(self, jwks_uri: str, kid: str) -> VerificationKey:
        """The key with this `kid` in the JWKS at a URL, with the errors of `find_key`."""
        if not is_fetchable_url(jwks_uri, allow_insecure_loopback=self._allow_insecure_loopback):
            raise DiscoveryError("the URL of the JWKS does not have the accepted form")
        keys = self._fetch_json(jwks_uri).get("keys")
        if not isinstance(keys, list) or len(keys) > 100:
            raise DiscoveryError(f"{jwks_uri} is not a JWKS of at most 100 keys")
        found = [key for key in keys if isinstance(key, dict) and key.get("kid") == kid]
        if len(found) != 1:
            raise DiscoveryError(f"{jwks_uri} has {len(found)} keys with this kid: publish each kid exactly once")
        return import_verification_key(found[0])

    def _fetch_json(self, url: str) -> dict[str, Any]:
        cached = self._cache.get(url)
        if cached is None or cached[0] <= self._now():
            document = self._fetch_new(url)
            seconds = _UNREACHABLE_SECONDS if getattr(document, "is_unreachable", False) else _CACHE_SECONDS
            cached = (self._now() + seconds, document)
            with self._lock:
                self._cache.pop(url, None)
                self._cache[url] = cached
                if len(self._cache) > _CACHED_DOCUMENTS:
                    del self._cache[next(iter(self._cache))]
        if isinstance(cached[1], DiscoveryError):
            raise DiscoveryError(str(cached[1]), cached[1].is_unreachable)
        return cached[1]

    def _fetch_new(self, url: str) -> Any:
        """The document, or why there is none, to be cached as well."""
        try:
            response = self._fetch(url, headers={"accept": "application/json"}, max_bytes=_MAX_BYTES)
            if response.status != 200:
                return DiscoveryError(f"{url} returned {response.status} (redirects are not followed)", response.status >= 500)
            if len(response.body) > _MAX_BYTES:
                return DiscoveryError(f"{url} is larger than {_MAX_BYTES} bytes")
            return parse_json_object(response.body)
        except OSError as error:
            return DiscoveryError(f"{url} could not be fetched: {error}", True)
        except ValueError as error:
            return DiscoveryError(f"{url} is not a JSON object: {error}")
