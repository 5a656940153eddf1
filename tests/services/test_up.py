"""`make up` with Superset beside Airflow, natively: its own database, its own password, and gone after `down`."""

from __future__ import annotations

import io
import json
import stat

import httpx
import pytest
from rich.console import Console

from warehouse import serving
from warehouse.processes import free_port, in_sessions, is_listening
from warehouse.settings import PROJECT_ROOT, Settings

pytestmark = pytest.mark.services


def test_superset_comes_up_asks_for_a_password_and_goes(tmp_path):
    settings = Settings(
        home=tmp_path / "home",
        sources=f"recorded:{PROJECT_ROOT / 'sample'}",
        airflow_port=free_port(),
        superset_port=free_port(),
    )
    said = io.StringIO()
    console = Console(file=said, width=200)
    try:
        serving.up(settings, console)
        states = {s.name: s.word for s in serving.Stack(settings, None).states()}
        assert states["superset"] == "RUNNING"

        secrets = settings.home / "superset" / "secrets.json"
        assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
        password = json.loads(secrets.read_text())["admin_password"]
        assert said.getvalue().count(password) == 1
        for log in (settings.home / "services").glob("*.log"):
            assert password not in log.read_text(), log.name

        with httpx.Client(base_url=f"http://127.0.0.1:{settings.superset_port}", trust_env=False) as client:
            assert client.get("/health").text == "OK"
            assert client.get("/api/v1/chart/").status_code == 401
            login = {"username": "admin", "password": "guess", "provider": "db"}
            assert client.post("/api/v1/security/login", json=login).status_code == 401
            token = client.post("/api/v1/security/login", json=login | {"password": password}).json()["access_token"]
            charts = client.get("/api/v1/chart/", headers={"Authorization": f"Bearer {token}"})
            in_git = list((PROJECT_ROOT / "superset" / "assets" / "charts").rglob("*.yaml"))
            assert charts.json()["count"] == len(in_git)  # none of its examples
        sessions = {int(pid) for pid in json.loads((settings.home / "services" / "sessions.json").read_text())}
    finally:
        serving.down(settings, console)
    assert in_sessions(sessions) == []
    assert not is_listening(settings.superset_port)
