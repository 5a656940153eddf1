"""The composite indices of docs/method.md A.12, with all that they are made of, long."""


def model(dbt, session):
    """Return one row per index, day, set of parameters, item_kind and item."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panels import composites

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    components = read(dbt.ref("index_components"))
    is_series = components["kind"] == "series"
    used = {*components.loc[is_series, "reference"], *components["scale_by"].dropna()}
    series = read(
        dbt.ref("int_state__daily")
        .filter(f"series_id in {(*sorted(used), '')}")
        .project("date_day, series_id, value, pit_rank, origin_rank")
    )
    metrics = read(
        dbt.ref("int_state__metrics_daily")
        .filter(f"metric_id in {(*components.loc[~is_series, 'reference'], '')}")
        .project("date_day, metric_id || '@' || entity_id as key, parameter_set, value, pit_rank, origin_rank")
    )
    return typed(composites(series, metrics, components, read(dbt.ref("thesis_parameters")), since=first_day(dbt)))
