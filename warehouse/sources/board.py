"""Federal Reserve Board: whole statistical releases of the Data Download Program, and the excess bond premium.

A release is one zip with one SDMX file: every series since its beginning, in the newest version only. One reader serves
all releases; what differs between them is the list of dimensions and when they come out.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import (
    Cadence,
    Column,
    Due,
    Estimate,
    KnownAt,
    Licence,
    Partition,
    RowRule,
    Source,
    Table,
    UnitCheck,
)
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Any

    from warehouse.contract import Get, Response, Row

URL = "https://www.federalreserve.gov/datadownload/Output.aspx"
EBP_URL = "https://www.federalreserve.gov/econres/notes/feds-notes/ebp_csv.csv"

NO_VALUE = frozenset({"ND", "NA", "NC"})
"""Statuses without a value: no data, not available, not calculable. The figure beside them is a filler, -9999."""
FILLERS = frozenset({"-999999"})
"""Figures that stand for nothing whatever the status says: no series of ours falls to minus a trillion dollars."""

MOODYS = frozenset({"RIMLPAAAR_N", "RIMLPBAAR_N"})
"""Series of H.15, ended in October 2016, that are Moody's and may not be stored: they are read past."""


# ------------------------------------------------------------------------------------------------------- releases


def extract(response: Response, *, without: frozenset[str] = frozenset()) -> Iterator[Row]:
    """Yield one row per series and observation, with the series' attributes on each; `without` names series to skip."""
    count = 0
    with wire.unzipped(response, "*_data.xml") as stream:
        for element in wire.elements(stream, response.url, "Series"):
            count += 1
            name = element.get("SERIES_NAME")
            if name and name.rpartition(".")[0] in without:
                continue
            series = {**element.attrib, "Short Description": _annotation(element, "Short Description")}
            for observation in element:
                if wire.local(observation.tag) == "Obs":
                    row = {**series, **observation.attrib}
                    if row.get("OBS_STATUS") in NO_VALUE or row.get("OBS_VALUE") in FILLERS:
                        row["OBS_VALUE"] = None
                    yield row
    if not count:
        raise ContractViolation(
            f"{response.url} holds no series", expected="elements 'Series' of the SDMX file", got="none"
        )


def _annotation(element: Any, kind: str) -> str | None:  # noqa: ANN401  (an XML element)
    """Return the text of a series' annotation of a type."""
    for annotation in element.iter():
        if wire.local(annotation.tag) == "Annotation":
            parts = {wire.local(part.tag): (part.text or "").strip() for part in annotation}
            if parts.get("AnnotationType") == kind:
                return parts.get("AnnotationText") or None
    return None


def _fetch(release: str, get: Get) -> Iterator[Response]:
    """Ask for a whole release."""
    yield get(URL, expect="zip", params={"rel": release, "filetype": "zip"})


def _partitions(release: str, _: datetime) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=partial(_fetch, release))]


def _dimension(name: str, field: str, description: str) -> Column:
    return Column(name=name, type="VARCHAR", field=field, absent="add", description=description)


