"""Releases in object storage, so that readers elsewhere open them by path: `<prefix>/releases/<id>/...`.

`<prefix>/current.json` names the release that readers see and is written last, in one request: nobody finds half a
release by it. A file that a release there already has is copied inside the bucket and not sent again. Whatever ends an
upload, uploading again sends what lacks. The local release stays as it is, come what may.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from warehouse import release as releases
from warehouse import retention
from warehouse.archive import write_atomically
from warehouse.errors import BuilderBusy, ConfigurationError, NoRelease, UploadFailed, WarehouseError
from warehouse.object_storage import AT_ONCE, DIGEST, Bucket, Listed, checked, digest_of_content

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from warehouse.release import Release
    from warehouse.settings import Settings

log = logging.getLogger(__name__)

RELEASES = "releases"
"""The folder of the prefix that holds a folder a release."""
POINTER = "current.json"
"""The object that says which release readers see."""
NOTE = "upload.json"
"""What the home remembers of its last upload."""

_LARGEST_COPY = 5 << 30
"""S3 copies no larger object in one request."""
_LEFTOVER_AFTER = timedelta(days=1)
"""Age at which files of a release that was never finished are a killed upload's."""


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """What became of an upload: files and bytes that were sent, copied inside the bucket, or there already."""

    release: str
    target: str
    sent: int
    sent_bytes: int
    copied: int
    copied_bytes: int
    there: int
    removed: tuple[str, ...]
    """Releases deleted from the bucket."""
    is_current: bool
    """Whether the pointer names it now (in a plan: would)."""
    seconds: float
    is_plan: bool = False

    def __str__(self) -> str:
        """Say it in one line."""
        parts = [
            f"{self.sent} file(s) sent ({self.sent_bytes / 1e6:,.1f} MB)",
            f"{self.copied} copied there ({self.copied_bytes / 1e6:,.1f} MB)",
            f"{self.there} there already",
            *([f"deleted {', '.join(self.removed)}"] if self.removed else []),
            "current" if self.is_current else "not current",
        ]
        plan = "a dry run: " if self.is_plan else ""
        return f"{plan}{self.release} in {self.target}: {', '.join(parts)} ({self.seconds:.1f} s)"


@dataclass(frozen=True, kw_only=True)
class _Object:
    """One file of a release on its way into the bucket. `name` is its path in the release."""

    name: str
    key: str
    path: Path
    size: int
    digest: str
    how: Literal["send", "copy", "there"]
    source: str = ""
    """The key that holds the same, to be copied from."""


def upload(
    release_id: str | None = None,
    target: str | None = None,
    settings: Settings | None = None,
    *,
    moved: Callable[[int, int], None] | None = None,
    dry_run: bool = False,
    read_back: bool = False,
) -> Uploaded:
    """Put a release, by default the current one, into a bucket, and have readers there see it if it is current here.

    `target` is `s3://bucket/prefix` (default WAREHOUSE_UPLOAD). `moved` is told bytes done and bytes in all. Every
    object is looked at when it is there, its size and the SHA-256 it carries; `read_back` also reads what it holds.

    Raises:
        ConfigurationError: no target, or one that refuses us or holds another home's releases.
        NoRelease: there is no such release.
        BuilderBusy: another process uploads from this home.
        UploadFailed: storage did not answer, or holds something else than what was sent.
    """
    from filelock import FileLock, Timeout

    from warehouse.settings import Settings

    settings = settings or Settings.from_environment()
    wanted = target or settings.upload
    if wanted is None:
        raise ConfigurationError(
            "Nothing says where to upload to",
            expected="s3://bucket/prefix",
            got="none",
            remedy="Or set WAREHOUSE_UPLOAD.",
        )
    bucket = Bucket(wanted)
    chosen = _chosen(settings, release_id)
    try:
        with FileLock(settings.home / "upload.lock", timeout=0):
            return _upload(settings, bucket, chosen, moved, dry_run=dry_run, read_back=read_back)
    except Timeout as error:
        raise BuilderBusy(
            f"Another process uploads from {settings.home}", expected="one at a time", got="two"
        ) from error


