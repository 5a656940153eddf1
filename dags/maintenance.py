"""Once a week, while markets sleep: tidy up what broken runs left, look at the archive, and back all up."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task
from pendulum import duration
from verb_outcome import NOTED, airflow_outcomes


@dag(
    schedule=CronTriggerTimetable("0 5 * * 0", timezone="America/New_York", run_immediately=duration(minutes=5)),
    doc_md=__doc__,
    catchup=False,
    max_active_runs=1,
    default_args=NOTED,
    tags=["maintenance"],
)
def maintenance() -> None:
    """Tidy the warehouse's home, read some of the archive, and copy all of it. None hides that another failed."""

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

    # These two are not in the builder's pool: a build does not wait until all is read.
    @task
    @airflow_outcomes
    def check_archive() -> int:
        from warehouse import upkeep

        return upkeep.check_archive(sample=upkeep.SAMPLED).rows

    @task(retries=3, retry_delay=duration(minutes=30), retry_exponential_backoff=2)
    @airflow_outcomes
    def back_up() -> int:
        from warehouse import upkeep

        return upkeep.back_up().rows

    maintain()
    check_archive()
    back_up()


maintenance()
