# No recording of these files exists: the fixtures are made from documentation, figures of single days included.
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

from warehouse.errors import ContractViolation
from warehouse.sources import treasury

NOW = datetime(2026, 11, 24, tzinfo=UTC)
Y2025 = f"{treasury.URL}/2025/all?_format=csv&field_tdr_date_value=2025&page=&type={treasury.NOMINAL}"
Y1990 = Y2025.replace("2025", "1990")
REAL2021 = f"{treasury.URL}/2021/all?_format=csv&field_tdr_date_value=2021&page=&type={treasury.REAL}"


def test_a_day_is_a_row_and_a_term_a_column(fixture, land_bodies):
    rows, quarantined = land_bodies("treasury", "par_yields", {Y2025: fixture("treasury/par_2025.csv")})
    assert quarantined == []
    assert [r["quote_date"] for r in rows] == [date(2025, 2, 18), date(2025, 2, 14)]
    assert list(rows[0])[:-1] == [c.name for c in treasury.PAR_YIELDS.columns]
    assert rows[0]["yield_1_5mo_pct"] == rows[0]["yield_1mo_pct"] == Decimal("4.37")
    assert rows[1]["yield_1_5mo_pct"] is None, "blank before its first day"


def test_a_term_that_an_old_file_lacks_is_null(fixture, land_bodies):
    rows, _ = land_bodies("treasury", "par_yields", {Y1990: fixture("treasury/par_1990.csv")})
    assert [(r["yield_10yr_pct"], r["yield_4mo_pct"], r["yield_20yr_pct"]) for r in rows] == [
        (Decimal("7.99"), None, None),
        (Decimal("7.94"), None, None),
    ]


def test_real_yields_may_be_negative(fixture, land_bodies):
    rows, _ = land_bodies("treasury", "real_yields", {REAL2021: fixture("treasury/real_2021.csv")})
    assert (rows[0]["quote_date"], rows[0]["real_yield_10yr_pct"]) == (date(2021, 12, 31), Decimal("-1.04"))


def test_a_term_that_the_publisher_adds_is_landed_beside_the_others(fixture, land_bodies):
    header, newest, oldest = fixture("treasury/par_1990.csv").decode().splitlines()
    body = f'{header},"50 Yr"\n{newest},9.04\n{oldest},N/A\n'
    rows, _ = land_bodies("treasury", "par_yields", {Y1990: body})
    (added,) = set(rows[0]) - {c.name for c in treasury.PAR_YIELDS.columns} - {"_response"}
    assert added.endswith("50_yr")
    assert [r[added] for r in rows] == ["9.04", None]


@pytest.mark.parametrize("lost", ["10 Yr", "3 Mo", "Date"])
def test_a_term_that_always_was_there_is_missed_by_name(fixture, land_bodies, lost):
    body = fixture("treasury/par_2025.csv").decode().replace(lost, "Other")
    with pytest.raises(ContractViolation, match=rf"missing \['{lost}'\]|has no header"):
        land_bodies("treasury", "par_yields", {Y2025: body})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>Service unavailable</html>", "has no header"),
        ("", "has no header"),
        ('Date,"3 Mo"\n01/02/2025,1,2\n', "is cut or torn"),
        ('Date,"3 Mo","3 Mo"\n01/02/2025,1,2\n', "names columns twice"),
        ('Date,"3 Mo"\n01/02/2026,1\n', "row 1, is of another year; expected 2025; got 2026-01-02"),
    ],
)
def test_what_is_no_curve_of_the_year_is_refused(answer, body, words):
    with pytest.raises(ContractViolation, match=words):
        list(treasury.extract(answer(Y2025, body)))


@pytest.mark.parametrize("written", ["2025-13-45", "13/45/2025", "soon", ""])
def test_a_date_of_another_form_is_refused_by_the_landing(fixture, land_bodies, written):
    body = fixture("treasury/par_2025.csv").decode().replace("02/14/2025", written)
    with pytest.raises(ContractViolation, match="'quote_date'.*expected DATE"):
        land_bodies("treasury", "par_yields", {Y2025: body})


@pytest.mark.parametrize(
    ("table", "first", "kind"),
    [(treasury.PAR_YIELDS, 1990, treasury.NOMINAL), (treasury.REAL_YIELDS, 2003, treasury.REAL)],
)
def test_each_calendar_year_is_one_file(network, fixture, table, first, kind):
    found = table.partitions(NOW)
    assert [p.key for p in found] == [str(year) for year in range(first, 2027)]
    assert found[-2].closes_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert found[-2].period == (date(2025, 1, 1), date(2025, 12, 31))
    get = network({treasury.URL: fixture("treasury/par_2025.csv")})
    list(found[-2].fetch(get))
    assert get.asked == [f"{treasury.URL}/2025/all?_format=csv&field_tdr_date_value=2025&page=&type={kind}"]
    assert table.proven == "documented"


def test_a_curve_is_known_on_its_evening():
    sql = treasury.KNOWN_AT.sql.replace("new_york(", "concat_ws(' ', ")
    assert duckdb.sql(f"select {sql} from (select date '2025-02-18' as quote_date)").fetchone() == (
        "2025-02-18 18:00:00",
    )
