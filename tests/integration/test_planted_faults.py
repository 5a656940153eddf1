"""What publishers get wrong, planted into their bytes: each is met by the gate that is there for it, and nothing else.

Faults of different tables meet one home together, so that every round shows as well that one bad source never stops the
others. What comes of each is a row of docs/planted-faults.md, written by
`DRYPOWDER_WRITE_FAULTS=1 pytest tests/integration/test_planted_faults.py`.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

import duckdb
import pytest

from tests.integration.planted_faults import FAULTS, GOOD
from tests.planted import ASIDE, CLIENT, GATE, MISSED, NONE, REFUSED
from warehouse import pipeline
from warehouse.errors import NothingNew
from warehouse.http import RecordedTransport
from warehouse.recording import Recording, canonical_url
from warehouse.settings import PROJECT_ROOT
from warehouse.sources import find

pytestmark = pytest.mark.slow

PAGE = PROJECT_ROOT / "docs" / "planted-faults.md"
NOW = datetime(2026, 9, 12, 18, tzinfo=UTC)


@dataclass(frozen=True)
class Outcome:
    """What came of one fault."""

    landed: str
    said: str
    quarantined: int
    warnings: tuple[str, ...]
    failures: tuple[str, ...]
    is_held: bool
    is_as_before: bool
    """Whether the live rows of `raw` are the ones from before."""


class Spoilt:
    """The recorded publishers, and good answers of others, some of them spoilt; all of it fetched now."""

    def __init__(self, now):
        self.now = now
        self.recorded = RecordedTransport(Recording.open(PROJECT_ROOT / "sample"), now)
        self.edits = []

    def send(self, url, **more):
        asked = canonical_url(url)
        pages = {u: b for u, b in GOOD.items() if asked == u or asked.partition("?")[0] == u}
        if pages:
            body = next(iter(pages.values()))
            like = self.recorded.send("https://www.financialresearch.gov/financial-stress-index/data/fsi.csv", **more)
            answer = replace(like, url=asked, body=body, headers={})
        else:
            answer = self.recorded.send(url, **more)
        body = answer.body
        for part, edit in self.edits:
            if part in asked:
                body = edit(body)
        return replace(answer, body=body, sha256=sha256(body).hexdigest(), fetched_at=self.now)


def live_rows(settings, name):
    """Return a digest of the newest live rows of a raw table."""
    source, table = find(*name.split("."))
    key = ", ".join(table.grain)
    columns = ", ".join(c.name for c in table.columns if c.is_versioned)
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        return connection.execute(
            f"select count(*), bit_xor(hash({columns})) from (select * from raw.{source.code}__{table.name} "
            f"qualify row_number() over (partition by {key} order by ingested_at desc, _fetch_id desc) = 1) "
            "where not _is_deleted"
        ).fetchone()


def land(settings, link, name, keys):
    """Land partitions of a table, and return what became of each."""
    source, table = find(*name.split("."))
    wanted = [p for p in table.partitions(NOW) if p.key in keys]
    assert len(wanted) == len(keys), (name, keys)
    return dict(zip(keys, pipeline.land_all(settings, source, table, wanted, link), strict=True))


def judged(settings):
    """Load and validate; return what was said of each table, by severity."""
    with suppress(NothingNew):
        pipeline.load(settings)
        pipeline.validate(settings)
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        found = connection.execute(
            "select regexp_extract(table_name, '^incoming.([a-z0-9]+__[a-z0-9_]*?)(__[0-9]+)?$', 1), severity, "
            "coalesce(column_name, expectation), detail from ops.validations where not success and validated_at = "
            "(select max(validated_at) from ops.validations)"
        ).fetchall()
        held = {
            (f"{s}.{t}", p)
            for s, t, p in connection.execute(
                "select source, table_name, partition_key from ops.held_back where held_at = $now", {"now": NOW}
            ).fetchall()
        }
    said = defaultdict(list)
    for table, severity, name, detail in found:
        said[table.replace("__", ".", 1), severity].append((name, detail))
    return said, held


@pytest.fixture(scope="module")
def base(built, tmp_path_factory):
    """A home with the sample's release, in which good answers of a few other tables have landed too."""
    import shutil

    home = tmp_path_factory.mktemp("planted") / "home"
    shutil.copytree(built.home, home, symlinks=True, ignore=shutil.ignore_patterns("releases", "dbt", "current"))
    settings = replace(built, home=home, now=NOW.isoformat())
    link = Spoilt(datetime(2026, 9, 12, 15, tzinfo=UTC))
    for fault in FAULTS:
        if any(fault.url in url for url in GOOD):
            land(settings, link, fault.table, [fault.partition])
    pipeline.load(settings)
    assert not pipeline.validate(settings).held_back
    return settings


def rounds():
    """Return the faults in rounds, of each table and partition one a round."""
    by_table = defaultdict(list)
    for fault in FAULTS:
        by_table[fault.table].append(fault)
    while any(by_table.values()):
        yield [faults.pop(0) for faults in by_table.values() if faults]


@pytest.fixture(scope="module")
def outcomes(base, tmp_path_factory):
    """What came of every fault."""
    import shutil

    found = {}
    for number, faults in enumerate(rounds()):
        home = tmp_path_factory.mktemp(f"round-{number}") / "home"
        shutil.copytree(base.home, home)
        settings = replace(base, home=home)
        link = Spoilt(NOW)
        link.edits = [(f.url, f.edit) for f in faults]
        before = {f.table: live_rows(settings, f.table) for f in faults}
        attempts = {f.name: land(settings, link, f.table, [f.partition])[f.partition] for f in faults}
        said, held = judged(settings)
        for fault in faults:
            attempt = attempts[fault.name]
            found[fault.name] = Outcome(
                landed=attempt.outcome,
                said=str(attempt.error or ""),
                quarantined=attempt.quarantined,
                warnings=tuple(sorted({name for name, _ in said[fault.table, "warning"]})),
                failures=tuple(sorted({name for name, _ in said[fault.table, "critical"]})),
                is_held=(fault.table, fault.partition) in held,
                is_as_before=before[fault.table] == live_rows(settings, fault.table),
            )
        shutil.rmtree(home)
    return found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_is_met_by_its_gate_and_by_no_other(outcomes, fault):
    outcome = outcomes[fault.name]
    assert actual_gate(fault, outcome) == (fault.gate, fault.severity), outcome
    if fault.finding:
        said = {*outcome.warnings, *outcome.failures}
        assert fault.finding in said or fault.finding in outcome.said, outcome
    if fault.stops:
        assert outcome.is_as_before, outcome


def actual_gate(fault, outcome):
    """Return where a fault was met, and how severely."""
    if outcome.landed == "unavailable":
        return CLIENT, "critical"
    if outcome.landed == "refused":
        return REFUSED, "critical"
    if outcome.is_held:
        return GATE, "critical"
    if outcome.quarantined:
        return ASIDE, "warning"
    if fault.gate == MISSED:
        return MISSED, "none"
    if fault.finding and fault.finding in outcome.warnings:
        return GATE, "warning"
    return NONE, "none"


def test_there_are_enough_faults_of_enough_tables():
    assert len({f.name for f in FAULTS}) == len(FAULTS) >= 45
    assert len({f.table for f in FAULTS}) >= 12
    assert sum(f.gate == MISSED for f in FAULTS) <= 3
    assert all(f.because.endswith(".") for f in FAULTS if f.gate == MISSED)
