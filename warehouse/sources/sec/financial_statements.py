"""All filers' financial statements as filed, by quarter of filing: the SEC's Financial Statement Data Sets.

Unlike companyfacts they have every filer, the figures of segments and subsidiaries, and the tags that filers define.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Partition, SqlExtract, Table
from warehouse.errors import ContractViolation
from warehouse.sources.sec.filers import KNOWN_WHEN_ACCEPTED, LICENCE
from warehouse.wire import unzipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warehouse.contract import Get, Response

URL = "https://www.sec.gov/files/dera/data/financial-statement-data-sets/"
FIRST_YEAR = 2009
_SETTLES = timedelta(days=30)

NUM = ("adsh", "tag", "version", "ddate", "qtrs", "uom", "value")
NUM_OVER_THE_YEARS = ("segments", "coreg", "footnote")
"""Columns that older files lack, or have in another place."""
SUB = ("adsh", "cik", "name", "form", "period", "fy", "fp", "filed", "accepted")
_LONGEST_HEADER = 1 << 16


def _read(member: str, columns: tuple[str, ...]) -> str:
    """SQL that reads a member by the names in its header, whatever their order; a column it lacks is null."""
    empty = ", ".join(f"null::varchar as {column}" for column in columns)
    return f"""
        select {", ".join(columns)} from (
            select * from read_csv(
                ${member}, delim = '\\t', header = true, skip = 0, all_varchar = true, nullstr = '',
                quote = '', escape = '', comment = '', strict_mode = true, null_padding = false,
                max_line_size = 1048576, buffer_size = 8388608
            )
            union all by name
            select {empty} where false
        )
    """


def _day(column: str) -> str:
    """SQL that writes YYYYMMDD as an ISO date and leaves anything else to the contract's cast."""
    return (
        f"case when regexp_full_match({column}, '[0-9]{{8}}') "
        f"then concat({column}[1:4], '-', {column}[5:6], '-', {column}[7:8]) else {column} end"
    )


SQL = f"""
    with
    filings as (
        select
            adsh,
            cik,
            "name" as entity_name,
            form,
            {_day("period")} as report_period_end,
            fy as fiscal_year,
            fp as fiscal_period,
            {_day("filed")} as filed_date,
            coalesce(
                timezone('America/New_York', try_cast(accepted as timestamp))::varchar, accepted
            ) as accepted_at
        from ({_read("sub", SUB)})
    ),
    figures as ({_read("num", (*NUM, *NUM_OVER_THE_YEARS))})
    select
        figures.adsh as accession_number,
        figures.tag as tag,
        figures."version" as taxonomy_version,
        {_day("figures.ddate")} as period_end,
        figures.qtrs as quarter_count,
        figures.uom as unit,
        figures.segments as segments,
        figures.coreg as coregistrant_name,
        filings.cik as cik,
        filings.entity_name as entity_name,
        filings.form as form,
        filings.report_period_end as report_period_end,
        filings.fiscal_year as fiscal_year,
        filings.fiscal_period as fiscal_period,
        filings.filed_date as filed_date,
        filings.accepted_at as accepted_at,
        figures."value" as value,
        figures.footnote as footnote
    from figures
    left join filings on figures.adsh = filings.adsh
"""


def check(response: Response) -> None:
    """See that both members have the columns that we read, and that `num` has no other.

    `sub` describes filers in some thirty columns more, which are read past. Types are the contract's casts to judge.
    """
    found = _header(response, "num.txt")
    missing = sorted(set(NUM) - set(found))
    new = sorted(set(found) - {*NUM, *NUM_OVER_THE_YEARS})
    if missing or new or len(set(found)) != len(found):
        raise ContractViolation(
            f"{response.url}, num.txt, has other columns than its contract",
            expected=[*NUM, *(f"{name}, or not" for name in NUM_OVER_THE_YEARS)],
            got=f"missing {missing}, new {new}" if missing or new else f"one twice: {found}",
            remedy="Read the payload, then change warehouse/sources/sec/financial_statements.py.",
        )
    found = _header(response, "sub.txt")
    if not set(SUB) <= set(found) or len(set(found)) != len(found):
        raise ContractViolation(
            f"{response.url}, sub.txt, lacks columns, or has one twice", expected=list(SUB), got=found
        )


def _header(response: Response, member: str) -> list[str]:
    with unzipped(response, member) as file:
        line = file.readline(_LONGEST_HEADER)
    return re.split("\t", line.decode("utf-8-sig", errors="replace").rstrip("\r\n"))


def url_of(year: int, quarter: int) -> str:
    """Return the address of a quarter's file."""
    return f"{URL}{year}q{quarter}.zip"


def fetch(get: Get, *, year: int, quarter: int) -> Iterator[Response]:
    """Ask for the file of one quarter."""
    yield get(url_of(year, quarter), expect="zip")


