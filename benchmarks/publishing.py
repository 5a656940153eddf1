"""What a release costs: the whole of a large warehouse, and again after 1 % of its rows changed.

news         rows of the newest days are added, and some of the last year's are restated
spread       the same share of rows is restated, all over the past: the worst case, every Parquet file is written anew

New disk is what the file system's free space says. `--folder` names where to publish; `--image xfs` or `--image btrfs`
makes such a file system in a file (root, `mkfs.xfs` or `mkfs.btrfs`), since ext4 cannot let two files share blocks.

Run it from the checkout: `python -m benchmarks.publishing`, with `--gigabytes 0.2` for a look.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from warehouse import release, stores
from warehouse.settings import Settings

NOW = datetime(2026, 11, 29, tzinfo=UTC)
TABLES = 8
DAYS = 14_600
ROWS_OF_A_GIGABYTE = 64_000_000
SHARE = 0.01
ROWS = """
    select
        'series_' || (n % {series}) as series_id,
        date '1986-01-01' + (n // {series})::integer as period_end,
        random() as value,
        random() * 1000 as numerator,
        timestamptz '1986-01-02 22:00:00+00' + to_days((n // {series})::integer) as known_at,
        null::timestamptz as known_until,
        '2026.11.28' as run_id
    from range({first}, {last}) as numbers (n)
"""


def declare(folder: Path) -> Path:
    """Write a dbt project that declares the tables' keys, and return its checkout."""
    models = "".join(
        f"  - name: table_{at}\n    description: Random rows.\n    data_tests:\n"
        "      - versions_do_not_overlap: {arguments: {key: [series_id, period_end]}}\n"
        for at in range(TABLES)
    )
    for name, text in {
        "macros/release_macros.sql": "{% macro release_macros() %}{% endmacro %}",
        "models/metrics/_metrics.yml": "models: []\n",
        "models/marts/_marts.yml": f"models:\n{models}",
    }.items():
        path = folder / "dbt_project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def fill(settings: Settings, gigabytes: float) -> int:
    """Make the builder's file, and return how many rows a table has."""
    rows = int(gigabytes * ROWS_OF_A_GIGABYTE / TABLES)
    with stores.open_warehouse(settings) as connection:
        for at in range(TABLES):
            connection.execute(f"create table marts.table_{at} as {made(0, rows, rows)}")
        connection.execute("checkpoint")
    return rows


def made(first: int, last: int, rows: int) -> str:
    """Return the query of some rows of a table that has `rows` rows over forty years: one a series and day."""
    return ROWS.format(series=-(-rows // DAYS), first=first, last=last)


def change(settings: Settings, rows: int, kind: str) -> None:
    """Change 1 % of the rows: by news (half new, half restated, of the last year), or spread over all the past."""
    part = int(rows * SHARE)
    with stores.open_warehouse(settings) as connection:
        for at in range(TABLES):
            table = f"marts.table_{at}"
            if kind == "news":
                connection.execute(f"insert into {table} {made(rows, rows + part // 2, rows)}")
                of_last_year = f"period_end >= (select max(period_end) - 365 from {table})"
                connection.execute(
                    f"update {table} set value = value + 1 where rowid in "
                    f"(select rowid from {table} where {of_last_year} using sample {part // 2} rows)"
                )
            else:
                connection.execute(
                    f"update {table} set value = value + 1 where rowid in "
                    f"(select rowid from {table} using sample {part} rows)"
                )


@contextmanager
def measured(what: str, folder: Path) -> Iterator[None]:
    """Print the seconds that passed and the disk that was taken, when all is on it."""
    os.sync()
    before, started = shutil.disk_usage(folder).used, time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    os.sync()
    print(
        f"  {what:28s} {seconds:6.1f} s, {(shutil.disk_usage(folder).used - before) / 1e6:8.0f} MB of new disk",
        flush=True,
    )


@contextmanager
def image(kind: str, gigabytes: float) -> Iterator[Path]:
    """Mount a file system of a kind that lies in a file."""
    with tempfile.TemporaryDirectory() as scratch:
        file, folder = Path(scratch) / "image", Path(scratch) / "mounted"
        folder.mkdir()
        with file.open("wb") as made_file:
            made_file.truncate(int((5 * gigabytes + 2) * 1e9))
        subprocess.run([f"mkfs.{kind}", "-q", str(file)], check=True)  # noqa: S603
        subprocess.run(["mount", "-o", "loop", str(file), str(folder)], check=True)  # noqa: S603, S607
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


def measure(folder: Path, gigabytes: float, kinds: list[str]) -> None:
    """Publish all, then nothing new, then each kind of change."""
    settings = Settings(home=folder / "home", project=declare(folder / "project"))
    rows = fill(settings, gigabytes)
    size = settings.warehouse.stat().st_size / 1e9
    print(f"{TABLES} tables of {rows:,} rows, a builder's file of {size:.2f} GB", flush=True)
    with measured("the first release", folder):
        release.publish(settings, now=NOW, run_id="benchmark")
    with measured("nothing changed", folder):
        release.publish(settings, now=NOW, run_id="benchmark")
    for kind in kinds:
        change(settings, rows, kind)
        with measured(f"1 % of the rows: {kind}", folder):
            published = release.publish(settings, now=NOW, run_id="benchmark")
        if problems := release.verify(published):
            raise SystemExit("\n".join(problems))


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, help="where to publish; else a temporary folder")
    parser.add_argument("--image", choices=["xfs", "btrfs"], help="make a file system of this kind in a file")
    parser.add_argument("--kinds", default="news,spread")
    given = parser.parse_args()
    place = image(given.image, given.gigabytes) if given.image else tempfile.TemporaryDirectory(dir=given.folder)
    with place as folder:
        measure(Path(folder), given.gigabytes, given.kinds.split(","))


if __name__ == "__main__":
    main()
