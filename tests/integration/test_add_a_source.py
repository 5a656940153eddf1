"""A new source, written by following CONTRIBUTING.md, in a copy of the project: five places and no other are touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import duckdb
import pytest

from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

MODULE = '''"""A toy bank: its daily rate, as one CSV file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Licence, Partition, RowRule, Source, Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

URL = "https://rates.toybank.example/daily.csv"


def extract(response: Response) -> Iterator[Row]:
    """Yield one row per day."""
    yield from wire.csv_records(response)


def fetch(get: Get) -> Iterator[Response]:
    """Ask for the whole file."""
    yield get(URL, expect="text")


def partitions(_: datetime) -> list[Partition]:
    """Name the one file."""
    return [Partition(key="all", fetch=fetch)]


RATES = Table(
    name="rates",
    description="The bank's rate of one day.",
    grain=("rate_date",),
    columns=(
        Column(name="rate_date", field="Date", type="DATE", required=True, description="Day the rate was set for."),
        Column(name="rate_pct", field="Rate", type="DECIMAL(9, 4)", unit="percent", description="The rate a year."),
    ),
    cadence=Cadence(
        cron="0 18 * * 1-5",
        stale_after_days=7,
        due=Due(every="business_day", at="18:00", not_due="No rate is set on weekends and federal holidays."),
    ),
    licence=Licence(name="Public domain", url="https://toybank.example/terms", redistribution="free", attribution="Toy."),
    known_at=KnownAt(
        sql="new_york(rate_date, time '18:00')", pit_quality="'dated'", description="The same day at 18:00 New York."
    ),
    partitions=partitions,
    extract=extract,
    about=("rate_date", "rate_date"),
    estimate=Estimate(requests=1, rows=100, megabytes=0.01),
    nulls=frozenset({"ND"}),
    rules=(RowRule(name="rate_is_possible", holds="rate_pct < 100", because="A rate of the bank is below 100."),),
)
SOURCE = Source(
    code="toybank", title="Toy Bank", homepage="https://toybank.example", tables=(RATES,), requests_per_second=1
)
'''
BODY = "Date,Rate\n" + "".join(f"2026-09-{day:02},{4 + day / 100}\n" for day in range(1, 11)) + "2026-09-11,ND\n"
TEST = """from warehouse.sources import toybank


def test_a_day_is_read_and_what_is_not_set_is_null(land_bodies, fixture):
    rows, bad = land_bodies("toybank", "rates", {toybank.URL: fixture("toybank/daily.csv")})
    assert len(rows) == 11
    assert rows[-1]["rate_pct"] is None
    assert bad == []
"""
PLAUSIBLE = '''"""Rows as the bank sends them, and what breaks each check of expectations/toybank.py."""

from tests.unit.expectations.feed import Feed, to

FEEDS = {
    "toybank__rates": Feed(
        "select date '2026-09-01' + d::integer as rate_date, 4 + d / 100 as rate_pct from range(10) as r(d)",
        broken=(("rate_pct", "critical", to("rate_pct = 40")),),
    ),
}
'''
STAGING = """with landed as (

    {{ versions_of(source('toybank', 'rates'), ['rate_date']) }}

),

versions as (

    select
        ---------- keys
        rate_date,

        ---------- measures
        rate_pct,

        ---------- when it was known
        known_at,
        known_until,
        ingested_at,
        pit_quality,
        _is_deleted as is_deleted,

        ---------- where it came from
        _origin,
        _source_url,
        _source_sha256

    from landed

)

select * from versions
"""
STAGING_YAML = """version: 2

models:
  - name: stg_toybank__rates
    description: One row per day and version of it.
    data_tests:
      - versions_do_not_overlap: {arguments: {key: [rate_date]}}
    columns:
      - {name: rate_date, description: "{{ doc('toybank__rates__rate_date') }}"}
      - {name: rate_pct, description: "{{ doc('toybank__rates__rate_pct') }}"}
"""
EXPECTATIONS = '''"""Are the bank's rates plausible? Shape, nulls, grain and history already follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import suite
from warehouse.sources import find

SOURCE, RATES = find("toybank", "rates")

SUITES = [
    suite(
        RATES,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="rate_pct",
            min_value=0,
            max_value=20,
            severity="critical",
            description="Rates are percent, not basis points.",
            notes="2026-11-24: a toy's rate; 20 leaves room.",
        ),
    )
]
'''
BY_HAND = {
    "warehouse/sources/toybank.py": MODULE,
    "tests/fixtures/toybank/daily.csv": BODY,
    "tests/fixtures/toybank/plausible.py": PLAUSIBLE,
    "tests/unit/sources/test_toybank.py": TEST,
    "dbt_project/models/staging/toybank/stg_toybank__rates.sql": STAGING,
    "dbt_project/models/staging/toybank/_stg_toybank.yml": STAGING_YAML,
    "expectations/toybank.py": EXPECTATIONS,
}
GENERATED = {
    "dbt_project/models/staging/toybank/_toybank__sources.yml",
    "dbt_project/models/staging/toybank/_toybank__columns.md",
    "docs/catalogue/toybank.md",
    "docs/catalogue/README.md",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project as git would give it, in a folder of its own, with the new source's files in it."""
    folder = tmp_path_factory.mktemp("copy")
    listed = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(listed, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if (PROJECT_ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT_ROOT / name, folder / name)
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@e", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    for name, text in BY_HAND.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    run(folder, "-m", "warehouse.cli", "generate")
    return folder


def run(folder, *command):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_a_new_source_touches_its_five_places_and_no_other(copy):
    command = ["git", "status", "--porcelain", "-uall"]
    lines = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {line[3:] for line in lines} == {*BY_HAND, *GENERATED}


def test_the_projects_own_tests_take_the_new_source_in(copy):
    run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/sources/test_toybank.py")
    chosen = [
        "tests/conventions",
        "tests/dags",
        "tests/unit/expectations",
        "-k",
        "toybank or generated or exactly_these",
    ]
    run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen)


def test_the_new_source_lands_loads_passes_its_gate_and_is_staged(copy, tmp_path):
    recording = tmp_path / "recording"
    recording.mkdir()
    (recording / "daily.csv").write_text(BODY)
    entry = {
        "method": "GET",
        "url": "https://rates.toybank.example/daily.csv",
        "status": 200,
        "headers": {},
        "fetched_at": "2026-09-12T12:00:00Z",
        "body": "daily.csv",
        "origin": "recorded",
    }
    (recording / "index.jsonl").write_text(json.dumps(entry) + "\n")
    options = ["-m", "warehouse.cli", "--home", str(tmp_path / "home"), "--sources", f"recorded:{recording}"]
    assert "11 rows" in run(copy, *options, "land", "toybank")
    run(copy, *options, "load")
    run(copy, *options, "validate")
    with duckdb.connect(str(tmp_path / "home" / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from raw.toybank__rates").fetchone() == (11,)
    os.environ["WAREHOUSE_DUCKDB"] = str(tmp_path / "home" / "warehouse.duckdb")
    folders = [
        "--project-dir",
        "dbt_project",
        "--profiles-dir",
        "dbt_project",
        "--target-path",
        str(tmp_path / "target"),
    ]
    code = "import sys; from dbt.cli.main import dbtRunner; sys.exit(not dbtRunner().invoke(sys.argv[1:]).success)"
    run(copy, "-c", code, "build", "-s", "stg_toybank__rates", *folders)
    with duckdb.connect(str(tmp_path / "home" / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from staging.stg_toybank__rates").fetchone() == (11,)
