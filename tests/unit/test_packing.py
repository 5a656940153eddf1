"""A release's tables: the same as the builder's, whatever was taken over from the release before."""

from __future__ import annotations

import json
from dataclasses import replace

import duckdb
import pytest

from tests.toy_release import publish, say, toy_builder
from warehouse import declarations, packing, release, stores
from warehouse.errors import ConfigurationError


@pytest.fixture
def builder(tmp_path, monkeypatch):
    """A home whose builder's file has a mart of ten days, cut by years from four rows on, and something in ops."""
    monkeypatch.setattr(packing, "PARTED_ROWS", 4)
    return toy_builder(tmp_path)


def rows(file, table="marts.rates"):
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(f"select * from {table} order by all").fetchall()


def parts(found):
    return {p.stem: p for p in sorted((found.path / "parquet" / "marts" / "rates").iterdir())}


def is_whole(settings, found):
    """Whether release and Parquet hold what the builder does."""
    expected = rows(settings.warehouse)
    files = str(found.path / "parquet" / "marts" / "rates" / "*.parquet")
    of_parquet = duckdb.sql(f"select * from '{files}' order by all").fetchall() if parts(found) else []
    entry = found.manifest["tables"]["marts.rates"]
    return (
        release.verify(found) == []
        and rows(found.path / "warehouse.duckdb") == expected == of_parquet
        and entry["rows"] == len(expected) == sum(part["rows"] for part in entry["parts"].values())
    )


