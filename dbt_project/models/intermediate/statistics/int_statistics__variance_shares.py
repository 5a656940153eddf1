"""Who explains how much of the cost of capital and of bitcoin's returns (claims C9 and C21)."""


def model(dbt, session):
    """Return one row per last Friday of a quarter, study and player."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panel_statistics import variance_shares

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    return typed(
        variance_shares(
            read(dbt.ref("int_statistics__asset_weeks")),
            read(dbt.ref("int_statistics__fridays").order("date_day")),
            since=first_day(dbt),
        )
    )
