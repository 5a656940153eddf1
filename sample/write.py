"""Write sample/: real public figures, set by us into the publishers' wire shapes, for the demo and the tests.

Run it as `python sample/write.py <folder of recorded responses>`; the folder defaults to DRYPOWDER_RECORDINGS. No file
is copied: figures are parsed, chosen and written anew, with the same bytes on every run. Every response is therefore
marked `reconstructed`. The addresses are those the connectors ask for, because the connectors' own code forms them.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sys
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from xml.sax.saxutils import escape, quoteattr

from warehouse.contract import Partition, Response, Table
from warehouse.errors import SourceUnavailable
from warehouse.recording import INDEX, Recorded, canonical_url
from warehouse.sources import bea, board, chicagofed, defillama, fiscaldata, nyfed, ofr, sec, tic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from warehouse.contract import Row

SAMPLE = Path(__file__).resolve().parent

TAGS = frozenset(
    {
        # capex, and what is sold again
        "PaymentsToAcquirePropertyPlantAndEquipment",
        "PaymentsToAcquireProductiveAssets",
        "PaymentsToAcquireOtherPropertyPlantAndEquipment",
        "PaymentsForCapitalImprovements",
        "ProceedsFromSaleOfPropertyPlantAndEquipment",
        # finance leases
        "FinanceLeasePrincipalPayments",
        "RepaymentsOfLongTermCapitalLeaseObligations",
        "RightOfUseAssetObtainedInExchangeForFinanceLeaseLiability",
        # operations
        "NetCashProvidedByUsedInOperatingActivities",
        "RevenueFromContractWithCustomerExcludingAssessedTax",
        "Revenues",
        "SalesRevenueNet",
        # totals of the cash-flow statement
        "NetCashProvidedByUsedInInvestingActivities",
        "NetCashProvidedByUsedInFinancingActivities",
        "CashAndCashEquivalentsPeriodIncreaseDecrease",
        "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalentsPeriodIncreaseDecreaseIncludingExchangeRateEffect",
        "EffectOfExchangeRateOnCashAndCashEquivalents",
        "EffectOfExchangeRateOnCashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents",
        "EffectOfExchangeRateOnCashCashEquivalentsRestrictedCashAndRestrictedCashEquivalentsIncludingDisposalGroupAndDiscontinuedOperations",
        "PaymentsForProceedsFromOtherInvestingActivities",
        "ProceedsFromPaymentsForOtherFinancingActivities",
        # acquisitions and other investments
        "PaymentsToAcquireBusinessesNetOfCashAcquired",
        "PaymentsToAcquireOtherInvestments",
        "PaymentsToAcquireEquitySecuritiesFvNi",
        "PaymentsToAcquireIntangibleAssets",
        "ProceedsFromSaleAndMaturityOfOtherInvestments",
        "ProceedsFromSaleOfEquitySecuritiesFvNi",
        # shareholders
        "ProceedsFromIssuanceOfCommonStock",
        "ProceedsFromStockPlans",
        "ProceedsFromMinorityShareholders",
        "PaymentsForRepurchaseOfCommonStock",
        "PaymentsRelatedToTaxWithholdingForShareBasedCompensation",
        "PaymentsOfDividends",
        "PaymentsOfDividendsCommonStock",
        # debt
        "ProceedsFromIssuanceOfLongTermDebt",
        "ProceedsFromDebtNetOfIssuanceCosts",
        "ProceedsFromDebtMaturingInMoreThanThreeMonths",
        "ProceedsFromIssuanceOfDebt",
        "ProceedsFromIssuanceOfSeniorLongTermDebt",
        "ProceedsFromConvertibleDebt",
        "ProceedsFromShortTermDebt",
        "ProceedsFromShortTermDebtMaturingInThreeMonthsOrLess",
        "ProceedsFromRepaymentsOfDebt",
        "ProceedsFromRepaymentsOfShortTermDebtMaturingInThreeMonthsOrLess",
        "ProceedsFromRepaymentsOfCommercialPaper",
        "RepaymentsOfLongTermDebt",
        "RepaymentsOfDebtAndCapitalLeaseObligations",
        "RepaymentsOfDebtMaturingInMoreThanThreeMonths",
        "RepaymentsOfDebt",
        "RepaymentsOfLongTermDebtAndCapitalSecurities",
        "RepaymentsOfConvertibleDebt",
        "RepaymentsOfShortTermDebt",
        "RepaymentsOfShortTermDebtMaturingInThreeMonthsOrLess",
        # securities
        "PaymentsToAcquireInvestments",
        "PaymentsToAcquireMarketableSecurities",
        "PaymentsToAcquireAvailableForSaleSecuritiesDebt",
        "PaymentsToAcquireAvailableForSaleSecurities",
        "ProceedsFromSaleOfAvailableForSaleSecurities",
        "ProceedsFromSaleAndMaturityOfAvailableForSaleSecurities",
        "ProceedsFromSaleOfAvailableForSaleSecuritiesDebt",
        "ProceedsFromMaturitiesPrepaymentsAndCallsOfAvailableForSaleSecurities",
        "ProceedsFromSaleAndMaturityOfMarketableSecurities",
        "ProceedsFromSaleMaturityAndCollectionsOfInvestments",
        # cash and near-cash
        "CashAndCashEquivalentsAtCarryingValue",
        "MarketableSecuritiesCurrent",
        "MarketableSecuritiesNoncurrent",
        "ShortTermInvestments",
        "AvailableForSaleSecuritiesDebtSecuritiesCurrent",
        "AvailableForSaleSecuritiesCurrent",
        "AvailableForSaleSecuritiesNoncurrent",
    }
)
"""The tags of A.1 of docs/method.md, and of the statement lines that its identity needs."""

COMPANIES = {
    320193: ("AAPL", "Apple Inc.", "2026-03-25"),
    1045810: ("NVDA", "NVIDIA CORP", "2026-07-09"),
    1652044: ("GOOGL", "Alphabet Inc.", "2026-07-09"),
    789019: ("MSFT", "MICROSOFT CORP", "2026-07-30"),
    1018724: ("AMZN", "AMAZON.COM, INC.", "2026-05-01"),
    1326801: ("META", "Meta Platforms, Inc.", "2026-07-31"),
    1341439: ("ORCL", "ORACLE CORP", "2026-09-12"),
    723125: ("MU", "MICRON TECHNOLOGY INC", "2026-06-26"),
    2023554: ("SNDK", "Sandisk Corp", "2026-05-14"),
}
"""Ticker, name at the SEC, and day the figures were gathered: never before the newest filing among them."""

LISTED = {789019: "MSFT", 320193: "AAPL", 1045810: "NVDA", 1318605: "TSLA"}
"""Companies whose list of filings is recorded."""

FILINGS = 200
ENTITY_FIELDS = ("entityType", "sic", "sicDescription", "name", "tickers", "exchanges", "category", "fiscalYearEnd")

FIRST_YEAR = 2008
"""Bidder classes are published since 2008; older auctions are prices only and left out."""

FIRST_REVERSE_REPO_YEAR = 2014
"""The facility is open on every business day since September 2013; before, there were tests, some of several parts."""

GATHERED = {
    "auctions": "2026-01-31",
    "fsi": "2024-12-04",
    "tic": "2026-03-19",
    "crypto": "2026-07-25",
    "fed": "2026-05-27",
    "cash": "2025-07-15",
    "debt": "2025-04-02",
    "filings": "2026-03-05",
    "gdp": "2024-11-03",
}
"""Day each was gathered, where it is not known the first on which all of it was published."""

NOW = datetime.fromisoformat(f"{max(*GATHERED.values(), *(day for _, _, day in COMPANIES.values()))}T12:00:00+00:00")
"""Instant of the newest answer, which is the clock of whoever runs on the sample: it decides what is asked for."""

BOARD_SERIES: dict[str, dict[str, tuple[str, str, str | None]]] = {
    "H41": {
        "WALCL": ("RESPPMA_N.WW", "Total assets (less eliminations from consolidation): Wednesday level", "L"),
        "WRESBAL": ("RESH4R_XAW_N.WW", "Reserve balances with Federal Reserve Banks: week average", "A"),
    },
    "H15": {
        "DGS10": ("RIFLGFCY10_N.B", "Market yield on U.S. Treasury securities at 10-year constant maturity", None),
        "DGS2": ("RIFLGFCY02_N.B", "Market yield on U.S. Treasury securities at 2-year constant maturity", None),
        "DGS3MO": ("RIFLGFCM03_N.B", "Market yield on U.S. Treasury securities at 3-month constant maturity", None),
        "DFII10": (
            "RIFLGFCY10_XII_N.B",
            "Market yield on U.S. Treasury securities at 10-year constant maturity, inflation-indexed",
            None,
        ),
    },
}
"""By release and FRED's name: the Board's name of the series, what it is, and kind of figure where one is stated."""

DIFFERENCES = {"DFII10": ("DGS10", "T10YIE")}
"""Series of which no copy is known, by the two of FRED's whose difference they are: T10YIE is DGS10 less DFII10."""