def _chosen(settings: Settings, release_id: str | None) -> Release:
    if release_id is None:
        return releases.current(settings)
    known = {r.id: r for r in releases.releases(settings)}
    if release_id not in known:
        raise NoRelease(
            f"There is no release {release_id}",
            expected=f"one of {', '.join(known)}",
            got=release_id,
            remedy="See `drypowder releases`.",
        )
    return known[release_id]


def _upload(
    settings: Settings,
    bucket: Bucket,
    chosen: Release,
    moved: Callable[[int, int], None] | None,
    *,
    dry_run: bool,
    read_back: bool,
) -> Uploaded:
    started = time.monotonic()
    listed = bucket.list(f"{RELEASES}/")
    manifests = _manifests(bucket, listed)
    files = _plan(bucket, chosen, listed, manifests)
    is_current = releases.current(settings).id == chosen.id
    pointer = _pointer(bucket)
    if not dry_run:
        ways = _transfer(bucket, files, moved)
        _confirm(bucket, files, read_back=read_back)
        is_current = releases.current(settings).id == chosen.id  # it may have been rolled back meanwhile
        if is_current and pointer != (mine := _names(chosen)):
            now = datetime.now(UTC).isoformat(timespec="seconds")
            attributes = {"Content-Type": "application/json", "Cache-Control": "no-cache"}
            bucket.write(POINTER, json.dumps({**mine, "uploaded_at": now}, indent=1).encode(), attributes)
            log.info("uploaded release=%s target=%s", chosen.id, bucket.target)
    else:
        ways = {each.name: each.how for each in files}
    shown = chosen.id if is_current else pointer["id"] if pointer else None
    doomed = _superfluous(settings, chosen, shown, {**manifests, chosen.id: chosen.manifest}, listed)
    if not dry_run:
        for release_id in doomed:
            _remove(bucket, release_id, listed)
        if is_current:
            _note(settings, bucket.target, chosen.id)
    done = {how: [each.size for each in files if ways[each.name] == how] for how in ("send", "copy", "there")}
    return Uploaded(
        release=chosen.id,
        target=bucket.target,
        sent=len(done["send"]),
        sent_bytes=sum(done["send"]),
        copied=len(done["copy"]),
        copied_bytes=sum(done["copy"]),
        there=len(done["there"]),
        removed=tuple(doomed),
        is_current=is_current,
        seconds=time.monotonic() - started,
        is_plan=dry_run,
    )


def _manifests(bucket: Bucket, listed: Mapping[str, Listed]) -> dict[str, Mapping[str, Any]]:
    """Return the manifest of every whole release there, by id: a manifest is the last file that is sent."""
    found: dict[str, Mapping[str, Any]] = {}
    for key in listed:
        folder, _, rest = key.removeprefix(f"{RELEASES}/").partition("/")
        if rest == releases.MANIFEST and (content := bucket.read(key)) is not None:
            with suppress(json.JSONDecodeError):  # no manifest, so no release
                found[folder] = {**json.loads(content), DIGEST: hashlib.sha256(content).hexdigest()}
    return found


def _names(chosen: Release) -> dict[str, Any]:
    """Return what the pointer says of a release."""
    manifest = (chosen.path / releases.MANIFEST).read_bytes()
    return {
        "id": chosen.id,
        "path": f"{RELEASES}/{chosen.id}",
        "created_at": chosen.manifest["created_at"],
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
    }


def _pointer(bucket: Bucket) -> dict[str, Any] | None:
    """Return what the pointer says, apart from when it was written; None where there is none."""
    content = bucket.read(POINTER)
    if content is None:
        return None
    with suppress(json.JSONDecodeError):
        return {name: value for name, value in json.loads(content).items() if name != "uploaded_at"}
    return None