CHANGES = {
    "nothing": ("select 1", {"2023", "2024"}),
    "a restated value": ("update marts.rates set value = 99 where day = '2024-01-01'", {"2023"}),
    "a value that is gone": ("update marts.rates set value = null where day = '2023-12-31'", {"2024"}),
    "a new day": ("insert into marts.rates by name select * replace (day + 1 as day) from marts.rates where day = '2024-01-06'", {"2023"}),
    "a new year": ("insert into marts.rates by name select * replace (day + 400 as day) from marts.rates limit 1", {"2023", "2024"}),
    "a withdrawn row": ("delete from marts.rates where day = '2024-01-02'", {"2023"}),
    "a row twice": ("insert into marts.rates from marts.rates where day = '2023-12-30'", {"2024"}),
    "a row without a day": ("update marts.rates set day = null where day = '2023-12-30'", {"2024"}),
    "all in another order": ("create or replace table marts.rates as from marts.rates order by value desc", None),
    "too few to cut": ("delete from marts.rates where day <> '2024-01-02' or series_id = 's1'", set()),
    "no row": ("delete from marts.rates", set()),
    "another column": ("alter table marts.rates add column unit varchar", set()),
    "another type": ("alter table marts.rates alter value type decimal(18, 3)", set()),
    "another description": ("comment on column marts.rates.value is 'In basis points.'", set()),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_release_is_what_the_builder_has_and_shares_what_stayed(builder, change):
    statement, shared = CHANGES[change]
    first = publish(builder)
    before = rows(first.path / "warehouse.duckdb")
    say(builder, statement)
    second = publish(builder)

    assert is_whole(builder, second)
    if shared is not None:
        assert {name for name, path in parts(second).items() if path.stat().st_nlink > 1} == shared
    assert rows(first.path / "warehouse.duckdb") == before
    assert release.verify(first) == []
    with release.connect(builder.home) as connection:
        assert connection.execute("select marts.twice(2)").fetchone() == (4,)


def test_rows_that_are_there_twice_and_then_once_are_so_in_the_release(builder):
    say(builder, "insert into marts.rates from marts.rates where day = '2023-12-30'")
    publish(builder)
    say(builder, "delete from marts.rates where rowid in (select max(rowid) from marts.rates where day = '2023-12-30')")
    assert is_whole(builder, publish(builder))


def test_another_row_that_is_there_twice_is_so_in_the_release_without_writing_all_anew(builder, caplog):
    say(builder, "insert into marts.rates from marts.rates where day = '2023-12-30' and series_id = 's0'")
    publish(builder)
    say(
        builder,
        "delete from marts.rates where rowid in (select max(rowid) from marts.rates where day = '2023-12-30')",
        "insert into marts.rates from marts.rates where day = '2023-12-30' and series_id = 's1'",
    )
    assert is_whole(builder, publish(builder))
    assert "not what its manifest says" not in caplog.text


def test_what_was_dropped_is_not_in_the_next_release(builder):
    say(builder, "create table marts.gone (a integer)")
    publish(builder)
    path = builder.dbt_project / "macros" / "release_macros.sql"
    path.write_text(path.read_text().replace("twice", "thrice"))
    say(builder, "drop table marts.gone")
    found = publish(builder)
    with duckdb.connect(str(found.path / "warehouse.duckdb"), read_only=True) as connection:
        names = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        macros = connection.execute(
            "select function_name from duckdb_functions() where schema_name = 'marts' and not internal"
        ).fetchall()
    assert names == [("rates",)]
    assert macros == [("thrice",)]


@pytest.mark.parametrize("spoilt", ["another row", "another value", "no table", "no file", "no database"])
def test_a_release_that_was_meddled_with_is_not_taken_over(builder, spoilt):
    first = publish(builder)
    file = first.path / "warehouse.duckdb"
    file.chmod(0o644)
    if spoilt == "no file":
        file.unlink()
    elif spoilt == "no database":
        file.write_bytes(b"nothing")
    else:
        with duckdb.connect(str(file)) as connection:
            connection.execute(
                {
                    "another row": "insert into marts.rates from marts.rates limit 1",
                    "another value": "update marts.rates set value = value + 1 where day = '2023-12-29'",
                    "no table": "drop table marts.rates",
                }[spoilt]
            )
    say(builder, "update marts.rates set value = 99 where day = '2024-01-01'")
    assert is_whole(builder, publish(builder))


def test_what_was_not_exchanged_though_it_differs_is_found_and_all_written_anew(builder, monkeypatch, caplog):
    publish(builder)
    say(builder, "update marts.rates set value = 99 where day = '2024-01-01'")
    monkeypatch.setattr(packing, "_exchange", lambda *_: None)
    assert is_whole(builder, publish(builder))
    assert "is not what its manifest says, so nothing is taken over: ['marts.rates', 'ops.releases']" in caplog.text


def test_a_file_of_which_much_lies_unused_is_written_anew(builder, monkeypatch):
    publish(builder)
    monkeypatch.setattr(packing, "MOST_FREE", -1.0)
    copied = []
    monkeypatch.setattr(packing, "copy_sharing", lambda *paths: copied.append(paths))
    assert is_whole(builder, publish(builder))
    assert not copied


def test_a_manifest_of_before_tables_were_packed_is_read_and_nothing_taken_over(builder):
    first = publish(builder)
    path = first.path / "manifest.json"
    old = {
        **first.manifest,
        "tables": {name: {"rows": each["rows"]} for name, each in first.manifest["tables"].items()},
    }
    path.chmod(0o644)
    path.write_text(json.dumps(old))
    assert is_whole(builder, publish(builder))


def test_what_differs_from_the_builder_is_no_release(builder, monkeypatch):
    publish(builder)
    real = packing._digest  # noqa: SLF001
    monkeypatch.setattr(
        packing,
        "_digest",
        lambda connection, table, catalogue, *where: replace(
            real(connection, table, catalogue, *where), rows=0 if catalogue == "warehouse" else 1
        ),
    )
    with pytest.raises(ConfigurationError, match="not what the builder has"):
        publish(builder)
    assert len(release.releases(builder)) == 1


def test_parquet_says_what_its_columns_are_and_is_sorted_by_key(builder):
    file = parts(publish(builder))["2024"]
    said = dict(duckdb.sql(f"select decode(key), decode(value) from parquet_kv_metadata('{file}')").fetchall())
    assert said["drypowder_table"] == "It's of rates."
    assert json.loads(said["drypowder_columns"])["value"] == {
        "type": "DOUBLE",
        "unit": "percent",
        "description": "A rate, in percent.",
    }
    keys = duckdb.sql(f"select series_id, day from '{file}'").fetchall()
    assert keys == sorted(keys)


def test_a_table_that_no_model_makes_any_more_is_dropped_before_it_is_packed(builder):
    say(builder, "create table marts.old as select 1 as n", "create view marts.older as select 2 as n")
    with stores.open_warehouse(builder) as connection:
        stores.drop_all_but(connection, declarations.CURATED, {"marts.rates"})
    assert {name for name in publish(builder).manifest["tables"] if name.startswith("marts")} == {"marts.rates"}


def test_a_release_says_of_a_curated_table_what_readers_may_rely_on(builder):
    found = publish(builder)
    contract = found.manifest["tables"]["marts.rates"]["contract"]
    assert (contract["version"], contract["status"]) == (1, "active")
    assert contract["key"] == ["series_id", "day", "known_at"]
    assert "contract" not in found.manifest["tables"]["ops.loads"]
    file = next((found.path / "parquet" / "marts" / "rates").iterdir())
    metadata = dict(duckdb.sql(f"select decode(key), decode(value) from parquet_kv_metadata('{file}')").fetchall())
    assert json.loads(metadata["drypowder_contract"]) == contract
