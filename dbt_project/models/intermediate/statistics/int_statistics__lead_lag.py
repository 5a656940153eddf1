"""How far bitcoin runs ahead of scarcity and of net liquidity (docs/method.md A.11)."""


def model(dbt, session):
    """Return one row per last Friday of a quarter, target and lag."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panel_statistics import lead_lag_curves

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    return typed(lead_lag_curves(read(dbt.ref("int_statistics__fridays").order("date_day")), since=first_day(dbt)))
