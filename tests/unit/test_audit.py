"""`make audit`, asked of a service on loopback: a known vulnerability fails, and so does a package nobody knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from warehouse.settings import PROJECT_ROOT

FOUND = {
    "id": "GHSA-test", "summary": "It lets strangers in.", "modified": "2026-01-01T00:00:00Z", "aliases": [],
    "affected": [{"package": {"ecosystem": "PyPI", "name": "uv"}, "versions": [], "ranges": [
        {"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}],
}  # fmt: skip


@pytest.fixture
def osv():
    """A vulnerability service; `known` is what it has of every package, and `status` how it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"vulns": self.server.known} if self.server.known else {}).encode()
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.known, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def audit(osv, tmp_path):
    recipe = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "-o", "setup-dev", "audit",
         f"AUDIT=-s osv --osv-url http://127.0.0.1:{osv.server_port}"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "core production superset" in recipe
    shell = recipe.replace("for set in core production superset", "for set in bootstrap").replace(
        ".venv/bin/pip-audit", f"{sys.executable} -m pip_audit"
    )
    shell = shell.lstrip("@")
    return subprocess.run(
        ["sh", "-c", shell], cwd=PROJECT_ROOT, capture_output=True, text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip


def test_a_known_vulnerability_fails_by_name(osv, tmp_path):
    osv.known = [FOUND]
    done = audit(osv, tmp_path)
    assert done.returncode != 0
    assert "GHSA-test" in done.stdout


def test_nothing_known_passes(osv, tmp_path):
    done = audit(osv, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No known vulnerabilities found" in done.stdout + done.stderr


def test_a_service_that_does_not_answer_is_no_clean_bill(osv, tmp_path):
    osv.status = 500
    assert audit(osv, tmp_path).returncode != 0
