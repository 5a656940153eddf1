"""Landing against DuckDB's own reads of the same data, one core, medians of one run; and the memory of a bulk backfill.

companyfacts  the recorded documents (DRYPOWDER_RECORDINGS, default ../shared/data): wire shape checked, cast, duplicate
              keys refused, one Parquet file each; against one query that reads them with MAP types, unnests and writes
              Parquet.
klines        a million one-minute bars, a random walk, from the zipped CSV of an exchange's archive; against DuckDB's
              read_csv of the unzipped file, typed, written to Parquet.
bulk          a companyfacts.zip of 1.5 GB, made of the recorded documents under other numbers, landed member by member
              as `drypowder backfill --bulk` does: peak memory of a process of its own. Give `--bulk` to run it.
"""

import csv
import gc
import hashlib
import io
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from warehouse import landing, wire
from warehouse.archive import Archive, Fetch
from warehouse.contract import Partition, Response
from warehouse.pipeline import land_responses
from warehouse.settings import Settings
from warehouse.sources import find

RUNS = 11
SPEED_BOUND = 0.6
BULK_BYTES, BULK_MEMORY_MB = 1_500_000_000, 1_000
FACT = (
    'STRUCT("start" DATE, "end" DATE, val DOUBLE, accn VARCHAR, fy SMALLINT, fp VARCHAR, form VARCHAR, '
    "filed DATE, frame VARCHAR)"
)
FACTS_BASELINE = f"""
copy (
    with
    bodies as (
        select cik, unnest(map_entries(facts)) as taxonomy from read_json(
            $files, maximum_object_size = 100000000, columns = {{
                cik: 'BIGINT', entityName: 'VARCHAR',
                facts: 'MAP(VARCHAR, MAP(VARCHAR, STRUCT("label" VARCHAR, description VARCHAR,
                    units MAP(VARCHAR, {FACT}[]))))'
            }}
        )
    ),
    tags as (select cik, taxonomy.key as taxonomy, unnest(map_entries(taxonomy.value)) as tag from bodies),
    units as (select cik, taxonomy, tag.key as tag, unnest(map_entries(tag.value.units)) as unit from tags),
    facts as (select cik, taxonomy, tag, unit.key as unit, unnest(unit.value) as fact from units)
    select cik, taxonomy, tag, unit, fact.* from facts
) to '$target' (format parquet, compression zstd)
"""
BARS_BASELINE = """
copy (
    select * from read_csv('$file', header = false, columns = {
        open_time: 'BIGINT', open: 'DOUBLE', high: 'DOUBLE', low: 'DOUBLE', close: 'DOUBLE', volume: 'DOUBLE',
        close_time: 'BIGINT', quote_volume: 'DOUBLE', count: 'BIGINT', taker_base: 'DOUBLE', taker_quote: 'DOUBLE',
        ignored: 'BIGINT'
    })
) to '$target' (format parquet, compression zstd)
"""


def recordings() -> list[Path]:
    folder = Path(os.environ.get("DRYPOWDER_RECORDINGS", "../shared/data")) / "sec"
    return sorted(folder.glob("companyfacts_CIK*.json"))


def response_of(url: str, body: bytes) -> Response:
    digest = hashlib.sha256(body).hexdigest()
    return Response(url=url, body=body, sha256=digest, fetched_at=datetime.now(UTC), origin="recorded")


def land(settings: Settings, code: str, name: str, key: str, response: Response) -> int:
    _, table = find(code, name)
    fetch = Fetch.of(code, name, key, "benchmark", [response])
    return landing.land(settings, table, fetch, [response]).rows


def compare(what: str, theirs, ours) -> bool:
    """Run both in turn and print medians; return whether ours keeps its bound."""
    baseline, own = [], []
    rows = ours()  # imports and caches are nobody's speed
    theirs()
    for _ in range(RUNS):
        for times, run in ((baseline, theirs), (own, ours)):
            gc.collect()
            started = time.perf_counter()
            run()
            times.append(time.perf_counter() - started)
    speed = statistics.median(b / o for b, o in zip(baseline, own, strict=True))
    print(f"{what}: {rows:,} rows, {RUNS} runs, one core")
    print(f"  DuckDB's own read, to Parquet   median {statistics.median(baseline):.3f} s")
    print(f"  checked, cast and landed by us  median {statistics.median(own):.3f} s")
    print(f"  speed, run by run               median {speed:.2f} of DuckDB's (bound {SPEED_BOUND})")
    return speed >= SPEED_BOUND


