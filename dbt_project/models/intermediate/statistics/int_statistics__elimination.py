"""Whether long duration loses, by quarter and regime (docs/method.md A.10)."""


def model(dbt, session):
    """Return one row per last Friday of a quarter and measure."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panel_statistics import elimination_by_quarter

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    durations = read(
        dbt.ref("int_metrics__league")
        .filter("metric_id = 'rate_beta' and parameter_set = 'default' and value is not null")
        .project("period_end as date_day, entity_id as asset_id, value")
    )
    return typed(
        elimination_by_quarter(
            durations,
            read(dbt.ref("int_statistics__asset_weeks")),
            read(dbt.ref("int_statistics__fridays").order("date_day")),
            since=first_day(dbt),
        )
    )
