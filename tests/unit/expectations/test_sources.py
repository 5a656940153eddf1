"""Each source's plausibility: rows as the publisher sends them pass, and each broken table is found by its check."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import expectations
from expectations import incoming_suites, suite
from tests.unit.expectations.conftest import WarehouseFile, empty
from warehouse.settings import PROJECT_ROOT
from warehouse.sources import find, sources, tables
from warehouse.validation import judge

FEEDS = {
    name: feed
    for path in sorted((PROJECT_ROOT / "tests" / "fixtures").glob("*/plausible.py"))
    for name, feed in import_module(f"tests.fixtures.{path.parent.name}.plausible").FEEDS.items()
}


@cache
def judged(name):
    """Return the failed findings of a feed's rows as they are, then of each way to break them.

    All in one file and one run, since setting Great Expectations up costs more than judging.
    """
    code, _, table_name = name.partition("__")
    source, table = find(code, table_name)
    feed = FEEDS[name]
    whole = incoming_suites()[code, table_name]
    # Of a broken table only the checks by hand: what follows from a contract is shown in test_derived.py.
    by_hand = whole.expectations[len(suite(table, source).expectations) :]
    with TemporaryDirectory() as folder:
        file = WarehouseFile(Path(folder) / "warehouse.duckdb")
        file.path.write_bytes(empty())  # what is set beside another publisher's finds that empty
        file.fill(name, feed.rows, **feed.stamps)
        suites, statements = [whole], []
        for number, (_, _, statement) in enumerate(feed.broken):
            copy = f"incoming.{name}__{number}"
            statements += [f"create table {copy} as select * from incoming.{name}", statement.format(table=copy)]
            suites.append(replace(whole, name=f"{whole.name}.{number}", table=copy, expectations=by_hand))
        file.run(*statements)
        return [[f for f in verdict.findings if not f.success] for verdict in judge(file.path, suites)]


def test_every_landed_table_has_rows_here_and_a_suite_by_hand():
    assert set(FEEDS) == {f"{source.code}__{table.name}" for source, table in tables()}
    written = {code: [s.table for s in expectations.import_module(f"expectations.{code}").SUITES] for code in sources()}
    assert {one for suites in written.values() for one in suites} == {f"incoming.{name}" for name in FEEDS}


def test_every_bound_set_by_hand_says_when_and_why_or_is_plain_in_a_sentence():
    for one in incoming_suites().values():
        for expectation in one.expectations:
            assert expectation.description.endswith("."), expectation
            assert not expectation.notes or expectation.notes.startswith("20"), expectation


def test_every_check_by_hand_is_shown_to_fail():
    for (code, table_name), one in incoming_suites().items():
        source, table = find(code, table_name)
        by_hand = one.expectations[len(suite(table, source).expectations) :]
        named = {e.meta["name"] for e in by_hand if e.meta}
        shown = {expectation for expectation, _, _ in FEEDS[f"{code}__{table_name}"].broken}
        assert named <= shown, f"{code}.{table_name}: {sorted(named - shown)}"


@pytest.mark.slow
@pytest.mark.parametrize("name", FEEDS)
def test_rows_as_the_publisher_sends_them_pass(name):
    assert judged(name)[0] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FEEDS)
def test_each_broken_table_is_found(name):
    assert FEEDS[name].broken
    for (expectation, severity, statement), failures in zip(FEEDS[name].broken, judged(name)[1:], strict=True):
        found = {(f.column or f.expectation, f.severity): f for f in failures}
        assert (expectation, severity) in found, f"{statement}: {sorted(found)}"
        assert "could not be judged" not in found[expectation, severity].detail
        if severity == "warning":
            assert all(f.severity == "warning" for f in found.values()), f"{statement}: {sorted(found)}"
