"""Thirty ordinary days in a row: nothing critical, nothing held back, and few warnings, each of which is true.

Real days: what the sample holds, cut to what its publisher had on each day and served again, through landing, loading and
the gate. Generated days: every public table as a drawn economy brings it, judged by what follows from
its contract and promoted; bounds set by hand are about real figures and partitions, which a drawn world has not. The
long form (`make drill`) plays all thirty days of both, the short one a few.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from expectations import suite
from tests import generated
from tests.drills import LONG, in_drills
from tests.integration.test_planted_faults import Spoilt, land
from tests.publishers import PUBLISHERS
from warehouse import pipeline, stores, versions
from warehouse.archive import Fetch
from warehouse.settings import Settings
from warehouse.validation import judge

pytestmark = pytest.mark.slow

DAYS = 30 if LONG else 3
GENERATED_DAYS = 30
FIRST = datetime(2026, 9, 12, 12, tzinfo=UTC)
TRUE_WARNINGS = {("nyfed.reference_rates", "sofr_moves_slowly")}
"""What may be said of real days, since it was news."""


def test_thirty_real_days_raise_no_alarm(tmp_path, sample_settings, record_property):
    settings = replace(sample_settings, home=tmp_path / "home")
    warned = Counter()
    for number in range(DAYS + 1):
        now = FIRST + timedelta(minutes=10 * number)
        today = replace(settings, now=now.isoformat())
        link = Spoilt(now)
        link.edits = [
            (url, cut(str(date.fromisoformat(newest) - timedelta(days=DAYS - number))))
            for url, newest, cut in PUBLISHERS.values()
        ]
        for table, partition in PUBLISHERS:
            landed = land(today, link, table, [partition])[partition]
            assert landed.outcome in {"landed", "unchanged"}, (table, str(landed))
            assert not landed.quarantined
        pipeline.load(today)
        found = pipeline.validate(today)
        assert not found.held_back
        with stores.open_warehouse(today, read_only=True) as connection:
            said = connection.execute(
                "select table_name, severity, expectation, detail from ops.validations "
                "where not success and validated_at = $now",
                {"now": now},
            ).fetchall()
        assert not [each for each in said if each[1] == "critical"]
        warned.update((table.removeprefix("incoming.").replace("__", "."), name) for table, _, name, _ in said)
    assert set(warned) <= TRUE_WARNINGS, warned
    record_property("warnings", sum(warned.values()))


# ------------------------------------------------------------------------------------------------- generated days

MOST_WARNINGS = 1
"""A day, over all tables, of which several hundred things are asked."""


@in_drills
def test_thirty_generated_days_raise_no_alarm(tmp_path, record_property):
    plan = generated.Plan(years=2)
    start = plan.known_to - timedelta(days=GENERATED_DAYS)
    source_home = Settings(home=tmp_path / "world", now=plan.known_to.isoformat())
    generated.fill(source_home, plan)
    settings = Settings(home=tmp_path / "home", now=plan.known_to.isoformat())
    suites = {(s.code, t.name): suite(t, s) for s, t in stores.tables_of(internal=False)}
    tables = [(s, t) for s, t in stores.tables_of(internal=False) if (s.code, t.name) in generated.MAKERS]
    warned, failed = Counter(), []
    for number in range(GENERATED_DAYS + 1):
        now = start + timedelta(days=number)
        with stores.open_warehouse(settings) as connection:
            connection.execute(f"attach '{source_home.warehouse}' as world (read_only)")
            shown = [(s, t, fetch) for s, t in tables if (fetch := arrive(connection, s, t, now))]
        if number:  # the first day brings years at once, of which much is news
            verdicts = judge(settings.warehouse, [suites[s.code, t.name] for s, t, _ in shown])
            failed += [str(f) for v in verdicts for f in v.failures]
            warned.update((f.table, f.expectation) for v in verdicts for f in v.warnings)
        with stores.open_warehouse(settings) as connection:
            for source, table, fetch in shown:
                versions.promote(connection, source, table, [fetch], now)
                stores.clear_incoming(connection, source, table)
    assert not failed, "\n".join(failed)
    record_property("warnings", sum(warned.values()))
    assert sum(warned.values()) <= MOST_WARNINGS * GENERATED_DAYS, warned


def arrive(connection, source, table, now):
    """Fill `incoming` with what a publisher of the drawn world says at an instant; return the fetch, or None."""
    name, key = stores.identifier(source, table), ", ".join(table.grain)
    own = ", ".join(c.name for c in table.columns)
    rows = f"""
        select {own} from world.raw.{name} where known_at <= timestamptz '{now.isoformat()}'
        qualify row_number() over (partition by {key} order by known_at desc, ingested_at desc) = 1
    """
    rows = rows.replace(f"select {own}", f"select {own}, _is_deleted")
    fetch = Fetch.of(source.code, table.name, "all", "", [response(now)])
    typed = ", ".join(f'"{c.name}" {c.type}' for c in table.columns)
    text = ", ".join(f'"{c.name}" varchar' for c in table.columns)
    connection.execute(f"create or replace table incoming.{name} ({typed}, {versions.STAMPS}, fetched_at timestamptz)")
    connection.execute(
        f"create or replace table incoming.{name}{versions.ASIDE} "
        f"({text}, _rule varchar, _reason varchar, _row bigint, {versions.STAMPS})"
    )
    connection.execute(
        f"""
        insert into incoming.{name} by name
        select {own}, 'all' as _partition, 'reconstructed' as _origin, 'https://world.example' as _source_url,
            repeat('0', 64) as _source_sha256, $fetch as _fetch_id, $now::timestamptz as fetched_at
        from ({rows}) where not _is_deleted
        """,
        {"fetch": fetch.fetch_id, "now": now},
    )
    if connection.execute(f"select count(*) from incoming.{name}").fetchone()[0]:
        return fetch
    stores.clear_incoming(connection, source, table)
    return None


def response(now):
    from warehouse.contract import Response

    return Response(
        url="https://world.example", sha256=f"{now:%Y%m%d}".ljust(64, "0"), fetched_at=now, origin="reconstructed"
    )
