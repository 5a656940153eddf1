"""Sovereign flows: recorded 13F filings and a quarter made after them, through the models, to the cent."""

from __future__ import annotations

import random
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import exp

import duckdb
import pytest

from tests.unit.sources.conftest import response_of
from warehouse.settings import Settings
from warehouse.sources.sec import thirteenf_holdings
from warehouse.transformation import run_dbt

pytestmark = pytest.mark.slow

THOUSANDS = "0001790837-23-000002", 1790837, "bull", date(2022, 12, 31)
"""Filed after 2023-01-03 and still in thousands."""
DOLLARS = "0001894188-23-000007", 1894188, "lts", date(2023, 9, 30)

MODELS = [
    "int_sovereign__thirteenf_books",
    "int_sovereign__thirteenf_instants",
    "int_sovereign__thirteenf_flow_states",
    "fct_thirteenf_positions_quarterly",
    "fct_thirteenf_flows_quarterly",
    "fct_thirteenf_filers_quarterly",
]
COLUMNS = {
    "cik": "bigint",
    "accession_number": "varchar",
    "entry_number": "integer",
    "period_of_report": "date",
    "accepted_at": "timestamptz",
    "amendment_type": "varchar",
    "is_confidential_omitted": "boolean",
    "cusip": "varchar",
    "put_call": "varchar",
    "quantity_type": "varchar",
    "issuer_name": "varchar",
    "class_title": "varchar",
    "quantity": "decimal(18, 2)",
    "value_usd": "decimal(18, 0)",
    "value_unit_basis": "varchar",
    "pit_quality": "varchar",
    "is_deleted": "boolean",
    "known_at": "timestamptz",
    "known_until": "timestamptz",
    "_origin": "varchar",
    "_source_url": "varchar",
}
SPLITS = [Fraction(2), Fraction(3, 2), Fraction(10), Fraction(1, 4)]


def entry(cik, accession, number, period, accepted_at, **said):
    """Return a row of stg_sec__thirteenf_holdings."""
    common = {
        "cik": cik,
        "accession_number": accession,
        "entry_number": number,
        "period_of_report": period,
        "accepted_at": accepted_at,
        "known_at": accepted_at,
        "quantity_type": "SH",
        "value_unit_basis": "schema",
        "pit_quality": "exact",
        "is_deleted": False,
        "_origin": "recorded",
        "_source_url": f"https://www.sec.gov/{accession}",
    }
    return {**dict.fromkeys(COLUMNS), **common, **said}


def recorded_entries(recordings, accession, cik):
    """Read a recorded filing as its connector does."""
    body = (recordings / "sec" / f"{accession}.txt").read_bytes()
    for row in thirteenf_holdings.extract(response_of(thirteenf_holdings.url_of(cik, accession), body)):
        yield entry(
            cik,
            accession,
            row["entry_number"],
            row["period_of_report"],
            datetime.fromisoformat(row["accepted_at"]),
            cusip=row["cusip"],
            put_call=row["putCall"],
            quantity_type=row["sshPrnamtType"],
            issuer_name=row["nameOfIssuer"],
            class_title=row["titleOfClass"],
            quantity=Decimal(row["sshPrnamt"]),
            value_usd=row["value_usd"],
            value_unit_basis=row["value_unit_basis"],
        )


