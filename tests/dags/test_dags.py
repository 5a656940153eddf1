"""The DAGs, spelled out: an empty bag, a lost DAG, an unplanned one or a moved edge all fail here."""

from __future__ import annotations

from datetime import timedelta

import pytest

from warehouse import nightly
from warehouse.sources import tables

INGESTS = {f"ingest__{s.code}__{t.name}": f"landing/{s.code}/{t.name}" for s, t in tables()}
CALENDARS = {
    **{f"ingest__{s.code}__{t.name}": (t.cadence.cron, t.cadence.timezone) for s, t in tables()},
    "maintenance": ("0 5 * * 0", "America/New_York"),
    "watch": ("7,22,37,52 * * * *", "UTC"),
}
SPELLED_OUT = {
    "ingest__binance__spot_klines": ("30 0 * * *", "UTC"),
    "ingest__board__h41": ("45 16 * * 4,5", "America/New_York"),
    "ingest__fiscaldata__auctions": ("30 13,17 * * 1-5", "America/New_York"),
    "ingest__nyfed__reverse_repo": ("30 13 * * 1-5", "America/New_York"),
    "ingest__sec__company_facts": ("0 6-22 * * 1-5", "America/New_York"),
    "ingest__tic__major_foreign_holders": ("30 16 15-20 * *", "America/New_York"),
}
"""One of each domain by hand: what derives from a registry that lost its tables would agree with it."""


def test_every_dag_file_imports(bag):
    assert bag.import_errors == {}


def test_the_dags_are_exactly_these(bag):
    assert len(INGESTS) >= 50
    assert set(bag.dags) == {*INGESTS, "build", "maintenance", "watch"}


@pytest.mark.parametrize("dag_id", SPELLED_OUT)
def test_the_tables_that_a_person_expects_are_among_them(bag, dag_id):
    timetable = bag.dags[dag_id].timetable
    assert (timetable.expression, timetable.timezone) == SPELLED_OUT[dag_id]


@pytest.mark.parametrize("dag_id", CALENDARS)
def test_a_dag_with_a_clock_keeps_its_publishers_calendar(bag, dag_id):
    timetable = bag.dags[dag_id].timetable
    assert (timetable.expression, timetable.timezone) == CALENDARS[dag_id]


def test_the_build_looks_once_a_day_for_what_an_event_did_not_tell(bag):
    assert {d for d in bag.dags if not hasattr(bag.dags[d].timetable, "expression")} == {"build"}
    daily = bag.dags["build"].timetable.timetable
    assert (daily.expression, daily.timezone) == ("30 5 * * *", "America/New_York")
    assert daily.run_immediately == timedelta(minutes=5)


@pytest.mark.parametrize("dag_id", CALENDARS)
def test_a_new_dag_makes_no_run_for_a_tick_long_past(bag, dag_id):
    # Not a matter of style: the default, False, runs a tick that passed within a tenth of the calendar's gap.
    assert bag.dags[dag_id].timetable.run_immediately == timedelta(minutes=5)
    assert bag.dags[dag_id].start_date is None


@pytest.mark.parametrize("dag_id", INGESTS)
def test_an_ingest_is_one_task_that_emits_its_tables_asset(bag, dag_id):
    dag = bag.dags[dag_id]
    assert dag.task_ids == ["land"]
    assert [asset.name for asset in dag.get_task("land").outlets] == [INGESTS[dag_id]]


@pytest.mark.parametrize("dag_id", INGESTS)
def test_an_outage_is_retried_over_hours(bag, dag_id):
    land = bag.dags[dag_id].get_task("land")
    first, factor = land.retry_delay, land.retry_exponential_backoff
    assert land.retries == 3
    assert timedelta(hours=3) <= sum((first * factor**n for n in range(3)), timedelta()) <= timedelta(hours=12)


@pytest.mark.parametrize("dag_id", INGESTS)
def test_an_ingest_is_described_by_its_contract(bag, dag_id):
    from warehouse import sources

    _, code, table_name = dag_id.split("__")
    source, table = sources.find(code, table_name)
    for text in (table.description, source.homepage, table.licence.name, table.known_at.description):
        assert text in bag.dags[dag_id].doc_md


