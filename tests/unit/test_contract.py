"""A contract that a stranger could not read does not construct."""

from __future__ import annotations

from dataclasses import replace

import pytest

from warehouse.contract import Cadence, Column, Due, KnownAt
from warehouse.errors import ConfigurationError


@pytest.fixture
def table(toy):
    return toy.tables[0]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"type": "DOUBLE"}, "a unit, since it is a number"),
        ({"type": "DECIMAL(9, 2)"}, "a unit, since it is a number"),
        ({"type": "BIGINT"}, "a unit, since it is a number"),
        ({"type": "MONEY"}, "a DuckDB scalar type"),
        ({"description": ""}, "a description that is a sentence"),
        ({"description": "no capital."}, "a description that is a sentence"),
        ({"description": "No full stop"}, "a description that is a sentence"),
        ({"name": "camelCase"}, "snake_case"),
    ],
)
def test_a_column_must_be_readable(wrong, words):
    good = {"name": "day", "type": "DATE", "description": "Day of the rate."}
    Column(**good)
    with pytest.raises(ConfigurationError, match=words):
        Column(**{**good, **wrong})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("grain", (), "a grain of its columns"),
        ("grain", ("nowhere",), "a grain of its columns"),
        ("cadence", None, "a cadence"),
        ("licence", None, "a licence"),
        ("known_at", None, "a known_at rule"),
        ("description", "rates", "a description that is a sentence"),
        ("columns", (), "distinct column names"),
    ],
)
def test_a_table_must_say_grain_cadence_licence_and_knowledge_time(table, field, value, words):
    with pytest.raises(ConfigurationError, match=words):
        replace(table, **{field: value})


def test_a_table_may_not_use_a_name_of_the_bookkeeping(table):
    known = Column(name="known_at", type="TIMESTAMPTZ", description="When.")
    with pytest.raises(ConfigurationError, match="bookkeeping"):
        replace(table, columns=(*table.columns, known))


def test_a_source_code_has_no_underscore(toy):
    with pytest.raises(ConfigurationError, match="no underscore"):
        replace(toy, code="to_y")


def test_a_cron_line_has_five_fields():
    due = Due(every="irregular", not_due="It comes when it comes.")
    with pytest.raises(ConfigurationError, match="five cron fields"):
        Cadence(cron="0 9 * *", stale_after_days=1, due=due)


def test_a_rule_of_knowledge_time_says_what_it_is():
    with pytest.raises(ConfigurationError, match="a description that is a sentence"):
        KnownAt(sql="day", pit_quality="'exact'", description="at once")
