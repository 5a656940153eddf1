"""Whether scarcity rose faster after the nomination of 2026-01-30 (claim C12)."""


def model(dbt, session):
    """Return two states: of the event's day, and of the day its window is over."""
    from warehouse.estimators.frames import read, typed
    from warehouse.estimators.panel_statistics import event_slopes

    dbt.config(materialized="table")
    scarcity = read(
        dbt.ref("int_index__composites")
        .filter("index_id = 'csi' and item_kind = 'headline' and parameter_set = 'default'")
        .project("date_day, value, pit_rank, origin_rank")
    )
    return typed(event_slopes(scarcity, read(dbt.ref("int_events__dates"))))
