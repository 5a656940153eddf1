import json
from contextlib import suppress
from datetime import UTC, date, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sources.conftest import response_of
from warehouse.errors import ContractViolation
from warehouse.sources.sec import SUBMISSIONS
from warehouse.sources.sec.submissions import extract, fetch, newest_reports, url_of
from warehouse.versions import give_macros

NVDA = 1045810
FIRST, OLDER = "sec/submissions.json", "sec/submissions_older.json"
OLDER_URL = "https://data.sec.gov/submissions/CIK0001045810-submissions-001.json"


def edited(fixture, change) -> str:
    page = json.loads(fixture(FIRST))
    change(page)
    return json.dumps(page)


def recent(page: dict) -> dict:
    return page["filings"]["recent"]


def test_every_filing_of_a_first_page_is_read_with_its_filer(land_bodies, fixture):
    rows, bad = land_bodies("sec", "submissions", {url_of(NVDA): fixture(FIRST)})
    assert not bad
    assert [row["form"] for row in rows] == ["4", "10-K", "8-K", "10-Q/A"]
    assert {(row["cik"], row["entity_name"], row["fiscal_year_end"], row["sic_code"]) for row in rows} == {
        (NVDA, "NVIDIA CORP", "0131", "3674")
    }
    ten_k = rows[1]
    assert (ten_k["accession_number"], ten_k["filed_date"]) == ("0001045810-26-000021", date(2026, 2, 25))
    assert (ten_k["is_xbrl"], ten_k["is_xbrl_numeric"], ten_k["size_bytes"]) == (True, True, 15_755_490)
    assert rows[3]["report_date"] is None, "an empty text is no date"
    assert rows[0]["is_xbrl_numeric"] is None


def test_the_acceptance_time_is_kept_as_printed_since_its_zone_is_not_known(land_bodies, fixture):
    rows, _ = land_bodies("sec", "submissions", {url_of(NVDA): fixture(FIRST)})
    assert rows[1]["accepted_at_as_published"] == datetime(2026, 2, 25, 16, 38, 21)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("form", "filed", "printed", "known", "quality"),
    [
        ("10-K", "2026-02-25", "2026-02-25 16:38:21", "2026-02-26 04:59:59", "dated"),  # printed in New York time
        ("10-K", "2026-02-25", "2026-02-25 21:38:21", "2026-02-26 04:59:59", "dated"),  # printed in UTC
        ("4", "2026-03-04", "2026-03-05 02:59:00", "2026-03-05 04:59:59", "dated"),  # 21:59 in New York, as UTC
        ("NO ACT", "2016-10-27", "2017-02-16 14:54:56", "2017-02-17 04:59:59", "dated"),
        ("10-K", "2026-02-25", None, "2026-02-26 04:59:59", "dated"),
        ("CORRESP", "2026-02-25", "2026-02-25 16:38:21", "2026-11-01 00:00:00", "self_vintage"),
    ],
)
def test_a_filing_is_known_at_the_end_of_its_day_or_of_a_later_acceptance(form, filed, printed, known, quality):
    rule = SUBMISSIONS.known_at
    values = f"'{form}', date '{filed}', {repr(printed) if printed else 'null'}::timestamp, timestamptz '2026-11-01 00:00:00+00'"
    names = "form, filed_date, accepted_at_as_published, fetched_at"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        give_macros(connection)
        query = f"select {rule.sql}, {rule.pit_quality} from (values ({values})) as f({names})"
        assert connection.execute(query).fetchone() == (datetime.fromisoformat(known).replace(tzinfo=UTC), quality)


def test_an_older_page_has_its_arrays_at_the_top_and_says_nothing_of_the_filer(land_bodies, fixture):
    rows, bad = land_bodies("sec", "submissions", {url_of(NVDA): fixture(FIRST), OLDER_URL: fixture(OLDER)})
    assert not bad
    assert [row["form"] for row in rows[4:]] == ["10-Q", "10-K405"]
    assert {(row["cik"], row["entity_name"], row["is_xbrl_numeric"]) for row in rows[4:]} == {(NVDA, None, None)}


