"""The faults: what is planted where, and what has to come of it."""

from __future__ import annotations

import json

from tests.planted import (
    CLIENT,
    GATE,
    MISSED,
    NONE,
    REFUSED,
    Planted,
    columns_scaled,
    copied_series,
    later,
    moved_down,
    of_csv,
    of_fiscal,
    of_list,
    of_rows,
    of_series,
    of_text,
    scaled,
    straightened,
    times,
    with_series,
    without,
    without_series,
)
from tests.unit.sources import answers

GOOD = {
    url: body
    for name in ("coinbase.candles", "treasury.par_yields")
    for url, body in answers.answers()[name].bodies().items()
}
"""Good answers of tables that the sample does not have, by address."""

DEBT = {"table": "fiscaldata.debt_to_penny", "url": "debt_to_penny", "partition": "2025"}
CASH = {"table": "fiscaldata.operating_cash_balance", "url": "operating_cash_balance", "partition": "2025"}
AUCTIONS = {"table": "fiscaldata.auctions", "url": "auction_date:gte:2022", "partition": "2022"}
STRESS = {"table": "ofr.financial_stress", "url": "fsi.csv"}
NFCI = {"table": "chicagofed.nfci", "url": "nfci"}
H41 = {"table": "board.h41", "url": "H41"}
H15 = {"table": "board.h15", "url": "H15"}
REPO = {"table": "nyfed.reverse_repo", "url": "Repo&startDate=2026-01-01", "partition": "2026"}
RATES = {"table": "nyfed.reference_rates", "url": "sofr/search.json?endDate=2026-09-12", "partition": "2026"}
HOLDERS = {"table": "tic.major_foreign_holders", "url": "mfhhis01"}
COIN = {"table": "defillama.coin_prices", "url": "bitcoin", "partition": "bitcoin-2026"}
GDP = {"table": "bea.gdp", "url": "NipaDataQ"}
FACTS = {"table": "sec.company_facts", "url": "companyfacts/CIK0001045810", "partition": "0001045810"}
FILINGS = {"table": "sec.submissions", "url": "submissions/CIK0001045810", "partition": "0001045810"}
CANDLES = {"table": "coinbase.candles", "url": "BTC-USD/candles", "partition": "BTC-USD-2025"}
CURVE = {"table": "treasury.par_yields", "url": "interest-rates", "partition": "2025"}


def _fact(tag: str, change) -> object:
    return of_list("facts", "us-gaap", tag, "units", "USD", change=change)


def _every_fact(change) -> object:
    """Edit the facts of every tag in dollars."""

    def edit(body: bytes) -> bytes:
        document = json.loads(body)
        for tag in document["facts"]["us-gaap"].values():
            for unit, facts in tag["units"].items():
                tag["units"][unit] = change(facts)
        return json.dumps(document).encode() + b"\n"

    return edit


def _column(place: int, change) -> object:
    """Edit one column of a CSV as a list of numbers."""

    def rows(found: list[list[str]]) -> list[list[str]]:
        values = change([float(row[place]) for row in found])
        return [[*row[:place], f"{v:.3f}", *row[place + 1 :]] for row, v in zip(found, values, strict=True)]

    return of_rows(rows)


def _debt_on_a_line(rows: list[dict]) -> list[dict]:
    """Draw both parts of the debt as straight lines between two days, and sum them."""
    parts = {
        field: straightened([float(row[field]) for row in rows], 10, 45)
        for field in ("debt_held_public_amt", "intragov_hold_amt")
    }
    drawn = []
    for n, row in enumerate(rows):
        cents = {field: round(values[n] * 100) for field, values in parts.items()}
        drawn.append(
            {
                **row,
                **{field: f"{c // 100}.{c % 100:02d}" for field, c in cents.items()},
                "tot_pub_debt_out_amt": f"{sum(cents.values()) // 100}.{sum(cents.values()) % 100:02d}",
            }
        )
    return drawn


