"""Where the absorption burden stands in its own history, over GDP."""


def model(dbt, session):
    """Return one row per Friday and set of parameters: absorption_burden_pct in (0, 1)."""
    import pandas as pd

    from warehouse.estimators.expanding import expanding_rank

    dbt.config(materialized="table")
    fridays = (
        dbt.ref("int_flows__balance")
        .project("period_end, parameter_set, burden_to_gdp")
        .df()
        .sort_values(["parameter_set", "period_end"])
    )
    parameters = dbt.ref("thesis_parameters").df().set_index("parameter_set")
    ranked = []
    for parameter_set, history in fridays.groupby("parameter_set"):
        least = int(parameters.loc[parameter_set, "min_history_weeks"])
        ranked.append(
            pd.DataFrame(
                {
                    "period_end": history["period_end"].dt.date,
                    "parameter_set": parameter_set,
                    "absorption_burden_pct": expanding_rank(history["burden_to_gdp"].astype(float), least),
                }
            )
        )
    return pd.concat(ranked)
