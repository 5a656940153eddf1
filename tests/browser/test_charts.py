"""Every dashboard in a real browser, and every chart's answer against plain SQL on the release, as of now and of a day past."""

from __future__ import annotations

import csv
import math
import statistics
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import duckdb
import httpx
import pytest

from tests.browser.conftest import PLANTED, TAKES_PICTURES, signed_in
from tests.drills import in_drills
from warehouse import stores, yaml_files
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.browser

ASSETS = PROJECT_ROOT / "superset" / "assets"


def read(kind):
    found = (yaml_files.read(path) for path in sorted((ASSETS / kind).rglob("*.yaml")))
    return {each["uuid"]: each for each in found}


DATASETS, CHARTS, DASHBOARDS = read("datasets"), read("charts"), read("dashboards")
GOOD_NEWS = {each["slice_name"] for each in CHARTS.values() if "An empty table is good news" in each["description"]}
SLUGS = {each["slug"]: each for each in DASHBOARDS.values()}
CHART = '[data-test="chart-grid-component"]'
IDLE = "() => !document.querySelector('[data-test=\"loading-indicator\"], .loading')"

THEN = date(2025, 2, 25)
INSTANTS = {None: "now()", THEN: "timestamptz '2025-02-26 04:59:59.999+00'"}
"""Which day a dashboard's filter names, and the instant that is meant: the day's end in New York."""


def charts_of(dashboard):
    there = [each for each in dashboard["position"].values() if isinstance(each, dict) and each["type"] == "CHART"]
    return {each["meta"]["uuid"]: each["meta"]["sliceName"] for each in there}


def columns_of(uuid):
    """Return the columns that a chart's dataset has."""
    return {each["column_name"] for each in DATASETS[CHARTS[uuid]["dataset_uuid"]]["columns"]}


ON_DASHBOARDS = [(slug, uuid) for slug in SLUGS for uuid in charts_of(SLUGS[slug])]


# ------------------------------------------------------------------------------------------------------- in a browser


@dataclass
class Opened:
    """What came of opening a dashboard."""

    asked: dict[str, Any] = field(default_factory=dict)
    """What each chart asks of Superset, by its UUID."""
    answers: dict[str, Any] = field(default_factory=dict)
    statuses: set[int] = field(default_factory=set)
    alerts: int = 0
    empty: list[str] = field(default_factory=list)
    filters: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def context(superset, password, chromium):
    """A browser in which `admin` is logged in."""
    made = chromium.new_context(viewport={"width": 1500, "height": 1000})
    with signed_in(superset, "admin", password) as client:
        made.add_cookies([{"name": name, "value": it, "url": superset.url} for name, it in client.cookies.items()])
    yield made
    made.close()


@pytest.fixture
def browsing(context, complaints):
    """A tab in it that notes what a release's page complains of."""
    page = context.new_page()
    page.on("console", lambda said: "/release/" in page.url and complaints.append(f"{page.url}: {said.text}"))
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    yield page
    page.close()


def test_a_person_logs_in_and_stays_so(superset, password, chromium):
    with chromium.new_context() as fresh:
        page = fresh.new_page()
        page.goto(f"{superset.url}/login/")
        page.fill("#username", "admin")
        page.fill("#password", password)
        page.click("button[type=submit], input[type=submit]")
        page.wait_for_url("**/superset/welcome/")
        page.wait_for_load_state("networkidle")
        assert fresh.request.get(f"{superset.url}/api/v1/me/").json()["result"]["username"] == "admin"


@pytest.fixture(scope="module")
def opened(superset, context):
    """Every dashboard, opened once."""
    page = context.new_page()
    found = {}
    for slug, dashboard in SLUGS.items():
        found[slug] = open_(page, superset.url, slug, len(charts_of(dashboard)))
        if TAKES_PICTURES:
            picture(page, slug)
    page.close()
    return found


def open_(page, origin, slug, count):
    url = f"{origin}/superset/dashboard/{slug}/"
    page.set_viewport_size({"width": 1500, "height": 6000})  # charts out of sight are not loaded
    here = asked_by(page, origin, lambda: page.goto(url), count)
    here.alerts = page.locator("[role=alert], .ant-alert-error, .ant-notification-notice-error").count()
    for chart in page.locator(CHART).all():
        if "No results were returned" in (words := chart.inner_text()):
            here.empty.append(words.split("\n")[0].strip())
    here.filters = page.locator('[data-test="filter-control-name"]').all_inner_texts()
    return here


