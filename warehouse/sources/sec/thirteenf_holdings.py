"""What the sovereign and pension funds of our seed hold in US-listed securities, by quarter: Form 13F.

A filing is read from its full submission text: an SGML header, whose acceptance time is always New York's, then the
cover page and the information table as XML.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from warehouse.contract import (
    Cadence,
    Column,
    Due,
    Estimate,
    KnownAt,
    Partition,
    RowRule,
    Table,
    Watch,
    year_closes_at,
)
from warehouse.errors import ContractViolation
from warehouse.sources.sec import submissions
from warehouse.sources.sec.filers import (
    KNOWN_WHEN_ACCEPTED,
    LICENCE,
    THIRTEENF_FILERS,
    cik_of,
    filers,
    refuse_other_name,
)
from warehouse.wire import elements, local, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from warehouse.contract import Get, Response, Row
    from warehouse.wire import Record

URL = "https://www.sec.gov/Archives/edgar/data/"
ADDRESS = r"/Archives/edgar/data/(\d{1,10})/\d{18}/\d{10}-\d{2}-\d{6}\.txt$"

FORMS = {"13F-HR", "13F-HR/A"}
"""With a table of holdings; a 13F-NT says that another manager reports them."""
FIRST_XML = date(2013, 7, 1)
"""Filings before this day have their table as free text, which is not read."""

DOLLARS_SINCE = date(2023, 1, 3)
DOLLARS_SCHEMA = "X0202"
_ENOUGH_PRICES = 10
_HALF = 0.5

OPTIONAL = ("figi", "putCall", "otherManager")
"""Elements of an entry that it may leave out."""


def url_of(cik: int, accession: str) -> str:
    """Return the address of a filing's full submission text."""
    return f"{URL}{cik}/{accession.replace('-', '')}/{accession}.txt"


# ------------------------------------------------------------------------------------------------------ what to ask


def _reports(filings: Iterable[Record], year: int, where: str) -> list[str]:
    """Return the accession numbers of a year's filings with a table that is XML, oldest first."""
    found = []
    for filing in filings:
        day, accession = str(filing.get("filingDate")), str(filing.get("accessionNumber"))
        if filing.get("form") not in FORMS or not day.startswith(f"{year}-") or day < FIRST_XML.isoformat():
            continue
        if not re.fullmatch(r"\d{10}-\d{2}-\d{6}", accession):
            raise ContractViolation(f"{where}, accessionNumber", expected="0001234567-26-000001", got=repr(accession))
        found.append((day, accession))
    return [accession for _, accession in sorted(set(found))]


def reports_of(response: Response, *, year: int) -> str:
    """Return what changes when a filer reported holdings in a year: the accession numbers that its first page lists."""
    try:
        _, filings = submissions.first_page(response)
        return " ".join(_reports(filings, year, response.url))
    except ContractViolation:
        return submissions.unreadable(response)


def fetch(get: Get, *, cik: int, year: int) -> Iterator[Response]:
    """Ask for the filer's list, then for each report that it filed in the year.

    The list is handed on only when it names none: it is then the proof that there is nothing to land.
    """
    first = get(submissions.url_of(cik), expect="json")
    page, filings = submissions.first_page(first)
    for url, _ in submissions.older_pages(page, first.url, (date(year, 1, 1), date(year, 12, 31))):
        older = get(url, expect="json")
        filings += submissions.columnar(parse_json(older), older.url)
    accessions = _reports(filings, year, first.url)
    if not accessions:
        yield first
    for accession in accessions:
        yield get(url_of(cik, accession), expect="text")