BOARD_ATTRIBUTES = {
    "H41": {"CURRENCY": "USD", "FREQ": "19", "UNIT": "Currency", "UNIT_MULT": "1000000"},
    "H15": {"CURRENCY": "NA", "FREQ": "9", "UNIT": "Percent:_Per_Year", "UNIT_MULT": "1"},
}


@dataclass
class Sample:
    """The folder being written, and the index of it."""

    entries: list[Recorded] = field(default_factory=list)

    def add(
        self, path: str, url: str, body: str | bytes, fetched: str, params: Mapping[str, str] | None = None
    ) -> None:
        """Write one body, and remember it as the answer to a request made on the day `fetched`; bytes are a zip."""
        file = SAMPLE / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(body, bytes):
            content_type = "application/zip"
            file.write_bytes(body)
        else:
            content_type = "application/json" if body[:1] in "{[" else "text/plain"
            file.write_bytes(gzip.compress(body.encode(), compresslevel=9, mtime=0))
        self.entries.append(
            Recorded(
                method="GET",
                url=canonical_url(url, params),
                status=200,
                headers={"content-type": content_type},
                fetched_at=datetime.fromisoformat(f"{fetched}T12:00:00+00:00"),
                body=path,
                origin="reconstructed",
            )
        )


class _Noted(SourceUnavailable):
    """Carries what a partition asks for first."""

    def __init__(self, url: str, params: Mapping[str, str] | None) -> None:
        super().__init__(url)
        self.url, self.params = url, params


