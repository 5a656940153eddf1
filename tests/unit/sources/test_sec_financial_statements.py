import io
import random
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sources.conftest import FIXTURES, response_of
from warehouse.errors import ContractViolation
from warehouse.sources.sec.financial_statements import FINANCIAL_STATEMENTS, check, partitions, url_of
from warehouse.versions import give_macros

HERE = url_of(2009, 3)
MEMBERS = {
    name: (FIXTURES / "sec" / f"financial_statements_{name}.txt").read_text(encoding="utf-8") for name in ("num", "sub")
}


def zipped(**members: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**MEMBERS, "tag": "tag\tversion\n", "pre": "adsh\treport\n", **members}.items():
            archive.writestr(f"{name}.txt", text)
    return body.getvalue()


def land(land_bodies, **members):
    return land_bodies("sec", "financial_statements", {HERE: zipped(**members)})


def in_order(text: str, *names: str) -> str:
    """Rewrite a member with these columns, in this order."""
    lines = [line.split("\t") for line in text.splitlines()]
    places = [lines[0].index(name) for name in names]
    return "".join("\t".join(line[place] for place in places) + "\n" for line in lines)


def test_every_figure_is_read_with_its_filing(land_bodies):
    rows, bad = land(land_bodies)
    assert not bad
    capex, revenue, equity, nothing = sorted(rows, key=lambda r: (r["cik"] != 1045810, r["value"] or 0, r["tag"]))[
        :2
    ] + sorted((r for r in rows if r["cik"] == 47217), key=lambda r: r["tag"], reverse=True)
    assert (capex["value"], capex["unit"], capex["quarter_count"]) == (41_234_000, "USD", 2)
    assert (capex["period_end"], capex["filed_date"], capex["form"]) == (date(2009, 7, 31), date(2009, 8, 20), "10-Q")
    assert (capex["segments"], revenue["segments"]) == (None, "BusinessSegments=GPU;")
    assert revenue["footnote"] == 'The "GPU" segment', "quotes are text"
    assert (equity["coregistrant_name"], equity["value"]) == ("HP FINANCE", -38_900_000_000)
    assert nothing["value"] is None, "the filer says that there is none"
    assert nothing["taxonomy_version"] == nothing["accession_number"], "a tag of the filer's own"


def test_the_acceptance_is_new_yorks(land_bodies):
    rows, _ = land(land_bodies)
    assert {r["accepted_at"] for r in rows} == {
        datetime(2009, 8, 20, 21, 14, tzinfo=UTC),
        datetime(2009, 9, 5, 1, 13, tzinfo=UTC),
    }


def test_a_filing_of_a_holidays_eve_is_known_when_edgar_shows_it():
    rule = FINANCIAL_STATEMENTS.known_at
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        give_macros(connection)
        found = connection.execute(
            f"select {rule.sql}, {rule.pit_quality} from (values "
            "(timestamptz '2009-09-04 21:13:00-04', date '2009-09-08'), (null, date '2009-09-08')) "
            "as f(accepted_at, filed_date)"
        ).fetchall()
    assert found == [
        (datetime(2009, 9, 8, 10, tzinfo=UTC), "exact"),
        (datetime(2009, 9, 9, 3, 59, 59, tzinfo=UTC), "dated"),
    ]


def test_columns_are_read_by_name_in_any_order(land_bodies):
    names = MEMBERS["num"].splitlines()[0].split("\t")
    shuffled = random.Random(1).sample(names, len(names))
    assert shuffled != names
    key = lambda r: str(sorted(r.items(), key=str))  # noqa: E731
    assert sorted(land(land_bodies, num=in_order(MEMBERS["num"], *shuffled))[0], key=key) == sorted(
        land(land_bodies)[0], key=key
    )


def test_an_older_file_without_segments_lands_them_as_null(land_bodies):
    older = ("adsh", "tag", "version", "coreg", "ddate", "qtrs", "uom", "value")
    rows, bad = land(land_bodies, num=in_order(MEMBERS["num"], *older))
    assert (len(rows), bad) == (4, [])
    assert {(r["segments"], r["footnote"]) for r in rows} == {(None, None)}


