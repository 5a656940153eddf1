"""Backfill: what it says it will cost, what it asks for, and that it goes on where it stopped."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tests.unit.toy import Reply, rate, rates_json
from warehouse import backfill, pipeline
from warehouse.archive import Archive
from warehouse.contract import Bulk, Estimate, Partition, Watch
from warehouse.errors import ConfigurationError, ContractViolation, NotConfigured, NothingNew, SourceUnavailable

YEARS = range(2010, 2026)
ESTIMATE = Estimate(requests=2, rows=100, megabytes=3)


@pytest.fixture
def yearly(home):
    """The toy with a partition a calendar year, each settled a month after its end."""

    def partition(year: int) -> Partition:
        return Partition(
            key=str(year),
            fetch=lambda get: [get(f"{home.publisher.url}/rates/{year}", expect="json")],
            period=(date(year, 1, 1), date(year, 12, 31)),
            closes_at=datetime(year + 1, 2, 1, tzinfo=UTC),
        )

    home.contract(partitions=lambda _: [partition(y) for y in YEARS], estimate=ESTIMATE)
    for year in YEARS:
        home.says(rate(f"{year}-01-04", 1), key=str(year))
    return home


def run(home, plan):
    *chunks, done = list(backfill.backfill(plan, home.settings, using=home.live))
    return chunks, done


def test_a_plan_says_what_it_will_cost_before_anything_is_asked(yearly):
    plan = backfill.plan("toy", "rates", date(2012, 6, 1), date(2014, 1, 1), yearly.settings)
    assert [p.key for p in plan.partitions] == ["2012", "2013", "2014"]
    assert (plan.requests, plan.rows, plan.megabytes, plan.measured) == (6, 300, 9, 0)
    assert plan.minutes == pytest.approx((6 / 1000 + 9 / 2) / 60)
    assert "by the contract's estimate" in str(plan)
    assert yearly.publisher.requests == []


def test_a_plan_learns_from_the_archive(yearly):
    run(yearly, backfill.plan("toy", "rates", date(2010, 1, 1), date(2011, 1, 1), yearly.settings))
    plan = backfill.plan("toy", "rates", settings=yearly.settings)
    assert (plan.measured, plan.there, plan.requests) == (2, 2, 14)
    assert plan.megabytes < 0.01


def test_a_range_is_landed_in_chunks(yearly):
    chunks, done = run(yearly, backfill.plan("toy", "rates", settings=yearly.settings))
    assert chunks == [12, 16]
    assert (done.done, done.rows, done.failed) == (16, 16, ())


def test_a_backfill_goes_on_where_it_stopped(yearly):
    stopped = backfill.backfill(
        backfill.plan("toy", "rates", settings=yearly.settings), yearly.settings, using=yearly.live
    )
    assert next(stopped) == 12
    stopped.close()
    asked = len(yearly.publisher.requests)
    plan = backfill.plan("toy", "rates", settings=yearly.settings)
    assert (plan.there, len(plan.partitions)) == (12, 4)
    _, done = run(yearly, plan)
    assert len(yearly.publisher.requests) == asked + 4
    assert done.done == 4


def land_day(home, day):
    return backfill.land_day("toy", "rates", day, home.settings, using=home.live)


def test_a_day_of_the_past_lands_the_partition_that_holds_it_once(yearly):
    done = land_day(yearly, date(2013, 5, 6))
    assert [p.key for p in done.plan.partitions] == ["2013"]
    assert (done.done, done.rows) == (1, 1)
    asked = len(yearly.publisher.requests)
    with pytest.raises(NothingNew, match="has all 1 partition"):
        land_day(yearly, date(2013, 5, 7))
    assert len(yearly.publisher.requests) == asked


def test_a_day_of_which_the_table_has_nothing_is_nothing_new(yearly):
    with pytest.raises(NothingNew, match="no partition of 1999-01-01"):
        land_day(yearly, date(1999, 1, 1))


def test_a_day_that_is_not_to_be_had_is_an_outage(yearly):
    yearly.publisher.says("/rates/2013", Reply(b"gone", 404))
    with pytest.raises(SourceUnavailable, match="nothing of 2013-05-06"):
        land_day(yearly, date(2013, 5, 6))


def test_what_is_not_to_be_had_is_named_and_asked_for_the_next_time(yearly):
    yearly.publisher.says("/rates/2013", Reply(b"gone", 404))
    _, done = run(yearly, backfill.plan("toy", "rates", settings=yearly.settings))
    assert (done.done, done.failed) == (15, ("2013",))
    yearly.says(rate("2013-01-04", 1), key="2013")
    assert [p.key for p in backfill.plan("toy", "rates", settings=yearly.settings).partitions] == ["2013"]


def test_a_chunk_in_which_one_fails_and_the_others_are_unchanged_counts_each(yearly):
    plan = backfill.plan("toy", "rates", date(2010, 1, 1), date(2013, 12, 31), yearly.settings)
    run(yearly, plan)
    yearly.publisher.says("/rates/2011", Reply(b"gone", 404))
    _, done = run(yearly, plan)
    assert (done.done, done.rows, done.failed) == (3, 0, ("2011",))


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2014, 1, 1), date(2013, 1, 1), "ends before it starts"),
        (date(1999, 1, 1), date(2000, 1, 1), "nothing in that range; expected 2010-01-01 to 2025-12-31"),
    ],
)
def test_a_range_that_holds_nothing_is_said(yearly, first, last, words):
    with pytest.raises(ConfigurationError, match=words):
        backfill.plan("toy", "rates", first, last, yearly.settings)


def test_the_regular_run_leaves_to_a_backfill_what_lies_before_its_lookback(yearly):
    yearly.contract(partitions=yearly.table.partitions, lookback_days=800)
    settings = replace(yearly.settings, now="2026-01-15T00:00:00+00:00")
    pipeline.land("toy", "rates", settings, using=yearly.live)
    assert sorted(path for path, _ in yearly.publisher.requests) == [f"/rates/{y}" for y in (2023, 2024, 2025)]


# ------------------------------------------------------------------------------------------------------ in bulk


@pytest.fixture
def bulky(home):
    """The toy with a partition a letter, all of which one zip holds too, beside others' members."""
    url = home.publisher.url

    def partition(key: str) -> Partition:
        return Partition(key=key, fetch=lambda get: [get(f"{url}/rates/{key}", expect="json")])

    bulk = Bulk(
        url=f"{url}/all.zip",
        partition=lambda name: name.removesuffix(".json") if name.startswith("ours") else None,
        member_url=lambda name: f"{url}/rates/{name.removesuffix('.json')}",
        estimate=Estimate(requests=1, rows=3000, megabytes=1370),
    )
    home.contract(partitions=lambda _: [partition(f"ours{n}") for n in range(3)], bulk=bulk)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for n in range(2):
            file.writestr(f"ours{n}.json", rates_json(rate(f"2026-01-0{n + 1}", 1)))
        file.writestr("theirs.json", b"not ours to read")
    home.publisher.says("/all.zip", packed.getvalue())
    return home


