"""Superset in the production shape: who gets in, what its pages may load, and which files it sees."""

from __future__ import annotations

import re

import httpx
import pytest

from warehouse.settings import PROJECT_ROOT

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


def test_the_generated_password_lets_admin_in_and_there_is_what_git_says_and_no_example(superset, client):
    token = log_in(client, superset.given["SUPERSET_ADMIN_PASSWORD"]).json()["access_token"]
    mine = {"Authorization": f"Bearer {token}"}
    for kind in ("chart", "dashboard", "dataset", "database"):
        answer = client.get(f"/api/v1/{kind}/", headers=mine)
        in_git = len(list((PROJECT_ROOT / "superset" / "assets" / f"{kind}s").rglob("*.yaml")))
        assert (answer.status_code, answer.json()["count"]) == (200, in_git), kind


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


def test_it_reads_the_release_that_the_builder_made_and_nothing_that_is_the_builders_own(superset, built):
    assert built[1]["publish"] == "success"
    internal = superset.folder / "volumes" / "warehouse" / "internal.duckdb"
    if not internal.exists():  # the sample has no such rows; this is how the builder would leave them
        internal.write_text("private")
        internal.chmod(0o400)
    container = superset.running["superset"]
    sql = "select count(*) from metrics.latest where value is not null"
    ask = f"import duckdb; print(duckdb.connect('/data/current/warehouse.duckdb', read_only=True).sql('{sql}').fetchone()[0])"
    read = container.run("python", "-c", ask)
    assert int(read.stdout) > 0, read.stderr
    assert "Read-only file system" in container.run("touch", "/data/x").stderr
    for command in (
        ("ls", "/data/archive"),
        ("ls", "/data/landing"),
        ("ls", "/data/quarantine"),
        ("cat", "/data/internal.duckdb"),
    ):
        assert "Permission denied" in container.run(*command).stderr, command


def test_answers_are_kept_in_redis_for_their_release_and_typed_sql_is_judged(superset, built, client):
    token = log_in(client, superset.given["SUPERSET_ADMIN_PASSWORD"]).json()["access_token"]
    mine = {"Authorization": f"Bearer {token}", "Referer": ADDRESS}
    mine["X-CSRFToken"] = client.get("/api/v1/security/csrf_token/", headers=mine).json()["result"]
    filters = {"q": "(filters:!((col:table_name,opr:eq,value:freshness)))"}
    (dataset,) = client.get("/api/v1/dataset/", headers=mine, params=filters).json()["ids"]
    query = {"metrics": ["tables"], "columns": ["source"], "filters": [], "row_limit": 10}
    body = {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "result_format": "json"}
    answers = [client.post("/api/v1/chart/data", headers=mine, json=body).json()["result"][0] for _ in range(2)]
    assert answers[0]["data"] == answers[1]["data"] != []
    assert answers[1]["is_cached"]
    release = (superset.folder / "volumes" / "warehouse" / "current").resolve().name
    keys = superset.running["redis"].run(
        "redis-cli", "--user", "superset", "keys", "superset:data:*",
        REDISCLI_AUTH=superset.given["REDIS_SUPERSET_PASSWORD"],
    )  # fmt: skip
    assert f"superset:data:{release}:" in keys.stdout
    query["metrics"] = [{"expressionType": "SQL", "sqlExpression": "max(current_setting('threads'))", "label": "x"}]
    refused = client.post("/api/v1/chart/data", headers=mine, json=body)
    assert "The query was not run; expected functions over the release's own data" in refused.text


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


def test_a_replaced_key_is_taken_over_at_the_next_start(superset):
    told = superset.services["superset-init"]["environment"]
    old = told["SUPERSET_SECRET_KEY"]
    try:
        told["SUPERSET_SECRET_KEY"] = f"{'another-key-of-some-length-' * 2},{old}"
        superset.restart("superset-init")
        assert "as they should be" in superset.running["superset-init"].tail()
    finally:
        told["SUPERSET_SECRET_KEY"] = old
