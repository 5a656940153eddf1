"""Generated histories: every public raw table filled with plausible figures, by seed, without landing anything.

For property tests and for benchmarks. `World` draws the economy: one balance sheet of the Federal Reserve, one
Treasury that issues and redeems, one yield curve, one bitcoin, from which each table takes its part, so that what has
to add up does. `fill` writes it through the contracts: types, known_at and pit_quality come from their rules.

What is planted, to be found again by the estimators: the weekly change of yields and of credit stress answers the
demand surprise `World.surprise` of the week before with `World.slope_bp` (docs/method.md, A.7), and the return of crypto
runs ahead of that change by `crypto_leads_weeks`.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal
from zlib import crc32

import numpy as np
import pandas as pd

from warehouse import increments, sources, stores
from warehouse.contract import BOOKKEEPING
from warehouse.sources.bis import KEYS as BIS_KEYS
from warehouse.sources.imf import KEYS as COFER_KEYS
from warehouse.sources.nyfed.primary_dealers import KEYS as DEALER_KEYS
from warehouse.sources.ofr import FUNDING, HEDGE_FUNDS
from warehouse.transformation import run_dbt
from warehouse.versions import give_macros

if TYPE_CHECKING:
    from warehouse.increments import Increment
    from warehouse.settings import Settings
    from warehouse.transformation import NodeResult

END = date(2026, 9, 11)
"""Last day of a generated history. A Friday; everything known by its end is in it."""
BURN_WEEKS = 170
"""Weeks before the first day, for what needs a past: sums over quarters, expanding means, maturing bills."""
BURN_YEARS = 10
"""Years of auctions before the first day, so that there is a stock of debt."""
SIZES = {
    "4-Week": 90, "8-Week": 80, "13-Week": 75, "17-Week": 62, "26-Week": 68, "52-Week": 46,
    "2-Year": 69, "3-Year": 58, "5-Year": 70, "7-Year": 44, "10-Year": 42, "20-Year": 16, "30-Year": 25,
    "FRN 2-Year": 28, "TIPS 5-Year": 22, "TIPS 10-Year": 18, "TIPS 30-Year": 9,
}  # fmt: skip
"""Offering at the end, USD billion."""
BILL_DAYS = {"4-Week": 28, "8-Week": 56, "13-Week": 91, "17-Week": 119, "26-Week": 182, "52-Week": 364}
CURVE = {
    "1mo": 1 / 12, "1_5mo": 1 / 8, "2mo": 1 / 6, "3mo": 0.25, "4mo": 1 / 3, "6mo": 0.5, "1yr": 1, "2yr": 2, "3yr": 3,
    "5yr": 5, "7yr": 7, "10yr": 10, "20yr": 20, "30yr": 30,
}  # fmt: skip
H15_MATURITIES = {
    "M01": "1mo", "M03": "3mo", "M06": "6mo", "Y01": "1yr", "Y02": "2yr", "Y03": "3yr", "Y05": "5yr", "Y07": "7yr",
    "Y10": "10yr", "Y20": "20yr", "Y30": "30yr",
}  # fmt: skip
HOLDERS = {  # code, share of the total
    "Japan": (42609, 0.125), "China, Mainland": (41408, 0.085), "United Kingdom": (13005, 0.1),
    "Belgium": (10251, 0.05), "Cayman Islands": (36137, 0.05), "Canada": (29998, 0.045), "Luxembourg": (11703, 0.045),
    "France": (10804, 0.042), "Ireland": (11401, 0.037), "Switzerland": (12688, 0.034), "Taiwan": (46302, 0.033),
    "Hong Kong": (42005, 0.028), "Singapore": (46019, 0.03), "India": (42102, 0.025), "Brazil": (30503, 0.02),
    "Norway": (12203, 0.02), "Saudi Arabia": (45608, 0.016), "Korea, South": (43001, 0.014),
    "United Arab Emirates": (46604, 0.012), "Kuwait": (44105, 0.006), "Germany": (11002, 0.012),
    "Qatar": (45004, 0.002), "International and Regional Organizations": (79995, 0.01), "Netherlands": (12106, 0.018),
    "Thailand": (46906, 0.017), "Sweden": (12505, 0.016), "Spain": (12602, 0.015), "Israel": (43567, 0.015),
    "Italy": (11606, 0.014), "Australia": (60089, 0.014), "Mexico": (31704, 0.013), "Poland": (14001, 0.011),
    "Philippines": (44709, 0.011), "Vietnam": (46612, 0.01),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Company:
    """A filer: its size is quarterly operating cash flow at the end, USD million."""

    name: str
    cik: int
    year_ends_in: int
    ocf_usd_mn: float
    capex_share: tuple[float, float]
    capex_tag: str = "PaymentsToAcquirePropertyPlantAndEquipment"
    debt_in_tag: str = "ProceedsFromIssuanceOfLongTermDebt"
    debt_out_tag: str = "RepaymentsOfLongTermDebt"
    bought_tag: str = "PaymentsToAcquireMarketableSecurities"
    sold_tag: str = "ProceedsFromSaleAndMaturityOfMarketableSecurities"
    splits_sales: bool = False
    revenue_tag: str = "RevenueFromContractWithCustomerExcludingAssessedTax"


COMPANIES = (
    Company(
        name="MICROSOFT CORP", cik=789019, year_ends_in=6, ocf_usd_mn=38_000, capex_share=(0.2, 0.6),
        debt_in_tag="ProceedsFromDebtMaturingInMoreThanThreeMonths",
        debt_out_tag="RepaymentsOfDebtMaturingInMoreThanThreeMonths",
        bought_tag="PaymentsToAcquireInvestments", splits_sales=True,
    ),
    Company(
        name="Alphabet Inc.", cik=1652044, year_ends_in=12, ocf_usd_mn=40_000, capex_share=(0.25, 0.65),
        debt_in_tag="ProceedsFromDebtNetOfIssuanceCosts", debt_out_tag="RepaymentsOfDebtAndCapitalLeaseObligations",
        revenue_tag="Revenues",
    ),
    Company(
        name="AMAZON COM INC", cik=1018724, year_ends_in=12, ocf_usd_mn=35_000, capex_share=(0.4, 1.0),
        capex_tag="PaymentsToAcquireProductiveAssets",
    ),
    Company(name="Meta Platforms, Inc.", cik=1326801, year_ends_in=12, ocf_usd_mn=28_000, capex_share=(0.25, 0.75)),
    Company(
        name="ORACLE CORP", cik=1341439, year_ends_in=5, ocf_usd_mn=5_500, capex_share=(0.1, 1.4),
        bought_tag="PaymentsToAcquireInvestments", splits_sales=True, revenue_tag="Revenues",
    ),
    Company(name="Apple Inc.", cik=320193, year_ends_in=9, ocf_usd_mn=28_000, capex_share=(0.12, 0.12)),
    Company(
        name="NVIDIA CORP", cik=1045810, year_ends_in=1, ocf_usd_mn=20_000, capex_share=(0.1, 0.05),
        capex_tag="PaymentsToAcquireProductiveAssets", revenue_tag="Revenues",
    ),
    Company(name="MICRON TECHNOLOGY INC", cik=723125, year_ends_in=8, ocf_usd_mn=5_000, capex_share=(0.5, 0.7)),
)  # fmt: skip

FILERS = (
    ("Public Investment Fund", 1767640), ("Norges Bank", 1374170), ("CPPIB", 1283718), ("Temasek Holdings", 1021944),
    ("Mubadala", 1704268), ("Korea Investment Corporation", 1441689), ("National Pension Service", 1608046),
    ("APG Asset Management", 1434819), ("SoftBank Group", 1065521),
)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- days


def day64(day: date) -> np.datetime64:
    return np.datetime64(day, "D")


def holidays() -> np.ndarray:
    """Return the federal holidays, which are those of the contracts' known_at rules."""
    from pandas.tseries.holiday import USFederalHolidayCalendar

    return USFederalHolidayCalendar().holidays("1930-01-01", "2040-12-31").to_numpy().astype("datetime64[D]")


HOLIDAYS = holidays()


def business(days: np.ndarray) -> np.ndarray:
    """Move each day to the next business day, if it is none."""
    return np.busday_offset(days, 0, roll="forward", holidays=HOLIDAYS)


def month_ends(first: np.datetime64, last: np.datetime64, step: int = 1) -> np.ndarray:
    """Return the months' ends between two days; with step 3 the quarters' ends."""
    months = np.arange(first.astype("datetime64[M]"), last.astype("datetime64[M]") + 1)
    if step > 1:
        months = months[(months.astype(int) + 1) % step == 0]
    ends = (months + 1).astype("datetime64[D]") - 1
    return ends[(ends >= first) & (ends <= last)]


def add_months(days: np.ndarray, months: np.ndarray | int) -> np.ndarray:
    """Return the same days of other months; a month's last day gives a month's last day."""
    month = days.astype("datetime64[M]")
    of_month = (days - month.astype("datetime64[D]")).astype(int)
    is_last = (days + 1).astype("datetime64[M]") != month
    target = month + months
    length = ((target + 1).astype("datetime64[D]") - target.astype("datetime64[D]")).astype(int)
    return target.astype("datetime64[D]") + np.where(is_last, length - 1, np.minimum(of_month, length - 1))


def years_before(day: date, years: int) -> date:
    year = day.year - years
    return day.replace(year=year, day=min(day.day, monthrange(year, day.month)[1]))


def at_minutes(days: np.ndarray, minutes: np.ndarray | int) -> np.ndarray:
    """Return the instants so many minutes after midnight, UTC."""
    return days.astype("datetime64[s]") + np.asarray(minutes).astype("timedelta64[m]")


# -------------------------------------------------------------------------------------------------------- frames


def names_of(repeated: np.ndarray, names: list[str]) -> pd.Categorical:
    """Return texts by number: as wide as their numbers, however often they repeat."""
    return pd.Categorical.from_codes(repeated, names)


def panel(days: np.ndarray, series: dict[str, np.ndarray], *, key: str, day: str, value: str) -> pd.DataFrame:
    """Return one row per series and day."""
    count = len(series)
    return pd.DataFrame(
        {
            key: names_of(np.repeat(np.arange(count), len(days)), list(series)),
            day: np.tile(days, count),
            value: np.concatenate([np.broadcast_to(values, len(days)) for values in series.values()]),
        }
    )


def revised(frame: pd.DataFrame, rng: np.random.Generator, share: float, factor: float, *columns: str) -> pd.DataFrame:
    """Append later versions of a share of the rows, found 20 to 60 days after the first, and tombstones of a few."""
    picked = frame[rng.random(len(frame)) < share].copy()
    for column in columns:
        picked[column] = picked[column] * (1 + factor * (2 * rng.random(len(picked)) - 1))
    picked["_later_days"] = 20 + 40 * rng.random(len(picked))
    gone = picked[rng.random(len(picked)) < 0.05].copy()
    gone["_later_days"] += 30
    gone["_is_deleted"] = True
    return pd.concat([frame, picked, gone], ignore_index=True)


