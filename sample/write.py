"""Write sample/: real public figures, set by us into the publishers' wire shapes, for the demo and the tests.

Run it as `python sample/write.py <folder of recorded responses>`; the folder defaults to DRYPOWDER_RECORDINGS. No file
is copied: figures are parsed, chosen and written anew, with the same bytes on every run. Every response is therefore
marked `reconstructed`. The addresses are those the connectors ask for, because the connectors' own code forms them.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from warehouse.contract import Response
from warehouse.recording import INDEX, Recorded, canonical_url
from warehouse.sources import defillama, fiscaldata, ofr, sec, tic

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
        # operations
        "NetCashProvidedByUsedInOperatingActivities",
        "RevenueFromContractWithCustomerExcludingAssessedTax",
        "Revenues",
        # shareholders
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
        "ProceedsFromShortTermDebt",
        "ProceedsFromRepaymentsOfShortTermDebtMaturingInThreeMonthsOrLess",
        "ProceedsFromRepaymentsOfCommercialPaper",
        "RepaymentsOfLongTermDebt",
        "RepaymentsOfDebtAndCapitalLeaseObligations",
        "RepaymentsOfDebtMaturingInMoreThanThreeMonths",
        "RepaymentsOfDebt",
        "RepaymentsOfShortTermDebt",
        # securities
        "PaymentsToAcquireInvestments",
        "PaymentsToAcquireMarketableSecurities",
        "PaymentsToAcquireAvailableForSaleSecuritiesDebt",
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
    }
)
"""The tags of METHOD's A.1."""

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

FIRST_YEAR = 2008
"""Bidder classes are published since 2008; older auctions are prices only and left out."""

GATHERED = {"auctions": "2026-01-31", "fsi": "2024-12-04", "tic": "2026-03-19", "crypto": "2026-07-25"}


@dataclass
class Sample:
    """The folder being written, and the index of it."""

    entries: list[Recorded] = field(default_factory=list)

    def add(self, path: str, url: str, body: str, fetched: str, params: dict[str, str] | None = None) -> None:
        """Write one body, and remember it as the answer to a request made on the day `fetched`."""
        content_type = "application/json" if body[:1] in "{[" else "text/plain"
        file = SAMPLE / path
        file.parent.mkdir(parents=True, exist_ok=True)
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
    names = {ours: theirs for theirs, ours in ofr.HEADER.items()}
    lines = [",".join(names.values())]
    for row in ofr.extract(_response(recordings / "liquidity" / "fsi.csv", ofr.URL)):
        figures = ["" if row[name] is None else str(row[name]) for name in list(names)[1:]]
        lines.append(",".join([str(row["observation_date"]), *figures]))
    sample.add("ofr/fsi.csv.gz", ofr.URL, "\n".join(lines) + "\n", GATHERED["fsi"])


def write_foreign_holders(sample: Sample, recordings: Path) -> None:
    """Write the table of foreign holders in yearly blocks, newest first, without the publisher's footnotes."""
    response = _response(recordings / "sovereign" / "tic_mfhhis01.txt", tic.URL)
    blocks: dict[str, dict[str, dict[tuple[str, str], object]]] = defaultdict(lambda: defaultdict(dict))
    memo = set()
    for row in tic.extract(response):
        holder, month_end = str(row["holder_name"]), str(row["month_end"])
        blocks[month_end[:4]][holder][month_end, str(row["survey_basis"])] = row["holdings_usd_bn"]
        if row["is_memo"]:
            memo.add(holder)
    lines = [["", "", "MAJOR FOREIGN HOLDERS OF TREASURY SECURITIES"], ["", "", "(in billions of dollars)"], [""]]
    for year in sorted(blocks, reverse=True):
        holders = blocks[year]
        # The older survey's column stands to the right of the newer one of its month.
        columns = sorted(next(iter(holders.values())), key=lambda c: (c[0], c[1] == "current"), reverse=True)
        lines += [["", *(tic.MONTHS[int(end[5:7]) - 1] for end, _ in columns)]]
        lines += [["Country", *(end[:4] for end, _ in columns)], ["", *("------" for _ in columns)]]
        lines += [[h, *_figures(f, columns)] for h, f in holders.items() if h not in memo]
        lines += [[""], ["Of which:"]]
        lines += [[h.removeprefix("For. Official: "), *_figures(holders[h], columns)] for h in holders if h in memo]
        lines += [[""]]
    lines += [["Department of the Treasury/Federal Reserve Board"], ["3/18/26"]]
    # Quotes stand around names with commas, and every line has the width of the widest block.
    text = "\n".join(
        "\t".join(f'"{f}"' if "," in f else f for f in [*line, *[""] * (14 - len(line))]) for line in lines
    )
    sample.add("tic/mfhhis01.txt.gz", tic.URL, text + "\n", GATHERED["tic"])


def _figures(by_column: dict[tuple[str, str], object], columns: list[tuple[str, str]]) -> list[str]:
    return ["" if by_column[c] is None else str(by_column[c]) for c in columns]


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


def _response(path: Path, url: str) -> Response:
    return Response(url=url, body=path.read_bytes(), sha256="", fetched_at=datetime.now(UTC), origin="recorded")


def _json(body: object) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False) + "\n"


NOTES = {
    "sec": (
        "SEC EDGAR companyfacts, and facts as filed in 10-Q, 10-K and 8-K",
        "public domain (US government)",
        "tags that METHOD's A.1 does not name; labels; facts not exactly as filed; filing days that are not known",
    ),
    "fiscaldata": (
        "Treasury: Fiscal Data auctions_query and whole-history download, TreasuryDirect securities",
        "free to redistribute",
        "years before 2008; of auctions without detail all but dates and price; of 2026 all but January's bills",
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
"""By source: where the figures are from, under which licence, and what is left out."""


def write_readme(sample: Sample) -> None:
    """Write the table of what there is, derived from the index."""
    groups: dict[str, list[Recorded]] = defaultdict(list)
    for entry in sample.entries:
        groups[entry.body.split("/")[0]].append(entry)
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
    for source, entries in groups.items():
        figures, licence, left_out = NOTES[source]
        lines += [
            f"| {entry.body} | {figures} | {entry.url.split('?')[0]} | {entry.fetched_at:%Y-%m-%d} "
            f"| {entry.origin} | {licence} | {left_out} |"
            for entry in entries
        ]
    lines += [
        "",
        "No Binance or Bitstamp response is here: only closes are known for the days of the sample, and no open, high",
        "or low is invented. CoreWeave is absent because none of its known facts is exactly as filed; of Oracle and",
        "Sandisk there are a few.",
        "",
    ]
    (SAMPLE / "README.md").write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    """Write everything anew and print what was written."""
    default = os.environ.get("DRYPOWDER_RECORDINGS") or SAMPLE.parent.parent / "shared" / "data"
    recordings = Path(sys.argv[1] if len(sys.argv) > 1 else default)
    if not (recordings / "sec").is_dir():
        sys.exit(f"{recordings} holds no recorded responses: give their folder as the argument.")
    sample = Sample()
    for write in (write_company_facts, write_auctions, write_stress_index, write_foreign_holders, write_coin_prices):
        write(sample, recordings)
    (SAMPLE / INDEX).write_text("".join(f"{e.as_json()}\n" for e in sample.entries), encoding="utf-8")
    write_readme(sample)
    size = sum(f.stat().st_size for f in SAMPLE.rglob("*.gz"))
    print(f"{len(sample.entries)} responses, {size / 1e6:.2f} MB compressed, in {SAMPLE}")


if __name__ == "__main__":
    main()
