from contextlib import suppress
from datetime import UTC, date, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import versions
from warehouse.contract import Response
from warehouse.errors import ContractViolation
from warehouse.sources import ofr

NOW = datetime(2026, 10, 1, tzinfo=UTC)
# The answers of the two monitors are made from the API's documentation: no real response of them is recorded.
RATE = f"{ofr.FUNDING_URL}?mnemonic=REPO-TRI_AR_OO-P"
LEVERAGE = f"{ofr.HEDGE_FUNDS_URL}?mnemonic=FPF-ALLQHF_GAVN10_LEVERAGERATIO_AVERAGE"


def series(url, *pairs):
    return {url: "[" + ",".join(f'["{day}",{value}]' for day, value in pairs) + "]"}


# --------------------------------------------------------------------------------------------------- the stress index


def test_a_day_is_read_by_the_names_of_its_columns(fixture, land_bodies):
    (first, second), quarantined = land_bodies("ofr", "financial_stress", {ofr.URL: fixture("ofr/fsi.csv")})
    assert first["observation_date"] == date(2024, 11, 27)
    assert (first["ofr_fsi"], first["emerging_markets"]) == (-1.712, -0.256)
    assert second["safe_assets"] is None
    assert not quarantined


def test_columns_in_another_order_keep_their_names(fixture, land_bodies):
    lines = [line.split(",") for line in fixture("ofr/fsi.csv").decode().splitlines()]
    turned = "\n".join(",".join(reversed(line)) for line in lines)
    assert land_bodies("ofr", "financial_stress", {ofr.URL: turned})[0][0]["ofr_fsi"] == -1.712


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Funding,", "Repo,", r"other columns than its contract.*new \['Repo'\], missing \['Funding'\]"),
        (",Emerging markets", "", "line 2, is cut or torn"),
        ("Date,", "<html>,", r"new \['<html>'\], missing \['Date'\]"),
        (",-0.465,", ",", "line 3, is cut or torn.*expected 10 fields"),
        ("2024-11-29", "29.11.2024", "column 'observation_date', row 2; expected DATE and not null"),
        ("-1.845", "n/a", "column 'ofr_fsi', row 2; expected DOUBLE and not null"),
        ("-1.845", "", "column 'ofr_fsi', row 2; expected DOUBLE and not null; got null"),
    ],
)
def test_another_header_or_a_torn_row_is_refused(fixture, land_bodies, old, new, words):
    body = fixture("ofr/fsi.csv").decode()
    assert old in body
    with pytest.raises(ContractViolation, match=words):
        land_bodies("ofr", "financial_stress", {ofr.URL: body.replace(old, new)})


@pytest.mark.parametrize("body", ["<html><body>Not found</body></html>", "{}", ""])
def test_what_is_no_csv_of_the_index_is_refused(land_bodies, body):
    with pytest.raises(ContractViolation):
        land_bodies("ofr", "financial_stress", {ofr.URL: body})


def test_bytes_of_another_encoding_are_refused(land_bodies):
    with pytest.raises(ContractViolation, match="cannot be decoded"):
        land_bodies("ofr", "financial_stress", {ofr.URL: b"\xff\xfeD\x00a\x00"})


def test_the_whole_file_is_one_partition(network):
    get = network({ofr.URL: "Date"})
    (partition,) = ofr.partitions(NOW)
    assert len(list(partition.fetch(get))) == 1
    assert get.asked == [ofr.URL]
    assert partition.closes_at is None


# -------------------------------------------------------------------------------------------- series of both monitors


def test_pairs_become_rows_of_the_series_that_was_asked_for(fixture, land_bodies):
    rows, quarantined = land_bodies("ofr", "funding_monitor", {RATE: fixture("ofr/repo_rate.json")})
    assert [(r["mnemonic"], str(r["observation_date"]), r["value"]) for r in rows] == [
        ("REPO-TRI_AR_OO-P", "2026-09-10", 4.21),
        ("REPO-TRI_AR_OO-P", "2026-09-11", 4.2),
        ("REPO-TRI_AR_OO-P", "2026-09-14", None),
        ("REPO-TRI_AR_OO-P", "2026-09-15", 4.33),
    ]
    assert not quarantined