def one_thread() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def company_facts(scratch: Path) -> bool:
    files = recordings()
    if not files:
        print("companyfacts: no recordings, set DRYPOWDER_RECORDINGS")
        return True
    settings = Settings(home=scratch / "facts", threads=1)
    url = "https://data.sec.gov/api/xbrl/companyfacts/{}.json"
    given = [response_of(url.format(f.stem.removeprefix("companyfacts_")), f.read_bytes()) for f in files]
    query = FACTS_BASELINE.replace("$target", str(scratch / "baseline.parquet"))

    def theirs() -> None:
        with one_thread() as connection:
            connection.execute(query, {"files": [str(f) for f in files]})

    def ours() -> int:
        return sum(land(settings, "sec", "company_facts", r.url[-15:-5], r) for r in given)

    return compare(f"companyfacts ({len(files)} files)", theirs, ours)


def bars() -> str:
    """Return a million bars in the archive's shape, microseconds as since 2025."""
    draw = random.Random(20261124)  # noqa: S311  (a walk needs no cryptography)
    text, price, start = io.StringIO(), 90_000.0, 1_735_689_600_000_000
    writer = csv.writer(text, lineterminator="\n")
    for n in range(1_000_000):
        opened, price = price, max(1_000.0, price + draw.gauss(0, 25))
        high, low = max(opened, price) + draw.random() * 9, min(opened, price) - draw.random() * 9
        base, taken = draw.random() * 30, draw.random()
        at = start + n * 60_000_000
        row = [f"{opened:.2f}", f"{high:.2f}", f"{low:.2f}", f"{price:.2f}", f"{base:.5f}", at + 59_999_999]
        row += [f"{base * price:.8f}", draw.randrange(1, 9000), f"{base * taken:.5f}", f"{base * taken * price:.8f}"]
        writer.writerow([at, *row, 0])
    return text.getvalue()


def klines(scratch: Path) -> bool:
    plain = bars()
    (scratch / "bars.csv").write_text(plain)
    packed = io.BytesIO()
    name = "BTCUSDT-1m-2025-01"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(f"{name}.csv", plain)
    url = f"https://data.binance.vision/data/spot/monthly/klines/BTCUSDT/1m/{name}.zip"
    response = response_of(url, packed.getvalue())
    settings = Settings(home=scratch / "bars", threads=1)
    query = BARS_BASELINE.replace("$file", str(scratch / "bars.csv")).replace("$target", str(scratch / "b.parquet"))

    def theirs() -> None:
        with one_thread() as connection:
            connection.execute(query)

    def ours() -> int:
        return land(settings, "binance", "spot_klines_1m", "BTCUSDT-2025-01", response)

    return compare("klines from a zip", theirs, ours)


def make_bulk(path: Path) -> int:
    """Write a companyfacts.zip of about 1.5 GB; return its number of members."""
    documents = [json.loads(f.read_bytes()) for f in recordings()]
    members = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        while path.stat().st_size < BULK_BYTES:
            document = documents[members % len(documents)]
            document["cik"] = 9_000_000_000 + members
            file.writestr(f"CIK{document['cik']:010d}.json", json.dumps(document))
            members += 1
    return members


def land_bulk(path: Path, scratch: Path) -> None:
    """Land every member of a bulk file as a backfill does, and print the peak memory of this process."""
    source, table = find("sec", "company_facts")
    settings = Settings(home=scratch)
    archive = Archive(settings.archive)
    started, rows = time.perf_counter(), 0
    answer = Response(url="bulk", file=path, sha256="0", fetched_at=datetime.now(UTC), origin="recorded")
    wire.member_names(answer)
    with answer.open() as body, zipfile.ZipFile(body) as members:
        for entry in members.infolist():
            response = response_of(f"https://data.sec.gov/api/xbrl/companyfacts/{entry.filename}", members.read(entry))
            partition = Partition(key=entry.filename[3:13], fetch=lambda _: [])
            done = land_responses(settings, archive, source, table, partition, [response])
            if done.error:
                raise done.error
            rows += done.rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"bulk: {path.stat().st_size / 1e9:.2f} GB, {rows:,} rows, {time.perf_counter() - started:.0f} s")
    print(f"  peak memory of the process  {peak:.0f} MB (bound {BULK_MEMORY_MB})")
    sys.exit(int(peak > BULK_MEMORY_MB))


def main() -> int:
    if "--land" in sys.argv:
        land_bulk(Path(sys.argv[-2]), Path(sys.argv[-1]))  # in a process of its own: peak memory is a process's
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core, for us and for DuckDB alike
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        kept = [company_facts(scratch), klines(scratch)]
        if "--bulk" in sys.argv and recordings():
            make_bulk(scratch / "companyfacts.zip")
            command = [sys.executable, __file__, "--land", str(scratch / "companyfacts.zip"), str(scratch / "bulk")]
            kept.append(subprocess.run(command, check=False).returncode == 0)  # noqa: S603
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
