"""The HTTP client and the redirect on loopback, against real sockets."""

import datetime
import os
import socket
import ssl
import tempfile
import threading
import time
import unittest
from http.client import HTTPConnection
from unittest import mock
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from countersign import AgentError, Consent, create_fetch, create_guarded_fetch, loopback_consent
from countersign.fetch import _is_public


class Server:
    """A server on loopback that sends the same bytes to everyone, with a pause after each if `slow`."""

    def __init__(self, response, slow=False, tls=None):
        self.requests = []
        self.tls = tls
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.response, self.slow = response, slow
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _address = self.socket.accept()
            except OSError:
                return
            try:
                connection = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
                self.requests.append(connection.recv(65536))
                for position in range(0, len(self.response), 1 if self.slow else 2**20):
                    connection.sendall(self.response[position : position + (1 if self.slow else 2**20)])
                    time.sleep(0.02 if self.slow else 0)
            except OSError:
                continue
            finally:
                connection.close()

    def close(self):
        self.socket.close()


class Fetch(unittest.TestCase):
    def start(self, response, slow=False, tls=None):
        server = Server(response, slow, tls)
        self.addCleanup(server.close)
        return server

    def test_https_except_on_loopback(self):
        server = self.start(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        self.assertEqual(create_fetch(allow_insecure_loopback=True)(f"{server.url}/x?").body, b"hi")
        self.assertTrue(server.requests[0].startswith(b"GET /x? HTTP/1.1\r\n"))
        for url in (server.url, "http://example.com/", "http://127.0.0.1/", "http://127.0.0.1.example:80/"):
            with self.subTest(url), self.assertRaisesRegex(ValueError, "https"):
                create_fetch()(url)
        for url in ("http://example.com:8080/", "http://10.0.0.1:80/", "http://[::ffff:127.0.0.1]:80/", "file:///etc/passwd"):
            with self.subTest(url), self.assertRaises(ValueError):
                create_fetch(allow_insecure_loopback=True)(url)

    def test_redirects_are_not_followed(self):
        target = self.start(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        server = self.start(f"HTTP/1.1 307 X\r\nLocation: {target.url}\r\nContent-Length: 0\r\n\r\n".encode())
        self.assertEqual(create_fetch(allow_insecure_loopback=True)(server.url, method="POST", body=b"secret").status, 307)
        self.assertEqual(target.requests, [])

    def test_size_is_bounded(self):
        fetch = create_fetch(allow_insecure_loopback=True)
        for head in (b"Content-Length: 1001", b"X: y"):
            server = self.start(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + b"a" * 1001)
            with self.assertRaisesRegex(OSError, "1000 bytes"):
                fetch(server.url, max_bytes=1000)
            self.assertEqual(len(fetch(server.url, max_bytes=1001).body), 1001)
        cut = self.start(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi")
        headers = self.start(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n")
        garbage = self.start(b"SSH-2.0\r\n")
        for server in (cut, headers, garbage):
            with self.assertRaises(OSError):
                fetch(server.url)

    def test_time_is_bounded(self):
        """The peer sends a byte every 20 ms, which would take 20 s in all, so that no single read times out."""
        server = self.start(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 1000, slow=True)
        with self.assertRaises(OSError):
            create_fetch(allow_insecure_loopback=True, timeout=0.5)(server.url)

    def test_guarded_fetch_connects_only_to_public_addresses(self):
        for address in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0", "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "224.0.0.1", "ff02::1"):
            with self.subTest(address):
                self.assertFalse(_is_public(address))
        for address in ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"):
            self.assertTrue(_is_public(address))
        # All addresses of a name count: otherwise, a second one could be used.
        with mock.patch("socket.getaddrinfo", return_value=[(2, 1, 6, "", ("93.184.215.14", 443)), (2, 1, 6, "", ("127.0.0.1", 443))]):
            with mock.patch("socket.create_connection", side_effect=AssertionError("it connected")):
                with self.assertRaisesRegex(OSError, "not public"):
                    create_guarded_fetch()("https://agent.example/")

    def test_tls(self):
        files = create_certificates(self)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["certificate"], files["key"])
        server = self.start(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", tls=context)
        port = urlsplit(server.url).port
        with mock.patch.dict("os.environ", {"SSL_CERT_FILE": files["root"]}):
            self.assertEqual(create_fetch(timeout=10)(f"https://localhost:{port}/secret").body, b"hi")
            # The certificate is for localhost only.
            with self.assertRaises(ssl.SSLCertVerificationError):
                create_fetch(timeout=10)(f"https://127.0.0.1:{port}/secret")
        with self.assertRaises(ssl.SSLCertVerificationError):
            create_fetch(timeout=10)(f"https://localhost:{port}/secret")
        self.assertEqual(len(server.requests), 1)

    def test_a_tls_handshake_that_does_not_end(self):
        server = self.start(b"\x16\x03\x03\x40\x00" + b"a" * 1000, slow=True)
        with self.assertRaises(OSError):
            create_fetch(timeout=0.5)(server.url.replace("http:", "https:"))


def create_certificates(test):
    """A root, and a certificate for localhost, in files that the test removes."""
    folder = tempfile.TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "localhost")}
    names = {name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in keys}
    today = datetime.datetime.now(datetime.timezone.utc)
    made = {}
    for name, key in keys.items():
        is_root = name == "root"
        builder = x509.CertificateBuilder().subject_name(names[name]).issuer_name(names["root"]).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(today - datetime.timedelta(days=1)).not_valid_after(today + datetime.timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys["root"].public_key())
        builder = builder.add_extension(identifier, critical=False).add_extension(authority, critical=False)
        usage = dict.fromkeys(
            "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign encipher_only decipher_only".split(), False
        )
        usage.update(key_cert_sign=is_root, crl_sign=is_root, digital_signature=not is_root)
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
        made[name] = builder.sign(keys["root"], hashes.SHA256()).public_bytes(Encoding.PEM)
    key = keys["localhost"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files = {}
    for name, content in {"root": made["root"], "certificate": made["localhost"], "key": key}.items():
        files[name] = os.path.join(folder.name, name)
        with open(files[name], "wb") as file:
            file.write(content)
    return files


class LoopbackConsent(unittest.TestCase):
    def consent(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        redirect_uri = f"http://127.0.0.1:{self.port}/callback"
        return Consent("https://auth.example/page", redirect_uri, "the-state", "https://auth.example", "https://api.example", "x", 0)

    def get(self, target):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", target)
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()

    def test_only_the_callback_with_the_state_ends_the_wait(self):
        statuses = []

        def visit(_consent):
            def browse():
                for target in ("/callback", "/callback?code=x&state=wrong", "/favicon.ico", "/other?state=the-state", "/callback?code=y&state=the-state"):
                    statuses.append(self.get(target)[0])

            threading.Thread(target=browse).start()

        answer = loopback_consent(visit, consent_timeout=30)(self.consent())
        self.assertEqual(answer, f"http://127.0.0.1:{self.port}/callback?code=y&state=the-state")
        self.assertEqual(statuses[:4], [400] * 4)
        with self.assertRaises(OSError):
            self.get("/callback")

    def test_the_wait_ends(self):
        with self.assertRaises(AgentError) as raised:
            loopback_consent(lambda _consent: None, consent_timeout=0.1)(self.consent())
        self.assertEqual(raised.exception.code, "consent_expired")

    def test_it_listens_only_on_loopback(self):
        consent = self.consent()
        for redirect_uri in ("http://0.0.0.0:8000/callback", "https://agent.example/callback", "http://127.0.0.1/callback"):
            with self.assertRaisesRegex(TypeError, "loopback_consent"):
                loopback_consent(lambda _consent: None)(Consent(consent.url, redirect_uri, *("x",) * 4, 0))


if __name__ == "__main__":
    unittest.main()
