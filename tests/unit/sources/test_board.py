"""No real file of the Board was ever seen: the fixtures are made from documentation and from what others parse.

The shape (SDMX 1 compact, `kf:Series` and `frb:Obs` in the Board's namespaces, annotations before the observations,
statuses A, ND, NA, NC with the filler -9999) is that of the zips that the Data Download Program serves.
"""

import csv
import io
import tracemalloc
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

from warehouse.errors import ContractViolation
from warehouse.sources import board
from warehouse.versions import give_macros

ZIP_URL = f"{board.URL}?filetype=zip&rel=H41"
RELEASES = {table.name: table for table in board.SOURCE.tables if table.name != "excess_bond_premium"}
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def zipped(xml: bytes | str, release: str = "H41") -> bytes:
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{release}_struct.xml", "<structure/>")
            archive.writestr(f"{release}_{release}.xsd", "<schema/>")
            archive.writestr("frb_common.xsd", "<schema/>")
            archive.writestr(f"{release}_data.xml", xml)
        return buffer.getvalue()


@pytest.fixture
def release(fixture):
    return lambda name: zipped(fixture(f"board/{name}_data.xml"), name.upper())


def rows_of(answer, table, body) -> list[dict]:
    return list(table.extract(answer(ZIP_URL, body)))


def by_key(rows) -> dict:
    return {(r["series_name"], r["period_end"].isoformat()): r for r in rows}


# ------------------------------------------------------------------------------------------------------- wire shape


def test_an_observation_carries_the_attributes_of_its_series(answer, release):
    (row,) = [r for r in rows_of(answer, board.H41, release("h41")) if r["SERIES_NAME"] == "RESH4FG_XAW_N.WW"]
    assert row == {
        "SERIES_NAME": "RESH4FG_XAW_N.WW",
        "TIME_PERIOD": "2022-02-09",
        "OBS_VALUE": "3010222",
        "OBS_STATUS": "A",
        "Short Description": "Marketable U.S. Treasury securities in custody: Week average",
        "FREQ": "19",
        "CATEGORY": "MEMO",
        "SUBCATEGORY": "CH",
        "COMPONENT": "USTSN",
        "DISTRIBUTION": "TOT",
        "SERIESTYPE": "A",
        "UNIT": "Currency",
        "UNIT_MULT": "1000000",
        "CURRENCY": "USD",
    }


@pytest.mark.parametrize(("name", "count"), [("h41", 18), ("h15", 7), ("h10", 9), ("h8", 5), ("prates", 10)])
def test_every_series_of_a_release_lands_in_the_columns_of_its_contract(land_bodies, release, name, count):
    rows, quarantined = land_bodies("board", name, {ZIP_URL: release(name)})
    assert (len(rows), quarantined) == (count, [])
    assert set(rows[0]) == {c.name for c in RELEASES[name].columns} | {"_response"}


def test_total_assets_land_in_millions_under_both_of_their_names(land_bodies, release):
    rows = by_key(land_bodies("board", "h41", {ZIP_URL: release("h41")})[0])
    for series in ("RESPPMA_N.WW", "RESPPA_N.WW"):
        row = rows[series, "2022-02-09"]
        assert row["value"] == Decimal(8878009)
        assert (row["unit_name"], row["unit_multiplier"], row["currency_code"]) == ("Currency", 1e6, "USD")
    assert rows["RESPPMA_N.WW", "2012-10-24"]["value"] == Decimal(2840964)


def test_a_missing_observation_is_null_and_keeps_its_status(land_bodies, release):
    rows = by_key(land_bodies("board", "h41", {ZIP_URL: release("h41")})[0])
    line, ended = "RESPPALGTRF_N.WW", "RESPPAOLD_F01.WW"
    days = ("2012-10-24", "2022-02-02", "2022-02-09")
    assert [(rows[line, d]["value"], rows[line, d]["obs_status"]) for d in days] == [
        (None, "ND"),
        (None, "NA"),
        (Decimal(0), "A"),  # zero is not null
    ]
    assert [(rows[ended, d]["value"], rows[ended, d]["obs_status"]) for d in days] == [
        (None, "NC"),
        (None, "NC"),
        (None, "A"),
    ]


