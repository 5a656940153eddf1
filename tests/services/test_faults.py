"""Faults on real services: each ends in the right state by itself or with one documented command, and each piece of news
is in the release once.

What is done, seen and waited for stands in docs/operation-faults.md, a row a test. Minutes and days pass on the services'
own clock (tests/services/clock.py), so that what waits for half an hour is waited for in seconds; what an engine would
start anew (`restart: unless-stopped`) is started anew by `revive`. A killed worker, a killed builder and a Redis that forgets are
in every run; the others are part of the long form (`make drill`).
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
import psutil
import pytest

from tests.drills import in_drills
from tests.services.databases import psql, redis
from tests.services.people import DONE, wait_until
from tests.services.publishers import HELD_BACK
from warehouse import release
from warehouse.archive import Archive
from warehouse.clock import NEW_YORK
from warehouse.settings import Settings
from warehouse.sources import find
from warehouse.stores import identifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from tests.services.containers import Compose
    from tests.services.people import People
    from tests.services.publishers import News, Publishers

pytestmark = pytest.mark.services

STEPS = ["load", "validate", "transform", "check", "approve", "publish"]
STRESS, CONDITIONS, BALANCE_SHEET, REVERSE_REPO = HELD_BACK
DAY = {
    STRESS: "observation_date",
    CONDITIONS: "week_end",
    BALANCE_SHEET: "period_end",
    REVERSE_REPO: "operation_date",
}
HEARTBEAT_TIMEOUT = timedelta(seconds=301)
"""After so long without a word a task counts as dead: Airflow's task_instance_heartbeat_timeout, and a second."""
LANDED_AGAIN = timedelta(minutes=61)
"""The longest delay before the second try of a landing, which is half an hour to an hour, and a minute."""
BUILT_AGAIN = timedelta(minutes=11)
"""The same of a build's step: five minutes to ten."""
LONG = 420.0
"""Seconds that anything here may take on a busy machine."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The services, the people at them, and the publishers that they ask."""

    services: Compose
    people: People
    publishers: Publishers
    idle: dict[str, int]
    """How many processes there are of each while nothing runs."""

    # ---------------------------------------------------------------------------------------------- time, and waiting

    def until(
        self, condition: Callable[[], Any], what: str, *, but: tuple[str, ...] = (), seconds: float = LONG
    ) -> None:
        """Wait for something; meanwhile what has ended is started anew, `but` for some, and nobody need answer."""

        def holds() -> bool:
            self.services.revive(but=but)
            try:
                return bool(condition())
            except httpx.HTTPError:
                return False

        wait_until(holds, seconds, what)

    def pass_by(self, time: timedelta) -> None:
        """Let the clock show what it would after some time, or before."""
        self.services.clock.move(time)
        self.until(lambda: not self.people.come_again(), "a login")

    # ------------------------------------------------------------------------------------------------ what Airflow says

    def land(self, news: News) -> str:
        """Start a landing and return its run."""
        return self.people.trigger(news.dag)

    def builds(self) -> list[str]:
        """Return the runs of `build`, oldest first."""
        return [run["dag_run_id"] for run in self.people.runs("build")]

    def at_rest(self) -> list[str]:
        """Wait until nothing runs or is to be tried again that an earlier jump made due, and return the runs of `build`."""
        passed: set[tuple[str, str, int]] = set()

        def rests() -> bool:
            runs = [r for s in ("queued", "running") for r in self.people.get("dags/~/dagRuns", state=s)["dag_runs"]]
            tasks = [t for run in runs for t in self.people.tasks(run["dag_id"], run["dag_run_id"])]
            again = {
                (t["dag_run_id"], t["task_id"], t["try_number"]) for t in tasks if t["state"] == "up_for_retry"
            } - passed
            if again and not {t["state"] for t in tasks} & {"scheduled", "queued", "running"}:
                passed.update(again)
                self.pass_by(LANDED_AGAIN)
            return not runs and not self.events()

        self.until(rests, "everything to rest")
        return self.builds()

    def running_build(self) -> str:
        """Return the run of `build` that is under way."""
        (run,) = (each["dag_run_id"] for each in self.people.runs("build") if each["state"] == "running")
        return run

    def is_(self, state: str, dag: str, run: str, task: str) -> bool:
        """Whether a task is in a state."""
        return any((each["task_id"], each["state"]) == (task, state) for each in self.people.tasks(dag, run))

    def ended(self, dag: str, run: str) -> dict[str, tuple[str, int]]:
        """Wait for a run, which has to succeed, and return state and number of tries of each task."""
        path = f"dags/{dag}/dagRuns/{run}"
        self.until(lambda: self.people.get(path)["state"] in DONE, f"{dag} {run} to end")
        tasks = {each["task_id"]: (each["state"], each["try_number"]) for each in self.people.tasks(dag, run)}
        assert self.people.get(path)["state"] == "success", tasks
        return tasks

    def landed(self, runs: dict[str, str]) -> dict[str, tuple[str, int]]:
        """Wait for landings and return state and number of tries of each; what is to be tried again is when nothing runs.

        A jump of the clock takes for dead what runs at that moment, so that there may be more tries than one expects. One
        that had landed before finds nothing new then.
        """
        passed: set[tuple[str, int]] = set()

        def have_ended() -> bool:
            tasks = [(dag, each) for dag, run in runs.items() for each in self.people.tasks(dag, run)]
            states = {each["state"] for _, each in tasks}
            again = {(dag, each["try_number"]) for dag, each in tasks if each["state"] == "up_for_retry"}
            if again - passed and "running" not in states:
                passed.update(again)
                self.pass_by(LANDED_AGAIN)
            return states <= DONE

        self.until(have_ended, "landings to end")
        return {dag: self.ended(dag, run)["land"] for dag, run in runs.items()}

    def all_built(self, before: list[str]) -> list[dict[str, tuple[str, int]]]:
        """Wait until there are builds besides those before, and all have ended; return their tasks, oldest first."""
        try:
            self.until(lambda: set(self.builds()) - set(before), "a build")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.why_no_build()}") from error
        self.until(
            lambda: not self.events() and all(run["state"] in DONE for run in self.people.runs("build")),
            "every build to end",
        )
        return [self.ended("build", run) for run in self.builds() if run not in before]

    def why_no_build(self) -> str:
        """Return what Airflow knows of `build` and of its newest landings."""
        said = psql(self.services, "airflow", "airflow", "select to_json(dag) from dag where dag_id = 'build'").stdout
        landed = psql(
            self.services, "airflow", "airflow",
            "select dag_id, run_id, state, try_number, start_date, end_date from task_instance order by start_date desc limit 8",
        ).stdout  # fmt: skip
        ends = "\n".join(self.services.running[name].tail() for name in ("scheduler", "dag-processor"))
        return f"{self.events()} events wait\n{said}\n{landed}\n{ends}"

    def events(self) -> int:
        """Return how many events of landings wait for a build, which is none any more once there is one."""
        return int(psql(self.services, "airflow", "airflow", "select count(*) from asset_dag_run_queue").stdout)

    # ------------------------------------------------------------------------------------------------ what the builder is

    def is_transforming(self) -> bool:
        """Whether dbt runs on the builder: a build in the middle."""
        return any("dbt" in word for word in self._words("builder"))

    def _words(self, name: str) -> list[str]:
        found: list[str] = []
        for process in self._alive(name):
            with suppress(psutil.Error):
                found += process.cmdline()
        return found

    def releases(self) -> list[str]:
        """Return the releases that there are."""
        return sorted(
            path.name for path in (self.services.folder / "volumes" / "warehouse" / "releases").glob("[0-9]*")
        )

    def by_hand(self, *command: str, **environment: str) -> CompletedProcess[str]:
        """Type something in the builder's container."""
        return self.services.running["builder"].run("drypowder", *command, timeout=LONG, **environment)

    # --------------------------------------------------------------------------------------------- what has to be right

    def holds_once(self, *published: News, fetched: int = 1) -> None:
        """See that the home is whole and holds what was published, each of it once, and that nothing is left over.

        `fetched` is how often each was asked for and came.
        """
        for name, count in self.idle.items():
            self.until(lambda name=name, count=count: len(self._alive(name)) == count, f"{name} to be idle", seconds=60)
        settings = Settings(home=self.services.folder / "volumes" / "warehouse")
        assert release.verify(release.current(settings)) == []
        archive = Archive(settings.archive)
        with duckdb.connect(str(settings.warehouse), read_only=True) as builders:
            for news in published:
                asked = [f for f in archive.fetches(*news.table.split(".")) if news.sha256 in f.bodies]
                assert len(asked) == fetched, news.table
                is_loaded_once(builders, news)
            assert builders.execute("select fetch_id from ops.loads group by all having count(*) > 1").fetchall() == []
            assert builders.execute("select step_id from ops.steps group by all having count(*) > 1").fetchall() == []
            assert builders.execute("select fetch_id from ops.held_back").fetchall() == []
        with release.connect(settings.home) as readers:
            for news in published:
                is_served_once(readers, news)
        # The sample's figures are old, and the service that backs up is not started.
        assert self.incidents() == {"late", "not backed up"}

    def _alive(self, name: str) -> list[psutil.Process]:
        found = []
        for process in self.services.running[name].processes():
            with suppress(psutil.Error):  # one that has just ended
                if process.status() != psutil.STATUS_ZOMBIE:  # an engine's init, which is not here, buries orphans
                    found.append(process)
        return found

    def incidents(self) -> set[str]:
        """Return the kinds of what `drypowder incidents` says now."""
        said = self.by_hand("incidents", "--json")
        assert said.returncode in {0, 1}, said.stderr
        return {each["kind"] for each in json.loads(said.stdout)}


