"""Whatever has landed becomes a release: one builder at a time, everything pending at once."""

from __future__ import annotations

from airflow.sdk import Asset, AssetAny, dag, task
from pendulum import duration
from verb_outcome import airflow_outcomes

from warehouse.sources import tables

LANDED = AssetAny(*(Asset(f"landing/{source.code}/{table.name}") for source, table in tables()))


# The pool is made once by hand: `airflow pools set duckdb_writer 1 "DuckDB takes one writer."`.
# A run consumes all that is pending, however many events there were: they come in batches and can be lost.
@dag(
    schedule=LANDED,
    doc_md=__doc__,
    catchup=False,
    max_active_runs=1,
    default_args={
        "pool": "duckdb_writer",  # one slot: DuckDB takes one writer
        "queue": "builder",  # one worker with one slot, where Celery runs the tasks; elsewhere it says nothing
        "retries": 3,  # another builder holds the lock, by hand perhaps
        "retry_delay": duration(minutes=5),
        "retry_exponential_backoff": 2,
    },
    tags=["build"],
)
def build() -> None:
    """Load, judge, transform, judge again and publish."""

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
        from warehouse import pipeline

        return pipeline.build().rows

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

    load() >> validate() >> transform() >> check() >> publish()


build()