def partitions(now: datetime) -> list[Partition]:
    """Name each filer and calendar year of filing since its first report in XML."""
    return [
        Partition(
            key=f"{filer.cik:010d}-{year}",
            fetch=partial(fetch, cik=filer.cik, year=year),
            period=(date(year, 1, 1), date(year, 12, 31)),
            watch=Watch(table="submissions", partition=f"{filer.cik:010d}", token=partial(reports_of, year=year)),
            closes_at=year_closes_at(year),
        )
        for filer in filers(THIRTEENF_FILERS)
        for year in range(max(filer.valid_from, FIRST_XML).year, min(filer.valid_to or now.date(), now.date()).year + 1)
    ]


# ------------------------------------------------------------------------------------------------------ what it says


def extract(response: Response) -> Iterator[Row]:
    """Yield every entry of a filing's information table, in the order of the table.

    A filer's list of filings, which stands for a year without a report, has no entry.

    Raises:
        ContractViolation: it is no whole submission, is another filer's, or has no table.
    """
    if re.search(submissions.ADDRESS, response.url):
        submissions.first_page(response)
        return
    head, documents = _documents(response)
    filing = _header(head, response.url)
    tables = [body for kind, body in documents if kind == "INFORMATION TABLE"]
    cover = _cover([body for kind, body in documents if kind in FORMS], response.url)
    entries = [entry for body in tables for entry in _entries(body, response.url)]
    if not entries and cover["tableEntryTotal"] not in {None, "0"}:
        raise ContractViolation(
            f"{response.url} has no information table", expected=f"{cover['tableEntryTotal']} entries", got="none"
        )
    unit, basis = value_unit(entries, cover.pop("schemaVersion"), filing["filed_date"])
    matches = _matches_totals(entries, cover)
    for number, entry in enumerate(entries, 1):
        value = _number(entry.get("value"))
        yield {
            **filing,
            **cover,
            "entry_number": number,
            **entry,
            "value_unit_usd": unit,
            "value_unit_basis": basis,
            "value_usd": None if value is None else value * unit,
            "matches_totals": matches,
        }


def _documents(response: Response) -> tuple[str, list[tuple[str, bytes]]]:
    """Return the SGML header, and the type and XML of each document that is XML.

    Raises:
        ContractViolation: it is no submission, or its end is missing.
    """
    with response.open() as file:
        body = file.read()
    head, start, rest = body.partition(b"<DOCUMENT>")
    if not start or not rest.rstrip().endswith(b"</SEC-DOCUMENT>"):
        raise ContractViolation(
            f"{response.url} is no whole submission",
            expected="<SEC-DOCUMENT> with its documents and its end",
            got=repr(body[:40]) + " to " + repr(body[-40:]),
        )
    documents = []
    for document in rest.split(b"<DOCUMENT>"):
        kind = re.search(rb"<TYPE>([^\r\n]*)", document)
        xml = re.search(rb"<XML>\s*(.*?)\s*</XML>", document, re.DOTALL)
        if kind and xml:
            documents.append((kind[1].decode("latin-1").strip(), xml[1]))
    return head.decode("latin-1"), documents


def _header(head: str, url: str) -> dict[str, Any]:
    """Return what the SGML header says of the filing, having seen that it is the one that was asked for."""
    cik = cik_of(url, ADDRESS)
    ciks = {int(found) for found in re.findall(r"CENTRAL INDEX KEY:\s*(\d{1,10})", head)}
    accession = _stated(head, r"ACCESSION NUMBER:\s*(\S+)", url)
    if cik not in ciks or url != url_of(cik, accession):
        raise ContractViolation(
            f"{url} holds another filing", expected=f"CIK {cik}, {url}", got=f"CIK {sorted(ciks)}, {accession}"
        )
    names = [found.strip() for found in re.findall(r"(?:COMPANY|FORMER) CONFORMED NAME:([^\r\n]*)", head)]
    refuse_other_name(cik, names, url)
    accepted = _stated(head, r"<ACCEPTANCE-DATETIME>(\d{14})\b", url)
    try:
        accepted_at = datetime.strptime(accepted, "%Y%m%d%H%M%S").replace(tzinfo=ZoneInfo("America/New_York"))
        filed = datetime.strptime(_stated(head, r"FILED AS OF DATE:\s*(\d{8})\b", url), "%Y%m%d").date()  # noqa: DTZ007
        period = datetime.strptime(_stated(head, r"PERIOD OF REPORT:\s*(\d{8})\b", url), "%Y%m%d").date()  # noqa: DTZ007
    except ValueError as error:
        raise ContractViolation(f"{url}, header", expected="dates", got=str(error)) from error
    return {
        "cik": str(cik),
        "filer_name": names[0],
        "accession_number": accession,
        "form": _stated(head, r"CONFORMED SUBMISSION TYPE:\s*(\S+)", url),
        "period_of_report": period,
        "filed_date": filed,
        "accepted_at": accepted_at.isoformat(),
    }


