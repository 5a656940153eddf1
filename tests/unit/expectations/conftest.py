"""A warehouse file of one's own, with empty tables for every contract and rows that a test adds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest

from warehouse.contract import BOOKKEEPING
from warehouse.sources import tables

STAMPS = {
    "_partition": "'all'",
    "_origin": "'recorded'",
    "_source_url": "'https://publisher.example/file'",
    "_source_sha256": "'5e0f'",
    "_fetch_id": "'20260725T000000000000Z-0123456789ab'",
    "fetched_at": "timestamptz '2026-07-25 00:00:00+00'",
}


class WarehouseFile:
    """The file, opened only for the length of a statement, as the builder would."""

    def __init__(self, path):
        self.path = path

    def run(self, *statements):
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def create(self, pairs):
        """Create the incoming and raw tables of these contracts."""
        stamps = ", ".join(f"{name} {'timestamptz' if name == 'fetched_at' else 'varchar'}" for name in STAMPS)
        kept = ", ".join(f"{c.name} {c.type}" for c in BOOKKEEPING)
        statements = ["create schema if not exists incoming", "create schema if not exists raw"]
        for source, table in pairs:
            columns = ", ".join(f"{c.name} {c.type}" for c in table.columns)
            name = f"{source.code}__{table.name}"
            statements.append(f"create table incoming.{name} ({columns}, {stamps})")
            statements.append(f"create table raw.{name} ({columns}, {kept})")
            text = ", ".join(f"{c.name} varchar" for c in table.columns)
            statements.append(f"create table incoming.{name}__aside ({text}, _fetch_id varchar)")
        self.run(*statements)

    def fill(self, name, select, **stamps):
        """Insert the rows of a SELECT into `incoming.<name>`, stamped."""
        stamped = ", ".join(f"{sql} as {stamp}" for stamp, sql in {**STAMPS, **stamps}.items())
        self.run(f"insert into incoming.{name} by name select *, {stamped} from ({select})")

    def promote(self, name, **replaced):
        """Copy what is incoming to `raw.<name>`, as its first version."""
        changed = ", ".join(f"({sql}) as {column}" for column, sql in replaced.items())
        self.run(
            f"""
            insert into raw.{name} by name
            select * exclude (fetched_at) {f"replace ({changed})" if changed else ""}, fetched_at as known_at,
                fetched_at as ingested_at, 'dated' as pit_quality, false as _is_deleted, 'h' as _row_hash
            from incoming.{name}
            """
        )


@cache
def empty():
    """Return a file with every registered table, empty, as bytes: to create them takes as long as to judge one."""
    with TemporaryDirectory() as folder:
        file = WarehouseFile(Path(folder) / "warehouse.duckdb")
        file.create(tables())
        return file.path.read_bytes()


@pytest.fixture
def warehouse_file(tmp_path):
    return WarehouseFile(tmp_path / "warehouse.duckdb")


@pytest.fixture
def landed(warehouse_file):
    """The file with every registered table, empty."""
    warehouse_file.path.write_bytes(empty())
    return warehouse_file