def asked_by(page, origin, act, count):
    """Return what so many charts of a page ask when something is done, and are answered."""
    here, came = Opened(), []
    page.on("response", listener := lambda r: came.append(r) if "/api/v1/chart/data" in r.url else None)
    act()
    deadline = time.monotonic() + 120
    while sum("slice_id" in response.url for response in came) < count:
        assert time.monotonic() < deadline, f"{page.url}: {len(came)} answers of {count} charts"
        page.wait_for_timeout(200)
    page.wait_for_function(IDLE, timeout=120_000)
    page.wait_for_timeout(500)  # what is drawn comes after the answer
    page.remove_listener("response", listener)
    for response in came:
        asked, answer = response.request.post_data_json, response.json()
        here.statuses.add(response.status)
        if number := asked["form_data"].get("slice_id"):  # a filter's options have none
            uuid = page.request.get(f"{origin}/api/v1/chart/{number}").json()["result"]["uuid"]
            here.asked[uuid], here.answers[uuid] = asked, answer
    return here


def picture(page, slug):
    end = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.dashboard-component-row, [data-test=\"grid-content\"] > *')]"
        ".map(each => each.getBoundingClientRect().bottom))"
    )
    page.set_viewport_size({"width": 1500, "height": round(end) + 40})
    page.wait_for_function(IDLE, timeout=60_000)
    page.wait_for_timeout(1000)
    page.screenshot(path=PROJECT_ROOT / "docs" / "images" / f"superset-{slug}.png")


@pytest.mark.parametrize("slug", SLUGS)
def test_a_dashboard_opens_with_every_chart_and_no_error(opened, slug):
    here = opened[slug]
    assert here.statuses == {200}
    assert here.alerts == 0
    assert {each for each in here.empty if each} <= GOOD_NEWS
    filters = SLUGS[slug]["metadata"].get("native_filter_configuration", [])
    assert [each.strip() for each in here.filters] == [each["name"] for each in filters]
    for number, answer in here.answers.items():
        assert [q["error"] for q in answer["result"] if q["error"]] == [], number


def rows_at_any_time(answer):
    """Return a chart's rows in one order, without the instant of the question, which some name."""
    (result,) = answer["result"]
    rows = ({name: value for name, value in row.items() if name != "as_of"} for row in result["data"])
    return sorted(rows, key=repr)


@in_drills
def test_a_click_on_a_company_shows_it_alone_wherever_there_are_companies(superset, context, opened):
    before, paid = opened["ai-capex"], "Who paid in the newest twelve months?"
    page = context.new_page()
    open_(page, superset.url, "ai-capex", len(before.asked))
    cell = page.locator(CHART, has_text=paid).locator("tbody td").first
    company = cell.inner_text()
    titles = {uuid: CHARTS[uuid]["slice_name"] for uuid in before.asked}
    have_companies = {uuid for uuid, title in titles.items() if "entity_id" in columns_of(uuid) and title != paid}
    after = asked_by(page, superset.url, cell.click, len(have_companies))
    page.close()
    assert have_companies <= after.asked.keys()
    assert paid not in {titles[uuid] for uuid in after.asked}
    fewer = 0
    for uuid, answer in after.answers.items():
        had, has = (rows_at_any_time(each) for each in (before.answers[uuid], answer))
        if uuid not in have_companies:
            assert has == had
        elif CHARTS[uuid]["viz_type"].startswith("echarts"):  # a company's line is a column
            lines, of_all = ({name for row in rows for name in row} - {"period_end"} for rows in (has, had))
            assert lines == {name for name in of_all if company in name.split(", ")}
            fewer += len(lines) < len(of_all)
        else:
            assert len(has) <= len(had)
            assert {row["entity_id"] for row in has if "entity_id" in row} <= {company}
            assert all(row in has for row in had if row.get("entity_id") == company)
            fewer += len(has) < len(had)
    assert fewer > 3


def test_looking_at_dashboards_changes_none(opened, git):
    _, sync = git
    assert len(opened) == len(DASHBOARDS)
    assert sync("export") == "0 file(s) written.\n"


def test_charts_mark_the_events_of_the_thesis(opened):
    with (PROJECT_ROOT / "dbt_project" / "seeds" / "events.csv").open() as file:
        seeded = {row["title"] for row in csv.DictReader(file)}
    marking = [(slug, uuid) for slug, uuid in ON_DASHBOARDS if "annotation_layers" in CHARTS[uuid]["params"]]
    assert len(marking) >= 3
    for slug, uuid in marking:
        (result,) = opened[slug].answers[uuid]["result"]
        assert {each["short_descr"] for each in result["annotation_data"]["Events"]["records"]} == seeded


