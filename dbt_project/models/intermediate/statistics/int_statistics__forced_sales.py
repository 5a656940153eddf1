"""How broadly assets are in their own lower tails, and how far they fall together (docs/method.md, under C11)."""


def model(dbt, session):
    """Return one row per Friday and measure, with the universe and the week that it is about."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panel_statistics import forced_sales

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    # Nobody sells a factor that is long and short. They are known two months late besides: with them the week judged
    # would be that old.
    weeks = dbt.ref("int_statistics__asset_weeks").filter("asset_group <> 'factors' or asset_id = 'factor_market'")
    return typed(
        forced_sales(read(weeks), read(dbt.ref("int_statistics__fridays").order("date_day")), since=first_day(dbt))
    )
