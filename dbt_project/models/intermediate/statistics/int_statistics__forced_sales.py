"""How broadly assets are in their own lower tails, and how far they fall together (METHOD, definitions under C11)."""


def model(dbt, session):
    """Return one row per Friday and measure, with the universe and the week that it is about."""
    from warehouse.estimators.panel_statistics import forced_sales

    dbt.config(materialized="table")
    return forced_sales(
        dbt.ref("int_statistics__asset_weeks").df(), dbt.ref("int_statistics__fridays").order("date_day").df()
    )
