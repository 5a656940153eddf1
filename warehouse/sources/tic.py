"""Treasury International Capital: who abroad holds US Treasuries, by month, as three text tables."""

from __future__ import annotations

import csv
import re
from calendar import monthrange
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

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
from warehouse.wire import csv_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

DOCUMENTS = "https://ticdata.treasury.gov/resource-center/data-chart-center/tic/Documents/"
URL = f"{DOCUMENTS}mfhhis01.txt"
RECENT_URL = f"{DOCUMENTS}slt_table5.txt"
HOLDINGS_URL = f"{DOCUMENTS}slt_table3.txt"

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
MEMO_PARENT = "For. Official"
MISSING = frozenset({"", "n.a.", "--", "*", "null", "."})
"""A star means less than 50 million dollars, which at one decimal of a billion is not known."""

_FOOTNOTE = re.compile(r"\s+[0-9]+/$")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_YEAR_MONTH = re.compile(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])")


def extract(response: Response) -> Iterator[Row]:
    """Yield every holder, month and survey basis of the yearly blocks; titles and footnotes are passed over."""
    try:
        lines = [[f.strip() for f in line] for line in csv.reader(response.text().splitlines(), delimiter="\t")]
    except csv.Error as error:
        raise ContractViolation(f"{response.url} is no table", expected="lines with tabs", got=str(error)) from error
    blocks = [n for n, line in enumerate(lines) if line and line[0] == "Country"]
    if not blocks or blocks[0] == 0:
        raise ContractViolation(
            f"{response.url} holds no table of holders",
            expected="lines that start with 'Country' and carry years, under lines of months",
            got=repr(response.text()[:60]),
        )
    for start, end in zip(blocks, [*blocks[1:], len(lines)], strict=True):
        yield from _block(lines, start, end, response.url)


def _block(lines: list[list[str]], start: int, end: int, url: str) -> Iterator[Row]:
    """Yield the rows of one year's block, which ends with the memo lines after `Of which:`."""
    where = f"{url}, line {start + 1}"
    columns = _columns(lines[start - 1], lines[start], where)
    memo, totals, memo_lines, is_over = False, 0, 0, False
    for number in range(start + 1, end):
        name, values = lines[number][0] if lines[number] else "", lines[number][1:]
        if not name:
            if memo_lines:
                is_over = True
                break
            continue
        if name.lower() == "of which:":
            memo = True
            continue
        holder = _FOOTNOTE.sub("", name)
        if len(values) < len(columns) or any(values[len(columns) :]):
            raise ContractViolation(
                f"{url}, line {number + 1} ({holder}), does not fit the header of its block",
                expected=f"{len(columns)} figures",
                got=f"{sum(map(bool, values))}: {values}",
            )
        totals += holder == "Grand Total"
        memo_lines += memo
        if memo and holder != MEMO_PARENT:
            holder = f"{MEMO_PARENT}: {holder}"
        for (month_end, basis), value in zip(columns, values, strict=False):
            yield {
                "holder_name": holder,
                "month_end": month_end,
                "survey_basis": basis,
                "is_memo": memo,
                "holdings_usd_bn": value,
            }
    if totals != 1 or not memo_lines or not is_over:  # at the end of the file it may end inside its last number
        raise ContractViolation(
            f"{where}, a block of one year, is cut",
            expected="one 'Grand Total', the 'Of which:' lines, and a line without a name after them",
            got=f"{totals} totals, {memo_lines} lines after 'Of which:'",
        )


def _columns(months: list[str], years: list[str], where: str) -> list[tuple[str, str]]:
    """Return (month end, survey basis) by column; of two columns for a month the left one is the newer survey."""
    columns: list[tuple[str, str]] = []
    for month, year in zip(months[1:], years[1:], strict=False):
        if not month and not year:
            continue
        if month not in MONTHS or not _YEAR.fullmatch(year):
            raise ContractViolation(
                f"{where}: a column's header is not a month over a year",
                expected="such as 'Dec' over '2025'",
                got=f"{month!r} over {year!r}",
            )
        end = _month_end(int(year), MONTHS.index(month) + 1)
        seen = [e for e, _ in columns].count(end)
        columns.append((end, "superseded" if seen else "current"))
    return columns


def _month_end(year: int, month: int) -> str:
    return date(year, month, monthrange(year, month)[1]).isoformat()


def _end_of(year_month: str | None, where: str) -> str:
    """Return the last day of a month given as '2026-07'."""
    if year_month is None or not _YEAR_MONTH.fullmatch(year_month):
        raise ContractViolation(f"{where} is no month", expected="such as '2026-07'", got=repr(year_month))
    return _month_end(int(year_month[:4]), int(year_month[5:]))


def _is_notes(fields: list[str]) -> bool:
    return fields[0].startswith("Notes")


