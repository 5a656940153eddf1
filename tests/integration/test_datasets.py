"""What Superset's datasets promise of a release, asked of one, and what their figures say of rows that are known."""

from __future__ import annotations

import runpy
from datetime import UTC, date, datetime

import duckdb
import pytest
from jinja2 import Environment

import warehouse
from warehouse import stores, yaml_files
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

KNOWLEDGE = runpy.run_path(str(PROJECT_ROOT / "superset" / "knowledge.py"))
DATASETS = {
    f"{each['schema']}.{each['table_name']}": each
    for each in (yaml_files.read(p) for p in (PROJECT_ROOT / "superset/assets/datasets").glob("*.yaml"))
}


def rows_of(name, **chosen):
    """Return what a dataset selects from with these filters chosen: a table, or a query in brackets."""
    if "sql" not in DATASETS[name]:
        return name
    template = Environment(autoescape=False).from_string(DATASETS[name]["sql"])  # noqa: S701  (SQL, and no page)
    sql = template.render(
        as_of=KNOWLEDGE["as_of"],
        earlier=KNOWLEDGE["earlier"],
        parameter_set=KNOWLEDGE["parameter_set"],
        filter_values=lambda column, **_: chosen.get(column, []),
    )
    return f"({sql})"


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_is_a_table_of_the_release_with_these_columns_and_figures(built, name):
    with warehouse.connect(built.home) as connection:
        there = {row[0]: row[1] for row in connection.execute(f"describe from {rows_of(name)}").fetchall()}
        own = {c["column_name"]: c["type"] for c in DATASETS[name]["columns"] if "expression" not in c}
        assert own == {
            column: kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for column, kind in there.items()
        }
        for column in DATASETS[name]["columns"]:
            if "expression" in column:
                described = connection.execute(
                    f"describe select {column['expression']} from {rows_of(name)}"
                ).fetchone()
                assert described[1] == column["type"], column["column_name"]
        for figure in DATASETS[name]["metrics"]:
            connection.execute(f"select {figure['expression']} from {rows_of(name)}").fetchone()


