"""Many people open every dashboard while releases are published under them: no error, nothing stale, and how fast.

A short one runs each time; DRYPOWDER_DRILL=long is the one whose figures docs/measured.md has.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import duckdb
import httpx
import pytest

from tests.browser.conftest import swap
from tests.drills import LONG

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


class Onlookers:
    """What people saw of a Superset whose release is swapped, and how long they waited."""

    def __init__(self, home, releases):
        self.home, self.releases = home, releases
        self.waits, self.wrong, self.lock, self.over = [], [], threading.Lock(), threading.Event()
        self.swaps = [(0.0, releases[-1].name)]
        self.named = {}
        """When each release was last named by a chart that was asked for after it had come."""
        self.shown = {}
        for release in releases:
            with duckdb.connect(str(release / "warehouse.duckdb"), read_only=True) as connection:
                self.shown[release.name] = connection.execute("select count(*) from ops.held_back").fetchone()[0]

    def linger(self):
        """Let people look for as long as a release is there, and until a chart has named it, however slow the machine."""
        time.sleep(SECONDS / (PUBLISHED + 1))
        began, release = self.swaps[-1]
        deadline = time.monotonic() + 120
        while not self.named.get(release, 0) > began:
            assert time.monotonic() < deadline, f"no chart named {release}: {len(self.waits)} answers, {self.wrong[:3]}"
            time.sleep(0.1)

    def publish(self, release):
        with self.lock:
            swap(self.home, release)
            self.swaps.append((time.monotonic(), release.name))

    def look(self, client):
        """Open every dashboard, chart by chart."""
        for board in client.get("/dashboard/").json()["result"]:
            for chart in client.get(f"/dashboard/{board['id']}/charts").json()["result"]:
                if self.over.is_set():
                    return
                begun = time.monotonic()
                answer = client.post("/chart/data", json=payload(chart["form_data"]))
                self.judge(chart["slice_name"], answer, begun, time.monotonic())

    def judge(self, title, answer, begun, ended):
        with self.lock:
            self.waits.append(ended - begun)
            if answer.status_code != httpx.codes.OK:
                self.wrong.append((title, answer.status_code, answer.text[:300]))
                return
            # The release of some seconds before it began, or any that came since.
            before = [name for at, name in self.swaps if at <= max(begun - AT_MOST, 0)][-1]
            fits = {before, *(name for at, name in self.swaps if at >= begun - AT_MOST)}
            for row in answer.json()["result"][0]["data"]:
                held = row.get("fetches_held_back")
                if held is not None and held not in {self.shown[name] for name in fits}:
                    self.wrong.append((title, held, fits))
                if title == OF_WHAT:
                    self.named[row["release_id"]] = begun
                    if row["release_id"] not in fits:
                        self.wrong.append((title, row["release_id"], fits))


def test_people_look_while_releases_are_published(superset, published, people):
    seen = Onlookers(published.parents[1], sorted(published.parent.iterdir()))
    header = dict(people["viewer"].headers)  # one login for all: logins are limited to some a minute

    options = {"headers": header, "trust_env": False, "timeout": 90, "limits": httpx.Limits(keepalive_expiry=1)}

    def person(_):
        with httpx.Client(base_url=f"{superset.url}/api/v1", **options) as client:
            while not seen.over.is_set():
                seen.look(client)

    try:
        with ThreadPoolExecutor(PEOPLE) as pool:
            looking = [pool.submit(person, number) for number in range(PEOPLE)]
            try:
                seen.linger()
                for number in range(PUBLISHED):
                    seen.publish(seen.releases[number % 2])
                    seen.linger()
            finally:
                seen.over.set()
            for each in looking:
                each.result()
    finally:
        swap(seen.home, seen.releases[-1])
    waits = sorted(seen.waits)
    middle, p95 = waits[len(waits) // 2], waits[int(len(waits) * 0.95)]
    print(f"{len(waits)} charts for {PEOPLE} people in {SECONDS:g} s: median {middle:.2f} s, p95 {p95:.2f} s")  # noqa: T201
    assert seen.wrong == []
    assert len(waits) > PEOPLE
    assert seen.named.keys() == {each.name for each in seen.releases}
    assert p95 < P95
