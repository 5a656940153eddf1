"""What publishers get wrong, planted into their bytes: each is met by the gate that is there for it, and nothing else.

Faults of different tables meet one home together, so that every round shows as well that one bad source never stops the
others. What comes of each is a row of docs/planted-faults.md, written by
`DRYPOWDER_WRITE_FAULTS=1 pytest tests/integration/test_planted_faults.py`.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

import duckdb
import pytest

from tests.integration.planted_faults import BOTH_BOOKS, FAULTS, GOOD
from tests.planted import ASIDE, CLIENT, GATE, MISSED, NONE, REFUSED
from warehouse import pipeline
from warehouse.errors import GateClosed, NothingNew
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
    """Return the faults in rounds: of each table one that may land, and all that are refused before, in the first."""
    by_table = defaultdict(list)
    for fault in FAULTS:
        by_table[fault.table].append(fault)
    first = [f for f in FAULTS if f.gate in {REFUSED, CLIENT}]
    by_table = {t: [f for f in faults if f not in first] for t, faults in by_table.items()}
    while first or any(by_table.values()):
        yield [*first, *(faults.pop(0) for faults in by_table.values() if faults)]
        first = []


def play(settings, faults):
    """Serve faults to a home, each to its table, let the gate judge what landed, and return what came of each."""
    link = Spoilt(NOW)
    before = {f.table: live_rows(settings, f.table) for f in faults}
    attempts = {}
    for fault in faults:
        link.edits = [(fault.url, fault.edit)]
        attempts[fault.name] = land(settings, link, fault.table, [fault.partition])[fault.partition]
    said, held = judged(settings)
    found = {}
    for fault in faults:
        attempt = attempts[fault.name]
        has_landed = attempt.outcome == "landed"
        found[fault.name] = Outcome(
            landed=attempt.outcome,
            said=str(attempt.error or ""),
            quarantined=attempt.quarantined,
            warnings=tuple(sorted({name for name, _ in said[fault.table, "warning"]})) if has_landed else (),
            failures=tuple(sorted({name for name, _ in said[fault.table, "critical"]})) if has_landed else (),
            is_held=has_landed and (fault.table, fault.partition) in held,
            is_as_before=before[fault.table] == live_rows(settings, fault.table),
        )
    unjudged = [detail for found in said.values() for _, detail in found if "could not be judged" in detail]
    assert not unjudged
    return found


def outcomes_of_all(base, tmp_path_factory):
    """Return what came of every fault."""
    found = {}
    for number, faults in enumerate(rounds()):
        home = tmp_path_factory.mktemp(f"round-{number}") / "home"
        shutil.copytree(base.home, home)
        found |= play(replace(base, home=home), faults)
        shutil.rmtree(home)
    return found


def test_each_fault_is_met_by_its_gate_and_by_no_other(base, tmp_path_factory):
    # One test and not one a fault: two workers would each plant them all, which takes minutes.
    outcomes = outcomes_of_all(base, tmp_path_factory)
    wrong = []
    for fault in FAULTS:
        try:
            is_met_as_declared(fault, outcomes[fault.name])
        except AssertionError as error:
            wrong.append(f"{fault.name}: {error}")
    assert not wrong, "\n\n".join(wrong)
    one_bad_source_does_not_stop_the_others(outcomes)
    the_page_is_what_came_out(outcomes)


def is_met_as_declared(fault, outcome):
    assert met(fault, outcome) == (fault.gate, fault.severity), outcome
    said = {*outcome.warnings, *outcome.failures}
    assert not fault.finding or fault.finding in said or fault.finding in outcome.said, outcome
    assert outcome.said or fault.gate not in {REFUSED, CLIENT}
    if fault.gate in {NONE, MISSED}:
        assert not said, outcome
    if fault.stops or fault.serves == "the same rows":
        # Of a table whose other faults may land, its own rounds show it.
        assert outcome.is_as_before or fault.gate in {REFUSED, CLIENT}, outcome
    else:
        assert not outcome.is_as_before or "ours stays whole" in fault.serves, outcome


def met(fault, outcome):
    """Return where a fault was met, and how severely."""
    if outcome.landed in {"unavailable", "refused"}:
        return {"unavailable": CLIENT, "refused": REFUSED}[outcome.landed], "critical"
    if outcome.is_held:
        return GATE, "critical"
    if outcome.quarantined:
        return ASIDE, "warning"
    if fault.finding and fault.finding in outcome.warnings:
        return GATE, "warning"
    return (MISSED if fault.gate == MISSED else NONE), "none"


def test_what_is_refused_leaves_raw_as_it_was(base, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(base.home, home)
    found = play(replace(base, home=home), [f for f in FAULTS if f.gate in {REFUSED, CLIENT}])
    assert all(outcome.is_as_before for outcome in found.values())


def test_there_are_enough_faults_of_enough_tables():
    assert len({f.name for f in FAULTS}) == len(FAULTS) >= 45
    assert len({f.table for f in FAULTS}) >= 12
    assert sum(f.gate == MISSED for f in FAULTS) <= 3
    assert all(f.because.endswith(".") for f in FAULTS if f.gate == MISSED)


def one_bad_source_does_not_stop_the_others(outcomes):
    first = next(iter(rounds()))
    assert len({f.table for f in first if outcomes[f.name].is_held}) >= 8
    promoted = {f.table for f in first if f.gate == GATE and f.severity == "warning"}
    assert promoted
    assert not any(outcomes[f.name].is_as_before for f in first if f.table in promoted)


FIGURES = """
    select metric_id, entity_id, period_end, value from metrics.latest
    where metric_id in ('ofr_fsi', 'btc_drawdown', 'foreign_treasury_holdings', 'bid_to_cover') order by all