def _request(table: Table, key: str) -> tuple[str, Mapping[str, str] | None]:
    """Return the address and query that the connector itself forms at NOW for a partition that is one answer."""

    def get(url: str, /, *, params: Mapping[str, str] | None = None, **_: object) -> Response:
        raise _Noted(url, params)

    try:
        list(_partition(table, key).fetch(get))
    except _Noted as noted:
        return noted.url, noted.params
    raise AssertionError(f"{table.name} {key} asks for nothing")


def _requests(table: Table, key: str) -> list[tuple[str, Mapping[str, str] | None]]:
    """Return the addresses and queries of a partition that reads none of its answers before the next request."""
    asked: list[tuple[str, Mapping[str, str] | None]] = []

    def get(url: str, /, *, params: Mapping[str, str] | None = None, **_: object) -> Response:
        asked.append((url, params))
        return Response(url=url, sha256="", fetched_at=NOW, origin="reconstructed")

    list(_partition(table, key).fetch(get))
    return asked


def _partition(table: Table, key: str) -> Partition:
    return next(p for p in table.partitions(NOW) if p.key == key)


def write_company_facts(sample: Sample, recordings: Path) -> None:
    """Write one companyfacts document per company, with the tags of TAGS alone."""
    as_filed = _as_filed(recordings)
    for cik, (ticker, name, fetched) in COMPANIES.items():
        facts: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        recorded = recordings / "sec" / f"companyfacts_CIK{cik:010d}.json"
        if recorded.exists():
            document = json.loads(recorded.read_bytes())
            for tag in TAGS & set(document["facts"]["us-gaap"]):
                for unit, values in document["facts"]["us-gaap"][tag]["units"].items():
                    facts[tag][unit] = list(values)
        for tag, unit, fact in as_filed[cik]:
            if _key(fact) not in {_key(known) for known in facts[tag][unit]}:
                facts[tag][unit].append(fact)
        body = {
            "cik": cik,
            "entityName": name,
            "facts": {
                "us-gaap": {
                    tag: {"label": None, "description": None, "units": dict(sorted(facts[tag].items()))}
                    for tag in sorted(facts)
                }
            },
        }
        sample.add(f"sec/{ticker}.json.gz", sec.url_of(cik), _json(body), fetched)