def extract_recent(response: Response) -> Iterator[Row]:
    """Yield every holder and month of the table of the last 13 months, which stand side by side."""
    totals = 0
    for record in csv_records(response, delimiter="\t", header=lambda f: f[:1] == ["Country"], until=_is_notes):
        holder = _FOOTNOTE.sub("", record.pop("Country") or "")
        totals += holder == "Grand Total"
        for month, value in record.items():
            yield {
                "holder_name": holder,
                "month_end": _end_of(month, f"{response.url}: the header"),
                "is_memo": holder.lower().startswith("of which"),
                "holdings_usd_bn": value,
            }
    if totals != 1:
        raise ContractViolation(f"{response.url} is cut", expected="one 'Grand Total'", got=f"{totals} of them")


def extract_holdings(response: Response) -> Iterator[Row]:
    """Yield every country and month of the long table, under the names of its machine-readable header."""
    for number, record in enumerate(
        csv_records(response, delimiter="\t", header=lambda f: f[:2] == ["country", "country_code"], until=_is_notes),
        1,
    ):
        if "date" in record:  # a header without it is the contract's to refuse
            record["date"] = _end_of(record["date"], f"{response.url}, row {number}: the date")
        yield record


def fetch(get: Get, url: str = URL) -> Iterator[Response]:
    """Ask for a whole file."""
    yield get(url, expect="text")


def partitions(_: datetime, url: str = URL) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=partial(fetch, url=url))]


LICENCE = Licence(
    name="Work of the US government",
    url="https://home.treasury.gov/data/treasury-international-capital-tic-system",
    redistribution="free",
    attribution="Source: US Department of the Treasury, Treasury International Capital system.",
)

KNOWN_AT = KnownAt(
    sql="new_york(coalesce(scheduled_release('tic', month_end), month_end + 50), time '16:00')",
    pit_quality="case when fetched_at < new_york(scheduled_release('tic', last_day(month_end + interval 1 month)), "
    "time '16:00') then 'dated' else 'current_vintage' end",
    description="The calendar's release of the month, 16:00 New York; else 50 days after month end. Figures are "
    "revised for years, so only those fetched before the next release are 'dated'.",
)

MONTHLY = Cadence(
    cron="30 16 14-20 * *",
    stale_after_days=85,
    due=Due(
        every="month",
        calendar="always",
        lag_days=50,
        at="16:00",
        grace_hours=24 * 7,
        schedule="tic",
        not_due="A month is published in the middle of the second month after it, by a calendar; not in a shutdown.",
    ),
)

MONTH_END = Column(name="month_end", type="DATE", required=True, description="Last day of the month held at.")

MAJOR_FOREIGN_HOLDERS = Table(
    name="major_foreign_holders",
    description="Treasury securities held by residents of one foreign country or group at the end of a month, whole "
    "years since 2000. Custody geography: the custodian's country, which need not be the owner's.",
    grain=("holder_name", "month_end", "survey_basis"),
    columns=(
        Column(
            name="holder_name",
            type="VARCHAR",
            required=True,
            description="Country or group as the publisher writes it, without footnote marks. 'All Other' and "
            "'Grand Total' close the list; memo lines are 'For. Official' and its parts, "
            "'For. Official: Treasury Bills' and 'For. Official: T-Bonds & Notes'.",
        ),
        MONTH_END,
        Column(
            name="survey_basis",
            type="VARCHAR",
            required=True,
            description="Which survey the figure rests on. 'current', or 'superseded' for the older of two columns "
            "that a benchmark survey gives a month.",
        ),
        Column(
            name="is_memo",
            type="BOOLEAN",
            required=True,
            description="Whether the line stands under 'Of which'. Such a line is part of 'Grand Total' and not a "
            "further holder.",
        ),
        Column(
            name="holdings_usd_bn",
            type="DECIMAL(12, 1)",
            unit="USD billion",
            description="Bills, notes and bonds held, in billions of US dollars. Null where the publisher writes n.a., "
            "-- or * (under 50 million).",
        ),
    ),
    cadence=Cadence(
        cron="30 16 15-20 * *",
        stale_after_days=460,
        due=Due(
            every="year",
            lag_days=50,
            at="16:00",
            grace_hours=24 * 30,
            schedule="tic",
            not_due="The file of whole years grows once a year, with the release of December in February.",
        ),
    ),
    licence=LICENCE,
    known_at=KNOWN_AT,
    partitions=partitions,
    extract=extract,
    nulls=MISSING,
    estimate=Estimate(requests=1, rows=13_000, megabytes=0.1),
    about=("month_end", "month_end"),
)