def _plan(
    bucket: Bucket, chosen: Release, listed: Mapping[str, Listed], manifests: Mapping[str, Mapping[str, Any]]
) -> list[_Object]:
    """Return every file of a release, its manifest last, with how it will get there.

    Raises:
        ConfigurationError: a whole release of that id is there, and it is another one.
    """
    mine = _names(chosen)["manifest_sha256"]
    theirs = manifests.get(chosen.id)
    if theirs is not None and theirs[DIGEST] != mine:
        raise ConfigurationError(
            f"{bucket.target} has another release {chosen.id}",
            expected="releases of one home under one prefix",
            got="two that call themselves the same",
            remedy="Give each home a prefix of its own.",
        )
    sources = {
        (digest, listed[key].size): key
        for release_id, manifest in sorted(manifests.items(), key=lambda each: each[1]["sequence"])
        if release_id != chosen.id
        for name, digest in manifest["files"].items()
        if (key := _key(release_id, name)) in listed
    }

    def planned(name: str, digest: str) -> _Object:
        key, path = _key(chosen.id, name), chosen.path / name
        size = path.stat().st_size
        source = sources.get((digest, size), "") if size <= _LARGEST_COPY else ""
        is_there = key in listed and listed[key].size == size and bucket.digest(key) == digest
        how: Literal["send", "copy", "there"] = "there" if is_there else "copy" if source else "send"
        return _Object(name=name, key=key, path=path, size=size, digest=digest, how=how, source=source)

    files = {**chosen.manifest["files"], releases.MANIFEST: mine}
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(planned, files, files.values()))
    except FileNotFoundError as error:
        raise _damaged(chosen.id, f"{error.filename} is missing") from error


def _key(release_id: str, name: str) -> str:
    return f"{RELEASES}/{release_id}/{name}"


def _damaged(what: str, got: str) -> UploadFailed:
    return UploadFailed(
        f"{what} is not as it was published here, so it is not passed on",
        expected="the files of its manifest",
        got=got,
        remedy="See `drypowder verify`, and look at the disk.",
    )


def _transfer(
    bucket: Bucket, files: Sequence[_Object], moved: Callable[[int, int], None] | None
) -> dict[str, Literal["send", "copy", "there"]]:
    """Bring every file there, the manifest when all others are; return which way each went."""
    total, done = sum(each.size for each in files), 0
    ways: dict[str, Literal["send", "copy", "there"]] = {}
    *content, manifest = files
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {pool.submit(_bring, bucket, each): each for each in content}
        try:
            for future in as_completed(waiting):
                each = waiting[future]
                ways[each.name] = future.result()
                done += each.size
                if moved:
                    moved(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    ways[manifest.name] = _bring(bucket, manifest)
    if moved:
        moved(total, total)
    return ways


def _bring(bucket: Bucket, each: _Object) -> Literal["send", "copy", "there"]:
    """Bring one file there and return how it came; what a copy does not deliver is sent."""
    if each.how == "there":
        return "there"
    if each.how == "copy" and bucket.copy(each.source, each.key) and bucket.digest(each.key) == each.digest:
        return "copy"
    try:
        with each.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _damaged(each.key, str(error)) from error
    if digest != each.digest:
        raise _damaged(each.key, f"{each.name} with other content")
    bucket.send(each)
    if bucket.digest(each.key) != each.digest:
        raise UploadFailed(
            f"{bucket.target} does not have {each.key}, which it took",
            expected=f"SHA-256 {each.digest}",
            got="none or another",
            remedy="Upload again.",
        )
    return "send"


def _confirm(bucket: Bucket, files: Sequence[_Object], *, read_back: bool) -> None:
    """Compare the listing, or all content, with the manifest, before any reader is sent there.

    Raises:
        UploadFailed: something lacks or differs.
    """
    listed = bucket.list(f"{RELEASES}/")
    wrong = [each.name for each in files if each.key not in listed or listed[each.key].size != each.size]
    if read_back and not wrong:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            digests = list(pool.map(partial(digest_of_content, bucket), [each.key for each in files]))
        wrong = [each.name for each, digest in zip(files, digests, strict=True) if digest != each.digest]
    if wrong:
        raise UploadFailed(
            f"{bucket.target} does not hold what was sent",
            expected=f"{len(files)} files as in the manifest",
            got=f"others of {', '.join(wrong[:5])}",
            remedy=f"Delete those under {bucket.target}/{RELEASES}/ and upload again.",
        )


def _superfluous(
    settings: Settings,
    chosen: Release,
    shown: str | None,
    manifests: Mapping[str, Mapping[str, Any]],
    listed: Mapping[str, Listed],
) -> list[str]:
    """Return the releases to delete there, and what was never finished.

    The newest by number stay, the pinned, the one that readers see, the one before it, and what was just uploaded.
    """
    ids = sorted(manifests, key=lambda each: int(manifests[each]["sequence"]))
    kept = {chosen.id, *retention.pins(settings), *ids[-settings.upload_keep :]}
    if shown in ids:
        kept |= {shown, *ids[: ids.index(shown)][-1:]}
    changed: dict[str, datetime] = {}
    for key, each in listed.items():
        folder = key.removeprefix(f"{RELEASES}/").partition("/")[0]
        changed[folder] = max(each.modified, changed.get(folder, each.modified))
    old = datetime.now(UTC) - _LEFTOVER_AFTER
    leftovers = [each for each, when in changed.items() if each not in manifests and when < old]
    return [each for each in ids if each not in kept] + sorted(leftovers)


def _remove(bucket: Bucket, release_id: str, listed: Mapping[str, Listed]) -> None:
    """Delete a release there, its manifest first: what has none is no release, and nothing is copied from it."""
    keys = [key for key in listed if key.startswith(f"{RELEASES}/{release_id}/")]
    manifest = _key(release_id, releases.MANIFEST)
    if manifest in keys:
        bucket.delete([manifest])
    bucket.delete([key for key in keys if key != manifest])
    log.info("deleted release=%s target=%s", release_id, bucket.target)


# ------------------------------------------------------------------------------------------------- after publishing


def _note(settings: Settings, target: str, release_id: str, problem: str | None = None) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"target": target, "release": release_id, "at": now, "problem": problem}
    write_atomically(settings.home / NOTE, json.dumps(entry, indent=1).encode())


