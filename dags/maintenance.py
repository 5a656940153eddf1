"""Once a week, while markets sleep: remove what broken runs left behind and compact the builder's file."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task
from pendulum import duration
from verb_outcome import airflow_outcomes


@dag(
    schedule=CronTriggerTimetable("0 5 * * 0", timezone="America/New_York", run_immediately=duration(minutes=5)),
    doc_md=__doc__,
    catchup=False,
    max_active_runs=1,
    tags=["maintenance"],
)
def maintenance() -> None:
    """Tidy the warehouse's home."""

    @task(
        pool="duckdb_writer",
        queue="builder",
        retries=3,
        retry_delay=duration(minutes=30),
        retry_exponential_backoff=2,
    )
    @airflow_outcomes
    def maintain() -> int:
        from warehouse import upkeep

        return upkeep.maintain().rows

    maintain()


maintenance()
