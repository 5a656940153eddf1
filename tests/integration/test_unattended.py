"""Days on end under Airflow's real scheduler, from an empty home, with a third of the publishers wrong on each of them.

The test makes each day happen and nothing else: the publishers answer anew, their ingests start, and at the end of the
day somebody is told of what is wrong. What a day is the recording says: its newest answer is the clock. The builder
starts by itself, retries come by themselves, and nothing is repaired, accepted or replayed. On the last of thirty days
all publishers are right again. It takes an hour, and so is a drill (`make drill`); DRYPOWDER_DAYS names fewer.
"""

from __future__ import annotations

import gzip
import os
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import duckdb
import pytest

from tests.drills import in_drills
from tests.integration.planted_faults import FAULTS
from tests.integration.test_airflow import running_in
from tests.integration.test_incidents import Airflow
from tests.integration.test_planted_faults import live_rows
from tests.planted import ASIDE, CLIENT, NONE, REFUSED, Planted, of_rows
from tests.publishers import PUBLISHERS
from tests.receivers import WebHook
from warehouse import calendar, incidents, pipeline, quarantine
from warehouse import release as releases
from warehouse.errors import NoRelease, NothingNew
from warehouse.headless_airflow import HeadlessAirflow
from warehouse.recording import INDEX, Recording
from warehouse.settings import PROJECT_ROOT, Settings
from warehouse.sources import find

pytestmark = pytest.mark.slow

DAYS = int(os.environ.get("DRYPOWDER_DAYS", "30"))
LAST = datetime(2026, 5, 22, 23, 30, tzinfo=UTC)
"""Half past seven in New York, when all that is due that day is out; the sample's news of most publishers ends here."""

# ------------------------------------------------------------------------------------------------------ what goes wrong


@dataclass(frozen=True, kw_only=True)
class Answer(Planted):
    """A fault of a whole publisher, whatever it is asked for: a status, and a page that goes with it."""

    status: int = 200


def out_of_service(table):
    return Answer(
        name="out of service", table=table, url="", gate=CLIENT, status=503, edit=lambda _: b"Service Unavailable\n"
    )


def blocked(table):
    page = b"<!DOCTYPE html><html><body>Are you a robot?</body></html>\n"
    return Answer(name="blocked by a guard", table=table, url="", gate=CLIENT, status=403, edit=lambda _: page)


ONE_BAD_ROW = Planted(
    name="words for a number in one row",
    table="ofr.financial_stress",
    url="",
    gate=ASIDE,
    severity="warning",
    edit=of_rows(lambda rows: [*rows[:100], [rows[100][0], "see note", *rows[100][2:]], *rows[101:]]),
)
NOT_HERE = {
    "interpolated values": "there are too few days yet",
    "a day's three figures again, as those of the next": "the next is a Saturday",
    "the newest rate ten times too small": "it is of a day to come",
    "a new series": "it is withdrawn the day after, which a person has to accept",
    "the Treasury's account off by half": "nobody has the Treasury's own figure here",
    "the Treasury's account off by a tenth": "nobody has the Treasury's own figure here",
}
"""Planted faults that are others in these days and with these tables, and why."""


def planted(table, *names):
    """Return a table's faults, those that are named first, and then what may happen to any publisher."""
    known = {f.name: f for f in FAULTS if f.table == table and f.name not in NOT_HERE}
    known |= {f.name: f for f in (out_of_service(table), blocked(table))}
    known |= {ONE_BAD_ROW.name: ONE_BAD_ROW} if table == ONE_BAD_ROW.table else {}
    return [*(known.pop(name) for name in names), *known.values()]


WRONG = {
    # In this order, three a day, of which the last is wrong the day after, too.
    "ofr.financial_stress": planted("ofr.financial_stress", ONE_BAD_ROW.name),
    "fiscaldata.debt_to_penny": planted("fiscaldata.debt_to_penny", "debt in thousands"),
    "nyfed.reverse_repo": planted("nyfed.reverse_repo", "out of service", "blocked by a guard"),
    "nyfed.reference_rates": planted("nyfed.reference_rates", "a rate as a fraction"),
    "fiscaldata.auctions": planted("fiscaldata.auctions", "bid-to-cover that is not bids by awards"),
    "board.h15": planted("board.h15"),
    "chicagofed.nfci": planted("chicagofed.nfci"),
    "board.h41": planted("board.h41"),
    "defillama.coin_prices": planted("defillama.coin_prices"),
}
THIRD = len(WRONG) // 3