def is_loaded_once(builders: duckdb.DuckDBPyConnection, news: News) -> None:
    """See that `raw` has each new day, each key of it in one version, and no key twice that was known at one instant."""
    source, table = find(*news.table.split("."))
    name, key, day = identifier(source, table), ", ".join(table.grain), DAY[news.table]
    twice = f"select {key}, known_at from raw.{name} group by all having count(*) > 1"
    assert builders.execute(twice).fetchall() == []
    rows, keys, days = builders.execute(
        f"select count(*), count(distinct ({key})), count(distinct {day}) from raw.{name} where list_contains(?, {day})",
        [news.days],
    ).fetchone()
    assert (rows, days) == (keys, len(news.days)), news.table
    (loads,) = builders.execute(
        "select count(*) from ops.loads where list_contains(body_sha256, ?)", [news.sha256]
    ).fetchone()
    assert loads == 1, news.table


def is_served_once(readers: duckdb.DuckDBPyConnection, news: News) -> None:
    """See that the current release has each new day, each series of it in one version."""
    rows, keys, days = readers.execute(
        "select count(*), count(distinct (series_id, period_end)), count(distinct period_end) "
        "from marts.fct_observations where source_table = ? and list_contains(?, period_end)",
        [news.table, news.days],
    ).fetchone()
    assert (rows, days) == (keys, len(news.days)), news.table


