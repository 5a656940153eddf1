"""The logs that no API has, kept by hand as seeds: every row can be read, says when it was known and where it stands."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from warehouse import yaml_files
from warehouse.settings import PROJECT_ROOT

SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"
NEW_YORK = ZoneInfo("America/New_York")

LOGS = {
    "capex_guidance": ("entity_id", "period_end"),
    "off_balance_financing": ("financing_id",),
    "commitments": ("commitment_id",),
    "refunding_statements": ("measure", "period_end"),
    "events": ("event_id",),
}
"""Each log, and what its announcements are about: a later one about the same supersedes."""

WITHOUT_FILINGS = {"9984.T", "openai"}
"""Companies that are no part of company_universe, since they file nothing with the SEC."""


@cache
def rows_of(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


ROWS = [(name, number, row) for name in LOGS for number, row in enumerate(rows_of(name), 2)]
EVERY_ROW = pytest.mark.parametrize(("name", "row"), [(n, r) for n, _, r in ROWS], ids=[f"{n}:{i}" for n, i, _ in ROWS])


@cache
def declared() -> dict[str, dict]:
    seeds = yaml_files.read(SEEDS / "_seeds.yml")["seeds"]
    return {seed["name"]: seed for seed in seeds}


def announced_at(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row["announced_at"])


@pytest.mark.parametrize("name", LOGS)
def test_a_log_is_declared_column_for_column_as_it_is_written(name):
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    seed = declared()[name]
    assert [c["name"] for c in seed["columns"]] == header
    assert list(seed["config"]["column_types"]) == header
    assert seed["config"]["column_types"]["announced_at"] == "timestamptz"
    assert rows_of(name)


@EVERY_ROW
def test_a_row_says_when_it_was_known_and_how_well(name, row):
    at = announced_at(row)
    assert at.tzinfo is not None
    assert at.utcoffset() == at.astimezone(NEW_YORK).utcoffset(), "written in New York's time"
    assert datetime(2015, 1, 1, tzinfo=UTC) < at < datetime(2030, 1, 1, tzinfo=UTC)
    ends_the_day = at.time().isoformat() == "23:59:59"
    assert {"day": ends_the_day, "minute": not ends_the_day}[row["announced_precision"]], name


@EVERY_ROW
def test_a_row_has_the_address_of_its_source(name, row):
    address = urlsplit(row["source_url"])
    assert address.scheme in {"http", "https"}, name
    assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", address.netloc), row["source_url"]
    assert not re.search(r"\s", row["source_url"])
    assert row["source_name"].strip() == row["source_name"] != ""
    assert row["certainty"] in {"stated", "media", "unverified"}
    assert row["certainty"] != "unverified" or row["note"], "what is not verified has to say what"


@EVERY_ROW
def test_a_row_can_be_cast_to_its_declared_types(name, row):
    types = declared()[name]["config"]["column_types"]
    assert None not in row, "a row with more fields than the header"
    for column, value in row.items():
        assert value is not None, f"{column}: a row with fewer fields than the header"
        if not value:
            continue
        if types[column].startswith("decimal"):
            assert Decimal(value).is_finite()
            assert -Decimal(value).as_tuple().exponent <= int(types[column].rstrip(")").split(",")[1]), column
        elif types[column] == "date":
            date.fromisoformat(value)
        elif types[column] == "boolean":
            assert value in {"true", "false"}
        elif types[column] == "integer":
            assert re.fullmatch(r"[12]\d{3}", value)


@EVERY_ROW
def test_a_row_is_about_someone_we_know(name, row):
    companies = {r["ticker"] for r in rows_of("company_universe")} | WITHOUT_FILINGS
    known = {
        "company": row["entity_id"] in companies,
        "country": re.fullmatch(r"[A-Z]{2}", row["entity_id"]),
        "asset": row["entity_id"] == "BTC",
        "system": row["entity_id"] == "US",
    }
    assert known[row["entity_type"]], f"{name}: {row['entity_type']} {row['entity_id']}"


@EVERY_ROW
def test_an_amount_has_its_unit_in_the_name_and_its_currency_beside_it(name, row):
    amounts = [c for c in row if c.endswith("_bn") and row[c]]
    assert all("_usd_" in c or name == "off_balance_financing" for c in amounts)
    assert bool(amounts) == bool(row["currency"])
    assert re.fullmatch(r"[A-Z]{3}|", row["currency"])
    assert row["currency"] in {"USD", ""} or not any("_usd_" in c for c in amounts)


@pytest.mark.parametrize(("name", "about"), LOGS.items())
def test_of_two_announcements_about_the_same_both_stay_and_their_order_is_known(name, about):
    by_subject = defaultdict(list)
    for row in rows_of(name):
        by_subject[tuple(row[c] for c in about)].append(announced_at(row))
    for subject, instants in by_subject.items():
        assert len(set(instants)) == len(instants), subject
    superseding = {"capex_guidance", "commitments", "refunding_statements"}
    assert any(len(instants) > 1 for instants in by_subject.values()) == (name in superseding)


def test_guidance_that_was_raised_keeps_what_it_was_before():
    meta = [r for r in rows_of("capex_guidance") if (r["entity_id"], r["period_end"]) == ("META", "2026-12-31")]
    ranges = [(r["low_usd_bn"], r["high_usd_bn"], r["announced_at"][:10]) for r in sorted(meta, key=announced_at)]
    assert ranges == [("115", "135", "2026-01-28"), ("125", "145", "2026-04-29"), ("130", "145", "2026-07-29")]


def test_the_guidance_of_method_is_here():
    # docs/method.md b.3, fact 23.
    held = {(r["entity_id"], r["period_end"], r["low_usd_bn"], r["high_usd_bn"]) for r in rows_of("capex_guidance")}
    assert held >= {
        ("GOOGL", "2026-12-31", "175", "185"),
        ("AMZN", "2026-12-31", "200", "200"),
        ("META", "2026-12-31", "115", "135"),
        ("META", "2026-12-31", "130", "145"),
        ("ORCL", "2026-05-31", "50", "50"),
    }


def test_the_tranches_of_a_deal_sum_to_what_method_says_of_it():
    # docs/method.md b.3, fact 24.
    sums = defaultdict(Decimal)
    for row in rows_of("off_balance_financing"):
        sums[row["deal_id"], row["currency"]] += Decimal(row["amount_bn"])
    stated = {
        ("META-2025-10", "USD"): Decimal(30),
        ("ORCL-2025-09", "USD"): Decimal(18),
        ("GOOGL-2025-11-USD", "USD"): Decimal("17.5"),
        ("AMZN-2025-11", "USD"): Decimal(15),
        ("ORCL-2026-02", "USD"): Decimal(25),
        ("GOOGL-2026-02-USD", "USD"): Decimal(20),
        ("META-2025-10-hyperion", "USD"): Decimal(27),
        ("hyperscalers-2025-bonds", "USD"): Decimal(121),
    }
    assert {deal: sums[deal] for deal in stated} == stated


def test_a_refunding_pays_what_matures_and_raises_the_rest():
    # docs/method.md b.3, fact 45; the May refundings of 2024 and 2025 stand beside it.
    found = defaultdict(dict)
    for row in rows_of("refunding_statements"):
        if row["measure"].startswith("refunding_"):
            found[row["period_end"]][row["measure"]] = Decimal(row["value_usd_bn"])
    assert set(found) >= {"2020-02-15", "2023-02-15", "2024-02-15", "2026-02-15"}
    for day, said in found.items():
        offered = said["refunding_offering"]
        assert abs(offered - said["refunding_maturing_private"] - said["refunding_new_cash"]) <= Decimal("0.1"), day
        assert offered == sum(said[m] for m in ("refunding_note_3y", "refunding_note_10y", "refunding_bond_30y")), day


def test_an_estimate_and_an_actual_of_a_quarter_are_two_measures():
    rows = rows_of("refunding_statements")
    of_a_quarter = {
        (r["measure"], r["announced_at"][:10]): r["value_usd_bn"] for r in rows if r["period_end"] == "2025-12-31"
    }
    assert of_a_quarter == {
        ("borrowing_estimate", "2025-07-28"): "590",
        ("borrowing_estimate", "2025-11-03"): "569",
        ("borrowing_actual", "2026-02-02"): "550",
        ("end_cash_assumption", "2025-07-28"): "850",
        ("end_cash_assumption", "2025-11-03"): "850",
        ("end_cash_actual", "2026-02-02"): "873",
    }


def test_what_was_drawn_of_a_commitment_only_grows():
    drawn = defaultdict(list)
    for row in sorted(rows_of("commitments"), key=announced_at):
        if row["drawn_to_date_usd_bn"]:
            drawn[row["commitment_id"]].append(Decimal(row["drawn_to_date_usd_bn"]))
    assert drawn["softbank-openai-2025"] == [Decimal(0), Decimal("7.5"), Decimal(30)]
    assert all(amounts == sorted(amounts) for amounts in drawn.values())


def test_the_events_that_method_names_are_here_with_their_days():
    days = {r["event_id"]: r["announced_at"][:10] for r in rows_of("events")}
    assert (
        days.items()
        >= {
            "deepseek-2025-01-27": "2025-01-27",
            "btc-high-2025-10-06": "2025-10-06",
            "liquidation-2025-10-10": "2025-10-10",
            "rmp-directive-2025-12-10": "2025-12-10",
            "srf-record-2025-12-31": "2025-12-31",
            "warsh-2026-01-30": "2026-01-30",
            "crash-2026-02-05": "2026-02-06",
        }.items()
    )
    claims = {c for r in rows_of("events") for c in r["claim_ids"].split(";") if c}
    assert claims <= {f"C{n}" for n in range(1, 22)}
