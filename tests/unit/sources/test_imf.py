"""The fixtures are made from the API's documentation and public uses of it: no real response is recorded."""

from contextlib import suppress
from datetime import UTC, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import versions
from warehouse.contract import Response
from warehouse.errors import ContractViolation
from warehouse.sources import imf

NOW = datetime(2026, 10, 7, tzinfo=UTC)
SHARE = f"{imf.URL}G001.AFXRA.CI_USD.SHRO_PT.Q"
TOTAL = f"{imf.URL}G001.AFXRA.CI_T.NV_USD.Q"


def test_shares_land_with_their_quarter_publication_and_dataflow(fixture, land_bodies):
    rows, quarantined = land_bodies("imf", "cofer", {SHARE: fixture("imf/cofer_usd_share.csv")})
    assert [(r["time_period"], r["obs_value"]) for r in rows] == [
        ("2000-Q1", 71.5064),
        ("2025-Q4", 56.4172706332),
        ("2026-Q1", 57.130786895752),
        ("2026-Q2", 56.7),
    ]
    assert {r["structure_id"] for r in rows} == {"IMF.STA:COFER(7.0.1)"}
    assert rows[0]["published_at"] == datetime(2026, 9, 30, 13, tzinfo=UTC)
    assert not quarantined


def test_the_total_is_whole_dollars(fixture, land_bodies):
    rows, _ = land_bodies("imf", "cofer", {TOTAL: fixture("imf/cofer_total.csv")})
    assert [(r["currency_code"], r["transformation_code"], r["obs_value"]) for r in rows] == [
        ("CI_T", "NV_USD", 12_914_130_000_000),
        ("CI_T", "NV_USD", 13_100_000_000_000.5),
    ]


def test_a_missing_value_is_null(fixture, land_bodies):
    body = fixture("imf/cofer_usd_share.csv").decode().replace(",56.4172706332,", ",,")
    assert land_bodies("imf", "cofer", {SHARE: body})[0][1]["obs_value"] is None


def test_an_attribute_more_is_read_past(fixture, land_bodies):
    lines = fixture("imf/cofer_usd_share.csv").decode().replace("UNIT,PUB", "UNIT_NEW,PUB")
    assert len(land_bodies("imf", "cofer", {SHARE: lines})[0]) == 4


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("PUBLICATION_DATE,", "PUBLISHED,", r"other columns than its contract.*missing \['PUBLICATION_DATE'\]"),
        ("STRUCTURE_ID", "DATAFLOW", r"missing \['STRUCTURE_ID'\]"),
        ("2026-Q2", "2026-06", "row 4; expected Every series asked for is quarterly.*period_is_a_quarter"),
        ("56.70", "156.70", "row 4; expected A share in percent.*share_within_bounds"),
        ("56.70", "56,70", "is cut or torn"),
        ("56.70", "high", "column 'obs_value', row 4; expected DOUBLE; got 'high'"),
        ("2026-Q2", "2026-Q1", "whose key came before"),
    ],
)
def test_an_answer_of_another_form_is_refused(fixture, land_bodies, old, new, words):
    body = fixture("imf/cofer_usd_share.csv").decode()
    assert old in body
    with pytest.raises(ContractViolation, match=words):
        land_bodies("imf", "cofer", {SHARE: body.replace(old, new)})


@pytest.mark.parametrize("body", ["", "<error/>", '{"errors": []}'])
def test_what_is_no_sdmx_csv_is_refused(land_bodies, body):
    with pytest.raises(ContractViolation):
        land_bodies("imf", "cofer", {SHARE: body})


def test_a_share_as_a_ratio_is_refused(fixture, land_bodies):
    body = fixture("imf/cofer_usd_share.csv").decode()
    for value in ("71.5064", "56.4172706332", "57.130786895752", "56.70"):
        body = body.replace(value, "0." + value.replace(".", ""))
    with pytest.raises(ContractViolation, match="The dollar's share is percent"):
        land_bodies("imf", "cofer", {SHARE: body})


def test_a_total_in_millions_is_refused(fixture, land_bodies):
    body = fixture("imf/cofer_total.csv").decode().replace("000000,6,", ",6,").replace("000000.5", "")
    with pytest.raises(ContractViolation, match="reserves are whole dollars"):
        land_bodies("imf", "cofer", {TOTAL: body})


def test_each_series_is_asked_for_by_its_key_as_csv():
    asked = []

    def get(url, /, *, expect, accept):
        asked.append((url, expect, accept))
        return url

    partitions = imf.partitions(NOW)
    for partition in partitions:
        list(partition.fetch(get))
    assert [p.key for p in partitions] == list(imf.KEYS)
    assert len(asked) == 10
    assert (SHARE, "text", "application/vnd.sdmx.data+csv") in asked
    assert (TOTAL, "text", "application/vnd.sdmx.data+csv") in asked
    assert all("/IMF.STA/COFER/" in url for url, _, _ in asked), "under another agency the API answers 204"


@pytest.mark.parametrize(
    ("published_at", "fetched_at", "known_at", "quality"),
    [
        ("timestamptz '2026-09-30 13:00:00+00'", "2026-10-07", "2026-09-30 13:00", "exact"),
        ("timestamptz '2026-09-30 00:00:00+00'", "2026-10-07", "2026-10-01 03:59", "dated"),
        ("timestamptz '2026-09-30 00:00:00+00'", "2026-09-30 16:00", "2026-09-30 16:00", "dated"),
        ("null::timestamptz", "2026-10-07", "2026-10-01 03:59", "current_vintage"),
    ],
)
def test_a_value_is_known_since_its_publication(published_at, fetched_at, known_at, quality):
    rule = imf.COFER.known_at
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        versions.give_macros(connection)
        found = connection.execute(
            f"select strftime(({rule.sql})::timestamp, '%Y-%m-%d %H:%M'), {rule.pit_quality}, {imf.COFER.about[1]} from "
            f"(select '2026-Q2' as time_period, {published_at} as published_at, "
            f"timestamptz '{fetched_at}' as fetched_at)"
        ).fetchone()
    assert (*found[:2], str(found[2])) == (known_at, quality, "2026-06-30")


def test_a_new_publication_of_the_same_value_is_no_new_version():
    versioned = {c.name: c.is_versioned for c in imf.COFER.columns}
    assert not versioned["published_at"]
    assert versioned["structure_id"]


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_break_the_extractor(body):
    with suppress(ContractViolation):
        list(imf.COFER.extract(Response(url=SHARE, sha256="", fetched_at=NOW, origin="recorded", body=body)))