@pytest.fixture(scope="module")
def machine(airflow, people, publishers, built):
    """The services after a day has gone through; of all DAGs only those that a fault is about are not paused."""
    people.pause("%")
    for dag in ("build", *(f"ingest__{table.replace('.', '__')}" for table in HELD_BACK)):
        people.pause(dag, paused=False)
    running = Machine(services=airflow, people=people, publishers=publishers, idle={})
    running.until(lambda: not people.get("dags/~/dagRuns", state="running")["dag_runs"], "runs to end")
    running.idle.update({"worker": 2 + 2, "builder": 2 + 1})  # Celery, its helper, and one for each task at once
    return running


def test_what_a_killed_worker_and_a_killed_builder_did_is_done_again_and_so_is_what_redis_forgot(machine):
    before = machine.at_rest()
    machine.people.slots(0)
    landing = [machine.publishers.begin_to_publish(STRESS), machine.publishers.begin_to_publish(CONDITIONS)]
    runs = {news.dag: machine.land(news) for news in landing}
    machine.until(lambda: all(news.is_being_read() for news in landing), "two landings in the middle")
    waiting = [machine.publishers.publish(BALANCE_SHEET), machine.publishers.publish(REVERSE_REPO)]
    runs |= {news.dag: machine.land(news) for news in waiting}
    machine.until(
        lambda: redis(machine.services, "airflow", "llen", "default").strip() == "2", "two tasks in the queue"
    )

    forget_all(machine.services)
    machine.services.kill("worker")

    for news in landing:
        news.get_lost()
    machine.pass_by(HEARTBEAT_TIMEOUT)
    machine.until(lambda: all(machine.is_("up_for_retry", n.dag, runs[n.dag], "land") for n in landing), "second tries")
    tries = machine.landed(runs)
    assert {tries[news.dag][0] for news in landing} == {"success"}
    assert all(tries[news.dag][1] >= 2 for news in landing)
    assert {tries[news.dag][0] for news in waiting} <= {"success", "skipped"}

    machine.people.slots(1)
    machine.until(machine.is_transforming, "a build in the middle")
    said = machine.by_hand("load", WAREHOUSE_LOCK_WAIT_SECONDS="1")
    assert said.returncode == 1
    assert re.search(r"held by process \d+ \(build\)", said.stderr), said.stderr
    run = machine.running_build()

    machine.services.kill("builder")

    machine.pass_by(HEARTBEAT_TIMEOUT)
    machine.until(lambda: machine.is_("up_for_retry", "build", run, "transform"), "a second try")
    machine.pass_by(BUILT_AGAIN)
    assert machine.ended("build", run) == {step: ("success", 2 if step == "transform" else 1) for step in STEPS}
    machine.all_built(before)
    machine.holds_once(*landing, *waiting)


def forget_all(services: Compose) -> None:
    """Delete all that Redis has, its connections kept; no user of ours may say FLUSHALL."""
    keys = redis(services, "airflow", "keys", "*").split()
    redis(services, "airflow", "del", *keys)
    assert redis(services, "airflow", "keys", "*").strip() == ""


