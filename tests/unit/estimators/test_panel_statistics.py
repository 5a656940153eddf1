"""Planted truth is found again through the frames, a future changes nothing that was said, and small samples are refused."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from warehouse.estimators.panel_statistics import (
    BETAS,
    CURVES,
    ELIMINATION,
    FORCED_SALES,
    FORWARD_WEEKS,
    HITS,
    MARKET,
    MULTIPLIERS,
    SHARES,
    SLOPES,
    betas,
    canary_hits,
    elimination_by_quarter,
    ends,
    event_slopes,
    forced_sales,
    friday_index,
    lead_lag_curves,
    multipliers_by_powder,
    variance_shares,
)

WEEKS = 420
DAYS = pd.date_range("2014-01-03", periods=WEEKS, freq="W-FRI")
CUTS = (129, 364)
"""Rows of quarters' ends, after which the frames are cut."""
LEVELS = ("csi", "cci", "net_liquidity", "real_yield_10y", "yield_2y", "broad_dollar", "btc_close", "demand", "supply",
          "joint_rise")  # fmt: skip
NAMES = ("BTC", "ETH", MARKET, "factor_hml", "gold_fund", "treasury_10y", "treasury_2y")


def fridays(**levels):
    frame = {
        "date_day": DAYS,
        "regime": "TRANSITION",
        "pit_rank": 1,
        "origin_rank": 2,
        **dict.fromkeys(LEVELS, np.nan),
    }
    return pd.DataFrame(frame | levels)


