"""SQL typed by users: one SELECT, and nothing that reaches past the release."""

from __future__ import annotations

from io import StringIO

import duckdb
import pandas as pd
import pytest
from rich.console import Console

from warehouse import cli
from warehouse.errors import UnsafeQuery
from warehouse.querying import HARDENED, guard


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    path = tmp_path_factory.mktemp("release") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as writer:
        writer.execute("create schema metrics; create table metrics.t as select 1 as a")
        writer.execute("create macro metrics.as_of(ts) as table select * from metrics.t")
    with duckdb.connect(str(path), read_only=True, config=dict(HARDENED)) as reader:
        yield reader


@pytest.mark.parametrize(
    "sql",
    [
        "select * from metrics.t",
        "select * from metrics.as_of(date '2025-02-26')",
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select * from r",
        "from metrics.t select a order by a",
        "select unnest([1, 2]), (select count(*) from range(3))",
        "describe metrics.t",
        "select * from information_schema.tables",
    ],
)
def test_a_question_is_answered(connection, sql):
    assert connection.execute(guard(connection, sql)).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "select 1; select 2",
        "select 1; drop table metrics.t",
        "insert into metrics.t values (2)",
        "copy (select 1) to '/tmp/drypowder-stolen.csv'",
        "attach '/tmp/other.duckdb'",
        "set memory_limit = '1GB'",
        "pragma database_list",
        "call enable_logging(storage = 'file')",
        "install httpfs",
        "load httpfs",
        "select * from enable_logging(storage = 'file')",
        "select * from read_text('/etc/passwd')",
        "select * from '/etc/passwd'",
        'select * from "/etc/passwd"',
        "select * from 'x.parquet'",
        "select * from metrics.t where a in (select 1 from read_csv('/etc/passwd'))",
        "select (select max(size) from read_blob('/etc/passwd'))",
        "with x as materialized (select * from glob('/*')) select * from x",
        "select * from metrics.t, lateral (select * from read_text('/etc/passwd'))",
        "select * from query('select 1')",
        "select * from query_table('metrics.t')",
        "select getenv('HOME')",
        "select * from duckdb_secrets()",
        "select * from duckdb_settings()",
        "select * from pg_catalog.pg_settings",
        "select * from duckdb_databases",
        "select * from duckdb_logs",
        "select * from pragma_database_list",
        "select current_setting('access_mode')",
        "select list_transform(['access_mode'], lambda x: current_setting(x))",
        "select 1 order by main.getvariable('a')",
        "select json_serialize_plan('select 1 from read_text(''/etc/passwd'')')",
        "select * from json_execute_serialized_sql(json_serialize_sql('select 1'))",
        "select * from sniff_csv('/etc/passwd')",
        "select * from read_duckdb('/tmp/other.duckdb')",
        "select * from which_secret('s3://x', 's3')",
        "select * from duckdb_temporary_files()",
        "select * from arrow_scan(1, 2, 3)",
        "select * from force_checkpoint()",
        "checkpoint",
        "summarize '/etc/passwd'",
        "select nextval('s')",
        "select write_log('x')",
        "select sleep_ms(60000)",
        "with x as (delete from metrics.t returning *) select * from x",
        "select 1 into metrics.u",
        "select " + "abs(" * 900 + "1" + ")" * 900,
        "explain analyze select 1",
        "create table metrics.u as select 1",
        "",
        "selec 1",
    ],
)
def test_anything_else_is_refused_with_what_to_do(connection, sql):
    with pytest.raises(UnsafeQuery, match="The query was not run"):
        guard(connection, sql)


def test_the_settings_hold_even_for_sql_that_was_not_judged(connection):
    for sql in (
        "select * from read_text('/etc/passwd')",
        "copy (select 1) to '/tmp/drypowder-stolen.csv'",
        "set threads = 9",
        "select * from local_of_python",
    ):
        local_of_python = pd.DataFrame({"a": [1]})
        assert len(local_of_python) == 1
        with pytest.raises(duckdb.Error):
            connection.execute(sql)


@pytest.fixture
def printed(monkeypatch):
    """Return what `query` prints of rows on a line of 60 characters."""

    def _printed(names, rows, **options):
        console = Console(file=StringIO(), width=60)
        monkeypatch.setattr(cli, "out", console)
        cli.print_rows(names, rows, **options)
        return console.file.getvalue()

    return _printed


def test_a_null_is_printed_by_its_name(printed):
    assert "│ NULL │" in printed(["a", "b"], [(None, "")])
    assert printed(["a", "b"], [(None, "")], expanded=True).splitlines()[1:] == ["a  NULL", "b  "]


def test_a_row_wider_than_the_line_is_printed_one_column_a_line_and_whole(printed):
    wide = printed(["metric", "note"], [("capex", "x" * 80), ("ocf", "y")])
    assert wide.count("row ") == 2
    assert f"note    {'x' * 80}\n" in wide
    assert "row 1" not in printed(["metric", "note"], [("capex", "x")])
    assert "x" * 80 in printed(["metric", "note"], [("capex", "x" * 80)], expanded=False)
