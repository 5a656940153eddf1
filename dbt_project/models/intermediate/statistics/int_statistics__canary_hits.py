"""What the canary's alarms were followed by (METHOD A.11)."""


def model(dbt, session):
    """Return one row per last Friday of a month."""
    from warehouse.estimators.panel_statistics import canary_hits

    dbt.config(materialized="table")
    return canary_hits(dbt.ref("int_statistics__fridays").order("date_day").df())
