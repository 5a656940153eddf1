"""Every whole-entity XBRL fact that a company has reported, one JSON document per company."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any

from warehouse.contract import Bulk, Cadence, Column, Due, Estimate, KnownAt, Partition, SqlExtract, Table, Watch
from warehouse.errors import ContractViolation
from warehouse.sources.sec.filers import LICENCE, UNIVERSE, filers, followed
from warehouse.sources.sec.submissions import newest_reports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response

URL = "https://data.sec.gov/api/xbrl/companyfacts/"
BULK_URL = "https://www.sec.gov/Archives/edgar/daily-index/xbrl/companyfacts.zip"
LARGEST = 1 << 26
"""Bytes of the largest document we read at once; the largest seen is 5 MB."""

# format = 'auto' finds out that a document is a single line, which DuckDB reads a tenth faster than an unstructured
# one; label and description are not named, so they are not kept.
SQL = f"""
    with
    company as (
        select cik, entityName as entity_name, unnest(map_entries(facts)) as taxonomy
        from read_json(
            $body,
            format = 'auto',
            records = true,
            maximum_object_size = {LARGEST},
            columns = {{
                cik: 'BIGINT',
                entityName: 'VARCHAR',
                facts: 'MAP(VARCHAR, MAP(VARCHAR, STRUCT(units MAP(VARCHAR, STRUCT(
                    "start" DATE, "end" DATE, val DOUBLE, accn VARCHAR, fy SMALLINT, fp VARCHAR, form VARCHAR,
                    filed DATE, frame VARCHAR)[]))))'
            }}
        )
    ),
    taxonomies as (
        select * replace (taxonomy.key as taxonomy), unnest(map_entries(taxonomy.value)) as tag from company
    ),
    tags as (select * replace (tag.key as tag), unnest(map_entries(tag.value.units)) as unit from taxonomies),
    facts as (select * replace (unit.key as unit), unnest(unit.value) as fact from tags)
    select
        cik,
        entity_name,
        taxonomy,
        tag,
        unit,
        fact."start" as period_start,
        fact."end" as period_end,
        fact.val as value,
        fact.accn as accession_number,
        fact.fy as fiscal_year,
        fact.fp as fiscal_period,
        fact.form as form,
        fact.filed as filed_date,
        fact.frame as frame
    from facts
"""


@cache
def _decoder() -> Any:  # noqa: ANN401  (msgspec is imported late)
    """Return a decoder that takes the wire shape and nothing else."""
    from datetime import date

    import msgspec

    # gc=False: facts hold no references to one another, and a hundred thousand of them would be traversed for nothing.
    fact = msgspec.defstruct(
        "Fact",
        [
            ("end", date),
            ("val", int | float),
            ("accn", str),
            ("fy", Annotated[int, msgspec.Meta(ge=-32_768, le=32_767)] | None),  # as SQL has it
            ("fp", str | None),
            ("form", str),
            ("start", date | None, None),
            ("filed", date | None, None),
            ("frame", str | None, None),
        ],
        forbid_unknown_fields=True,
        gc=False,
    )
    tag = msgspec.defstruct(
        "Tag",
        [("label", str | None), ("description", str | None), ("units", dict[str, list[fact]])],  # type: ignore[valid-type]
        forbid_unknown_fields=True,
        gc=False,
    )
    company = msgspec.defstruct(
        "Company",
        [("cik", int), ("entityName", str), ("facts", dict[str, dict[str, tag]])],  # type: ignore[valid-type]
        forbid_unknown_fields=True,
        gc=False,
    )
    return msgspec.json.Decoder(company)


def check(response: Response) -> None:
    """Decode the document against the wire shape, and see that it is the company that was asked for."""
    import msgspec

    body = response.file.read_bytes() if response.file else response.body
    try:
        company = _decoder().decode(body.removeprefix(BOM_UTF8))
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        raise ContractViolation(
            f"{response.url} is not of the companyfacts shape at {path.strip('`') or 'its top'}",
            expected="the documented fields, each of its type",
            got=what,
            remedy="The payload is in the archive: compare it with warehouse/sources/sec/company_facts.py.",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ContractViolation(
            f"{response.url} is not JSON", expected="a JSON document", got=f"{error}: {body[:40]!r}"
        ) from error
    if response.url != url_of(company.cik):
        raise ContractViolation(
            f"{response.url} holds another company",
            expected=response.url,
            got=f"cik {company.cik}, {company.entityName}",
        )


def url_of(cik: int) -> str:
    """Return the address of a company's facts."""
    return f"{URL}CIK{cik:010d}.json"


def fetch(get: Get, *, cik: int) -> Iterator[Response]:
    """Ask for one company's document, which holds its whole history."""
    yield get(url_of(cik), expect="json")


def partitions(now: datetime) -> list[Partition]:
    """Name the companies that are in any universe at `now` and report facts, once each.

    A document is megabytes, so it is asked for when the small list of the company's filings shows a new report.
    """
    return [
        Partition(
            key=f"{filer.cik:010d}",
            fetch=partial(fetch, cik=filer.cik),
            watch=Watch(table="submissions", partition=f"{filer.cik:010d}", token=newest_reports),
        )
        for filer in followed(UNIVERSE, now.date())
        if filer.reports_facts
    ]