def outstanding(settings: Settings) -> str | None:
    """Return why the current release has yet to be uploaded to WAREHOUSE_UPLOAD; None where it has not.

    Nobody has to have noticed a failure: also an upload that was killed, and a rollback, leave one outstanding.
    """
    if settings.upload is None or not settings.current.exists():
        return None
    note = settings.home / NOTE
    last = json.loads(note.read_text()) if note.is_file() else {}
    current = releases.current(settings).id
    if last.get("target") == checked(settings.upload) and last.get("release") == current:
        return last["problem"] and f"{current} is not in {last['target']}: {last['problem']}"
    return f"{current} is not in {checked(settings.upload)} yet"


def failed(settings: Settings) -> tuple[datetime, str] | None:
    """Return when the upload of the current release failed, and why; None where it did not, or is only outstanding."""
    if outstanding(settings) is None:
        return None
    note = settings.home / NOTE
    last = json.loads(note.read_text()) if note.is_file() else {}
    if not last.get("problem") or last["release"] != releases.current(settings).id:
        return None
    return datetime.fromisoformat(last["at"]), f"{last['release']} is not in {last['target']}: {last['problem']}"


def attempt(settings: Settings, say: Callable[[str], None]) -> None:
    """Upload the current release if that is outstanding. A failure is said and noted; the next run tries again."""
    if settings.upload is None or not settings.current.exists():
        return
    current = releases.current(settings).id
    try:
        if outstanding(settings):
            say(f"uploaded {upload(settings=settings)}")
    except BuilderBusy as error:
        say(f"not uploaded: {error}")
    except (WarehouseError, OSError) as error:
        log.error("upload failed release=%s: %s", current, error)  # noqa: TRY400  (our errors say it all)
        say(f"NOT uploaded, the next run tries again: {error}")
        with suppress(ConfigurationError):  # of an address that may hold a secret nothing is written down
            _note(settings, checked(settings.upload), current, str(error))
