"""The HTTP client: https only, except on loopback; no redirects, no decompression; a bound on time and size."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Mapping, Optional, Protocol, Sequence

from .identifiers import is_identifier, split_url


@dataclass(frozen=True)
class Response:
    """A response. The names of the headers are in lower case; the values of several lines are joined as a list."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetch(Protocol):
    """Sends one request. Raises `OSError` if there is no response that is complete in time and within `max_bytes`."""

    def __call__(
        self, url: str, *, method: str = "GET", headers: Optional[Mapping[str, str]] = None, body: bytes = b"", max_bytes: int = ...
    ) -> Response: ...


_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


def create_fetch(*, allow_insecure_loopback: bool = False, timeout: float = 30.0, public_only: bool = False) -> Fetch:
    """Creates a `Fetch` for an agent. It raises `ValueError` for plain http, except on loopback with a port if `allow_insecure_loopback`
    is set: over plain http, anyone on the network path can read a signed request and replay it. `timeout` bounds the whole request, in
    seconds, after the name is resolved."""

    def fetch(
        url: str,
        *,
        method: str = "GET",
        headers: Optional[Mapping[str, str]] = None,
        body: bytes = b"",
        max_bytes: int = 16 * 2**20,
    ) -> Response:
        origin, path, query = split_url(url)
        if origin.startswith("http:") and not is_identifier(origin, allow_insecure_loopback=allow_insecure_loopback):
            raise ValueError(f"requests are sent only over https, not to {origin}: allow_insecure_loopback allows loopback with a port")
        expired = threading.Event()
        connection = _connect(origin, timeout, public_only and not origin.startswith("http:"))
        sock = connection.sock

        def expire() -> None:
            expired.set()
            with contextlib.suppress(OSError):
                # Not the method of the TLS socket, which is not safe across threads.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

        # The timeout of the socket alone would not end a request whose peer sends a byte now and then.
        timer = threading.Timer(timeout, expire)
        timer.daemon = True
        timer.start()
        try:
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
            connection.request(method, path + (query or ""), body or None, dict(headers or {}))
            response = connection.getresponse()
            content = response.read(max_bytes + 1)
            if len(content) > max_bytes or response.length or expired.is_set():
                raise OSError(f"{origin} did not send a response of at most {max_bytes} bytes within {timeout} s")
            fields: dict[str, str] = {}
            for name, value in response.getheaders():
                name = name.lower()
                fields[name] = f"{fields[name]}, {value}" if name in fields else value
            return Response(response.status, fields, content)
        except http.client.HTTPException as error:
            raise OSError(f"{origin} did not send a valid response: {type(error).__name__}") from error
        finally:
            timer.cancel()
            connection.close()

    return fetch


def create_guarded_fetch(*, allow_insecure_loopback: bool = False, timeout: float = 5.0) -> Fetch:
    """Creates a `Fetch` for documents whose URL comes from a request that is not verified yet: it connects only to public addresses, so
    that no one can make this server send requests into its own network. The address that was checked is the one that is used."""
    return create_fetch(allow_insecure_loopback=allow_insecure_loopback, timeout=timeout, public_only=True)


def _connect(origin: str, timeout: float, public_only: bool) -> http.client.HTTPConnection:
    scheme, _, authority = origin.partition("://")
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = kind(authority, timeout=timeout)
    addresses = [entry[4][0] for entry in socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)]
    if public_only and not all(_is_public(address) for address in addresses):
        raise OSError(f"refused to connect to {origin}: its address is not public")
    sock = _open_first(addresses, connection.port, timeout)
    if scheme == "https":
        context = ssl.create_default_context()
        sock = context.wrap_socket(sock, server_hostname=connection.host, do_handshake_on_connect=False)
    connection.sock = sock
    return connection


def _open_first(addresses: Sequence[str], port: int, timeout: float) -> socket.socket:
    for address in addresses[:-1]:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), timeout)
    return socket.create_connection((addresses[-1], port), timeout)


def _is_public(address: str) -> bool:
    """Whether an address is public. Of IPv6, only addresses that no translator or tunnel can lead to a private IPv4 address."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return _is_public(str(parsed.ipv4_mapped))
        if parsed not in _GLOBAL_UNICAST or parsed.sixtofour is not None or parsed.teredo is not None:
            return False
    return parsed.is_global and not parsed.is_multicast
