"""Every filing of each company and 13F filer we follow: one small JSON document each, and older pages where it has any.

It is the cheap look that tells whether anything else has to be asked for again.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Partition, Table
from warehouse.errors import ContractViolation
from warehouse.sources.sec.filers import LICENCE, THIRTEENF_FILERS, UNIVERSE, cik_of, followed, refuse_other_name
from warehouse.wire import member, parse_json, scalar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from warehouse.contract import Get, Response, Row
    from warehouse.wire import Record

URL = "https://data.sec.gov/submissions/"
ADDRESS = r"/submissions/CIK(\d{10})(?:-submissions-\d{3})?\.json$"
_OLDER = r"CIK{cik:010d}-submissions-\d{{3}}\.json"

ENTITY = ("name", "sic", "category", "fiscalYearEnd")
"""Fields of the filer, which only its first page has."""

REPORTS = {"10-Q", "10-K", "10-QT", "10-KT", "8-K", "20-F", "40-F", "6-K"}
"""Forms whose figures companyfacts takes; amendments of them too."""
_SETTLED_AFTER_DAYS = 2
_LETTER = "form in ('UPLOAD', 'CORRESP')"
"""Letters between the SEC's staff and the filer, which are released after the review that they are about."""


def url_of(cik: int) -> str:
    """Return the address of a filer's newest filings."""
    return f"{URL}CIK{cik:010d}.json"


def first_page(response: Response) -> tuple[Any, list[Record]]:
    """Return a filer's decoded first page and its filings, having seen that it is the filer's own.

    Raises:
        ContractViolation: it is not of the shape, or is another filer's.
    """
    page = parse_json(response)
    where = response.url
    cik = cik_of(where, ADDRESS)
    got = member(page, "cik", where=where)
    if str(got).zfill(10) != f"{cik:010d}":
        raise ContractViolation(f"{where} holds another filer", expected=f"cik {cik:010d}", got=f"cik {got!r}")
    formers = member(page, "formerNames", where=where)
    if not isinstance(formers, list):
        raise ContractViolation(f"{where}, formerNames", expected="a list", got=repr(formers)[:80])
    names = [member(page, "name", where=where), *(member(one, "name", where=where) for one in formers)]
    refuse_other_name(cik, [name for name in names if isinstance(name, str)], where)
    return page, list(columnar(member(page, "filings", "recent", where=where), where))


def columnar(arrays: Any, where: str) -> Iterator[Record]:  # noqa: ANN401  (JSON)
    """Yield the records of an object of equally long arrays, one array a field.

    Raises:
        ContractViolation: it is no such object, or its arrays differ in length.
    """
    if not isinstance(arrays, dict) or not arrays or not all(isinstance(a, list) for a in arrays.values()):
        raise ContractViolation(f"{where} holds no filings", expected="an object of arrays", got=repr(arrays)[:80])
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise ContractViolation(f"{where} has arrays of unequal length", expected="one length", got=lengths)
    for number, values in enumerate(zip(*arrays.values(), strict=True)):
        yield {n: scalar(v, f"{where}, filing {number}, {n}") for n, v in zip(arrays, values, strict=True)}


def older_pages(page: Any, url: str, between: tuple[date, date] | None = None) -> list[tuple[str, int]]:  # noqa: ANN401
    """Return the address and the number of filings of each older page that a first page names.

    `between` leaves out pages without a filing of those days; the SEC's own dates of a page are a day off at times.

    Raises:
        ContractViolation: the list is not of its shape, or names another filer's page.
    """
    from datetime import date, timedelta

    cik = cik_of(url, ADDRESS)
    files = member(page, "filings", "files", where=url)
    if not isinstance(files, list):
        raise ContractViolation(f"{url}, filings.files", expected="a list", got=repr(files)[:80])
    found = []
    for file in files:
        name, count = (member(file, field, where=f"{url}, filings.files") for field in ("name", "filingCount"))
        days = [str(member(file, field, where=f"{url}, filings.files")) for field in ("filingFrom", "filingTo")]
        try:
            first, last = (date.fromisoformat(day) for day in days)
            number = int(str(count))
        except ValueError as error:
            raise ContractViolation(
                f"{url}, filings.files", expected="a number and ISO dates", got=f"{count!r}, {days}"
            ) from error
        if not re.fullmatch(_OLDER.format(cik=cik), str(name)):
            raise ContractViolation(
                f"{url} names an older page that is not its filer's", expected=_OLDER.format(cik=cik), got=repr(name)
            )
        week = timedelta(days=7)
        if between is None or (first - week <= between[1] and between[0] <= last + week):
            found.append((f"{URL}{name}", number))
    return found