@in_drills
def test_a_run_outlives_its_scheduler_and_a_lost_event_waits_for_the_next_day(machine):
    before = machine.at_rest()
    news = machine.publishers.begin_to_publish(STRESS)
    run = machine.land(news)
    machine.until(news.is_being_read, "a landing in the middle")

    machine.services.kill("scheduler")
    news.arrive()
    machine.until(lambda: machine.is_("success", news.dag, run, "land"), "the landing to end", but=("scheduler",))
    lost = psql(machine.services, "airflow", "airflow", "delete from asset_dag_run_queue").stdout
    assert lost.strip() == "DELETE 1"

    assert machine.ended(news.dag, run) == {"land": ("success", 1)}
    assert machine.builds() == before
    machine.pass_by(until_the_daily_build(machine.services.clock.now()))
    (built,) = machine.all_built(before)
    assert built == dict.fromkeys(STEPS, ("success", 1))
    machine.holds_once(news)


def until_the_daily_build(now: datetime) -> timedelta:
    """Return how long it is to a minute after the next tick of the build's own schedule (dags/build.py)."""
    there = now.astimezone(NEW_YORK)
    tick = datetime.combine(there.date(), time(5, 31), NEW_YORK)
    return (tick if tick > there else datetime.combine(there.date() + timedelta(days=1), time(5, 31), NEW_YORK)) - now


@in_drills
def test_a_minute_without_postgresql_loses_nothing(machine):
    before = machine.at_rest()
    first = machine.publishers.publish(CONDITIONS)
    assert machine.ended(first.dag, machine.land(first)) == {"land": ("success", 1)}
    machine.until(machine.is_transforming, "a build in the middle")
    second = machine.publishers.begin_to_publish(BALANCE_SHEET)
    run = machine.land(second)
    machine.until(second.is_being_read, "a landing in the middle")

    machine.services.kill("postgres")
    second.arrive()
    back = monotonic() + 60
    machine.until(lambda: monotonic() > back, "PostgreSQL to come back", but=("postgres",))

    assert machine.ended(second.dag, run) == {"land": ("success", 1)}
    assert machine.all_built(before) == [dict.fromkeys(STEPS, ("success", 1))] * 2
    machine.holds_once(first, second)


@in_drills
def test_of_builds_that_start_at_once_one_publishes(machine):
    before, released = machine.at_rest(), machine.releases()
    news = machine.publishers.publish(REVERSE_REPO)
    machine.people.slots(0)
    assert machine.ended(news.dag, machine.land(news)) == {"land": ("success", 1)}
    machine.people.trigger("build")
    machine.people.slots(1)
    machine.until(machine.is_transforming, "a build in the middle")
    with ThreadPoolExecutor(1) as hands:
        typed = hands.submit(machine.by_hand, "run")
        builds = machine.all_built(before)
        done = typed.result()
    assert done.returncode == 0, done.stderr
    assert len(builds) >= 2
    assert len(machine.releases()) == len(released) + 1
    machine.holds_once(news)


@in_drills
def test_a_clock_that_jumps_three_days_ahead_under_a_build_loses_nothing(machine):
    before = machine.at_rest()
    news = machine.publishers.publish(REVERSE_REPO)
    assert machine.ended(news.dag, machine.land(news)) == {"land": ("success", 1)}
    machine.until(machine.is_transforming, "a build in the middle")
    run = machine.running_build()

    machine.pass_by(timedelta(days=3))

    machine.until(lambda: machine.is_("up_for_retry", "build", run, "transform"), "a second try")
    machine.pass_by(BUILT_AGAIN)
    machine.all_built(before)
    machine.holds_once(news)


@in_drills
def test_a_dag_paused_for_three_days_lands_all_of_them_in_one_run(machine):
    before, dag = machine.at_rest(), f"ingest__{STRESS.replace('.', '__')}"
    machine.people.pause(dag)
    ran = {run["dag_run_id"] for run in machine.people.runs(dag)}
    news = machine.publishers.publish(STRESS, days=3)
    machine.pass_by(timedelta(days=3))
    assert {run["dag_run_id"] for run in machine.people.runs(dag)} == ran

    machine.people.pause(dag, paused=False)

    def begun() -> set[str]:
        return {run["dag_run_id"] for run in machine.people.runs(dag)} - ran

    due = datetime.fromisoformat(machine.people.get(f"dags/{dag}")["next_dagrun_run_after"])
    if due > machine.services.clock.now() and not begun():  # or the one that was due has begun: no jump may end it
        machine.pass_by(due - machine.services.clock.now() + timedelta(minutes=1))
    machine.until(begun, "a run of its own")
    for run in machine.people.runs(dag):
        if run["dag_run_id"] not in ran:
            assert run["run_type"] == "scheduled"
            machine.ended(dag, run["dag_run_id"])
    machine.all_built(before)
    machine.holds_once(news)
