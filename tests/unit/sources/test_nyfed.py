"""Recorded are four days of SOFR and one page of agency debts, whose shape Treasury holdings share.

All other fixtures are made from documentation and from what others parse: operations, dealers, EFFR, Treasuries.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

from warehouse.errors import ContractViolation
from warehouse.sources.nyfed import (
    PRIMARY_DEALERS,
    REFERENCE_RATES,
    REPO,
    REVERSE_REPO,
    SOMA_HOLDINGS,
    SOURCE,
    operations,
    primary_dealers,
    soma_holdings,
)
from warehouse.sources.nyfed.api import BASE
from warehouse.versions import give_macros

NOW = datetime(2026, 11, 24, 22, tzinfo=UTC)
SOFR = f"{BASE}/rates/secured/sofr/search.json"
EFFR = f"{BASE}/rates/unsecured/effr/search.json"
SOMA = soma_holdings.url_of(date(2026, 1, 28))

FIXTURES = {
    "reverse_repo": (operations.URL, "nyfed/reverse_repo_2022.json"),
    "repo": (operations.URL, "nyfed/repo_2025.json"),
    "reference_rates": (EFFR, "nyfed/rates_effr.json"),
    "soma_holdings": (SOMA, "nyfed/soma_2026-01-28.json"),
    "primary_dealers": (primary_dealers.URL, "nyfed/primary_dealers.json"),
}


@pytest.fixture
def land(land_bodies, fixture):
    def land(name, old="", new=""):
        url, path = FIXTURES[name]
        return land_bodies("nyfed", name, {url: fixture(path).decode().replace(old, new)})

    return land


# ---------------------------------------------------------------------------------------------------------- operations


def test_the_record_reverse_repo_lands_in_whole_dollars(land):
    rows, quarantined = land("reverse_repo")
    assert quarantined == []
    largest = max(rows, key=lambda r: r["total_accepted_usd"])
    assert largest["operation_date"] == date(2022, 12, 30)
    assert largest["total_accepted_usd"] == Decimal(2_553_716_000_000)  # docs/method.md, fact 48
    assert (largest["term_days"], largest["term_type"]) == (1, "Overnight")
    assert largest["participant_count"] == 113
    assert largest["last_updated_new_york"] == datetime(2022, 12, 30, 13, 15, 22)  # noqa: DTZ001  (New York's clock)
    assert json.loads(largest["collateral_details"]) == [
        {
            "securityType": "Treasury",
            "amtSubmitted": "2553716000000",
            "amtAccepted": "2553716000000",
            "percentOfferingRate": "4.3",
            "percentAwardRate": "4.3",
        }
    ]


def test_an_operation_of_the_other_type_is_not_ours(land):
    assert {r["operation_type"] for r in land("reverse_repo")[0]} == {"Reverse Repo"}
    assert len(land("reverse_repo")[0]) == 3


def test_a_small_value_exercise_is_marked_and_kept(land):
    marked = {r["operation_id"] for name in ("reverse_repo", "repo") for r in land(name)[0] if r["is_small_value"]}
    assert marked == {"RP 101922 99", "RP 121625 99"}


def test_a_flag_marks_a_small_value_exercise_too(land):
    rows, _ = land("repo", '"note": ""', '"note": "", "isSmallValue": "Y"')
    assert all(r["is_small_value"] for r in rows)


def test_the_two_windows_of_the_record_day_sum_to_the_facilitys_record(land):
    rows, _ = land("repo")
    day = [r for r in rows if r["operation_date"] == date(2025, 12, 31)]
    assert [r["opens_at_new_york"] for r in day] == ["13:30", "08:15"]
    assert sum(r["total_accepted_usd"] for r in day) == Decimal(74_600_000_000)  # docs/method.md, fact 54


def test_an_operation_that_nobody_used_is_zero_and_not_null(land):
    (row,) = [r for r in land("repo")[0] if r["operation_id"] == "RP 121525 1"]
    assert row["total_accepted_usd"] == 0
    assert row["last_updated_new_york"] is None
    assert row["collateral_details"] is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("operationId", "id", "missing.*operationId"),
        ("auctionStatus", "status", "missing.*auctionStatus"),
        ('"Reverse Repo"', '"Repurchase"', "another type.*'Repurchase'"),
        ('"operations"', '"ops"', "nothing at repo.operations"),
        ("2022-12-30", "12/30/2022", "'operation_date'"),
        ('"details": [', '"details": [1, ', "expected an object"),
    ],
)
def test_operations_of_another_form_are_refused(land, old, new, words):
    with pytest.raises(ContractViolation, match=words):
        land("reverse_repo", old, new)


@pytest.mark.parametrize("unit", [1_000, 1_000_000])
def test_amounts_in_another_unit_than_dollars_are_refused(land_bodies, fixture, unit):
    body = json.loads(fixture("nyfed/reverse_repo_2022.json"))
    for operation in body["repo"]["operations"]:
        for name in ("totalAmtSubmitted", "totalAmtAccepted"):
            operation[name] /= unit
    with pytest.raises(ContractViolation, match="Amounts are whole dollars"):
        land_bodies("nyfed", "reverse_repo", {operations.URL: json.dumps(body)})


def test_an_operation_that_took_more_than_was_offered_goes_to_quarantine(land_bodies, fixture):
    body = json.loads(fixture("nyfed/reverse_repo_2022.json"))
    (first, *_) = ops = body["repo"]["operations"]
    ops += [{**first, "operationId": f"RP {n}"} for n in range(200)]
    ops[0] = {**first, "totalAmtSubmitted": 1_000_000}
    rows, quarantined = land_bodies("nyfed", "reverse_repo", {operations.URL: json.dumps(body)})
    assert (len(rows), [r["_rule"] for r in quarantined]) == (202, ["accepted_within_submitted"])


@pytest.mark.parametrize(("table", "kind", "first"), [(REVERSE_REPO, "Reverse%20Repo", 2003), (REPO, "Repo", 2000)])
def test_operations_are_asked_for_by_year(network, table, kind, first):
    found = table.partitions(NOW)
    assert [p.key for p in found] == [str(y) for y in range(first, 2027)]
    get = network({operations.URL: "{}"})
    list(found[-2].fetch(get))
    list(found[-1].fetch(get))
    assert get.asked == [
        f"{operations.URL}?endDate=2025-12-31&operationTypes={kind}&startDate=2025-01-01",
        f"{operations.URL}?endDate=2026-11-24&operationTypes={kind}&startDate=2026-01-01",
    ]
    assert found[-1].period == (date(2026, 1, 1), date(2026, 12, 31))
    assert found[-2].closes_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_year_ends_today_by_new_yorks_clock(network):
    get = network({operations.URL: "{}"})
    list(REPO.partitions(datetime(2027, 1, 1, 3, tzinfo=UTC))[-1].fetch(get))
    assert get.asked == [f"{operations.URL}?endDate=2026-12-31&operationTypes=Repo&startDate=2026-01-01"]


# ----------------------------------------------------------------------------------------------------- reference rates


def test_the_recorded_four_days_of_sofr_are_read(recordings, land_bodies):
    body = (recordings / "liquidity" / "rates_secured_sofr_search_2024-06-03_2024-06-06.json").read_bytes()
    rows, quarantined = land_bodies("nyfed", "reference_rates", {SOFR: body})
    assert (len(rows), quarantined) == (4, [])
    newest = max(rows, key=lambda r: r["effective_date"])
    assert {k: v for k, v in newest.items() if not k.startswith("_")} == {
        "rate_type": "SOFR",
        "effective_date": date(2024, 6, 6),
        "revision_indicator": None,
        "rate_pct": Decimal("5.33"),
        "percentile_1_pct": Decimal("5.29"),
        "percentile_25_pct": Decimal("5.32"),
        "percentile_75_pct": Decimal("5.40"),
        "percentile_99_pct": Decimal("5.44"),
        "target_from_pct": None,
        "target_to_pct": None,
        "volume_usd_bn": Decimal(2008),
    }
    assert [r["volume_usd_bn"] for r in rows] == [2008, 1989, 2092, 1912]


def test_effr_brings_the_target_range_and_lacks_percentiles_in_the_past(land):
    new, old = land("reference_rates")[0]
    assert (new["target_from_pct"], new["target_to_pct"]) == (Decimal("3.5"), Decimal("3.75"))
    assert (old["rate_pct"], old["percentile_1_pct"], old["volume_usd_bn"]) == (Decimal("7.03"), None, None)


def test_secured_and_unsecured_rates_land_together(recordings, land_bodies, fixture):
    sofr = (recordings / "liquidity" / "rates_secured_sofr_search_2024-06-03_2024-06-06.json").read_bytes()
    rows, _ = land_bodies("nyfed", "reference_rates", {SOFR: sofr, EFFR: fixture("nyfed/rates_effr.json")})
    assert len(rows) == 6


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"percentRate"', '"rate"', "missing.*percentRate"),
        ('"refRates"', '"rates"', "nothing at refRates"),
        ('"percentRate": 3.64', '"percentRate": null', "'rate_pct'.*not null"),
        ('"percentRate": 3.64', '"percentRate": NaN', "holds NaN"),
        ('"percentRate": 3.64', '"percentRate": 3.64123', "'rate_pct'.*DECIMAL"),
        ('"percentPercentile25": 3.63', '"percentPercentile25": 3.66', "Percentiles of one distribution rise"),
        ("2000-07-03", "2025-12-31", "whose key came before"),
    ],
)
def test_rates_of_another_form_are_refused(land, old, new, words):
    with pytest.raises(ContractViolation, match=words):
        land("reference_rates", old, new)


def test_a_year_asks_for_the_rates_that_there_were(network):
    found = {p.key: p for p in REFERENCE_RATES.partitions(NOW)}
    assert list(found) == [str(y) for y in range(2000, 2027)]
    get = network({BASE: "{}"})
    list(found["2000"].fetch(get))
    assert get.asked == [f"{EFFR}?endDate=2000-12-31&startDate=2000-01-01"]
    get = network({BASE: "{}"})
    list(found["2026"].fetch(get))
    rates = ["unsecured/effr", "unsecured/obfr", "secured/sofr", "secured/bgcr", "secured/tgcr"]
    assert get.asked == [f"{BASE}/rates/{r}/search.json?endDate=2026-11-24&startDate=2026-01-01" for r in rates]


# ------------------------------------------------------------------------------------------------------- soma holdings


def test_treasuries_land_in_dollars_and_their_share_as_a_ratio(land):
    rows, quarantined = land("soma_holdings")
    assert (len(rows), quarantined) == (4, [])
    bill, bond, floater, tips = rows
    assert sum(r["par_value_usd"] for r in rows) == Decimal(4_265_861_000_000)
    assert (bill["security_type"], bill["coupon_pct"], bill["change_week_usd"]) == ("Bills", None, Decimal(8 * 10**9))
    assert (bond["coupon_pct"], bond["outstanding_ratio"]) == (Decimal("3.125"), 0.6999990782665313)
    assert floater["spread_pct"] == Decimal("0.15")
    assert tips["inflation_compensation_usd"] == Decimal("41234567890.12")
    assert tips["issuer_name"] is None


def test_the_recorded_agency_debts_have_the_shape_that_we_expect_of_treasuries(recordings, answer):
    body = (recordings / "liquidity" / "soma_agency_debts_asof_2019-01-02.json").read_bytes()
    rows = list(soma_holdings.extract(answer(SOMA, body)))
    assert len(rows) == 7
    assert set(rows[0]) == {c.wire for c in SOMA_HOLDINGS.columns}
    assert all(isinstance(value, str) for row in rows for value in row.values())
    assert rows[0]["parValue"] == "62000000"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("parValue", "par", "missing.*parValue"),
        ('"holdings"', '"held"', "nothing at soma.holdings"),
        ('"0.6999990782665313"', '"69.99990782665313"', "though the field is called a percentage"),
        ('"273452000000"', '"-273452000000"', "it owes none"),
        ('"273452000000"', '"273,452,000,000"', "'par_value_usd'"),
        ("912810QT8", "912810RA8", "whose key came before"),
    ],
)
def test_holdings_of_another_form_are_refused(land, old, new, words):
    with pytest.raises(ContractViolation, match=words):
        land("soma_holdings", old, new)


@pytest.mark.parametrize("unit", [1_000, 1_000_000])
def test_holdings_in_another_unit_than_dollars_are_refused(land_bodies, fixture, unit):
    body = json.loads(fixture("nyfed/soma_2026-01-28.json"))
    for holding in body["soma"]["holdings"]:
        holding["parValue"] = str(Decimal(holding["parValue"]) / unit)
    with pytest.raises(ContractViolation, match="Par is in dollars"):
        land_bodies("nyfed", "soma_holdings", {SOMA: json.dumps(body)})


def test_every_wednesday_is_asked_for_once_its_thursday_has_come(network):
    found = soma_holdings.partitions(NOW)
    assert (found[0].key, found[-1].key) == ("2003-07-09", "2026-11-18")
    assert all(date.fromisoformat(p.key).weekday() == 2 for p in found)
    assert found[-1].period == (date(2026, 11, 18), date(2026, 11, 18))
    before = soma_holdings.partitions(datetime(2026, 11, 19, 21, 29, tzinfo=UTC))  # 16:29 in New York
    assert before[-1].key == "2026-11-11"
    get = network({BASE: "{}"})
    list(found[-1].fetch(get))
    assert get.asked == [f"{BASE}/soma/tsy/get/all/asof/2026-11-18.json"]


# ----------------------------------------------------------------------------------------------------- primary dealers


def test_a_star_is_null_and_said_to_be_suppressed(land):
    rows, quarantined = land("primary_dealers")
    assert quarantined == []
    assert [(r["key_id"], r["amount_usd_mn"], r["is_suppressed"]) for r in rows] == [
        ("PDPOSGST-TOT", Decimal(312736), False),
        ("PDPOSGST-TOT", Decimal("-1250.5"), False),
        ("PDFTD-USTET", Decimal(113493), False),
        ("PDPOSABS-TOT", None, True),
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("keyid", "key", "missing.*keyid"),
        ('"timeseries"', '"series"', "nothing at pd.timeseries"),
        ('"312736"', '"312,736"', "'amount_usd_mn'"),
        ("2024-07-10", "2024-07-03", "whose key came before"),
    ],
)
def test_a_survey_of_another_form_is_refused(land, old, new, words):
    with pytest.raises(ContractViolation, match=words):
        land("primary_dealers", old, new)


def test_the_dealers_series_are_one_request(network):
    (partition,) = PRIMARY_DEALERS.partitions(NOW)
    get = network({BASE: "{}"})
    list(partition.fetch(get))
    assert get.asked == [f"{BASE}/pd/get/{'_'.join(primary_dealers.KEYS)}.json"]


# ------------------------------------------------------------------------------------------------------------- for all


@pytest.mark.parametrize("table", SOURCE.tables, ids=lambda t: t.name)
@pytest.mark.parametrize(
    "body", ["<html>Moved</html>", "{}", "[]", "", "null", '{"repo": 1}', '{"repo": {"operations": [[]]}}', "[" * 9999]
)
def test_what_is_not_the_api_is_refused(answer, table, body):
    with pytest.raises(ContractViolation):
        list(table.extract(answer(FIXTURES[table.name][0], body)))


@pytest.mark.parametrize(
    ("table", "row", "when"),
    [
        (REVERSE_REPO, {"operation_date": "2022-12-30"}, "2022-12-30 13:15"),
        (REPO, {"operation_date": "2025-12-15"}, "2025-12-15 14:00"),
        (REPO, {"operation_date": "2025-12-31", "last_updated_new_york": "2025-12-31 08:30:33"}, "2025-12-31 08:30"),
        (REFERENCE_RATES, {"rate_type": "SOFR", "effective_date": "2024-06-06"}, "2024-06-07 08:00"),
        (REFERENCE_RATES, {"rate_type": "EFFR", "effective_date": "2024-06-06"}, "2024-06-07 09:00"),
        (REFERENCE_RATES, {"rate_type": "OBFR", "effective_date": "2024-07-03"}, "2024-07-05 09:00"),
        (
            REFERENCE_RATES,
            {"rate_type": "SOFR", "effective_date": "2024-06-06", "revision_indicator": "r"},
            "2024-06-07 14:30",
        ),
        # the day before Good Friday of 2025
        (REFERENCE_RATES, {"rate_type": "SOFR", "effective_date": "2025-04-17"}, "2025-04-21 08:00"),
        (REFERENCE_RATES, {"rate_type": "EFFR", "effective_date": "2025-04-17"}, "2025-04-18 09:00"),
        (SOMA_HOLDINGS, {"as_of_date": "2026-01-28"}, "2026-01-29 16:30"),
        (SOMA_HOLDINGS, {"as_of_date": "2025-11-26"}, "2025-11-28 16:30"),
        (PRIMARY_DEALERS, {"as_of_date": "2026-01-28"}, "2026-02-05 16:15"),
        (PRIMARY_DEALERS, {"as_of_date": "2025-11-19"}, "2025-11-28 16:15"),  # the Thursday is Thanksgiving
    ],
)
def test_a_row_is_known_when_the_bank_publishes_it(table, row, when):
    types = {c.name: c.type for c in table.columns}
    values = ", ".join(f"'{row[c]}'::{t} as {c}" if c in row else f"null::{t} as {c}" for c, t in types.items())
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        give_macros(connection)
        got = connection.execute(
            f"with one as (select {values}) select strftime({table.known_at.sql}, '%Y-%m-%d %H:%M') from one"
        ).fetchone()
    assert got == (when,)
