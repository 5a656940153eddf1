"""Where the absorption burden stands in its own history, over GDP."""


def model(dbt, session):
    """Return one row per Friday and set of parameters: absorption_burden_pct in (0, 1)."""
    from warehouse.estimators.expanding import expanding_rank
    from warehouse.estimators.frames import read, typed

    dbt.config(materialized="table")
    fridays = read(
        dbt.ref("int_flows__balance")
        .project("period_end, parameter_set, burden_to_gdp")
        .order("parameter_set, period_end")
    )
    parameters = read(dbt.ref("thesis_parameters"))
    least = parameters.set_index("parameter_set")["min_history_weeks"].astype(int)
    # Typed, so that a table of no rows has its columns all the same.
    ranks = fridays[["period_end", "parameter_set"]].astype({"parameter_set": "string"})
    ranks["absorption_burden_pct"] = fridays["burden_to_gdp"].astype(float) * float("nan")
    for parameter_set, history in fridays.groupby("parameter_set"):
        ranks.loc[history.index, "absorption_burden_pct"] = expanding_rank(
            history["burden_to_gdp"], least[parameter_set]
        )
    return typed(ranks)
