"""Where dry powder stands in its own history: its percentile over GDP, and the floor that its runway is counted to."""


def model(dbt, session):
    """Return one row per weekday and set of parameters: dry_powder_pct in (0, 1), dry_powder_floor in USD billion."""
    from warehouse.estimators.expanding import expanding_quantile_before, expanding_rank
    from warehouse.estimators.frames import first_day, typed

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    days = (
        dbt.ref("int_liquidity__dry_powder")
        .project("date_day, parameter_set, dry_powder_to_gdp, dry_powder_net")
        .df()
        .sort_values(["parameter_set", "date_day"], ignore_index=True)
    )
    parameters = dbt.ref("thesis_parameters").df()
    least = parameters.set_index("parameter_set")["min_history_days"].astype(int)
    # Typed, so that a table of no rows has its columns all the same.
    ranks = days[["date_day", "parameter_set"]].astype({"parameter_set": "string"})
    ranks["dry_powder_pct"] = ranks["dry_powder_floor"] = days["dry_powder_net"].astype(float) * float("nan")
    for parameter_set, history in days.groupby("parameter_set"):
        ranks.loc[history.index, "dry_powder_pct"] = expanding_rank(history["dry_powder_to_gdp"], least[parameter_set])
        ranks.loc[history.index, "dry_powder_floor"] = expanding_quantile_before(
            history["dry_powder_net"], 0.05, least[parameter_set]
        )
    since = first_day(dbt)
    return typed(ranks if since is None else ranks[ranks["date_day"].dt.date >= since])