def _columns(*dimensions: Column, value_type: str = "DOUBLE") -> tuple[Column, ...]:
    return (
        Column(
            name="series_name",
            type="VARCHAR",
            field="SERIES_NAME",
            required=True,
            description="The publisher's name of the series. Its ending is the frequency: '.WW' is as of Wednesday, "
            "'.B' business days, '.M' months.",
        ),
        Column(
            name="period_end",
            type="DATE",
            field="TIME_PERIOD",
            required=True,
            description="Day that the observation is of. For a week, month, quarter or year its last day.",
        ),
        Column(
            name="series_description",
            type="VARCHAR",
            field="Short Description",
            is_versioned=False,
            description="What the series is, in the publisher's words. Null where the file does not say.",
        ),
        Column(
            name="frequency_code",
            type="VARCHAR",
            field="FREQ",
            description="How often it is observed. 8 daily, 9 business days, 17 to 21 weekly on Monday to Friday, "
            "67 every other Wednesday, 129 monthly, 162 quarterly, 203 yearly.",
        ),
        *dimensions,
        Column(
            name="unit_name",
            type="VARCHAR",
            field="UNIT",
            required=True,
            description="Unit as published. Such as 'Currency', 'Percent:_Per_Year' or 'Currency:_Per_EUR'.",
        ),
        Column(
            name="unit_multiplier",
            type="DOUBLE",
            unit="factor",
            field="UNIT_MULT",
            required=True,
            description="Factor by which a value is multiplied to give the unit. 1000000 for millions.",
        ),
        Column(
            name="currency_code",
            type="VARCHAR",
            field="CURRENCY",
            absent="add",
            description="Currency of the unit. 'NA' where the unit is none.",
        ),
        Column(
            name="value",
            type=value_type,
            unit="unit_name, in multiples of unit_multiplier",
            field="OBS_VALUE",
            description="The observation as published. Null where the status says that there is none.",
        ),
        Column(
            name="obs_status",
            type="VARCHAR",
            field="OBS_STATUS",
            required=True,
            description="Status of the observation. 'A' is normal; 'ND' no data, 'NA' not available, 'NC' not "
            "calculable: the value is null then.",
        ),
    )


_GRAIN = ("series_name", "period_end")
_PERIOD_START = (
    "case when frequency_code = '129' then date_trunc('month', period_end)::date "
    "when frequency_code = '162' then date_trunc('quarter', period_end)::date "
    "when frequency_code = '203' then date_trunc('year', period_end)::date else period_end end"
)
_NO_FILLER = RowRule(
    name="no_filler_as_normal",
    holds="not (obs_status = 'A' and value = -9999)",
    because="The publisher writes -9999 where there is no value; a normal observation cannot be told from it.",
)
_RULES = (_NO_FILLER,)


def _known(rule: str) -> str:
    """Bound a rule by our own eyes: what was there when we fetched it was known by then."""
    return f"least({rule}, fetched_at)"


def _next_business_day(date_sql: str, time: str) -> str:
    return f"new_york(after_business_days({date_sql}, 1), time '{time}')"


def _licence(release: str, page: str) -> Licence:
    return Licence(
        name="Public domain; cite the Board",
        url=f"https://www.federalreserve.gov/{page}",
        redistribution="free",
        attribution=f"Source: Board of Governors of the Federal Reserve System (US), {release}.",
    )


H41 = Table(
    name="h41",
    description="H.4.1, Factors Affecting Reserve Balances: one figure of the Federal Reserve's balance sheet in one "
    "week. Total assets stand in RESPPMA_N.WW (consolidated; FRED's WALCL) and RESPPA_N.WW (the sum of the twelve "
    "Banks, larger by the eliminations until October 2012).",
    grain=_GRAIN,
    columns=_columns(
        _dimension("category", "CATEGORY", "Part of the release, as a code. Such as ASSET, LIABCAP or MEMO."),
        _dimension("subcategory", "SUBCATEGORY", "Part of the category, as the publisher's code."),
        _dimension("component", "COMPONENT", "What is counted, as the publisher's code."),
        _dimension("distribution", "DISTRIBUTION", "Whose figure it is. 'TOT' for the System, else a Bank or a term."),
        _dimension("series_type", "SERIESTYPE", "Kind of figure. 'L' is the level on Wednesday, 'A' the week's mean."),
        value_type="DECIMAL(18, 4)",
    ),
    cadence=Cadence(
        cron="45 16 * * 4,5",
        stale_after_days=10,
        due=Due(
            every="week",
            weekday=2,
            lag_business_days=1,
            at="16:30",
            not_due="A Wednesday is published on Thursday at 16:30, on Friday where Thursday is a federal holiday.",
        ),
    ),
    licence=_licence("H.4.1, Factors Affecting Reserve Balances", "releases/h41/"),
    known_at=KnownAt(
        sql=_known(_next_business_day("period_end", "16:30")),
        pit_quality="'dated'",
        description="Thursday after the Wednesday, Friday where Thursday is a federal holiday, 16:30 New York.",
    ),
    partitions=partial(_partitions, "H41"),
    extract=extract,
    about=("case when series_type = 'A' then period_end - 6 else period_end end", "period_end"),
    estimate=Estimate(requests=1, rows=1_500_000, megabytes=9),
    proven="documented",
    new_fields="add",
    rules=_RULES,
    units=(
        UnitCheck(
            column="value",
            holds="bool_and(unit_multiplier = 1000000 and currency_code = 'USD' and value between 1e6 and 2e7) filter "
            "(where series_name in ('RESPPMA_N.WW', 'RESPPA_N.WW') and period_end >= date '2009-01-01' "
            "and value is not null)",
            because="Total assets are USD million: between 1.8 and 9 trillion dollars since 2009.",
        ),
    ),
)