def test_a_definition_is_a_click_away_for_who_is_logged_in(superset, opened, browsing, complaints):
    page = browsing
    page.goto(f"{superset.url}/superset/dashboard/price-of-capital/")
    page.get_by_role("link", name="catalogue of the release").click()
    page.wait_for_url("**/release/catalogue/index.html")
    page.get_by_role("searchbox").fill("cost of capital index")
    page.get_by_role("link", name="cost_of_capital_index").first.click()
    page.wait_for_url("**/release/catalogue/metrics/cost_of_capital_index.html")
    assert complaints == []


@pytest.mark.parametrize(
    "page", ["warehouse.duckdb", "catalogue/../warehouse.duckdb", "parquet/metrics/latest.parquet"]
)
def test_nothing_else_of_a_release_is_handed_out_as_a_file(superset, browsing, page):
    assert browsing.request.get(f"{superset.url}/release/{page}").status == 404


def test_a_definition_asks_for_a_login(superset):
    answer = httpx.get(f"{superset.url}/release/catalogue/index.html", trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "/login/?next=/release/catalogue/index.html")


def test_what_dashboards_show_of_itself_is_what_was_planted(opened, published):
    rows = [row for a in opened["health"].answers.values() for q in a["result"] for row in q["data"]]
    assert {row["fetches_held_back"] for row in rows if "fetches_held_back" in row} == {1}


# ----------------------------------------------------------------------------------------------------- and in SQL

KNOWN = "where known_at <= {at}"
VALID = f"{KNOWN} and coalesce(known_until > {{at}}, true)"
FIGURES = f"(select * from metrics.metric_observations {VALID} and parameter_set = 'default')"
YEAR_BEFORE = "({at} - interval 1 year)"
PLAIN = {
    "metrics.as_of": f"select f.*, m.label from {FIGURES} f, metrics.dim_metric m where f.metric_id = m.metric_id",
    "metrics.known_twice": f"""
        select *, 'later: ' || strftime({{at}}, '%Y-%m-%d') as known_on from {FIGURES}
        union all by name
        select *, 'earlier: ' || strftime({YEAR_BEFORE}, '%Y-%m-%d') as known_on
        from {FIGURES.replace("{at}", YEAR_BEFORE)}""",
    "metrics.compare": f"from metrics.compare({YEAR_BEFORE}, {{at}})",
    "metrics.metric_observations": f"from metrics.metric_observations {KNOWN} and parameter_set = 'default'",
    "metrics.newest": f"""
        select m.metric_id, m.label, m.unit, f.entity_type, f.entity_id, f.grain,
            last(f.value order by f.period_end) filter (f.value is not null) as newest_value,
            last(f.period_end order by f.period_end) filter (f.value is not null) as newest_period,
            max(f.known_at) filter (f.value is not null) as newest_known,
            case when count(f.metric_id) = 0 then 'not_landed' else last(f.null_reason order by f.period_end) end as missing_because,
            array_to_string(list_sort(list(distinct f.origin) filter (f.origin is not null)), ', ') as made_of
        from metrics.dim_metric m left join {FIGURES} f on f.metric_id = m.metric_id group by all""",
    "metrics.moves": f"""
        with k as (from {FIGURES} where value is not null),
        n as (select * from k where period_end = (
            select max(o.period_end) from k o where (o.metric_id, o.entity_id, o.grain) = (k.metric_id, k.entity_id, k.grain)))
        select n.metric_id, m.label, n.entity_id, n.unit, n.period_end, n.value, b.period_end as period_end_before,
            b.value as value_before, n.value - b.value as change
        from n join metrics.dim_metric m using (metric_id) join k b
            on (b.metric_id, b.entity_id, b.grain) = (n.metric_id, n.entity_id, n.grain) and b.period_end = (
            select max(o.period_end) from k o
            where (o.metric_id, o.entity_id, o.grain) = (n.metric_id, n.entity_id, n.grain)
                and o.period_end <= n.period_end - interval 7 days)""",
    "metrics.shown": f"""
        select (from ops.releases select max_by(release_id, (published_at, len(release_id), release_id))) as release_id,
            (from ops.releases select max(published_at)) as published_at, 'default' as parameter_set,
            max(known_at) as newest_known_at, max(case when value is not null then period_end end) as newest_period_end,
            count(value) as figure_count, array_to_string(list_sort(list(distinct origin)), ', ') as origins
        from {FIGURES}""",
    "metrics.sensitivity": f"from metrics.sensitivity {KNOWN}",
    "marts.fct_index_components_daily": """
        from marts.fct_index_components_daily
        where parameter_set = 'default' and date_day <= timezone('America/New_York', {at})::date""",
    "ops.validations": stores.LAST_RUNS,
}
"""What a dataset's rows are, said once more and in another way, where its table and the columns of time do not say it."""