def rota():
    """Return, for each day, what is wrong with which tables: a third of them, of which one stays wrong; none at last."""
    tables, met, days = list(WRONG), Counter(), []
    for number in range(DAYS - 1):
        today = [tables[((THIRD - 1) * number + place) % len(tables)] for place in range(THIRD)]
        days.append({table: WRONG[table][met[table] % len(WRONG[table])] for table in today})
        met.update(today)
    return [*days, {}]


# ------------------------------------------------------------------------------------------------------ the publishers

ASKED = {
    # table: the partition that has its news in these days, and part of its address in the sample
    **{table: (partition, part) for (table, partition), (part, _, _) in PUBLISHERS.items()},
    "fiscaldata.auctions": ("2026", "auction_date:gte:2026"),
    "fiscaldata.debt_to_penny": ("2026", "debt_to_penny"),  # of the year before, under the days of this one
    "defillama.coin_prices": ("bitcoin-2026", "start=1767312000"),
}
PAST = {
    "fiscaldata.auctions": "auctions_query", "nyfed.reverse_repo": "/rp/", "nyfed.reference_rates": "/rates/",
    "defillama.coin_prices": "coins.llama.fi",
}  # fmt: skip
"""Part of every address of those whose past years are asked for once."""
ENDED = {
    "fiscaldata.debt_to_penny": "2025-03-31",
    "fiscaldata.auctions": "2026-01-29",
    "ofr.financial_stress": "2024-11-29",
}
"""Tables of which the sample has nothing of these days, and its newest: they are late, whatever comes."""
CUT = {table: cut for (table, _), (_, _, cut) in PUBLISHERS.items()}


def newest_of(table, now):
    """Return the newest day that a publisher had by an instant; what has ended is told at half its pace."""
    if table in ENDED:
        return str(date.fromisoformat(ENDED[table]) - (LAST - now) / 2)
    return str(calendar.last_due(find(*table.split("."))[1].cadence, now).period_end)


def business_days(year):
    days = (date(year, 1, 1) + timedelta(days=number) for number in range(120))
    return [str(day) for day in days if calendar.is_open("us_federal", day)]


THIS_YEAR = dict(zip(business_days(LAST.year - 1), business_days(LAST.year), strict=False))


def this_year(body):
    """Put the business days of this year for those of the one before; what is none moves by whole weeks."""

    def moved(match):
        day = match[0].decode()
        return THIS_YEAR.get(day, str(date.fromisoformat(day) + timedelta(weeks=52))).encode()

    return re.sub(rf"{LAST.year - 1}-\d\d-\d\d".encode(), moved, body)