H15 = Table(
    name="h15",
    description="H.15, Selected Interest Rates: one rate of one day, week, month or year, such as the ten-year "
    "Treasury (RIFLGFCY10_N.B). Two series of Moody's, ended in 2016, are left out: their owner forbids to store them.",
    grain=_GRAIN,
    columns=_columns(
        _dimension("instrument", "INSTRUMENT", "What bears the rate, as the publisher's code."),
        _dimension("maturity", "MATURITY", "Maturity of the instrument, as the publisher's code. 'O' is overnight."),
    ),
    cadence=Cadence(
        cron="30 16 * * 1-5",
        stale_after_days=6,
        due=Due(
            every="business_day",
            lag_business_days=1,
            at="16:15",
            not_due="A business day is published on the next one at 16:15; weekends and federal holidays have no rate.",
        ),
    ),
    licence=_licence("H.15, Selected Interest Rates", "releases/h15/"),
    known_at=KnownAt(
        sql=_known(_next_business_day("period_end", "16:15")),
        pit_quality="'dated'",
        description="Business day after the day, or after the period's last day, 16:15 New York.",
    ),
    partitions=partial(_partitions, "H15"),
    extract=partial(extract, without=MOODYS),
    about=(
        _PERIOD_START.replace(
            "else period_end",
            "when frequency_code in ('17', '18', '19', '20', '21') then period_end - 6 else period_end",
        ),
        "period_end",
    ),
    estimate=Estimate(requests=1, rows=900_000, megabytes=6),
    proven="documented",
    new_fields="add",
    rules=_RULES,
)

_SUNDAY = "(date_trunc('week', period_end)::date + 6)"

H10 = Table(
    name="h10",
    description="H.10, Foreign Exchange Rates: one noon rate in New York or one dollar index, by day, month or year. "
    "The nominal broad dollar is JRXWTFB_N.B, January 2006 = 100; its weights, and so a little of its past, are "
    "revised once a year.",
    grain=_GRAIN,
    columns=_columns(
        _dimension("foreign_currency_code", "FX", "Currency that is quoted, or the group of an index, as a code."),
    ),
    cadence=Cadence(
        cron="30 16 * * 1,2",
        stale_after_days=12,
        due=Due(
            every="week",
            weekday=4,
            lag_business_days=1,
            at="16:15",
            not_due="The days of a week are published on the Monday after at 16:15, Tuesday where that is a holiday.",
        ),
    ),
    licence=_licence("H.10, Foreign Exchange Rates", "releases/h10/"),
    known_at=KnownAt(
        sql=_known(
            "case when frequency_code in ('129', '162', '203') "
            f"then {_next_business_day('period_end', '16:15')} "
            f"else {_next_business_day(_SUNDAY, '16:15')} end"
        ),
        pit_quality="'dated'",
        description="Monday after the day's week, Tuesday where that is a federal holiday, 16:15 New York; a month's "
        "or year's mean on the first business day after it, or when we saw it if that was earlier.",
    ),
    partitions=partial(_partitions, "H10"),
    extract=extract,
    about=(_PERIOD_START, "period_end"),
    estimate=Estimate(requests=1, rows=600_000, megabytes=3),
    proven="documented",
    new_fields="add",
    rules=_RULES,
)

