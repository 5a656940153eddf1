"""One number whichever way it is asked for: the long table, its views, MetricFlow, a dashboard's SQL, the export."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from warehouse import semantics
from warehouse.release import connect, current

pytestmark = pytest.mark.slow

CASES = [
    # additivity, metric, entity, grain, period_end
    ("stock", "capex_ttm", "MSFT", "fiscal_quarter", "2025-12-31"),
    ("flow", "capex_q", "NVDA", "fiscal_quarter", "2026-01-25"),
    ("flow", "tic_active_flow", "JP", "month", "2025-12-31"),
    ("stock", "foreign_treasury_holdings", "NO", "month", "2025-12-31"),
    ("stock", "fed_total_assets", "US", "week", "2026-03-04"),
    ("stock", "rrp_usd_bn", "US", "day", "2025-12-31"),
    ("ratio", "capex_to_ocf", "MSFT", "fiscal_quarter", "2025-12-31"),
    ("ratio", "capex_yoy", "META", "fiscal_quarter", "2025-12-31"),
    ("ratio", "bid_to_cover", "912797ST5", "auction", "2026-01-29"),
    ("index", "ofr_fsi", "US", "day", "2024-11-29"),
    ("index", "btc_drawdown", "BTC", "day", "2026-02-05"),
    ("index", "realised_vol_30d", "BTC", "day", "2026-02-05"),
]
KEY = "metric_id = ? and entity_id = ? and grain = ? and period_end = ?"
AGGREGATES = {"flow": "sum(value)", "stock": "sum(value)", "ratio": "sum(numerator) / sum(denominator)", "index": "avg(value)"}  # fmt: skip


@pytest.fixture(scope="module")
def release(built):
    return current(built)


@pytest.fixture(scope="module")
def connection(built):
    with connect(built.home) as opened:
        yield opened


@pytest.fixture(scope="module")
def metricflow(built, release):
    """Ask MetricFlow once a metric, since each question starts it."""
    asked: dict[tuple[str, str, str], dict[str, float]] = {}

    def _asked(metric, entity, grain):
        if (metric, entity, grain) not in asked:
            rows = semantics.query(
                built,
                release.path,
                [metric],
                group_by=["metric_time__day"],
                where=f"{{{{ Dimension('observation__entity_id') }}}} = '{entity}' and "
                f"{{{{ Dimension('observation__grain') }}}} = '{grain}'",
            )
            assert rows[0] == ["metric_time__day", metric]
            asked[metric, entity, grain] = {day[:10]: float(value) for day, value in rows[1:] if value}
        return asked[metric, entity, grain]

    return _asked


def test_each_additivity_is_asked_for_several_times(connection):
    declared = dict(connection.execute("select metric_id, additivity from metrics.dim_metric").fetchall())
    assert {additivity for additivity, *_ in CASES} == set(declared.values())
    assert all(declared[metric] == additivity for additivity, metric, *_ in CASES)


@pytest.mark.parametrize(("additivity", "metric", "entity", "grain", "period_end"), CASES)
def test_one_number_whichever_way(connection, release, metricflow, additivity, metric, entity, grain, period_end):
    key = [metric, entity, grain, period_end]
    (value,) = one(
        connection,
        f"select value from metrics.metric_observations where {KEY} and parameter_set = 'default' and known_until is null",
        key,
    )
    assert value is not None
    assert one(connection, f"select value from metrics.latest where {KEY}", key) == (value,)
    assert one(connection, f"select value from metrics.as_of(date '2026-09-12') where {KEY}", key) == (value,)
    with duckdb.connect() as elsewhere:
        path = release.path / "parquet" / "metrics" / "latest" / "*.parquet"
        assert one(elsewhere, f"select value from read_parquet(?) where {KEY}", [str(path), *key]) == (value,)
    assert dashboard(connection, additivity, key) == pytest.approx(value, rel=1e-12, abs=1e-12)
    assert metricflow(metric, entity, grain)[period_end] == pytest.approx(value, rel=1e-12, abs=1e-12)


def dashboard(connection, additivity, key):
    """Return what a Superset dataset over metrics.latest gives: the aggregate of its additivity, grouped."""
    (value,) = one(
        connection,
        f"select {AGGREGATES[additivity]} from metrics.latest where {KEY} group by metric_id, entity_id, grain, period_end",
        key,
    )
    growth = {"capex_yoy", "capex_q_yoy"}  # grown by this much: the ratio less one
    return value - 1 if key[0] in growth else value


def one(connection, sql, given):
    rows = connection.execute(sql, given).fetchall()
    assert len(rows) == 1
    return rows[0]


def test_a_ratio_of_several_is_the_sum_of_its_parts(built, connection, release):
    companies = ("GOOGL", "META", "MSFT")
    expected, mean = one(
        connection,
        "select sum(numerator) / sum(denominator), avg(value) from metrics.latest where metric_id = 'capex_to_ocf' "
        "and grain = 'fiscal_quarter' and period_end = '2025-12-31' and list_contains(?, entity_id)",
        [list(companies)],
    )
    listed = ", ".join(f"'{each}'" for each in companies)
    rows = semantics.query(
        built,
        release.path,
        ["capex_to_ocf", "capex_yoy"],
        group_by=["metric_time__day"],
        where=f"{{{{ Dimension('observation__entity_id') }}}} in ({listed}) and "
        "{{ Dimension('observation__grain') }} = 'fiscal_quarter' and "
        "{{ TimeDimension('metric_time', 'day') }} = '2025-12-31'",
    )
    (row,) = rows[1:]
    assert float(row[1]) == pytest.approx(expected, rel=1e-12)
    assert abs(expected - mean) > 0.001  # so that a mean of ratios would be seen
    (growth,) = one(
        connection,
        "select sum(numerator) / sum(denominator) - 1 from metrics.latest where metric_id = 'capex_yoy' "
        "and grain = 'fiscal_quarter' and period_end = '2025-12-31' and list_contains(?, entity_id)",
        [list(companies)],
    )
    assert float(row[2]) == pytest.approx(growth, rel=1e-12)


def test_flows_do_not_overlap(connection):
    # What overlaps may not be summed: its declaration is a stock's, also where it is called a flow.
    overlapping = """
        with flows as (
            select metric_id, period_start,
                lag(period_end) over (partition by metric_id, entity_type, entity_id, grain order by period_end) as before
            from metrics.latest inner join metrics.dim_metric using (metric_id) where additivity = ?
        ) select count(*), list(distinct metric_id) filter (period_start <= before) from flows
    """
    rows, found = one(connection, overlapping, ["flow"])
    assert rows > 1000
    assert not found
    assert {"capex_ttm", "bathtub_pipe"} <= set(one(connection, overlapping, ["stock"])[1])  # so that it can be seen


def test_a_year_is_its_last_twelve_months_and_the_sum_of_its_quarters(built, connection, release):
    rows = semantics.query(
        built,
        release.path,
        ["capex_ttm", "capex_q", "capex_to_ocf"],
        group_by=["metric_time__year", "observation__entity_id"],
        where="{{ Dimension('observation__entity_id') }} in ('MSFT', 'NVDA') and "
        "{{ TimeDimension('metric_time', 'year') }} = '2025-01-01'",
    )
    answered = {row[1]: [float(value) for value in row[2:]] for row in rows[1:]}
    assert set(answered) == {"MSFT", "NVDA"}  # whose years end in December and in October: neither hides the other
    for entity, (ttm, quarters, share) in answered.items():
        of_2025 = "from metrics.latest where metric_id = ? and entity_id = ? and year(period_end) = 2025"
        (last,) = one(connection, f"select max_by(value, period_end) {of_2025}", ["capex_ttm", entity])
        (total,) = one(connection, f"select sum(value) {of_2025}", ["capex_q", entity])
        assert ttm == last == pytest.approx(total, rel=1e-9)
        assert quarters == pytest.approx(total, rel=1e-12)
        assert share == one(connection, f"select max_by(value, period_end) {of_2025}", ["capex_to_ocf", entity])[0]


def test_a_stock_of_a_quarter_is_its_last_value_and_a_flow_the_sum(built, connection, release):
    def asked(metric, entity):
        rows = semantics.query(
            built,
            release.path,
            [metric],
            group_by=["metric_time__quarter"],
            where=f"{{{{ Dimension('observation__entity_id') }}}} = '{entity}' and "
            "{{ TimeDimension('metric_time', 'day') }} between '2025-10-01' and '2025-12-31'",
        )
        (row,) = rows[1:]
        assert dt.date.fromisoformat(row[0][:10]) == dt.date(2025, 10, 1)
        return float(row[1])

    months = (
        "from metrics.latest where metric_id = ? and entity_id = ? and period_end between '2025-10-01' and '2025-12-31'"
    )
    (last,) = one(connection, f"select max_by(value, period_end) {months}", ["foreign_treasury_holdings", "JP"])
    (total,) = one(connection, f"select sum(value) {months}", ["tic_active_flow", "JP"])
    assert asked("foreign_treasury_holdings", "JP") == last
    assert asked("tic_active_flow", "JP") == pytest.approx(total, rel=1e-12)


def test_a_scenario_s_difference_is_that_of_two_answers(connection):
    # Every row of the table of sensitivity, from metrics.as_of under its set and under the default.
    sets = [name for (name,) in connection.execute("select parameter_set from metrics.parameter_sets").fetchall()]
    assert sets[0] == "default"
    compared = 0
    for name in sets[1:]:
        rows = connection.execute(
            """
            select said.default_value, said.scenario_value, said.difference, plain.value, scenario.value
            from metrics.sensitivity as said
            inner join metrics.as_of(date '2026-09-12') as plain
                using (metric_id, entity_type, entity_id, grain, period_end)
            inner join metrics.as_of(date '2026-09-12', parameters := ?) as scenario
                using (metric_id, entity_type, entity_id, grain, period_end)
            where said.parameter_set = ?
            """,
            [name, name],
        ).fetchall()
        for default, value, difference, plain, scenario in rows:
            assert (default, value) == (plain, scenario)
            assert difference == (None if plain is None or scenario is None else scenario - plain)
        compared += len(rows)
    assert one(connection, "select count(*) from metrics.sensitivity", []) == (compared,)
    assert one(
        connection,
        "select round(difference, 3) from metrics.sensitivity where metric_id = 'private_duration_supply' "
        "and parameter_set = 'tips_beta_low' and period_end = '2020-01-31'",
        [],
    ) != (0.0,)