def weeks(returns, names=NAMES, lag_days=0, late=None):
    """One row per asset and week; factors become known `late` days after the rest."""
    rows = []
    for at, name in enumerate(names):
        lag = (late or 0) if name.startswith("factor") else lag_days
        rows.append(
            pd.DataFrame(
                {
                    "asset_id": name,
                    "asset_group": name.split("_")[0] if "_" in name else "crypto",
                    "week_end": DAYS,
                    "return_ratio": returns[:, at],
                    "pit_rank": 1,
                    "origin_rank": 2,
                    "known_at": DAYS.tz_localize("UTC") + pd.Timedelta(days=lag),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def drawn(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def everything():
    """Frames with something in each column, for tests of what must not move."""
    r = 0.02 * drawn(1, WEEKS, len(NAMES))
    r[:150, 1] = np.nan  # an asset that is to come
    csi = 50 + drawn(2, WEEKS).cumsum()
    levels = fridays(
        csi=csi,
        cci=50 + 0.7 * drawn(3, WEEKS).cumsum(),
        net_liquidity=5000 + 10 * drawn(4, WEEKS).cumsum(),
        real_yield_10y=1 + 0.05 * drawn(5, WEEKS).cumsum(),
        yield_2y=2 + 0.05 * drawn(6, WEEKS).cumsum(),
        broad_dollar=100 * np.exp(0.005 * drawn(7, WEEKS).cumsum()),
        btc_close=20000 * np.exp(np.cumsum(r[:, 0])),
        demand=500 + 20 * drawn(8, WEEKS).cumsum(),
        supply=400 + 20 * drawn(9, WEEKS).cumsum(),
        joint_rise=(drawn(10, WEEKS) > 1.2).astype(float),
        regime=np.where(csi > csi.mean(), "DRAIN", "INJECTION"),
    )
    wide = np.column_stack([r, 0.02 * drawn(11, WEEKS, 6)])
    names = (*NAMES, *(f"fund_{n}" for n in range(6)))
    panel = weeks(wide, names, late=40)
    durations = panel.assign(
        date_day=panel["week_end"], value=np.tile(np.arange(len(names), dtype=float), (WEEKS, 1)).T.ravel()
    )[["date_day", "asset_id", "value"]]
    late = panel["asset_id"].isin(["treasury_2y", "treasury_10y"]) & panel["week_end"].isin([DAYS[n - 4] for n in CUTS])
    panel.loc[late, "return_ratio"] = -0.5
    panel.loc[late, "known_at"] += pd.Timedelta(days=60)  # a week that is known after those that follow it
    return panel[panel["return_ratio"].notna()], levels, durations


QUESTIONS = {
    "forced_sales": lambda w, f, _: forced_sales(w, f),
    "betas": lambda w, f, _: betas(w, f),
    "elimination": lambda w, f, d: elimination_by_quarter(d, w, f),
    "lead_lag": lambda _w, f, _d: lead_lag_curves(f),
    "canary": lambda _w, f, _d: canary_hits(f),
    "shares": lambda w, f, _: variance_shares(w, f),
}


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_what_comes_later_changes_nothing_that_was_said(name):
    panel, levels, durations = everything()
    whole = QUESTIONS[name](panel, levels, durations)
    for rows in CUTS:
        day = DAYS[rows]
        cut = day.tz_localize("UTC") + pd.Timedelta(hours=22)
        before = QUESTIONS[name](
            panel[panel["known_at"] <= cut],
            levels.iloc[: rows + 1],
            durations[durations["date_day"] <= day],
        )
        said = whole[[each <= day.date() for each in whole["date_day"]]]
        keys = [k for k in ("date_day", "measure", "study", "player", "target", "lag_weeks", "asset_id") if k in whole]
        pd.testing.assert_frame_equal(
            said.sort_values(keys).reset_index(drop=True),
            before.sort_values(keys).reset_index(drop=True),
            check_exact=True,
            check_dtype=False,
        )
        assert len(said)
        values = said["value"] if "value" in said else said.get("share", said.get("correlation", said.get("hit_rate")))
        assert rows < 200 or values.notna().any(), "a comparison of nothing"


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_nothing_known_is_no_error_and_no_answer(name):
    columns = ["asset_id", "asset_group", "week_end", "return_ratio", "pit_rank", "origin_rank", "known_at"]
    found = QUESTIONS[name](
        pd.DataFrame(columns=columns), fridays(), pd.DataFrame(columns=["date_day", "asset_id", "value"])
    )
    wanted = {"forced_sales": FORCED_SALES, "betas": BETAS, "elimination": ELIMINATION, "lead_lag": CURVES,
              "canary": HITS, "shares": SHARES}[name]  # fmt: skip
    assert list(found.columns) == wanted
    if len(found):
        assert found["null_reason"].notna().all()


def test_fridays_are_every_friday():
    assert len(friday_index(fridays())) == WEEKS
    with pytest.raises(ValueError, match="one row per Friday"):
        friday_index(fridays().drop(index=5))


def test_a_quarter_ends_on_its_last_friday():
    found = [DAYS[row].date() for row in ends(DAYS, "quarter")]
    assert found[:3] == [date(2014, 3, 28), date(2014, 6, 27), date(2014, 9, 26)]
    assert set(CUTS) <= set(ends(DAYS, "quarter"))
    assert ends(DAYS[:5], "month") == [4]  # 31 January 2014; no later row is needed to know it


# ------------------------------------------------------------------------------------------------------- planted


@pytest.mark.parametrize("lead", [3, -2])
def test_a_lead_is_found_within_a_week(lead):
    news = drawn(20, WEEKS + 20)
    price = 100 * np.exp(0.03 * np.cumsum(news[10 : WEEKS + 10] + 0.3 * drawn(21, WEEKS)))
    csi = 50 - np.cumsum(news[10 - lead : WEEKS + 10 - lead] + 0.3 * drawn(22, WEEKS))
    found = lead_lag_curves(fridays(btc_close=price, csi=csi))
    last = found[(found["target"] == "csi") & (found["date_day"] == found["date_day"].max())]
    assert abs(last["peak_lag"].iloc[0] - lead) <= 1
    assert last["peak_correlation"].iloc[0] < -0.5  # bitcoin falls before scarcity rises
    assert last["stability"].iloc[0] == 1
    at_peak = last[last["lag_weeks"] == last["peak_lag"]].iloc[0]
    assert at_peak["low"] < at_peak["correlation"] < at_peak["high"]
    assert found[found["target"] == "net_liquidity"]["correlation"].isna().all()


def test_demand_that_moves_the_cost_has_the_greater_share():
    demand, supply = drawn(30, WEEKS), drawn(31, WEEKS)
    cost = 0.03 * (demand - 0.3 * supply + 0.3 * drawn(32, WEEKS))
    found = variance_shares(
        weeks(0.01 * drawn(33, WEEKS, len(NAMES))),
        fridays(demand=demand.cumsum(), supply=supply.cumsum(), real_yield_10y=cost.cumsum()),
    )
    last = found[(found["study"] == "cost") & (found["date_day"] == found["date_day"].max())].set_index("player")
    assert last.share["demand"] > 0.8
    assert last.share["demand"] + last.share["supply"] == pytest.approx(1)
    assert last.low["demand"] < last.share["demand"] < last.high["demand"]
    early = found[(found["study"] == "cost") & (found["date_day"] < date(2015, 1, 1))]
    assert early["null_reason"].str.startswith("short_history").all()
    rivals = found[found["study"] == "rivals"]
    assert (rivals["null_reason"] == "missing_input: explained, dollar, two_year_yield, csi").all()


@pytest.mark.parametrize(("weight", "low", "high"), [(1.0, 0.6, 1.0), (0.0, 0.0, 0.05)])
def test_scarcity_keeps_the_share_it_has(weight, low, high):
    market, csi = 0.02 * drawn(40, WEEKS), drawn(41, WEEKS)
    bitcoin = -0.03 * weight * csi + market + 0.01 * drawn(42, WEEKS)
    returns = 0.02 * drawn(43, WEEKS, len(NAMES))
    returns[:, NAMES.index(MARKET)] = market
    found = variance_shares(
        weeks(returns, late=40),
        fridays(
            csi=csi.cumsum(),
            btc_close=1000 * np.exp(bitcoin.cumsum()),
            broad_dollar=100 * np.exp(0.005 * drawn(44, WEEKS).cumsum()),
            yield_2y=0.05 * drawn(45, WEEKS).cumsum(),
        ),
    )
    last = found[(found["study"] == "rivals") & (found["date_day"] == found["date_day"].max())].set_index("player")
    assert low <= last.share["csi"] <= high
    assert last["n"].iloc[0] < WEEKS - 5  # the market's newest weeks are not known yet


def test_a_beta_is_found_and_shrunk_to_its_group():
    moved = 10 * drawn(50, WEEKS)
    returns = 0.001 * drawn(51, WEEKS, len(NAMES))
    returns[:, 0] += 0.002 * moved + 0.5 * returns[:, NAMES.index(MARKET)]
    returns[:, 1] += 0.001 * moved
    found = betas(weeks(returns, late=40), fridays(net_liquidity=5000 + moved.cumsum()))
    last = found[(found["measure"] == "liquidity_beta") & (found["date_day"] == DAYS[-1].date())].set_index("asset_id")
    assert last.own_value["BTC"] == pytest.approx(0.002, abs=1e-4)
    assert last.value["BTC"] == pytest.approx(0.00175, abs=1e-4)
    assert last.value["ETH"] == pytest.approx(0.00125, abs=1e-4)
    assert last.n["BTC"] == 104
    assert last.estimated_on["BTC"] == DAYS[-7]  # 40 days late: six weeks are not known yet
    scarce = found[found["measure"] == "scarcity_beta"].set_index("date_day")["null_reason"]
    assert (scarce[DAYS[-1].date()] == "missing_input: csi").all()
    assert (scarce[DAYS[2].date()] == f"missing_input: {MARKET}").all()


def test_a_beta_goes_stale_with_what_it_is_made_of():
    returns = 0.01 * drawn(52, WEEKS, len(NAMES))
    returns[-30:, NAMES.index(MARKET)] = np.nan
    frame = weeks(returns)
    found = betas(frame[frame["return_ratio"].notna()], fridays(net_liquidity=drawn(53, WEEKS).cumsum()))
    bitcoin = found[(found["measure"] == "liquidity_beta") & (found["asset_id"] == "BTC")].set_index("date_day")
    assert bitcoin.null_reason[DAYS[-1].date()] == "stale"
    assert np.isfinite(bitcoin.value[DAYS[-20].date()])


def test_falls_that_join_show_in_breadth_and_in_the_tails():
    common, own = drawn(60, WEEKS), drawn(61, WEEKS, len(NAMES))
    joined = 0.02 * (0.95 * common[:, None] + 0.2 * own)
    joined[-1] = -1 / 2
    apart = 0.02 * own
    found = {name: forced_sales(weeks(r), fridays()) for name, r in (("joined", joined), ("apart", apart))}
    last = found["joined"][found["joined"]["measure"] == "breadth"].iloc[-1]
    assert last["value"] == 1
    assert (last["n"], last["universe"], last["judged_week"]) == (len(NAMES), len(NAMES), DAYS[-1])
    tails = {name: f[f["measure"] == "tail_dependence"].iloc[-1] for name, f in found.items()}
    assert tails["joined"]["value"] > 0.5
    assert tails["apart"]["value"] < 0.3
    assert tails["joined"]["low"] < tails["joined"]["value"] < tails["joined"]["high"]


def test_the_week_judged_is_one_that_enough_is_known_of():
    found = forced_sales(weeks(0.02 * drawn(62, WEEKS, len(NAMES)), lag_days=8, late=40), fridays())
    last = found[found["measure"] == "breadth"].iloc[-1]
    assert last["judged_week"] == DAYS[-3]  # five of seven are known eight days after, which is 60 per cent
    assert last["n"] == 5
    assert last["coverage"] == pytest.approx(5 / 7)


def test_a_few_assets_have_no_breadth():
    found = forced_sales(weeks(0.02 * drawn(63, WEEKS, 3), NAMES[:3]), fridays())
    assert (found["null_reason"] == "universe_below_5: 3").all()
    assert found["value"].isna().all()


def league(sign):
    """Twelve assets whose return is `sign` of the quarter times their duration; regimes take turns by quarter."""
    names = tuple(f"asset_{n:02d}" for n in range(12))
    duration = np.arange(12, dtype=float)
    quarter = np.zeros(WEEKS, dtype=int)
    starts = ends(DAYS, "quarter")
    for at, row in enumerate(starts):
        quarter[row + 1 :] = at + 1
    turn = np.where(quarter % 2 == 1, 1, -1)  # of the weeks after an even-numbered quarter's end
    slope = turn if sign == "mirror" else np.ones(WEEKS)
    returns = 0.002 * slope[:, None] * (duration - 5.5) + 0.002 * drawn(70, WEEKS, 12)
    returns[starts[0]] *= -40  # the week that a quarter ends with is none of the weeks after it
    regime = np.full(WEEKS, "TRANSITION", dtype=object)
    for at, row in enumerate(starts):
        regime[row] = "INJECTION" if at % 2 == 0 else "DRAIN"
    durations = pd.DataFrame(
        {"date_day": np.repeat(DAYS, 12), "asset_id": list(names) * WEEKS, "value": np.tile(duration, WEEKS)}
    )
    return durations, weeks(returns, names), fridays(regime=regime)


def test_a_mirror_of_gains_and_losses_is_found_by_regime():
    found = elimination_by_quarter(*league("mirror"))
    last = found[found["date_day"] == found["date_day"].max()].set_index("measure")
    assert last.value["drain"] < -0.8
    assert last.value["injection"] > 0.8
    assert abs(last.value["asymmetry"]) < 0.1
    assert last.assets["all"] == 12
    straight = elimination_by_quarter(*league("one_way"))
    last = straight[straight["date_day"] == straight["date_day"].max()].set_index("measure")
    assert last.value["drain"] > 0.8


def test_a_quarter_counts_once_its_weeks_are_over():
    found = elimination_by_quarter(*league("mirror"))
    counts = found[found["measure"] == "all"].set_index("date_day")["n"]
    quarters = [DAYS[row].date() for row in ends(DAYS, "quarter")]
    assert counts[quarters[0]] == 0
    assert counts[quarters[1]] == 1  # 13 weeks lie between
    first = found[(found["measure"] == "injection") & (found["date_day"] == quarters[1])]
    assert first["value"].iloc[0] > 0.9
    assert FORWARD_WEEKS == 13


def test_a_canary_that_knows_is_better_than_chance():
    alarm = np.zeros(WEEKS)
    alarm[170::20] = 1
    event = np.zeros(WEEKS)
    event[173::20] = 1
    found = canary_hits(fridays(cci=50 + 40 * alarm + drawn(80, WEEKS), joint_rise=event)).iloc[-1]
    assert found["hit_rate"] > 0.6  # a tenth of the quiet weeks is above the decile, too
    assert found["lift"] > 1.5
    assert found["false_alarms"] == found["alarms"] - found["hits"]
    few = canary_hits(fridays(cci=50 + drawn(80, WEEKS), joint_rise=event))
    assert few["null_reason"].iloc[0].startswith("short_history")


def scarcity(break_by, rows=600):
    days = pd.bdate_range("2024-06-03", periods=rows)
    event = pd.Timestamp("2026-01-30")
    moved = 0.05 * drawn(90, rows) + np.where(days >= event, break_by, 0.0)
    return pd.DataFrame({"date_day": days, "value": 50 + moved.cumsum(), "pit_rank": 1, "origin_rank": 2})


EVENTS = pd.DataFrame({"event_id": ["warsh-2026-01-30", "other"], "event_date": [date(2026, 1, 30), date(2025, 1, 1)]})


def test_a_steeper_rise_after_the_event_is_measured_when_its_window_is_over():
    frame = scarcity(0.5)
    found = event_slopes(frame, EVENTS)
    assert list(found.columns) == SLOPES
    assert list(found["date_day"]) == [date(2026, 1, 30), date(2026, 4, 23)]
    assert found["null_reason"].iloc[0] == "window_not_over: 1 of 60"
    assert found["null_reason"].isna().iloc[1]
    assert found["value"].iloc[1] == pytest.approx(0.5, abs=0.05)
    assert found["low"].iloc[1] > 0
    later = frame.assign(value=np.where(frame["date_day"] > "2026-04-23", 1e6, frame["value"]))
    pd.testing.assert_frame_equal(event_slopes(later, EVENTS), found)
    assert len(event_slopes(frame[frame["date_day"] < "2026-04-23"], EVENTS)) == 1
    assert not len(event_slopes(frame[frame["date_day"] < "2026-01-30"], EVENTS))


def test_no_break_is_no_break():
    assert event_slopes(scarcity(0.0), EVENTS)["value"].iloc[1] == pytest.approx(0, abs=0.05)


# ---------------------------------------------------------------------------------------------------- multipliers


def risk_weeks(lag_days=45):
    """Risk pays for news where powder was ample the Friday before, and not where it was scarce."""
    powder = np.tile(np.repeat([0.1, 0.5, 0.9], 10), WEEKS // 30)
    news = np.where(drawn(60, WEEKS) > 0, 10 * np.abs(drawn(61, WEEKS)), 0.0)
    opened_ample = np.concatenate([[False], powder[:-1] > 2 / 3])
    frame = pd.DataFrame(
        {
            "week_end": DAYS,
            "risk_return": 0.002 * news * opened_ample + 0.005 * drawn(62, WEEKS),
            "funding_news_usd_bn": news,
            "known_at": DAYS.tz_localize("UTC") + pd.Timedelta(days=lag_days),
        }
    )
    return frame, pd.DataFrame({"date_day": DAYS, "value": powder})


def test_news_that_pays_only_where_powder_is_ample_is_found_there():
    found = multipliers_by_powder(*risk_weeks())
    last = found[found["date_day"] == found["date_day"].max()].set_index("tercile")
    assert 0.0015 < last.low["high"] < last.value["high"] < 0.0025
    assert last.low["low"] < 0 < last.high["low"]
    assert last.low["difference"] > 0
    assert last["n"].max() < WEEKS - 5  # the newest weeks' returns are not known yet


def test_a_tercile_of_few_weeks_has_no_multiplier():
    found = multipliers_by_powder(*risk_weeks()).set_index(["date_day", "tercile"])
    first = found.loc[min(found.index.get_level_values(0))]
    assert first["value"].isna().all()
    assert first.null_reason["high"] == "short_history: 0 of 30"
    frame, powder = risk_weeks()
    blind = multipliers_by_powder(frame, powder.assign(value=np.nan))
    assert set(blind["null_reason"]) == {"missing_input: dry_powder_pct"}
    assert list(multipliers_by_powder(frame[:0], powder).columns) == MULTIPLIERS


def test_what_is_known_later_moves_no_multiplier():
    frame, powder = risk_weeks()
    whole = multipliers_by_powder(frame, powder)
    for rows in CUTS:
        cut = DAYS[rows].tz_localize("UTC") + pd.Timedelta(hours=22)
        then = frame[: rows + 1].copy()
        then.loc[then["known_at"] > cut, ["risk_return", "known_at"]] = [np.nan, pd.NaT]
        before = multipliers_by_powder(then, powder[: rows + 1])
        said = whole[[each <= DAYS[rows].date() for each in whole["date_day"]]].reset_index(drop=True)
        pd.testing.assert_frame_equal(before, said)
