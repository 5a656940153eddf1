import json
from datetime import UTC, date, datetime

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.errors import ContractViolation
from warehouse.sources import fred

NOW = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)
GDP_URL = f"{fred.URL}?file_type=json&series_id=GDP"
HIGH_YIELD_URL = f"{fred.URL}?file_type=json&series_id=BAMLH0A0HYM2"


def partition(key: str):
    return next(p for p in fred.partitions(NOW) if p.key == key)


def test_every_vintage_of_an_observation_is_a_row(fixture, answer):
    rows = list(fred.extract(answer(GDP_URL, fixture("fred/gdp.json"))))
    assert set(rows[0]) == {c.wire for c in fred.OBSERVATIONS.columns}
    assert [(r["date"], r["realtime_start"], r["value"]) for r in rows[2:]] == [
        ("2024-04-01", "2024-08-29", "28652.337"),
        ("2024-04-01", "2024-09-26", "29016.714"),
    ]
    assert {r["series_id"] for r in rows} == {"GDP"}


def test_a_full_stop_is_no_value(fixture, land_bodies):
    rows, quarantined = land_bodies("fred", "observations", {GDP_URL: fixture("fred/gdp.json")})
    assert quarantined == []
    assert [r["value"] for r in rows] == [199.7, None, 28652.337, 29016.714]
    assert rows[3]["realtime_end"] == date(9999, 12, 31)
    assert {r["unit_name"] for r in rows} == {"USD billion a year"}


def test_todays_view_has_no_vintage_so_that_a_later_view_is_no_other_key(fixture, land_bodies):
    rows, _ = land_bodies("fred", "observations", {HIGH_YIELD_URL: fixture("fred/high_yield.json")})
    assert {(r["realtime_start"], r["realtime_end"]) for r in rows} == {(None, None)}
    assert [r["value"] for r in rows] == [2.81, 2.78, None]


def test_a_series_with_vintages_is_asked_for_over_all_of_real_time(network, fixture):
    get = network({fred.URL: fixture("fred/gdp.json")})
    assert len(list(partition("GDP").fetch(get))) == 1
    (asked,) = get.asked
    assert asked == (
        f"{fred.URL}?file_type=json&limit=100000&offset=0&realtime_end=9999-12-31&realtime_start=1776-07-04"
        "&series_id=GDP&sort_order=asc"
    )


def test_a_daily_series_is_asked_for_as_it_stands_today(network, fixture):
    get = network({fred.URL: fixture("fred/high_yield.json")})
    list(partition("BAMLH0A0HYM2").fetch(get))
    assert "realtime" not in get.asked[0]


def test_the_key_goes_to_the_client_by_the_name_of_its_setting(fixture, answer):
    said = {}

    def get(url, /, **options):
        said.update(options)
        return answer(url, fixture("fred/gdp.json"))

    list(partition("GDP").fetch(get))
    assert said["credential"] == fred.OBSERVATIONS.credential == "fred_key"
    assert said["throttled"](b'{"error_code":429,"error_message":"Too Many Requests.  Exceeded Rate Limit"}')
    assert not said["throttled"](fixture("fred/gdp.json"))


def test_a_series_of_several_pages_is_whole_or_refused(network, fixture, monkeypatch):
    monkeypatch.setattr(fred, "PAGE_ROWS", 3)
    whole = json.loads(fixture("fred/gdp.json"))
    first, second = (json.dumps(whole | {"observations": whole["observations"][s]}) for s in (slice(3), slice(3, 4)))
    get = network({f"{fred.URL}?file_type=json&limit=3&offset=0": first, fred.URL: second})
    pages = list(partition("GDP").fetch(get))
    assert sum(len(list(fred.extract(page))) for page in pages) == 4
    torn = network({fred.URL: first})
    with pytest.raises(ContractViolation, match="are not the whole listing"):
        list(partition("GDP").fetch(torn))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"count":4', '"count":"many"', "does not count its rows"),
        ('"count":4', '"count":5', "are not the whole listing"),
        ('"count":4,', "", "has nothing at count"),
        ('"observations"', '"observation"', "has nothing at observations"),
        ("{", "<", "is not JSON"),
    ],
)
def test_a_page_that_does_not_add_up_is_refused(network, fixture, old, new, words):
    get = network({fred.URL: fixture("fred/gdp.json").decode().replace(old, new, 1)})
    with pytest.raises(ContractViolation, match=words):
        list(partition("GDP").fetch(get))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"value":"199.7"', '"amount":"199.7"', r"new \['amount'\], missing \['value'\]"),
        ('"value":"199.7"', '"value":[199.7]', "expected text, a number or null"),
        ("1946-01-01", "1946-13-01", "'observation_date', row 1"),
        ("29016.714", "29.016714", "is not in as unit_name says"),
    ],
)
def test_an_answer_of_another_form_or_unit_lands_nothing(fixture, land_bodies, old, new, words):
    body = fixture("fred/gdp.json").decode().replace(old, new)
    if "29.016714" in new:
        body = body.replace("28652.337", "28.65").replace("199.7", "0.2")
    with pytest.raises(ContractViolation, match=words):
        land_bodies("fred", "observations", {GDP_URL: body})


