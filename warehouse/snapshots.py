"""What a backup consists of in its place, a folder or a bucket.

objects/<2 hex>/<sha256>                     content as it was, each once, whichever files and backups have it
snapshots/<instant>-<12 hex>.json.zst        one backup: its files and links; the hex digits are of its own SHA-256
repository.json                              whose backups these are

A snapshot is written last, so that what has none is no backup. Nothing in here is ever changed, only deleted.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse import object_storage
from warehouse.errors import BackupFailed, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from warehouse.object_storage import Listed
    from warehouse.settings import Settings

OBJECTS, SNAPSHOTS, OWNER = "objects", "snapshots", "repository.json"
FORMAT = 1
_SUFFIX = ".json.zst"
_LEVEL = 6
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file of a backup: where it stands below the home, and which object is its content."""

    path: str
    size: int
    sha256: str
    mode: int
    mtime_ns: int
    link: str = ""
    """An entry before it of which this is another name (a hard link)."""

    @property
    def key(self) -> str:
        """The object that holds its content."""
        return object_key(self.sha256)


@dataclass(frozen=True, kw_only=True)
class Dump:
    """The copy of a metadata database in a backup."""

    path: str
    """Where it stands below the home."""
    kind: str
    """`sqlite` or `postgresql`."""
    address: str
    """Where the database was, without a password."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One backup."""

    id: str = ""
    """When it was made, and a digest of its record: one that was changed has not this name any more."""
    made_at: datetime
    home: str
    """Which home it is of: a number that the home keeps, also when it is restored elsewhere."""
    release: str | None
    """The release that was current."""
    entries: tuple[Entry, ...]
    folders: Mapping[str, int] = field(default_factory=dict)
    """Mode of every folder, by its path below the home."""
    symlinks: Mapping[str, str] = field(default_factory=dict)
    dumps: tuple[Dump, ...] = ()
    new_files: int
    """Objects that this backup added."""
    new_bytes: int
    problems: tuple[str, ...] = ()
    """What is not in it, or was damaged already."""
    made_by: str = ""

    def packed(self) -> bytes:
        """Return the record as it is kept."""
        import zstandard

        fields = {
            **{name: getattr(self, name) for name in self.__dataclass_fields__ if name != "id"},
            "format": FORMAT,
            "made_at": self.made_at.isoformat(),
            "entries": [list(asdict(each).values()) for each in self.entries],
            "dumps": [asdict(each) for each in self.dumps],
        }
        return zstandard.ZstdCompressor(level=_LEVEL).compress(json.dumps(fields).encode())

    @cached_property
    def size(self) -> int:
        """Bytes of its files, what is one file under several names once."""
        return sum(each.size for each in self.entries if not each.link)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Size of every object that it needs, by SHA-256."""
        return {each.sha256: each.size for each in self.entries}

    @classmethod
    def parse(cls, snapshot_id: str, content: bytes) -> Snapshot:
        """Read a record.

        Raises:
            ConfigurationError: it is of a later version of this program.
        """
        import zstandard

        fields: dict[str, Any] = json.loads(zstandard.ZstdDecompressor().decompress(content))
        if (version := fields.pop("format")) != FORMAT:
            raise ConfigurationError(
                "A backup was made by another version of drypowder",
                expected=f"format {FORMAT}",
                got=f"format {version}, made by {fields.get('made_by')}",
                remedy="Install that version, or a later one.",
            )
        names = tuple(Entry.__dataclass_fields__)
        return cls(
            **{
                **fields,
                "id": snapshot_id,
                "made_at": datetime.fromisoformat(fields["made_at"]),
                "entries": tuple(Entry(**dict(zip(names, each, strict=True))) for each in fields["entries"]),
                "dumps": tuple(Dump(**each) for each in fields["dumps"]),
                "problems": tuple(fields["problems"]),
            }
        )


def object_key(sha256: str) -> str:
    """Return where content stands."""
    return f"{OBJECTS}/{sha256[:2]}/{sha256}"


def snapshot_key(snapshot_id: str) -> str:
    """Return where a snapshot stands."""
    return f"{SNAPSHOTS}/{snapshot_id}{_SUFFIX}"


def made_at(snapshot_id: str) -> datetime:
    """Return when a snapshot was made, by its name."""
    return datetime.strptime(snapshot_id.partition("-")[0], _STAMP).replace(tzinfo=UTC)


class Repository:
    """The backups in one place."""

    def __init__(self, target: str) -> None:
        """Read where it is; nothing is asked of it yet.

        Raises:
            ConfigurationError: `target` is neither a folder nor the address of a bucket.
        """
        self.store = object_storage.store(target, BackupFailed, "Run it again: what is there is not sent twice.")
        self.target = self.store.target

    @classmethod
    def of(cls, settings: Settings, target: str | None) -> Repository:
        """Return the given one, or that of the settings.

        Raises:
            ConfigurationError: there is neither, or it lies inside the home.
        """
        wanted = target or settings.backup
        if wanted is None:
            raise ConfigurationError(
                "Nothing says where backups are",
                expected="a folder or s3://bucket/prefix",
                got="none",
                remedy="Give one, or set WAREHOUSE_BACKUP.",
            )
        made = cls(wanted)
        home = settings.home.resolve()
        if "://" not in made.target and Path(made.target).is_relative_to(home):
            raise ConfigurationError(
                f"{made.target} is inside the home {home}",
                expected="another disk, or another machine",
                got="a folder that is lost together with what it is a backup of",
            )
        return made

    def owner(self) -> str | None:
        """Return whose backups these are; None where there never was one."""
        content = self.store.read(OWNER)
        if content is None:
            return None
        try:
            return str(json.loads(content)["home"])
        except (ValueError, KeyError, TypeError) as error:
            raise BackupFailed(f"{self.target}/{OWNER} cannot be read", got=str(error)) from error

    def own(self, home: str) -> None:
        """Write down whose backups these are."""
        self.store.write(OWNER, json.dumps({"format": FORMAT, "home": home}, indent=1).encode())

    def objects(self) -> dict[str, Listed]:
        """Return what content there is, by SHA-256."""
        return {key.rpartition("/")[2]: each for key, each in self.store.list(f"{OBJECTS}/").items()}

    def ids(self) -> list[str]:
        """Return every backup, oldest first."""
        listed = self.store.list(f"{SNAPSHOTS}/")
        return sorted(key.rpartition("/")[2].removesuffix(_SUFFIX) for key in listed if key.endswith(_SUFFIX))

    def read(self, snapshot_id: str) -> Snapshot:
        """Return a backup's record.

        Raises:
            ConfigurationError: there is no such backup.
            BackupFailed: its record is not what was written.
        """
        import zstandard

        content = self.store.read(snapshot_key(snapshot_id))
        if content is None:
            raise ConfigurationError(
                f"{self.target} has no backup {snapshot_id}",
                expected=f"one of {', '.join(self.ids()) or 'none'}",
                got=snapshot_id,
                remedy="See `drypowder backups`.",
            )
        try:
            if snapshot_id.rpartition("-")[2] != _digest(content):
                raise ValueError(f"its content has the digest {_digest(content)}")  # noqa: TRY301
            return Snapshot.parse(snapshot_id, content)
        except (ValueError, KeyError, TypeError, zstandard.ZstdError) as error:
            raise BackupFailed(
                f"The record of the backup {snapshot_id} in {self.target} is damaged",
                expected="what was written",
                got=str(error),
                remedy=f"Use another backup. Nothing is deleted there until {snapshot_key(snapshot_id)} has been.",
            ) from error

    def all(self) -> Iterator[Snapshot]:
        """Yield every backup, oldest first."""
        for snapshot_id in self.ids():
            yield self.read(snapshot_id)

    def write(self, snapshot: Snapshot) -> Snapshot:
        """Write a backup's record, and return it with its name: from now on there is this backup."""
        content = snapshot.packed()
        named = replace(snapshot, id=f"{snapshot.made_at:{_STAMP}}-{_digest(content)}")
        self.store.write(snapshot_key(named.id), content)
        return named


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
