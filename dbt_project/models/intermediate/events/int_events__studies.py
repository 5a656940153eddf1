"""What each series did around each event of the log."""


def model(dbt, session):
    """Return one row per event, series and window."""
    from warehouse.estimators.around_events import studies
    from warehouse.estimators.frames import known_since, typed

    dbt.config(
        materialized="table", meta={"known_since": "known_at"}, unique_key=["event_id", "series_id", "window_days"]
    )
    return typed(studies(dbt.ref("int_events__dates").df(), dbt.ref("int_events__series").df(), since=known_since(dbt)))
