"""Where copies are kept: a prefix of a bucket that speaks S3, or a folder that does the same by files.

Either takes whole objects under a key and never shows half of one. Whoever uses them decides what a failure is called.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from warehouse.archive import atomically, write_atomically
from warehouse.errors import ConfigurationError, UploadFailed, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from obstore.store import S3Store

DIGEST = "sha256"
"""Name of the metadata of every object in a bucket that holds the SHA-256 of its content, in hexadecimal."""
AT_ONCE = 4
PART_BYTES = 8 << 20
_MOST_PARTS = 9_000
"""S3 takes 10,000 parts of a file: a larger file has larger parts."""
_REFUSALS = frozenset(
    {
        "AccessDenied",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "NoSuchBucket",
        "PermanentRedirect",
        "SignatureDoesNotMatch",
    }
)
"""What S3 says when trying again would change nothing."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An object as a listing tells it."""

    size: int
    modified: datetime


class Sendable(Protocol):
    """A file on its way: its content has this size and this SHA-256."""

    @property
    def key(self) -> str:
        """Where it goes."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def size(self) -> int:
        """Its bytes."""

    @property
    def digest(self) -> str:
        """Its SHA-256, in hexadecimal."""


class Store(Protocol):
    """What a bucket and a folder have in common."""

    target: str

    def list(self, prefix: str) -> dict[str, Listed]:
        """Return what lies under a prefix, by key."""

    def read(self, key: str) -> bytes | None:
        """Return a small object's content, None where there is none."""

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield an object's content; FileNotFoundError where there is none."""

    def send(self, each: Sendable) -> None:
        """Put a file there. It appears whole or not at all."""

    def write(self, key: str, content: bytes, attributes: Mapping[str, str] | None = None) -> None:
        """Put content there. It appears whole or not at all, in the place of what was there."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is gone is no error."""

    def tidy(self, before: datetime) -> None:
        """Delete what was half written before then, where it can be seen."""


class Bucket:
    """A prefix of a bucket. Every failure becomes an error of ours that holds neither bodies nor credentials."""

    def __init__(
        self,
        target: str,
        failure: type[WarehouseError] = UploadFailed,
        remedy: str = "Upload again: what is there is not sent a second time.",
    ) -> None:
        """Read where it is; nothing is asked of it yet. `failure` and `remedy` are what is raised of an outage.

        Raises:
            ConfigurationError: `target` is no address of a bucket, or the library is not installed.
        """
        self.target = checked(target)
        self._failure, self._remedy = failure, remedy
        try:
            from obstore.store import S3Store
        except ImportError as error:
            raise ConfigurationError(
                "Object storage needs obstore", expected="the extra `platform`", got="an installation without it"
            ) from error
        parts = urlsplit(self.target)
        with self._explained():
            self._store: S3Store = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                checksum_algorithm="SHA256",  # the server compares what it received
                client_options={
                    # Of one request, which carries a part at most: at 70 kB/s it still gets through.
                    "timeout": timedelta(seconds=120),
                    "connect_timeout": timedelta(seconds=5),
                    "allow_http": _is_plain_http(),
                },
                # The library tries again after server errors and broken connections, for a minute with all its tries.
                retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=60)},
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from obstore import exceptions

        try:
            yield
        except FileNotFoundError as error:
            if "<Code>NoSuchBucket</Code>" in str(error):  # else an object is not there, which may well be
                raise _explanation(self.target, error, self._failure, self._remedy) from None
            raise
        except (exceptions.BaseError, OSError, ValueError) as error:
            raise _explanation(
                self.target, error, self._failure, self._remedy
            ) from None  # the cause may hold what must not be logged

    def list(self, prefix: str) -> dict[str, Listed]:
        """Return what lies under a prefix, by key."""
        import obstore

        with self._explained():
            return {
                each["path"]: Listed(size=each["size"], modified=each["last_modified"])
                for page in obstore.list(self._store, prefix)
                for each in page
            }

    def read(self, key: str) -> bytes | None:
        """Return a small object's content, None where there is none."""
        import obstore

        try:
            with self._explained():
                return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            return None

    def digest(self, key: str) -> str | None:
        """Return the SHA-256 that an object was sent with, None where there is none."""
        import obstore

        try:
            with self._explained():
                found = obstore.get(self._store, key, options={"head": True})
        except FileNotFoundError:
            return None
        return found.attributes.get(DIGEST)

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield what an object holds.

        Raises:
            FileNotFoundError: there is none.
        """
        import obstore

        with self._explained():
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=PART_BYTES):
                yield bytes(chunk)

    def send(self, each: Sendable) -> None:
        """Put a file there, a large one in parts. It appears whole or not at all."""
        import obstore

        with self._explained():
            obstore.put(
                self._store,
                each.key,
                each.path,
                attributes={DIGEST: each.digest},
                chunk_size=max(PART_BYTES, -(-each.size // _MOST_PARTS)),
                max_concurrency=AT_ONCE,
            )

    def copy(self, source: str, key: str) -> bool:
        """Copy inside the bucket, metadata and all; return whether the source was still there."""
        import obstore

        try:
            with self._explained():
                obstore.copy(self._store, source, key)
        except FileNotFoundError:
            return False
        return True

    def write(self, key: str, content: bytes, attributes: Mapping[str, str] | None = None) -> None:
        """Put content there in one request: who reads gets what was there or this."""
        import obstore

        with self._explained():
            obstore.put(self._store, key, content, attributes=dict(attributes or {}))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is gone is no error."""
        import obstore

        with suppress(FileNotFoundError), self._explained():
            obstore.delete(self._store, list(keys))

    def tidy(self, before: datetime) -> None:
        """Do nothing: parts of a killed upload are for a lifecycle rule of the bucket."""


