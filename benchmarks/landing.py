"""Parsing and landing companyfacts, against DuckDB's own typed read of the same files: medians of one run.

Needs recordings (DRYPOWDER_RECORDINGS, default ../shared/data). The baseline reads all files in one query with MAP
types, unnests them and writes one Parquet file; ours checks the wire shape, casts to the contract, refuses duplicate
keys and writes one file a fetch, two at a time as `drypowder land` does.
"""

import hashlib
import os
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from warehouse import landing
from warehouse.archive import Fetch
from warehouse.contract import Response
from warehouse.settings import Settings
from warehouse.sources import find

RUNS = 11
RATIO_BOUND, MEMORY_BOUND_MB = 2, 500
FACT = (
    'STRUCT("start" DATE, "end" DATE, val DOUBLE, accn VARCHAR, fy SMALLINT, fp VARCHAR, form VARCHAR, '
    "filed DATE, frame VARCHAR)"
)
BASELINE = f"""
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


def main() -> int:
    recordings = Path(os.environ.get("DRYPOWDER_RECORDINGS", "../shared/data")) / "sec"
    files = sorted(recordings.glob("companyfacts_CIK*.json"))
    if not files:
        print(f"No companyfacts under {recordings}: set DRYPOWDER_RECORDINGS.")
        return 1
    _, table = find("sec", "company_facts")
    now = datetime.now(UTC)
    bodies = {path: path.read_bytes() for path in files}
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(home=Path(scratch))

        def land(path: Path) -> int:
            body = bodies[path]
            url = f"https://data.sec.gov/api/xbrl/companyfacts/{path.stem.removeprefix('companyfacts_')}.json"
            response = Response(
                url=url, body=body, sha256=hashlib.sha256(body).hexdigest(), fetched_at=now, origin="recorded"
            )
            fetch = Fetch.of("sec", "company_facts", path.stem, "Public domain", [response])
            return landing.land(settings, table, fetch, [response]).rows

        rows = 0
        for _ in range(RUNS):
            started = time.perf_counter()
            with duckdb.connect(config={"threads": 2}) as connection:
                connection.execute(
                    BASELINE.replace("$target", f"{scratch}/baseline.parquet"), {"files": [str(f) for f in files]}
                )
            theirs.append(time.perf_counter() - started)
            started = time.perf_counter()
            with ThreadPoolExecutor(2) as pool:
                rows = sum(pool.map(land, files))
            ours.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(
        f"companyfacts: {len(files)} files, {sum(map(len, bodies.values())) / 1e6:.1f} MB, {rows:,} facts, {RUNS} runs"
    )
    print(f"  DuckDB's typed read, unnested, to Parquet  median {statistics.median(theirs):.3f} s")
    print(f"  checked, cast and landed by us             median {statistics.median(ours):.3f} s")
    print(f"  ratio, run by run                          median {ratio:.2f} (bound {RATIO_BOUND})")
    print(f"  peak memory of the process, both together  {peak:.0f} MB (bound {MEMORY_BOUND_MB})")
    return int(ratio > RATIO_BOUND or peak > MEMORY_BOUND_MB)


if __name__ == "__main__":
    sys.exit(main())
