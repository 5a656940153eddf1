"""Where dry powder stands in its own history: its percentile over GDP, and the floor that its runway is counted to."""


def model(dbt, session):
    """Return one row per weekday and set of parameters: dry_powder_pct in (0, 1), dry_powder_floor in USD billion."""
    from warehouse.estimators.expanding import expanding_quantile_before, expanding_rank
    from warehouse.estimators.frames import first_day, read, typed

    dbt.config(materialized="table", meta={"known_since": "date_day"})
    days = read(
        dbt.ref("int_liquidity__dry_powder")
        .project("date_day, parameter_set, dry_powder_to_gdp, dry_powder_net")
        .order("parameter_set, date_day")
    )
    parameters = read(dbt.ref("thesis_parameters"))
    least = parameters.set_index("parameter_set")["min_history_days"].astype(int)
    # Typed, so that a table of no rows has its columns all the same.
    ranks = days[["date_day", "parameter_set"]].astype({"parameter_set": "string"})
    ranks["dry_powder_pct"] = ranks["dry_powder_floor"] = days["dry_powder_net"].astype(float) * float("nan")
    since = first_day(dbt)
    is_asked = days["date_day"].notna() if since is None else days["date_day"].dt.date >= since
    for parameter_set, history in days.groupby("parameter_set"):
        asked = history.index[is_asked[history.index]]
        start = len(history) - len(asked)
        ranks.loc[asked, "dry_powder_pct"] = expanding_rank(
            history["dry_powder_to_gdp"], least[parameter_set], start=start
        )
        ranks.loc[asked, "dry_powder_floor"] = expanding_quantile_before(
            history["dry_powder_net"], 0.05, least[parameter_set], start=start
        )
    return typed(ranks[is_asked])