def _stated(head: str, pattern: str, url: str) -> str:
    found = re.search(pattern, head)
    if not found:
        raise ContractViolation(f"{url}, header, lacks a line", expected=pattern, got="none")
    return found[1]


def _cover(bodies: Sequence[bytes], url: str) -> dict[str, str | None]:
    """Return what the cover and summary pages say of the table."""
    if len(bodies) != 1:
        raise ContractViolation(f"{url} has {len(bodies)} cover pages", expected="one", got=len(bodies))
    wanted = ("schemaVersion", "amendmentType", "amendmentNo", "tableEntryTotal", "tableValueTotal")
    found: dict[str, str | None] = dict.fromkeys((*wanted, "isConfidentialOmitted"))
    for root in _elements(bodies[0], url, "edgarSubmission"):
        for element in root.iter():
            name = local(str(element.tag))
            if name in found and found[name] is None:
                found[name] = _text_of(element)
    return found


def _entries(body: bytes, url: str) -> Iterator[dict[str, str | None]]:
    """Yield each entry of an information table, its groups flattened."""
    for number, element in enumerate(_elements(body, url, "infoTable"), 1):
        entry: dict[str, str | None] = {}
        for leaf in element.iter():
            if leaf is element or len(leaf):
                continue
            name = local(str(leaf.tag))
            if name in entry:
                raise ContractViolation(f"{url}, entry {number}, has {name} twice", expected="once", got="twice")
            entry[name] = _text_of(leaf)
        yield {**dict.fromkeys(OPTIONAL), **entry}


def _elements(body: bytes, url: str, name: str) -> Iterator[Any]:
    try:
        yield from elements(BytesIO(body), url, name)
    except LookupError as error:  # an XML declaration with an encoding that does not exist
        raise ContractViolation(
            f"{url} is not XML that we read", expected="a known encoding", got=str(error)
        ) from error


def _text_of(element: Any) -> str | None:  # noqa: ANN401  (an Element)
    return (element.text or "").strip() or None


def _number(text: str | None) -> Decimal | None:
    """Return a plain decimal number, or None for anything else; the contract's cast judges what that was."""
    return Decimal(text) if text and re.fullmatch(r"\d{1,20}(\.\d{1,10})?", text, re.ASCII) else None


def value_unit(entries: Sequence[Record], schema: str | None, filed: date) -> tuple[int, str]:
    """Return how many dollars one unit of a filing's values is, and what that was decided by.

    The rule changed from thousands to dollars for filings from 2023-01-03, and filers kept to the old one for a while.
    So the implied prices of shares decide first: half of them under a dollar are thousands. Then the schema's version
    and the date say what is due, unless thousands would make most of many prices exceed a thousand dollars.
    """
    prices = [
        value / shares
        for entry in entries
        if entry.get("sshPrnamtType") == "SH" and not entry.get("putCall")
        if (value := _number(entry.get("value"))) is not None and (shares := _number(entry.get("sshPrnamt")))
    ]
    is_cheap = bool(prices) and sum(price < 1 for price in prices) >= _HALF * len(prices)
    if is_cheap:
        return 1000, "price"
    if schema is not None and schema >= DOLLARS_SCHEMA:
        return 1, "schema"
    if filed >= DOLLARS_SINCE:
        return 1, "date"
    return (1, "price") if len(prices) >= _ENOUGH_PRICES else (1000, "date")


