"""The multiplier of docs/method.md A.8: what AI funding news does to risk assets, by Friday."""


def model(dbt, session):
    """Return one row per Friday."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panels import multiplier

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    return typed(multiplier(read(dbt.ref("int_index__weekly_risk")), since=first_day(dbt)))