def _revised_debt(rows: list[dict]) -> list[dict]:
    """Revise one day by a thousandth, the total with it."""
    public = round(float(rows[20]["debt_held_public_amt"]) * 100.1)
    total = public + round(float(rows[20]["intragov_hold_amt"]) * 100)
    changed = {"debt_held_public_amt": f"{public // 100}.{public % 100:02d}"}
    changed["tot_pub_debt_out_amt"] = f"{total // 100}.{total % 100:02d}"
    return [*rows[:20], {**rows[20], **changed}, *rows[21:]]


def _last_debt_again(rows: list[dict]) -> list[dict]:
    last = max(rows, key=_of_day)
    return [*rows, {**last, "record_date": later(_of_day(last))}]


def _carried_forward(rows: list[list[str]]) -> list[list[str]]:
    """Add six weeks in which one figure stands still and the others move on."""
    month, day, year = rows[-1][0].split("/")
    weeks = [later(f"{year}-{month}-{day}", 7 * n).split("-") for n in range(1, 7)]
    return [
        *rows,
        *(
            [f"{m}/{d}/{y}", rows[-1][1], *(times(1 + n / 200, 5, v) for v in rows[-1][2:])]
            for n, (y, m, d) in enumerate(weeks, 1)
        ),
    ]


def _swapped(first: str, second: str):
    return lambda rows: [{**row, first: row[second], second: row[first]} for row in rows]


def _new_order(header: list[str], rows: list[list[str]]):
    order = [0, *range(len(header) - 1, 0, -1)]
    return [header[n] for n in order], [[row[n] for n in order] for row in rows]


def _exchanged(first: int, second: int):
    def change(row: list[str]) -> list[str]:
        row = list(row)
        row[first], row[second] = row[second], row[first]
        return row

    return lambda rows: [change(row) for row in rows]


def _emptied(place: int):
    return lambda rows: [[*row[:place], "", *row[place + 1 :]] if n % 2 else row for n, row in enumerate(rows)]


def _of_day(row: dict) -> str:
    return row["record_date"]


DEBT_FIELDS = ("debt_held_public_amt", "intragov_hold_amt", "tot_pub_debt_out_amt")


def _days_of_cash(rows: list[dict]) -> list[dict]:
    """Add three days on which nothing moves."""
    closing = next(r for r in reversed(rows) if "Closing" in r["account_type"])["open_today_bal"]
    last = [r for r in rows if r["record_date"] == rows[-1]["record_date"]]
    still = {"Opening": closing, "Closing": closing}
    return [
        *rows,
        *(
            {
                **row,
                "record_date": day,
                "open_today_bal": next((v for word, v in still.items() if word in row["account_type"]), "0"),
            }
            for day in ("2025-07-14", "2025-07-15", "2025-07-16")
            for row in last
        ),
    ]


BOTH_BOOKS = (
    (CASH["url"], of_fiscal(_days_of_cash)),
    (H41["url"], with_series("RESPPLLDT_N.WW", [("2025-07-16", "111048")], "RESH4R_XAW_N.WW")),
)
"""The account at the Treasury and at the Federal Reserve, far apart on a day that neither had said before."""