def test_a_filler_that_calls_itself_normal_goes_to_quarantine(land_bodies, fixture):
    xml = fixture("board/h10_data.xml").decode()
    many = "".join(
        f'<frb:Obs OBS_STATUS="A" OBS_VALUE="1.1" TIME_PERIOD="{day}"/>' for day in days_from(date(2000, 1, 1), 200)
    )
    xml = xml.replace('OBS_STATUS="ND" OBS_VALUE="-9999"', 'OBS_STATUS="A" OBS_VALUE="-9999"').replace(
        "<frb:Obs", many + "<frb:Obs", 1
    )
    rows, quarantined = land_bodies("board", "h10", {ZIP_URL: zipped(xml, "H10")})
    assert len(rows) == 208
    assert [(r["series_name"], r["_rule"]) for r in quarantined] == [("RXI$US_N.B.EU", "no_filler_as_normal")]


def days_from(first: date, count: int) -> list[str]:
    return [date.fromordinal(first.toordinal() + n).isoformat() for n in range(count)]


def test_the_series_that_are_moodys_are_read_past(answer, release):
    names = {r["SERIES_NAME"] for r in rows_of(answer, board.H15, release("h15"))}
    assert names == {"RIFLGFCY10_N.B", "RIFLGFCY10_N.WF", "RIFLGFCY10_N.M", "RIFSPFF_N.D"}
    assert b"RIMLPAAAR_N.B" in zipfile.ZipFile(io.BytesIO(release("h15"))).read("H15_data.xml")


def test_a_policy_rate_lands_for_every_day_of_the_week_and_for_tomorrow(land_bodies, release):
    rows = by_key(land_bodies("board", "prates", {ZIP_URL: release("prates")})[0])
    reserves = {day: row["value"] for (series, day), row in rows.items() if series == "RESBM_N.D"}
    assert reserves == {"2021-07-29": 0.15, **dict.fromkeys([f"2026-07-{day}" for day in (10, 11, 12, 13)], 3.65)}
    ended = rows["RESBME_N.D", "2021-07-29"]
    assert (ended["value"], ended["obs_status"], ended["rate_kind_code"]) == (None, "ND", "IOR")
    assert ended["series_description"] == "Interest rate on excess reserves (IOER rate), Last Changed 06-17-2021"


def test_a_dimension_that_no_contract_knows_is_added(land_bodies, fixture):
    xml = fixture("board/h8_data.xml").decode().replace('BG="CB"', 'BG="CB" PANEL="DOM"')
    rows, _ = land_bodies("board", "h8", {ZIP_URL: zipped(xml, "H8")})
    assert {value for row in rows for name, value in row.items() if name.endswith("panel")} == {"DOM"}


# ------------------------------------------------------------------------------------------------------ how it breaks


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("OBS_STATUS=", "STATUS=", "missing .*OBS_STATUS"),
        ("SERIES_NAME=", "NAME=", "missing .*SERIES_NAME"),
        ("TIME_PERIOD=", "PERIOD=", "missing .*TIME_PERIOD"),
        ('OBS_VALUE="8878009"', 'OBS_VALUE="8,878,009"', "'value'.*expected DECIMAL.*'8,878,009'"),
        ("2022-02-09", "2022-02", "'period_end'.*expected DATE"),
        ('UNIT_MULT="1000000"', 'UNIT_MULT="1000"', "Total assets are USD million"),
        ('OBS_VALUE="8878009"', 'OBS_VALUE="8878009000"', "Total assets are USD million"),
        ("kf:Series", "kf:Serie", "holds no series"),
        ("</message:MessageGroup>", "", "not XML that we read"),
        ('<?xml version="1.0" encoding="UTF-8"?>', '<!DOCTYPE x [<!ENTITY a "b">]>', "without DTD"),
    ],
)
def test_a_release_of_another_form_is_refused(land_bodies, fixture, old, new, words):
    xml = fixture("board/h41_data.xml").decode().replace(old, new)
    with pytest.raises(ContractViolation, match=words):
        land_bodies("board", "h41", {ZIP_URL: zipped(xml)})


@pytest.mark.parametrize("body", [b"<html>Moved</html>", b"{}", b"", b"PK\x03\x04"])
def test_what_is_no_zip_is_refused(answer, body):
    with pytest.raises(ContractViolation, match="is no zip"):
        rows_of(answer, board.H41, body)


def test_a_zip_without_data_is_refused(answer):
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("H41_struct.xml", "<structure/>")
        body = buffer.getvalue()
    with pytest.raises(ContractViolation, match="0 members"):
        rows_of(answer, board.H41, body)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_zip_is_refused(answer, release, share):
    body = release("h41")
    with pytest.raises(ContractViolation):
        rows_of(answer, board.H41, body[: int(len(body) * share)])


