"""What a release's manifest says of what was loaded, and how its files are compared."""

from __future__ import annotations

import hashlib
import tracemalloc
from datetime import UTC, datetime

from tests.unit.toy import rate
from warehouse import loading, release, stores


def manifest_of(home, tmp_path):
    building = tmp_path / "building"
    building.mkdir()
    (building / "file").write_bytes(b"content")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return release._manifest(home.settings, building, "2026.01.01.1", now, "run", {})  # noqa: SLF001


def test_a_manifest_names_the_newest_load_of_each_partition_and_counts_the_others(home, tmp_path):
    home.keys = ("first", "second")
    home.contract()
    home.says(rate("2026-01-09", 1), key="second")
    for day in range(1, 4):
        home.says(*(rate(f"2026-01-0{n + 1}", 1) for n in range(day)), key="first")
        home.land()
        home.promote()
    loads = home.query("select partition_key, fetch_id from ops.loads order by fetch_id")
    assert len(loads) == 4
    newest = dict(loads)
    entry = manifest_of(home, tmp_path)["sources"]["toy.rates"]
    assert entry["loads"] == 4
    assert [(f["partition"], f["fetch_id"], f["rows"]) for f in entry["fetches"]] == [
        ("first", newest["first"], 3),
        ("second", newest["second"], 1),
    ]
    assert all(f["sha256"] and f["fetched_at"] for f in entry["fetches"])


def test_a_manifest_of_a_table_that_was_never_loaded_says_so(home, tmp_path):
    with stores.open_warehouse(home.settings) as connection:
        loading.refresh_freshness(connection, home.settings, datetime(2026, 1, 1, tzinfo=UTC))
    manifest = manifest_of(home, tmp_path)
    entry = manifest["sources"]["toy.rates"]
    assert (entry["loads"], entry["fetches"]) == (0, [])
    assert manifest["files"] == {"file": hashlib.sha256(b"content").hexdigest()}


def test_a_large_file_is_compared_without_holding_it_in_memory(tmp_path):
    (tmp_path / "large").write_bytes(bytes(1 << 25))
    digest = hashlib.sha256(bytes(1 << 25)).hexdigest()
    large = release.Release(id="1", path=tmp_path, manifest={"files": {"large": digest}})
    tracemalloc.start()
    found, peak = release.verify(large), tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == []
    assert peak < 1 << 22
