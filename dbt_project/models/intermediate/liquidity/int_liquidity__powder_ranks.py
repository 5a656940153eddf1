"""Where dry powder stands in its own history: its percentile over GDP, and the floor that its runway is counted to."""


def model(dbt, session):
    """Return one row per weekday and set of parameters: dry_powder_pct in (0, 1), dry_powder_floor in USD billion."""
    import pandas as pd

    from warehouse.estimators.expanding import expanding_quantile_before, expanding_rank

    dbt.config(materialized="table")
    days = (
        dbt.ref("int_liquidity__dry_powder")
        .project("date_day, parameter_set, dry_powder_to_gdp, dry_powder_net")
        .df()
        .sort_values(["parameter_set", "date_day"])
    )
    parameters = dbt.ref("thesis_parameters").df().set_index("parameter_set")
    ranked = []
    for parameter_set, history in days.groupby("parameter_set"):
        least = int(parameters.loc[parameter_set, "min_history_days"])
        ranked.append(
            pd.DataFrame(
                {
                    "date_day": history["date_day"].dt.date,
                    "parameter_set": parameter_set,
                    "dry_powder_pct": expanding_rank(history["dry_powder_to_gdp"].astype(float), least),
                    "dry_powder_floor": expanding_quantile_before(history["dry_powder_net"].astype(float), 0.05, least),
                }
            )
        )
    return pd.concat(ranked)
