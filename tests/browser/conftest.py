"""A real browser, and a release of the sample in which a source is held back."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import duckdb
import httpx
import pytest

from tests.integration.conftest import built, copied, parsed_once, sample_settings  # noqa: F401  (fixtures)
from warehouse import clock, impact, release
from warehouse.processes import free_port
from warehouse.settings import PROJECT_ROOT, Settings
from warehouse.superset import Superset

HELD = "fiscaldata.auctions"
TAKES_PICTURES = "DRYPOWDER_SCREENSHOTS" in os.environ
WICKED = "" if TAKES_PICTURES else " & <script>window.hacked = true</script>"
REASON = f"A year of auctions has 300 rows or more (observed 3{WICKED})."

PLANTED = {
    "marts.fct_scarcity_slopes_monthly": {
        "date_day": "date '2026-08-31'", "parameter_set": "'default'", "measure": "'convexity_ratio'", "estimate": "1.4",
        "interval_low": "1.1", "interval_high": "1.9", "n_obs": "120", "known_at": "timestamptz '2026-08-31 22:00:00+00'",
    },
    "marts.fct_thirteenf_filers_quarterly": {
        "entity_id": "'planted'", "filer_name": "'Planted'", "country_code": "'SA'", "quarter_end": "date '2026-06-30'",
        "value_usd_bn": "2", "exit_count": "1", "pit_quality": "'dated'", "known_at": "timestamptz '2026-08-15 12:00:00+00'",
        "source_url": "'https://www.sec.gov/planted'", "origin": "'documented'",
    },
    "marts.fct_canary_hits": {
        "evaluated_on": "date '2026-08-31'", "hit_ratio": "0.5", "base_ratio": "0.2", "lift_ratio": "2.5", "week_count": "120",
        "alarm_count": "4", "hit_count": "2", "false_alarm_count": "2", "missed_event_count": "1", "episode_count": "3",
        "false_episode_count": "1", "pit_quality": "'dated'", "known_at": "timestamptz '2026-08-31 22:00:00+00'",
        "origin": "'recorded'",
    },
}  # fmt: skip
"""Of tables that the sample has no rows of, one row each."""

PATIENCE = 15
"""Seconds that a query may take."""

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def published(built, tmp_path_factory):  # noqa: F811
    """Folder of a second release of the sample, made by the verb of the first, with auctions held back."""
    home = tmp_path_factory.mktemp("held") / "home"
    shutil.copytree(built.home, home, symlinks=True)
    settings = replace(built, home=home)
    with duckdb.connect(str(settings.warehouse)) as connection:
        for name, row in ({} if TAKES_PICTURES else PLANTED).items():
            connection.execute(f"insert into {name} by name select {', '.join(f'{v} as {c}' for c, v in row.items())}")
    return publish_without(settings, "2026")


def publish_without(settings, partition):
    """Publish what a builder's file has, with one partition of auctions more held back; return the release's folder."""
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(
            "insert into ops.held_back values ('planted', ?, ?, ?, now(), 'incoming', ?, '[]')",
            [*HELD.split("."), partition, REASON],
        )
        impact.note_affected(connection)
    return release.publish(settings, now=clock.now(settings), run_id=f"planted-{partition}").path


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, which `make browser` installs."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("there is no chromium on this machine: `make browser` as root installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def complaints():
    """What pages complained of, or asked another host for."""
    return []


@pytest.fixture
def tab(chromium, complaints):
    """Open a tab that notes complaints: `tab(width=390, scheme="dark")`."""
    contexts = []

    def _tab(width=1200, height=900, scheme="light"):
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(f"{page.url}: {said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("requestfailed", lambda asked: complaints.append(f"{page.url}: {asked.url} failed"))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith(("file:", "data:", "http://127.0.0.1:"))
                or complaints.append(f"{page.url} asks for {asked.url}")
            ),
        )
        return page

    yield _tab
    for context in contexts:
        context.close()


@pytest.fixture
def served(published):
    """Address of a loopback server of the release's folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(published)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def superset(published):
    """Superset on the home of that release, as `make up` prepares and starts it."""
    home = published.parents[1]
    made = Superset(replace(Settings(home=home), superset_port=free_port()))
    said = []
    made.make_secrets()
    made.prepare(said.append)
    assert len(said) == 2
    log = (made.folder / "gunicorn.log").open("wb")
    process = subprocess.Popen(
        made.command,
        env={**os.environ, **made.environment, "SUPERSET_QUERY_SECONDS": str(PATIENCE)},
        cwd=made.folder,
        stdout=log,
        stderr=log,
    )
    deadline = time.monotonic() + 120
    while not made.answers():
        assert process.poll() is None, (made.folder / "gunicorn.log").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.3)
    yield made
    process.terminate()
    process.wait(timeout=60)


@pytest.fixture(scope="session")
def password(superset):
    return json.loads(superset.secrets.read_text())["admin_password"]


def swap(home, release):
    """Point `current` at a release, as publishing one ends."""
    fresh = home / ".current.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(release.relative_to(home))
    fresh.rename(home / "current")


def log_in(superset, name, password):
    """Return a client of the REST API, logged in."""
    # gunicorn closes what was idle for two seconds: we do before it.
    limits = httpx.Limits(keepalive_expiry=1)
    client = httpx.Client(base_url=f"{superset.url}/api/v1", trust_env=False, timeout=60, limits=limits)
    login = {"username": name, "password": password, "provider": "db"}
    client.headers["Authorization"] = f"Bearer {client.post('/security/login', json=login).json()['access_token']}"
    client.headers["X-CSRFToken"] = client.get("/security/csrf_token/").json()["result"]
    client.headers["Referer"] = superset.url
    return client


@contextmanager
def signed_in(superset, name, password, before=None):
    """A client that the login page let in, as a browser is; `before` is told the cookies it had until then."""
    with httpx.Client(base_url=superset.url, trust_env=False, timeout=60, headers={"Referer": superset.url}) as client:
        (token,) = re.findall(r'id="csrf_token"[^>]*value="([^"]+)"', client.get("/login/").text)
        client.headers["X-CSRFToken"] = token
        if before is not None:
            before.update(client.cookies)
        answer = client.post("/login/", data={"username": name, "password": password, "csrf_token": token})
        assert answer.headers["location"] == "/", answer.text[-2000:]
        yield client


@pytest.fixture
def api(superset, password):
    """The REST API, logged in as `admin`."""
    client = log_in(superset, "admin", password)
    yield client
    client.close()


@pytest.fixture(scope="session")
def people(superset):
    """One who is logged in for each role, and a second analyst."""
    names = {"viewer": "viewer", "analyst": "analyst", "colleague": "analyst", "engineer": "engineer"}
    found = {name: log_in(superset, name, superset.add_user(name, role)) for name, role in names.items()}
    yield found
    for client in found.values():
        client.close()


@pytest.fixture
def git(superset, tmp_path):
    """A copy of superset/ in which files may be changed, and what `sync.py` says in it."""
    copy = tmp_path / "superset"
    shutil.copytree(PROJECT_ROOT / "superset", copy)

    def sync(verb, *, fails=False):
        done = subprocess.run(
            [superset.python, copy / "sync.py", verb], env={**os.environ, **superset.environment}, cwd=tmp_path,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == (1 if fails else 0), done.stdout + done.stderr[-3000:]
        return done.stderr if fails else done.stdout

    return copy / "assets", sync