ROWS = {
    "ops.freshness": """
        (last_changed_at, newest_period_end, stale_after_days) values
        (now(), current_date - 10, 3), (now(), current_date - 3, 3), (now(), null, 3), (null, null, 3)""",
    "ops.held_back": "(fetch_id) values ('a'), ('b')",
    "ops.quarantine": """
        (rule, row_count, discarded_at) values ('positive', 2, null), ('positive', 4, now()), ('gate', 500, null)""",
    "ops.validations": """
        (run_id, step_id, suite, success, validated_at) values
        ('1', '1', 'a', false, '2026-01-01'), ('1', '1', 'b', false, '2026-01-01'),
        ('2', '2', 'a', true, '2026-01-02'), ('2', '2', 'a', false, '2026-01-02')""",
    "ops.releases": "(release_id, published_at) values ('1', '2026-01-01 12:00:00Z'), ('2', '2026-01-02 12:00:00Z')",
    "ops.release_lag": "(lag_seconds) values (3600), (7200), (36000), (null)",
    "ops.steps": """
        (step_id, seconds, lock_wait_seconds, outcome) values
        ('1', 1, 0, 'done'), ('2', 4, 1, 'failed'), ('3', 2, 0, 'unavailable'), ('4', 0, 0, 'nothing new')""",
}
OF_QUERIES = {
    "metrics.as_of": """
        (period_end, value) values
        (date '2026-03-31', 2.0), (date '2026-06-30', 4.0), (date '2026-09-30', null)""",
    "metrics.compare": "(reason) values ('new_period'), ('restated_by_source'), ('restated_by_source')",
    "metrics.metric_observations": "(known_until) values (timestamptz '2026-01-01 00:00:00Z'), (null), (null)",
    "metrics.claim_scorecard": """
        (date_day, verdict, verdict_since, evidence, untestable_reason) values
        (date '2026-01-02', 'supported', date '2026-01-01', 'now', null),
        (date '2026-01-01', 'mixed', date '2025-01-01', 'then', 'because')""",
    "marts.fct_index_components_daily": """
        (date_day, score_ratio, contribution_points) values
        (date '2026-01-01', 0.5, 1.0), (date '2026-01-02', 0.75, null), (date '2026-01-03', null, null)""",
    "marts.fct_liquidity_regime_daily": """
        (date_day, regime, regime_since) values
        (date '2026-01-01', 'DRAIN', date '2025-01-01'), (date '2026-01-02', 'INJECTION', date '2026-01-02')""",
    "marts.fct_auction_demand": """
        (bid_to_cover_ratio, dealer_share_ratio, direct_share_ratio, indirect_share_ratio, auction_demand_score) values
        (2.0, 0.25, 0.25, 0.5, 1.0), (3.0, 0.75, 0.25, null, 2.0)""",
    "marts.fct_foreign_treasury_holdings_monthly": """
        (month_end, holdings_usd_bn) values (date '2026-01-31', 5.0), (date '2026-02-28', 7.0)""",
}
"""Of datasets whose rows are a query: rows as that query would have them."""
FIGURES = {
    "metrics.as_of": {"value": None, "mean_value": 3, "newest_value": 4, "newest_period": date(2026, 6, 30)},
    "metrics.compare": {"figures_changed": 3, "figures_restated": 2},
    "metrics.metric_observations": {"restatements": 1},
    "metrics.claim_scorecard": {
        "verdict_now": "supported", "since": date(2026, 1, 1), "evidence_now": "now", "untestable_because": "",
    },
    "marts.fct_index_components_daily": {
        "score_ratio": None, "contribution_points": None, "newest_score": 0.75, "newest_contribution": 1,
        "newest_day": date(2026, 1, 2), "scored_days": 2,
    },
    "marts.fct_liquidity_regime_daily": {"regime_now": "INJECTION", "since": date(2026, 1, 2), "days": 2},
    "marts.fct_auction_demand": {
        "bid_to_cover_ratio": None, "indirect_share_ratio": None, "direct_share_ratio": None, "dealer_share_ratio": None,
        "auction_demand_score": None, "auctions": 2, "mean_bid_to_cover": 2.5, "mean_dealer_share": 0.5,
        "mean_direct_share": 0.25, "mean_indirect_share": 0.5,
    },
    "marts.fct_foreign_treasury_holdings_monthly": {
        "holdings_usd_bn": None, "newest_holdings": 7, "newest_month": date(2026, 2, 28),
    },
    "ops.freshness": {"tables": 3, "tables_overdue": 1, "days_overdue": [7, 0, None, None]},
    "ops.held_back": {"fetches_held_back": 2},
    "ops.quarantine": {"rows_set_aside": 2},
    "ops.validations": {"checks": 3, "checks_failed": 2},
    "ops.releases": {"releases": 2, "newest_release": datetime(2026, 1, 2, 12, tzinfo=UTC)},
    "ops.release_lag": {"median_lag_hours": 2, "lag_hours": [1, 2, 10, None]},
    "ops.steps": {
        "steps": 4, "median_seconds": 1.5, "longest_seconds": 4, "steps_failed": 2,
        "lock_wait_share": [0, 0.25, 0, None],
    },
}  # fmt: skip


SINGLE = "case when count(*) = 1 then max({}) end"


def test_every_figure_is_what_it_says_of_rows_that_are_known():
    with_figures_of_their_own = {
        name
        for name, dataset in DATASETS.items()
        if any(f["expression"] != SINGLE.format(f["metric_name"]) for f in dataset["metrics"])
    }
    assert FIGURES.keys() == with_figures_of_their_own
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'; create schema ops")
        for name, figures in FIGURES.items():
            dataset = DATASETS[name]
            if name in OF_QUERIES:
                columns, _, values = OF_QUERIES[name].partition("values")
                rows = f"(select * from (values {values}) as known{columns.strip()})"
            else:
                connection.execute(f"create table {name} ({stores.OPS[dataset['table_name']]})")
                connection.execute(f"insert into {name} {ROWS[name]}")
                rows = rows_of(name)
            found = {}
            for figure in dataset["metrics"]:
                (value,) = connection.execute(f"select {figure['expression']} from {rows}").fetchone()
                found[figure["metric_name"]] = value
            for column in dataset["columns"] if name not in OF_QUERIES else ():
                if "expression" in column:
                    values = connection.execute(f"select {column['expression']} from {rows} order by rowid").fetchall()
                    found[column["column_name"]] = [value for (value,) in values]
            assert found == figures, name