@pytest.mark.parametrize(
    ("member", "change", "words"),
    [
        ("num", ("\tvalue\t", "\tval\t"), r"missing \['value'\], new \['val'\]"),
        ("num", ("\tsegments\t", "\taxes\t"), r"new \['axes'\]"),
        ("num", ("\tsegments\t", "\tvalue\t"), "one twice"),
        ("sub", ("\taccepted\t", "\taccept\t"), "sub.txt, lacks columns"),
    ],
)
def test_a_file_with_other_columns_is_refused_by_their_names(answer, member, change, words):
    with pytest.raises(ContractViolation, match=words):
        check(answer(HERE, zipped(**{member: MEMBERS[member].replace(*change)})))


@pytest.mark.parametrize(
    ("member", "change", "words"),
    [
        ("num", ("41234000.0000", "n/a"), "column 'value'"),
        ("num", ("20090731\t2\t", "2009073\t2\t"), "column 'period_end'"),
        ("num", ("20090731\t2\t", "20090732\t2\t"), "column 'period_end'"),
        ("sub", ("2009-08-20 17:14:00.0", "yesterday"), "column 'accepted_at'"),
        ("sub", ("20090908", "2009-9"), "column 'filed_date'"),
        ("sub", ("0000047217-09-000099", "0000047217-09-000098"), "column 'cik'.*got null|column 'cik'"),
    ],
)
def test_a_figure_that_is_not_of_its_type_is_refused_by_name(land_bodies, member, change, words):
    with pytest.raises(ContractViolation, match=words):
        land(land_bodies, **{member: MEMBERS[member].replace(*change)})


def test_a_line_with_too_few_fields_is_refused(land_bodies):
    with pytest.raises(ContractViolation):
        land(land_bodies, num=MEMBERS["num"] + "0001045810-09-000030\tRevenues\tus-gaap/2009\n")


@pytest.mark.parametrize("body", [b"", b"<html>", zipped()[:300]])
def test_what_is_no_zip_is_refused(answer, body):
    with pytest.raises(ContractViolation):
        check(answer(HERE, body))


@given(at=st.integers(0, 400), instead=st.binary(max_size=20))
def test_whatever_the_bytes_are_the_check_passes_or_refuses(at, instead):
    body = zipped()
    with suppress(ContractViolation):
        check(response_of(HERE, body[:at] + instead + body[at + len(instead) :]))


def test_a_quarter_is_asked_for_once_it_is_over_and_settles_a_month_later(network):
    named = partitions(datetime(2026, 11, 1, tzinfo=UTC))
    assert (named[0].key, named[-1].key, len(named)) == ("2009q1", "2026q3", 17 * 4 + 3)
    assert named[-1].period == (date(2026, 7, 1), date(2026, 9, 30))
    assert named[3].period == (date(2009, 10, 1), date(2009, 12, 31))
    assert named[-1].closes_at == datetime(2026, 10, 31, tzinfo=UTC)
    get = network({"https://www.sec.gov/": b"PK"})
    list(named[2].fetch(get))
    assert get.asked == [
        "https://www.sec.gov/files/dera/data/financial-statement-data-sets/2009q3.zip",
    ]
    assert [p.key for p in partitions(datetime(2026, 10, 1, tzinfo=UTC))][-1] == "2026q3"
    assert [p.key for p in partitions(datetime(2026, 9, 30, tzinfo=UTC))][-1] == "2026q2"


def test_the_recorded_quarter_holds_126650_figures(land_bodies, recordings):
    body = (recordings / "sec" / "financial_statement_data_set_2009q3.zip").read_bytes()
    rows, bad = land_bodies("sec", "financial_statements", {HERE: body})
    assert (len(rows), bad) == (126_650, [])
    assert len({r["accession_number"] for r in rows}) == 435
    assert sum(r["segments"] is not None for r in rows) == 126_650 - 109_554
    assert sum(r["coregistrant_name"] is not None for r in rows) == 3_740
    assert sum(r["value"] is None for r in rows) == 52
    assert {r["accepted_at"].hour for r in rows if r["accession_number"] == "0001047469-09-008166"} == {1}