def plain(connection, dataset, at):
    name = f"{dataset['schema']}.{dataset['table_name']}"
    if name in PLAIN:
        return PLAIN[name].format(at=at)
    columns = {row[0] for row in connection.execute(f"describe {name}").fetchall()}
    conditions = ["true"]
    if name.startswith(("marts.", "metrics.")) and "known_at" in columns:
        conditions.append(f"known_at <= {at}")
    if "known_until" in columns:
        conditions.append(f"coalesce(known_until > {at}, true)")
    if "parameter_set" in columns:
        conditions.append("parameter_set = 'default'")
    return f"from {name} where {' and '.join(conditions)}"


def answer_of(connection, chart, at, filters):
    """Return what a chart has to show, as rows of text by column."""
    dataset, params = DATASETS[chart["dataset_uuid"]], chart["params"]
    own = {c["column_name"]: c["expression"] for c in dataset["columns"] if "expression" in c}
    figures = {m["metric_name"]: m["expression"] for m in dataset["metrics"]}
    columns = [*params.get("all_columns", []), *params.get("groupby", [])]
    columns += [params["x_axis"]] if "x_axis" in params else []
    metrics = [*params.get("metrics", []), *([params["metric"]] if "metric" in params else [])]
    conditions = ["true"]
    for each in [*params.get("adhoc_filters", []), *filters]:
        if each["operator"] == "IS NOT NULL":
            conditions.append(f"{each['subject']} is not null")
            continue
        values = each["comparator"] if isinstance(each["comparator"], list) else [each["comparator"]]
        words = ", ".join(f"'{v}'" if isinstance(v, str) else str(v) for v in values)
        conditions.append(f"{own.get(each['subject'], each['subject'])} in ({words})")
    columns = [c for c in columns if c != "as_of"]
    selected = [f"{own.get(c, c)} as {c}" for c in columns] + [f"{figures[m]} as {m}_" for m in metrics]
    grouped = f" group by {', '.join(str(n + 1) for n in range(len(columns)))}" if metrics and columns else ""
    sql = f"select {', '.join(selected)} from ({plain(connection, dataset, at)}) where {' and '.join(conditions)}{grouped}"
    return [*columns, *metrics], connection.execute(sql).fetchall()


MOMENT = 10**11
"""Beyond it a number is milliseconds since 1970, of which the whole ones are compared."""


def told(value):
    """Return a value as Superset's answer has it, rounded to what a chart can show."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return told(value.replace(tzinfo=value.tzinfo or UTC).timestamp() * 1000)
    if isinstance(value, date):
        return round(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
    if isinstance(value, (int, float, Decimal)):
        if abs(value) > MOMENT:
            return math.floor(float(value) + 0.0005)  # between two microseconds, where no rounding tips it over
        return None if math.isnan(value) else float(f"{value:.9g}")
    return str(value)


def rows_of(rows):
    return sorted((tuple(told(value) for value in row) for row in rows), key=repr)


@pytest.fixture(scope="module")
def release(published):
    with duckdb.connect(str(published / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def ask(api, asked, **chosen):
    """Return the rows of a chart's query with these filters more, before they are turned into lines."""
    query = asked["queries"][0]
    more = [{"col": column, "op": "IN", "val": [value]} for column, value in chosen.items()]
    query = query | {"filters": [*query.get("filters", []), *more], "post_processing": []}
    said = api.post("/chart/data", json=asked | {"queries": [query]})
    assert said.status_code == 200, said.text
    return said.json()["result"][0]["data"]


def filtered(asked, uuid):
    """Return what a dashboard's own filters add to a chart's, where its dataset has the column."""
    chosen = asked["form_data"].get("extra_form_data", {}).get("filters", [])
    columns = columns_of(uuid)
    return [
        {"subject": f["col"], "operator": "IN", "comparator": f["val"]}
        for f in chosen
        if f["col"] in columns and f["col"] not in ("as_of", "earlier", "parameter_set")
    ]


@pytest.mark.parametrize("day", INSTANTS, ids=["now", "then"])
@pytest.mark.parametrize(
    ("slug", "uuid"), ON_DASHBOARDS, ids=[f"{s}-{CHARTS[u]['slice_name'][:40]}" for s, u in ON_DASHBOARDS]
)
def test_a_chart_shows_what_plain_sql_says(opened, api, release, slug, uuid, day):
    chart, asked = CHARTS[uuid], opened[slug].asked[uuid]
    columns, expected = answer_of(release, chart, INSTANTS[day], filtered(asked, uuid))
    result = ask(api, asked, **({"as_of": day.isoformat()} if day else {}))
    found = rows_of([[row[column] for column in columns] for row in result])
    wanted = rows_of(expected)
    other = [pair for pair in zip_longest(found, wanted) if pair[0] != pair[1]][
        :2
    ]  # thousands of rows make long reports
    assert other == []
    assert len(found) or day or chart["slice_name"] in GOOD_NEWS, "a chart of the newest release has rows"