def test_leverage_of_hedge_funds_is_read_by_quarter(fixture, land_bodies):
    rows, _ = land_bodies("ofr", "hedge_funds", {LEVERAGE: fixture("ofr/leverage.json")})
    assert [(str(r["quarter_end"]), r["value"]) for r in rows][-1] == ("2026-03-31", 23.722)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("Invalid mnemonic", "is not JSON"),
        ('{"error": "Invalid mnemonic"}', "holds no list"),
        ('[["2026-09-10", 4.21, "p"]]', "row 0; expected a list of 2 fields"),
        ('[{"date": "2026-09-10", "value": 4.21}]', "row 0; expected a list of 2 fields"),
        ('[["2026-09-10", [4.21]]]', "value; expected text, a number or null"),
        ('[["2026-09-10", NaN]]', "holds NaN"),
        ("[[1789000000000, 4.21]]", "column 'observation_date', row 1; expected DATE"),
        ('[["2026-09-10", "high"]]', "column 'value', row 1; expected DOUBLE"),
        ('[["2026-09-10", 4.21], ["2026-09-10", 4.22]]', "whose key came before"),
        ("[]", "has no rows"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_an_answer_of_another_form_is_refused(land_bodies, body, words):
    with pytest.raises(ContractViolation, match=words):
        land_bodies("ofr", "funding_monitor", {RATE: body})


def test_an_answer_whose_address_names_no_series_is_refused(answer):
    with pytest.raises(ContractViolation, match="names no series"):
        list(ofr.extract_series(answer(ofr.FUNDING_URL, "[]")))


@pytest.mark.parametrize(
    ("table", "url", "value", "words"),
    [
        ("funding_monitor", RATE, 0.0421, "Overnight rates are percent"),
        ("funding_monitor", RATE, 421, "Overnight rates are percent"),
        ("funding_monitor", RATE.replace("_AR_", "_TV_"), 1_900.5, "Daily volumes are dollars"),
        ("funding_monitor", RATE.replace("REPO-TRI_AR_OO-P", "FNYR-SOFR-A"), 431, "Overnight rates are percent"),
        ("funding_monitor", RATE.replace("REPO-TRI_AR_OO-P", "MMF-MMF_TOT-M"), 7_800.1, "Holdings of money funds"),
        ("hedge_funds", LEVERAGE.replace("GAVN10_LEVERAGERATIO_AVERAGE", "NAV_SUM"), 5_511_000, "are dollars"),
        ("hedge_funds", LEVERAGE, 2_372.2, "Leverage is gross over net assets"),
        ("hedge_funds", LEVERAGE.replace("GAVN10_LEVERAGERATIO_AVERAGE", "COUNT"), 2.1, "some two thousand"),
    ],
)
def test_another_scale_is_refused(land_bodies, table, url, value, words):
    with pytest.raises(ContractViolation, match=words):
        land_bodies("ofr", table, series(url, ("2026-03-31", value)))


@pytest.mark.parametrize(
    ("table", "url", "value"),
    [
        ("funding_monitor", RATE.replace("_AR_", "_TV_"), 1.9e12),
        ("funding_monitor", RATE.replace("REPO-TRI_AR_OO-P", "MMF-MMF_TOT-M"), 7.8e12),
        ("hedge_funds", LEVERAGE.replace("GAVN10_LEVERAGERATIO_AVERAGE", "NAV_SUM"), 5.511e12),
        ("hedge_funds", LEVERAGE.replace("GAVN10_LEVERAGERATIO_AVERAGE", "COUNT"), 2_100),
    ],
)
def test_the_promised_scale_lands(land_bodies, table, url, value):
    rows, quarantined = land_bodies("ofr", table, series(url, ("2026-03-31", value)))
    assert [r["value"] for r in rows] == [value]
    assert not quarantined


@pytest.mark.parametrize("table", [ofr.FUNDING_MONITOR, ofr.HEDGE_FUND_STATISTICS], ids=lambda t: t.name)
def test_every_series_is_a_partition_of_its_own(network, table):
    get = network({"https://data.financialresearch.gov/": "[]"})
    partitions = table.partitions(NOW)
    for partition in partitions:
        assert len(list(partition.fetch(get))) == 1
    keys = [p.key for p in partitions]
    assert len(set(keys)) == len(keys) >= 12
    base = ofr.HEDGE_FUNDS_URL if table.name == "hedge_funds" else ofr.FUNDING_URL
    assert get.asked == [f"{base}?mnemonic={key}" for key in keys]


def test_preliminary_and_final_series_are_not_mixed():
    assert not {name[:-2] for name in ofr.FUNDING if name.endswith("-P")} & {
        name[:-2] for name in ofr.FUNDING if name.endswith("-F")
    }
    assert all(check.column == "value" for check in ofr.FUNDING_MONITOR.units)


@pytest.mark.parametrize(
    ("table", "row", "fetched_at", "known_at", "quality"),
    [
        ("financial_stress", "date '2024-11-27' as observation_date", "2026-01-01", "2024-12-02 23:00", "lagged"),
        ("funding_monitor", "'REPO-TRI_AR_OO-P' as mnemonic, date '2026-09-10' as observation_date", "2026-09-15",
         "2026-09-14 22:00", "lagged"),
        ("funding_monitor", "'REPO-TRI_AR_OO-P' as mnemonic, date '2026-09-10' as observation_date",
         "2026-09-11 21:00", "2026-09-11 21:00", "lagged"),
        ("funding_monitor", "'FNYR-SOFR-A' as mnemonic, date '2020-09-10' as observation_date", "2026-09-15",
         "2020-09-14 22:00", "current_vintage"),
        ("funding_monitor", "'MMF-MMF_TOT-M' as mnemonic, date '2026-07-31' as observation_date", "2026-09-15",
         "2026-09-14 22:00", "lagged"),
        ("funding_monitor", "'MMF-MMF_TOT-M' as mnemonic, date '2016-07-31' as observation_date", "2026-09-15",
         "2016-09-14 22:00", "current_vintage"),
        ("hedge_funds", "date '2026-03-31' as quarter_end", "2026-09-05", "2026-09-05 00:00", "lagged"),
        ("hedge_funds", "date '2025-03-31' as quarter_end", "2026-09-05", "2025-09-27 22:00", "current_vintage"),
    ],
)  # fmt: skip
def test_when_the_public_could_know(table, row, fetched_at, known_at, quality):
    rule = next(t.known_at for t in ofr.SOURCE.tables if t.name == table)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        versions.give_macros(connection)
        found = connection.execute(
            f"select strftime(({rule.sql})::timestamp, '%Y-%m-%d %H:%M'), {rule.pit_quality} "
            f"from (select {row}, timestamptz '{fetched_at}' as fetched_at)"
        ).fetchone()
    assert found == (known_at, quality)


@given(st.binary() | st.text().map(str.encode), st.sampled_from([t.name for t in ofr.SOURCE.tables]))
def test_no_bytes_break_an_extractor(body, name):
    table = next(t for t in ofr.SOURCE.tables if t.name == name)
    with suppress(ContractViolation):
        list(table.extract(Response(url=RATE, sha256="", fetched_at=NOW, origin="recorded", body=body)))


# ------------------------------------------------------------------------------------------------------ recorded bytes


def test_the_recorded_file_has_6292_days(recordings, land_bodies):
    body = (recordings / "liquidity" / "fsi.csv").read_bytes()
    rows, quarantined = land_bodies("ofr", "financial_stress", {ofr.URL: body})
    assert len(rows) == len({r["observation_date"] for r in rows}) == 6_292
    assert (rows[0]["observation_date"], rows[0]["ofr_fsi"]) == (date(2000, 1, 3), 2.14)
    assert rows[-1]["observation_date"] == date(2024, 11, 29)
    assert not quarantined


def test_contributions_of_the_recorded_file_sum_to_the_index(recordings, land_bodies):
    body = (recordings / "liquidity" / "fsi.csv").read_bytes()
    rows, _ = land_bodies("ofr", "financial_stress", {ofr.URL: body})
    categories = ("credit", "equity_valuation", "safe_assets", "funding", "volatility")
    regions = ("united_states", "other_advanced_economies", "emerging_markets")

    def off(names):
        return {str(r["observation_date"]) for r in rows if abs(r["ofr_fsi"] - sum(r[name] for name in names)) > 0.0025}

    assert off(categories) == set()
    assert off(regions) == {"2018-11-01"}, "the publisher's own file is off by 0.108 that day"
