"""Prompts the user of this computer, and receives the redirect on loopback (RFC 8252 §7.3)."""

from __future__ import annotations

import hmac
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable
from urllib.parse import parse_qs, urlsplit

from .errors import AgentError
from .token_endpoint import Consent, OnConsent


def _print_link(consent: Consent) -> None:
    print(f"Please decide here: {consent.url}", file=sys.stderr, flush=True)


def loopback_consent(show: Callable[[Consent], None] = _print_link, *, consent_timeout: float = 600.0) -> OnConsent:
    """Creates an `on_consent` for an agent whose `redirect_uri` is `http://127.0.0.1:PORT/PATH`. It listens there only while the user is
    deciding. `show` shows the user the link; the default prints it. `consent_timeout` is in seconds.

    The returned function raises `AgentError` with `consent_expired` if the user did not decide in time.
    """

    def on_consent(consent: Consent) -> str:
        received: queue.Queue[str] = queue.Queue()
        redirect = urlsplit(consent.redirect_uri)

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                target = urlsplit(self.path)
                state = parse_qs(target.query).get("state", [""])[0]
                # Any program and any web page can open this URL: only the callback that knows the state ends the wait.
                is_ours = target.path == redirect.path and hmac.compare_digest(state.encode(), consent.state.encode())
                page = b"You can close this page." if is_ours else b"No request is waiting for this response."
                self.send_response(200 if is_ours else 400)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(page)
                if is_ours:
                    received.put(f"{consent.redirect_uri}?{target.query}")

            def log_message(self, format: str, *args: object) -> None:
                """Logs nothing: the URL contains the code."""

        if redirect.scheme != "http" or redirect.hostname not in ("127.0.0.1", "::1") or redirect.port is None:
            raise TypeError(f"loopback_consent needs a redirect_uri such as http://127.0.0.1:53123/callback: {consent.redirect_uri}")
        server = ThreadingHTTPServer((redirect.hostname, redirect.port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            show(consent)
            return received.get(timeout=consent_timeout)
        except queue.Empty as error:
            raise AgentError("consent_expired", f"The user did not decide within {consent_timeout:g} s.") from error
        finally:
            server.shutdown()
            server.server_close()

    return on_consent