"""


def figures(settings):
    file = settings.home / "current" / "warehouse.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(FIGURES).fetchall()


def test_the_next_release_serves_the_last_good_rows_and_what_disagrees_stops_it(built, copied):
    settings = replace(copied(built), now=NOW.isoformat())
    before, first = figures(settings), (settings.home / "current").resolve()
    held = ("an index a thousand times too large", "euros for dollars", "one holder doubled, not the total")
    faults = [f for f in FAULTS if f.name in {*held, "a new series"}]
    outcomes = play(settings, faults)
    assert [outcomes[name].is_held for name in held] == [True] * 3
    assert not outcomes["a new series"].is_as_before
    pipeline.build(settings)
    pipeline.check(settings)
    second = pipeline.publish(settings)
    assert second.path != first
    assert figures(settings) == before

    # Both books of one account come at once: each is judged by what the other said before, which was nothing.
    later = replace(settings, now=datetime(2026, 9, 12, 20, tzinfo=UTC).isoformat())
    link = Spoilt(datetime(2026, 9, 12, 20, tzinfo=UTC))
    link.edits = [*BOTH_BOOKS]
    for name, partition in (("board.h41", "all"), ("fiscaldata.operating_cash_balance", "2025")):
        assert land(later, link, name, [partition])[partition].outcome == "landed"
    pipeline.load(later)
    assert not pipeline.validate(later).held_back
    pipeline.build(later)
    with pytest.raises(GateClosed, match="treasury_account_agrees_at_all"):
        pipeline.check(later)
    assert (settings.home / "current").resolve() == second.path.resolve()
    assert figures(later) == before


def page(outcomes):
    """Return docs/planted-faults.md as what came out says."""
    rows = [
        "| fault | table | met at | severity | said | held back | the next release serves |",
        "|---|---|---|---|---|---|---|",
    ]
    for fault in FAULTS:
        outcome = outcomes[fault.name]
        gate, severity = met(fault, outcome)
        # What else was said is in the quality report; here is what is there for this fault.
        said = fault.finding if fault.finding in {*outcome.warnings, *outcome.failures} else ""
        held = "nothing" if not fault.stops else f"`{fault.table}/{fault.partition}`"
        serves = fault.serves if gate != MISSED else f"{fault.serves}. Not caught, because: {fault.because}"
        rows.append(f"| {fault.name} | `{fault.table}` | {gate} | {severity} | {said} | {held} | {serves} |")
    tables = len({f.table for f in FAULTS})
    return f"""# Planted faults

What publishers get wrong, planted into the bytes that they send, and which gate meets it: {len(FAULTS)} faults of
{tables} tables. It is written from what tests/integration/test_planted_faults.py proves on a home that was built from the
sample; a test fails when this page is not what came out. Write it anew with
`DRYPOWDER_WRITE_FAULTS=1 pytest tests/integration/test_planted_faults.py -k each`.

Faults of different tables meet one home together: what is held back of one never stops the others. What the network does
to an answer, and what each parser refuses, is [another page](faults.md).

| met at | means |
|---|---|
| client | No answer with data: the next run asks again. |
| contract at landing | The payload breaks its contract. Nothing of it lands. |
| incoming gate | It landed, and was judged. Critical: the fetch is held back. Warning: it is said, and goes on. |
| accepted | Nothing is said: it is no fault, or one that publishers may make. |
| not caught | Nobody can know; the row says why. |

A critical finding holds back one partition. The two books of one account that disagree when both arrive at once
stop the release at its own gate, and the current one stays.

{chr(10).join(rows)}
"""


def the_page_is_what_came_out(outcomes):
    written = page(outcomes)
    if os.environ.get("DRYPOWDER_WRITE_FAULTS"):
        PAGE.write_text(written, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == written