class World:
    """A recording that is written anew for every day: the sample, as it was asked for then, some of it spoilt."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "bodies").mkdir(parents=True)
        (folder / "sample").symlink_to(PROJECT_ROOT / "sample")
        sample = Recording.open(folder / "sample")
        self.asked, self.others = {}, []
        for entry in sample.entries:
            [table] = [t for t, (_, part) in ASKED.items() if part in entry.url] or [None]
            if table:
                self.asked[table] = (entry, sample.body(entry))
            elif any(part in entry.url for part in PAST.values()):
                self.others.append(replace(entry, body=f"sample/{entry.body}"))
        assert self.asked.keys() == ASKED.keys() == WRONG.keys()

    def bring(self, now, faults):
        """Let it be a day; return the digest of what each publisher says."""
        entries = [self.other(entry, now, faults) for entry in self.others]
        said = {}
        for table, (entry, whole) in self.asked.items():
            fault = faults.get(table)
            body = CUT[table](newest_of(table, now))(whole)
            body = fault.edit(body) if fault else body
            body = this_year(body) if table == "fiscaldata.debt_to_penny" else body
            said[table] = sha256(body).hexdigest()
            kept, status = self.keep(body), getattr(fault, "status", entry.status)
            entries.append(replace(entry, url=asked_on(entry, now), status=status, fetched_at=now, body=kept))
        partial = self.folder / "index.partial"
        partial.write_text("".join(f"{entry.as_json()}\n" for entry in entries))
        partial.replace(self.folder / INDEX)
        return said

    def other(self, entry, now, faults):
        """Return what is not of these days, as it is asked for on one of them."""
        [table] = [t for t, part in PAST.items() if part in entry.url]
        out = faults.get(table) if isinstance(faults.get(table), Answer) else None
        given = {"status": out.status, "body": self.keep(out.edit(b""))} if out else {}
        return replace(entry, url=asked_on(entry, now), fetched_at=now, **given)

    def keep(self, body):
        """Write a body and return its name; one that is there is not touched, since somebody may be reading it."""
        name = f"bodies/{sha256(body).hexdigest()}.gz"
        if not (self.folder / name).exists():
            (self.folder / name).write_bytes(gzip.compress(body, mtime=0))
        return name


def asked_on(entry, now):
    """Return the address at which something is asked for on a day."""
    url = entry.url.replace("endDate=2026-09-12", f"endDate={now.date()}")  # the day of the sample
    return url.replace("record_date:gte:2025", "record_date:gte:2026").replace(
        "record_date:lte:2025", "record_date:lte:2026"
    )


# ------------------------------------------------------------------------------------------------------ what has to come


@dataclass
class Standing:
    """What has to be said of a table at the end of a day."""

    wrong: frozenset[str] = frozenset()
    """Kinds of its incidents that are open."""
    body: str = ""
    """Digest of the newest answer that got through."""

    def after(self, fault, body):
        """Return what it is after a day with this fault, or without one."""
        if fault and fault.gate in {REFUSED, CLIENT}:
            return replace(self, wrong=self.wrong | {"refused" if fault.gate == REFUSED else "failed"})
        if fault and fault.stops:
            return replace(self, wrong=frozenset({"held back"}))
        return Standing(wrong=frozenset({"quarantined"} if fault and fault.gate == ASIDE else ()), body=body)


def key_of(kind, table):
    return f"failed ingest__{table.replace('.', '__')}.land" if kind == "failed" else f"{kind} {table}"


def command_for(kind, table):
    """Return what people are told to type."""
    by_kind = {"quarantined": f"quarantine show {table}", "failed": f"land {table.replace('.', ' ')}"}
    return f"drypowder {by_kind.get(kind, f'quarantine list {table}')}"


def borders(wrong):
    """Return where a release says that something of a table is held back."""
    return [{"refused": "landing", "held back": "incoming"}[kind] for kind in wrong & {"refused", "held back"}]


SERIES = {
    # table: a series that a release serves of it, and in `raw` its day, its value, and which rows are its own
    "ofr.financial_stress": ("ofr_fsi", "observation_date", "ofr_fsi", "true"),
    "chicagofed.nfci": ("nfci", "week_end", "nfci", "true"),
    "board.h15": ("yield_10y", "period_end", "value", "series_name = 'RIFLGFCY10_N.B'"),
    "board.h41": ("fed_total_assets", "period_end", "value * unit_multiplier / 1e9", "series_name = 'RESPPMA_N.WW'"),
    "nyfed.reference_rates": ("sofr", "effective_date", "rate_pct", "rate_type = 'SOFR'"),
}
SERVED = """
    select count(*), max(period_end)::varchar, sum(value), arg_max(value, period_end)
    from marts.fct_observations where series_id = $series and known_until is null
"""


def kept(settings, table):
    """Return of a series in `raw` what has to be served of it: how many days, the newest, their sum, the newest value."""
    _, day, value, own = SERIES[table]
    source, declared = find(*table.split("."))
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        return connection.execute(
            f"select count(v), max(d)::varchar, sum(v), arg_max(v, d) from (select {day} as d, ({value})::double as v, * "
            f"from raw.{source.code}__{declared.name} where {own} qualify row_number() over "
            f"(partition by {', '.join(declared.grain)} order by ingested_at desc, _fetch_id desc) = 1) "
            "where not _is_deleted and v is not null"
        ).fetchone()


def rows_of(settings, table):
    """Return a digest of a table's live rows, or None while it has none."""
    with suppress(duckdb.CatalogException):
        rows = live_rows(settings, table)
        return rows if rows[0] else None


