"""Nine recorded publishers, and how the answer of each is cut to what it had by a day."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tests.planted import of_csv, of_fiscal, of_list, of_member


def american(text):
    month, day, year = text.split("/")
    return f"{year}-{month}-{day}"


def cut_sdmx(last):
    def edit(text):
        return re.sub(r'<frb:Obs [^>]*TIME_PERIOD="([^"]*)" />\n', lambda m: m[0] if m[1] <= last else "", text)

    return of_member(edit)


def up_to(last, day):
    return lambda rows: [row for row in rows if day(row) <= last]


def cut_csv(last, day):
    return of_csv(lambda header, rows: (header, up_to(last, day)(rows)))


def closed(row):
    """Return the day on which a price at noon closed: the sample stamps it with the midnight that follows."""
    return str(datetime.fromtimestamp(row["timestamp"], UTC).date())


PUBLISHERS = {
    # table, partition: part of the address, newest day, and what the publisher had by a day
    ("fiscaldata.debt_to_penny", "2025"): (
        "debt_to_penny", "2025-03-31", lambda last: of_fiscal(up_to(last, lambda row: row["record_date"])),
    ),
    ("fiscaldata.auctions", "2022"): (
        "auction_date:gte:2022", "2022-12-31", lambda last: of_fiscal(up_to(last, lambda row: row["auction_date"])),
    ),
    ("ofr.financial_stress", "all"): ("fsi.csv", "2024-11-29", lambda last: cut_csv(last, lambda row: row[0])),
    ("chicagofed.nfci", "all"): ("nfci", "2026-05-15", lambda last: cut_csv(last, lambda row: american(row[0]))),
    ("board.h41", "all"): ("H41", "2026-05-20", cut_sdmx),
    ("board.h15", "all"): ("H15", "2026-05-22", cut_sdmx),
    ("nyfed.reverse_repo", "2026"): (
        "Repo&startDate=2026-01-01", "2026-05-26",
        lambda last: of_list("repo", "operations", change=up_to(last, lambda row: row["operationDate"])),
    ),
    ("nyfed.reference_rates", "2026"): (
        "sofr/search.json?endDate=2026-09-12", "2026-05-22",
        lambda last: of_list("refRates", change=up_to(last, lambda row: row["effectiveDate"])),
    ),
    ("defillama.coin_prices", "bitcoin-2026"): (
        "bitcoin", "2026-07-25",
        lambda last: of_list("coins", "coingecko:bitcoin", "prices", change=up_to(last, closed)),
    ),
}  # fmt: skip
