"""What risk assets answer to AI funding news, by tercile of dry powder (claims C2 and C20)."""


def model(dbt, session):
    """Return one row per last Friday of a quarter and tercile, and one for their difference."""
    from warehouse.estimators.frames import first_day, read, typed
    from warehouse.estimators.panel_statistics import multipliers_by_powder

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    powder = read(
        dbt.ref("int_state__metrics_daily")
        .filter("metric_id = 'dry_powder_pct' and entity_id = 'US' and parameter_set = 'default'")
        .project("date_day, value")
    )
    return typed(multipliers_by_powder(read(dbt.ref("int_index__weekly_risk")), powder, since=first_day(dbt)))