# Thursday of the week after the first Wednesday on or after the period's end: the Friday is the business day after it.
_H8_THURSDAY = "(period_end + ((10 - isodow(period_end)) % 7)::integer + 8)"

H8 = Table(
    name="h8",
    description="H.8, Assets and Liabilities of Commercial Banks in the United States: one item of one group of banks, "
    "as of a Wednesday or as a monthly mean. Seasonally adjusted and not; the past is revised every week, and wholly "
    "with each benchmark.",
    grain=_GRAIN,
    columns=_columns(
        _dimension("bank_group_code", "BG", "Group of banks, as a code. 'CB' is all commercial banks."),
        _dimension("category", "CATEGORY", "Side of the balance sheet, as a code. 'A' for assets."),
        _dimension("item_code", "ITEM", "Line of the balance sheet, as the publisher's code."),
        _dimension("measure_code", "H8_UNITS", "Level or rate of change, as a code. 'LEVEL' for a level."),
        _dimension("seasonal_adjustment_code", "SA", "Seasonal adjustment. 'SA' adjusted, 'NSA' not."),
    ),
    cadence=Cadence(
        cron="30 16 * * 5,1",
        stale_after_days=19,
        due=Due(
            every="week",
            weekday=2,
            lag_days=8,
            lag_business_days=1,
            at="16:15",
            not_due="A Wednesday is published on the Friday of the week after at 16:15.",
        ),
    ),
    licence=_licence("H.8, Assets and Liabilities of Commercial Banks in the United States", "releases/h8/"),
    known_at=KnownAt(
        sql=_known(_next_business_day(_H8_THURSDAY, "16:15")),
        pit_quality=f"case when fetched_at < {_next_business_day(f'({_H8_THURSDAY} + 7)', '16:15')} then 'dated' "
        "else 'current_vintage' end",
        description="Friday of the week after the Wednesday, 16:15 New York; a monthly mean with the first Wednesday "
        "on or after its end. Every release revises, so only figures fetched before the next one are 'dated'.",
    ),
    partitions=partial(_partitions, "H8"),
    extract=extract,
    about=(_PERIOD_START, "period_end"),
    estimate=Estimate(requests=1, rows=4_000_000, megabytes=25),
    proven="documented",
    new_fields="add",
    rules=_RULES,
)


# The business day that a day is, or else the next one.
_ON_BUSINESS_DAY = "after_business_days(period_end - 1, 1)"

PRATES = Table(
    name="prates",
    description="Policy Rates: one rate that the Federal Reserve pays on reserve balances, of every day of the week. "
    "RESBM_N.D is the rate on reserve balances (FRED's IORB) since 2021-07-29; before it there were one on excess "
    "balances (RESBME_N.D, FRED's IOER) and one on required ones (RESBMS_N.D), since 2008-10-09.",
    grain=_GRAIN,
    columns=_columns(
        _dimension("rate_kind_code", "INT_RATES_PAID", "Which rate, as the publisher's code. Such as IOR."),
    ),
    cadence=Cadence(
        cron="45 16 * * 1-5",
        stale_after_days=6,
        due=Due(
            every="business_day",
            at="00:00",
            not_due="A business day's rate is published at 16:30 on the business day before it.",
        ),
    ),
    licence=_licence("Policy Rates", "monetarypolicy/reserve-balances.htm"),
    known_at=KnownAt(
        # The announcement: "Effective February 23, 2017, [...] on each business day [...] for the next business day".
        sql=_known(
            f"case when period_end > date '2017-02-23' then new_york({_ON_BUSINESS_DAY}, time '00:00') "
            f"else {_next_business_day('period_end', '16:30')} end"
        ),
        pit_quality="case when period_end > date '2017-02-23' then 'dated' else 'lagged' end",
        description="Start of the day, or of the next business day where it is none, New York: the rate of a business "
        "day is published at 16:30 on the one before. Until February 2017, when that began, 16:30 on the business day "
        "after. When fetched, if that was earlier.",
    ),
    partitions=partial(_partitions, "PRATES"),
    extract=extract,
    about=(_PERIOD_START, "period_end"),
    estimate=Estimate(requests=1, rows=11_500, megabytes=0.1),
    proven="documented",
    new_fields="add",
    rules=_RULES,
)


