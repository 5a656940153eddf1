"""The price of capital by day: what was known of yields and credit at each cut-off, and whether they rise together."""

SERIES = ("yield_10y", "yield_30y", "real_yield_10y", "ofr_credit", "gz_spread", "excess_bond_premium")


def model(dbt, session):
    """Return one row per weekday and set of parameters: the legs, their 21-day changes, thresholds, flag, intensity."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panels import price_of_capital

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    states = (
        dbt.ref("int_state__daily")
        .filter(f"series_id in {SERIES}")
        .project("date_day, series_id, value, pit_rank, origin_rank")
    )
    first_prints = (
        dbt.ref("fct_observations")
        .filter("series_id in ('yield_10y', 'ofr_credit') and revision_number = 1")
        .project("series_id, period_end, value, known_at")
    )
    return typed(
        price_of_capital(read(states), read(dbt.ref("thesis_parameters")), read(first_prints), since=first_day(dbt))
    )