@pytest.mark.parametrize("url", [fred.URL, f"{fred.URL}?series_id=SP500", f"{fred.URL}?series_id="])
def test_an_answer_about_another_series_is_refused(fixture, answer, url):
    with pytest.raises(ContractViolation, match="of no series that we ask for"):
        list(fred.extract(answer(url, fixture("fred/gdp.json"))))


def test_it_is_internal_optional_and_says_what_fred_wants_said():
    table = fred.OBSERVATIONS
    assert table.is_internal
    assert table.credential == "fred_key"
    assert not table.is_snapshot, "ICE's window of three years must not shrink what we have"
    assert "not endorsed or certified by the Federal Reserve Bank of St. Louis" in table.licence.attribution
    assert {"BAMLH0A0HYM2", "BAMLC0A0CM", "DBAA", "DAAA", "STLFSI4", "KCFSI", "VIXCLS", "GDP"} <= set(fred.SERIES)


@pytest.mark.parametrize(
    ("row", "known_at", "quality"),
    [
        (("GDP", "2024-04-01", "2024-09-26", "quarterly"), "2024-09-27 03:59:59", "dated"),
        (("BAMLH0A0HYM2", "2026-09-17", None, "daily"), "2026-09-18 20:15:00", "self_vintage"),
        (("BAMLH0A0HYM2", "2026-09-18", None, "daily"), "2026-09-21 14:00:00", "self_vintage"),
        (("BAMLH0A0HYM2", "2023-09-18", None, "daily"), "2023-09-19 20:15:00", "current_vintage"),
    ],
)
def test_a_value_was_known_by_the_end_of_its_vintage_or_the_next_business_day(row, known_at, quality):
    rule = fred.OBSERVATIONS.known_at
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            "create macro new_york(d, t) as timezone('America/New_York', d::date + t::time);"
            "create macro after_business_days(d, n) as (d + case isodow(d) when 5 then 3 when 6 then 2 else 1 end)"
        )
        found = connection.execute(
            f"""
            select strftime({rule.sql}, '%Y-%m-%d %H:%M:%S'), {rule.pit_quality},
                ({fred.OBSERVATIONS.about[1]})::varchar
            from (
                select
                    ? as series_id, ?::date as observation_date, ?::date as realtime_start, ? as frequency,
                    timestamptz '2026-09-21 14:00:00+00' as fetched_at
            )
            """,
            row,
        ).fetchone()
    assert found[:2] == (known_at, quality)
    assert found[2] == {"GDP": "2024-06-30"}.get(row[0], row[1])


def test_every_vintage_of_gdp_that_was_recorded_is_read(recordings, land_bodies):
    (path,) = (recordings / "liquidity").glob("GDP_observations_all_vintages_*.json")
    rows, quarantined = land_bodies("fred", "observations", {GDP_URL: path.read_bytes()})
    assert quarantined == []
    assert len(rows) == 3_199
    assert len({r["realtime_start"] for r in rows}) == 393
    assert sum(r["value"] is None for r in rows) == 245
    second_quarter = {
        r["realtime_start"].isoformat(): r["value"] for r in rows if r["observation_date"] == date(2024, 4, 1)
    }
    assert second_quarter == {"2024-07-25": 28629.153, "2024-08-29": 28652.337, "2024-09-26": 29016.714}


def test_the_recorded_answer_is_the_whole_series(recordings, network):
    (path,) = (recordings / "liquidity").glob("GDP_observations_all_vintages_*.json")
    assert len(list(partition("GDP").fetch(network({fred.URL: path.read_bytes()})))) == 1


def test_the_recorded_refusal_is_taken_for_what_it_is(recordings, network):
    (path,) = (recordings / "liquidity").glob("error_429_*.json")
    assert fred.is_throttled(path.read_bytes())
    with pytest.raises(ContractViolation):
        list(partition("GDP").fetch(network({fred.URL: path.read_bytes()})))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(st.sampled_from(["observations", "count", "date", "value"]), inner, max_size=3),
            ),
            max_leaves=10,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_answer_is_read_or_refused(answer, network, body):
    for act in (
        lambda: list(fred.extract(answer(GDP_URL, body))),
        lambda: list(partition("GDP").fetch(network({fred.URL: body}))),
    ):
        try:
            act()
        except ContractViolation:
            continue
