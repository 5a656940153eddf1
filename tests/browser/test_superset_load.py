"""Many people open every dashboard while releases are published under them: no error, nothing stale, and how fast.

A short one runs each time; DRYPOWDER_DRILL=long is the one whose figures docs/measured.md has.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from threading import Event
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
import pytest

from tests.browser.conftest import publish_without, swap
from tests.drills import LONG

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser

PEOPLE, SECONDS, PUBLISHED = (20, 120.0, 5) if LONG else (5, 15.0, 2)
AT_MOST = 5.0
"""Seconds after a swap until nothing of the release before is shown."""
OF_WHAT = "Of what release, as of when, and how fresh?"
"""The chart that begins every dashboard but one, and names the release that it is of."""
P95 = 10.0
"""Seconds. A generous limit: the machine of the tests has two cores, which also run everything else."""


def payload(form):
    """Return what a browser asks for a chart of these parameters."""
    number, _, kind = form["datasource"].partition("__")
    metrics = form.get("metrics") or ([form["metric"]] if form.get("metric") else [])
    query = {
        "metrics": [] if form.get("query_mode") == "raw" else metrics,
        "columns": [
            *form.get("all_columns", []),
            *([form["x_axis"]] if "x_axis" in form else []),
            *form.get("groupby", []),
        ],
        "filters": [
            {"col": each["subject"], "op": each["operator"], "val": each.get("comparator")}
            for each in form.get("adhoc_filters", [])
            if each["expressionType"] == "SIMPLE" and each["operator"] != "TEMPORAL_RANGE"
        ],
        "orderby": [json.loads(each) for each in form.get("order_by_cols", [])],
        "row_limit": form.get("row_limit", 1000),
    }
    body = {"datasource": {"id": int(number), "type": kind}, "force": False, "queries": [query]}
    return body | {"result_format": "json", "result_type": "full"}


@dataclass
class Onlookers:
    """What people saw of a Superset whose release changes, and how long they waited."""

    came: list[tuple[float, float, Path]]
    """Each release that was current, and between which instants it became so."""
    answers: list[tuple[str, float, float, list[dict[str, Any]]]] = field(default_factory=list)
    """The chart, when it was asked for, when it answered, and its rows."""
    wrong: list[tuple[Any, ...]] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def bring(self, put_in_force):
        before = time.monotonic()
        release = put_in_force()
        self.came.append((before, time.monotonic(), release))

    def linger(self):
        """Let people look for as long as a release is there, and until a chart has named it, however slow the machine."""
        time.sleep(SECONDS / (PUBLISHED + 1))
        _, since, release = self.came[-1]
        deadline = time.monotonic() + 120
        while not any(
            title == OF_WHAT and begun > since and rows[0]["release_id"] == release.name
            for title, begun, _, rows in self.answers.copy()
        ):
            assert time.monotonic() < deadline, f"no chart named {release.name}: {len(self.answers)} answers"
            time.sleep(0.1)

    def look(self, client):
        """Open every dashboard, chart by chart."""
        for board in client.get("/dashboard/").json()["result"]:
            for chart in client.get(f"/dashboard/{board['id']}/charts").json()["result"]:
                if self.over.is_set():
                    return
                begun = time.monotonic()
                answer = client.post("/chart/data", json=payload(chart["form_data"]))
                ended = time.monotonic()
                if answer.status_code == httpx.codes.OK:
                    self.answers.append((chart["slice_name"], begun, ended, answer.json()["result"][0]["data"]))
                else:
                    self.wrong.append((chart["slice_name"], answer.status_code, answer.text[:300]))

    def fitting(self, begun, ended):
        """Return the releases that an answer may be of: current while it was made, or until AT_MOST before."""
        left = [after for _, after, _ in self.came[1:]] + [math.inf]
        return {
            release
            for (before, _, release), gone in zip(self.came, left, strict=True)
            if before <= ended and gone >= begun - AT_MOST
        }

    def judge(self):
        """Note every row that is of a release that it may not be of."""
        held = {}
        for _, _, release in self.came:
            with duckdb.connect(str(release / "warehouse.duckdb"), read_only=True) as connection:
                held[release] = connection.execute("select count(*) from ops.held_back").fetchone()[0]
        for title, begun, ended, rows in self.answers:
            fitting = self.fitting(begun, ended)
            for row in rows:
                shown = row.get("fetches_held_back")
                if shown is not None and shown not in {held[release] for release in fitting}:
                    self.wrong.append((title, shown, fitting))
                if title == OF_WHAT and row["release_id"] not in {release.name for release in fitting}:
                    self.wrong.append((title, row["release_id"], fitting))


@pytest.fixture
def to_come(built, published):
    """What puts one release after another in force: in a drill each is made then, in every run two take turns."""
    home, there = published.parents[1], sorted(published.parent.iterdir())

    def turn(release):
        swap(home, release)
        return release

    if LONG:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as builder:  # beside who looks, as in a night
            make = partial(builder.submit, publish_without, replace(built, home=home))
            yield [lambda year=year: make(str(year)).result() for year in range(2000, 2000 + PUBLISHED)]
        turn(published)
        for added in set(published.parent.iterdir()) - set(there):
            shutil.rmtree(added)
    else:
        yield [partial(turn, there[number % 2]) for number in range(PUBLISHED)]
        turn(published)


def test_people_look_while_releases_are_published(superset, published, people, to_come):
    seen = Onlookers([(0.0, 0.0, published)])
    header = dict(people["viewer"].headers)  # one login for all: logins are limited to some a minute
    options = {"headers": header, "trust_env": False, "timeout": 90, "limits": httpx.Limits(keepalive_expiry=1)}

    def person(_):
        with httpx.Client(base_url=f"{superset.url}/api/v1", **options) as client:
            while not seen.over.is_set():
                seen.look(client)

    with ThreadPoolExecutor(PEOPLE) as pool:
        began = time.monotonic()
        looking = [pool.submit(person, number) for number in range(PEOPLE)]
        try:
            seen.linger()
            for put_in_force in to_come:
                seen.bring(put_in_force)
                seen.linger()
        finally:
            seen.over.set()
        for each in looking:
            each.result()
        took = time.monotonic() - began
    seen.judge()
    waits = sorted(ended - begun for _, begun, ended, _ in seen.answers)
    middle, p95 = waits[len(waits) // 2], waits[int(len(waits) * 0.95)]
    print(  # noqa: T201
        f"{len(waits)} charts for {PEOPLE} people in {took:.0f} s while {PUBLISHED} releases came: "
        f"median {middle:.2f} s, p95 {p95:.2f} s"
    )
    assert seen.wrong == []
    assert len(waits) > PEOPLE
    assert p95 < P95
