"""What Superset's users try and may not have: each trial as a viewer and as an analyst, and by what it is refused.

docs/superset-security.md is the same table for people; tests/conventions/test_superset_security_page.py compares the two.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.browser.conftest import signed_in
from warehouse import yaml_files
from warehouse.airflow_api import OrchestrationFailed
from warehouse.errors import ConfigurationError
from warehouse.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.browser

RELEASE = "Dry Powder release"
SECRETS = (
    "root:x:0",
    "SUPERSET_SECRET_KEY",
    "secret_key",
    "SQLite format",
    "pbkdf2",
    "duckdb:///",
    "planted by a colleague",
)
"""What no answer may hold, whatever its status."""

REFUSERS = {
    "the role": lambda answer: answer.status_code in {401, 403} and "Forbidden" in answer.text,
    "ownership": lambda answer: answer.status_code in {403, 404} and "The query" not in answer.text,
    "the guard": lambda answer: answer.status_code >= 400 and "The query was not run; expected" in answer.text,
    "the time limit": lambda answer: answer.status_code >= 400 and "The query was stopped; expected" in answer.text,
    "Superset's SQL check": lambda answer: (
        answer.status_code in {400, 403, 422}
        and any(said in answer.text for said in ("sub-queries", "Invalid SQL clause", "INVALID_SQL_ERROR"))
    ),
    "Superset": lambda answer: answer.status_code in {400, 404, 405, 422, 500} and "The query" not in answer.text,
    "DuckDB: no such table": lambda answer: answer.status_code >= 400 and "does not exist" in answer.text,
    "the check of templates": lambda answer: (
        answer.status_code >= 400 and "The template was not filled in; expected" in answer.text
    ),
    "Superset: no writing": lambda answer: answer.status_code >= 400 and "DML" in answer.text,
    "DuckDB: no such name": lambda answer: answer.status_code >= 400 and "Binder Error" in answer.text,
    "the answer, which leaves it out": lambda answer: answer.status_code == 200,
    "not: it is the list of whom to share with": lambda answer: answer.status_code == 200,
}
"""By what a trial can be refused, and how its answer shows it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where things are in this Superset, for trials that name them."""

    home: str
    dataset: int
    chart: int
    dashboard: int
    database: int
    theirs: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is tried, and what refuses it."""

    what: str
    viewer: str
    analyst: str
    ask: Callable[[httpx.Client, Place], httpx.Response]


def lab(client, place, sql):
    body = {"database_id": place.database, "sql": sql.replace("{home}", place.home), "client_id": uuid.uuid4().hex[:11]}
    return client.post("/sqllab/execute/", json=body | {"runAsync": False, "queryLimit": 1000})


def data(client, place, dataset=None, result_format="json", **query):
    asked = {"metrics": ["tables"], "columns": ["source"], "filters": [], "row_limit": 10, **query}
    source = dataset if isinstance(dataset, dict) else {"id": dataset or place.dataset, "type": "table"}
    body = {
        "datasource": source,
        "force": True,
        "queries": [asked],
        "result_format": result_format,
        "result_type": "full",
    }
    return client.post("/chart/data", json=body)


def custom(sql):
    return {"expressionType": "SQL", "sqlExpression": sql, "label": "x"}


def in_lab(what, sql, analyst="the guard"):
    return Trial(what=f"SQL Lab: {what}", viewer="the role", analyst=analyst, ask=lambda c, p: lab(c, p, sql))


def in_chart(what, by, **query):
    return Trial(what=f"Chart: {what}", viewer=by, analyst=by, ask=lambda c, p: data(c, p, **query))


def through(what, viewer, analyst, method, path, **body):
    def ask(client, place):
        filled = json.loads(json.dumps(body).replace("{home}", place.home))
        numbers = {
            "dataset": place.dataset,
            "chart": place.chart,
            "dashboard": place.dashboard,
            "database": place.database,
        }
        return client.request(method, path.format(**numbers, **place.theirs), **({"json": filled} if filled else {}))

    return Trial(what=what, viewer=viewer, analyst=analyst, ask=ask)