def fetch(get: Get, *, cik: int) -> Iterator[Response]:
    """Ask for a filer's first page, then for the older ones that it names.

    Raises:
        ContractViolation: an older page has fewer filings than the first page says.
    """
    first = get(url_of(cik), expect="json")
    yield first
    page, _ = first_page(first)
    for url, count in older_pages(page, first.url):
        older = get(url, expect="json")
        got = len(list(columnar(parse_json(older), older.url)))
        if got < count:
            raise ContractViolation(f"{url} is cut", expected=f"{count} filings, as {first.url} says", got=got)
        yield older


def extract(response: Response) -> Iterator[Row]:
    """Yield every filing of a page; what is said of the filer stands on those of its first page alone."""
    cik = str(cik_of(response.url, ADDRESS))
    if response.url == url_of(int(cik)):
        page, filings = first_page(response)
        entity = {name: scalar(member(page, name, where=response.url), response.url) for name in ENTITY}
    else:
        filings = list(columnar(parse_json(response), response.url))
        entity = dict.fromkeys(ENTITY)
    for filing in filings:
        yield {"cik": cik, **entity, **filing}


def newest_reports(response: Response) -> str:
    """Return what changes when a filer filed a new report: the accession numbers of its newest filing day with one.

    The facts of a filing follow it by minutes and may be amended within days, so the answer also changes on each of
    the two days after: whoever watches asks once more on each. A list that is refused is its own table's to report.
    """
    from datetime import date

    try:
        _, filings = first_page(response)
    except ContractViolation:
        return unreadable(response)
    reports = [
        (str(filing.get("filingDate")), str(filing.get("accessionNumber")))
        for filing in filings
        if str(filing.get("form")).removesuffix("/A") in REPORTS or filing.get("isXBRL") == "1"
    ]
    newest = max((day for day, _ in reports), default="never")
    try:
        age = min((response.fetched_at.date() - date.fromisoformat(newest)).days, _SETTLED_AFTER_DAYS)
    except ValueError:
        age = _SETTLED_AFTER_DAYS
    return " ".join([newest, *sorted(accession for day, accession in reports if day == newest), f"day {age}"])


def unreadable(response: Response) -> str:
    """Return the token of a list that cannot be read: whoever watches it asks again when its bytes change."""
    return f"unreadable {response.sha256}"


def partitions(now: datetime) -> list[Partition]:
    """Name the companies and the 13F filers that are followed at `now`, once each."""
    today = now.date()
    ciks = {filer.cik for seed in (UNIVERSE, THIRTEENF_FILERS) for filer in followed(seed, today)}
    return [Partition(key=f"{cik:010d}", fetch=partial(fetch, cik=cik)) for cik in sorted(ciks)]


def _of_entity(name: str, field: str, description: str) -> Column:
    return Column(
        name=name,
        field=field,
        type="VARCHAR",
        is_versioned=False,  # a renaming is no news about a filing, and older pages do not say it
        description=f"{description} As of the fetch; null where only an older page lists the filing.",
    )


