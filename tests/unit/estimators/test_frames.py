"""Columns without a value keep a type, so that what is built on them still fits."""

import duckdb
import pandas as pd
import pytest

from warehouse.estimators.frames import CUTOFF_HOUR, read, typed
from warehouse.settings import PROJECT_ROOT


@pytest.mark.parametrize("rows", [0, 2])
def test_a_column_without_a_value_has_the_type_its_name_tells(rows):
    names = ["date_day", "known_at", "parameter_set", "null_reason", "value", "measure", "week_end"]
    frame = typed(pd.DataFrame({name: [None] * rows for name in names}, columns=names))
    types = dict(duckdb.sql("select column_name, column_type from (describe from frame)").fetchall())
    assert types["known_at"] == "TIMESTAMP WITH TIME ZONE"
    assert {types[n] for n in ("date_day", "week_end")} == {"TIMESTAMP"}
    assert {types[n] for n in ("parameter_set", "null_reason", "measure")} == {"VARCHAR"}
    assert types["value"] == "DOUBLE"
    assert len(frame) == rows


def test_what_has_a_value_is_left_as_it_is():
    frame = pd.DataFrame({"n": [1, None], "known_at": ["a", "b"]})
    pd.testing.assert_frame_equal(typed(frame), frame)


def test_rows_are_read_as_duckdb_makes_frames_of_them():
    rows = duckdb.sql("""
        select
            date '2024-01-01' + n::integer as date_day, timestamptz '2024-01-01 22:00:00+00' as known_at,
            timestamp '2024-01-01 12:00:00' as seen, 'a' || n as name, n::double / 3 as value, n::integer as whole,
            n > 1 as is_more, n::decimal(38, 12) as amount, sum(n) over () as total,
            nullif(n, 1)::integer as pit_rank, nullif(n, 1) as count, nullif(n, 1)::double as holed,
            case when n > 1 then 'b' end as reason, nullif(date '2024-01-01' + n::integer, date '2024-01-02') as day,
            null::integer as nothing
        from range(4) as numbers (n)
    """)
    pd.testing.assert_frame_equal(read(rows), rows.df(), check_exact=True)
    assert list(read(rows.filter("false"))) == rows.columns


def test_python_and_sql_freeze_a_day_at_the_same_hour():
    macros = (PROJECT_ROOT / "dbt_project" / "macros" / "bitemporal.sql").read_text()
    assert f"macro cutoff_hour() -%}} {{{{ return({CUTOFF_HOUR}) }}}}" in macros
