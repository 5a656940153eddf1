"""How Superset opens the release: the one of the request, judged, limited, and nothing beside it.

Every statement of Superset (SQL Lab, charts, filters, samples, the columns of a dataset) goes through the connection
that `guarded` makes, so that no way in needs to be remembered.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock, Timer
from time import monotonic
from typing import TYPE_CHECKING, Any

import duckdb
from duckdb_engine import ConnectionWrapper, CursorWrapper
from sqlalchemy.pool import NullPool

from warehouse.errors import NoRelease, UnsafeQuery
from warehouse.querying import HARDENED, guard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

SECONDS = float(os.environ.get("SUPERSET_QUERY_SECONDS") or 30)
"""How long an answer may take. DuckDB has no such limit, and Superset's works in a process's main thread alone."""

LIMITS = {
    "memory_limit": os.environ.get("SUPERSET_QUERY_MEMORY") or "512MB",
    "threads": int(os.environ.get("SUPERSET_QUERY_THREADS") or 2),
    "temp_directory": "",  # what does not fit fails: beside a release nothing is written
}
"""Of all queries of a process together: DuckDB has one instance a file."""

_OF_THE_DRIVER = frozenset({"show standard_conforming_strings", "show transaction isolation level", "commit"})
"""What SQLAlchemy says of itself when it connects."""


_lock = Lock()
_held: dict[str, duckdb.DuckDBPyConnection] = {}
"""Of the newest release that was asked, one connection that nobody uses."""


def release() -> Path:
    """Return the folder of the release that this request reads, which is the current one when it first asks.

    Fixed for a request, so that what was asked of one release is never kept as an answer of the next.
    """
    from flask import g, has_app_context

    if not has_app_context():
        return _current()
    if "drypowder_release" not in g:
        g.drypowder_release = _current()
    return g.drypowder_release


def edition() -> str:
    """Return what an answer holds for: a release, and a day, since some figures count up to today."""
    return f"{release().name}:{datetime.now(UTC):%Y-%m-%d}"


def _current() -> Path:
    return _link().resolve()


def _link() -> Path:
    return Path(os.environ["WAREHOUSE_HOME"]) / "current"


def guarded(uri: URL, options: dict[str, Any]) -> tuple[URL, dict[str, Any]]:
    """Return what an engine is made of, as Superset's DB_CONNECTION_MUTATOR does.

    Raises:
        UnsafeQuery: it is a DuckDB file that is not the release.
    """
    if uri.get_backend_name() != "duckdb":
        return uri, options
    if Path(uri.database or "") != _link() / "warehouse.duckdb" or uri.query:
        raise UnsafeQuery(
            "The database was not opened",
            expected="the current release",
            got="another file" if uri.database else "none",
            remedy="Superset has one DuckDB database, which superset/assets/databases describes.",
        )
    # By its own name and not through the link: DuckDB keeps a file open by name, and would go on with the one before.
    return uri, {**options, "poolclass": NullPool, "creator": lambda: open_release(release())}


def open_release(folder: Path) -> ReleaseConnection:
    """Open a release as Superset's users may see it.

    Raises:
        NoRelease: there is none.
    """
    path = str(folder / "warehouse.duckdb")
    if not Path(path).exists():
        raise NoRelease("There is no release to read", expected=path, remedy="`drypowder run` makes one.")
    # The same for all: a second connection to an open file may not differ.
    opened = duckdb.connect(path, read_only=True, config={**HARDENED, **LIMITS})
    with _lock:
        if path not in _held:  # opening a file costs twenty times what a second connection to an open one does
            _held.clear()
            _held[path] = duckdb.connect(path, read_only=True, config={**HARDENED, **LIMITS})
    return ReleaseConnection(opened)


class ReleaseConnection(ConnectionWrapper):
    """A connection whose cursors judge what they are given."""

    def __init__(self, opened: duckdb.DuckDBPyConnection) -> None:
        """Take a connection over."""
        super().__init__(opened)
        self._opened = opened

    def cursor(self) -> ReleaseCursor:
        """Return what judges."""
        return ReleaseCursor(self._opened, self)


class ReleaseCursor(CursorWrapper):
    """A cursor that runs one judged SELECT, and stops it when its time is over."""

    def __init__(self, opened: duckdb.DuckDBPyConnection, connection: ReleaseConnection) -> None:
        """Begin with no statement and no time."""
        super().__init__(opened, connection)
        self._opened, self._until = opened, 0.0

    def execute(self, statement: str, parameters: Any = None, context: Any = None) -> None:  # noqa: ANN401
        """Judge a statement, then run it.

        Raises:
            UnsafeQuery: it is not one SELECT over the release, or took too long.
        """
        self._until = monotonic() + SECONDS
        with self._limited():
            if statement.strip().lower() not in _OF_THE_DRIVER:
                guard(self._opened, statement)
            super().execute(statement, parameters, context)

    def executemany(self, statement: str, parameters: Any = None, context: Any = None) -> None:  # noqa: ANN401, ARG002
        """Refuse what only a writer needs."""
        raise UnsafeQuery("The query was not run", expected="one SELECT statement", got="one with many sets of values")

    def fetchone(self) -> Any:  # noqa: ANN401
        """Return the next row in the time that is left."""
        with self._limited():
            return self._opened.fetchone()

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows in the time that is left."""
        with self._limited():
            return super().fetchmany(size)

    def fetchall(self) -> list[Any]:
        """Return all rows in the time that is left."""
        with self._limited():
            return self._opened.fetchall()

    @contextmanager
    def _limited(self) -> Iterator[None]:
        is_over = Event()

        def stop() -> None:
            is_over.set()
            self._opened.interrupt()

        clock = Timer(max(self._until - monotonic(), 0), stop)
        clock.daemon = True
        clock.start()
        try:
            yield
        except duckdb.Error as error:  # of several classes: which, depends on what was interrupted
            if not is_over.is_set():
                raise
            raise UnsafeQuery(
                "The query was stopped",
                expected=f"an answer within {SECONDS:g} s",
                got="none yet",
                remedy="Ask for fewer rows, a shorter time or fewer joins.",
            ) from error
        finally:
            clock.cancel()
