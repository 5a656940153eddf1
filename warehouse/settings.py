"""Where the warehouse lives and how it reaches its sources, read from the environment once."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.errors import ConfigurationError
from warehouse.masking import learn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROJECT_ROOT = Path(__file__).resolve().parent.parent


_READ: dict[str, Callable[[str], object]] = {
    "str": str,
    "str | None": str,
    "int": int,
    "float": float,
    "Path": Path,
    "Path | None": Path,
}
"""How a variable's text is read, by its field's annotation."""


def _variable(name: str) -> dict[str, str]:
    return {"variable": name}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the environment decides. Tests build their own; nothing is read at import."""

    home: Path = field(default=Path("data"), metadata=_variable("WAREHOUSE_HOME"))
    """Folder that holds all a run writes."""
    sources: str = field(default="live", metadata=_variable("WAREHOUSE_SOURCES"))
    """`live`, or `recorded:<folder>`."""
    now: str | None = field(default=None, metadata=_variable("WAREHOUSE_NOW"))
    """The one clock, ISO 8601 with an offset; empty for the wall clock (or the recording's)."""
    contact: str | None = field(default=None, metadata=_variable("WAREHOUSE_CONTACT"))
    """Name and e-mail sent to publishers; the SEC answers 403 without one."""
    fred_key: str | None = field(default=None, repr=False, metadata=_variable("WAREHOUSE_FRED_KEY"))
    """Key of the FRED API, free from its publisher; without it the keyed FRED tables are not asked for."""
    drop: Path | None = field(default=None, metadata=_variable("WAREHOUSE_DROP"))
    """Folder of the user's own files, such as a price vendor's; one sub-folder a kind."""
    lock_wait_seconds: float = field(default=600.0, metadata=_variable("WAREHOUSE_LOCK_WAIT_SECONDS"))
    """How long a second builder waits for the first before it gives up and says who holds the lock."""
    threads: int = field(default=2, metadata=_variable("WAREHOUSE_THREADS"))
    """Threads for DuckDB and dbt, and partitions landed at once."""
    memory_limit: str = field(default="2GB", metadata=_variable("WAREHOUSE_MEMORY_LIMIT"))
    """DuckDB's memory limit for one process, in DuckDB's spelling."""
    keep_releases: int = field(default=14, metadata=_variable("WAREHOUSE_KEEP_RELEASES"))
    """How many of the newest releases stay on this machine whatever their age; 1 at least."""
    keep_days: int = field(default=30, metadata=_variable("WAREHOUSE_KEEP_DAYS"))
    """Age in days up to which a release stays, however many there are."""
    upload: str | None = field(default=None, metadata=_variable("WAREHOUSE_UPLOAD"))
    """`s3://bucket/prefix`, to which every release is uploaded; credentials are AWS's own variables."""
    upload_keep: int = field(default=14, metadata=_variable("WAREHOUSE_UPLOAD_KEEP"))
    """How many of the newest releases stay in the bucket; 1 at least."""
    airflow_port: int = field(default=8080, metadata=_variable("WAREHOUSE_AIRFLOW_PORT"))
    """Port of Airflow's web page on this machine, as `drypowder up` starts it."""
    superset_port: int = field(default=8088, metadata=_variable("WAREHOUSE_SUPERSET_PORT"))
    """The same of Superset's."""
    backup: str | None = field(default=None, metadata=_variable("WAREHOUSE_BACKUP"))
    """Folder, or `s3://bucket/prefix`, that backups go to; better not on this machine."""
    backup_keep: int = field(default=14, metadata=_variable("WAREHOUSE_BACKUP_KEEP"))
    """How many of the newest backups stay there; 1 at least."""
    backup_watched: str | None = field(default=None, metadata=_variable("WAREHOUSE_BACKUP_WATCHED"))
    """Where another process makes the backups of this home, which is told of when they fail but makes none itself."""
    metadata_urls: str | None = field(default=None, repr=False, metadata=_variable("WAREHOUSE_METADATA_URLS"))
    """Databases of Airflow and Superset that backups take along, as SQLAlchemy spells them, separated by spaces."""
    approval: str = field(default="off", metadata=_variable("WAREHOUSE_APPROVAL"))
    """`off`, or `warnings`: a release with new warnings then waits until a person accepts them."""
    notify_email: str | None = field(default=None, metadata=_variable("WAREHOUSE_NOTIFY_EMAIL"))
    """Who gets an e-mail of every incident; the server is Airflow's connection `smtp_default`."""
    notify_webhook: str | None = field(default=None, metadata=_variable("WAREHOUSE_NOTIFY_WEBHOOK"))
    """Airflow's connection that every incident is posted to; address and token are the connection's."""
    statsd: str | None = field(default=None, metadata=_variable("WAREHOUSE_STATSD"))
    """`host:port` of a StatsD collector, to which metrics are sent over UDP; none are without."""
    log: str = field(default="text", metadata=_variable("WAREHOUSE_LOG"))
    """`text`, or `json`: a line of JSON for every log line, from level INFO on."""
    project: Path = field(default=PROJECT_ROOT, metadata=_variable("WAREHOUSE_PROJECT"))
    """The checkout: dbt_project/, sample/ and expectations/ are found under it."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the variables named in the fields; an empty one counts as absent.

        Raises:
            ConfigurationError: a variable's text is not of its field's type.
        """
        environ = os.environ if environ is None else environ
        given: dict[str, object] = {}
        for name, spec in cls.__dataclass_fields__.items():
            text = environ.get(spec.metadata["variable"], "").strip()
            if not text:
                continue
            try:
                given[name] = _READ[str(spec.type)](text)
            except ValueError as error:
                raise ConfigurationError(
                    f"{spec.metadata['variable']} cannot be read",
                    expected=f"a {spec.type}",
                    got=repr(text),
                    remedy="Correct it in the environment or in .env.",
                ) from error
        return cls(**given)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        """Refuse a choice that there is not, and a retention that would keep nothing."""
        learn(*(getattr(self, name) for name, spec in self.__dataclass_fields__.items() if not spec.repr))
        if self.sources != "live" and not self.sources.startswith("recorded:"):
            raise ConfigurationError(
                "WAREHOUSE_SOURCES (or --sources) names no transport",
                expected="'live' or 'recorded:<folder>'",
                got=repr(self.sources),
                remedy="Set it to one of the two.",
            )
        if self.approval not in {"off", "warnings"}:
            raise ConfigurationError(
                "WAREHOUSE_APPROVAL says nothing that we know",
                expected="'off' or 'warnings'",
                got=repr(self.approval),
                remedy="Set it to one of the two.",
            )
        if self.notify_webhook and not self.notify_webhook.replace("_", "").replace("-", "").isalnum():
            raise ConfigurationError(  # an address may hold a secret, so it is not repeated here
                "WAREHOUSE_NOTIFY_WEBHOOK is no name of a connection",
                expected="a name such as incidents, whose AIRFLOW_CONN_INCIDENTS has the address",
                got="something else",
                remedy="Put the address into AIRFLOW_CONN_INCIDENTS, and the name here.",
            )
        for name, form, expected in (
            ("log", "text|json", "'text' or 'json'"),
            ("statsd", r"(\[[^\]]+\]|[^:]+):\d{1,5}", "host:port"),
        ):
            got = getattr(self, name)
            if got is not None and not re.fullmatch(form, got):
                raise ConfigurationError(
                    f"{self.__dataclass_fields__[name].metadata['variable']} cannot be read",
                    expected=expected,
                    got=repr(got),
                    remedy="Correct it in the environment or in .env.",
                )
        for name, least in (("keep_releases", 1), ("keep_days", 0), ("upload_keep", 1), ("backup_keep", 1)):
            if getattr(self, name) < least:
                raise ConfigurationError(
                    f"{self.__dataclass_fields__[name].metadata['variable']} is too small",
                    expected=f"{least} or more",
                    got=getattr(self, name),
                    remedy="Correct it in the environment or in .env.",
                )

    def resolved(self) -> Settings:
        """Return the same settings with every folder absolute, for processes that work elsewhere."""
        return replace(
            self,
            home=self.home.resolve(),
            project=self.project.resolve(),
            drop=self.drop.resolve() if self.drop else None,
            backup=str(Path(self.backup).resolve()) if self.backup and "://" not in self.backup else self.backup,
            sources=f"recorded:{self.recordings.resolve()}" if self.recordings else self.sources,
        )

    def as_environment(self) -> dict[str, str]:
        """Return the variables that `from_environment` reads back to equal settings."""
        values = {spec.metadata["variable"]: getattr(self, name) for name, spec in self.__dataclass_fields__.items()}
        return {variable: str(value) for variable, value in values.items() if value is not None}

    @property
    def duckdb_config(self) -> dict[str, str | bool | int | float | list[str]]:
        """Return what every DuckDB connection of the builder is opened with."""
        return {
            "threads": self.threads,
            "memory_limit": self.memory_limit,
            "autoinstall_known_extensions": False,
        }

    @property
    def recordings(self) -> Path | None:
        """Folder of the recorded transport, or None when live."""
        kind, _, folder = self.sources.partition(":")
        return Path(folder) if kind == "recorded" else None

    @property
    def transport(self) -> str:
        """The transport, spelled so that equal ones are equal text."""
        return f"recorded:{self.recordings.resolve()}" if self.recordings else self.sources

    @property
    def transport_note(self) -> Path:
        """Where a home says which transport its figures came by."""
        return self.home / "home.json"

    @property
    def remembered_transport(self) -> str | None:
        """The transport that the home's figures came by, or None while it has none."""
        if not self.transport_note.is_file():
            return None
        return str(json.loads(self.transport_note.read_text())["transport"])

    @property
    def archive(self) -> Path:
        """Response bytes as received, content-addressed, and the log of fetches."""
        return self.home / "archive"

    @property
    def landing(self) -> Path:
        """Typed rows, one immutable Parquet file a fetch."""
        return self.home / "landing"

    @property
    def refused(self) -> Path:
        """One JSON file per fetch whose payload its contract refused."""
        return self.home / "quarantine"

    @property
    def incidents(self) -> Path:
        """Steps that failed, and the ledger of who was told of what; their owner's alone, since reasons quote rows."""
        return self.home / "incidents"

    @property
    def steps(self) -> Path:
        """One JSON file per step that has ended and is not in `ops.steps` yet."""
        return self.home / "steps"

    @property
    def warehouse(self) -> Path:
        """The builder's own DuckDB file; readers never open it."""
        return self.home / "warehouse.duckdb"

    @property
    def internal(self) -> Path:
        """The builder's file of rows whose licence keeps them out of every release; readable by its owner alone."""
        return self.home / "internal.duckdb"

    @property
    def releases(self) -> Path:
        """Immutable release folders."""
        return self.home / "releases"

    @property
    def current(self) -> Path:
        """Symbolic link to the release that readers see."""
        return self.home / "current"

    @property
    def dbt_project(self) -> Path:
        """The dbt project's folder."""
        return self.project / "dbt_project"
