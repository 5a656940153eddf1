"""Great Expectations running inside DuckDB: the execution engine and data source that it does not have.

Through plain SQLAlchemy most expectations fail with "list index out of range", reported as failed data: Great
Expectations fetches from a result whose connection is already closed. One kept connection is the remedy.
Importing this module costs seconds, so warehouse/validation.py does it inside its functions.
"""
# ruff: noqa: TID253 - the classes below subclass Great Expectations' own, and nobody imports them at module level

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

Engine = type[SqlAlchemyExecutionEngine]


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):  # type: ignore[misc]  # it carries no types for us
    """Keep one connection open for as long as the engine lives."""

    _connection: Connection | None

    @contextmanager
    def get_connection(self) -> Iterator[Connection]:
        """Yield the kept connection, and leave it open. A query that fails must not fail those after it."""
        if not self._connection:
            self._connection = self.engine.connect()
        try:
            yield self._connection
        except Exception:
            self._connection.rollback()
            raise

    def close(self) -> None:
        """Close the kept connection, and with it the file."""
        if self._connection:
            self._connection.close()
            self._connection = None
        super().close()


class DuckDBDatasource(SQLDatasource):  # type: ignore[misc]  # as above
    """A DuckDB file; defining the class registers `context.data_sources.add_duckdb(...)`."""

    type: Literal["duckdb"] = "duckdb"

    @property
    def execution_engine_type(self) -> Engine:
        """Return the engine that keeps its connection."""
        return DuckDBExecutionEngine

    def close(self) -> None:
        """Close every connection to the file, so that a builder may open it for writing."""
        self.get_execution_engine().close()
        self.get_engine().dispose()
