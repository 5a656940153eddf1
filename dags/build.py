"""Whatever has landed becomes a release: one builder at a time, everything pending at once, and a look once a day."""

from __future__ import annotations

from airflow.sdk import Asset, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, dag, task
from approval import AcceptWarnings
from pendulum import duration
from verb_outcome import NOTED, airflow_outcomes

from warehouse.sources import tables

# An event can be lost, and the next one may be a week away: what is pending is looked for once a day without any.
DAILY = CronTriggerTimetable("30 5 * * *", timezone="America/New_York", run_immediately=duration(minutes=5))
LANDED = AssetAny(*(Asset(f"landing/{source.code}/{table.name}") for source, table in tables()))


# A run consumes all that is pending, however many events there were: they come in batches. The pool is made by
# whatever starts Airflow: `make up`, `make demo`, and airflow-init in docker-compose.yml.
@dag(
    schedule=AssetOrTimeSchedule(timetable=DAILY, assets=LANDED),
    doc_md=__doc__,
    catchup=False,
    max_active_runs=1,
    default_args={
        "pool": "duckdb_writer",  # one slot: DuckDB takes one writer
        "queue": "builder",  # one worker with one slot, where Celery runs the tasks; elsewhere it says nothing
        "retries": 3,  # another builder holds the lock, by hand perhaps
        "retry_delay": duration(minutes=5),
        "retry_exponential_backoff": 2,
        **NOTED,
    },
    tags=["build"],
)
def build() -> None:
    """Load, judge, transform, judge again, ask a person where that found new warnings, and publish."""

    @task
    @airflow_outcomes
    def load() -> int:
        from warehouse import nightly

        return nightly.load().rows

    @task
    @airflow_outcomes
    def validate() -> int:
        from warehouse import pipeline

        return pipeline.validate().rows

    @task
    @airflow_outcomes
    def transform() -> int:
        from airflow.sdk import get_current_context

        from warehouse import pipeline

        built = pipeline.build()
        get_current_context()["ti"].xcom_push(key="nodes", value=built.by_node())  # what the task's page shows of dbt
        return built.rows

    @task
    @airflow_outcomes
    def check() -> int:
        from warehouse import pipeline

        return pipeline.check().rows

    @task(outlets=[Asset("published/warehouse")])
    @airflow_outcomes
    def publish() -> int:
        from warehouse import pipeline

        return pipeline.publish().rows

    load() >> validate() >> transform() >> check() >> AcceptWarnings(task_id="approve") >> publish()


build()
