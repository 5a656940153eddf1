"""One DAG per registered table, on its publisher's calendar. Adding a source adds no line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset, CronTriggerTimetable, dag, task
from pendulum import duration
from verb_outcome import NOTED, airflow_outcomes

from warehouse.sources import tables

if TYPE_CHECKING:
    from warehouse.contract import Source, Table

# Without a start date the first run is the calendar's next tick, or one that passed these few minutes ago.
MISSED = duration(minutes=5)

DESCRIPTION = """\
{table.description}

Publisher: [{source.title}]({source.homepage}). Licence: [{table.licence.name}]({table.licence.url}).

When a row was known: {table.known_at.description}

One row per {grain}. Stale after {table.cadence.stale_after_days} days.
"""


def ingest_dag(source: Source, table: Table) -> None:
    """Declare the DAG that lands one table."""

    @dag(
        dag_id=f"ingest__{source.code}__{table.name}",
        schedule=CronTriggerTimetable(table.cadence.cron, timezone=table.cadence.timezone, run_immediately=MISSED),
        doc_md=DESCRIPTION.format(source=source, table=table, grain=", ".join(table.grain)),
        catchup=False,
        max_active_runs=1,
        default_args=NOTED,
        tags=["ingest", source.code],
    )
    def ingest() -> None:
        @task(
            outlets=[Asset(f"landing/{source.code}/{table.name}")],
            retries=3,  # an outage: after half an hour, one hour, two hours
            retry_delay=duration(minutes=30),
            retry_exponential_backoff=2,
        )
        @airflow_outcomes
        def land() -> int:
            from airflow.sdk import get_current_context

            from warehouse import backfill, pipeline

            run = get_current_context()["dag_run"]
            if run.run_type == "backfill":  # the day of the past that somebody asked for; else what is due now
                return backfill.land_day(source.code, table.name, run.logical_date.date()).rows
            return pipeline.land(source.code, table.name, only_when_due=True).rows

        land()

    ingest()


for _source, _table in tables():
    ingest_dag(_source, _table)
