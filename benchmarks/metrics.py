"""How long `dbt run` takes: on the sample, on 10, 20 and 40 generated years, and for each day of one more week.

growth       processor time against the number of raw rows: the least-squares line, and the seconds per new row from 20
             to 40 years over those from 10 to 20. 1 is linear, 2 is quadratic; and how the slowest models' times grow.
one week     a history that ends a week early is built, and each day's rows are appended and built as `drypowder build`
             does, with finding what is new and noting what was built; over a build of the whole.

Processor time stands beside wall time, since others' work on the machine does not move it: growth is of the former.

Run it from the checkout: `python -m benchmarks.metrics`, with `--years 2,4,8` for other lengths, `--runs 1` for a look.
"""

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np

from tests import generated
from warehouse import nightly, pipeline, stores
from warehouse.settings import PROJECT_ROOT, Settings
from warehouse.transformation import UNCHANGED, run_dbt

RUNS = 3
YEARS = (10, 20, 40)
SLOWEST = 8
DAYS = 7


class Times:
    """Wall and processor seconds of some runs, children included."""

    def __init__(self) -> None:
        """Start with none."""
        self.wall: list[float] = []
        self.processor: list[float] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        """Time what is done inside."""
        started, spent = time.perf_counter(), sum(os.times()[:4])
        yield
        self.wall.append(time.perf_counter() - started)
        self.processor.append(sum(os.times()[:4]) - spent)

    def __str__(self) -> str:
        """Return both medians."""
        return f"median {statistics.median(self.wall):6.1f} s, of processors {statistics.median(self.processor):6.1f} s"


def count_rows(settings: Settings) -> tuple[int, int]:
    """Return the rows of the raw tables, and the observations of the metrics."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        raw = sum(
            connection.execute(f"select count(*) from raw.{stores.identifier(s, t)}").fetchone()[0]
            for s, t in stores.tables_of(internal=False)
        )
        return raw, connection.execute("select count(*) from metrics.metric_observations").fetchone()[0]


def run_models(settings: Settings, runs: int) -> tuple[Times, dict[str, float]]:
    """Return the times of `dbt run`, and the median wall time of each model."""
    times = Times()
    models: dict[str, list[float]] = {}
    for _ in range(runs):
        with times.one():
            results = run_dbt(settings, "benchmark", "run")
        for result in results:
            models.setdefault(result.node.rpartition(".")[2], []).append(result.seconds)
    return times, {name: statistics.median(each) for name, each in models.items()}


def on_the_sample(scratch: Path, runs: int) -> None:
    settings = Settings(home=scratch / "sample", sources=f"recorded:{PROJECT_ROOT / 'sample'}")
    nightly.run(settings)
    times, models = run_models(pipeline.settings_of_home(settings), runs)
    raw, observations = count_rows(settings)
    print(f"sample: {raw:,} raw rows, {observations:,} observations, {len(models)} models, {runs} runs")
    print(f"  dbt run                         {times}")


def on_years(scratch: Path, years: int, runs: int) -> tuple[int, float, dict[str, float]]:
    """Return raw rows, the median processor time of `dbt run` and the wall time of each model."""
    plan = generated.Plan(years=years)
    settings = Settings(home=scratch / f"years-{years}", now=plan.known_to.isoformat())
    filling = Times()
    with filling.one():
        generated.fill(settings, plan)
    run_dbt(settings, "benchmark", "seed")
    times, models = run_models(settings, runs)
    raw, observations = count_rows(settings)
    settings.warehouse.unlink()
    print(f"  {years} years: {raw:,} raw rows, {observations:,} observations")
    print(f"    generated                     {filling}")
    print(f"    dbt run                       {times}", flush=True)
    return raw, statistics.median(times.processor), models


def growth(scratch: Path, lengths: list[int], runs: int) -> None:
    print(f"growth: generated histories, {runs} runs each", flush=True)
    measured = [on_years(scratch, years, runs) for years in lengths]
    raw, seconds = (np.array([m[n] for m in measured], float) for n in (0, 1))
    slope, fixed = np.polyfit(raw, seconds, 1)
    print(f"  line                            {fixed:.1f} s + {slope * 1e6:.2f} s per million raw rows")
    per_row = np.diff(seconds) / np.diff(raw)
    for (shorter, longer), ratio in zip(itertools.pairwise(lengths[1:]), per_row[1:] / per_row[:-1], strict=True):
        print(f"  cost of a new row, {shorter} to {longer} years {ratio:7.2f} of the step before (1 is linear)")
    first, last = measured[0][2], measured[-1][2]
    print(f"  the {SLOWEST} slowest models of {lengths[-1]} years, and the power of the rows that their time grows by")
    for name in sorted(last, key=last.__getitem__, reverse=True)[:SLOWEST]:
        power = np.log(last[name] / max(first.get(name, 0), 1e-3)) / np.log(raw[-1] / raw[0])
        print(f"    {name:48s} {last[name]:7.2f} s  {power:5.2f}")


def one_week(scratch: Path, years: int, runs: int) -> None:
    """Time the days of a week one by one, each appended to a home built by the evening before, and the whole anew."""
    plan = generated.Plan(years=years)
    world = generated.World(plan)
    end = plan.known_to
    first = Settings(home=scratch / "week", now=(end - timedelta(days=DAYS)).isoformat())
    generated.fill(first, world=world, known_to=end - timedelta(days=DAYS))
    run_dbt(first, "benchmark", "seed")
    generated.build(first, end - timedelta(days=DAYS))
    full, daily = Times(), Times()
    print(f"one week: {years} years", flush=True)
    for days_left in reversed(range(DAYS)):
        now = end - timedelta(days=days_left)
        settings = Settings(home=first.home, now=now.isoformat())
        generated.fill(settings, world=world, after=now - timedelta(days=1), known_to=now)
        grown = Times()
        with grown.one(), daily.one():
            _, results = generated.build(settings, now)
        still = sum(result.message.startswith(UNCHANGED) for result in results)
        print(f"  {now - timedelta(days=1):%A}: {grown}, {still} of {len(results)} tables unchanged", flush=True)
    for _ in range(runs):
        with full.one():
            generated.build(settings, end, anew=True)
    print(f"  the whole anew                  {full}")
    for name, of in (("median", statistics.median), ("most expensive", max)):
        print(
            f"  a day, {name:14s}           {of(daily.processor) / statistics.median(full.processor):.2f} of the whole"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", default=",".join(map(str, YEARS)), help="three lengths or more")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--skip-sample", action="store_true")
    parser.add_argument("--week", action="store_true", help="only the week, on the longest history")
    given = parser.parse_args()
    lengths = [int(text) for text in given.years.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if not given.skip_sample and not given.week:
            on_the_sample(scratch, given.runs)
        if not given.week:
            growth(scratch, lengths, given.runs)
        one_week(scratch, lengths[-1], given.runs)


if __name__ == "__main__":
    main()
