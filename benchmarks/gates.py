"""What the gates cost: all suites on the sample, and Great Expectations beside the same checks as plain SQL.

sample  every suite of both gates in a process of its own, imports included: the incoming rows of the whole sample, and
        the release that was built of it. Median of five runs; bound 15 s.
rows    `--rows 50_000_000`: the suite of one-minute bars on so many generated rows, against the queries of the same
        checks run by DuckDB alone, in turns, on the same file; bound 1.5 times as long.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import duckdb

from expectations import incoming_suites
from warehouse import nightly, pipeline
from warehouse.contract import BOOKKEEPING
from warehouse.settings import PROJECT_ROOT, Settings
from warehouse.sources import find
from warehouse.validation import judge
from warehouse.versions import ASIDE, STAMPS

RUNS, ROW_RUNS = 5, 3
SECONDS_BOUND, RATIO_BOUND = 15.0, 1.5
FETCH = "20260901T000000000000Z-0123456789ab"

JUDGE = """
import json, sys, time
started = time.perf_counter()
from datetime import UTC, datetime
from pathlib import Path
import duckdb
from expectations import incoming_suites
from expectations.release import release_suites
from warehouse.validation import judge
loaded, built = Path(sys.argv[1]), Path(sys.argv[2])
with duckdb.connect(str(loaded), read_only=True) as connection:
    there = {f"incoming.{name}" for (name,) in connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'incoming'").fetchall()}
imported = time.perf_counter() - started
incoming = judge(loaded, [s for s in incoming_suites().values() if s.table in there], config={"threads": 2})
judged = time.perf_counter() - started
release = judge(built, release_suites({}, datetime.now(UTC)), config={"threads": 2})
print(json.dumps({
    "imports": imported, "incoming": judged - imported, "release": time.perf_counter() - started - judged,
    "suites": len(incoming) + len(release), "findings": sum(len(v.findings) for v in (*incoming, *release)),
    "failures": [str(f) for v in (*incoming, *release) for f in v.failures],
}))
"""


def refuse(failures: list) -> None:
    """Measure nothing that fails: the time of a failure is another one."""
    if failures:
        sys.exit(f"These should hold here: {failures}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help="generated rows of one table, such as 50_000_000")
    rows = parser.parse_args().rows
    is_met = of_rows(rows) if rows else of_sample()
    sys.exit(not is_met)


# -------------------------------------------------------------------------------------------------------- the sample


def of_sample() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        built = Settings(home=Path(folder) / "built", sources=f"recorded:{PROJECT_ROOT / 'sample'}")
        nightly.run(built)
        loaded = replace(built, home=Path(folder) / "loaded")
        for name in ("archive", "landing"):
            shutil.copytree(built.home / name, loaded.home / name)
        pipeline.load(loaded)
        found = [judged(loaded, built) for _ in range(RUNS)]
    refuse(found[0]["failures"])
    parts = {part: statistics.median(each[part] for each in found) for part in ("imports", "incoming", "release")}
    total = statistics.median(sum(each[part] for part in parts) for each in found)
    spent = ", ".join(f"{part} {seconds:.1f}" for part, seconds in parts.items())
    judged_what = f"{found[0]['suites']} suites, {found[0]['findings']} findings"
    print(f"sample: {judged_what}: {total:.1f} s, bound {SECONDS_BOUND} s ({spent}; median of {RUNS})")
    return total <= SECONDS_BOUND


def judged(loaded: Settings, built: Settings) -> dict:
    command = [sys.executable, "-c", JUDGE, str(loaded.warehouse), str(built.warehouse)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT_ROOT)  # noqa: S603
    return json.loads(done.stdout.splitlines()[-1])


# ---------------------------------------------------------------------------------------------------------- many rows


def of_rows(rows: int) -> bool:
    suite = incoming_suites()["binance", "spot_klines_1m"]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), threads=2)
        file = Path(folder) / "warehouse.duckdb"
        fill(file, rows)
        config = settings.duckdb_config
        theirs, plain = [], []
        for _ in range(ROW_RUNS):
            started = time.perf_counter()
            (verdict,) = judge(file, [suite], config=config)
            theirs.append(time.perf_counter() - started)
            refuse([str(f) for f in verdict.failures])
            plain.append(by_hand(file, suite, config))
        size = file.stat().st_size / 1e9
    ratio = statistics.median(a / b for a, b in zip(theirs, plain, strict=True))
    with_them, alone = statistics.median(theirs), statistics.median(plain)
    print(f"{rows:,} rows ({size:.1f} GB), {len(verdict.findings)} findings: {with_them:.1f} s, as SQL {alone:.1f} s")
    print(f"{ratio:.2f} times as long, bound {RATIO_BOUND} (medians of {ROW_RUNS})")
    return ratio <= RATIO_BOUND


def fill(file: Path, rows: int) -> None:
    """Write the incoming table of one-minute bars of ten symbols, a random walk each, and an empty past."""
    _, table = find("binance", "spot_klines_1m")
    typed = ", ".join(f"{c.name} {c.type}" for c in table.columns)
    text = ", ".join(f"{c.name} varchar" for c in table.columns)
    kept = ", ".join(f"{c.name} {c.type}" for c in BOOKKEEPING)
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema incoming")
        connection.execute("create schema raw")
        connection.execute(f"create table raw.binance__spot_klines_1m ({typed}, {kept})")
        connection.execute(f"create table incoming.binance__spot_klines_1m ({typed}, {STAMPS}, fetched_at timestamptz)")
        connection.execute(f"create table incoming.binance__spot_klines_1m{ASIDE} ({text}, {STAMPS})")
        connection.execute(
            """
            insert into incoming.binance__spot_klines_1m by name
            select
                'binance' as venue, 'S' || (i % 10) || 'USDT' as symbol, '1m' as bar_interval,
                timestamptz '2010-01-01 00:00:00+00' + to_minutes(i // 10) as opened_at,
                opened_at + interval 1 minute as closed_at,
                40000 + 3000 * sin(i / 1e5) + hash(i) % 100 / 10 as open_price, open_price + 12 as high_price,
                open_price - 12 as low_price, open_price + hash(i + 1) % 10 as close_price,
                hash(i) % 1000 / 10 as base_volume, base_volume * 40000 as quote_volume, hash(i) % 500 as trade_count,
                base_volume / 2 as taker_buy_base_volume, quote_volume / 2 as taker_buy_quote_volume,
                'all' as _partition, 'reconstructed' as _origin, 'https://generated.example' as _source_url,
                repeat('0', 64) as _source_sha256, $fetch as _fetch_id,
                timestamptz '2026-09-01 00:00:00+00' as fetched_at
            from range($rows) as r(i)
            """,
            {"rows": rows, "fetch": FETCH},
        )


def by_hand(file: Path, suite, config) -> float:
    """Return the seconds that the same checks take as queries: one pass for all columns, one for each query."""
    required = [e.column for e in suite.expectations if e.expectation_type == "expect_column_values_to_not_be_null"]
    nulls = ", ".join(f"count(*) filter ({column} is null)" for column in required)
    started = time.perf_counter()
    with duckdb.connect(str(file), read_only=True, config=dict(config)) as connection:
        connection.execute("create temp table closed_days (calendar_name varchar, closed_day date)")
        connection.execute(f"select count(*), {nulls} from {suite.table}").fetchall()
        for name, query in suite.shared.items():
            connection.execute(f"create temp table {name} as {query.format(batch=suite.table)}")
        origins = "'live', 'recorded', 'reconstructed', 'documented'"
        connection.execute(f"select count(*) from {suite.table} where _origin not in ({origins})").fetchall()
        for expectation in suite.expectations:
            query = getattr(expectation, "unexpected_rows_query", None)
            if query:
                found = connection.execute(f"select count(*) from ({query.format(batch=suite.table)})").fetchone()
                refuse([expectation.meta] if expectation.severity == "critical" and found != (0,) else [])
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