FAULTS: list[Planted] = [
    # Debt to the Penny: JSON, business days, parts and total
    Planted(
        name="debt in thousands", **DEBT, edit=of_fiscal(scaled(0.001, *DEBT_FIELDS)), gate=REFUSED, finding="is not in"
    ),
    Planted(
        name="one day's part doubled",
        **DEBT,
        gate=GATE,
        finding="parts_sum_to_total",
        edit=of_fiscal(scaled(2, "intragov_hold_amt", when=lambda row: _of_day(row) == "2025-02-03")),
    ),
    Planted(
        name="words in a column of numbers",
        **DEBT,
        gate=REFUSED,
        finding="tot_pub_debt_out",
        edit=of_fiscal(lambda rows: [{**row, "tot_pub_debt_out_amt": "see note"} for row in rows]),
    ),
    Planted(
        name="negative debt",
        **DEBT,
        gate=REFUSED,
        finding="holders_owe_no_money",
        edit=of_fiscal(scaled(-1, *DEBT_FIELDS)),
    ),
    Planted(
        name="a missing week of business days",
        **DEBT,
        gate=GATE,
        finding="no_gap_in_the_calendar",
        edit=of_fiscal(without("2025-02-10", "2025-02-14", _of_day)),
    ),
    Planted(
        name="truncated history",
        **DEBT,
        gate=GATE,
        severity="warning",
        finding="history_not_truncated",
        edit=of_fiscal(lambda rows: rows[30:]),
        serves="all that was there: ours stays whole",
    ),
    Planted(
        name="a future date",
        **DEBT,
        gate=GATE,
        finding="no_day_of_the_future",
        edit=of_fiscal(lambda rows: [*rows, {**rows[-1], "record_date": "2026-12-31"}]),
    ),
    Planted(
        name="one day twice, with two values",
        **DEBT,
        gate=REFUSED,
        finding="whose key came before",
        edit=of_fiscal(lambda rows: [*rows, *scaled(1.01, *DEBT_FIELDS)(rows[10:12])]),
    ),
    Planted(
        name="a value revised by 0.1 %",
        **DEBT,
        gate=NONE,
        severity="none",
        edit=of_fiscal(_revised_debt),
        serves="the revised value, the old one as of before",
    ),
    Planted(
        name="interpolated values", **DEBT, gate=GATE, finding="series_not_flattened", edit=of_fiscal(_debt_on_a_line)
    ),
    Planted(
        name="a day's three figures again, as those of the next",
        **DEBT,
        gate=GATE,
        finding="news_is_no_repetition",
        edit=of_fiscal(_last_debt_again),
    ),
    Planted(
        name="a page without rows",
        **DEBT,
        gate=REFUSED,
        finding="",
        edit=of_fiscal(lambda _: []),
    ),
    Planted(
        name="the Treasury's cash in place of its debt",
        **DEBT,
        gate=REFUSED,
        edit=of_fiscal(lambda rows: [{"record_date": r["record_date"], "open_today_bal": "1"} for r in rows]),
    ),
    # Financial Stress Index: a wide CSV of business days since 2000
    Planted(
        name="an index a thousand times too large",
        **STRESS,
        edit=of_rows(columns_scaled(1000, *range(1, 10))),
        gate=GATE,
        finding="history_keeps_its_unit",
    ),
    Planted(
        name="an index as a hundredth",
        **STRESS,
        edit=of_rows(columns_scaled(0.01, *range(1, 10), digits=6)),
        gate=GATE,
        finding="history_keeps_its_unit",
    ),
    Planted(
        name="two columns exchanged", **STRESS, edit=of_rows(_exchanged(2, 5)), gate=GATE, finding="series_not_copied"
    ),
    Planted(
        name="a stale file under a new date",
        **STRESS,
        gate=GATE,
        finding="news_is_no_repetition",
        edit=of_rows(lambda rows: [*rows, ["2024-12-02", *rows[-1][1:]]]),
    ),
    Planted(
        name="an old file served as new",
        **STRESS,
        gate=GATE,
        finding="newest_period_kept",
        edit=of_rows(lambda rows: rows[:-20]),
    ),
    Planted(
        name="a missing month",
        **STRESS,
        gate=GATE,
        finding="no_gap_in_the_calendar",
        edit=of_rows(without("2018-05-01", "2018-05-31")),
    ),
    Planted(
        name="every day shifted by one", **STRESS, gate=GATE, finding="periods_not_shifted", edit=of_rows(moved_down)
    ),
    Planted(
        name="one column constant",
        **STRESS,
        gate=GATE,
        finding="series_not_flattened",
        edit=_column(4, lambda values: [values[0]] * len(values)),
    ),
    Planted(
        name="one column copied over another",
        **STRESS,
        gate=GATE,
        finding="series_not_copied",
        edit=of_rows(lambda rows: [[*row[:4], row[3], *row[5:]] for row in rows]),
    ),
    Planted(
        name="half of a column empty",
        **STRESS,
        gate=GATE,
        finding="history_keeps_its_values",
        edit=of_rows(_emptied(2)),
    ),
    Planted(
        name="another encoding",
        **STRESS,
        gate=REFUSED,
        finding="cannot be decoded",
        edit=lambda body: body.decode().encode("utf-16"),
    ),
    Planted(
        name="damaged letters in the header",
        **STRESS,
        gate=REFUSED,
        finding="",
        edit=of_text(("Volatility", "Volatilit\u00c3\u00a9")),
    ),
    Planted(
        name="a page of HTML as CSV",
        **STRESS,
        gate=CLIENT,
        finding="",
        edit=lambda _: b"<!DOCTYPE html><html><body>Down for maintenance</body></html>",
    ),
    Planted(name="a header renamed", **STRESS, gate=REFUSED, finding="", edit=of_text(("Safe assets", "Safe haven"))),
    Planted(
        name="columns in another order",
        **STRESS,
        gate=NONE,
        severity="none",
        edit=of_csv(_new_order),
        serves="the same rows",
    ),
    Planted(name="an empty file", **STRESS, gate=CLIENT, finding="", edit=lambda _: b""),
    Planted(
        name="a file cut inside a line",
        **STRESS,
        gate=REFUSED,
        finding="ends inside a line",
        edit=lambda body: body[: len(body) // 2],
    ),
    Planted(
        name="a decade restated by a little",
        **STRESS,
        gate=GATE,
        severity="warning",
        finding="history_not_restated",
        edit=of_rows(columns_scaled(1.003, *range(1, 10), when=lambda row: row[0] < "2011")),
        serves="the restated values, the old ones as of before",
    ),
    Planted(
        name="a decade restated by one factor",
        **STRESS,
        gate=GATE,
        finding="history_not_rescaled",
        edit=of_rows(columns_scaled(1.1, *range(1, 10), digits=6, when=lambda row: row[0] < "2011")),
    ),
    # National Financial Conditions Index: weeks since 1971
    Planted(
        name="a missing week of a weekly index",
        **NFCI,
        gate=GATE,
        finding="no_gap_in_the_calendar",
        edit=of_rows(lambda rows: [row for row in rows if row[0] != "05/18/2018"]),
    ),
    Planted(
        name="every sign flipped",
        **NFCI,
        gate=GATE,
        finding="history_keeps_its_unit",
        edit=of_rows(columns_scaled(-1, 1)),
    ),
    Planted(
        name="every week shifted by one", **NFCI, gate=GATE, finding="periods_not_shifted", edit=of_rows(moved_down)
    ),
    Planted(
        name="a download cut between two lines",
        **NFCI,
        gate=GATE,
        finding="history_not_shrunken",
        edit=of_rows(lambda rows: rows[: len(rows) // 2]),
    ),
    Planted(
        name="rows of another table",
        **NFCI,
        gate=REFUSED,
        finding="",
        edit=of_rows(lambda rows: [*rows, *(["2018-05-01", "2.1", *[""] * 5] for _ in range(60))]),
    ),
    Planted(
        name="all of the past drawn anew by a thousandth",
        **NFCI,
        gate=GATE,
        severity="warning",
        finding="history_not_restated",
        serves="the restated values, the old ones as of before",
        edit=of_rows(lambda rows: [[r[0], times(1 + (n % 7 - 3) / 1000, 3, r[1]), *r[2:]] for n, r in enumerate(rows)]),
    ),
    Planted(
        name="the last two years shifted by one week",
        **NFCI,
        gate=GATE,
        finding="periods_not_shifted",
        edit=of_rows(lambda rows: [*rows[:-104], *moved_down(rows[-105:])[1:]]),
    ),
    Planted(
        name="the last year in another unit, beside a past drawn anew",
        **NFCI,
        gate=GATE,
        finding="history_keeps_its_unit",
        edit=of_rows(
            lambda rows: [
                [r[0], times((1 + (n % 7 - 3) / 1000) * (100 if n >= len(rows) - 52 else 1), 3, r[1]), *r[2:]]
                for n, r in enumerate(rows)
            ]
        ),
    ),
    Planted(
        name="a feed carried forward",
        **NFCI,
        gate=GATE,
        finding="news_is_not_frozen",
        edit=of_rows(_carried_forward),
    ),
    # H.4.1: a zip of SDMX, weeks
    Planted(
        name="one series a thousand times too large",
        **H41,
        gate=GATE,
        finding="history_keeps_its_unit",
        edit=of_series("RESH4R_XAW_N.WW", lambda pairs: [(d, times(1000, 0, v)) for d, v in pairs]),
    ),
    Planted(name="half a zip", **H41, gate=CLIENT, finding="", edit=lambda body: body[: len(body) // 2]),
    Planted(
        name="a new series",
        **H41,
        gate=NONE,
        severity="none",
        serves="the new series beside the others",
        edit=with_series("RESPPLLDT_N.WW", [("2025-07-02", "372228"), ("2025-07-09", "311048")], "RESH4R_XAW_N.WW"),
    ),
    Planted(
        name="the Treasury's account off by half",
        **H41,
        gate=GATE,
        finding="treasury_account_agrees_at_all",
        edit=with_series("RESPPLLDT_N.WW", [("2025-07-02", "372228"), ("2025-07-09", "131250")], "RESH4R_XAW_N.WW"),
    ),
    Planted(
        name="the Treasury's account off by a tenth",
        **H41,
        gate=GATE,
        severity="warning",
        finding="treasury_account_agrees",
        serves="both figures, and the warning in its quality report",
        edit=with_series("RESPPLLDT_N.WW", [("2025-07-02", "372228"), ("2025-07-09", "342048")], "RESH4R_XAW_N.WW"),
    ),
    Planted(
        name="half a universe missing",
        **H41,
        gate=GATE,
        finding="history_not_shrunken",
        edit=without_series("RESH4R_XAW_N.WW"),
    ),
    Planted(
        name="the newest week in thousands",
        **H41,
        gate=GATE,
        finding="news_keeps_its_unit",
        edit=of_series("RESH4R_XAW_N.WW", lambda pairs: [*pairs, (later(pairs[-1][0], 7), "3129562000")]),
    ),
    # H.15: a zip of SDMX, business days
    Planted(
        name="a yield in basis points",
        **H15,
        gate=GATE,
        finding="history_keeps_its_unit",
        edit=of_series("RIFLGFCY10_N.B", lambda pairs: [(d, times(100, 0, v)) for d, v in pairs]),
    ),
    Planted(
        name="a percentage as a fraction",
        **H15,
        gate=GATE,
        finding="history_keeps_its_unit",
        edit=of_series("RIFLGFCY02_N.B", lambda pairs: [(d, times(0.01, 4, v)) for d, v in pairs]),
    ),
    Planted(
        name="one series copied into another",
        **H15,
        gate=GATE,
        finding="series_not_copied",
        edit=copied_series("RIFLGFCY02_N.B", "RIFLGFCY10_N.B"),
    ),
    Planted(
        name="one series shifted by one day",
        **H15,
        gate=GATE,
        finding="periods_not_shifted",
        edit=of_series(
            "RIFLGFCY10_N.B", lambda pairs: [(day, v) for (day, _), (_, v) in zip(pairs[1:], pairs, strict=False)]
        ),
    ),
    # Reverse repo operations: JSON, a year of business days
    Planted(
        name="billions taken for millions",
        **REPO,
        gate=REFUSED,
        finding="is not in",
        edit=of_list("repo", "operations", change=scaled(1000, "totalAmtAccepted", digits=0)),
    ),
    Planted(
        name="last year's operations",
        **REPO,
        gate=GATE,
        finding="operation_is_of_its_year",
        edit=of_list(
            "repo",
            "operations",
            change=lambda rows: [
                {**row, "operationDate": row["operationDate"].replace("2026", "2025")} for row in rows
            ],
        ),
    ),
    Planted(
        name="one operation under two numbers",
        **REPO,
        gate=GATE,
        severity="warning",
        finding="one_regular_overnight_operation_a_day",
        serves="both operations, and the warning",
        edit=of_list("repo", "operations", change=lambda rows: [*rows, {**rows[3], "operationId": "RRP again"}]),
    ),
    Planted(
        name="an older answer without the newest operations",
        **REPO,
        gate=GATE,
        finding="newest_period_kept",
        edit=of_list(
            "repo",
            "operations",
            change=lambda rows: sorted(rows, key=lambda row: row["operationDate"], reverse=True)[2:],
        ),
    ),
    # SOFR: JSON, a year of business days
    Planted(
        name="a rate as a fraction",
        **RATES,
        gate=GATE,
        finding="history_keeps_its_unit",
        edit=of_list(
            "refRates", change=lambda rows: [{**r, "percentRate": round(r["percentRate"] / 100, 6)} for r in rows]
        ),
    ),
    Planted(
        name="the newest rate in basis points",
        **RATES,
        gate=GATE,
        finding="rate_pct",
        edit=of_list(
            "refRates", change=lambda rows: [{**rows[0], "effectiveDate": "2026-05-26", "percentRate": 355}, *rows]
        ),
    ),
    Planted(
        name="the newest rate ten times too small",
        **RATES,
        gate=GATE,
        severity="warning",
        finding="sofr_moves_slowly",
        edit=of_list(
            "refRates", change=lambda rows: [{**rows[0], "effectiveDate": "2026-05-26", "percentRate": 0.35}, *rows]
        ),
        serves="the new rate, and the warning",
    ),
    # Auctions: JSON, a year
    Planted(
        name="more accepted than tendered",
        **AUCTIONS,
        gate=GATE,
        finding="accepted_within_tendered",
        edit=of_fiscal(_swapped("total_tendered", "total_accepted")),
    ),
    Planted(
        name="bid-to-cover that is not bids by awards",
        **AUCTIONS,
        gate=GATE,
        severity="warning",
        finding="bid_to_cover_recomputed",
        serves="the ratio as published, and the warning",
        edit=of_fiscal(
            lambda rows: [
                {**r, "bid_to_cover_ratio": times(1.2, 2, r["bid_to_cover_ratio"])} if n % 20 == 0 else r
                for n, r in enumerate(rows)
            ]
        ),
    ),
    Planted(
        name="auctions in millions",
        **AUCTIONS,
        gate=GATE,
        finding="offering_amt",
        edit=of_fiscal(scaled(1e-6, "offering_amt", digits=0)),
    ),
    Planted(
        name="discount rates as fractions",
        **AUCTIONS,
        gate=GATE,
        finding="bills_priced_from_their_discount",
        edit=of_fiscal(scaled(0.01, "high_discnt_rate", digits=5)),
    ),
    # The Treasury's cash: JSON, five days
    Planted(
        name="flows that do not explain the balance",
        **CASH,
        gate=GATE,
        severity="warning",
        finding="flows_explain_the_balance",
        serves="the figures as published, and the warning",
        edit=of_fiscal(scaled(2, "open_today_bal", digits=0, when=lambda row: "Deposits" in row["account_type"])),
    ),
    Planted(
        name="the closing line renamed",
        **CASH,
        gate=GATE,
        finding="one_closing_balance_a_day",
        edit=of_fiscal(
            lambda rows: [
                {**r, "account_type": r["account_type"].replace("Closing Balance", "Balance at Close")} for r in rows
            ]
        ),
    ),
    # Major foreign holders: ragged text, months
    Planted(
        name="one holder doubled, not the total",
        **HOLDERS,
        gate=GATE,
        finding="holders_sum_to_grand_total",
        edit=of_text(("\t1185.5\t", "\t2371\t")),
    ),
    Planted(
        name="a holder renamed",
        **HOLDERS,
        gate=GATE,
        finding="largest_holders_present",
        edit=of_text(("China, Mainland", "China")),
    ),
    # Bitcoin: JSON, days
    Planted(
        name="euros for dollars",
        **COIN,
        gate=GATE,
        finding="history_not_rescaled",
        edit=of_list(
            "coins",
            "coingecko:bitcoin",
            "prices",
            change=lambda rows: [{**r, "price": round(r["price"] * 0.8613, 2)} for r in rows],
        ),
    ),
    Planted(
        name="a split not adjusted",
        **COIN,
        gate=GATE,
        finding="history_not_rescaled",
        edit=of_list(
            "coins",
            "coingecko:bitcoin",
            "prices",
            change=lambda rows: [{**r, "price": round(r["price"] / 2, 2)} if n < 60 else r for n, r in enumerate(rows)],
        ),
    ),
    Planted(
        name="another time zone",
        **COIN,
        gate=GATE,
        finding="periods_not_shifted",
        edit=of_list(
            "coins",
            "coingecko:bitcoin",
            "prices",
            change=lambda rows: [{**r, "timestamp": r["timestamp"] - 86400} for r in rows[1:]],
        ),
    ),
    Planted(
        name="an hour twice, as daylight saving ends",
        **COIN,
        gate=NONE,
        severity="none",
        edit=of_list("coins", "coingecko:bitcoin", "prices", change=lambda rows: [*rows, {**rows[100], "price": 1.0}]),
        serves="the same rows",
    ),
    # Output: CSV with quoted numbers, quarters
    Planted(
        name="output in billions",
        **GDP,
        gate=REFUSED,
        edit=lambda body: b"\n".join(
            line if b'"' not in line else line.rpartition(b",")[0] + b'"' for line in body.split(b"\n")
        ),
    ),
    Planted(
        name="a missing quarter",
        **GDP,
        gate=GATE,
        finding="no_gap_in_the_calendar",
        edit=lambda body: b"\n".join(line for line in body.split(b"\n") if b"2009Q2" not in line),
    ),
    # Company facts and filings: JSON
    Planted(
        name="a company's facts in thousands",
        **FACTS,
        gate=GATE,
        finding="history_keeps_its_unit",
        edit=_every_fact(lambda facts: [{**f, "val": f["val"] // 1000} for f in facts]),
    ),
    Planted(
        name="half of a company's tags missing",
        **FACTS,
        gate=GATE,
        finding="history_not_shrunken",
        edit=of_list("facts", "us-gaap", change=lambda tags: dict(list(tags.items())[::2])),
    ),
    Planted(
        name="another filer's list",
        **FILINGS,
        gate=REFUSED,
        finding="another filer",
        edit=of_text(('"cik":"0001045810"', '"cik":"0000320193"')),
    ),
    # Candles: JSON arrays, days
    Planted(
        name="high below low",
        **CANDLES,
        gate=REFUSED,
        finding="",
        edit=lambda body: json.dumps([[r[0], r[2], r[1], *r[3:]] for r in json.loads(body)]).encode() + b"\n",
    ),
    # Par curve: CSV, business days
    Planted(
        name="a curve half a point off the Board's",
        **CURVE,
        gate=GATE,
        finding="par_curve_agrees_at_all",
        edit=of_text((",4.55,", ",5.25,"), (",4.47,", ",5.17,")),
    ),
    Planted(
        name="a curve five hundredths off the Board's",
        **CURVE,
        gate=GATE,
        severity="warning",
        finding="par_curve_agrees",
        serves="both figures, and the warning in its quality report",
        edit=of_text((",4.47,", ",4.52,")),
    ),
    # What nobody can know
    Planted(
        name="one old value wrong by 3 %",
        **GDP,
        gate=MISSED,
        severity="none",
        serves="the wrong value",
        edit=lambda body: body.replace(b'A191RC,2005Q1,"12,767,286"', b'A191RC,2005Q1,"13,150,305"'),
        because="A revision of one figure by a few percent is what publishers do; it gets a version of its own.",
    ),
]
