"""The composite indices of docs/method.md A.12, with all that they are made of, long."""


def model(dbt, session):
    """Return one row per index, day, set of parameters, item_kind and item."""
    from warehouse.estimators.frames import first_day, typed
    from warehouse.estimators.panels import composites

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    components = dbt.ref("index_components").df()
    is_series = components["kind"] == "series"
    used = {*components.loc[is_series, "reference"], *components["scale_by"].dropna()}
    series = (
        dbt.ref("int_state__daily")
        .filter(f"series_id in {(*sorted(used), '')}")
        .project("date_day, series_id, value, pit_rank, origin_rank")
        .df()
    )
    metrics = (
        dbt.ref("int_state__metrics_daily")
        .filter(f"metric_id in {(*components.loc[~is_series, 'reference'], '')}")
        .project("date_day, metric_id, entity_id, parameter_set, value, pit_rank, origin_rank")
        .df()
    )
    return typed(composites(series, metrics, components, dbt.ref("thesis_parameters").df(), since=first_day(dbt)))
