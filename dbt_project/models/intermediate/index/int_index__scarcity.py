"""What a unit of absorption costs by level of dry powder (docs/method.md A.7), by the last Friday of each month."""


def model(dbt, session):
    """Return one row per day, set of parameters and measure, with error, band and sample."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panels import scarcity

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    metrics = read(
        dbt.ref("int_state__metrics_daily")
        .filter("metric_id in ('dry_powder_pct', 'balance_surprise')")
        .project("date_day, metric_id, entity_id, parameter_set, value, pit_rank, origin_rank")
    )
    prices = read(dbt.ref("int_price__daily").project("date_day, parameter_set, real_yield_10y_pct"))
    return typed(scarcity(metrics, prices, read(dbt.ref("thesis_parameters")), since=first_day(dbt)))