def made_of(what, sql, analyst):
    body = {"schema": "ops", "table_name": f"trial {what}", "sql": sql}
    return through(f"Dataset: {what}", "the role", analyst, "POST", "/dataset/", database=1, **body)


def posing(what, kind, by):
    return Trial(
        what=f"Chart: {what}",
        viewer=by,
        analyst=by,
        ask=lambda c, p: data(c, p, {"id": p.theirs[kind], "type": kind}, metrics=[], columns=["secret"]),
    )


TRIALS = [
    # ------------------------------------------------------------------------------------------------- SQL Lab
    in_lab("read /etc/passwd", "select * from read_text('/etc/passwd')"),
    in_lab("read a file by its name alone", "select * from '/etc/passwd'"),
    in_lab("read Superset's settings", f"select * from read_text('{PROJECT_ROOT}/superset/superset_config.py')"),
    in_lab("read Superset's keys", "select * from read_json('{home}/superset/secrets.json')"),
    in_lab("read Superset's database", "select * from read_blob('{home}/superset/superset.db')"),
    in_lab("attach Superset's database", "attach '{home}/superset/superset.db' (type sqlite)"),
    in_lab("attach what may not be passed on", "attach '{home}/internal.duckdb'"),
    in_lab("read what may not be passed on", "select * from read_duckdb('{home}/internal.duckdb')"),
    in_lab("attach the builder's file", "attach '{home}/warehouse.duckdb' as builders"),
    in_lab("read a table whose rows may not be passed on", "select * from finra.margin", "DuckDB: no such table"),
    in_lab("read the builder's raw tables", "select * from raw.finra__margin", "DuckDB: no such table"),
    in_lab("list files", "select * from glob('/*')"),
    in_lab("guess at a file's columns", "select * from sniff_csv('/etc/passwd')"),
    in_lab("read the landed files", "select * from read_parquet('{home}/landing/**/*.parquet')"),
    in_lab("write a file", "copy (select 1) to '/tmp/drypowder-trial.csv'"),
    in_lab("export the database", "export database '/tmp/drypowder-trial'", "Superset's SQL check"),
    in_lab("load an extension", "load httpfs"),
    in_lab("install an extension", "install httpfs"),
    in_lab("change a setting", "set enable_external_access = true"),
    in_lab("change a setting by pragma", "pragma enable_profiling"),
    in_lab("see the settings", "select * from duckdb_settings()"),
    in_lab("see the settings as PostgreSQL names them", "select * from pg_catalog.pg_settings"),
    in_lab("see one setting", "select current_setting('temp_directory')"),
    in_lab("see where files lie", "select * from duckdb_databases()"),
    in_lab("see secrets", "select * from duckdb_secrets()"),
    in_lab("see the environment", "select getenv('SUPERSET_SECRET_KEY')"),
    in_lab("log queries to a file", "select * from enable_logging(storage = 'file')"),
    in_lab("log queries to a file by call", "call enable_logging(storage = 'file')"),
    in_lab("see what others asked", "select * from duckdb_logs"),
    in_lab("run SQL out of a text", "select * from query('select 1')"),
    in_lab("run a serialised query", "select * from json_execute_serialized_sql(json_serialize_sql('select 1'))"),
    in_lab("plan a query out of a text", "select json_serialize_plan('select * from read_text(''/etc/passwd'')')"),
    in_lab("two statements", "select 1; select 2"),
    in_lab("a second statement that writes", "select 1; drop table ops.freshness", "Superset: no writing"),
    in_lab("a checkpoint", "checkpoint"),
    in_lab("a forced checkpoint", "select * from force_checkpoint()"),
    in_lab("explain analyze", "explain analyze select 1"),
    in_lab("insert", "insert into ops.freshness (source) values ('x')", "Superset: no writing"),
    in_lab("delete", "delete from ops.freshness", "Superset: no writing"),
    in_lab("create a table", "create table ops.trial as select 1", "Superset: no writing"),
    in_lab("create a macro", "create macro trial() as 1", "Superset: no writing"),
    in_lab("delete inside a SELECT", "with x as (delete from ops.freshness returning *) select * from x", "Superset: no writing"),
    in_lab("a query without end", "select sum(hash(a.range)) from range(10000000) a, range(10000000) b", "the time limit"),
    in_lab("hold a connection", "select sleep_ms(60000)"),
    in_lab("Jinja: Python's classes", "select {{ ''.__class__.__mro__ }}", "the check of templates"),
    in_lab("Jinja: Superset's settings", "select '{{ url_param.__globals__ }}' as secret", "the check of templates"),
    in_lab("Jinja: a text without end", "select '{{ 'x' * 10 ** 10 }}'", "the check of templates"),
    in_lab("Jinja: a loop in a loop", "select '{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}'",
           "the check of templates"),
    in_lab("Jinja: a long text", "select '{{ lipsum(n=10000000) }}'", "the check of templates"),
    # ---------------------------------------------------------------------------------------------- chart data
    in_chart("a figure that reads a file", "Superset's SQL check", metrics=[custom("(select content from read_text('/etc/passwd'))")]),
    in_chart("a figure that sees a setting", "the guard", metrics=[custom("max(current_setting('temp_directory'))")]),
    in_chart("a figure that sees the environment", "the guard", metrics=[custom("max(getenv('SUPERSET_SECRET_KEY'))")]),
    in_chart("a column that plans a text", "the guard", columns=[custom("json_serialize_plan('select 1')")]),
    in_chart("a figure that ends its query", "Superset's SQL check", metrics=[custom("1; drop table ops.freshness")]),
    in_chart("a filter that reads a file", "Superset's SQL check", extras={"where": "source in (select * from '/etc/passwd')"}),
    in_chart("a filter that ends its bracket", "Superset's SQL check", extras={"where": "1 = 1) union all select 1 --"}),
    in_chart("a filter on groups that sees a setting", "the guard", extras={"having": "max(current_setting('threads')) > 0"}),
    in_chart("an order that sees a setting", "the guard", orderby=[[custom("max(current_setting('threads'))"), True]]),
    in_chart("a filter's column that sees a setting", "the answer, which leaves it out", filters=[{"col": custom("current_setting('threads')"), "op": "==", "val": "x"}]),
    in_chart("a filter's value that ends its text", "the answer, which leaves it out", filters=[{"col": "source", "op": "==", "val": "x' or 1=1 --"}]),
    in_chart("Jinja: a filter without end", "the check of templates", extras={"where": "source = '{{ 'x' * 10 ** 10 }}'"}),
    in_chart("Jinja: Python's classes", "the check of templates", metrics=[custom("{{ ''.__class__.__mro__ }}")]),
    in_chart("Jinja: Superset's settings", "DuckDB: no such name", metrics=[custom("{{ config }}")]),
    posing("a colleague's query as its source", "query", "ownership"),
    posing("a colleague's saved query as its source", "saved_query", "Superset"),
    # ------------------------------------------------------------------------------------- datasets and databases
    made_of("made of a file", "select * from read_text('/etc/passwd')", "Superset"),
    made_of("made of two statements", "select 1; select 2", "Superset"),
    made_of("made of a table that is not there", "select * from finra.margin", "Superset"),
    through("Dataset: change one of ours", "the role", "ownership", "PUT", "/dataset/{dataset}", description="x"),
    through("Dataset: delete one of ours", "the role", "ownership", "DELETE", "/dataset/{dataset}"),
    through("Database: its address", "the role", "the role", "GET", "/database/{database}/connection"),
    through("Database: its address in the list", "the role", "the answer, which leaves it out", "GET", "/database/"),
    through("Database: its address in what is said of it", "the role", "the answer, which leaves it out", "GET", "/database/{database}"),
    through("Database: change its address", "the role", "the role", "PUT", "/database/{database}", sqlalchemy_uri="duckdb:///:memory:"),
    through("Database: add the builder's", "the role", "the role", "POST", "/database/",
            database_name="x", sqlalchemy_uri="duckdb:///{home}/warehouse.duckdb"),
    through("Database: try Superset's own", "the role", "the role", "POST", "/database/test_connection/",
            database_name="x", sqlalchemy_uri="sqlite:///{home}/superset/superset.db"),
    through("Database: upload a file into it", "the role", "the role", "POST", "/database/{database}/upload/"),
    # ----------------------------------------------------------------------------------- what belongs to others
    through("A colleague's saved query", "the role", "ownership", "GET", "/saved_query/{saved_query}"),
    through("A colleague's query", "the role", "ownership", "GET", "/query/{query}"),
    through("Delete a colleague's saved query", "the role", "ownership", "DELETE", "/saved_query/{saved_query}"),
    through("Change a colleague's chart", "the role", "ownership", "PUT", "/chart/{chart_of}", slice_name="mine now"),
    through("Change a chart of ours", "the role", "ownership", "PUT", "/chart/{chart}", slice_name="mine now"),
    through("Delete a chart of ours", "the role", "ownership", "DELETE", "/chart/{chart}"),
    through("Change a dashboard of ours", "the role", "ownership", "PUT", "/dashboard/{dashboard}", dashboard_title="mine now"),
    # ----------------------------------------------------------------------------------------- users and roles
    through("List users", "the role", "the role", "GET", "/security/users/"),
    through("List users by way of owners", "the answer, which leaves it out", "not: it is the list of whom to share with", "GET", "/chart/related/owners"),
    through("List roles", "the role", "the role", "GET", "/security/roles/"),
    through("Make a user", "the role", "the role", "POST", "/security/users/", username="x", roles=[1]),
    through("Take the role Admin", "the role", "the role", "PUT", "/security/users/{me}", roles=[1]),
    through("Make a role", "the role", "the role", "POST", "/security/roles/", name="x"),
    through("Give a role more", "the role", "the role", "POST", "/security/roles/1/permissions", permission_view_menu_ids=[1]),
    through("Make a guest's token", "the role", "the role", "POST", "/security/guest_token/",
            user={"username": "admin"}, resources=[], rls=[]),
    through("See who did what", "the role", "the role", "GET", "/log/"),
    through("Make a report", "Superset", "Superset", "POST", "/report/", name="x"),
    through("Export all assets", "the role", "the role", "GET", "/assets/export/"),
    through("Import assets", "the role", "the role", "POST", "/assets/import/"),
    through("Empty the cache", "the role", "the role", "POST", "/cachekey/invalidate", cache_keys=["x"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(superset, published, people):
    """Where things are, with what the second analyst made."""
    colleague = people["colleague"]

    def number(kind, column, value):
        filters = f"(filters:!((col:{column},opr:eq,value:'{value}')))"
        return colleague.get(f"/{kind}/", params={"q": filters}).json()["ids"][0]

    database = number("database", "database_name", RELEASE)
    dataset = number("dataset", "table_name", "freshness")
    planted = "select 'planted by a colleague' as secret"
    saved = colleague.post(
        "/saved_query/", json={"db_id": database, "label": "theirs", "schema": "ops", "sql": planted}
    )
    asked = colleague.post(
        "/sqllab/execute/",
        json={"database_id": database, "sql": planted, "client_id": uuid.uuid4().hex[:11], "runAsync": False},
    )
    chart = {"slice_name": "theirs", "datasource_id": dataset, "datasource_type": "table", "viz_type": "table"}
    made = colleague.post("/chart/", json=chart | {"params": "{}"})
    yield Place(
        home=str(published.parents[1]),
        dataset=dataset,
        database=database,
        chart=number("chart", "viz_type", "big_number_total"),
        dashboard=number("dashboard", "slug", "health"),
        theirs={
            "saved_query": saved.json()["id"],
            "query": asked.json()["query_id"],
            "chart_of": made.json()["id"],
            "me": people["analyst"].get("/me/").json()["result"]["id"],
        },
    )
    colleague.delete(f"/chart/{made.json()['id']}")
    colleague.delete(f"/saved_query/{saved.json()['id']}")


@pytest.mark.parametrize("role", ["viewer", "analyst"])
@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.what)
def test_it_is_refused(people, place, role, trial):
    answer = trial.ask(people[role], place)

    by = getattr(trial, role)
    assert REFUSERS[by](answer), f"expected to be refused by {by}: {answer.status_code} {answer.text[:800]}"
    for secret in SECRETS:
        assert secret not in answer.text


# ------------------------------------------------------------------- what is not refused, so that not everything is


def test_a_viewer_opens_the_dashboards_and_takes_a_charts_figures_away(people, place):
    viewer = people["viewer"]
    assert viewer.get("/dashboard/health").json()["result"]["dashboard_title"]
    assert viewer.get("/dashboard/health/charts").json()["result"]
    assert data(viewer, place).json()["result"][0]["data"]
    table = data(viewer, place, result_format="csv").text.splitlines()
    assert table[0] == "source,tables"
    assert len(table) > 5


def test_an_analyst_asks_keeps_and_exports(people, place):
    analyst = people["analyst"]
    client_id = uuid.uuid4().hex[:11]
    body = {"database_id": place.database, "sql": "select source from ops.freshness", "client_id": client_id}
    answer = analyst.post("/sqllab/execute/", json=body | {"runAsync": False, "queryLimit": 5})
    assert len(answer.json()["data"]) == 5
    assert analyst.get(f"/sqllab/export/{client_id}/").text.lstrip("\ufeff").splitlines()[0] == "source"
    filled = lab(analyst, place, "select '{% if current_username() %}{{ current_username() }}{% endif %}' as me")
    assert filled.json()["data"] == [{"me": "analyst"}]
    made = {
        "saved_query": {"db_id": place.database, "label": "mine", "schema": "ops", "sql": "select 1"},
        "dataset": {
            "database": 1,
            "schema": "ops",
            "table_name": "mine",
            "sql": "select source, 1 as n from ops.freshness",
        },
        "chart": {"slice_name": "mine", "datasource_id": place.dataset, "datasource_type": "table", "params": "{}"},
        "dashboard": {"dashboard_title": "mine"},
    }
    for kind, of in made.items():
        answer = analyst.post(f"/{kind}/", json=of)
        assert answer.status_code == 201, answer.text
        number = answer.json()["id"]
        if kind == "dataset":
            assert data(analyst, place, number, metrics=[custom("sum(n)")]).json()["result"][0]["data"]
        assert analyst.get(f"/{kind}/export/", params={"q": f"!({number})"}).status_code == 200
        assert analyst.delete(f"/{kind}/{number}").status_code == 200


def test_queries_are_listed_though_one_of_them_would_never_end(people, place):
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"
    assert lab(people["analyst"], place, f"select '{loop}'").status_code >= 400
    listed = people["analyst"].get("/query/").json()["result"]
    assert any(loop in each["sql"] for each in listed)


def test_an_analyst_charts_a_query_of_their_own(people, place):
    answer = lab(people["analyst"], place, "select source, 1 as n from ops.freshness")
    mine = {"id": answer.json()["query_id"], "type": "query"}
    asked = data(people["analyst"], place, mine, metrics=[custom("sum(n)")])
    assert asked.json()["result"][0]["data"], asked.text
    assert data(people["colleague"], place, mine, metrics=[custom("sum(n)")]).status_code == 403


def test_an_engineer_edits_ours_and_sees_who_did_what_and_no_users(people, place, superset):
    engineer = people["engineer"]
    edited = engineer.put(f"/chart/{place.chart}", json={"description": "by an engineer"})
    assert edited.status_code == 200, edited.text
    assert "changed chart" in superset.sync("apply")
    assert engineer.get("/log/").status_code == 200
    assert engineer.get("/security/users/").status_code == 403
    assert engineer.get(f"/database/{place.database}/connection").status_code == 403


def test_a_user_is_made_once_and_with_a_role_that_there_is(superset, people):
    with pytest.raises(ConfigurationError, match="expected one of viewer, analyst, engineer, admin; got 'boss'"):
        superset.add_user("maria", "boss")
    with pytest.raises(OrchestrationFailed, match="User already exists viewer"):
        superset.add_user("viewer", "viewer")


def test_even_admin_opens_no_other_duckdb_file(api, place):
    for file in ("warehouse.duckdb", "internal.duckdb"):
        body = {"database_name": "x", "sqlalchemy_uri": f"duckdb:///{place.home}/{file}"}
        answer = api.post("/database/test_connection/", json=body)
        assert answer.status_code == 422
        assert "expected the current release; got another file" in answer.text


def test_roles_are_what_git_says_however_they_were_changed(superset, api):
    roles = {
        role["name"]: role["id"]
        for role in api.get("/security/roles/", params={"q": "(page_size:50)"}).json()["result"]
    }
    given = {
        (p["permission_name"], p["view_menu_name"]): p["id"]
        for p in api.get(f"/security/roles/{roles['analyst']}/permissions/").json()["result"]
    }
    had = {
        (p["permission_name"], p["view_menu_name"]): p["id"]
        for p in api.get(f"/security/roles/{roles['viewer']}/permissions/").json()["result"]
    }
    more = [*had.values(), given["can_execute_sql_query", "SQLLab"]]
    more.remove(had["can_csv", "Superset"])
    api.post(
        f"/security/roles/{roles['viewer']}/permissions", json={"permission_view_menu_ids": more}
    ).raise_for_status()
    said = superset.sync("apply")
    assert "changed role 'viewer': without can_execute_sql_query SQLLab\n" in said
    assert "changed role 'viewer': with can_csv Superset\n" in said
    assert "role" not in superset.sync("apply")


# ------------------------------------------------------------------------------- values that dashboards' filters send

AS_OF = {
    "ends its text": "2025-01-01' or 1=1 --",
    "a query": "(select max(known_at) from ops.releases)",
    "Jinja": "{{ url_param.__globals__ }}",
    "a function": "current_setting('threads')",
}
"""What is no moment, and may not become SQL where a dataset of ours takes one."""

OF_A_MOMENT = [
    yaml_files.read(PROJECT_ROOT / "superset" / "assets" / "datasets" / f"{name}.yaml")
    for name in ("metrics__as_of", "metrics__compare", "marts__fct_dry_powder_daily")
]
"""One of each way in which generated datasets ask for a moment."""


@pytest.mark.parametrize("value", AS_OF.values(), ids=AS_OF)
@pytest.mark.parametrize("dataset", OF_A_MOMENT, ids=lambda found: found["table_name"])
def test_a_moment_that_is_none_is_refused(people, place, dataset, value):
    filters = f"(filters:!((col:table_name,opr:eq,value:'{dataset['table_name']}')))"
    (number,) = people["analyst"].get("/dataset/", params={"q": filters}).json()["ids"]
    asked = {"metrics": [], "columns": [dataset["columns"][0]["column_name"]]}
    good = data(people["viewer"], place, number, **asked)
    assert good.status_code == 200, good.text
    answer = data(people["viewer"], place, number, filters=[{"col": "as_of", "op": "IN", "val": [value]}], **asked)
    assert answer.status_code >= 400, answer.text


# ---------------------------------------------------------------------------------------------------------- logins


def test_what_the_login_page_still_had_to_say_leaves_the_login_as_it_is(superset, password):
    before = {}
    with signed_in(superset, "admin", password, before) as browser:
        assert browser.get("/api/v1/me/").json()["result"]["username"] == "admin"
        headers = dict(browser.headers)
    late = {"data": {"events": "[]"}, "headers": headers, "cookies": before, "trust_env": False, "timeout": 60}
    answer = httpx.post(f"{superset.url}/superset/log/?explode=events", **late)
    assert (answer.status_code, answer.headers.get("set-cookie")) == (204, None)
