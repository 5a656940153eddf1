"""The clockwork of known_at rules: New York's wall clock and its business days, in any session."""

from __future__ import annotations

import duckdb
import pytest

from warehouse import versions


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def session(request):
    with duckdb.connect() as connection:
        connection.execute(f"set timezone = '{request.param}'")
        versions.give_macros(connection)
        yield (
            lambda sql: connection.execute(f"select ({sql})::timestamptz at time zone 'UTC'").fetchone()[0].isoformat()
        )


def test_new_york_is_its_wall_clock_in_winter_and_summer(session):
    assert session("new_york(date '2026-01-15', time '16:00')") == "2026-01-15T21:00:00"
    assert session("new_york(date '2026-07-15', time '16:00')") == "2026-07-15T20:00:00"


@pytest.mark.parametrize(
    ("day", "days", "expected"),
    [
        ("2024-11-29", 2, "2024-12-03"),  # a Friday
        ("2024-11-26", 2, "2024-11-29"),  # over Thanksgiving
        ("2026-07-02", 1, "2026-07-06"),  # Independence Day on a Saturday is kept on the Friday
        ("2026-07-04", 1, "2026-07-06"),  # counting starts on a day that is none itself
    ],
)
def test_business_days_pass_over_weekends_and_federal_holidays(session, day, days, expected):
    assert session(f"new_york(after_business_days(date '{day}', {days}), time '12:00')")[:10] == expected