def test_a_field_that_the_sec_adds_is_landed_beside_the_others(land_bodies, fixture):
    body = edited(fixture, lambda page: recent(page).update(newThing=["a", None, "", "b"]))
    rows, _ = land_bodies("sec", "submissions", {url_of(NVDA): body})
    assert [row["_new_newthing"] for row in rows] == ["a", None, None, "b"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: recent(p)["form"].pop(), "arrays of unequal length"),
        (lambda p: recent(p).update(form="10-K"), "an object of arrays"),
        (lambda p: recent(p)["size"].__setitem__(0, {}), "filing 0, size"),
        (lambda p: p["filings"].pop("recent"), "nothing at filings.recent"),
        (lambda p: p.update(filings=[]), "nothing at filings"),
        (lambda p: p.update(cik="0000320193"), "another filer.*got cik '0000320193'"),
        (lambda p: p.update(name="Apple Inc.", formerNames=[]), "another filer than CIK 1045810 is in our seeds"),
        (lambda p: p.update(formerNames=None), "formerNames.*a list"),
        (lambda p: p.pop("fiscalYearEnd"), "nothing at fiscalYearEnd"),
    ],
)
def test_a_page_that_breaks_its_promise_is_refused(answer, fixture, change, words):
    with pytest.raises(ContractViolation, match=words):
        list(extract(answer(url_of(NVDA), edited(fixture, change))))


def test_a_renamed_company_is_still_itself(answer, fixture):
    body = edited(fixture, lambda p: p.update(name="Jensen Industries"))
    assert len(list(extract(answer(url_of(NVDA), body)))) == 4


def test_a_missing_array_is_refused_by_name(land_bodies, fixture):
    body = edited(fixture, lambda page: recent(page).pop("filingDate"))
    with pytest.raises(ContractViolation, match=r"missing \['filingDate'\]"):
        land_bodies("sec", "submissions", {url_of(NVDA): body})


def test_the_first_page_is_asked_for_and_then_the_pages_that_it_names(network, fixture):
    get = network({OLDER_URL: fixture(OLDER), url_of(NVDA): fixture(FIRST)})
    assert [r.url for r in fetch(get, cik=NVDA)] == get.asked == [url_of(NVDA), OLDER_URL]


def test_an_older_page_that_is_cut_is_refused(network, fixture):
    cut = {name: array[:1] for name, array in json.loads(fixture(OLDER)).items()}
    get = network({OLDER_URL: json.dumps(cut), url_of(NVDA): fixture(FIRST)})
    with pytest.raises(ContractViolation, match="is cut; expected 2 filings"):
        list(fetch(get, cik=NVDA))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"name": "../../etc/passwd"}, "older page that is not its filer's"),
        ({"name": "CIK0000320193-submissions-001.json"}, "older page that is not its filer's"),
        ({"filingCount": "many"}, "a number and ISO dates"),
        ({"filingTo": None}, "a number and ISO dates"),
    ],
)
def test_an_address_that_a_page_names_is_not_trusted(network, fixture, file, words):
    body = edited(fixture, lambda page: page["filings"]["files"][0].update(file))
    with pytest.raises(ContractViolation, match=words):
        list(fetch(network({url_of(NVDA): body}), cik=NVDA))


def test_companies_and_13f_filers_are_asked_for_once():
    keys = [p.key for p in SUBMISSIONS.partitions(datetime(2026, 11, 1, tzinfo=UTC))]
    assert len(keys) == len(set(keys)) == 82 + 9
    assert {"0001045810", "0001767640", "0002053383"} <= set(keys)


def seen(body, day: datetime) -> str:
    return newest_reports(response_of(url_of(NVDA), body, day))


def test_the_token_is_of_the_newest_day_with_a_report(fixture):
    expected = "2026-02-25 0001045810-26-000019 0001045810-26-000021 day 2"
    assert seen(fixture(FIRST), datetime(2026, 3, 5, tzinfo=UTC)) == expected


def test_the_token_does_not_change_with_an_insiders_form(fixture):
    body = edited(fixture, lambda page: [array.pop(0) for array in recent(page).values()])
    later = datetime(2026, 3, 5, tzinfo=UTC)
    assert seen(body, later) == seen(fixture(FIRST), later)


