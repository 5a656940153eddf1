"""What the canary's alarms were followed by (docs/method.md A.11)."""


def model(dbt, session):
    """Return one row per last Friday of a month."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panel_statistics import canary_hits

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    return typed(canary_hits(read(dbt.ref("int_statistics__fridays").order("date_day")), since=first_day(dbt)))
