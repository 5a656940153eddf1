"""An S3-compatible server on loopback: moto in a process of its own, behind a proxy that counts and spoils."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY, SECRET = "AKIATESTTESTTESTTEST", "a-secret-that-no-log-may-hold"
_HOP_BY_HOP = {"connection", "transfer-encoding", "date", "server", "content-length"}
_DENIED = (
    "<?xml version='1.0'?><Error><Code>InvalidAccessKeyId</Code><Message>No such key.</Message>"
    f"<AWSAccessKeyId>{KEY}</AWSAccessKeyId><StringToSign>{SECRET}</StringToSign></Error>"
).encode()


class Request(NamedTuple):
    """A request as the server got it."""

    method: str
    path: str
    sent: int
    """Bytes of its body."""
    is_copy: bool

    @property
    def is_upload(self) -> bool:
        """Whether it carries a file or a part of one."""
        return self.method == "PUT" and not self.is_copy


class ObjectStorage:
    """The proxy. `spoil` is asked before every request for `fail`, `deny`, `drop`, `cut`, `slow` or None."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[Request] = []
        self.spoil: Callable[[Request], str | None] = lambda _: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"storage": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Address of the proxy."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What an uploader is given."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Ask the server itself, as its owner."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(
            method,
            path,
            body,
            {"Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/s3/aws4_request"},
        )
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def uploads(self) -> list[str]:
        """Return the keys that were sent, parts of a large file each by itself, and forget all requests."""
        found = [unquote(each.path.partition("?")[0]) for each in self.requests if each.is_upload]
        self.requests.clear()
        return found

    def close(self) -> None:
        """Stop the proxy."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    storage: ObjectStorage

    def log_message(self, *_: object) -> None:
        pass

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, len(body), "x-amz-copy-source" in self.headers)
        self.storage.requests.append(request)
        fault = self.storage.spoil(request)
        if fault == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if fault in {"fail", "deny"}:
            status, content = (500, b"<Error><Code>InternalError</Code></Error>") if fault == "fail" else (403, _DENIED)
            self._answer(status, {}, content)
            return
        if fault == "slow":
            time.sleep(0.3)
        connection = http.client.HTTPConnection("127.0.0.1", self.storage.port, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        self._answer(answer.status, dict(answer.getheaders()), content, is_cut=fault == "cut")
        connection.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes, *, is_cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        length = next((v for k, v in headers.items() if k.lower() == "content-length"), str(len(content)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if is_cut else content)
        if is_cut:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815


@contextmanager
def object_storage() -> Iterator[ObjectStorage]:
    """Run the server and the proxy; both are gone afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        storage = ObjectStorage(port)
        try:
            yield storage
        finally:
            storage.close()
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("moto did not start")