def test_a_figure_of_one_row_is_its_value_and_of_several_nothing():
    for expression in (SINGLE.format("value"), *(m["expression"] for m in DATASETS["metrics.as_of"]["metrics"][:1])):
        one, two = (
            duckdb.sql(f"select {expression} from (values {rows}) as t(value)").fetchone()
            for rows in ("(3)", "(3), (3)")
        )
        assert (one, two) == ((3,), (None,))


def test_a_document_is_a_link_where_it_is_one_address_and_nothing_else():
    (document,) = [c for c in DATASETS["metrics.as_of"]["columns"] if c["column_name"] == "document"]
    addresses = [
        "https://x.gov/a?b=c",
        "https://x.gov/a, https://x.gov/b",
        "javascript:alert(1)",
        'https://x.gov/"><b>',
        None,
    ]
    found = [
        duckdb.execute(f"select {document['expression']} from (select ?::varchar as source_url)", [each]).fetchone()[0]
        for each in addresses
    ]
    assert found == [
        '<a href="https://x.gov/a?b=c" target="_blank" rel="noopener">document</a>',
        None,
        None,
        None,
        None,
    ]


LATER = datetime(2025, 2, 26, 4, 59, 59, 999000, tzinfo=UTC)


@pytest.mark.parametrize("name", [name for name in DATASETS if name.startswith(("marts.", "metrics."))])
def test_a_dataset_as_of_a_day_has_nothing_that_was_known_later(built, name):
    with warehouse.connect(built.home) as connection:
        chosen = {"as_of": ["2025-02-25"]}
        there = {row[0] for row in connection.execute(f"describe from {rows_of(name, **chosen)}").fetchall()}
        for column in there & {"known_at", "newest_known", "newest_known_at", "known_at_1", "known_at_2"}:
            (newest,) = connection.execute(f"select max({column}) from {rows_of(name, **chosen)}").fetchone()
            assert newest is None or newest <= LATER


def test_as_of_a_day_the_figures_are_those_of_the_macro_and_with_another_set_only_its_own_are_others(built):
    with warehouse.connect(built.home) as connection:
        columns = "metric_id, entity_id, grain, period_end, value, known_at"
        rows = rows_of("metrics.as_of", as_of=["2025-02-25"])
        for one, other in ((rows, "metrics.as_of(date '2025-02-25')"), ("metrics.as_of(date '2025-02-25')", rows)):
            assert (
                connection.execute(f"select {columns} from {one} except select {columns} from {other}").fetchall() == []
            )
        rows = rows_of("metrics.as_of", parameter_set=["with_leases"])
        sets = dict(
            connection.execute(f"select parameter_set, count(distinct metric_id) from {rows} group by 1").fetchall()
        )
        assert sets.keys() == {"default", "with_leases"}
        twice = f"select 1 from {rows} group by metric_id having count(distinct parameter_set) > 1"
        assert connection.execute(twice).fetchall() == []


@pytest.mark.parametrize("said", [["2025-02-25' or true"], ["25.2.2025"], ["2025-02-25", "2025-02-26"]])
def test_what_is_no_day_does_not_get_into_a_query(said):
    with pytest.raises(ValueError, match=r"isoformat|expected one value"):
        KNOWLEDGE["as_of"](said)


def test_the_earlier_day_is_a_year_before_the_other_where_none_is_named():
    assert KNOWLEDGE["earlier"]([], ["2025-02-25"]) == "metrics.instant_of(date '2025-02-25') - interval 1 year"
    assert KNOWLEDGE["earlier"](["2024-02-25"], []) == "metrics.instant_of(date '2024-02-25')"


@pytest.mark.parametrize("said", [["x' --"], ["Default"], ["a", "b"]])
def test_what_is_no_name_of_a_parameter_set_does_not_get_into_a_query(said):
    with pytest.raises(ValueError, match="expected"):
        KNOWLEDGE["parameter_set"](said)