def test_one_download_lands_every_partition_that_is_ours(bulky):
    plan = backfill.plan("toy", "rates", settings=bulky.settings, bulk=True)
    assert (plan.requests, plan.megabytes) == (1, 1370)
    _, done = run(bulky, plan)
    assert (done.done, done.rows, done.failed) == (2, 2, ("ours2",))
    assert len(bulky.publisher.requests) == 1


def test_the_plan_of_a_bulk_download_rests_on_the_contracts_estimate_of_it(bulky):
    bulky.says(rate("2026-01-01", 1), key="ours0")
    bulky.land_one("ours0")
    plan = backfill.plan("toy", "rates", settings=bulky.settings, bulk=True)
    assert (plan.requests, plan.rows, plan.megabytes, plan.measured) == (1, 2000, 1370, 0)
    assert "by the contract's estimate of the bulk download" in str(plan)


def test_a_bulk_download_that_has_nothing_to_bring_is_not_asked_for(bulky):
    for n in range(3):
        bulky.says(rate("2026-01-01", 1), key=f"ours{n}")
        bulky.land_one(f"ours{n}")
    plan = backfill.plan("toy", "rates", settings=bulky.settings, bulk=True)
    assert (plan.requests, plan.rows, plan.megabytes) == (0, 0, 0)
    chunks, done = run(bulky, plan)
    assert (chunks, done.done, done.failed) == ([], 0, ())
    assert "/all.zip" not in [path for path, _ in bulky.publisher.requests]


def test_a_spoilt_member_is_refused_and_the_others_land(bulky):
    (whole,) = bulky.publisher.replies["/all.zip"]
    with zipfile.ZipFile(io.BytesIO(whole.body)) as file:
        place = file.getinfo("ours0.json").header_offset + len("ours0.json") + 30
    bulky.publisher.says("/all.zip", whole.body[:place] + b"\0" * 8 + whole.body[place + 8 :])
    said = []
    plan = backfill.plan("toy", "rates", settings=bulky.settings, bulk=True)
    *_, done = backfill.backfill(plan, bulky.settings, said.append, using=bulky.live)
    assert (done.done, done.rows, done.failed) == (1, 1, ("ours0", "ours2"))
    assert "ours0 refused: " in said[0]
    assert "all.zip, ours0.json, is no zip that can be read" in said[0]


