"""SEC EDGAR: every whole-entity XBRL fact that a company has reported, one JSON document per company."""

from __future__ import annotations

import csv
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from warehouse.contract import (
    Cadence,
    Column,
    KnownAt,
    Licence,
    Partition,
    Source,
    SqlExtract,
    Table,
)
from warehouse.errors import ContractViolation
from warehouse.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response

URL = "https://data.sec.gov/api/xbrl/companyfacts/"
UNIVERSE = PROJECT_ROOT / "dbt_project" / "seeds" / "company_universe.csv"
LARGEST = 1 << 26
"""Bytes of the largest document we read at once; the largest seen is 5 MB."""

SQL = f"""
    with
    company as (
        select cik, entityName as entity_name, unnest(map_entries(facts)) as taxonomy
        from read_json(
            $body,
            format = 'unstructured',
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
            ("fy", int | None),
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

    try:
        company = _decoder().decode(response.body)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        raise ContractViolation(
            f"{response.url} is not of the companyfacts shape at {path.strip('`') or 'its top'}",
            expected="the documented fields, each of its type",
            got=what,
            remedy="The payload is in the archive: compare it with warehouse/sources/sec.py.",
        ) from error
    except msgspec.DecodeError as error:
        raise ContractViolation(
            f"{response.url} is not JSON", expected="a JSON document", got=f"{error}: {response.body[:40]!r}"
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
    """Name the companies that are in any universe at `now`, once each."""
    today = now.date().isoformat()
    with UNIVERSE.open(newline="", encoding="utf-8") as seed:
        ciks = {
            int(row["cik"])
            for row in csv.DictReader(seed)
            if row["valid_from"] <= today <= (row["valid_to"] or "9999-12-31")
        }
    return [Partition(key=f"{cik:010d}", fetch=partial(fetch, cik=cik)) for cik in sorted(ciks)]


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
            description="Taxonomy of the tag, such as 'us-gaap' or 'dei'.",
        ),
        Column(name="tag", type="VARCHAR", required=True, description="XBRL tag of what is reported."),
        Column(
            name="unit",
            type="VARCHAR",
            required=True,
            description="Unit of `value`: 'USD' for whole US dollars, 'shares', 'USD/shares', 'pure' and others.",
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
    cadence=Cadence(cron="0 6-22 * * 1-5", stale_after_days=140),
    licence=Licence(
        name="Work of the US government; cite the SEC",
        url="https://www.sec.gov/privacy#dissemination",
        redistributable=True,
    ),
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
    about=("coalesce(period_start, period_end)", "period_end"),
)

SOURCE = Source(
    code="sec",
    title="US Securities and Exchange Commission, EDGAR",
    homepage="https://www.sec.gov/search-filings/edgar-application-programming-interfaces",
    tables=(COMPANY_FACTS,),
    requests_per_second=5,
)