def test_the_build_waits_for_any_landed_table_and_not_for_all(bag):
    from airflow.sdk import AssetAny

    condition = bag.dags["build"].timetable.asset_condition
    assert isinstance(condition, AssetAny)
    assert {asset.name for asset in condition.objects} == set(INGESTS.values())


def test_the_builds_tasks_follow_each_other_in_this_order(bag):
    edges = {task.task_id: task.downstream_task_ids for task in bag.dags["build"].tasks}
    assert edges == {
        "load": {"validate"},
        "validate": {"transform"},
        "transform": {"check"},
        "check": {"approve"},
        "approve": {"publish"},
        "publish": set(),
    }


def test_what_is_forgotten_of_a_build_once_all_is_published_is_each_of_its_tasks(bag):
    assert {f"build.{task}" for task in bag.dags["build"].task_ids} == set(nightly.BUILD)


def test_a_skipped_task_skips_what_follows_it(bag):
    assert {task.trigger_rule for task in bag.dags["build"].tasks} == {"all_success"}


def test_only_publishing_tells_the_world(bag):
    outlets = {task.task_id: [a.name for a in task.outlets] for task in bag.dags["build"].tasks}
    assert outlets.pop("publish") == ["published/warehouse"]
    assert not any(outlets.values())


def test_maintenance_is_tasks_of_which_none_hides_that_another_failed(bag):
    tasks = bag.dags["maintenance"].tasks
    assert {task.task_id for task in tasks} == {"maintain", "check_archive", "back_up"}
    assert not any(task.downstream_task_ids for task in tasks)
    assert not any(task.outlets for task in tasks)


def test_the_watch_is_one_task_that_is_tried_again_before_the_next_one(bag):
    dag = bag.dags["watch"]
    assert dag.task_ids == ["tell"]
    tell = dag.get_task("tell")
    assert not tell.outlets
    assert tell.retries * tell.retry_delay < timedelta(minutes=15)


def test_the_approval_waits_a_day_and_then_leaves_the_release_as_it_is(bag):
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    approve = bag.dags["build"].get_task("approve")
    assert isinstance(approve, ApprovalOperator)
    assert (approve.options, approve.defaults) == (["Approve", "Reject"], ["Reject"])
    assert approve.response_timeout == timedelta(days=1)
    assert not approve.fail_on_reject


def test_of_every_task_it_is_noted_that_it_failed_and_that_it_no_longer_does_but_for_the_watch(bag):
    for dag in bag.dags.values():
        for task in dag.tasks:
            noted = [
                [each.__name__ for each in getattr(task, kind)]
                for kind in ("on_failure_callback", "on_success_callback", "on_skipped_callback")
            ]
            expected = [[], [], []] if dag.dag_id == "watch" else [["note_failure"], ["note_success"], ["note_success"]]
            assert noted == expected, f"{dag.dag_id}.{task.task_id}"


def test_whatever_writes_the_builders_file_queues_in_one_pool_and_nothing_else_does(bag):
    pools = {(dag.dag_id, task.task_id): task.pool for dag in bag.dags.values() for task in dag.tasks}
    writers = {key for key, pool in pools.items() if pool == "duckdb_writer"}
    assert writers == {*(("build", t) for t in bag.dags["build"].task_ids), ("maintenance", "maintain")}
    assert set(pools.values()) == {"duckdb_writer", "default_pool"}


def test_what_queues_in_the_builders_pool_runs_on_its_worker_and_nothing_else_does(bag):
    places = {(task.pool, task.queue) for dag in bag.dags.values() for task in dag.tasks}
    assert places == {("duckdb_writer", "builder"), ("default_pool", "default")}


def test_no_dag_runs_twice_at_once_or_catches_up(bag):
    assert {(dag.max_active_runs, dag.catchup) for dag in bag.dags.values()} == {(1, False)}