def release_id(settings):
    with suppress(NoRelease):
        return releases.current(settings).id


# ------------------------------------------------------------------------------------------------------ the days

POLICY = '''\
"""Thirty days take half an hour here: no clock on the wall starts anything, and half an hour is a second."""

__all__ = ["dag_policy", "task_policy"]


def dag_policy(dag):
    from airflow.sdk.definitions.timetables.assets import AssetTriggeredTimetable
    from airflow.sdk.definitions.timetables.simple import NullTimetable

    assets = getattr(dag.timetable, "asset_condition", None)
    dag.timetable = NullTimetable() if assets is None else AssetTriggeredTimetable(assets)


def task_policy(task):
    task.retry_delay /= 1800
'''


def ingest_of(table):
    return f"ingest__{table.replace('.', '__')}"


class Days:
    """A warehouse that nobody looks after, beside one whose publishers are never wrong."""

    def __init__(self, airflow, hook, settings, world, clean):
        self.airflow, self.hook, self.settings, self.world = airflow, hook, settings, world
        self.clean, self.clean_world = clean, World(clean.recordings)
        self.stands = {table: Standing() for table in WRONG}
        self.rows = dict.fromkeys(WRONG)
        self.count = Counter()

    def live_through(self, now, faults):
        """Let a day pass, and see what has come of it."""
        before, told = release_id(self.settings), len(self.hook.taken)
        said = self.world.bring(now, faults)
        self.airflow.api.set_builder_pool(0)  # ingests come first, so that a day has one build
        runs = {table: self.airflow.start(ingest_of(table)) for table in WRONG}
        self.let_the_clean_day_pass(now)
        for table, run in runs.items():
            state, _ = self.airflow.end_of(ingest_of(table), run)
            is_away = table in faults and faults[table].gate in {REFUSED, CLIENT}
            assert state == ("failed" if is_away else "success"), (now, table, faults.get(table))
        self.airflow.api.set_builder_pool(1)
        self.airflow.wait("the builder to rest", self.builder_rests)
        assert self.airflow.end_of("watch", self.airflow.start("watch"))[0] == "success"

        stood = self.stands
        self.stands = {t: each.after(faults.get(t), said[t]) for t, each in stood.items()}
        self.rows_are_right(now, faults)
        self.people_are_told(now, stood, self.hook.taken[told:])
        self.release_is_right(now, before)
        self.count.update(days=1, faults=len(faults), stopped=sum(fault.stops for fault in faults.values()))

    def let_the_clean_day_pass(self, now):
        self.clean_world.bring(now, {})
        for table in WRONG:
            try:
                pipeline.land(*table.split("."), self.clean)
            except NothingNew:
                continue
        try:
            pipeline.load(self.clean)
        except NothingNew:
            return
        assert not pipeline.validate(self.clean).held_back, now

    def builder_rests(self):
        waiting = (self.airflow.api.get("dags/build/assets/queuedEvents") or {}).get("total_entries", 0)
        builds = self.airflow.api.get("dags/build/dagRuns", limit=100)["dag_runs"]
        return not waiting and all(run["state"] in {"success", "failed"} for run in builds)

    def rows_are_right(self, now, faults):
        for table, stands in self.stands.items():
            fault, rows = faults.get(table), rows_of(self.settings, table)
            if fault and fault.stops:
                assert rows == self.rows[table], (now, table, fault.name)
            elif fault is None or (fault.gate == NONE and fault.serves == "the same rows"):
                assert rows == rows_of(self.clean, table), (now, table, fault and fault.name)
            else:  # it went out as it came, but for what was set aside
                assert rows is not None, (now, table, fault.name)
            assert not (fault and fault.stops) or stands.wrong
            self.rows[table] = rows

    def people_are_told(self, now, stood, messages):
        open_now = {key_of(kind, table) for table, each in self.stands.items() for kind in each.wrong}
        open_before = {key_of(kind, table) for table, each in stood.items() for kind in each.wrong}
        ledger = [entry for entry in incidents.ledger(self.settings) if entry.over_at is None]
        late = {e.incident.key.removeprefix("late ") for e in ledger if e.incident.kind == "late"}
        assert {e.incident.key for e in ledger if e.incident.kind != "late"} == open_now, now
        assert late <= {*ENDED, *(table for table, each in self.stands.items() if each.wrong)}, now
        told = Counter((each["event"], each["key"]) for each in messages if each["kind"] != "late")
        begun, over = open_now - open_before, open_before - open_now
        assert told == Counter({**{("opened", k): 1 for k in begun}, **{("over", k): 1 for k in over}}), now
        commands = {
            key_of(k, t): command_for(k, t) for t in WRONG for k in ("refused", "held back", "quarantined", "failed")
        }
        for each in messages:
            if each["kind"] != "late":
                assert each["command"] == commands[each["key"]], each
            assert each["what"], each
        ids = [each["id"] for each in self.hook.taken]
        assert len(set(ids)) == len(ids), now  # never the same twice

    def release_is_right(self, now, before):
        """See that what readers have now is of this day and whole, or that they were told why it is not."""
        stopped = {(t, border) for t, each in self.stands.items() for border in borders(each.wrong)}
        if release_id(self.settings) == before:
            assert any(each.wrong for each in self.stands.values()), now
            self.count.update(held_back_notices=1)
            return
        found = releases.current(self.settings)
        assert found.id == f"{now:%Y.%m.%d}.1"
        assert releases.verify(found) == []
        held = {(f"{each['source']}.{each['table']}", each["border"]) for each in found.manifest["held_back"]}
        assert held == stopped, now
        for table, stands in self.stands.items():
            fetches = found.manifest["sources"][table]["fetches"]
            bodies = {fetch["partition"]: fetch["sha256"] for fetch in fetches}.get(ASKED[table][0], [])
            assert stands.body in {*bodies, *([] if bodies else [""])}, (now, table)
        with releases.connect(self.settings.home) as connection:
            assert connection.execute("select count(*) from metrics.latest").fetchone()[0] > 0
            for table, (series, *_) in SERIES.items():
                served = connection.execute(SERVED, {"series": series}).fetchone()
                assert served == pytest.approx(kept(self.settings, table)), (now, table)
        self.count.update(releases=1)


