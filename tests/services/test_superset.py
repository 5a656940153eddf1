"""Superset in the production shape: who gets in, what its pages may load, and which files it sees."""

from __future__ import annotations

import re

import httpx
import pytest

pytestmark = pytest.mark.services

ADDRESS = "http://127.0.0.1:8088"


@pytest.fixture(scope="module")
def client(superset):
    with httpx.Client(base_url=ADDRESS, timeout=60, trust_env=False) as found:
        yield found


def log_in(client, password):
    return client.post("/api/v1/security/login", json={"username": "admin", "password": password, "provider": "db"})


def test_it_is_healthy_and_wants_a_login(client):
    assert client.get("/health").text == "OK"
    assert client.get("/api/v1/chart/").status_code == httpx.codes.UNAUTHORIZED
    assert client.get("/superset/welcome/").headers["location"].split("?")[0].endswith("/login/")
    assert log_in(client, "admin").status_code == httpx.codes.UNAUTHORIZED


def test_the_generated_password_lets_admin_in_and_there_is_no_example(superset, client):
    token = log_in(client, superset.given["SUPERSET_ADMIN_PASSWORD"]).json()["access_token"]
    mine = {"Authorization": f"Bearer {token}"}
    for kind in ("chart", "dashboard", "dataset", "database"):
        answer = client.get(f"/api/v1/{kind}/", headers=mine)
        assert (answer.status_code, answer.json()["count"]) == (200, 0), kind


def test_the_form_lets_in_who_has_the_page_that_it_came_with(superset, client):
    password = superset.given["SUPERSET_ADMIN_PASSWORD"]
    forged = client.post("/login/", data={"username": "admin", "password": password})
    assert forged.status_code == httpx.codes.BAD_REQUEST or "/login/" in forged.headers.get("location", "/login/")
    token = re.search(r'csrf_token[^>]*?value="([^"]+)"|csrf_token&#34;: &#34;([^&]+)&#34;', client.get("/login/").text)
    assert token
    form = {"username": "admin", "password": password, "csrf_token": token[1] or token[2]}
    answer = client.post("/login/", data=form, headers={"Referer": f"{ADDRESS}/login/"})
    assert answer.status_code == httpx.codes.FOUND
    assert "login" not in answer.headers["location"]


def test_pages_may_load_nothing_from_elsewhere(client):
    headers = client.get("/login/").headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert not re.search(r"https?:|\*", policy)
    assert headers["x-frame-options"] == "SAMEORIGIN"


def test_it_sees_the_folder_of_releases_and_can_neither_write_there_nor_read_what_is_private(superset, databases):
    home = databases.folder / "volumes" / "warehouse"
    if not (home / "internal.duckdb").exists():  # as the builder leaves it
        (home / "internal.duckdb").write_text("private")
        (home / "internal.duckdb").chmod(0o400)
    container = superset.running["superset"]
    assert "Read-only file system" in container.run("touch", "/data/x").stderr
    assert container.run("ls", "/data").returncode == 0
    assert "Permission denied" in container.run("cat", "/data/internal.duckdb").stderr


@pytest.mark.parametrize("name", ["superset", "superset-worker"])
def test_a_service_is_healthy_by_its_own_check_and_no_root(superset, name):
    checked = superset.health(name)
    assert checked.returncode == 0, checked.stderr
    container = superset.running[name]
    assert re.search(r"Uid:\t50001\t", container.run("cat", "/proc/1/status").stdout)
    assert "Read-only file system" in container.run("touch", "/opt/drypowder/superset/x").stderr


def test_it_knows_no_password_but_its_own(superset):
    told = superset.running["superset"].run("sh", "-c", "cat /proc/1/environ").stdout
    theirs = [
        name
        for name, value in superset.given.items()
        if name.endswith(("_PASSWORD", "_KEY", "_SECRET")) and len(value) > 20 and value in told
    ]
    assert sorted(theirs) == ["POSTGRES_SUPERSET_PASSWORD", "REDIS_SUPERSET_PASSWORD", "SUPERSET_SECRET_KEY"]


def test_it_keeps_its_own_data_in_postgresql_and_redis(superset):
    tables = superset.running["postgres"].run(
        "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--username", "postgres", "--dbname", "superset", "--command",
        "select count(*) from ab_user",
    )  # fmt: skip
    assert tables.stdout.strip() == "1"
    keys = superset.running["redis"].run(
        "redis-cli", "--user", "superset", "keys", "superset:*", REDISCLI_AUTH=superset.given["REDIS_SUPERSET_PASSWORD"]
    )
    assert "superset:" in keys.stdout


@pytest.mark.parametrize("key", ["", "short", "CHANGE_ME"])
def test_it_does_not_start_without_a_key(superset, key):
    done = superset.running["superset"].run("superset", "version", SUPERSET_SECRET_KEY=key)
    assert done.returncode != 0
    assert "SUPERSET_SECRET_KEY has to be 32 characters or more" in done.stderr + done.stdout