def _as_filed(recordings: Path) -> dict[int, list[tuple[str, str, dict[str, Any]]]]:
    """Return the as-filed facts that are exact, by company, as (tag, unit, fact)."""
    found: dict[int, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
    with (recordings / "sec" / "as_filed_facts.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["confidence"] != "exact" or row["tag"] not in TAGS:
                continue
            fact = {
                "start": row["start"] or None,
                "end": row["end"],
                "val": int(row["val"]),
                "accn": row["accn"],
                "fy": int(row["fy"]) if row["fy"] else None,
                "fp": row["fp"] or None,
                "form": row["form"],
                "filed": row["filed"] or None,
            }
            # A start or a filing day that is not known is absent, as the publisher leaves out a start.
            kept = {k: v for k, v in fact.items() if v is not None or k in {"fy", "fp"}}
            found[int(row["cik"])].append((row["tag"], row["unit"], kept))
    return found


def _key(fact: dict[str, Any]) -> tuple[Any, ...]:
    return fact.get("start"), fact["end"], fact["accn"]


def write_auctions(sample: Sample, recordings: Path) -> None:
    """Write one page per year in Fiscal Data's shape, each row from the source that says most about it."""
    landed = [c.name for c in fiscaldata.AUCTIONS.columns]
    fields = sorted({*landed, *fiscaldata.IGNORED})
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for given in (*_history(recordings), *_treasurydirect(recordings), *_january_2026(recordings)):
        rows[given["cusip"], given["issue_date"]] = {name: given.get(name) or "null" for name in fields}
    years: dict[int, list[dict[str, str]]] = defaultdict(list)
    for row in sorted(rows.values(), key=lambda r: (r["auction_date"], r["cusip"], r["issue_date"])):
        years[int(row["auction_date"][:4])].append(row)
    for year in range(FIRST_YEAR, max(years) + 1):
        page = years[year]
        meta = {"count": len(page), "total-count": len(page), "total-pages": 1}
        sample.add(
            f"fiscaldata/auctions_{year}.json.gz",
            fiscaldata.URL,
            _json({"data": page, "meta": meta}),
            GATHERED["auctions"],
            fiscaldata.query(year, page=1),
        )


def _history(recordings: Path) -> list[dict[str, str]]:
    """Return the rows of the full-history download."""
    path = recordings / "treasury" / "Auctions_Query_19791115_20251215.csv"
    names = fiscaldata.CSV_HEADER
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [{name: row[theirs] for theirs, name in names.items() if name} for row in csv.DictReader(file)]


def _treasurydirect(recordings: Path) -> list[dict[str, str]]:
    """Return the rows of the TreasuryDirect export under Fiscal Data's names; its first line names a type."""
    path = recordings / "treasury" / "treasurydirect_TA_WS_securities_export.utf16.csv"
    lines = path.read_text(encoding="utf-16").splitlines()[1:]
    names = fiscaldata.TREASURYDIRECT_NAMES
    return [
        {name: row[theirs].removesuffix("T00:00:00") for theirs, name in names.items()} for row in csv.DictReader(lines)
    ]


def _january_2026(recordings: Path) -> list[dict[str, str]]:
    path = recordings / "treasury" / "fiscaldata_auctions_query_2026-01_Bill.json"
    data: list[dict[str, str]] = json.loads(path.read_bytes())["data"]
    return data


def write_stress_index(sample: Sample, recordings: Path) -> None:
    """Write the stress index, each figure with the digits that were published."""
    names = [column.wire for column in ofr.FINANCIAL_STRESS.columns]
    rows = _rows(ofr.FINANCIAL_STRESS, recordings / "liquidity" / "fsi.csv", ofr.URL)
    lines = [",".join(names), *(",".join(str(row[name] or "") for name in names) for row in rows)]
    sample.add("ofr/fsi.csv.gz", ofr.URL, "\n".join(lines) + "\n", GATHERED["fsi"])


def write_foreign_holders(sample: Sample, recordings: Path) -> None:
    """Write the table of foreign holders in yearly blocks, newest first, without the publisher's footnotes."""
    blocks: dict[str, dict[str, dict[tuple[str, str], str]]] = defaultdict(lambda: defaultdict(dict))
    memo = set()
    for row in _rows(tic.MAJOR_FOREIGN_HOLDERS, recordings / "sovereign" / "tic_mfhhis01.txt", tic.URL):
        holder, month_end = str(row["holder_name"]), str(row["month_end"])
        figure = str(row["holdings_usd_bn"] or "").strip()
        blocks[month_end[:4]][holder][month_end, str(row["survey_basis"])] = "" if figure in tic.MISSING else figure
        if row["is_memo"]:
            memo.add(holder)
    lines = [["", "", "MAJOR FOREIGN HOLDERS OF TREASURY SECURITIES"], ["", "", "(in billions of dollars)"], [""]]
    for year in sorted(blocks, reverse=True):
        holders = blocks[year]
        # The older survey's column stands to the right of the newer one of its month.
        columns = sorted(next(iter(holders.values())), key=lambda c: (c[0], c[1] == "current"), reverse=True)
        lines += [["", *(tic.MONTHS[int(end[5:7]) - 1] for end, _ in columns)]]
        lines += [["Country", *(end[:4] for end, _ in columns)], ["", *("------" for _ in columns)]]
        figures = {holder: [by_column[c] for c in columns] for holder, by_column in holders.items()}
        lines += [[h, *f] for h, f in figures.items() if h not in memo]
        lines += [[""], ["Of which:"]]
        lines += [[h.removeprefix("For. Official: "), *f] for h, f in figures.items() if h in memo]
        lines += [[""]]
    lines += [["Department of the Treasury/Federal Reserve Board"], ["3/18/26"]]
    # Quotes stand around names with commas, and every line has the width of the widest block.
    text = "\n".join(
        "\t".join(f'"{f}"' if "," in f else f for f in [*line, *[""] * (14 - len(line))]) for line in lines
    )
    sample.add("tic/mfhhis01.txt.gz", tic.URL, text + "\n", GATHERED["tic"])


def write_coin_prices(sample: Sample, recordings: Path) -> None:
    """Write bitcoin's daily closes as two years of DefiLlama charts; its confidence is not known and null."""
    coin = "coingecko:bitcoin"
    closes: dict[int, list[str]] = defaultdict(list)
    path = recordings / "crypto" / "btc_daily_close_2025-09_2026-07.csv"
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day = date.fromisoformat(row["date"])
            end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
            price = row["btc_close_usd"]
            closes[day.year].append(f'{{"timestamp":{int(end.timestamp())},"price":{Decimal(price)}}}')
    for year, points in sorted(closes.items()):
        body = f'{{"coins":{{"{coin}":{{"symbol":"BTC","confidence":null,"prices":[{",".join(points)}]}}}}}}\n'
        sample.add(
            f"defillama/bitcoin_{year}.json.gz",
            defillama.URL + coin,
            body,
            GATHERED["crypto"],
            defillama.query(year),
        )


def write_board_releases(sample: Sample, recordings: Path) -> None:
    """Write two releases of the Board as zips of SDMX, with the series of which FRED's copy is known."""
    for release, series in BOARD_SERIES.items():
        table = board.H41 if release == "H41" else board.H15
        url, params = _request(table, "all")
        body = _zip(f"{release}_data.xml", "".join(_sdmx(release, series, recordings)))
        sample.add(f"board/{release.lower()}.zip", url, body, GATHERED["fed"], params)


def _sdmx(release: str, series: Mapping[str, tuple[str, str, str | None]], recordings: Path) -> Iterator[str]:
    """Yield the lines of a release's data file; a day that FRED leaves empty has no data at the Board."""
    message = "http://www.SDMX.org/resources/SDMXML/schemas/v1_0"
    kind = "http://www.federalreserve.gov/structure/compact"
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<message:MessageGroup xmlns:message="{message}/message" xmlns:common="{message}/common"'
    yield f' xmlns:frb="{kind}/common">\n<message:Header><message:ID>{release}</message:ID></message:Header>\n'
    yield f'<frb:DataSet id="{release}" xmlns:kf="{kind}/{release}_{release}">\n'
    for fred, (name, title, series_type) in series.items():
        given = {**BOARD_ATTRIBUTES[release], "SERIES_NAME": name}
        attributes = {**given, "SERIESTYPE": series_type} if series_type else given
        yield f"<kf:Series {' '.join(f'{k}={quoteattr(v)}' for k, v in sorted(attributes.items()))}>\n"
        yield "<frb:Annotations><common:Annotation><common:AnnotationType>Short Description</common:AnnotationType>"
        yield f"<common:AnnotationText>{escape(title)}</common:AnnotationText></common:Annotation></frb:Annotations>\n"
        for day, figure in _fred(fred, recordings):
            status, value = ("A", figure) if figure else ("ND", "-9999")
            yield f'<frb:Obs OBS_STATUS="{status}" OBS_VALUE="{value}" TIME_PERIOD="{day}" />\n'
        yield "</kf:Series>\n"
    yield "</frb:DataSet>\n</message:MessageGroup>\n"


def _fred(name: str, recordings: Path) -> Iterator[tuple[str, str]]:
    """Yield the days and figures of a series of FRED's; the figure of a day without one is empty."""
    if name in DIFFERENCES:
        whole, part = (dict(_fred(of, recordings)) for of in DIFFERENCES[name])
        for day in sorted(whole.keys() & part.keys()):
            yield day, str(Decimal(whole[day]) - Decimal(part[day])) if whole[day] and part[day] else ""
        return
    with (recordings / "liquidity" / f"fredgraph_{name}.csv").open(newline="", encoding="utf-8") as file:
        yield from ((row["observation_date"], row[name]) for row in csv.DictReader(file))


def _zip(name: str, text: str) -> bytes:
    """Return a zip of one member, with the same bytes on every run and machine."""
    year, month, day = map(int, GATHERED["fed"].split("-"))
    member = zipfile.ZipInfo(name, (year, month, day, 12, 0, 0))
    member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(member, text, compresslevel=9)
    return packed.getvalue()


def write_reverse_repo(sample: Sample, recordings: Path) -> None:
    """Write one answer per year of overnight reverse repos in the New York Fed's shape, in whole dollars.

    The publisher's number of an operation is not known: its place holds FRED's name of the figure and the day.
    """
    years: dict[int, list[dict[str, str | int]]] = defaultdict(list)
    for day, billions in _fred("RRPONTSYD", recordings):
        if billions and int(day[:4]) >= FIRST_REVERSE_REPO_YEAR:
            years[int(day[:4])].append(
                {
                    "operationId": f"RRPONTSYD {day}",
                    "auctionStatus": "Results",
                    "operationDate": day,
                    "operationType": "Reverse Repo",
                    "term": "Overnight",
                    "totalAmtAccepted": int(Decimal(billions) * 10**9),
                }
            )
    for year, operations in years.items():
        url, params = _request(nyfed.REVERSE_REPO, str(year))
        body = _json({"repo": {"operations": operations[::-1]}})
        sample.add(f"nyfed/reverse_repo_{year}.json.gz", url, body, GATHERED["fed"], params)


def write_secured_rate(sample: Sample, recordings: Path) -> None:
    """Write SOFR, a year an answer in the New York Fed's shape; one answer without rows stands for the other rates."""
    years: dict[int, list[str]] = defaultdict(list)
    for day, percent in _fred("SOFR", recordings):
        if percent:
            years[int(day[:4])].append(f'{{"effectiveDate":"{day}","type":"SOFR","percentRate":{Decimal(percent)}}}')
    for year, rates in years.items():
        for url, params in _requests(nyfed.REFERENCE_RATES, str(year)):
            is_ours = "/secured/sofr/" in url
            path = f"nyfed/sofr_{year}.json.gz" if is_ours else "nyfed/other_rates.json.gz"
            body = f'{{"refRates":[{",".join(rates[::-1] if is_ours else [])}]}}\n'
            sample.add(path, url, body, GATHERED["fed"], params)


def write_financial_conditions(sample: Sample, recordings: Path) -> None:
    """Write the Chicago Fed's index; its parts are not known and empty."""
    names = [column.wire for column in chicagofed.NFCI.columns]
    lines = [",".join(names)]
    for day, index in _fred("NFCI", recordings):
        year, month, day_of_month = day.split("-")
        lines.append(",".join([f"{month}/{day_of_month}/{year}", index, *[""] * (len(names) - 2)]))
    sample.add("chicagofed/nfci.csv.gz", chicagofed.URL, "\n".join(lines) + "\n", GATHERED["fed"])


def write_output(sample: Sample, recordings: Path) -> None:
    """Write gross domestic product as its newest recorded vintage has it, in millions with separators of thousands."""
    (path,) = (recordings / "liquidity").glob("GDP_observations_all_vintages_*.json")
    lines = [",".join(column.wire for column in bea.GDP.columns)]
    for row in json.loads(path.read_bytes())["observations"]:
        if row["realtime_end"] == "9999-12-31" and row["value"] != ".":
            quarter = f"{row['date'][:4]}Q{(int(row['date'][5:7]) + 2) // 3}"
            lines.append(f'A191RC,{quarter},"{int(Decimal(row["value"]) * 1000):,}"')
    url, params = _request(bea.GDP, "all")
    sample.add("bea/nipa_quarterly.txt.gz", url, "\n".join(lines) + "\n", GATHERED["gdp"], params)


def write_treasury_accounts(sample: Sample, recordings: Path) -> None:
    """Write what is known of a year of the Daily Treasury Statement and of Debt to the Penny, a page each."""
    for table, name, gathered in (
        (fiscaldata.OPERATING_CASH_BALANCE, "dts_operating_cash_balance_2025-07-07_2025-07-11", "cash"),
        (fiscaldata.DEBT_TO_PENNY, "debt_to_penny_2025Q1", "debt"),
    ):
        page = json.loads((recordings / "treasury" / f"fiscaldata_{name}.json").read_bytes())["data"]
        meta = {"count": len(page), "total-count": len(page), "total-pages": 1}
        url, params = _request(table, "2025")
        body = _json({"data": page, "meta": meta})
        sample.add(f"fiscaldata/{table.name}_2025.json.gz", url, body, GATHERED[gathered], params)


def write_submissions(sample: Sample, recordings: Path) -> None:
    """Write the newest filings of the companies whose list is recorded; older pages are not named."""
    for cik, ticker in LISTED.items():
        document = json.loads((recordings / "sec" / f"submissions_CIK{cik:010d}.json").read_bytes())
        recent = {name: values[:FILINGS] for name, values in document["filings"]["recent"].items()}
        entity = {name: document[name] for name in ("cik", *ENTITY_FIELDS, "formerNames")}
        url, params = _request(sec.SUBMISSIONS, f"{cik:010d}")
        body = _json({**entity, "filings": {"recent": recent, "files": []}})
        sample.add(f"sec/submissions_{ticker}.json.gz", url, body, GATHERED["filings"], params)


def _rows(table: Table, path: Path, url: str) -> Iterator[Row]:
    """Yield the rows of a recorded file as the table's own extractor reads them."""
    extract = cast("Callable[[Response], Iterator[Row]]", table.extract)
    return extract(Response(url=url, body=path.read_bytes(), sha256="", fetched_at=NOW, origin="recorded"))


def _json(body: object) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False) + "\n"


NOTES = {
    "sec/submissions": (
        "SEC EDGAR submissions",
        "public domain (US government)",
        "all but the newest 200 filings; the filer's addresses",
    ),
    "sec": (
        "SEC EDGAR companyfacts, and facts as filed in 10-Q, 10-K and 8-K",
        "public domain (US government)",
        "tags that docs/method.md A.1 does not name; labels; facts not exactly as filed; unknown filing days",
    ),
    "fiscaldata/auctions": (
        "Treasury: Fiscal Data auctions_query and whole-history download, TreasuryDirect securities",
        "free to redistribute",
        "years before 2008; of auctions without detail all but dates and price; of 2026 all but January's bills",
    ),
    "fiscaldata/operating_cash_balance": (
        "Treasury: Fiscal Data, Daily Treasury Statement",
        "free to redistribute",
        "all days but 2025-07-07 to 2025-07-11",
    ),
    "fiscaldata/debt_to_penny": (
        "Treasury: Fiscal Data, Debt to the Penny",
        "free to redistribute",
        "all days but those of January to March 2025",
    ),
    "board/h41": (
        "Federal Reserve Board, H.4.1: total assets and reserves, copied from FRED's download of WALCL and WRESBAL",
        "public domain (US government); cite the Board",
        "all other series; codes of category and component; schema files",
    ),
    "board/h15": (
        "Federal Reserve Board, H.15: Treasury yields from FRED's download of DGS10, DGS2, DGS3MO, T10YIE",
        "public domain (US government); cite the Board",
        "all other series; codes of instrument and maturity; schema files",
    ),
    "nyfed/other_rates": (
        "nobody: stands for the reference rates other than SOFR",
        "none needed",
        "all: EFFR, OBFR, BGCR and TGCR, which are asked for together with SOFR",
    ),
    "nyfed/sofr": (
        "Federal Reserve Bank of New York: SOFR, copied from FRED's download of it",
        "New York Fed terms of use: attribution",
        "percentiles and volumes; whether a rate was published again",
    ),
    "nyfed": (
        "Federal Reserve Bank of New York: overnight reverse repos, copied from FRED's download of RRPONTSYD",
        "New York Fed terms of use: attribution",
        "years before 2014; other terms; all but amounts (FRED's name and the day stand for the operation's number)",
    ),
    "chicagofed": (
        "Federal Reserve Bank of Chicago: the National Financial Conditions Index, copied from FRED's download of NFCI",
        "attribution (terms unverified)",
        "the adjusted index and the subindexes",
    ),
    "bea": (
        "Bureau of Economic Analysis: gross domestic product, copied from ALFRED's vintage of 2024-10-30",
        "public domain (US government); cite the Bureau",
        "all other series; quarters after 2024Q3; earlier vintages",
    ),
    "ofr": ("OFR Financial Stress Index", "public domain (US government)", "nothing; it ends in November 2024"),
    "tic": (
        "Treasury International Capital, mfhhis01",
        "public domain (US government)",
        "footnotes and their marks, series numbers",
    ),
    "defillama": (
        "daily closes of bitcoin, in DefiLlama's shape",
        "figures; attribution to DefiLlama for live data",
        "days before 2025-09-01, other coins, confidence",
    ),
}
"""By beginning of a file's path, the more exact first: whose figures, under which licence, and what is left out."""


def write_readme(sample: Sample) -> None:
    """Write the table of what there is, derived from the index."""
    lines = [
        "# Sample",
        "",
        "Written by `sample/write.py`; do not edit by hand. Every response is `reconstructed`: the figures are real,",
        "the publishers', the bytes are ours, in the publishers' wire shapes. `index.jsonl` says which request a file",
        "answers.",
        "",
        "| file | source | URL | gathered | origin | licence | left out |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in {entry.body: entry for entry in sample.entries}.values():
        figures, licence, left_out = next(note for start, note in NOTES.items() if entry.body.startswith(start))
        lines.append(
            f"| {entry.body} | {figures} | {entry.url.split('?')[0]} | {entry.fetched_at:%Y-%m-%d} "
            f"| {entry.origin} | {licence} | {left_out} |"
        )
    lines += [
        "",
        "Figures of the Board, of the New York and Chicago Feds and of the Bureau are the agency's own; we know",
        "them from FRED's and ALFRED's downloads, and nothing of FRED's is here. Source: Board of Governors of the",
        "Federal Reserve System (US), H.4.1 and H.15. Source: Federal Reserve Bank of New York,",
        "https://www.newyorkfed.org/markets; its content is subject to the Terms of Use at newyorkfed.org. Source:",
        "Federal Reserve Bank of Chicago, National Financial Conditions Index. Source: U.S. Bureau of Economic",
        "Analysis, National Income and Product Accounts.",
        "",
        "Not copied but computed: the inflation-indexed ten-year yield of H.15 (RIFLGFCY10_XII_N.B, FRED's DFII10)",
        "is DGS10 less T10YIE. That is how FRED defines T10YIE, and both have two decimals, so no digit is lost;",
        "since June 2019 FRED takes the two yields from the Treasury, whose figures H.15 publishes again, and no",
        "file of H.15 was at hand to compare with.",
        "",
        "`nyfed/other_rates.json.gz` has no rows: a year of reference rates is asked for rate by rate, and of the",
        "other four nothing is known. It does not say that they were not published.",
        "",
        "Left out whole: two 13F reports, since their filers are not followed; Binance and Bitstamp, since only",
        "closes are known for the days of the sample, and no open, high or low is invented. CoreWeave is absent",
        "because none of its known facts is exactly as filed; of Oracle and Sandisk there are a few.",
        "",
    ]
    (SAMPLE / "README.md").write_text("\n".join(lines), encoding="utf-8")


WRITERS = (
    write_company_facts,
    write_submissions,
    write_auctions,
    write_treasury_accounts,
    write_board_releases,
    write_reverse_repo,
    write_secured_rate,
    write_financial_conditions,
    write_output,
    write_stress_index,
    write_foreign_holders,
    write_coin_prices,
)


def main() -> None:
    """Write everything anew and print what was written."""
    default = os.environ.get("DRYPOWDER_RECORDINGS") or SAMPLE.parent.parent / "shared" / "data"
    recordings = Path(sys.argv[1] if len(sys.argv) > 1 else default)
    if not (recordings / "sec").is_dir():
        sys.exit(f"{recordings} holds no recorded responses: give their folder as the argument.")
    sample = Sample()
    for write in WRITERS:
        write(sample, recordings)
    (SAMPLE / INDEX).write_text("".join(f"{e.as_json()}\n" for e in sample.entries), encoding="utf-8")
    write_readme(sample)
    size = sum((SAMPLE / body).stat().st_size for body in {entry.body for entry in sample.entries})
    print(f"{len(sample.entries)} responses, {size / 1e6:.2f} MB compressed, in {SAMPLE}")


if __name__ == "__main__":
    main()
