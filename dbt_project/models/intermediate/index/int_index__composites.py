"""The composite indices of docs/method.md A.12, with all that they are made of, long."""


def model(dbt, session):
    """Return one row per index, day, set of parameters, item_kind and item."""
    from warehouse.estimators.frames import first_day, typed
    from warehouse.estimators.panels import composites

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    components = dbt.ref("index_components").df()
    series = dbt.ref("int_state__daily").project("date_day, series_id, value, pit_rank, origin_rank").df()
    used = set(components.loc[components["kind"] == "series", "reference"]) | set(components["scale_by"].dropna())
    metrics = (
        dbt.ref("int_state__metrics_daily")
        .filter(f"metric_id in {(*components.loc[components['kind'] == 'metric', 'reference'], '')}")
        .project("date_day, metric_id, entity_id, parameter_set, value, pit_rank, origin_rank")
        .df()
    )
    return typed(
        composites(
            series[series["series_id"].isin(used)],
            metrics,
            components,
            dbt.ref("thesis_parameters").df(),
            since=first_day(dbt),
        )
    )