def quarter_after(book, cik, chance):
    """Make the next quarter of a book: trades, splits, exits and a new position; and the split of each that it keeps."""
    period = book[0]["period_of_report"]
    end = (period + timedelta(days=80)).replace(day=28) + timedelta(days=10)
    end = end.replace(day=1) - timedelta(days=1)
    accession, at = f"{cik:010d}-99-000001", datetime(end.year, end.month, end.day, tzinfo=UTC) + timedelta(days=40)
    rows, splits, exits = [], {}, set()
    for number, held in enumerate(book, 1):
        kind = chance.random()
        if kind < 0.15:
            exits.add(held["cusip"])
            continue
        split = chance.choice(SPLITS) if kind < 0.4 and held["quantity"] % 4 == 0 else Fraction(1)
        bought = Decimal(1) if split != 1 or kind < 0.6 else Decimal(round(chance.uniform(0.4, 1.45), 3))
        quantity = held["quantity"] * split.numerator / split.denominator * bought
        price = held["value_usd"] / held["quantity"] * split.denominator / split.numerator
        value = round(quantity * price * Decimal(exp(chance.gauss(0, 0.05))))
        splits[held["cusip"]] = split
        said = {name: held[name] for name in ("cusip", "issuer_name", "class_title")}
        rows.append(
            entry(cik, accession, number, end, at, **said, quantity=quantity.quantize(Decimal("0.01")), value_usd=value)
        )
    new = {"cusip": "NEWPOSN00", "issuer_name": "Newcomer", "class_title": "COM"}
    rows.append(entry(cik, accession, 998, end, at, **new, quantity=Decimal(1000), value_usd=Decimal(123456)))
    option = {**new, "put_call": "Put"}
    rows.append(entry(cik, accession, 999, end, at, **option, quantity=Decimal(500), value_usd=Decimal(9_000_000)))
    return end, rows, splits, exits


@pytest.fixture(scope="module")
def filings(recordings):
    """Each filer's recorded book, and the quarter made after it."""
    missing = [name for name, *_ in (THOUSANDS, DOLLARS) if not (recordings / "sec" / f"{name}.txt").exists()]
    if missing:
        pytest.skip(f"no recorded filings {missing}")
    chance = random.Random(9)
    made = {}
    for accession, cik, entity, _ in (THOUSANDS, DOLLARS):
        book = list(recorded_entries(recordings, accession, cik))
        made[entity] = (book, *quarter_after(book, cik, chance))
    return made


@pytest.fixture(scope="module")
def warehouse(filings, tmp_path_factory):
    """Path of a warehouse with the filings staged and the models built and tested on them."""
    settings = Settings(home=tmp_path_factory.mktemp("thirteenf"))
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create schema staging")
        connection.execute(
            "create table staging.thirteenf_filers "
            "(cik bigint, name varchar, entity_id varchar, country_code varchar, valid_from date, valid_to date)"
        )
        declared = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
        connection.execute(f"create table staging.stg_sec__thirteenf_holdings ({declared})")
        for _, cik, entity, _ in (THOUSANDS, DOLLARS):
            connection.execute(
                "insert into staging.thirteenf_filers values (?, ?, ?, 'US', date '2013-07-01', null)",
                [cik, entity, entity],
            )
            book, _, after, *_ = filings[entity]
            marks = ", ".join("?" * len(COLUMNS))
            connection.executemany(
                f"insert into staging.stg_sec__thirteenf_holdings values ({marks})",
                [[row[name] for name in COLUMNS] for row in book + after],
            )
    run_dbt(settings, "test", "build", "--exclude-resource-type", "unit_test", "-s", *MODELS)
    return settings.warehouse


def ask(path, sql, *values):
    with duckdb.connect(str(path), read_only=True) as connection:
        cursor = connection.execute(sql, list(values))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize(
    ("filing", "value", "count"),
    [(THOUSANDS, 192_767_000, 90), (DOLLARS, 454_926_000, 14)],
    ids=["thousands", "dollars"],
)
def test_a_recorded_book_is_in_dollars_whatever_its_filing_says(warehouse, filing, value, count):
    found = ask(
        warehouse,
        "select sum(value_usd) as value, count(*) as count, median(price_usd) as price "
        "from marts.fct_thirteenf_positions_quarterly where entity_id = ? and quarter_end = ?",
        filing[2],
        filing[3],
    )[0]
    assert (found["value"], found["count"]) == (value, count)
    assert 10 < found["price"] < 500