RECENT_FOREIGN_HOLDERS = Table(
    name="recent_foreign_holders",
    description="Treasury securities held by residents of one foreign country or group at the end of one of the last "
    "13 months. It carries the file of whole years on to today; both say the same of the months that they share.",
    grain=("holder_name", "month_end"),
    columns=(
        Column(
            name="holder_name",
            type="VARCHAR",
            required=True,
            description="Country or group as the publisher writes it, without footnote marks. Some twenty countries, "
            "'All Other' and 'Grand Total', then the memo lines 'Of Which: Foreign Official' and its two parts.",
        ),
        MONTH_END,
        MAJOR_FOREIGN_HOLDERS.column("is_memo"),
        MAJOR_FOREIGN_HOLDERS.column("holdings_usd_bn"),
    ),
    cadence=MONTHLY,
    licence=LICENCE,
    known_at=KNOWN_AT,
    partitions=partial(partitions, url=RECENT_URL),
    extract=extract_recent,
    nulls=MISSING,
    # A window of 13 months: what leaves it, or the list of largest holders, was not withdrawn.
    is_snapshot=False,
    units=(
        UnitCheck(
            column="holdings_usd_bn",
            holds="max(holdings_usd_bn) between 1000 and 100000",
            because="The grand total is some 9,300 billion; table 3 of the same release is in millions.",
        ),
    ),
    proven="documented",
    estimate=Estimate(requests=1, rows=350, megabytes=0.01),
    about=("month_end", "month_end"),
)


def _usd_mn(name: str, field: str, description: str) -> Column:
    return Column(name=name, field=field, type="DECIMAL(14, 2)", unit="USD million", description=description)


_FLOW = "Positive: foreign residents bought more than they sold. Null before February 2023, and where not published."

FOREIGN_HOLDINGS = Table(
    name="foreign_holdings",
    description="Treasury securities held by residents of one foreign country at the end of a month, what they bought "
    "and sold in it, and what prices did to their long-term holdings. Every country since 2020, with the totals of "
    "regions. Custody geography: the custodian's country, which need not be the owner's.",
    grain=("country_code", "month_end"),
    columns=(
        Column(
            name="country_code",
            type="VARCHAR",
            required=True,
            description="The publisher's code of a country or aggregate. 99996 is the grand total, 99990 foreign "
            "official and 99991 other holders, 79995 international organisations.",
        ),
        Column(name="month_end", field="date", type="DATE", required=True, description="Last day of the month."),
        Column(
            name="holder_name",
            field="country",
            type="VARCHAR",
            required=True,
            is_versioned=False,
            description="Country or group as the publisher writes it. Its code identifies it, whatever it is called.",
        ),
        _usd_mn("holdings_usd_mn", "for_treas_pos", "All Treasury securities held. Null where not published."),
        _usd_mn("net_purchases_usd_mn", "for_treas_net", f"Net sales of them by US residents to foreigners. {_FLOW}"),
        _usd_mn(
            "long_term_holdings_usd_mn",
            "for_lt_treas_pos",
            "Notes and bonds held, at market value. Null where not published.",
        ),
        _usd_mn(
            "long_term_net_purchases_usd_mn", "for_lt_treas_net", f"Net sales of notes and bonds to foreigners. {_FLOW}"
        ),
        _usd_mn(
            "long_term_valuation_change_usd_mn",
            "for_lt_treas_valchg",
            "Change of the long-term holdings by price alone. Positive: prices rose. Null before February 2023, and "
            "where not published.",
        ),
        _usd_mn(
            "short_term_holdings_usd_mn", "for_st_treas_pos", "Bills held, at face value. Null where not published."
        ),
        _usd_mn("short_term_net_purchases_usd_mn", "for_st_treas_net", f"Net sales of bills to foreigners. {_FLOW}"),
    ),
    cadence=MONTHLY,
    licence=LICENCE,
    known_at=KNOWN_AT,
    partitions=partial(partitions, url=HOLDINGS_URL),
    extract=extract_holdings,
    nulls=MISSING,
    units=(
        UnitCheck(
            column="holdings_usd_mn",
            holds="max(holdings_usd_mn) filter (country_code = '99996') between 1e6 and 1e8",
            because="The grand total is some 9.3 million millions; table 5 of the same release is in billions.",
        ),
    ),
    rules=(
        RowRule(
            name="terms_sum_to_total",
            holds="abs(long_term_holdings_usd_mn + short_term_holdings_usd_mn - holdings_usd_mn) <= 1",
            because="Long-term and short-term holdings make up the total, but for rounding to a million.",
        ),
    ),
    proven="documented",
    estimate=Estimate(requests=1, rows=7_000, megabytes=0.6),
    about=("month_end", "month_end"),
)

SOURCE = Source(
    code="tic",
    title="Treasury International Capital system",
    homepage="https://home.treasury.gov/data/treasury-international-capital-tic-system",
    tables=(MAJOR_FOREIGN_HOLDERS, RECENT_FOREIGN_HOLDERS, FOREIGN_HOLDINGS),
    requests_per_second=1,
)
