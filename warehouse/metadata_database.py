"""Copies of the databases that Airflow and Superset keep, taken while they run.

SQLite is copied by its own online backup, PostgreSQL by pg_dump: either is the state of one instant. A password goes to
pg_dump through its environment, and nowhere else.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from warehouse.errors import BackupFailed, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from warehouse.settings import Settings

AIRFLOWS = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_HIDDEN = "airflow-db-not-allowed"
"""Scheme that Airflow puts in the place of its database's address where tasks run."""
_WAIT_SECONDS = 60.0
"""How long SQLite's writers are waited for."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """A metadata database."""

    kind: Literal["sqlite", "postgresql"]
    name: str
    """Its file's name without ending, or what the server calls it."""
    address: str
    """Its path, or its address without a password."""
    password: str = field(default="", repr=False)

    def dump(self, path: Path) -> None:
        """Write a copy.

        Raises:
            BackupFailed: it could not be read; the message holds no password.
        """
        if self.kind == "sqlite":
            _copy_sqlite(self, path)
        else:
            _dump_postgresql(self, path)


def databases(settings: Settings, environ: Mapping[str, str] | None = None) -> list[Database]:
    """Return the databases to copy: those of the settings, else Airflow's by its own variable and the home's.

    Raises:
        ConfigurationError: an address is none that can be copied, or Airflow hides its own from whoever asks.
    """
    environ = os.environ if environ is None else environ
    if settings.metadata_urls:
        return [parse(url) for url in re.split(r"[\s,]+", settings.metadata_urls) if url]
    supersets = _in([settings.home / "superset" / "superset.db"])
    url = environ.get(AIRFLOWS, "")
    if url and not url.startswith(_HIDDEN):
        return [parse(url), *supersets]
    homes = [Path(environ["AIRFLOW_HOME"])] if environ.get("AIRFLOW_HOME") else []
    airflows = _in([folder / "airflow.db" for folder in (*homes, settings.home / "airflow")])
    if url and not airflows:
        raise ConfigurationError(
            "Airflow does not tell its tasks where its database is",
            expected="WAREHOUSE_METADATA_URLS",
            got="none",
            remedy="Set it where Airflow's components and its workers are started.",
        )
    return [*airflows, *supersets]


def _in(paths: Sequence[Path]) -> list[Database]:
    """Return the first of these SQLite databases that is there."""
    return [parse(f"sqlite:///{path.resolve()}") for path in paths if path.is_file()][:1]


def parse(url: str) -> Database:
    """Read an address as SQLAlchemy spells it. What cannot be read is not repeated: it may hold a password.

    Raises:
        ConfigurationError: it is neither SQLite's nor PostgreSQL's.
    """
    scheme, _, rest = url.partition("://")
    engine = scheme.partition("+")[0]
    if engine == "sqlite" and rest.startswith("/"):
        path = Path(unquote(rest[1:].partition("?")[0]))
        return Database(kind="sqlite", name=path.stem, address=str(path))
    if engine in {"postgresql", "postgres"}:
        try:
            parts = urlsplit(f"postgresql://{rest}")
            options = dict(parse_qsl(parts.query))
            password = options.pop("password", None) or unquote(parts.password or "")
            name = unquote(parts.path.lstrip("/"))
            host = parts.netloc.rpartition("@")[2]
            user = f"{parts.netloc.rpartition('@')[0].partition(':')[0]}@" if "@" in parts.netloc else ""
            address = urlunsplit(("postgresql", f"{user}{host}", parts.path, urlencode(options), ""))
        except ValueError:
            name = ""
        if name:
            return Database(kind="postgresql", name=name, address=address, password=password)
    raise ConfigurationError(
        "A metadata database has no address that can be read",
        expected="sqlite:////folder/file.db or postgresql://user:password@host:port/name",
        got=f"one that begins with {scheme!r}" if "://" in url else "something else, which is not repeated here",
        remedy=f"See WAREHOUSE_METADATA_URLS and {AIRFLOWS}.",
    )


def _copy_sqlite(database: Database, path: Path) -> None:
    if not Path(database.address).is_file():  # SQLite would make one
        raise BackupFailed(f"There is no database {database.address}", expected="a file", got="none")
    try:
        with (
            closing(sqlite3.connect(database.address, timeout=_WAIT_SECONDS)) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            # In one step: with several, a writer in between has it begin anew.
            source.backup(target)
            (said,) = target.execute("pragma quick_check").fetchone()
    except sqlite3.Error as error:
        raise BackupFailed(f"{database.address} could not be copied", got=str(error)) from error
    if said != "ok":
        raise BackupFailed(f"{database.address} is damaged", expected="ok of SQLite's quick_check", got=said)


def _dump_postgresql(database: Database, path: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupFailed(
            f"{database.address} could not be copied",
            expected="pg_dump",
            got="none on this machine",
            remedy="apt-get install postgresql-client",
        )
    environment = dict(os.environ)
    if database.password:
        environment["PGPASSWORD"] = database.password
    done = subprocess.run(  # noqa: S603
        [program, "--format=custom", "--no-password", "--file", str(path), "--dbname", database.address],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[:500]
        if database.password:
            said = said.replace(database.password, "***")
        raise BackupFailed(
            f"{database.address} could not be copied", expected="a dump", got=said or f"exit {done.returncode}"
        )


def how_to_restore(kind: str, address: str, path: Path) -> str:
    """Return what to type, or to do, to put a copy back in its place."""
    if kind == "postgresql":
        command = f"pg_restore --clean --if-exists --no-owner --dbname='{address}' {path}"
        return f"{command}    # the database has to exist; password: PGPASSWORD"
    return f"cp {path} {address}    # with Airflow stopped"
