"""Once a week, while markets sleep: remove what broken runs left behind, compact the builder's file, back up."""

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
    """Tidy the warehouse's home, then copy it."""

    @task(pool="duckdb_writer", retries=3, retry_delay=duration(minutes=30), retry_exponential_backoff=2)
    @airflow_outcomes
    def maintain() -> int:
        from warehouse import upkeep

        return upkeep.maintain().rows

    # Not in the builder's pool, for a build does not wait until all is copied; and not after the other: neither hides
    # that the other one failed.
    @task(retries=3, retry_delay=duration(minutes=30), retry_exponential_backoff=2)
    @airflow_outcomes
    def back_up() -> int:
        from warehouse import upkeep

        return upkeep.back_up().rows

    maintain()
    back_up()


maintenance()