def partitions(now: datetime) -> list[Partition]:
    """Name the quarters of filing that are over, since there are any."""
    found: list[Partition] = []
    for year in range(FIRST_YEAR, now.year + 1):
        for quarter in range(1, 5):
            first = date(year, 3 * quarter - 2, 1)
            after = date(year + quarter // 4, 3 * quarter % 12 + 1, 1)
            if after > now.date():
                return found
            settled = datetime(after.year, after.month, after.day, tzinfo=UTC) + _SETTLES
            found.append(
                Partition(
                    key=f"{year}q{quarter}",
                    fetch=partial(fetch, year=year, quarter=quarter),
                    period=(first, after - timedelta(days=1)),
                    closes_at=settled,
                )
            )
    return found


FINANCIAL_STATEMENTS = Table(
    name="financial_statements",
    description="One figure in the primary financial statements of one 10-Q, 10-K, 20-F or like filing, as filed, of "
    "any filer. Segments and co-registrants have rows of their own, which are parts and not further figures.",
    grain=(
        "accession_number",
        "tag",
        "taxonomy_version",
        "period_end",
        "quarter_count",
        "unit",
        "segments",
        "coregistrant_name",
    ),
    columns=(
        Column(
            name="accession_number",
            type="VARCHAR",
            required=True,
            description="EDGAR's number of the filing, with dashes.",
        ),
        Column(name="tag", type="VARCHAR", required=True, description="XBRL tag of what is reported."),
        Column(
            name="taxonomy_version",
            type="VARCHAR",
            required=True,
            description="Taxonomy and year of the tag, such as 'us-gaap/2024'; the accession number itself for a tag "
            "that the filer defined.",
        ),
        Column(
            name="period_end",
            type="DATE",
            required=True,
            description="Last day of the period, or the instant, rounded by the SEC to the nearest month's end.",
        ),
        Column(
            name="quarter_count",
            type="SMALLINT",
            unit="quarters",
            required=True,
            description="Length of the period, rounded to quarters. 0 is an instant, such as a balance.",
        ),
        Column(
            name="unit",
            type="VARCHAR",
            required=True,
            description="Unit of `value`: 'USD' for whole US dollars, another currency, 'shares', 'pure' and others.",
        ),
        Column(
            name="segments",
            type="VARCHAR",
            description="Axes and members that the figure is of, as 'Axis=Member;'. Null for the whole entity.",
        ),
        Column(
            name="coregistrant_name",
            type="VARCHAR",
            description="Co-registrant that the figure is of. Null for the filer with its subsidiaries.",
        ),
        Column(
            name="cik",
            type="BIGINT",
            unit="none",
            required=True,
            description="Central Index Key of the filer. It identifies, it does not count.",
        ),
        Column(name="entity_name", type="VARCHAR", required=True, description="Filer's name at the SEC when it filed."),
        Column(name="form", type="VARCHAR", required=True, description="Form of the filing, such as '10-Q'."),
        Column(
            name="report_period_end",
            type="DATE",
            description="Balance sheet date of the filing, rounded by the SEC to the nearest month's end. Null where "
            "it has none.",
        ),
        Column(
            name="fiscal_year",
            type="SMALLINT",
            unit="none",
            description="Fiscal year of the filing, not of the figure. Null where the filing has none.",
        ),
        Column(
            name="fiscal_period",
            type="VARCHAR",
            description="Fiscal period of the filing, not of the figure: 'Q1' to 'Q4', 'H1' or 'FY'. Null where it has "
            "none.",
        ),
        Column(name="filed_date", type="DATE", required=True, description="Day the filing counts as filed, New York."),
        Column(
            name="accepted_at",
            type="TIMESTAMPTZ",
            description="Instant at which EDGAR accepted the filing, to the minute; the SEC prints it in New York "
            "time.",
        ),
        Column(
            name="value",
            type="DOUBLE",
            unit="as in the column unit",
            description="Reported figure, in the unit beside it, rounded by the SEC to four decimals. Null where the "
            "filer reports that there is none.",
        ),
        Column(
            name="footnote", type="VARCHAR", description="Filer's footnote to the figure. Null where there is none."
        ),
    ),
    cadence=Cadence(
        cron="15 6 * * 1",  # a file is a hundred megabytes, so not daily
        stale_after_days=220,
        due=Due(
            every="quarter",
            lag_days=14,
            at="18:00",
            grace_hours=24 * 14,
            not_due="A quarter's filings come as one file in the weeks after it; companyfacts has ours within minutes.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql=KNOWN_WHEN_ACCEPTED,
        pit_quality="case when accepted_at is null then 'dated' else 'exact' end",
        description="The acceptance of the filing; when that is after 17:30 New York or on no business day, 06:00 on "
        "the next one. Where only the filing day is known, its end.",
    ),
    partitions=partitions,
    extract=SqlExtract(check=check, sql=SQL, members={"num": "num.txt", "sub": "sub.txt"}),
    estimate=Estimate(requests=1, rows=3_500_000, megabytes=100),
    lookback_days=200,
    about=("period_end", "period_end"),
)