def test_a_bulk_download_that_is_no_zip_is_refused(bulky):
    (whole,) = bulky.publisher.replies["/all.zip"]
    bulky.publisher.says("/all.zip", whole.body.replace(b"PK\1\2", b"PK\1\0"))
    with pytest.raises(ContractViolation, match=r"all.zip is no zip"):
        run(bulky, backfill.plan("toy", "rates", settings=bulky.settings, bulk=True))


def test_a_member_is_archived_as_the_answer_of_its_own_address(bulky):
    run(bulky, backfill.plan("toy", "rates", settings=bulky.settings, bulk=True))
    archive = Archive(bulky.settings.archive)
    (response,) = archive.responses(archive.latest("toy", "rates", "ours0"))
    assert response.url.endswith("/rates/ours0")
    assert response.headers["x-bulk-url"].endswith("/all.zip")
    bulky.says(rate("2026-01-01", 1), key="ours0")
    assert bulky.land_one("ours0") == "unchanged"


def test_without_a_bulk_download_there_is_none(yearly):
    with pytest.raises(ConfigurationError, match="has no bulk download"):
        backfill.plan("toy", "rates", settings=yearly.settings, bulk=True)


# ------------------------------------------------------------------------------------------- what is not asked for


def test_a_partition_that_watches_another_table_is_asked_for_when_that_has_news(home):
    url = home.publisher.url
    watch = Watch(table="filings", partition="all", token=lambda r: json.loads(r.body)["newest"])
    facts = Partition(key="all", fetch=lambda get: [get(f"{url}/rates/all", expect="json")], watch=watch)
    home.contract(partitions=lambda _: [facts])
    filings = replace(
        home.table,
        name="filings",
        partitions=lambda _: [Partition(key="all", fetch=lambda get: [get(f"{url}/filings", expect="json")])],
        extract=lambda _: iter([{"day": "2026-01-01", "rate_pct": "1"}]),
    )
    home.source = replace(home.source, tables=(home.table, filings))

    def asked() -> int:
        before = len(home.publisher.requests)
        with contextlib.suppress(NothingNew):
            home.land()
        return len(home.publisher.requests) - before

    def poll(newest: str) -> None:
        home.publisher.says("/filings", json.dumps({"newest": newest}).encode())
        pipeline.land("toy", "filings", home.settings, using=home.live)

    home.says(rate("2026-01-01", 1))
    assert asked() == 1  # nothing to watch yet
    poll("10-Q of May")
    assert (asked(), asked()) == (1, 0)
    poll("10-Q of August")
    assert (asked(), asked()) == (1, 0)


def test_what_a_bulk_download_brought_is_not_asked_for_again_before_what_it_watches_has_news(bulky):
    watch = Watch(table="filings", partition="all", token=lambda r: json.loads(r.body)["newest"])
    url, named = bulky.publisher.url, bulky.table.partitions(None)[:2]
    bulky.contract(partitions=lambda _: [replace(p, watch=watch) for p in named], bulk=bulky.table.bulk)
    filings = replace(
        bulky.table,
        name="filings",
        partitions=lambda _: [Partition(key="all", fetch=lambda get: [get(f"{url}/filings", expect="json")])],
        extract=lambda _: iter([{"day": "2026-01-01", "rate_pct": "1"}]),
    )
    bulky.source = replace(bulky.source, tables=(bulky.table, filings))

    def poll(newest: str) -> None:
        bulky.publisher.says("/filings", json.dumps({"newest": newest}).encode())
        pipeline.land("toy", "filings", bulky.settings, using=bulky.live)

    poll("10-Q of May")
    run(bulky, backfill.plan("toy", "rates", settings=bulky.settings, bulk=True))
    asked = len(bulky.publisher.requests)
    with pytest.raises(NothingNew):
        bulky.land()
    assert len(bulky.publisher.requests) == asked
    poll("10-Q of August")
    for n in range(2):
        bulky.says(rate("2026-01-03", 1), key=f"ours{n}")
    assert bulky.land().files == 2


def test_an_optional_source_without_its_key_says_what_it_needs(home):
    home.contract(credential="fred_key")
    with pytest.raises(NotConfigured, match="optional and needs a key; expected WAREHOUSE_FRED_KEY"):
        home.land()
    assert home.publisher.requests == []