def partition_of(member: str) -> str | None:
    """Return the partition that a member of the bulk file is, or None where it is no company we ever followed."""
    found = re.search(r"(?:^|/)CIK(\d{10})\.json$", member)
    if found and int(found[1]) in {filer.cik for filer in filers(UNIVERSE) if filer.reports_facts}:
        return found[1]
    return None


def member_url(member: str) -> str:
    """Return the address at which the SEC serves a member of the bulk file alone."""
    return URL + member.rsplit("/", 1)[-1]


COMPANY_FACTS = Table(
    name="company_facts",
    description="One figure that a company reported in one filing. Later filings repeat or restate it under their own "
    "accession number; cash flows are fiscal year-to-date.",
    grain=("cik", "taxonomy", "tag", "unit", "period_start", "period_end", "accession_number"),
    columns=(
        Column(
            name="cik",
            type="BIGINT",
            unit="none",
            required=True,
            description="Central Index Key, the SEC's number for the company. It identifies, it does not count.",
        ),
        Column(
            name="entity_name",
            type="VARCHAR",
            required=True,
            is_versioned=False,  # a renaming is no news about any figure
            description="Company's name at the SEC when this version of the row was fetched.",
        ),
        Column(
            name="taxonomy",
            type="VARCHAR",
            required=True,
            description="Taxonomy of the tag: 'us-gaap', 'dei' for the filer itself, 'srt' and others; 'ifrs-full' for "
            "foreign filers that report under IFRS, whose capex and cash-flow tags have other names.",
        ),
        Column(
            name="tag",
            type="VARCHAR",
            required=True,
            description="XBRL tag of what is reported, in its taxonomy. Companies change tags over the years, so a tag "
            "is chosen for each period; tags that a filer defines itself are not in this API.",
        ),
        Column(
            name="unit",
            type="VARCHAR",
            required=True,
            description="Unit of `value`: 'USD' for whole US dollars, 'shares', 'USD/shares', 'pure' and others. "
            "Foreign filers report in their own currency, such as 'TWD', 'EUR' or 'CNY', and it stays so: nothing is "
            "converted.",
        ),
        Column(
            name="period_start",
            type="DATE",
            description="First day of the period. Null for an instant, such as a balance.",
        ),
        Column(name="period_end", type="DATE", required=True, description="Last day of the period, or the instant."),
        Column(
            name="value",
            type="DOUBLE",
            unit="as in the column unit",
            required=True,
            description="Reported figure, in the unit beside it. Payments are positive numbers, as filed.",
        ),
        Column(
            name="accession_number",
            type="VARCHAR",
            required=True,
            description="Filing that the figure stands in.",
        ),
        Column(
            name="fiscal_year",
            type="SMALLINT",
            unit="none",
            description="Fiscal year of the filing, not of the figure. Null where the filing has none, as proxies do.",
        ),
        Column(
            name="fiscal_period",
            type="VARCHAR",
            description="Fiscal period of the filing, not of the figure: 'Q1' to 'Q3' or 'FY'. Null where it has none.",
        ),
        Column(name="form", type="VARCHAR", required=True, description="Form of the filing, such as '10-Q'."),
        Column(
            name="filed_date",
            type="DATE",
            description="Day the filing counts as filed. Null where we do not know it; its form's deadline stands in.",
        ),
        Column(
            name="frame",
            type="VARCHAR",
            is_versioned=False,  # it moves to the newest filing of a figure, which says nothing new about the older
            description="Calendar frame the SEC assigns to the latest filing of a figure. Null on the others: never "
            "filter by it.",
        ),
    ),
    cadence=Cadence(
        cron="0 6-22 * * 1-5",  # a quarter of an hour after the lists of filings, which say what is new
        stale_after_days=140,
        due=Due(
            every="irregular",
            not_due="A company files when it files; its next figures come within 40 days of a quarter's end, 60 of a "
            "year's.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        # A filing's own period is the latest one in it: a comparative of last year was not known last year.
        sql="new_york(coalesce(filed_date, max(period_end) over (partition by accession_number) "
        "+ case when form like '10-K%' then 60 else 40 end), time '23:59:59')",
        pit_quality="case when filed_date is null then 'lagged' else 'dated' end",
        description="The end of the filing day in New York; where that day is not known, of the form's deadline "
        "(40 days after the latest period in the filing for a 10-Q, 60 for a 10-K).",
    ),
    partitions=partitions,
    extract=SqlExtract(check=check, sql=SQL),
    estimate=Estimate(requests=1, rows=26_000, megabytes=3.9),
    bulk=Bulk(
        url=BULK_URL,
        partition=partition_of,
        member_url=member_url,
        estimate=Estimate(requests=1, rows=2_100_000, megabytes=1_370),
    ),
    about=("coalesce(period_start, period_end)", "period_end"),
)