@in_drills
def test_days_pass_and_nobody_does_anything(tmp_path, record_property):
    settings = Settings(
        home=tmp_path / "home", sources=f"recorded:{tmp_path / 'publishers'}", notify_webhook="incidents"
    )
    clean = Settings(home=tmp_path / "clean", sources=f"recorded:{tmp_path / 'publishers-never-wrong'}")
    world, hook, home = World(settings.recordings), WebHook(), tmp_path / "airflow"
    policy = home / "config" / "airflow_local_settings.py"
    policy.parent.mkdir(parents=True)
    policy.write_text(POLICY)
    given = {**settings.as_environment(), "AIRFLOW_CONN_INCIDENTS": hook.connection()}
    try:
        with HeadlessAirflow(home=home, project=PROJECT_ROOT, environment=given) as running:
            running.wait_for_dags({"build", "watch", *map(ingest_of, WRONG)})
            days = Days(Airflow(running), hook, settings, world, clean)
            for number, faults in enumerate(rota(), 1 - DAYS):
                days.live_through(LAST + timedelta(days=number), faults)
            builds = running.api.get("dags/build/dagRuns", limit=100)["dag_runs"]
    finally:
        hook.close()
    assert running_in(home) == []
    assert {run["run_type"] for run in builds} == {"asset_triggered"}
    assert days.count["releases"] + days.count["held_back_notices"] == days.count["days"] == DAYS

    # Whatever was wrong has healed: every table has the rows that it would have, had nothing ever been wrong.
    assert not any(each.wrong for each in days.stands.values())
    assert quarantine.entries(settings) == []
    assert {t: live_rows(settings, t) for t in WRONG} == {t: live_rows(clean, t) for t in WRONG}
    for what, count in days.count.items():
        record_property(what, count)
