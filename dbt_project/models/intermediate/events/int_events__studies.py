"""What each series did around each event of the log."""


def model(dbt, session):
    """Return one row per event, series and window."""
    from warehouse.estimators.around_events import studies
    from warehouse.estimators.frames import read, typed

    # Whole each day: of figures known best by now, one that is withdrawn changes a study without being newer than it.
    dbt.config(materialized="table")
    return typed(studies(read(dbt.ref("int_events__dates")), read(dbt.ref("int_events__series"))))