@pytest.mark.parametrize("entity", ["bull", "lts"])
def test_price_effect_and_active_flow_are_the_change_to_the_cent(warehouse, filings, entity):
    book, end, after, splits, exits = filings[entity]
    flows = {
        row["cusip"]: row
        for row in ask(
            warehouse,
            "select * from marts.fct_thirteenf_flows_quarterly where entity_id = ? and quarter_end = ?",
            entity,
            end,
        )
    }
    now = {row["cusip"]: row for row in after if row["put_call"] is None}
    assert set(flows) == {row["cusip"] for row in book} | set(now)
    assert any(split != 1 for split in splits.values())
    assert exits
    for held in book:
        flow = flows[held["cusip"]]
        if held["cusip"] in exits:
            assert (flow["position_state"], flow["price_effect_usd"]) == ("exit", None)
            assert flow["active_flow_usd"] == flow["change_usd"] == -held["value_usd"]
            continue
        one, split = now[held["cusip"]], splits[held["cusip"]]
        assert Fraction(flow["split_factor"]).limit_denominator(100) == split, held["issuer_name"]
        assert flow["price_effect_usd"] + flow["active_flow_usd"] == one["value_usd"] - held["value_usd"]
        before, q1 = Fraction(held["quantity"]), Fraction(one["quantity"])
        p0, p1 = Fraction(held["value_usd"]) / before, Fraction(one["value_usd"]) / q1
        assert abs(Fraction(flow["active_flow_usd"]) - (q1 - before * split) * p1) < Fraction(1, 100)
        assert abs(Fraction(flow["price_effect_usd"]) - before * split * (p1 - p0 / split)) < Fraction(1, 100)
    new = flows["NEWPOSN00"]
    assert (new["position_state"], new["price_effect_usd"], new["active_flow_usd"]) == ("new", 0, 123456)


@pytest.mark.parametrize("entity", ["bull", "lts"])
def test_a_filers_totals_are_the_sum_of_its_positions_without_options(warehouse, filings, entity):
    book, end, after, _, exits = filings[entity]
    first, second = ask(
        warehouse, "select * from marts.fct_thirteenf_filers_quarterly where entity_id = ? order by quarter_end", entity
    )
    assert (first["active_flow_usd_bn"], first["null_reason"]) == (None, "missing_input: report_before")
    assert second["quarter_end"] == end
    value = sum(row["value_usd"] for row in after if row["put_call"] is None)
    assert second["value_usd_bn"] == pytest.approx(float(value) / 1e9, abs=1e-12)
    assert second["option_notional_usd_bn"] == pytest.approx(0.009, abs=1e-12)
    assert (second["exit_count"], second["new_count"]) == (len(exits), 1)
    smallest = sorted(book, key=lambda row: (row["value_usd"], row["cusip"]))[: -(-len(book) // 3)]
    sold = len(exits & {row["cusip"] for row in smallest}) / len(exits)
    assert second["lowest_conviction_sold_ratio"] == pytest.approx(sold)


def test_a_flow_is_known_when_both_its_quarters_are(warehouse):
    rows = ask(
        warehouse,
        "select flows.known_at >= max(positions.known_at) as is_late_enough from marts.fct_thirteenf_flows_quarterly flows "
        "join marts.fct_thirteenf_positions_quarterly positions on flows.entity_id = positions.entity_id "
        "group by flows.entity_id, flows.known_at",
    )
    assert rows
    assert all(row["is_late_enough"] for row in rows)


def test_el_salvadors_custody_shift_is_no_purchase(built):
    with duckdb.connect(str(built.current.resolve() / "warehouse.duckdb"), read_only=True) as connection:
        shifted = connection.execute(
            "select entity_id, month_end::varchar, active_flow_usd_bn, null_reason "
            "from marts.fct_sovereign_treasury_flows_monthly where is_custody_shift order by entity_id"
        ).fetchall()
    assert shifted == [
        ("SV", "2025-03-31", None, "custody_shift"),
        ("all_other", "2025-03-31", None, "custody_shift"),
    ]


def test_flows_of_holders_are_parts_of_the_change(built):
    with duckdb.connect(str(built.current.resolve() / "warehouse.duckdb"), read_only=True) as connection:
        count, worst, reasons = connection.execute(
            "select count(active_flow_usd_bn), "
            "max(abs(change_usd_bn - price_effect_usd_bn - active_flow_usd_bn - other_change_usd_bn)), "
            "list_sort(list_distinct(list(null_reason))) from marts.fct_sovereign_treasury_flows_monthly"
        ).fetchone()
    assert count > 12_000
    assert worst < 1e-6
    assert reasons == ["custody_shift", "list_of_holders_changed", "missing_input: holdings_before"]
    assert all(re.fullmatch(r"[a-z_]+(: [a-z_]+)?", reason) for reason in reasons)
