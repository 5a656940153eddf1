"""What each asset's week answers to a change of net liquidity and of scarcity (docs/method.md A.10)."""


def model(dbt, session):
    """Return one row per Friday, asset and measure."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panel_statistics import betas

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    return typed(
        betas(
            read(dbt.ref("int_statistics__asset_weeks")),
            read(dbt.ref("int_statistics__fridays").order("date_day")),
            since=first_day(dbt),
        )
    )