def test_the_token_changes_with_a_second_report_on_the_same_day(fixture):
    def without_ten_k(page):
        recent(page)["form"][1], recent(page)["isXBRL"][1] = "4", 0

    later = datetime(2026, 3, 5, tzinfo=UTC)
    assert seen(edited(fixture, without_ten_k), later) != seen(fixture(FIRST), later)


def test_the_token_changes_on_each_of_the_two_days_after_a_report(fixture):
    tokens = [seen(fixture(FIRST), datetime(2026, 2, 25 + n, 12, tzinfo=UTC)) for n in range(4)]
    assert len(set(tokens)) == 3
    assert tokens[2] == tokens[3]


def test_the_token_of_a_filer_without_reports_is_stable(fixture):
    def none(page):
        recent(page).update(form=["4"] * 4, isXBRL=[0] * 4)

    assert seen(edited(fixture, none), datetime(2026, 3, 5, tzinfo=UTC)) == "never day 2"


def test_the_token_of_a_list_that_is_refused_changes_with_its_bytes_and_stops_nobody(fixture):
    renamed = edited(fixture, lambda p: p.update(name="Apple Inc.", formerNames=[]))
    tokens = {newest_reports(response_of(url_of(NVDA), body)) for body in (renamed, "<html>", "{}")}
    assert len(tokens) == 3
    assert all(token.startswith("unreadable ") for token in tokens)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    key=st.sampled_from(["cik", "name", "formerNames", "filings", "recent", "files", "form", "filingDate"]), value=JSON
)
def test_whatever_a_page_holds_it_is_read_or_refused(key, value):
    page = {
        "cik": "0001045810", "name": "NVIDIA", "formerNames": [], "sic": "", "category": "", "fiscalYearEnd": "",
        "filings": {"recent": {"form": ["10-K"], "filingDate": ["2026-02-25"]}, "files": []},
    }  # fmt: skip
    holder = page["filings"]["recent"] if key in {"form", "filingDate"} else page["filings"]
    (holder if key in {*holder, "recent", "files"} else page)[key] = value
    response = response_of(url_of(NVDA), json.dumps(page))
    for act in (lambda r: list(extract(r)), newest_reports, lambda r: list(fetch(lambda *_, **__: r, cik=NVDA))):
        with suppress(ContractViolation):
            act(response)


def test_the_recorded_lists_land_whole(land_bodies, recordings):
    counts = {}
    for path in sorted((recordings / "sec").glob("submissions_CIK??????????.json")):
        bodies = {url_of(int(path.stem[-10:])): path.read_bytes()}
        for older in (recordings / "sec").glob(f"{path.stem}-submissions-*.json"):
            bodies[f"https://data.sec.gov/submissions/{older.name.removeprefix('submissions_')}"] = older.read_bytes()
        rows, bad = land_bodies("sec", "submissions", bodies)
        assert not bad
        counts[rows[0]["entity_name"]] = len(rows)
    assert counts == {"Apple Inc.": 1_005, "MICROSOFT CORP": 1_002, "NVIDIA CORP": 1_007, "Tesla, Inc.": 1_002 + 720}


def test_the_recorded_older_page_is_as_long_as_the_first_page_says(network, recordings):
    folder = recordings / "sec"
    get = network(
        {
            "https://data.sec.gov/submissions/CIK0001318605-submissions-001.json": (
                folder / "submissions_CIK0001318605-submissions-001.json"
            ).read_bytes(),
            url_of(1318605): (folder / "submissions_CIK0001318605.json").read_bytes(),
        }
    )
    assert len(list(fetch(get, cik=1318605))) == 2


def test_the_recorded_acceptance_times_are_utc_on_one_day_and_new_yorks_on_another(answer, recordings):
    # NVIDIA's 10-Ks of two years, as docs/method.md (c) has it: after the close in New York, printed in two zones.
    body = (recordings / "sec" / "submissions_CIK0001045810.json").read_bytes()
    rows = {r["accessionNumber"]: r for r in extract(answer(url_of(NVDA), body)) if r["form"] == "10-K"}
    hours = {r["filingDate"]: r["acceptanceDateTime"][11:13] for r in rows.values()}
    assert hours["2026-02-25"] == "16"
    assert hours["2025-02-26"] == "21"
