"""Who the SEC's tables ask for, and when a filing counts as known. The names are SOURCES.md's, checked by no recording."""

import csv
from datetime import UTC, date, datetime

import duckdb
import pytest

from warehouse.errors import ConfigurationError, ContractViolation
from warehouse.sources import sec
from warehouse.sources.sec.filers import KNOWN_WHEN_ACCEPTED, filers, followed, refuse_other_name
from warehouse.versions import give_macros


@pytest.mark.parametrize(
    ("cik", "names"),
    [
        (789019, ["MICROSOFT CORP"]),
        (1018724, ["AMAZON COM INC"]),
        (320193, ["Apple Inc."]),
        (1050446, ["MSTR Holdings", "STRATEGY INC"]),
        (1767640, ["PUBLIC INVESTMENT FUND"]),
        (999, ["A filer that is in no seed"]),
    ],
)
def test_a_filer_is_known_by_the_first_word_of_its_name_or_of_a_former_one(cik, names):
    refuse_other_name(cik, names, "somewhere")


@pytest.mark.parametrize("names", [["Octahedron Capital Management L.P."], [], ["", "..."], ["THE PUBLIC"]])
def test_a_cik_that_is_another_filers_is_refused(names):
    with pytest.raises(ContractViolation, match="another filer than CIK 1767640.*expected Public Investment Fund"):
        refuse_other_name(1767640, names, "somewhere")


def test_a_seed_that_names_no_cik_is_refused(tmp_path):
    seed = tmp_path / "seed.csv"
    seed.write_text("cik,name,valid_from,valid_to\n12,Somebody,2020-01-01,\nNVDA,NVIDIA,2010-01-01,\n")
    with pytest.raises(ConfigurationError, match=r"seed\.csv, line 3"):
        filers(seed)


def test_a_filer_is_followed_from_its_first_day_to_its_last(tmp_path):
    seed = tmp_path / "dated.csv"
    seed.write_text("cik,name,valid_from,valid_to\n12,Somebody,2020-01-02,2021-03-04\n")
    days = [date(2020, 1, 1), date(2020, 1, 2), date(2021, 3, 4), date(2021, 3, 5)]
    assert [len(followed(seed, day)) for day in days] == [0, 1, 1, 0]


def test_the_13f_filers_are_those_of_the_sources():
    with sec.THIRTEENF_FILERS.open(newline="") as seed:
        rows = list(csv.DictReader(seed))
    assert {int(row["cik"]) for row in rows} == {
        *(1767640, 1374170, 1283718, 1021944, 1704268, 1441689, 1608046, 1434819, 1065521)
    }
    assert len({row["entity_id"] for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("accepted", "known"),
    [
        ("2026-02-13 17:30:00-05", "2026-02-13 22:30:00"),
        ("2026-02-13 17:30:01-05", "2026-02-17 11:00:00"),  # Friday evening before Washington's birthday
        ("2026-05-15 09:15:00-04", "2026-05-15 13:15:00"),
        ("2026-05-16 09:15:00-04", "2026-05-18 10:00:00"),  # a Saturday
        ("2026-07-03 12:00:00-04", "2026-07-06 10:00:00"),  # Independence Day as observed
        ("2024-10-31 18:44:54-04", "2024-11-01 10:00:00"),  # 0001018724-24-000161
    ],
)
def test_a_filing_is_known_when_edgar_shows_it(accepted, known):
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        give_macros(connection)
        rule = f"select {KNOWN_WHEN_ACCEPTED} from (select timestamptz '{accepted}' as accepted_at, null as filed_date)"
        assert connection.execute(rule).fetchone()[0] == datetime.fromisoformat(known).replace(tzinfo=UTC)


def test_without_an_acceptance_a_filing_is_known_at_the_end_of_its_day():
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        give_macros(connection)
        rule = f"select {KNOWN_WHEN_ACCEPTED} from (select null::timestamptz accepted_at, date '2026-02-13' filed_date)"
        assert connection.execute(rule).fetchone()[0] == datetime(2026, 2, 14, 4, 59, 59, tzinfo=UTC)