def test_memory_does_not_grow_with_the_number_of_series(answer, fixture):
    start, series = fixture("board/h41_data.xml").decode().split("<kf:Series", 1)
    series = "<kf:Series" + series[: series.index("</kf:Series>")]
    many = "".join(
        f'<frb:Obs OBS_STATUS="A" OBS_VALUE="1" TIME_PERIOD="{d}" />' for d in days_from(date(2000, 1, 1), 200)
    )

    def peak(count: int) -> int:
        xml = start + f"{series}{many}</kf:Series>" * count + "</frb:DataSet></message:MessageGroup>"
        response = answer(ZIP_URL, zipped(xml))
        del xml
        tracemalloc.start()
        rows = sum(1 for _ in board.extract(response))
        assert rows == count * 203
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(200) < 1.5 * peak(20)


# ------------------------------------------------------------------------------------------------- what is asked for


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_is_one_partition_and_one_zip(network, name):
    get = network({board.URL: b""})
    (partition,) = RELEASES[name].partitions(NOW)
    list(partition.fetch(get))
    assert get.asked == [f"{board.URL}?filetype=zip&rel={name.upper()}"]


# ----------------------------------------------------------------------------------------------- when it was known


@pytest.fixture
def known():
    """Evaluate a table's rule for one row: (known_at in New York, quality)."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set TimeZone = 'America/New_York'")
    give_macros(connection)

    def known(table, fetched_at="2026-11-24 12:00:00", **row):
        types = {c.name: c.type for c in table.columns}
        values = ", ".join(f"'{row[c]}'::{t} as {c}" if c in row else f"null::{t} as {c}" for c, t in types.items())
        rule = table.known_at
        return connection.execute(
            f"with one as (select {values}, timestamptz '{fetched_at}' as fetched_at) "
            f"select strftime({rule.sql}, '%Y-%m-%d %H:%M'), {rule.pit_quality} from one"
        ).fetchone()

    yield known
    connection.close()


@pytest.mark.parametrize(
    ("name", "period_end", "frequency", "when"),
    [
        ("h41", "2026-01-28", "19", "2026-01-29 16:30"),  # Thursday
        ("h41", "2025-11-26", "19", "2025-11-28 16:30"),  # Thanksgiving: Friday
        ("h15", "2022-02-08", "9", "2022-02-09 16:15"),
        ("h15", "2022-02-18", "9", "2022-02-22 16:15"),  # Friday before Washington's Birthday
        ("h15", "1962-01-02", "9", "1962-01-03 16:15"),
        ("h15", "2022-01-31", "129", "2022-02-01 16:15"),
        ("h10", "2022-02-07", "9", "2022-02-14 16:15"),
        ("h10", "2022-02-11", "9", "2022-02-14 16:15"),
        ("h10", "2022-02-18", "9", "2022-02-22 16:15"),  # Monday is a holiday
        ("h10", "2022-01-31", "129", "2022-02-01 16:15"),
        ("h8", "2022-02-09", "19", "2022-02-18 16:15"),
        ("h8", "2022-01-31", "129", "2022-02-11 16:15"),  # with the Wednesday of 2022-02-02
        ("prates", "2026-07-13", "8", "2026-07-13 00:00"),  # published on the Friday before
        ("prates", "2026-07-11", "8", "2026-07-13 00:00"),  # Saturday
        ("prates", "2025-11-27", "8", "2025-11-28 00:00"),  # Thanksgiving
        ("prates", "2017-02-24", "8", "2017-02-24 00:00"),
        ("prates", "2017-02-23", "8", "2017-02-24 16:30"),  # before rates were published in advance
        ("prates", "2008-10-09", "8", "2008-10-10 16:30"),
    ],
)
def test_a_release_is_known_when_it_comes_out(known, name, period_end, frequency, when):
    assert known(RELEASES[name], period_end=period_end, frequency_code=frequency)[0] == when


def test_what_was_seen_before_its_rule_was_known_when_it_was_seen(known):
    got = known(board.H10, fetched_at="2026-11-24 12:00:00", period_end="2026-11-30", frequency_code="129")
    assert got == ("2026-11-24 12:00", "dated")  # the mean of a month that is not over


def test_a_policy_rate_that_is_seen_the_day_before_was_known_then(known):
    got = known(board.PRATES, fetched_at="2026-07-10 16:45:00", period_end="2026-07-13", frequency_code="8")
    assert got == ("2026-07-10 16:45", "dated")
    assert known(board.PRATES, period_end="2008-10-09", frequency_code="8")[1] == "lagged"


@pytest.mark.parametrize(
    ("fetched_at", "quality"), [("2022-02-18 17:00", "dated"), ("2022-02-25 17:00", "current_vintage")]
)
def test_a_bank_figure_is_of_its_date_until_the_next_release_revises_it(known, fetched_at, quality):
    assert known(board.H8, fetched_at=fetched_at, period_end="2022-02-09", frequency_code="19")[1] == quality


@pytest.mark.parametrize(
    ("month", "fetched_at", "expected"),
    [
        ("2026-07-01", "2026-09-04 12:00", ("2026-08-30 16:00", "lagged")),
        ("2026-07-01", "2026-08-20 12:00", ("2026-08-20 12:00", "lagged")),
        ("2026-06-01", "2026-09-04 12:00", ("2026-07-30 16:00", "current_vintage")),
        ("1973-01-01", "2026-09-04 12:00", ("1973-03-02 16:00", "current_vintage")),
    ],
)
def test_only_the_newest_excess_bond_premium_is_of_its_date(known, month, fetched_at, expected):
    assert known(board.EXCESS_BOND_PREMIUM, fetched_at=fetched_at, month_start=month) == expected


def test_a_period_starts_where_its_frequency_says():
    start, _ = board.H15.about
    got = duckdb.sql(
        f"select ({start})::date::varchar from (values ('9', date '2022-02-08'), ('21', date '2022-02-04'), "
        "('129', date '2022-01-31'), ('203', date '2021-12-31')) as r(frequency_code, period_end)"
    ).fetchall()
    assert [r[0] for r in got] == ["2022-02-08", "2022-01-29", "2022-01-01", "2021-01-01"]


# ---------------------------------------------------------------------------------------------- excess bond premium


def test_the_premium_is_read_with_its_american_dates(land_bodies, fixture):
    rows, quarantined = land_bodies("board", "excess_bond_premium", {board.EBP_URL: fixture("board/ebp_csv.csv")})
    assert quarantined == []
    assert [r["month_start"].isoformat() for r in rows] == [
        "1973-01-01",
        "1973-02-01",
        "2008-10-01",
        "2026-06-01",
        "2026-07-01",
    ]
    assert rows[-1]["gz_spread_pct"] == 0.8412
    assert rows[-1]["excess_bond_premium_pct"] == -0.319
    assert rows[-1]["recession_probability_ratio"] == 0.108
    assert rows[3]["excess_bond_premium_pct"] is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("date,gz_spread,ebp,est_prob", "date,gz,ebp,prob", "missing"),
        ("date,gz", "day,gz", "missing.*date"),
        ("1/1/1973", "13/1/1973", "'month_start'"),
        ("1/1/1973", "1/15/1973", "month_starts_on_its_first_day"),
        ("0.6893", "NaN", "'gz_spread_pct'.*got 'NaN'"),
        ("0.6893", "x", "'gz_spread_pct'"),
        ("0.6893,0.1131", "0.6893", "cut or torn"),
    ],
)
def test_a_premium_of_another_form_is_refused(land_bodies, fixture, old, new, words):
    body = fixture("board/ebp_csv.csv").decode().replace(old, new)
    with pytest.raises(ContractViolation, match=words):
        land_bodies("board", "excess_bond_premium", {board.EBP_URL: body})


def test_the_premium_is_one_file(network):
    get = network({board.EBP_URL: "date"})
    (partition,) = board.EXCESS_BOND_PREMIUM.partitions(NOW)
    list(partition.fetch(get))
    assert get.asked == [board.EBP_URL]


# ------------------------------------------------------------------------------------------------------- cross-check


def test_the_fixtures_total_assets_are_those_that_fred_recorded(recordings, land_bodies, release):
    with (recordings / "liquidity" / "fredgraph_WALCL.csv").open() as file:
        walcl = {row["observation_date"]: row["WALCL"] for row in csv.DictReader(file)}
    rows = by_key(land_bodies("board", "h41", {ZIP_URL: release("h41")})[0])
    ours = {day: row["value"] for (series, day), row in rows.items() if series == "RESPPMA_N.WW"}
    assert len(ours) == 3
    assert ours == {day: Decimal(walcl[day]) for day in ours}
    # the unit's bounds hold for every week that they are asked of
    assert all(1e6 < float(v) < 2e7 for day, v in walcl.items() if day >= "2009-01-01")
