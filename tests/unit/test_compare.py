"""metrics.compare says what changed between two instants and why; what is no instant and no set is refused."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.packing import macros
from warehouse.settings import Settings

THEN, NOW = "2026-02-04", "2026-03-04T12:00:00Z"


@pytest.fixture(scope="module")
def connection():
    """Return the release's macros over a table of observations, one entity for each fate."""
    with duckdb.connect() as opened:
        opened.execute("set timezone = 'Asia/Tokyo'")
        opened.execute("""
            create schema metrics;
            create table metrics.parameter_sets as from (values ('default'), ('with_leases'), ('phi_low')) as t (parameter_set);
            create table metrics.metric_observations (
                metric_id varchar, entity_type varchar, entity_id varchar, grain varchar, period_end date, value double,
                unit varchar, null_reason varchar, known_at timestamptz, known_until timestamptz,
                parameter_set varchar, source_url varchar)
        """)
        opened.execute(macros(Settings()))
        for entity, *states in (
            ("same", (1.0, None, "2026-01-10", None)),
            ("new", (1.0, None, "2026-02-20", None)),
            ("later_than_both", (1.0, None, "2026-03-20", None)),
            ("restated", (1.0, None, "2026-01-10", "2026-02-20"), (1.5, None, "2026-02-20", None)),
            ("said_again", (1.0, None, "2026-01-10", "2026-02-20"), (1.0, None, "2026-02-20", None)),
            ("withdrawn", (1.0, None, "2026-01-10", "2026-02-20"), (None, "withdrawn", "2026-02-20", None)),
            ("ended", (1.0, None, "2026-01-10", "2026-02-20")),
            ("computable", (None, "missing_input: tga", "2026-01-10", "2026-02-20"), (2.0, None, "2026-02-20", None)),
            ("lost", (2.0, None, "2026-01-10", "2026-02-20"), (None, "missing_input: tga", "2026-02-20", None)),
            ("restated_and_back", (1.0, None, "2026-01-10", "2026-02-05"), (9.0, None, "2026-02-05", "2026-02-06"),
             (1.0, None, "2026-02-06", None)),
        ):  # fmt: skip
            add(opened, entity, *states)
        add(opened, "same", (7.0, None, "2026-02-20", None), parameters="with_leases")
        yield opened


def add(connection, entity, *states, parameters="default"):
    for value, reason, known_at, known_until in states:
        connection.execute(
            "insert into metrics.metric_observations values ('m', 'company', ?, 'month', '2025-12-31', ?, 'usd_bn', ?, "
            "?::timestamptz, ?::timestamptz, ?, 'https://example.org')",
            [
                entity,
                value,
                reason,
                f"{known_at} 12:00:00+00",
                known_until and f"{known_until} 12:00:00+00",
                parameters,
            ],
        )


def test_what_changed_and_why(connection):
    rows = connection.execute(
        "select entity_id, reason, value_1, value_2, change, null_reason_2 from metrics.compare(?, ?) order by 1",
        [THEN, NOW],
    ).fetchall()
    assert rows == [
        ("computable", "newly_computable", None, 2.0, None, None),
        ("ended", "withdrawn", 1.0, None, None, None),
        ("lost", "no_longer_computable", 2.0, None, None, "missing_input: tga"),
        ("new", "new_period", None, 1.0, None, None),
        ("restated", "restated_by_source", 1.0, 1.5, 0.5, None),
        ("withdrawn", "withdrawn", 1.0, None, None, "withdrawn"),
    ]


def test_nothing_changed_between_an_instant_and_itself(connection):
    assert connection.execute("select count(*) from metrics.compare(?, ?)", [NOW, NOW]).fetchone() == (0,)


def test_a_scenario_is_compared_with_itself(connection):
    rows = connection.execute(
        "select entity_id, reason, value_2 from metrics.compare(?, ?, parameters := 'with_leases')", [THEN, NOW]
    ).fetchall()
    assert rows == [("same", "new_period", 7.0)]


@pytest.mark.parametrize("asked", ["as_of(?", "compare('2026-01-01', ?"])
def test_a_set_of_parameters_that_there_is_not_is_refused_with_those_that_there_are(connection, asked):
    def ask(name, where="true"):
        sql = f"select count(*) from metrics.{asked}, parameters := {name}) where {where}"
        return connection.execute(sql, [NOW]).fetchone()

    assert ask("'with_leases'") == (1,)
    assert ask("'phi_low'") == (0,)  # a set of which no metric has rows is a set
    for unknown in ("'nope'", "'zzz'", "''", "null"):  # also where statistics rule out every row
        for where in ("true", "metric_id = 'aaa'", "period_end > '2030-01-01'"):
            with pytest.raises(
                duckdb.Error, match=r"no parameter set .*expected one of default, phi_low, with_leases\."
            ):
                ask(unknown, where)


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("date '2026-02-04'", "2026-02-05 04:59:59.999+00"),
        ("date '2026-07-04'", "2026-07-05 03:59:59.999+00"),
        ("'2026-02-04'", "2026-02-05 04:59:59.999+00"),
        ("'2026-02-04T22:00:00Z'", "2026-02-04 22:00:00+00"),
        ("'2026-02-04 17:00:00-05:00'", "2026-02-04 22:00:00+00"),
        ("timestamptz '2026-02-04 22:00:00+00'", "2026-02-04 22:00:00+00"),
        ("timestamptz '2026-02-04 00:00:00+00'", "2026-02-04 00:00:00+00"),
    ],
)
def test_an_instant_means_one_thing_in_every_time_zone(connection, given, means):
    assert connection.execute(f"select metrics.instant_of({given}) = ?::timestamptz", [means]).fetchone() == (True,)


@pytest.mark.parametrize(
    "given", ["timestamp '2026-02-04 22:00:00'", "'2026-02-04 22:00:00'", "'yesterday'", "null", "5"]
)
def test_what_could_mean_any_instant_is_refused(connection, given):
    with pytest.raises(duckdb.Error, match="metrics: "):
        connection.execute(f"select metrics.instant_of({given})").fetchall()
