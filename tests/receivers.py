"""Who is told of incidents and of lineage, on loopback: a mail server and a web hook, real ones, that can be told to fail."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ANSWERS = {"EHLO": ["250-loopback", "250 AUTH PLAIN"], "AUTH": ["235 welcome"], "QUIT": ["221 bye"]}


class _Session(socketserver.StreamRequestHandler):
    server_of_mails: MailServer

    def answer(self, *lines):
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    def handle(self):
        self.answer("220 loopback")
        while line := self.rfile.readline():
            text = line.decode().strip()
            self.server_of_mails.said.append(text)
            word = text.partition(" ")[0].upper()
            if word == "MAIL" and self.server_of_mails.refusals:
                self.server_of_mails.refusals -= 1
                self.answer("451 not now")
            elif word == "DATA":
                self.answer("354 go on")
                self.take()
                self.answer("250 taken")
            else:
                self.answer(*_ANSWERS.get(word, ["250 fine"]))

    def take(self):
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server_of_mails.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))


class MailServer:
    """An SMTP server that keeps what it takes; while it has `refusals` it refuses, and counts them down."""

    def __init__(self):
        self.mails: list[email.message.EmailMessage] = []
        self.refusals = 0
        self.said: list[str] = []
        server = self

        class Session(_Session):
            server_of_mails = server

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def connection(self, **more) -> str:
        """Return Airflow's connection to it, as JSON."""
        extra = {"disable_tls": True, "disable_ssl": True, "from_email": "drypowder@example.org", "retry_limit": 0}
        return json.dumps(
            {"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": {**extra, "timeout": 5}, **more}
        )

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class WebHook:
    """An HTTP server that keeps what is posted to it; `answers` are its next statuses, `status` once they are used up."""

    def __init__(self, path: str = "/hook", status: int = 204):
        self.requests = 0
        self.taken: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.path, self.status = path, status
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.requests += 1
                status = hook.answers.pop(0) if hook.answers else hook.status
                if self.path != hook.path:
                    status = 404
                if status < 300:
                    hook.taken.append(json.loads(body))
                    hook.headers.append(dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}{path}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def connection(self, **more) -> str:
        """Return Airflow's connection to it, as JSON."""
        return json.dumps({"conn_type": "http", "host": self.url, **more})

    def close(self):
        self._server.shutdown()
        self._server.server_close()