# --------------------------------------------------------------------------------------------------------- world


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What decides a history; equal plans give equal rows."""

    years: int = 12
    end: date = END
    seed: int = 20260911
    scarcity: Literal["convex", "flat"] = "convex"
    crypto_leads_weeks: int = 4

    @property
    def start(self) -> date:
        return years_before(self.end, self.years)

    @property
    def known_to(self) -> datetime:
        """Instant of the end: what becomes known later is not in the history."""
        return datetime.combine(self.end + timedelta(days=1), datetime.min.time(), UTC)


class World:
    """The economy that all tables are views of. Weekly arrays are of Wednesdays, from BURN_WEEKS before the start."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.start, self.end = day64(plan.start), day64(plan.end)
        first = self.start - 7 * BURN_WEEKS
        first -= (first - np.datetime64("2020-01-01")).astype(int) % 7  # 2020-01-01 is a Wednesday
        last = self.end + 7 * (plan.crypto_leads_weeks + 3)
        self.weeks = np.arange(first, last, 7)
        self.all_days = np.arange(first, last)
        self.days = self.all_days[(self.all_days >= self.start) & (self.all_days <= self.end)]
        self.workdays = self.days[np.is_busday(self.days, holidays=HOLIDAYS)]
        self.wednesdays = self.weeks[(self.weeks >= self.start) & (self.weeks <= self.end)]
        rng = self.draws("world")
        weeks = len(self.weeks)

        # slow tides: how much powder is dry, from -1 to 1
        years = np.arange(weeks) / 52.18
        phases = 2 * np.pi * rng.random(2)
        self.tide = 0.75 * np.sin(2 * np.pi * years / 5.3 + phases[0])
        self.tide += 0.25 * np.sin(2 * np.pi * years / 2.1 + phases[1])
        self.powder = self.tide + self.wandering(rng, weeks, 0.9, 0.03)
        self.powder_percentile = expanding_percentile(self.powder)

        scale = self.size(self.weeks)
        self.rrp = scale * (1_000 + 940 * self.powder).clip(2)
        self.tga = scale * (700 + self.wandering(rng, weeks, 0.93, 55)).clip(60)
        self.auctions = self.issue(rng)
        self.net_cash = self.settled(self.auctions)

        # demand that nobody expected: a quarter's cash that the Treasury took and the RRP did not give back
        taken = (
            np.diff(self.tga, prepend=self.tga[0]) + np.diff(self.rrp, prepend=self.rrp[0]) + self.net_cash
        ) / scale
        quarter = pd.Series(taken).rolling(13).sum()
        past = quarter.expanding(min_periods=52)
        self.surprise = ((quarter - past.mean()) / past.std()).clip(-4, 4).fillna(0).to_numpy()
        self.slope_bp = np.ones(weeks)
        if plan.scarcity == "convex":
            self.slope_bp += 6 * (1 - self.powder_percentile / 0.25).clip(0)
        answer = np.concatenate([[0], (self.slope_bp * self.surprise)[:-1]]) / 100
        self.real_yield = self.answering(rng, answer, 1.5, 0.05)
        self.credit = self.answering(rng, answer, 0.0, 0.06)
        self.breakeven = 2.3 + self.wandering(rng, weeks, 0.99, 0.04)

        # crypto knows the change of what capital costs before it happens
        change = np.diff(self.real_yield + self.credit, prepend=(self.real_yield + self.credit)[0])
        ahead = np.roll(change / change.std(), -plan.crypto_leads_weeks)
        news = -0.04 * ahead + 0.04 * rng.standard_normal(weeks)
        trend = np.log(90_000) - 0.25 * (1 - np.linspace(0, 1, weeks)) * min(plan.years, 12)
        log_price = np.zeros(weeks)
        for week in range(1, weeks):
            log_price[week] = 0.985 * log_price[week - 1] + news[week]
        self.bitcoin = np.exp(trend + log_price)

    def draws(self, name: str) -> np.random.Generator:
        """Return the random numbers of one table: the same whichever others are drawn."""
        return np.random.default_rng([self.plan.seed, crc32(name.encode())])

    def size(self, days: np.ndarray) -> np.ndarray:
        """Return how big the economy is, 1 at the end: it grows by 4 % a year."""
        return np.exp(0.04 * (days - self.end).astype(int) / 365.25)

    @staticmethod
    def wandering(rng: np.random.Generator, count: int, keeps: float, step: float) -> np.ndarray:
        """Return a walk that forgets: each value keeps a share of the one before."""
        shocks = step * rng.standard_normal(count)
        walk = np.zeros(count)
        for n in range(1, count):
            walk[n] = keeps * walk[n - 1] + shocks[n]
        return walk

    @staticmethod
    def answering(rng: np.random.Generator, answer: np.ndarray, around: float, noise: float) -> np.ndarray:
        """Return a level whose weekly change is the answer, noise, and a slow return."""
        shocks = answer + noise * rng.standard_normal(len(answer))
        level = np.full(len(answer), around)
        for week in range(1, len(answer)):
            level[week] = level[week - 1] + 0.03 * (around - level[week - 1]) + shocks[week]
        return level

    def daily(self, weekly: np.ndarray, days: np.ndarray, name: str, noise: float, *, shift: int = 0) -> np.ndarray:
        """Return days between the weekly values: on the anchor's weekday the value itself, between them noise."""
        anchors = (self.weeks + shift).astype(int)
        at = days.astype(int)
        away = np.minimum((at - anchors[0]) % 7, (anchors[0] - at) % 7)
        eps = self.draws(f"daily {name}").standard_normal(len(self.all_days))[at - self.all_days[0].astype(int)]
        return np.interp(at, anchors, weekly) + noise * np.sqrt(away) * eps

    @cached_property
    def policy_rate(self) -> np.ndarray:
        """Return the lower end of the target range by week, in quarter points."""
        path = 2.75 - 2.5 * np.roll(self.tide, 40) + self.wandering(self.draws("policy"), len(self.weeks), 0.99, 0.05)
        held = path[np.arange(len(path)) // 7 * 7]  # a meeting every seven weeks
        return (np.round(held * 4) / 4).clip(0)

    def target(self, days: np.ndarray) -> np.ndarray:
        found = np.searchsorted(self.weeks, days, side="right") - 1
        return self.policy_rate[found.clip(0)]

    @cached_property
    def curve(self) -> dict[str, np.ndarray]:
        """Return par yields by maturity, in percent, for every day; a Thursday answers the Wednesday before last."""
        long = self.daily(self.real_yield + self.breakeven, self.all_days, "curve", 0.02, shift=1)
        short = self.target(self.all_days) + 0.1
        weight = {name: 1 - np.exp(-years / 3) for name, years in CURVE.items()}
        return {
            name: np.round((short + (long - short) * share / weight["10yr"]).clip(0.02), 2)
            for name, share in weight.items()
        }

    @cached_property
    def real_curve(self) -> dict[str, np.ndarray]:
        long = self.daily(self.real_yield, self.all_days, "real", 0.02, shift=1)
        tilt = {"5yr": -0.25, "7yr": -0.12, "10yr": 0.0, "20yr": 0.2, "30yr": 0.3}
        return {name: np.round(long + extra, 2) for name, extra in tilt.items()}

    def on(self, series: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Return the values of a series of all days on some of them; before the first, the first."""
        return series[(days - self.all_days[0]).astype(int).clip(0, len(self.all_days) - 1)]

    # ------------------------------------------------------------------------------------------------ the Treasury

    def issue(self, rng: np.random.Generator) -> pd.DataFrame:
        """Return the auctions since BURN_YEARS before the start: what, when and how much, not yet at which yield."""
        first = day64(years_before(self.plan.start, BURN_YEARS))
        last = self.weeks[-1]
        parts = [*self._bills(first, last), *self._coupons(first, last)]
        frame = pd.concat(parts, ignore_index=True).sort_values(["issue_date", "tenor"], ignore_index=True)
        frame = frame.drop_duplicates(["cusip", "issue_date"], ignore_index=True)
        issued = frame["issue_date"].to_numpy().astype("datetime64[D]")
        base = frame["tenor"].map(SIZES).to_numpy(float) * self.size(issued)
        # bills take what the month needs
        month = issued.astype("datetime64[M]").astype(int)
        month -= month.min()
        need = self.wandering(rng, month.max() + 1, 0.7, 0.1)[month]
        base *= np.where(frame["is_bill"], np.exp(need), 1.0) * np.where(frame["reopening"], 0.92, 1.0)
        frame["offering"] = np.round(base.clip(0.5)) * 1e9
        frame["addon"] = np.round(frame["offering"] * np.where(frame["is_bill"], 0.03, 0.1) / 1e6) * 1e6
        self._say_what_matures(frame)
        return frame

    @staticmethod
    def _bills(first: np.datetime64, last: np.datetime64) -> list[pd.DataFrame]:
        tuesday, thursday = np.datetime64("2020-01-07"), np.datetime64("2020-01-02")
        parts = []
        for tenor, length in BILL_DAYS.items():
            anchor = thursday if tenor in {"13-Week", "26-Week", "52-Week"} else tuesday
            step = 28 if tenor == "52-Week" else 7
            issue = np.arange(anchor + (first - anchor).astype(int) // step * step, last, step)
            auction = np.busday_offset(issue, -3 if anchor == thursday else -2, roll="forward", holidays=HOLIDAYS)
            maturity = issue + length
            number = maturity.astype(int) + 10_000
            parts.append(
                pd.DataFrame(
                    {
                        "tenor": tenor, "kind": "bill", "is_bill": True, "auction_date": auction,
                        "announced": np.busday_offset(auction, -2, holidays=HOLIDAYS), "issue_date": business(issue),
                        "maturity_date": maturity, "dated_date": np.datetime64("NaT", "D"),
                        "reopening": tenor in {"13-Week", "4-Week", "8-Week"},
                        "cusip": [f"9127{n:05d}" for n in number], "left": length / 365.25,
                    }
                )
            )  # fmt: skip
        return parts

    @staticmethod
    def _coupons(first: np.datetime64, last: np.datetime64) -> list[pd.DataFrame]:
        months = np.arange(first.astype("datetime64[M]"), last.astype("datetime64[M]") + 1)
        of_year = months.astype(int) % 12 + 1
        mid, late = months.astype("datetime64[D]") + 14, (months + 1).astype("datetime64[D]") - 1
        nominal = {  # years, settles mid-month, months of a new issue; in others it is opened again
            "2-Year": (2, False, 1), "3-Year": (3, True, 1), "5-Year": (5, False, 1), "7-Year": (7, False, 1),
            "10-Year": (10, True, 3), "20-Year": (20, False, 3), "30-Year": (30, True, 3), "FRN 2-Year": (2, False, 3),
        }  # fmt: skip
        indexed = {"TIPS 5-Year": (5, (4, 10), (6, 12)), "TIPS 10-Year": (10, (1, 7), (3, 5, 9, 11))}
        indexed["TIPS 30-Year"] = (30, (2,), (8,))
        parts = []
        for prefix, (tenor, (years, is_mid, every)) in enumerate(nominal.items()):
            new = of_year % 3 == 2 if every == 3 and tenor != "FRN 2-Year" else of_year % every == 1 % every
            since = np.where(new, np.arange(len(months)), -1)
            since = np.maximum.accumulate(since)
            keep = since >= 0
            day = mid if is_mid else late
            parts.append(_coupon_frame(tenor, prefix, day[keep], day[since[keep]], ~new[keep], years))
        for prefix, (tenor, (years, new_in, again_in)) in enumerate(indexed.items(), start=len(nominal)):
            new = np.isin(of_year, new_in)
            since = np.maximum.accumulate(np.where(new, np.arange(len(months)), -1))
            keep = (since >= 0) & (new | np.isin(of_year, again_in))
            day = mid if years == 30 else late
            # a TIPS is dated the 15th of its month
            parts.append(_coupon_frame(tenor, prefix, day[keep], mid[since[keep]], ~new[keep], years))
        return parts

    @staticmethod
    def _say_what_matures(frame: pd.DataFrame) -> None:
        """Add what the public holds of what matures into each settlement of the class."""
        frame["maturing"] = 0.0
        for is_bill in (True, False):
            mine = frame["is_bill"] == is_bill
            settled = np.unique(frame.loc[mine, "issue_date"].to_numpy())
            into = np.searchsorted(settled, frame.loc[mine, "maturity_date"].to_numpy())
            sums = np.bincount(into, frame.loc[mine, "offering"], minlength=len(settled) + 1)
            at = np.searchsorted(settled, frame.loc[mine, "issue_date"].to_numpy())
            frame.loc[mine, "maturing"] = sums[at]

    def settled(self, auctions: pd.DataFrame) -> np.ndarray:
        """Return each week's net cash from the public, USD billion."""
        edges = self.weeks
        flows = np.zeros(len(edges) + 1)
        for column, sign in (("issue_date", 1), ("maturity_date", -1)):
            at = np.searchsorted(edges, auctions[column].to_numpy().astype("datetime64[D]"))
            flows += sign * np.bincount(at, auctions["offering"] / 1e9, minlength=len(flows))[: len(flows)]
        flows[0] = flows[1]
        return flows[: len(edges)]

    # ---------------------------------------------------------------------------------------------------- the Fed

    @cached_property
    def soma(self) -> pd.DataFrame:
        """Return the Federal Reserve's holdings, one row per Wednesday and CUSIP."""
        auctions = self.auctions
        known = auctions[auctions["issue_date"].to_numpy().astype("datetime64[D]") <= self.end]
        by_cusip = known.groupby("cusip", sort=True)
        held = by_cusip.agg(
            tenor=("tenor", "last"), kind=("kind", "first"), maturity_date=("maturity_date", "first"),
            first_issue=("issue_date", "min"), offered=("offering", "sum"),
        )  # fmt: skip
        weeks = self.wednesdays
        opens = np.searchsorted(weeks, held["first_issue"].to_numpy().astype("datetime64[D]"))
        ends = np.searchsorted(weeks, held["maturity_date"].to_numpy().astype("datetime64[D]"))
        count = (ends - opens).clip(0)
        row = np.repeat(np.arange(len(held)), count)
        week = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + opens[row]
        day = weeks[week]
        par = np.zeros(len(row))
        place = by_cusip.cumcount()
        for nth in range(place.max() + 1):
            mine = known[place == nth].set_index("cusip").reindex(held.index)
            issued = mine["issue_date"].to_numpy().astype("datetime64[D]")[row]
            par += np.where(issued <= day, mine["addon"].fillna(0).to_numpy()[row], 0)
        age = (day - held["first_issue"].to_numpy().astype("datetime64[D]")[row]).astype(int) / 365.25
        is_bill = (held["kind"] == "bill").to_numpy()[row]
        purchased = np.where(is_bill, 0.12 * ((day - self.end).astype(int) / 280 + 1).clip(0, 1), 0.12 * age.clip(0, 1))
        par += np.round(purchased * held["offered"].to_numpy()[row] / 1e6) * 1e6
        new = np.diff(row, prepend=-1) != 0
        year_before = np.arange(len(row)) - 52
        has_year = (year_before >= 0) & (row[year_before.clip(0)] == row)
        kind = held["kind"].map({"bill": "Bills", "nominal": "NotesBonds", "frn": "FRNs", "tips": "TIPS"})
        kinds = list(kind.unique())
        par_before = np.concatenate([[0], par[:-1]])
        frame = pd.DataFrame(
            {
                "as_of_date": day,
                "cusip": names_of(row, list(held.index)),
                "security_type": names_of(kind.map(kinds.index).to_numpy()[row], kinds),
                "maturity_date": held["maturity_date"].to_numpy()[row],
                "coupon_pct": np.where(
                    kind.isin(["NotesBonds", "TIPS"]).to_numpy()[row], self.coupons.reindex(held.index).to_numpy()[row],
                    np.nan,
                ),
                "spread_pct": np.where((kind == "FRNs").to_numpy()[row], 0.15, np.nan),
                "par_value_usd": par,
                "inflation_compensation_usd": np.where(
                    (kind == "TIPS").to_numpy()[row], np.round(par * 0.025 * age), np.nan
                ),
                "outstanding_ratio": (par / held["offered"].to_numpy()[row] / 1.1).clip(0, 0.7),
                "change_week_usd": np.where(new, par, par - par_before),
                "change_year_usd": np.where(has_year, par - par[year_before.clip(0)], par),
            }
        )  # fmt: skip
        return frame[frame["par_value_usd"] > 0].reset_index(drop=True)

    @cached_property
    def coupons(self) -> pd.Series:
        """Return the coupon of each security with one, set by the yield of its first auction."""
        return self.results.drop_duplicates("cusip").set_index("cusip")["int_rate"]

    @cached_property
    def results(self) -> pd.DataFrame:
        """Return the auctions with their yields, coupons and prices."""
        frame = self.auctions.copy()
        rng = self.draws("results")
        day = frame["auction_date"].to_numpy().astype("datetime64[D]")
        left = frame["left"].to_numpy(float)
        kind = frame["kind"].to_numpy()
        knots = np.array(list(CURVE.values()))
        at = (day - self.all_days[0]).astype(int).clip(0, len(self.all_days) - 1)
        grid = np.stack(list(self.curve.values()))[:, at]
        place = np.searchsorted(knots, left).clip(1, len(knots) - 1)
        share = ((left - knots[place - 1]) / (knots[place] - knots[place - 1])).clip(0, 1)
        rows = np.arange(len(frame))
        clean = grid[place - 1, rows] * (1 - share) + grid[place, rows] * share
        real = self.on(self.real_curve["10yr"], day) + 0.01 * (left - 10)
        yields = np.round(np.where(kind == "tips", real, clean) + 0.01 * rng.standard_normal(len(frame)), 3)
        yields = np.where(kind == "tips", yields, yields.clip(0.01))
        frame["yield"] = yields
        first = frame.drop_duplicates("cusip").set_index("cusip")["yield"]
        coupon = np.floor(frame["cusip"].map(first).to_numpy() * 8) / 8
        frame["int_rate"] = np.where(np.isin(kind, ["nominal", "tips"]), coupon.clip(0.125), np.nan)
        issue = frame["issue_date"].to_numpy().astype("datetime64[D]")
        maturity = frame["maturity_date"].to_numpy().astype("datetime64[D]")
        frame["price"] = np.round(coupon_price(frame["int_rate"].to_numpy(), yields, issue, maturity), 6)
        length = (maturity - issue).astype(int)
        discount = np.round(yields / (365 / 360 + yields / 100 * length / 360) / 0.005) * 0.005
        bill = np.round(100 - discount * length / 360, 6)
        frame["discount"] = np.where(kind == "bill", discount.clip(0.005), np.nan)
        frame["investment"] = np.round((100 - bill) / bill * 36_500 / length, 3)
        frame["bill_price"] = bill
        since = (issue - frame["dated_date"].to_numpy().astype("datetime64[D]")).astype(float)
        frame["index_ratio"] = np.round(1 + 0.025 * np.where(kind == "tips", since, 0) / 365.25, 5)
        return frame

    @cached_property
    def balance_sheet(self) -> dict[str, np.ndarray]:
        """Return H.4.1 lines by Wednesday, USD million: assets are liabilities and capital; reserves are what is left."""
        rng = self.draws("balance sheet")
        weeks = self.wednesdays
        par, accrued = (
            (
                self.soma.pivot_table(
                    index="as_of_date", columns="security_type", values=column, aggfunc="sum", observed=True
                )
                / 1e6
            )
            .round()
            .reindex(weeks)
            .fillna(0)
            for column in ("par_value_usd", "inflation_compensation_usd")
        )
        scale = self.size(weeks)
        at = np.searchsorted(self.weeks, weeks)

        def whole(values: np.ndarray) -> np.ndarray:
            return np.round(values).astype(float)

        bills, coupons = par["Bills"].to_numpy(), par["NotesBonds"].to_numpy() + par["FRNs"].to_numpy()
        tips, accrual = par["TIPS"].to_numpy(), accrued["TIPS"].to_numpy()
        lines = {
            "RESPPALGUOB_N.WW": bills, "RESPPALGUOMN_N.WW": coupons, "RESPPALGUOMI_N.WW": tips,
            "RESPPALGUOMC_N.WW": accrual, "RESPPALGUO_N.WW": bills + coupons + tips + accrual,
            "RESPPALGASMO_N.WW": whole(scale * (3.2e6 + 0.8e6 * self.tide[at])),
            "RESPPALGAM_N.WW": whole(2_347 * scale),
            "RESPPALGTR_N.WW": whole(self.standing_repo(weeks)), "RESPPALGTRF_N.WW": np.zeros(len(weeks)),
            "RESPPALD_N.WW": whole(scale * 6_000 * np.exp(self.wandering(rng, len(weeks), 0.9, 0.2))),
            "RESH4SCS_N.WW": whole(scale * 150 * np.exp(self.wandering(rng, len(weeks), 0.9, 0.3))),
            "RESPPAOF_N.WW": whole(18_000 * scale), "RESPPALSP_N.WW": whole(220_000 * scale),
            "RESPPALSD_N.WW": whole(-25_000 * scale), "RESH4SO_N.WW": whole(40_000 * scale),
            "RESTBMG_N.WW": np.full(len(weeks), 11_041.0),
        }  # fmt: skip
        held = ("RESPPALGUO", "RESPPALGASMO", "RESPPALGAM", "RESPPALGTR", "RESPPALD", "RESH4SCS", "RESPPAOF",
                "RESPPALSP", "RESPPALSD", "RESH4SO", "RESTBMG")  # fmt: skip
        total = np.sum([lines[f"{line}_N.WW"] for line in held], axis=0)
        owed = {
            "RESPPLLN_N.WW": whole(2.35e6 * scale * (1 + 0.01 * np.sin(np.arange(len(weeks)) / 8))),
            "RESPPLLRD_N.WW": whole(1_000 * self.on_reverse_repo(weeks)),
            "RESPPLLRF_N.WW": whole(scale * (350_000 + self.wandering(rng, len(weeks), 0.9, 8_000))),
            "RESPPLLDT_N.WW": whole(1_000 * self.treasury_account(weeks)),
            "RESPPLLDF_N.WW": whole(9_500 * scale), "RESPPLLDO_N.WW": whole(190_000 * scale),
            "RESPPLLE_N.WW": whole(12_000 * scale), "RESPPLC_N.WW": whole(46_000 * scale),
        }  # fmt: skip
        reserves = total - np.sum(list(owed.values()), axis=0)
        average = {
            name.replace("_N.WW", "_XAW_N.WW"): whole(pd.Series(values).rolling(2, min_periods=1).mean().to_numpy())
            for name, values in (("RESH4R_N.WW", reserves), ("RESPPLLDT_N.WW", owed["RESPPLLDT_N.WW"]))
        }
        treasury_currency = whole(52_000 * scale)
        return {
            "RESPPMA_N.WW": total, "RESPPA_N.WW": total, "RESPPMAX_N.WW": np.zeros(len(weeks)), **lines, **owed,
            "RESPPLLR_N.WW": owed["RESPPLLRD_N.WW"] + owed["RESPPLLRF_N.WW"], "RESH4R_N.WW": reserves,
            "RESPPLLDD_N.WW": reserves, "RESPPLL_N.WW": total - owed["RESPPLC_N.WW"],
            "RESH4SC_N.WW": total - 16_241, "RESTBMT_N.WW": treasury_currency,
            "RESH4S_N.WW": total + treasury_currency, "RESH4FX_N.WW": total + treasury_currency - reserves,
            "RESH4FG_N.WW": whole(2.9e6 * scale), "RESH4F_N.WW": whole(3.2e6 * scale), **average,
        }  # fmt: skip

    def standing_repo(self, days: np.ndarray) -> np.ndarray:
        """Return take-up of the standing repo facility, USD million: a quarter's end takes it, and little powder."""
        closes = np.isin(days, business(month_ends(self.start - 9, self.end, 3) - 1))
        scarce = np.interp(days.astype(int), self.weeks.astype(int), self.powder_percentile) < 0.1
        drawn = self.on(self.draws("standing repo").random(len(self.all_days)), days)
        return np.round(self.size(days) * (np.where(closes, 40_000, 0) + np.where(scarce, 15_000, 20)) * drawn)

    def on_reverse_repo(self, days: np.ndarray) -> np.ndarray:
        """Return the ON RRP, USD billion."""
        return self.daily(self.rrp, days, "rrp", 4).clip(0.5)

    def treasury_account(self, days: np.ndarray) -> np.ndarray:
        """Return the Treasury's account at the Fed, USD billion."""
        return self.daily(self.tga, days, "tga", 12).clip(20)

    @cached_property
    def bitcoin_daily(self) -> np.ndarray:
        """Return bitcoin's close of each UTC day, US dollars."""
        return np.exp(self.daily(np.log(self.bitcoin), self.all_days, "bitcoin", 0.015))

    @cached_property
    def outstanding(self) -> np.ndarray:
        """Return marketable debt by day, US dollars; 29 trillion at the end."""
        flows = np.zeros(len(self.all_days) + 1)
        for column, sign in (("issue_date", 1), ("maturity_date", -1)):
            at = (self.auctions[column].to_numpy().astype("datetime64[D]") - self.all_days[0]).astype(int)
            inside = (at > 0) & (at < len(self.all_days))
            sold = (self.auctions["offering"] + self.auctions["addon"]).to_numpy()
            flows[: len(self.all_days)] += sign * np.bincount(at[inside], sold[inside], minlength=len(self.all_days))
        path = np.cumsum(flows[:-1])
        return path + 29e12 - self.on(path, np.array([self.end]))[0]


def _coupon_frame(tenor: str, prefix: int, settles: np.ndarray, dated: np.ndarray, again: np.ndarray, years: int):
    kind = "frn" if tenor.startswith("FRN") else "tips" if tenor.startswith("TIPS") else "nominal"
    issue = business(settles)
    auction = np.busday_offset(issue, -4, holidays=HOLIDAYS)
    maturity = add_months(dated, 12 * years)
    number = dated.astype("datetime64[M]").astype(int) + 480
    return pd.DataFrame(
        {
            "tenor": tenor, "kind": kind, "is_bill": False, "auction_date": auction,
            "announced": np.busday_offset(auction, -4, holidays=HOLIDAYS), "issue_date": issue,
            "maturity_date": maturity, "dated_date": dated, "reopening": again,
            "cusip": [f"9128{chr(65 + prefix)}{n:04d}" for n in number],
            "left": (maturity - issue).astype(int) / 365.25,
        }
    )  # fmt: skip


def expanding_percentile(values: np.ndarray) -> np.ndarray:
    """Return the share of the past, the present included, below each value; equals count half (docs/method.md, 1)."""
    below = np.array([np.sum(values[:n] < values[n]) for n in range(len(values))])
    return (below + 0.5) / np.arange(1, len(values) + 1)


def coupon_price(coupon: np.ndarray, yields: np.ndarray, issue: np.ndarray, maturity: np.ndarray) -> np.ndarray:
    """Return prices per 100 without accrued interest, by 31 CFR 356 Appendix B (docs/method.md, A.3)."""
    months = (maturity.astype("datetime64[M]") - issue.astype("datetime64[M]")).astype(int)
    coupons = -(-months // 6)
    coupons = np.where(add_months(maturity, -6 * coupons) > issue, coupons, coupons - 1)
    before, following = add_months(maturity, -6 * (coupons + 1)), add_months(maturity, -6 * coupons)
    period, stub = (following - before).astype(int), (following - issue).astype(int)
    half = yields / 200
    discount = (1 + half) ** -coupons.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        annuity = np.where(half == 0, coupons, (1 - discount) / half)
    dirty = (coupon / 2 + coupon / 2 * annuity + 100 * discount) / (1 + stub / period * half)
    return dirty - coupon / 2 * (period - stub) / period


# -------------------------------------------------------------------------------------------------------- tables

Make = Callable[[World, np.random.Generator], pd.DataFrame]
MAKERS: dict[tuple[str, str], Make] = {}
"""What fills each table. It gives the contract's columns, those it leaves out being null, and may add `_later_days`
(a later version, found so long after the first was known) and `_is_deleted` (its withdrawal)."""


def makes(source: str, table: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        MAKERS[source, table] = make
        return make

    return register


def board_series(frame: pd.DataFrame, **same: object) -> pd.DataFrame:
    return frame.assign(unit_multiplier=1.0, obs_status="A", **same)


@makes("board", "h41")
def _h41(world: World, rng: np.random.Generator) -> pd.DataFrame:
    frame = panel(world.wednesdays, world.balance_sheet, key="series_name", day="period_end", value="value")
    frame = board_series(frame, frequency_code="19", unit_name="Currency", currency_code="USD", distribution="TOT")
    frame["unit_multiplier"] = 1e6
    average = frame["series_name"].astype(str).str.contains("_XAW_")
    return frame.assign(
        series_type=np.where(average, "A", "L"), series_description=frame["series_name"].astype(str) + ", generated"
    )


@makes("board", "h15")
def _h15(world: World, rng: np.random.Generator) -> pd.DataFrame:
    days = world.workdays
    series = {f"RIFLGFC{code}_N.B": world.on(world.curve[name], days) for code, name in H15_MATURITIES.items()}
    series |= {
        f"RIFLGFCY{int(name[:-2]):02d}_XII_N.B": world.on(values, days) for name, values in world.real_curve.items()
    }
    series |= {"RIFSPFF_N.B": world.target(days) + 0.08, "RIFSPBLP_N.B": world.target(days) + 3.25}
    return board_series(
        panel(days, series, key="series_name", day="period_end", value="value"),
        frequency_code="9", unit_name="Percent:_Per_Year", currency_code="NA",
    )  # fmt: skip


@makes("board", "h10")
def _h10(world: World, rng: np.random.Generator) -> pd.DataFrame:
    days, dollar = world.workdays, world.wandering(rng, len(world.workdays), 0.999, 0.003)
    series = {
        "JRXWTFB_N.B": 115 * np.exp(dollar), "RXI$US_N.B.EU": 1.12 * np.exp(-dollar), "RXI$US_N.B.UK": 1.3 - dollar / 2,
        "RXI_N.B.JA": 130 * np.exp(dollar), "RXI_N.B.CH": 7 * np.exp(dollar / 4),
    }  # fmt: skip
    return board_series(
        panel(days, series, key="series_name", day="period_end", value="value"),
        frequency_code="9", unit_name="Currency", currency_code="USD",
    )  # fmt: skip


@makes("board", "h8")
def _h8(world: World, rng: np.random.Generator) -> pd.DataFrame:
    weeks = world.wednesdays
    assets = 23e6 * world.size(weeks) * np.exp(world.wandering(rng, len(weeks), 0.95, 0.002))
    series = {"B1151NCBA": assets, "B1151NCB": assets * 1.003, "B1058NCBA": 0.77 * assets, "B1001NCBA": 0.79 * assets}
    frame = board_series(
        panel(weeks, {k: np.round(v, 1) for k, v in series.items()}, key="series_name", day="period_end", value="value"),
        frequency_code="19", unit_name="Currency", currency_code="USD", bank_group_code="CB", category="A",
        measure_code="LEVEL",
    )  # fmt: skip
    frame["unit_multiplier"] = 1e6
    adjusted = frame["series_name"].astype(str).str.endswith("A")
    frame = frame.assign(seasonal_adjustment_code=np.where(adjusted, "SA", "NSA"))
    return revised(frame, rng, 0.03, 0.001, "value")


@makes("board", "prates")
def _prates(world: World, rng: np.random.Generator) -> pd.DataFrame:
    series = {"RESBM_N.D": np.round(world.target(world.days) + 0.15, 2)}
    return board_series(
        panel(world.days, series, key="series_name", day="period_end", value="value"),
        frequency_code="8", rate_kind_code="IOR", unit_name="Percent", currency_code="NA",
    )  # fmt: skip


@makes("bea", "gdp")
def _gdp(world: World, rng: np.random.Generator) -> pd.DataFrame:
    ends = month_ends(world.start - 400, world.end, 3)
    output = 30.5e6 * world.size(ends) * np.exp(world.wandering(rng, len(ends), 0.9, 0.004))
    series = {"A191RC": output, "A006RC": 0.18 * output, "A007RC": 0.175 * output}
    frame = panel(ends, {k: np.round(v) for k, v in series.items()}, key="series_code", day="end", value="value_usd_mn")
    frame["period"] = [name.replace("-", "") for name in quarter_names(frame.pop("end").to_numpy().astype("M8[D]"))]
    return revised(frame, rng, 0.5, 0.003, "value_usd_mn")


@makes("board", "excess_bond_premium")
def _excess_bond_premium(world: World, rng: np.random.Generator) -> pd.DataFrame:
    ends = month_ends(world.start, world.end)
    credit = world.daily(world.credit, ends, "credit", 0.02, shift=1)
    frame = pd.DataFrame(
        {
            "month_start": ends.astype("datetime64[M]").astype("datetime64[D]"),
            "gz_spread_pct": 2.2 + 0.5 * credit,
            "excess_bond_premium_pct": 0.4 * credit + 0.05 * rng.standard_normal(len(ends)),
            "recession_probability_ratio": 1 / (1 + np.exp(2 - credit)),
        }
    )
    return revised(frame, rng, 0.3, 0.01, "gz_spread_pct")


@makes("chicagofed", "nfci")
def _nfci(world: World, rng: np.random.Generator) -> pd.DataFrame:
    fridays = world.wednesdays + 2
    fridays = fridays[fridays <= world.end]
    credit = 0.3 * world.daily(world.credit, fridays, "credit", 0.02, shift=1)
    noise = 0.03 * rng.standard_normal((6, len(fridays)))
    names = ("nfci", "anfci", "risk", "credit", "leverage", "nonfinancial_leverage")
    frame = pd.DataFrame({"week_end": fridays, **{name: credit + noise[n] for n, name in enumerate(names)}})
    return revised(frame, rng, 0.1, 0.05, "nfci", "credit")


@makes("ofr", "financial_stress")
def _financial_stress(world: World, rng: np.random.Generator) -> pd.DataFrame:
    days = world.workdays
    parts = {"credit": world.daily(world.credit, days, "credit", 0.02)}
    for name, scale in (("equity_valuation", 0.4), ("safe_assets", 0.2), ("funding", 0.3), ("volatility", 0.8)):
        own = np.interp(days.astype(int), world.weeks.astype(int), world.wandering(rng, len(world.weeks), 0.95, 0.1))
        parts[name] = scale * (0.5 * parts["credit"] + own)
    parts = {name: np.round(values, 3) for name, values in parts.items()}
    total = np.round(np.sum(list(parts.values()), axis=0), 3)
    regions = {"united_states": np.round(0.6 * total, 3), "other_advanced_economies": np.round(0.3 * total, 3)}
    regions["emerging_markets"] = np.round(total - sum(regions.values()), 3)
    frame = pd.DataFrame({"observation_date": days, "ofr_fsi": total, **parts, **regions})
    again = revised(frame, rng, 0.002, 0.1, "credit")
    again["ofr_fsi"] = np.round(again[list(parts)].sum(axis=1), 3)
    again["emerging_markets"] = np.round(
        again["ofr_fsi"] - again["united_states"] - again["other_advanced_economies"], 3
    )
    return again


@makes("ofr", "funding_monitor")
def _funding_monitor(world: World, rng: np.random.Generator) -> pd.DataFrame:
    days, ends = world.workdays, month_ends(world.start, world.end)
    scale, rate = world.size(days), world.target(days)
    volumes = {"REPO-TRI_TV_OO-P": 1.2e12, "REPO-DVP_TV_OO-P": 1.9e12, "REPO-GCF_TV_OO-P": 0.12e12}
    daily = {}
    for name in FUNDING:
        if name in volumes:
            daily[name] = np.round(volumes[name] * scale * np.exp(0.05 * rng.standard_normal(len(days))))
        elif not name.startswith("MMF-"):
            daily[name] = np.round((rate + 0.06 + 0.02 * rng.standard_normal(len(days))).clip(0.01), 2)
    growth = world.size(ends) * np.exp(world.wandering(rng, len(ends), 0.9, 0.004))
    funds = {"MMF-MMF_TOT-M": 7.2e12 * growth, "MMF-MMF_RP_wFR-M": 0.9e9 * world.on_reverse_repo(ends)}
    funds["MMF-MMF_RP_wFICC-M"] = 0.9e12 * growth
    funds["MMF-MMF_RP_TOT-M"] = funds["MMF-MMF_RP_wFR-M"] + 2.2e12 * growth
    funds["MMF-MMF_T_TOT-M"] = (funds["MMF-MMF_TOT-M"] - funds["MMF-MMF_RP_TOT-M"]) * 0.75
    assert set(daily) | set(funds) == set(FUNDING)
    names = {"key": "mnemonic", "day": "observation_date", "value": "value"}
    monthly = panel(ends, {name: np.round(values) for name, values in funds.items()}, **names)
    parts = [panel(days, daily, **names), revised(monthly, rng, 0.05, 0.002, "value")]
    return pd.concat([part.astype({"mnemonic": str}) for part in parts], ignore_index=True)


@makes("ofr", "hedge_funds")
def _hedge_funds(world: World, rng: np.random.Generator) -> pd.DataFrame:
    ends = month_ends(world.start, world.end, 3)
    scale, calm = world.size(ends), -np.interp(ends.astype(int), world.weeks.astype(int), world.credit)
    base = {
        "COUNT": 2_000.0, "GAV_SUM": 10e12, "NAV_SUM": 4.5e12, "GNE_SUM": 30e12, "PRIMEBROKER_SUM": 2.2e12,
        "REPO_SUM": 2.4e12, "OTHERSECURED_SUM": 0.4e12, "GAVN10_LEVERAGERATIO_AVERAGE": 17.0,
        "GAVN11TO50_LEVERAGERATIO_AVERAGE": 7.0, "GAVN51_LEVERAGERATIO_AVERAGE": 2.0, "LEVERAGERATIO_NAVWMEAN": 6.0,
    }  # fmt: skip
    series = {}
    for name in HEDGE_FUNDS:
        level = base[next(ending for ending in base if name.endswith(ending))]
        grown = level * (scale if name.endswith("_SUM") else 1)
        series[name] = np.round(grown * np.exp(0.05 * calm + 0.02 * rng.standard_normal(len(ends))), 4)
    return panel(ends, series, key="mnemonic", day="quarter_end", value="value")


@makes("nyfed", "reference_rates")
def _reference_rates(world: World, rng: np.random.Generator) -> pd.DataFrame:
    days, parts = world.workdays, []
    scarce = (0.1 - np.interp(days.astype(int), world.weeks.astype(int), world.powder_percentile)).clip(0)
    floor = world.target(days)
    for name, spread, volume in (
        ("SOFR", 0.08, 2_800), ("BGCR", 0.07, 1_100), ("TGCR", 0.07, 1_050), ("EFFR", 0.08, 100), ("OBFR", 0.08, 230)
    ):  # fmt: skip
        rate = np.round(floor + spread + (0.02 * rng.standard_normal(len(days)) if name != "EFFR" else 0), 2)
        rate = rate + (np.round(1.5 * scarce, 2) if name in {"SOFR", "BGCR", "TGCR"} else 0)
        frame = pd.DataFrame(
            {
                "rate_type": name, "effective_date": days, "rate_pct": rate, "percentile_1_pct": rate - 0.05,
                "percentile_25_pct": rate - 0.01, "percentile_75_pct": rate + 0.03, "percentile_99_pct": rate + 0.1,
                "volume_usd_bn": np.round(volume * world.size(days) * np.exp(0.05 * rng.standard_normal(len(days)))),
            }
        )  # fmt: skip
        if name == "EFFR":
            frame = frame.assign(target_from_pct=floor, target_to_pct=floor + 0.25)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def operations(world: World, amounts: np.ndarray, kind: str, number: int, minutes: int) -> pd.DataFrame:
    days = world.workdays
    following = np.busday_offset(days, 1, holidays=HOLIDAYS)
    return pd.DataFrame(
        {
            "operation_id": [f"RP {day.astype(object):%m%d%y} {number}" for day in days],
            "operation_date": days, "operation_type": kind, "auction_status": "Results",
            "operation_method": "Fixed Rate" if kind == "Reverse Repo" else "Full Allotment",
            "settlement_type": "Same Day", "term_type": "Overnight", "settlement_date": days,
            "maturity_date": following, "term_days": (following - days).astype(int), "is_small_value": False,
            "total_submitted_usd": amounts, "total_accepted_usd": amounts,
            "participant_count": np.where(amounts > 0, 20, 0), "accepted_participant_count": np.where(amounts > 0, 20, 0),
            "last_updated_new_york": at_minutes(days, minutes),
        }
    )  # fmt: skip


@makes("nyfed", "reverse_repo")
def _reverse_repo(world: World, rng: np.random.Generator) -> pd.DataFrame:
    amounts = np.round(world.on_reverse_repo(world.workdays) * 1e3) * 1e6
    return operations(world, amounts, "Reverse Repo", 27, 795)


@makes("nyfed", "repo")
def _repo(world: World, rng: np.random.Generator) -> pd.DataFrame:
    amounts = np.round(world.standing_repo(world.workdays)) * 1e6
    half = np.round(amounts / 2e6) * 1e6
    return pd.concat(
        [operations(world, half, "Repo", 1, 511), operations(world, amounts - half, "Repo", 2, 826)], ignore_index=True
    )


@makes("nyfed", "soma_holdings")
def _soma_holdings(world: World, rng: np.random.Generator) -> pd.DataFrame:
    return world.soma


@makes("nyfed", "primary_dealers")
def _primary_dealers(world: World, rng: np.random.Generator) -> pd.DataFrame:
    weeks = world.wednesdays
    base = (320_000, 6_000, 55_000, 12_000, 4_000, 2_200_000, 1_900_000, 110_000)
    series = {
        key: np.round(level * world.size(weeks) * np.exp(world.wandering(rng, len(weeks), 0.95, 0.05)))
        for key, level in zip(DEALER_KEYS, (*base, *[50_000] * len(DEALER_KEYS)), strict=False)
    }
    return panel(weeks, series, key="key_id", day="as_of_date", value="amount_usd_mn").assign(is_suppressed=False)


# ------------------------------------------------------------------------------------------------------ Treasury


@makes("fiscaldata", "auctions")
def _auctions(world: World, rng: np.random.Generator) -> pd.DataFrame:
    frame = world.results
    announced, held = (frame[c].to_numpy().astype("datetime64[D]") for c in ("announced", "auction_date"))
    frame = frame[(held >= world.start) & (announced <= world.end)].reset_index(drop=True)
    count, kind = len(frame), frame["kind"].to_numpy()
    bill, floats = kind == "bill", kind == "frn"
    offering, addon = frame["offering"].to_numpy(), frame["addon"].to_numpy()
    cover = (2.6 + 0.15 * rng.standard_normal(count)).clip(2)
    noncompetitive = np.round(offering * 0.01 / 1e3) * 1e3
    foreign = np.round(offering * 0.002 / 1e8) * 1e8
    competitive = offering - noncompetitive - foreign
    dealer = np.round(competitive * (0.14 + 0.03 * rng.standard_normal(count)).clip(0.03) / 1e4) * 1e4
    direct = np.round(competitive * (0.18 + 0.02 * rng.standard_normal(count)) / 1e4) * 1e4
    tendered = np.round(competitive * cover / 1e4) * 1e4
    spread = np.round(0.01 + 0.03 * rng.random(count), 3)
    clean = np.where(kind == "tips", np.nan, frame["price"])
    price = np.where(bill, frame["bill_price"], np.where(floats, 100.0, clean))
    adjusted = np.round(frame["price"] * frame["index_ratio"], 6)
    terms = frame["tenor"].str.removeprefix("FRN ").str.removeprefix("TIPS ")
    years = frame["left"].to_numpy(float)
    months = np.round(years * 12).astype(int)
    remaining = [f"{m // 12}-Year {m % 12}-Month" if m % 12 else f"{m // 12}-Year" for m in months]
    low = np.where(bill, np.nan, frame["yield"])
    margin = np.where(floats, np.round(0.15 + 0.02 * rng.standard_normal(count), 3), np.nan)
    original = np.where(terms.eq("13-Week"), "26-Week", terms)
    known = {
        "cusip": frame["cusip"], "issue_date": frame["issue_date"], "record_date": frame["auction_date"],
        "security_type": np.where(bill, "Bill", np.where(years > 10.5, "Bond", "Note")),
        "security_term": np.where(~bill & frame["reopening"], remaining, terms),
        "original_security_term": original, "announcemt_date": frame["announced"],
        "auction_date": frame["auction_date"], "maturity_date": frame["maturity_date"],
        "dated_date": frame["dated_date"], "reopening": frame["reopening"].astype(bool),
        "cash_management_bill_cmb": False, "floating_rate": floats, "inflation_index_security": kind == "tips",
        "auction_format": "Single-Price", "closing_time_comp": np.where(bill, "11:30 AM", "01:00 PM"),
        "offering_amt": offering, "est_pub_held_mat_by_type_amt": frame["maturing"],
        "soma_included": False,
    }  # fmt: skip
    announcement = pd.DataFrame(known)
    yielding = np.isin(kind, ["nominal", "tips"])
    results = announcement.assign(
        total_tendered=tendered + noncompetitive + foreign + addon,
        total_accepted=offering + addon,
        comp_tendered=tendered,
        comp_accepted=competitive,
        noncomp_accepted=noncompetitive,
        fima_noncomp_tendered=foreign,
        fima_noncomp_accepted=foreign,
        treas_retail_accepted=np.round(noncompetitive * 0.4),
        soma_tendered=addon,
        soma_accepted=addon,
        soma_holdings=addon,
        bid_to_cover_ratio=np.round((tendered + noncompetitive + foreign) / offering, 2),
        primary_dealer_tendered=np.round(tendered * 0.5),
        primary_dealer_accepted=dealer,
        direct_bidder_tendered=np.round(tendered * 0.15),
        direct_bidder_accepted=direct,
        indirect_bidder_tendered=tendered - np.round(tendered * 0.5) - np.round(tendered * 0.15),
        indirect_bidder_accepted=competitive - dealer - direct,
        allocation_pctage=np.round(100 * rng.random(count), 2),
        high_yield=np.where(yielding, frame["yield"], np.nan),
        avg_med_yield=np.where(yielding, low - spread, np.nan),
        low_yield=np.where(yielding, low - spread - 0.05, np.nan),
        high_discnt_rate=frame["discount"],
        avg_med_discnt_rate=frame["discount"] - spread,
        low_discnt_rate=frame["discount"] - spread - 0.05,
        high_investment_rate=np.where(bill, frame["investment"], np.nan),
        high_discnt_margin=margin,
        avg_med_discnt_margin=margin - spread,
        spread=margin,
        int_rate=frame["int_rate"],
        high_price=np.where(kind == "tips", adjusted, price),
        price_per100=np.where(kind == "tips", adjusted, price),
        unadj_price=np.where(kind == "tips", frame["price"], np.nan),
        adj_price=np.where(kind == "tips", adjusted, np.nan),
        pdf_filenm_comp_results="R_generated.pdf",
    )
    # an announcement that vanishes for a while: the result brings it back
    vanished = announcement[rng.random(count) < 0.001].assign(_later_days=0.5, _is_deleted=True)
    # a result that is withdrawn for good a day before the end, and stands in tables that have grown since it came
    age = (pd.Timestamp(world.end) - pd.to_datetime(results["auction_date"])).dt.days
    last = age[age >= 15].nsmallest(1)
    withdrawn = results.loc[last.index].assign(_later_days=last - 1.0, _is_deleted=True)
    return pd.concat(
        [announcement, revised(results, rng, 0.002, 0.0, "allocation_pctage"), vanished, withdrawn], ignore_index=True
    )


@makes("fiscaldata", "upcoming_auctions")
def _upcoming_auctions(world: World, rng: np.random.Generator) -> pd.DataFrame:
    frame = world.results
    names = {"bill": "Bill", "nominal": "Note", "frn": "FRN Note", "tips": "TIPS Note"}
    parts = []
    for ahead in (7, 14):  # each Thursday shows the auctions of the two weeks after it
        held = frame["auction_date"].to_numpy().astype("datetime64[D]")
        snapshot = held - (held - np.datetime64("2020-01-02")).astype(int) % 7 - (ahead - 7)
        snapshot = np.where(snapshot == held, snapshot - 7, snapshot)
        announced = frame["announced"].to_numpy().astype("datetime64[D]") <= snapshot
        part = pd.DataFrame(
            {
                "record_date": snapshot, "cusip": np.where(announced, frame["cusip"], None),
                "issue_date": frame["issue_date"], "security_type": frame["kind"].map(names),
                "security_term": frame["tenor"].str.removeprefix("FRN ").str.removeprefix("TIPS "),
                "reopening": frame["reopening"].astype(bool), "announcemt_date": frame["announced"],
                "auction_date": frame["auction_date"], "offering_usd": np.where(announced, frame["offering"], np.nan),
            }
        )  # fmt: skip
        parts.append(part[(snapshot >= world.start) & (snapshot <= world.end)])
    return pd.concat(parts).drop_duplicates(["record_date", "cusip", "issue_date"])


@makes("fiscaldata", "operating_cash_balance")
def _operating_cash_balance(world: World, rng: np.random.Generator) -> pd.DataFrame:
    days = world.workdays
    close = np.round(world.treasury_account(days) * 1e3)
    opening = np.concatenate([close[:1], close[:-1]])
    moved = np.round(25_000 * world.size(days) * (1 + rng.random(len(days))))
    same = {"record_date": days, "table_nbr": "I", "table_nm": "Operating Cash Balance", "sub_table_name": None}
    old, middle, new = days < np.datetime64("2021-10-01"), None, days >= np.datetime64("2022-04-18")
    middle = ~old & ~new
    balance = {"close_today_usd_mn": close, "open_today_usd_mn": opening}
    parts = [
        pd.DataFrame({**same, **balance, "account_type": "Federal Reserve Account", "src_line_nbr": 1})[old],
        pd.DataFrame({**same, **balance, "account_type": "Treasury General Account (TGA)", "src_line_nbr": 1})[middle],
    ]
    for line, (name, amount) in enumerate(
        {
            "Treasury General Account (TGA) Opening Balance": opening,
            "Total TGA Deposits (Table II)": moved + (close - opening).clip(0),
            "Total TGA Withdrawals (Table II) (-)": moved + (opening - close).clip(0),
            "Treasury General Account (TGA) Closing Balance": close,
        }.items(),
        start=1,
    ):
        parts.append(
            pd.DataFrame({**same, "open_today_usd_mn": amount, "account_type": name, "src_line_nbr": line})[new]
        )
    return pd.concat(parts, ignore_index=True)


@makes("fiscaldata", "debt_to_penny")
def _debt_to_penny(world: World, rng: np.random.Generator) -> pd.DataFrame:
    days = world.workdays
    public = np.round(world.on(world.outstanding, days) + 0.6e12, 2)
    inside = np.round(7.3e12 * world.size(days), 2)
    return pd.DataFrame(
        {
            "record_date": days, "debt_held_public_usd": public, "intragov_hold_usd": inside,
            "tot_pub_debt_out_usd": public + inside,
        }
    )  # fmt: skip


@makes("fiscaldata", "public_debt_transactions")
def _public_debt_transactions(world: World, rng: np.random.Generator) -> pd.DataFrame:
    frame, days = world.auctions, world.workdays
    kinds = {
        "bill": "Bills",
        "nominal": "Notes",
        "frn": "Floating Rate Notes",
        "tips": "Inflation-Protected Securities",
    }
    parts, line = [], 0
    sold = ((frame["offering"] + frame["addon"]) / 1e6).to_numpy()
    for direction, column in (("Issues", "issue_date"), ("Redemptions", "maturity_date")):
        at = np.searchsorted(days, frame[column].to_numpy().astype("datetime64[D]"))
        for kind, name in kinds.items():
            mine = (frame["kind"] == kind).to_numpy() & (at < len(days))
            mine &= frame[column].to_numpy().astype("datetime64[D]") >= world.start
            line += 1
            today = np.bincount(at[mine], sold[mine], minlength=len(days)).astype(float)
            month = pd.Series(today).groupby(days.astype("datetime64[M]").astype(int)).cumsum()
            year = pd.Series(today).groupby((days.astype("datetime64[M]").astype(int) + 3) // 12).cumsum()
            parts.append(
                pd.DataFrame(
                    {
                        "record_date": days, "transaction_type": direction, "security_market": "Marketable",
                        "security_type": name, "security_type_desc": "Regular Series" if kind == "bill" else None,
                        "today_usd_mn": today, "month_to_date_usd_mn": month.to_numpy(),
                        "fiscal_year_to_date_usd_mn": year.to_numpy(), "table_nbr": "III-A",
                        "table_nm": "Public Debt Transactions", "src_line_nbr": line,
                    }
                )
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def outstanding_lines(world: World) -> pd.DataFrame:
    """Return one row per month's end and issue that has not matured."""
    frame = world.results
    ends = month_ends(world.start, world.end)
    issue = frame["issue_date"].to_numpy().astype("datetime64[D]")
    opens = np.searchsorted(ends, issue)
    closes = np.searchsorted(ends, frame["maturity_date"].to_numpy().astype("datetime64[D]"))
    count = (closes - opens).clip(0)
    row = np.repeat(np.arange(len(frame)), count)
    month = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + opens[row]
    lines = frame.iloc[row][["cusip", "kind", "issue_date", "maturity_date", "int_rate", "yield", "left"]]
    lines = lines.reset_index(drop=True)
    lines["record_date"] = ends[month]
    lines["issued"] = ((frame["offering"] + frame["addon"]) / 1e6).to_numpy()[row]
    return lines.sort_values(["record_date", "kind", "cusip", "issue_date"], ignore_index=True)


@makes("fiscaldata", "mspd_marketable")
def _mspd_marketable(world: World, rng: np.random.Generator) -> pd.DataFrame:
    lines = outstanding_lines(world)
    bond = (lines["kind"] == "nominal") & (lines["left"] > 10.5)
    lines["security_class1_desc"] = lines["kind"].map(
        {"bill": "Bills Maturity Value", "nominal": "Notes", "frn": "Floating Rate Notes",
         "tips": "Inflation-Protected Securities"}
    ).mask(bond, "Bonds")  # fmt: skip
    security = lines.groupby(["record_date", "cusip"])
    age = (lines["record_date"] - lines["issue_date"]).dt.days / 365.25
    accretion = (lines["issued"] * 0.025 * age).where(lines["kind"] == "tips", 0.0)
    lines["accretion"] = accretion
    first = security.cumcount() == 0
    lines["outstanding_usd_mn"] = (security["issued"].transform("sum") + security["accretion"].transform("sum")).where(
        first
    )
    lines["inflation_adj_usd_mn"] = security["accretion"].transform("sum").where(first & (lines["kind"] == "tips"))
    lines["interest_rate_pct"] = lines["int_rate"].where(lines["kind"] != "frn", 0.15)
    lines["yield_pct"] = lines["yield"].where(lines["kind"] != "bill")
    details = lines.rename(columns={"cusip": "security_class2_desc", "issued": "issued_usd_mn"})
    sums = (
        details.groupby(["record_date", "security_class1_desc"])["outstanding_usd_mn"].sum().reset_index()
        .assign(security_class2_desc=lambda f: "Total Unmatured " + f["security_class1_desc"])
    )  # fmt: skip
    total = details.groupby("record_date")["outstanding_usd_mn"].sum().reset_index()
    total = total.assign(security_class1_desc="Total Marketable", security_class2_desc="_")
    frame = pd.concat([details, sums, total], ignore_index=True).sort_values("record_date", kind="stable")
    frame["src_line_nbr"] = frame.groupby("record_date").cumcount() + 1
    return frame.assign(security_type_desc="Marketable").drop(
        columns=["kind", "int_rate", "yield", "left", "accretion"]
    )


@makes("fiscaldata", "mspd_summary")
def _mspd_summary(world: World, rng: np.random.Generator) -> pd.DataFrame:
    lines = outstanding_lines(world)
    bond = (lines["kind"] == "nominal") & (lines["left"] > 10.5)
    names = {"bill": "Bills", "nominal": "Notes", "frn": "Floating Rate Notes",
             "tips": "Treasury Inflation-Protected Securities"}  # fmt: skip
    lines["security_class_desc"] = lines["kind"].map(names).mask(bond, "Bonds")
    frame = lines.groupby(["record_date", "security_class_desc"])["issued"].sum().rename("total_usd_mn").reset_index()
    total = frame.groupby("record_date")["total_usd_mn"].sum().reset_index()
    inside = 7.3e6 * world.size(total["record_date"].to_numpy().astype("datetime64[D]"))
    frame = pd.concat(
        [
            frame.assign(security_type_desc="Marketable", src_line_nbr=1),
            total.assign(security_type_desc="Total Marketable", security_class_desc="_", src_line_nbr=6),
            total.assign(
                security_type_desc="Nonmarketable", security_class_desc="Government Account Series",
                total_usd_mn=inside, src_line_nbr=7,
            ),
        ],
        ignore_index=True,
    )  # fmt: skip
    inside_share = np.where(frame["security_type_desc"] == "Nonmarketable", 0.99, 0.001)
    frame["intragov_hold_usd_mn"] = frame["total_usd_mn"] * inside_share
    return frame.assign(debt_held_public_usd_mn=frame["total_usd_mn"] - frame["intragov_hold_usd_mn"])


@makes("fiscaldata", "buybacks")
def _buybacks(world: World, rng: np.random.Generator) -> pd.DataFrame:
    days = business(world.wednesdays + 1)
    days = days[days <= world.end]
    buckets = ["1Mo to 2Y", "2Y to 3Y", "5Y to 7Y", "10Y to 20Y", "20Y to 30Y"]
    most = np.round(4e9 * world.size(days) / 1e8 + 1) * 1e8
    offered = np.round(most * (1.5 + 2 * rng.random(len(days))) / 1e6) * 1e6
    announced = pd.DataFrame(
        {
            "operation_date": days, "operation_start_time_est": "01:40 PM", "operation_close_time_est": "02:00 PM",
            "settlement_date": np.busday_offset(days, 1, holidays=HOLIDAYS), "operation_type": "Liquidity Support",
            "security_type": "Nominal Coupons", "maturity_bucket": names_of(np.arange(len(days)) % 5, buckets),
            "max_par_redeemed_usd": most, "par_per_offer_usd": 1e6, "max_offers_count": 9, "issues_eligible_count": 30,
        }
    )  # fmt: skip
    results = announced.assign(
        total_par_offered_usd=offered, total_par_accepted_usd=np.minimum(most, offered), issues_accepted_count=12
    )
    return pd.concat([announced, results], ignore_index=True)


@makes("treasury", "par_yields")
def _par_yields(world: World, rng: np.random.Generator) -> pd.DataFrame:
    columns = {f"yield_{name}_pct": world.on(values, world.workdays) for name, values in world.curve.items()}
    return pd.DataFrame({"quote_date": world.workdays, **columns})


@makes("treasury", "real_yields")
def _real_yields(world: World, rng: np.random.Generator) -> pd.DataFrame:
    columns = {f"real_yield_{name}_pct": world.on(values, world.workdays) for name, values in world.real_curve.items()}
    return pd.DataFrame({"quote_date": world.workdays, **columns})


# ----------------------------------------------------------------------------------------------------- companies


def quarters_of(world: World, company: Company) -> pd.DataFrame:
    """Return a company's quarters: flows, balances and when they were filed. Cash flows add up to the change of cash."""
    rng = world.draws(f"company {company.cik}")
    ends = month_ends(world.start - 800, world.end)
    months = ends.astype("datetime64[M]").astype(int) % 12 + 1
    ends = ends[(months - company.year_ends_in) % 3 == 0]
    count = len(ends)
    quarter = ((ends.astype("datetime64[M]").astype(int) % 12 + 1 - company.year_ends_in) // 3 - 1) % 4 + 1
    grown = company.ocf_usd_mn * np.exp(0.15 * ((ends - world.end).astype(int) / 365.25).clip(-12))
    grown *= np.exp(0.03 * ((ends - world.end).astype(int) / 365.25 + 12).clip(None, 0))

    def near(level: np.ndarray, spread: float) -> np.ndarray:
        return np.round(level * np.exp(spread * rng.standard_normal(count)))

    rising = np.interp(np.arange(count), [0, max(count - 12, 1), count], [0, 0.4, 1])
    share = company.capex_share[0] + (company.capex_share[1] - company.capex_share[0]) * rising
    flows = {"ocf": near(grown, 0.08), "capex": near(grown * share, 0.06)}
    for name, part, spread in (
        ("finlease", 0.02, 0.1), ("buybacks", 0.2, 0.15), ("dividends", 0.08, 0.01), ("withheld", 0.03, 0.1),
        ("stock_in", 0.01, 0.2), ("proceeds", 0.01, 0.3), ("acquisitions", 0.03, 0.4), ("other", 0.01, 0.3),
        ("debt_out", 0.05, 0.2), ("sold", 0.4, 0.2), ("matured", 0.3, 0.2),
    ):  # fmt: skip
        flows[name] = near(part * grown, spread)
    used = flows["capex"] + flows["buybacks"] + flows["dividends"] + flows["acquisitions"]
    flows["debt_in"] = np.round((used - flows["ocf"]).clip(0) + 0.05 * grown)
    cash = near(0.8 * grown, 0.05)
    change = np.diff(cash, prepend=cash[0])
    inflow = flows["ocf"] + flows["debt_in"] + flows["stock_in"] + flows["proceeds"] + flows["sold"] + flows["matured"]
    outflow = used + flows["debt_out"] + flows["finlease"] + flows["withheld"] + flows["other"]
    flows["bought"] = inflow - outflow - change
    short = flows["bought"].clip(None, 0)  # a quarter that would buy less than nothing sells more
    flows["bought"] -= short
    flows["sold"] -= short
    securities = (3 * grown[0] + np.cumsum(flows["bought"] - flows["sold"] - flows["matured"])).clip(0.2 * grown)
    late = np.where(quarter == 4, 40 + rng.integers(0, 15, count), 24 + rng.integers(0, 12, count))
    frame = pd.DataFrame({f"flow_{name}": values for name, values in flows.items()})
    frame["flow_revenue"], frame["flow_cash_change"] = near(grown * 2.4, 0.03), change
    frame["flow_lease_assets"], frame["flow_exchange"] = near(0.03 * grown, 0.2), 0.0
    paid = ("debt_out", "finlease", "buybacks", "dividends", "withheld")
    frame["flow_financing"] = flows["debt_in"] + flows["stock_in"] - np.sum([flows[name] for name in paid], axis=0)
    frame["flow_investing"] = change - flows["ocf"] - frame["flow_financing"]
    frame["cash"], frame["securities"] = cash, np.round(securities)
    frame["debt"] = np.round(2 * grown + np.cumsum(flows["debt_in"] - flows["debt_out"])).clip(0)
    frame["period_end"], frame["quarter"] = ends, quarter
    frame["filed_date"] = business(ends + late)
    frame["fiscal_year"] = ends.astype("datetime64[Y]").astype(int) + 1970
    of_year = ends.astype("datetime64[M]").astype(int) % 12 + 1
    frame["fiscal_year"] += of_year > company.year_ends_in
    frame["year_start"] = add_months(ends, -3 * quarter) + 1
    number = np.arange(count) + 1
    years = frame["filed_date"].dt.year % 100
    frame["accession_number"] = [f"{company.cik:010d}-{y:02d}-{n:06d}" for y, n in zip(years, number, strict=True)]
    frame["form"] = np.where(quarter == 4, "10-K", "10-Q")
    # one year in eight is recast, as the next filings' comparatives show
    frame["recast"] = np.where(frame["fiscal_year"] % 8 == company.cik % 8, 1.01, 1.0)
    return frame.assign(entity_name=company.name, cik=company.cik)


def tags_of(company: Company) -> dict[str, str]:
    sold = {"sold": company.sold_tag}
    if company.splits_sales:
        sold = {
            "sold": "ProceedsFromSaleOfAvailableForSaleSecuritiesDebt",
            "matured": "ProceedsFromMaturitiesPrepaymentsAndCallsOfAvailableForSaleSecurities",
        }
    return {
        "ocf": "NetCashProvidedByUsedInOperatingActivities", "capex": company.capex_tag,
        "finlease": "FinanceLeasePrincipalPayments", "buybacks": "PaymentsForRepurchaseOfCommonStock",
        "dividends": "PaymentsOfDividends", "withheld": "PaymentsRelatedToTaxWithholdingForShareBasedCompensation",
        "stock_in": "ProceedsFromIssuanceOfCommonStock", "proceeds": "ProceedsFromSaleOfPropertyPlantAndEquipment",
        "acquisitions": "PaymentsToAcquireBusinessesNetOfCashAcquired",
        "other": "PaymentsForProceedsFromOtherInvestingActivities", "debt_in": company.debt_in_tag,
        "debt_out": company.debt_out_tag, "bought": company.bought_tag, **sold, "revenue": company.revenue_tag,
        "lease_assets": "RightOfUseAssetObtainedInExchangeForFinanceLeaseLiability",
        "investing": "NetCashProvidedByUsedInInvestingActivities",
        "financing": "NetCashProvidedByUsedInFinancingActivities",
        "exchange": "EffectOfExchangeRateOnCashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents",
        "cash_change": "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalentsPeriodIncreaseDecrease"
        "IncludingExchangeRateEffect",
    }  # fmt: skip


@makes("sec", "company_facts")
def _company_facts(world: World, rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for company in COMPANIES:
        quarters = quarters_of(world, company)
        filed = quarters["filed_date"].to_numpy().astype("datetime64[D]")
        filing = ["cik", "entity_name", "accession_number", "form", "filed_date"]
        base = quarters[[*filing, "fiscal_year"]].assign(
            fiscal_period=np.where(quarters["quarter"] == 4, "FY", "Q" + quarters["quarter"].astype(str))
        )
        in_history = filed >= world.start
        place = pd.Series(np.arange(len(quarters)))
        ocf_to_date = quarters.groupby("fiscal_year")["flow_ocf"].cumsum().to_numpy()
        for name, tag in tags_of(company).items():
            flow = quarters[f"flow_{name}"]
            if name == "sold" and not company.splits_sales:
                flow = flow + quarters["flow_matured"]
            to_date = flow.groupby(quarters["fiscal_year"]).cumsum().to_numpy()
            for back in (0, 1, 2):
                at = place.to_numpy() - 4 * back
                keep = in_history & (at >= 0) & ((back < 2) | (quarters["quarter"] == 4).to_numpy())
                keep &= quarters["quarter"].to_numpy()[at.clip(0)] == quarters["quarter"].to_numpy()
                keep &= quarters["year_start"].to_numpy()[at.clip(0)] >= quarters["year_start"].to_numpy()[3]
                old = at[keep]
                moved = 0.0  # from investing to operating cash flow, the sum of sections being what it was
                if back and name in {"ocf", "capex", "investing"}:
                    moved = (quarters["recast"].to_numpy() - 1)[old] * ocf_to_date[old]
                    moved = np.round(-moved if name == "investing" else moved)
                fact = base[keep].assign(
                    tag=tag, period_start=quarters["year_start"].to_numpy()[old],
                    period_end=quarters["period_end"].to_numpy()[old],
                    value=(np.round(to_date[old]) + moved) * 1e6,
                )  # fmt: skip
                parts.append(fact)
        for tag, column in {
            "CashAndCashEquivalentsAtCarryingValue": "cash", "LongTermDebt": "debt",
            "ShortTermInvestments" if company.splits_sales else "MarketableSecuritiesCurrent": "securities",
        }.items():  # fmt: skip
            parts.append(
                base[in_history].assign(
                    tag=tag, period_start=np.datetime64("NaT", "D"),
                    period_end=quarters["period_end"].to_numpy()[in_history],
                    value=quarters[column].to_numpy()[in_history] * 1e6,
                )
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True).assign(taxonomy="us-gaap", unit="USD")


def filings(world: World) -> pd.DataFrame:
    frame = pd.concat([quarters_of(world, company) for company in COMPANIES], ignore_index=True)
    return frame[frame["filed_date"].to_numpy().astype("datetime64[D]") >= world.start].reset_index(drop=True)


@makes("sec", "submissions")
def _submissions(world: World, rng: np.random.Generator) -> pd.DataFrame:
    frame = filings(world)
    accepted = at_minutes(frame["filed_date"].to_numpy().astype("datetime64[D]"), 20 * 60 + 31)
    return frame[["cik", "accession_number", "entity_name", "form", "filed_date"]].assign(
        report_date=frame["period_end"], accepted_at_as_published=accepted, core_type=frame["form"], act="34",
        filer_category="Large accelerated filer", is_xbrl=True, is_inline_xbrl=True, size_bytes=9_000_000,
    )  # fmt: skip


@makes("sec", "financial_statements")
def _financial_statements(world: World, rng: np.random.Generator) -> pd.DataFrame:
    frame = filings(world)
    parts = []
    for member, share in (("Cloud", 0.6), ("Devices", 0.3), (None, 1.0)):
        parts.append(
            frame[["accession_number", "period_end", "cik", "entity_name", "form", "filed_date", "fiscal_year"]].assign(
                tag="PaymentsToAcquirePropertyPlantAndEquipment", taxonomy_version="us-gaap/2025", quarter_count=1,
                unit="USD", segments=f"BusinessSegments={member};" if member else None,
                report_period_end=frame["period_end"], value=np.round(frame["flow_capex"] * share) * 1e6,
                fiscal_period=np.where(frame["quarter"] == 4, "FY", "Q" + frame["quarter"].astype(str)),
                accepted_at=at_minutes(frame["filed_date"].to_numpy().astype("datetime64[D]"), 20 * 60 + 31),
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@makes("sec", "thirteenf_holdings")
def _thirteenf_holdings(world: World, rng: np.random.Generator) -> pd.DataFrame:
    ends = month_ends(world.start - 40, world.end, 3)
    count, parts = 24, []
    issuers = [f"ISSUER {n:02d} INC" for n in range(count)]
    cusips = [f"{37_000_000 + 1_237 * n:08d}1" for n in range(count)]
    price = np.exp(np.cumsum(0.02 + 0.08 * rng.standard_normal((len(ends), count)), axis=0)) * 60
    for filer, cik in FILERS:
        shares = np.round(1e6 * np.exp(rng.normal(1, 1, count)) * np.exp(
            np.cumsum(0.15 * rng.standard_normal((len(ends), count)), axis=0)
        ))  # fmt: skip
        shares[rng.random(shares.shape) < 0.1] = 0  # neither bought yet nor kept for ever
        filed = business(ends + 43)
        quarter, entry = np.nonzero(shares)
        value = np.round(shares * price)[quarter, entry]
        accession = np.array([f"{cik:010d}-{day.astype(object):%y}-{n + 1:06d}" for n, day in enumerate(filed)])
        frame = pd.DataFrame(
            {
                "accession_number": accession[quarter], "cik": cik, "filer_name": filer,
                "period_of_report": ends[quarter], "filed_date": filed[quarter],
                "accepted_at": at_minutes(filed[quarter], 20 * 60), "form": "13F-HR",
                "is_confidential_omitted": False, "issuer_name": names_of(entry, issuers), "class_title": "COM",
                "cusip": names_of(entry, cusips), "value_reported": value, "value_unit_usd": 1,
                "value_unit_basis": "date", "value_usd": value, "quantity": shares[quarter, entry],
                "quantity_type": "SH", "investment_discretion": "SOLE",
                "voting_sole_quantity": shares[quarter, entry], "matches_totals": True,
            }
        )  # fmt: skip
        frame["entry_number"] = frame.groupby("accession_number").cumcount() + 1
        frame["table_entry_total"] = frame.groupby("accession_number")["cusip"].transform("size")
        frame["table_value_total_reported"] = frame.groupby("accession_number")["value_usd"].transform("sum")
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


# ------------------------------------------------------------------------------------------------- the world outside


def foreign_holdings(world: World) -> tuple[np.ndarray, dict[str, dict[str, np.ndarray]]]:
    """Return months' ends and, by holder, bonds and bills held, bought, and revalued: USD million, whole."""
    rng = world.draws("foreign holdings")
    ends = month_ends(world.start, world.end)
    total = 9.2e6 * world.size(ends)
    long = world.on(world.curve["10yr"], ends)
    price_move = -6 * np.diff(long, prepend=long[0]) / 100
    holders = {}
    for name, (_, share) in HOLDERS.items():
        aim = share * total * np.exp(world.wandering(rng, len(ends), 0.97, 0.02))
        bonds = np.round(0.85 * aim * (1 + 0.5 * price_move))
        bills = np.round(0.15 * aim)
        revalued = np.round(np.concatenate([[0], bonds[:-1]]) * price_move)
        other = np.round(0.0005 * aim * rng.standard_normal(len(ends)))
        holders[name] = {
            "bonds": bonds, "bills": bills, "revalued": revalued,
            "bonds_bought": np.diff(bonds, prepend=bonds[0]) - revalued - other,
            "bills_bought": np.diff(bills, prepend=bills[0]),
        }  # fmt: skip
    everyone = {key: np.sum([held[key] for held in holders.values()], axis=0) for key in holders["Japan"]}
    official = {key: np.round(0.42 * values) for key, values in everyone.items()}
    holders["Of Which: Foreign Official"] = official
    holders["Grand Total"] = everyone
    return ends, holders


@makes("tic", "foreign_holdings")
def _foreign_holdings(world: World, rng: np.random.Generator) -> pd.DataFrame:
    ends, holders = foreign_holdings(world)
    codes = {name: str(code) for name, (code, _) in HOLDERS.items()}
    codes |= {"Of Which: Foreign Official": "99990", "Grand Total": "99996"}
    published = ends >= np.datetime64("2023-02-01")
    parts = []
    for name, held in holders.items():
        bought = np.where(published, held["bonds_bought"], np.nan)
        bills_bought = np.where(published, held["bills_bought"], np.nan)
        parts.append(
            pd.DataFrame(
                {
                    "country_code": codes[name], "month_end": ends, "holder_name": name,
                    "holdings_usd_mn": held["bonds"] + held["bills"], "net_purchases_usd_mn": bought + bills_bought,
                    "long_term_holdings_usd_mn": held["bonds"], "long_term_net_purchases_usd_mn": bought,
                    "long_term_valuation_change_usd_mn": np.where(published, held["revalued"], np.nan),
                    "short_term_holdings_usd_mn": held["bills"], "short_term_net_purchases_usd_mn": bills_bought,
                }
            )
        )  # fmt: skip
    return revised(pd.concat(parts, ignore_index=True), rng, 0.02, 0.05, "long_term_net_purchases_usd_mn")


def holders_in_billions(world: World, months: int | None) -> pd.DataFrame:
    ends, holders = foreign_holdings(world)
    chosen = slice(-months if months else None, None)
    listed = [name for name, (_, share) in HOLDERS.items() if share >= 0.012 and " Organizations" not in name]
    series = {name: np.round((holders[name]["bonds"] + holders[name]["bills"]) / 1e3, 1) for name in listed}
    total = np.round((holders["Grand Total"]["bonds"] + holders["Grand Total"]["bills"]) / 1e3, 1)
    series |= {"All Other": np.round(total - np.sum(list(series.values()), axis=0), 1), "Grand Total": total}
    official = holders["Of Which: Foreign Official"]
    series["For. Official"] = np.round((official["bonds"] + official["bills"]) / 1e3, 1)
    frame = panel(
        ends[chosen],
        {k: v[chosen] for k, v in series.items()},
        key="holder_name",
        day="month_end",
        value="holdings_usd_bn",
    )
    return frame.assign(is_memo=frame["holder_name"] == "For. Official")


@makes("tic", "major_foreign_holders")
def _major_foreign_holders(world: World, rng: np.random.Generator) -> pd.DataFrame:
    return revised(holders_in_billions(world, None).assign(survey_basis="current"), rng, 0.02, 0.01, "holdings_usd_bn")


@makes("tic", "recent_foreign_holders")
def _recent_foreign_holders(world: World, rng: np.random.Generator) -> pd.DataFrame:
    return holders_in_billions(world, 13)


def quarter_names(ends: np.ndarray) -> list[str]:
    return [f"{day.year}-Q{(day.month + 2) // 3}" for day in ends.astype(object)]


@makes("bis", "global_liquidity")
def _global_liquidity(world: World, rng: np.random.Generator) -> pd.DataFrame:
    ends = month_ends(world.start - 400, world.end, 3)
    parts = []
    for key in BIS_KEYS:
        frequency, currency, area, sector, lender, position, instrument, measure = key.split(".")
        level = {"B": 14e6, "G": 6e6, "D": 8e6}[instrument] * world.size(ends)
        level *= np.exp(world.wandering(world.draws(f"bis {instrument}"), len(ends), 0.95, 0.01))
        growth = 100 * (level[4:] / level[:-4] - 1)
        parts.append(
            pd.DataFrame(
                {
                    "frequency_code": frequency, "currency_code": currency, "borrower_area_code": area,
                    "borrower_sector_code": sector, "lender_sector_code": lender, "position_code": position,
                    "instrument_code": instrument, "measure_code": measure, "time_period": quarter_names(ends)[4:],
                    "obs_value": np.round(level[4:], 3) if measure == "USD" else np.round(growth, 4),
                    "unit_exponent": 6 if measure == "USD" else 0, "obs_status_code": "A", "confidentiality_code": "F",
                }
            )
        )  # fmt: skip
    return revised(pd.concat(parts, ignore_index=True), rng, 0.05, 0.005, "obs_value")


@makes("imf", "cofer")
def _cofer(world: World, rng: np.random.Generator) -> pd.DataFrame:
    ends = month_ends(world.start, world.end, 3)
    shares = {"USD": 58, "EUR": 20, "JPY": 5.5, "GBP": 4.8, "CNY": 2.2, "CAD": 2.7, "AUD": 2.1, "CHF": 0.2, "OTHC": 4.5}
    parts = []
    for key in COFER_KEYS:
        area, indicator, currency, transformation, frequency = key.split(".")
        level = shares.get(currency.removeprefix("CI_"))
        values = 12.5e12 * world.size(ends) if level is None else np.full(len(ends), level)
        parts.append(
            pd.DataFrame(
                {
                    "area_code": area, "indicator_code": indicator, "currency_code": currency,
                    "transformation_code": transformation, "frequency_code": frequency,
                    "time_period": quarter_names(ends), "structure_id": "IMF.STA:COFER(7.0.1)",
                    "obs_value": np.round(values * np.exp(0.005 * rng.standard_normal(len(ends))), 4),
                    "published_at": at_minutes(ends + 91, 13 * 60), "updated_at": at_minutes(ends + 89, 13 * 60),
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@makes("worldbank", "commodity_prices")
def _commodity_prices(world: World, rng: np.random.Generator) -> pd.DataFrame:
    ends = month_ends(world.start, world.end)
    goods = {
        "Gold": ("$/troy oz", 3_300.0), "Silver": ("$/troy oz", 38.0), "Copper": ("$/mt", 9_800.0),
        "Crude oil, average": ("$/bbl", 68.0), "Platinum": ("$/troy oz", 1_350.0),
    }  # fmt: skip
    parts = []
    for name, (unit, level) in goods.items():
        price = level * world.size(ends) * np.exp(world.wandering(rng, len(ends), 0.97, 0.04))
        parts.append(
            pd.DataFrame({"commodity_name": name, "month_end": ends, "unit_name": unit, "price": np.round(price, 2)})
        )
    return revised(pd.concat(parts, ignore_index=True), rng, 0.01, 0.005, "price")


@makes("kenfrench", "factors")
def _factors(world: World, rng: np.random.Generator) -> pd.DataFrame:
    days = world.workdays
    names = ("mkt_rf_pct", "smb_pct", "hml_pct", "rmw_pct", "cma_pct")
    stress = np.diff(world.daily(world.credit, days, "credit", 0.02), prepend=0)
    draws = rng.standard_normal((5, len(days))) * np.array([[0.9], [0.5], [0.6], [0.4], [0.3]])
    draws[0] += 0.03 - 2 * (stress - stress.mean())
    columns = {name: np.round(draws[n], 2).clip(-20, 20) for n, name in enumerate(names)}
    return pd.DataFrame({"trading_date": days, **columns, "rf_pct": np.round(world.target(days) / 252, 3)})


@makes("kenfrench", "momentum")
def _momentum(world: World, rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {"trading_date": world.workdays, "momentum_pct": np.round(0.9 * rng.standard_normal(len(world.workdays)), 2)}
    )


# -------------------------------------------------------------------------------------------------------- crypto


def coin(world: World, name: str) -> np.ndarray:
    """Return a coin's close of each day of the history and of the day before it, US dollars."""
    days = np.arange(world.start - 1, world.end + 1)
    close = world.on(world.bitcoin_daily, days)
    if name == "ETH":
        close = 3_200 * (close / 90_000) ** 1.1 * np.exp(world.wandering(world.draws("ether"), len(days), 0.99, 0.01))
    return np.round(close, 2)


def bars(world: World, venue: str, symbol: str, asset: str) -> pd.DataFrame:
    rng = world.draws(f"bars {venue} {symbol}")
    closes = coin(world, asset)
    basis = 1 + 0.0002 * rng.standard_normal(len(closes))
    closes = np.round(closes * basis, 2)
    opened, closed = closes[:-1], closes[1:]
    reach = 0.01 + 0.02 * rng.random((2, len(opened)))
    high = np.round(np.maximum(opened, closed) * (1 + reach[0]), 2)
    low = np.round(np.minimum(opened, closed) * (1 - reach[1]), 2)
    volume = (30_000 if asset == "BTC" else 400_000) * np.exp(0.4 * rng.standard_normal(len(opened)))
    volume *= 1 + 20 * np.abs(np.log(closed / opened))
    days = world.days
    return pd.DataFrame(
        {
            "venue": venue, "symbol": symbol, "bar_interval": "1d", "opened_at": at_minutes(days, 0),
            "closed_at": at_minutes(days + 1, 0), "open_price": opened, "high_price": high, "low_price": low,
            "close_price": closed, "base_volume": np.round(volume, 5),
            "quote_volume": np.round(volume * (opened + closed) / 2, 2),
            "trade_count": np.round(volume * 40), "taker_buy_base_volume": np.round(volume * 0.49, 5),
            "taker_buy_quote_volume": np.round(volume * 0.49 * (opened + closed) / 2, 2),
        }
    )  # fmt: skip


@makes("binance", "spot_klines")
def _spot_klines(world: World, rng: np.random.Generator) -> pd.DataFrame:
    parts = [bars(world, "binance", f"{asset}USDT", asset) for asset in ("BTC", "ETH")]
    for asset in ("BTC", "ETH"):
        second = bars(world, "bitstamp", f"{asset}USD", asset)
        parts.append(second.drop(columns=[c for c in second if c.startswith(("quote", "trade", "taker"))]))
    return revised(pd.concat(parts, ignore_index=True), rng, 0.0003, 0.0, "base_volume")


@makes("binance", "spot_klines_1m")
def _spot_klines_1m(world: World, rng: np.random.Generator) -> pd.DataFrame:
    count = 2 * 1440  # the last two days; a year would be half a million rows
    start = at_minutes(world.end - 1, 0)
    minutes = start + np.arange(count).astype("timedelta64[m]")
    closes = np.round(coin(world, "BTC")[-3] * np.exp(np.cumsum(0.0005 * rng.standard_normal(count + 1))), 2)
    volume = np.round(20 * rng.random(count), 5)
    opened, closed = closes[:-1], closes[1:]
    return pd.DataFrame(
        {
            "venue": "binance", "symbol": "BTCUSDT", "bar_interval": "1m", "opened_at": minutes,
            "closed_at": minutes + np.timedelta64(60, "s"), "open_price": opened,
            "high_price": np.maximum(opened, closed), "low_price": np.minimum(opened, closed), "close_price": closed,
            "base_volume": volume, "quote_volume": volume * closed, "trade_count": 900,
            "taker_buy_base_volume": volume / 2, "taker_buy_quote_volume": volume / 2 * closed,
        }
    )  # fmt: skip


@makes("binance", "futures_metrics")
def _futures_metrics(world: World, rng: np.random.Generator) -> pd.DataFrame:
    # five of a day's 288 labels: what daily metrics read
    minutes, parts = np.array([0, 5, 480, 960, 1435]), []
    for asset, coins in (("BTC", 90_000), ("ETH", 1_800_000)):
        days = np.repeat(world.days, len(minutes))
        at = at_minutes(days, np.tile(minutes, len(world.days)))
        held = coins * np.exp(world.wandering(rng, len(days), 0.999, 0.01))
        price = np.repeat(coin(world, asset)[1:], len(minutes))
        ratios = np.exp(0.1 * rng.standard_normal((4, len(days))))
        parts.append(
            pd.DataFrame(
                {
                    "symbol": f"{asset}USDT", "file_date": days, "create_time": at, "open_interest": held,
                    "open_interest_value": held * price, "top_trader_account_ratio": 1.2 * ratios[0],
                    "top_trader_position_ratio": 1.1 * ratios[1], "account_ratio": 1.3 * ratios[2],
                    "taker_volume_ratio": ratios[3],
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@makes("binance", "funding_rates")
def _funding_rates(world: World, rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for asset in ("BTC", "ETH"):
        days = np.repeat(world.days, 3)
        at = at_minutes(days, np.tile([0, 480, 960], len(world.days)))
        rate = 0.0001 + world.wandering(rng, len(days), 0.97, 0.00004)
        parts.append(
            pd.DataFrame(
                {
                    "symbol": f"{asset}USDT", "settled_at": at,
                    "calculated_at": at.astype("datetime64[ms]") + np.timedelta64(4, "ms"),
                    "funding_rate": np.round(rate, 8), "funding_interval_hours": 8,
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@makes("coinbase", "candles")
def _candles(world: World, rng: np.random.Generator) -> pd.DataFrame:
    kept = ["venue", "symbol", "bar_interval", "opened_at", "closed_at", "low_price", "high_price", "open_price",
            "close_price", "base_volume"]  # fmt: skip
    return pd.concat([bars(world, "coinbase", f"{a}-USD", a)[kept] for a in ("BTC", "ETH")], ignore_index=True)


@makes("defillama", "coin_prices")
def _coin_prices(world: World, rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for name, asset in (("coingecko:bitcoin", "BTC"), ("coingecko:ethereum", "ETH")):
        days = world.days
        parts.append(
            pd.DataFrame(
                {
                    "coin_id": name, "symbol": asset, "close_date": days, "price_at": at_minutes(days + 1, 2),
                    "price_usd": coin(world, asset)[1:], "confidence": 0.99,
                }
            )
        )  # fmt: skip
    return revised(pd.concat(parts, ignore_index=True), rng, 0.0005, 0.001, "price_usd")


@makes("defillama", "stablecoins")
def _stablecoins(world: World, rng: np.random.Generator) -> pd.DataFrame:
    days, parts = world.days, []
    for peg, level in (("peggedUSD", 290e9), ("peggedEUR", 0.6e9)):
        years = ((days - world.end).astype(int) / 365.25).clip(-12)
        coins = level * np.exp(0.25 * years + world.wandering(rng, len(days), 0.999, 0.002))
        parts.append(
            pd.DataFrame(
                {
                    "observation_date": days, "peg_type": peg, "circulating": np.round(coins),
                    "circulating_usd": np.round(coins * (1 if peg == "peggedUSD" else 1.1)),
                    "minted_usd": np.round(coins * 1.02), "bridged_to_usd": np.round(coins * 0.05), "unreleased": 0.0,
                }
            )
        )  # fmt: skip
    return revised(pd.concat(parts, ignore_index=True), rng, 0.001, 0.001, "circulating_usd")


@makes("deribit", "liquidations")
def _deribit_liquidations(world: World, rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for asset in ("BTC", "ETH"):
        close = coin(world, asset)
        move = np.log(close[1:] / close[:-1])
        events = rng.poisson(1 + 120 * np.abs(move))
        day = np.repeat(np.arange(len(world.days)), events)
        count = len(day)
        sold = rng.random(count) < np.where(move[day] < 0, 0.9, 0.1)
        price = np.round(close[1:][day] * (1 + 0.01 * rng.standard_normal(count)), 2)
        parts.append(
            pd.DataFrame(
                {
                    "venue": "deribit", "currency": asset, "trade_id": [f"{asset}-{n}" for n in range(count)],
                    "instrument_name": f"{asset}-PERPETUAL",
                    "traded_at": at_minutes(world.days[day], rng.integers(0, 1440, count)), "liquidated_side": "T",
                    "taker_direction": np.where(sold, "sell", "buy"), "price": price, "index_price": price,
                    "mark_price": price, "amount_usd": np.round(np.exp(rng.normal(10, 1.5, count))) + 10,
                    "is_lower_bound": True,
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@makes("okx", "liquidations")
def _okx_liquidations(world: World, rng: np.random.Generator) -> pd.DataFrame:
    # the venue shows a day and no more, so there is only what we saw since we look: the last 90 days
    count = 90 * 20
    days = world.end - rng.integers(0, 90, count)
    at = np.sort(at_minutes(days, rng.integers(0, 1430, count)))
    sold = rng.random(count) < 0.55
    price = world.on(world.bitcoin_daily, at.astype("datetime64[D]"))
    return pd.DataFrame(
        {
            "venue": "okx", "instrument_family": "BTC-USDT", "instrument_name": "BTC-USDT-SWAP", "liquidated_at": at,
            "position_type": np.where(sold, "long", "short"), "order_side": np.where(sold, "sell", "buy"),
            "bankruptcy_price": np.round(price * (1 + 0.01 * rng.standard_normal(count)), 1),
            "size_contracts": np.round(np.exp(rng.normal(2, 1.5, count)), 2) + 0.1, "bankruptcy_loss": 0.0,
            "occurrence": 1, "is_lower_bound": True, "snapshot_at": at + np.timedelta64(600, "s"),
        }
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------- writing


def fill(
    settings: Settings,
    plan: Plan | None = None,
    *,
    world: World | None = None,
    after: datetime | None = None,
    known_to: datetime | None = None,
) -> World:
    """Write a generated history into the raw tables of a home's warehouse, made if there is none; return its world.

    Only rows that became known after `after` and by `known_to` are written, so that a history can be written in
    parts, as days bring it. Without them: all that became known by the end of the plan's last day.
    """
    world = world or World(plan or Plan())
    known_to = known_to or world.plan.known_to
    with stores.open_warehouse(settings) as connection:
        give_macros(connection)
        for source, table in stores.tables_of(internal=False):
            if make := MAKERS.get((source.code, table.name)):
                frame = make(world, world.draws(f"{source.code}.{table.name}"))
                _write(connection, source, table, frame, after, known_to)
    return world


def build(settings: Settings, now: datetime, *, anew: bool = False) -> tuple[Increment, list[NodeResult]]:
    """Run the models as `drypowder build` does; return what there was to do, and what became of each."""
    with stores.open_warehouse(settings) as connection:
        increment = increments.begin(connection, logic="generated", now=now, anew=anew)
    results = run_dbt(settings, "generated", "run", since=increment.since)
    with stores.open_warehouse(settings) as connection:
        increments.complete(connection, increment, logic="generated", now=now)
    return increment, results


def without_maker() -> list[str]:
    """Return the public tables that nothing fills."""
    return [f"{s.code}.{t.name}" for s, t in sources.tables() if not t.is_internal and (s.code, t.name) not in MAKERS]


def _write(connection, source, table, frame: pd.DataFrame, after: datetime | None, known_to: datetime) -> None:
    """Insert rows by the contract's rules, as `warehouse.versions` would have stamped them when they came.

    A first version is found ten minutes after it became known, a later one when `_later_days` says.
    """
    declared = [c.name for c in table.columns]
    unknown = set(frame.columns) - {*declared, "_later_days", "_is_deleted"}
    assert not unknown, f"{source.code}.{table.name} has no column {sorted(unknown)}"
    typed = ", ".join(
        f'cast("{c.name}" as {c.type}) as "{c.name}"' if c.name in frame else f'cast(null as {c.type}) as "{c.name}"'
        for c in table.columns
    )
    later = "cast(_later_days as double)" if "_later_days" in frame else "cast(null as double)"
    gone = "coalesce(cast(_is_deleted as boolean), false)" if "_is_deleted" in frame else "false"
    content = ", ".join(f'coalesce("{c.name}"::varchar, chr(0))' for c in table.columns if c.is_versioned)
    own = ", ".join(f'"{name}"' for name in declared)
    into = ", ".join(f'"{name}"' for name in [*declared, *(c.name for c in BOOKKEEPING)])
    connection.register("generated_rows", frame)
    connection.execute(
        f"""
        insert into raw."{stores.identifier(source, table)}" ({into})
        with arrived as (
            select {typed}, {later} as _later_days, {gone} as _is_deleted, timestamptz 'infinity' as fetched_at
            from generated_rows
        ),
        first_known as (select *, ({table.known_at.sql}) as first_known_at from arrived),
        fetched as (
            select * exclude (fetched_at),
                first_known_at + interval 10 minute
                    + to_seconds(coalesce(_later_days, 0) * 86400) as fetched_at
            from first_known
        ),
        ruled as (
            select *, ({table.known_at.sql}) as rule_known_at, ({table.known_at.pit_quality}) as rule_quality
            from fetched
        ),
        stamped as (
            select *,
                case when _later_days is null then rule_known_at else greatest(rule_known_at, fetched_at) end as known_at,
                case when _later_days is not null and (_is_deleted or rule_quality <> 'current_vintage')
                    then 'self_vintage' else rule_quality end as quality
            from ruled
        )
        select {own}, known_at, fetched_at, quality, _is_deleted, 'all', 'reconstructed', $url, repeat('0', 64),
            strftime(fetched_at, '%Y%m%dT%H%M%S') || '-generated', md5(concat_ws(chr(31), {content}))
        from stamped
        where known_at <= $known_to::timestamptz and ($after::timestamptz is null or known_at > $after::timestamptz)
        order by known_at
        """,
        {"url": source.homepage, "after": after, "known_to": known_to},
    )
    connection.unregister("generated_rows")