def _matches_totals(entries: Sequence[Record], cover: Record) -> bool | None:
    """Whether the entries are as many, and sum up to as much, as the summary page says; None where it says nothing.

    A filer who rounds each entry may be off by half a unit an entry.
    """
    count, total = _number(cover["tableEntryTotal"]), _number(cover["tableValueTotal"])
    if count is None or total is None:
        return None
    values = [_number(entry.get("value")) or 0 for entry in entries]
    return count == len(entries) and abs(sum(values) - total) * 2 <= len(entries)


def _count(name: str, field: str, what: str) -> Column:
    return Column(
        name=name, field=field, type="DECIMAL(18, 2)", unit="shares or US dollars of principal", description=what
    )


THIRTEENF_HOLDINGS = Table(
    name="thirteenf_holdings",
    description="One entry of the table of holdings in one 13F filing: US-listed shares, their options and convertible "
    "debt at a quarter's end. No cash, no private holding, no short position; several entries may be about one "
    "security. An amendment either restates its quarter's report or adds to it.",
    grain=("accession_number", "entry_number"),
    columns=(
        Column(
            name="accession_number",
            type="VARCHAR",
            required=True,
            description="EDGAR's number of the filing, with dashes.",
        ),
        Column(
            name="entry_number",
            type="INTEGER",
            unit="none",
            required=True,
            description="Place of the entry in the filing's table, from 1. It identifies, it does not count.",
        ),
        Column(
            name="cik",
            type="BIGINT",
            unit="none",
            required=True,
            description="Central Index Key of the filer. It identifies, it does not count.",
        ),
        Column(name="filer_name", type="VARCHAR", required=True, description="Filer's name in the filing's header."),
        Column(name="period_of_report", type="DATE", required=True, description="Quarter's end that is reported."),
        Column(name="filed_date", type="DATE", required=True, description="Day the filing counts as filed, New York."),
        Column(
            name="accepted_at",
            type="TIMESTAMPTZ",
            required=True,
            description="Instant at which EDGAR accepted the filing, from its header, which is in New York time.",
        ),
        Column(
            name="form",
            type="VARCHAR",
            required=True,
            description="Form of the filing: '13F-HR', or '13F-HR/A' for an amendment.",
        ),
        Column(
            name="amendment_type",
            field="amendmentType",
            type="VARCHAR",
            description="Kind of amendment: 'RESTATEMENT' for one that replaces the quarter's report, 'NEW HOLDINGS' "
            "for one that adds to it. Null on a report that is no amendment.",
        ),
        Column(
            name="amendment_number",
            field="amendmentNo",
            type="SMALLINT",
            unit="none",
            description="Running number of the quarter's amendments. Null on a report that is no amendment.",
        ),
        Column(
            name="is_confidential_omitted",
            field="isConfidentialOmitted",
            type="BOOLEAN",
            description="Whether the filer left out holdings for which it asked confidential treatment. They may be "
            "added months later. Null where it does not say.",
        ),
        Column(
            name="issuer_name",
            field="nameOfIssuer",
            type="VARCHAR",
            required=True,
            description="Issuer as the filer writes it.",
        ),
        Column(
            name="class_title",
            field="titleOfClass",
            type="VARCHAR",
            required=True,
            description="Class of the security as the filer writes it, such as 'COM' or 'CL A'.",
        ),
        Column(name="cusip", type="VARCHAR", required=True, description="CUSIP of the security, of nine characters."),
        Column(
            name="figi",
            type="VARCHAR",
            description="FIGI of the security. Null where the filer gives none, which it may.",
        ),
        Column(
            name="put_call",
            field="putCall",
            type="VARCHAR",
            description="Right of an option, 'Put' or 'Call', whose value is that of the underlying shares and never "
            "to be summed with holdings. Null for what is held itself.",
        ),
        Column(
            name="value_reported",
            field="value",
            type="DECIMAL(18, 0)",
            unit="as in value_unit_usd",
            required=True,
            description="Market value at the quarter's end as the filing prints it, in thousands of dollars or "
            "dollars.",
        ),
        Column(
            name="value_unit_usd",
            type="SMALLINT",
            unit="USD",
            required=True,
            description="Dollars that one unit of `value_reported` is: 1 or 1000, decided for the filing as a whole.",
        ),
        Column(
            name="value_unit_basis",
            type="VARCHAR",
            required=True,
            description="What the unit was decided by. 'price' of the shares, 'schema' version, or 'date' of filing.",
        ),
        Column(
            name="value_usd",
            type="DECIMAL(18, 0)",
            unit="USD",
            required=True,
            description="Market value at the quarter's end in whole US dollars; of an option, the underlying shares'.",
        ),
        Column(
            name="quantity",
            field="sshPrnamt",
            type="DECIMAL(18, 2)",
            unit="as in quantity_type",
            required=True,
            description="Number of shares, or principal amount in dollars, as `quantity_type` says.",
        ),
        Column(
            name="quantity_type",
            field="sshPrnamtType",
            type="VARCHAR",
            required=True,
            description="What the quantity is: 'SH' for a number of shares, 'PRN' for a principal amount.",
        ),
        Column(
            name="investment_discretion",
            field="investmentDiscretion",
            type="VARCHAR",
            required=True,
            description="Who decides about the holding. 'SOLE', 'DFND' for shared as defined, or 'OTR' for others.",
        ),
        Column(
            name="other_manager",
            field="otherManager",
            type="VARCHAR",
            description="Numbers of the other managers that the holding is reported for. Null where there are none.",
        ),
        _count("voting_sole_quantity", "Sole", "Part of the quantity that the filer alone votes."),
        _count("voting_shared_quantity", "Shared", "Part of the quantity whose vote the filer shares."),
        _count("voting_none_quantity", "None", "Part of the quantity that the filer does not vote."),
        Column(
            name="table_entry_total",
            field="tableEntryTotal",
            type="INTEGER",
            unit="entries",
            description="Number of entries of the filing's table, as its summary page says.",
        ),
        Column(
            name="table_value_total_reported",
            field="tableValueTotal",
            type="DECIMAL(18, 0)",
            unit="as in value_unit_usd",
            description="Sum of the filing's values, as its summary page says.",
        ),
        Column(
            name="matches_totals",
            type="BOOLEAN",
            description="Whether the entries are as many and sum to as much as the summary page says, but for "
            "rounding. False is the filer's own slip, since a cut document is refused. Null where it gives no totals.",
        ),
    ),
    cadence=Cadence(
        cron="30 19 * * 1-5",
        stale_after_days=150,
        due=Due(
            every="quarter",
            lag_days=45,
            at="22:00",
            grace_hours=24 * 4,
            not_due="A quarter's holdings are due 45 days after its end; amendments come at any time.",
        ),
    ),
    licence=LICENCE,
    known_at=KnownAt(
        sql=KNOWN_WHEN_ACCEPTED,
        pit_quality="'exact'",
        description="The acceptance of the filing; when that is after 17:30 New York or on no business day, 06:00 on "
        "the next one, when EDGAR shows it.",
    ),
    partitions=partitions,
    extract=extract,
    rules=(
        RowRule(
            name="filed_after_its_quarter",
            holds="filed_date > period_of_report",
            because="Holdings at a quarter's end cannot be filed before it is over.",
        ),
    ),
    estimate=Estimate(requests=5, rows=3_000, megabytes=2),
    lookback_days=400,
    about=("period_of_report", "period_of_report"),
)
