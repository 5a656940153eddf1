"""Four times an hour: what is wrong now, and one message to whoever should know, when it begins and when it is over.

Off the hour, so that what is due on the hour has had its first minutes.
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task
from pendulum import duration
from verb_outcome import airflow_outcomes


@dag(
    schedule=CronTriggerTimetable("7,22,37,52 * * * *", timezone="UTC", run_immediately=duration(minutes=5)),
    doc_md=__doc__,
    catchup=False,
    max_active_runs=1,
    tags=["watch"],
)
def watch() -> None:
    """Keep the ledger of incidents, and tell people."""

    # Its own failure is no incident: who could be told of it is who was not told.
    @task(retries=2, retry_delay=duration(minutes=2))
    @airflow_outcomes
    def tell() -> int:
        from channels import post, send

        from warehouse import incidents

        return incidents.watch({"e-mail": send, "webhook": post}).rows

    tell()


watch()