SUBMISSIONS = Table(
    name="submissions",
    description="One filing of a company or 13F filer, as EDGAR lists it under that filer. Ownership forms of its "
    "insiders and holders stand in the list too, under the accession number of whoever filed them.",
    grain=("cik", "accession_number"),
    columns=(
        Column(
            name="cik",
            type="BIGINT",
            unit="none",
            required=True,
            description="Central Index Key of the filer whose list it is, a zero-padded text on the wire. It "
            "identifies, it does not count.",
        ),
        Column(
            name="accession_number",
            field="accessionNumber",
            type="VARCHAR",
            required=True,
            description="EDGAR's number of the filing, with dashes.",
        ),
        _of_entity("entity_name", "name", "Filer's name at the SEC."),
        _of_entity("sic_code", "sic", "Standard Industrial Classification of the filer."),
        _of_entity("filer_category", "category", "Size category of the filer, such as 'Large accelerated filer'."),
        _of_entity("fiscal_year_end", "fiscalYearEnd", "Last day of the filer's fiscal year as MMDD, such as '0131'."),
        Column(
            name="form", type="VARCHAR", required=True, description="Form of the filing, such as '10-Q' or '8-K/A'."
        ),
        Column(
            name="core_type",
            type="VARCHAR",
            absent="add",
            description="EDGAR's own grouping of forms: the form, or 'XBRL'. Null in answers older than the field.",
        ),
        Column(
            name="filed_date",
            field="filingDate",
            type="DATE",
            required=True,
            description="Day the filing counts as filed, New York. A filing accepted after 17:30 counts as the next "
            "business day's.",
        ),
        Column(
            name="report_date",
            field="reportDate",
            type="DATE",
            description="Period end or event that the filing is about. Null where it states none; the SEC sends an "
            "empty text.",
        ),
        Column(
            name="accepted_at_as_published",
            field="acceptanceDateTime",
            type="TIMESTAMP",
            description="Acceptance time as the SEC prints it. Its zone is not known: the text ends in 'Z', yet it is "
            "UTC on some filings and New York time on others, even of one filer. Never a knowledge time.",
        ),
        Column(
            name="act",
            type="VARCHAR",
            description="Act that the filing falls under: '33', '34' or '40'. Null where none is stated.",
        ),
        Column(
            name="file_number",
            field="fileNumber",
            type="VARCHAR",
            description="SEC file number. Null where there is none.",
        ),
        Column(
            name="film_number",
            field="filmNumber",
            type="VARCHAR",
            description="SEC film number. Null where there is none.",
        ),
        Column(
            name="items",
            type="VARCHAR",
            description="Items that an 8-K reports, comma-separated. Null on other forms.",
        ),
        Column(name="size_bytes", field="size", type="BIGINT", unit="bytes", description="Size of the submission."),
        Column(name="is_xbrl", field="isXBRL", type="BOOLEAN", description="Whether the filing carries XBRL."),
        Column(
            name="is_inline_xbrl",
            field="isInlineXBRL",
            type="BOOLEAN",
            description="Whether its XBRL is inside the document itself.",
        ),
        Column(
            name="is_xbrl_numeric",
            field="isXBRLNumeric",
            type="BOOLEAN",
            absent="add",
            description="Whether its XBRL has figures. Null where the SEC does not say, as in all answers before 2026.",
        ),
        Column(
            name="primary_document",
            field="primaryDocument",
            type="VARCHAR",
            description="File name of the main document. Null where there is none.",
        ),
        Column(
            name="primary_document_description",
            field="primaryDocDescription",
            type="VARCHAR",
            description="Filer's description of the main document. Null where there is none.",
        ),
    ),
    cadence=Cadence(
        cron="45 5-21 * * 1-5",
        stale_after_days=35,
        due=Due(
            every="irregular",
            not_due="A company files when it files; of all that are followed, some insider or company files on most "
            "business days.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        # Five hours earlier is the same day or the day before, whichever zone was printed: no day is added to a form of
        # the late evening, and weeks are to a letter that EDGAR got weeks after its date.
        sql=f"""
            case
                when {_LETTER} then fetched_at
                else new_york(
                    greatest(filed_date, (accepted_at_as_published - interval 5 hour)::date), time '23:59:59'
                )
            end
        """,
        pit_quality=f"case when {_LETTER} then 'self_vintage' else 'dated' end",
        description="The end of the filing day in New York, or of the day of acceptance where that is later, as it is "
        "for paper and no-action letters; its hour is not used, since its zone differs by filing. The letters of a "
        "review are released long after both, so they are known when we first saw them.",
    ),
    partitions=partitions,
    extract=extract,
    nulls=frozenset({""}),
    new_fields="add",
    estimate=Estimate(requests=2.5, rows=2_200, megabytes=0.4),
    about=("filed_date", "filed_date"),
)