# ---------------------------------------------------------------------------------------------- excess bond premium


def extract_excess_bond_premium(response: Response) -> Iterator[Row]:
    """Yield one row per month; its date comes as month/day/year."""
    for row in wire.csv_records(response):
        yield {**row, "date": wire.us_date(row["date"])} if "date" in row else row


def _fetch_excess_bond_premium(get: Get) -> Iterator[Response]:
    """Ask for the whole file."""
    yield get(EBP_URL, expect="text")


def _partitions_excess_bond_premium(_: datetime) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=_fetch_excess_bond_premium)]


EXCESS_BOND_PREMIUM = Table(
    name="excess_bond_premium",
    description="Gilchrist-Zakrajsek credit spread and excess bond premium of one month since 1973. The whole past is "
    "estimated anew with every release.",
    grain=("month_start",),
    columns=(
        Column(
            name="month_start",
            type="DATE",
            field="date",
            required=True,
            description="First day of the month.",
        ),
        Column(
            name="gz_spread_pct",
            type="DOUBLE",
            unit="percentage points",
            field="gz_spread",
            description="Spread of corporate bonds over Treasuries of equal cash flows. Null where not published.",
        ),
        Column(
            name="excess_bond_premium_pct",
            type="DOUBLE",
            unit="percentage points",
            field="ebp",
            description="Part of the spread that expected default does not explain. Positive is dearer credit; null "
            "where not published.",
        ),
        Column(
            name="recession_probability_ratio",
            type="DOUBLE",
            unit="ratio",
            field="est_prob",
            description="Estimated probability of a recession within twelve months. Between 0 and 1; null where not "
            "published.",
        ),
    ),
    cadence=Cadence(
        cron="0 12 * * 1-5",
        stale_after_days=110,
        due=Due(
            every="month",
            lag_days=30,
            at="16:00",
            grace_hours=24 * 15,
            not_due="A month is published about a month after its end, on no fixed day.",
        ),
    ),
    licence=_licence(
        "Favara, Gilchrist, Lewis and Zakrajsek: Updating the Recession Risk and the Excess Bond Premium",
        "econres/notes/feds-notes/updating-the-recession-risk-and-the-excess-bond-premium-20161006.html",
    ),
    known_at=KnownAt(
        sql=_known("new_york(last_day(month_start) + 30, time '16:00')"),
        pit_quality="case when fetched_at < new_york(last_day(month_start) + 61, time '16:00') then 'lagged' "
        "else 'current_vintage' end",
        description="Thirty days after the month's end, 16:00 New York, or when we saw it if that was earlier. Only a "
        "month that no later release has estimated anew is 'lagged'.",
    ),
    partitions=_partitions_excess_bond_premium,
    extract=extract_excess_bond_premium,
    about=("month_start", "last_day(month_start)"),
    estimate=Estimate(requests=1, rows=650, megabytes=0.1),
    proven="documented",
    nulls=frozenset({"", "NA", "."}),
    rules=(
        RowRule(
            name="month_starts_on_its_first_day",
            holds="day(month_start) = 1",
            because="The publisher dates a month by its first day.",
        ),
    ),
)

SOURCE = Source(
    code="board",
    title="Board of Governors of the Federal Reserve System",
    homepage="https://www.federalreserve.gov/datadownload/",
    tables=(H41, H15, H10, H8, PRATES, EXCESS_BOND_PREMIUM),
    requests_per_second=0.5,
)