class Folder:
    """A folder, of this disk or of one that is mounted. Every failure becomes an error of ours."""

    def __init__(self, target: str, failure: type[WarehouseError], remedy: str) -> None:
        """Read where it is; it is made when something is written."""
        self.target = spelled(target)
        self.path = Path(self.target)
        self._failure, self._remedy = failure, remedy

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._failure(
                f"{self.target} did not take part",
                expected="a folder that can be read and written",
                got=str(error),
                remedy=self._remedy,
            ) from error

    def list(self, prefix: str) -> dict[str, Listed]:
        """Return what lies under a prefix, by key; files that are still being written are not there yet."""
        with self._explained():
            return dict(_listed(self.path / prefix, prefix.rstrip("/")))

    def read(self, key: str) -> bytes | None:
        """Return a small file's content, None where there is none."""
        try:
            with self._explained():
                return (self.path / key).read_bytes()
        except FileNotFoundError:
            return None

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield what a file holds.

        Raises:
            FileNotFoundError: there is none.
        """
        with self._explained(), (self.path / key).open("rb") as file:
            while chunk := file.read(PART_BYTES):
                yield chunk

    def send(self, each: Sendable) -> None:
        """Copy a file there, looking on the way whether it is what it is said to be."""
        digest = hashlib.sha256()
        with self._explained(), each.path.open("rb") as source, atomically(self._place(each.key)) as target:
            while chunk := source.read(PART_BYTES):
                digest.update(chunk)
                target.write(chunk)
            if digest.hexdigest() != each.digest:
                raise self._failure(
                    f"{each.path} changed while it was copied",
                    expected=f"SHA-256 {each.digest}",
                    got="another one",
                    remedy=self._remedy,
                )

    def write(self, key: str, content: bytes, attributes: Mapping[str, str] | None = None) -> None:  # noqa: ARG002
        """Write a file under its key, whole or not at all. A folder has no attributes."""
        with self._explained():
            write_atomically(self._place(key), content)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete files; one that is gone is no error."""
        with self._explained():
            for key in keys:
                (self.path / key).unlink(missing_ok=True)

    def tidy(self, before: datetime) -> None:
        """Delete partial files of killed processes that nobody has written to since then."""
        with self._explained():
            for partial in self.path.rglob(".*.partial"):
                with suppress(FileNotFoundError):
                    if datetime.fromtimestamp(partial.stat().st_mtime, UTC) < before:
                        partial.unlink()

    def _place(self, key: str) -> Path:
        """Return where a key stands, having made its folder: for its owner alone, as what is copied may be."""
        path = self.path / key
        if not path.parent.is_dir():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if "/" in key:
                (self.path / key.partition("/")[0]).mkdir(mode=0o700, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _listed(folder: Path, prefix: str) -> Iterator[tuple[str, Listed]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda each: each.name)
    except FileNotFoundError:
        return
    for entry in entries:
        key = f"{prefix}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _listed(folder / entry.name, key)
        elif not entry.name.startswith("."):
            with suppress(FileNotFoundError):
                found = entry.stat()
                yield key, Listed(size=found.st_size, modified=datetime.fromtimestamp(found.st_mtime, UTC))


def store(target: str, failure: type[WarehouseError], remedy: str) -> Store:
    """Return the bucket or folder that an address names; one with a scheme is no folder."""
    return Bucket(target, failure, remedy) if "://" in target else Folder(target, failure, remedy)


def spelled(target: str) -> str:
    """Return an address in its one spelling, so that equal ones are equal text."""
    return checked(target) if "://" in target else str(Path(target).expanduser().resolve())


def digest_of_content(held: Store, key: str) -> str | None:
    """Return the SHA-256 of what an object holds, having read all of it; None where there is none."""
    digest = hashlib.sha256()
    try:
        for chunk in held.chunks(key):
            digest.update(chunk)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def checked(target: str) -> str:
    """Return an address in one spelling: `s3://bucket/prefix`, without a slash at its end.

    Raises:
        ConfigurationError: it is none. What was given is not repeated when it may hold a secret.
    """
    parts = urlsplit(target)
    odd = "@" in target or parts.query or parts.fragment
    if parts.scheme != "s3" or not parts.netloc or odd:
        raise ConfigurationError(
            "No address of a bucket",
            expected="s3://bucket/prefix",
            got="one with credentials or a query, which is not repeated here" if odd else repr(target),
            remedy="Credentials belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    return f"s3://{parts.netloc}/{parts.path.strip('/')}".rstrip("/")


def _is_plain_http() -> bool:
    """Whether the environment names a server of one's own without encryption, which then is meant."""
    return any(
        os.environ.get(name, "").lower().startswith("http://")
        for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    )


def _explanation(target: str, error: Exception, failure: type[WarehouseError], remedy: str) -> WarehouseError:
    """Return an error that says what the server said, and nothing of what it was sent or of its body.

    S3 answers a wrong key with that key and the text that was signed, so that no body may reach a log.
    """
    text = str(error)
    code = re.search(r"<Code>(\w+)</Code>", text)
    status = re.search(r"status code: (\d{3})", text)
    if code or status:
        said = " ".join(found.group(1) for found in (status, code) if found)
    else:
        said = re.sub(r"//[^/\s@]*@|\?\S*", "", text.partition("\n")[0])[:300]
    if (code and code.group(1) in _REFUSALS) or (status and status.group(1) in {"401", "403"}):
        return ConfigurationError(
            f"{target} refuses us",
            expected="a bucket that these credentials may list, read, write and delete in",
            got=said,
            remedy="See AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL.",
        )
    if "169.254." in text:
        return ConfigurationError(
            f"There are no credentials for {target}",
            expected="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a machine with a role",
            got="neither",
        )
    return failure(
        f"{target} did not take part",
        expected="an answer",
        got=said,
        remedy=remedy,
    )
