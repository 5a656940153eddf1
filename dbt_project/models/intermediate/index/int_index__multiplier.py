"""The multiplier of METHOD A.8: what AI funding news does to risk assets, by Friday."""


def model(dbt, session):
    """Return one row per Friday."""
    from warehouse.estimators.frames import typed
    from warehouse.estimators.panels import multiplier

    dbt.config(materialized="table")
    return typed(multiplier(dbt.ref("int_index__weekly_risk").df()))