def test_nothing_of_a_dashboard_as_of_a_day_was_known_later(opened, api):
    """The law, read in the answers themselves: whatever has a known_at has it before the day's end."""
    checked = 0
    for slug, uuid in ON_DASHBOARDS:
        asked = opened[slug].asked[uuid]
        for row in ask(api, asked, as_of=THEN.isoformat()):
            for column in ("known_at", "known_at_1", "known_at_2", "newest_known", "newest_known_at"):
                if row.get(column) is not None and slug != "health":
                    assert row[column] <= datetime(2025, 2, 26, 4, 59, 59, 999000, tzinfo=UTC).timestamp() * 1000
                    checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    "values",
    [["2025-02-25' or true --"], ["yesterday"], ["2025-02-25", "2025-02-26"], ["{{ 7 * 7 }}"]],
    ids=["sql", "no day", "two days", "jinja"],
)
@pytest.mark.parametrize("column", ["as_of", "parameter_set"])
def test_a_filter_that_names_no_day_is_refused(opened, api, column, values):
    asked = opened["bathtub"].asked[next(iter(charts_of(SLUGS["bathtub"])))]
    query = asked["queries"][0]
    query = query | {"filters": [*query.get("filters", []), {"col": column, "op": "IN", "val": values}]}
    said = api.post("/chart/data", json=asked | {"queries": [query]})
    assert said.status_code >= 400, said.text


def test_a_parameter_set_changes_the_figures_that_it_changes_and_no_other(opened, api, release):
    def rows(slug, title, **chosen):
        (uuid,) = [u for u, t in charts_of(SLUGS[slug]).items() if t == title]
        return sorted(ask(api, opened[slug].asked[uuid], **chosen), key=repr)

    cash = "What part of operating cash flow does it take?"
    assert rows("ai-capex", cash, parameter_set="phi_low") == rows("ai-capex", cash)
    spent = "How much does each company spend in a quarter?"
    leases = rows("ai-capex", spent, parameter_set="with_leases")
    assert leases != rows("ai-capex", spent)
    expected = release.execute(
        "select period_end, entity_id, value from metrics.as_of(now(), parameters := 'with_leases') "
        "where metric_id = 'capex_cal_q' and grain = 'calendar_quarter' and entity_type = 'company'"
    ).fetchall()
    assert rows_of([[r["period_end"], r["entity_id"], r["value"]] for r in leases]) == rows_of(expected)


def test_what_was_asked_before_is_answered_from_the_cache(opened, api):
    """What makes a warm chart answer within a second (issue 7); the drill below holds it to the clock."""
    asked_anew = []
    for here in opened.values():
        for asked in here.asked.values():
            for _ in range(2):
                answer = api.post("/chart/data", json=asked)
                assert answer.status_code == 200
            asked_anew += [asked for result in answer.json()["result"] if not result["is_cached"]]
    assert asked_anew == []


@in_drills
def test_a_warm_chart_answers_within_a_second(opened, api):
    """The bound of issue 7, of all charts together; beside other suites the machine is not the test's own."""
    seconds = []
    for here in opened.values():
        for asked in here.asked.values():
            for _ in range(3):
                began = time.perf_counter()
                assert api.post("/chart/data", json=asked).status_code == 200
                seconds.append(time.perf_counter() - began)
    assert statistics.quantiles(seconds, n=20)[-1] < 1, max(seconds)


@pytest.mark.parametrize("table", PLANTED)
def test_what_the_sample_has_no_rows_of_is_drawn_where_there_are_some(opened, table):
    (dataset,) = [u for u, each in DATASETS.items() if f"{each['schema']}.{each['table_name']}" == table]
    ((slug, uuid),) = [(slug, uuid) for slug, uuid in ON_DASHBOARDS if CHARTS[uuid]["dataset_uuid"] == dataset]
    ((row,),) = [result["data"] for result in opened[slug].answers[uuid]["result"]]
    shown = {name: value for name, value in PLANTED[table].items() if name in row and value.replace(".", "").isdigit()}
    assert len(shown) >= 2
    assert {name: float(row[name]) for name in shown} == {name: float(value) for name, value in shown.items()}
