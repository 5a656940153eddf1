"""The liquidity regime of docs/method.md A.8 by weekday, with every input."""


def model(dbt, session):
    """Return one row per weekday and set of parameters."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panels import regimes

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    metrics = read(
        dbt.ref("int_state__metrics_daily")
        .filter(
            "metric_id in ('dry_powder_pct', 'absorption_burden_pct', 'joint_rise_flag', 'ai_external_funding_share')"
        )
        .project("date_day, metric_id || '@' || entity_id as key, parameter_set, value, pit_rank, origin_rank")
    )
    return typed(
        regimes(
            metrics, read(dbt.ref("int_index__multiplier")), read(dbt.ref("thesis_parameters")), since=first_day(dbt)
        )
    )
