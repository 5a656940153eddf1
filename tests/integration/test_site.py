"""The catalogue and the quality report of a real release say what the release holds."""

from __future__ import annotations

import shutil
from html import unescape

import duckdb
import pytest

from warehouse import clock, release, site, sources
from warehouse.site import lineage, reading

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def published(built):
    return release.current(built)


def page(published, name):
    return unescape((published.path / name).read_text())


@pytest.fixture
def spoilt(built, published, tmp_path):
    """Read the facts of a copy of the release, after statements that change it."""

    def _spoilt(*statements, settings=built):
        copy = tmp_path / "warehouse.duckdb"
        shutil.copyfile(published.path / "warehouse.duckdb", copy)
        copy.chmod(0o600)
        with duckdb.connect(str(copy)) as connection:
            for each in statements:
                connection.execute(each)
        return reading.read(settings, copy, published.id, clock.now(built), published.manifest["tables"])

    return _spoilt


def test_everything_of_a_release_has_a_page_that_its_manifest_vouches_for(published):
    files, tables = published.manifest["files"], published.manifest["tables"]
    with release.connect(published.path.parent.parent) as connection:
        metrics = [name for (name,) in connection.execute("select metric_id from metrics.dim_metric").fetchall()]
    assert len(tables) > 50
    assert len(metrics) == 170
    wanted = {
        *(f"catalogue/tables/{name}.html" for name in (*tables, "metrics.as_of", "metrics.compare")),
        *(f"catalogue/metrics/{name}.html" for name in metrics),
        *(f"catalogue/sources/{s.code}.{t.name}.html" for s, t in sources.tables() if not t.is_internal),
        "catalogue/index.html",
        "catalogue/assets/style.css",
        "catalogue/assets/search.js",
    }
    assert {name for name in files if name.startswith("catalogue/")} == wanted
    assert "quality/index.html" in files
    assert not release.verify(published)


def test_a_tables_page_says_its_rows_its_columns_its_owner_and_whom_to_name(published):
    text = page(published, "catalogue/tables/marts.fct_auctions.html")
    assert f"<dd>{published.manifest['tables']['marts.fct_auctions']['rows']:,}</dd>" in text
    assert "one (cusip, issue_date) and state of knowledge" in text
    assert "<dd>macro-data</dd>" in text
    table = next(t for s, t in sources.tables() if (s.code, t.name) == ("fiscaldata", "auctions"))
    assert table.licence.attribution in text
    assert table.licence.name in text
    with release.connect(published.path.parent.parent) as connection:
        columns = connection.execute(
            "select column_name, comment from duckdb_columns() where table_name = 'fct_auctions'"
        ).fetchall()
    assert len(columns) > 40
    for name, comment in columns:
        assert f'<tr id="{name}">' in text
        assert comment in text, name
    assert 'data-label="Unit">USD per 100 face<' in text
    assert "metrics/bid_to_cover.html" in text
    assert text.count("<rect") >= 8  # its lineage


def test_a_metrics_plot_has_the_extremes_and_the_newest_of_all_its_values(built, spoilt):
    facts = {each.measured.name: each for each in spoilt().metrics}
    drawn = [(name, line) for name, each in facts.items() for line in each.lines]
    assert len(drawn) > 100
    with release.connect(built.home) as connection:
        truth = {
            key: rest
            for *key_parts, low, high, newest, count in connection.execute(
                "select metric_id, entity_id, grain, min(value), max(value), arg_max(value, period_end), count(value) "
                "from metrics.latest group by all"
            ).fetchall()
            for key, rest in [(tuple(key_parts), (low, high, newest, count))]
        }
    for name, line in drawn:
        values = [value for _, value in line.points if value is not None]
        low, high, newest, count = truth[name, line.entity, line.grain]
        assert (min(values), max(values), values[-1]) == (low, high, newest), (name, line.entity)
        assert len(line.points) <= 2 * reading.MOST_STRETCHES + 1 or line.periods_each == 1
        assert line.periods_each > 1 or len(values) == count
    assert any(line.periods_each > 1 for _, line in drawn)
    assert any(value is None for _, line in drawn for _, value in line.points)
    assert facts["capex_ttm"].goldens
    assert facts["capex_to_revenue"].scenarios


def test_what_may_not_be_passed_on_is_not_named_and_the_others_are_each(published, spoilt):
    public = {f"{s.code}.{t.name}" for s, t in sources.tables() if not t.is_internal}
    assert len(public) < len(sources.tables())
    assert {each.name for each in spoilt().landed} == public
    unheard_of = spoilt("delete from ops.freshness").landed
    assert {each.name for each in unheard_of} == public
    assert {each.state for each in unheard_of} == {"never landed"}


def test_sources_of_a_table_and_of_a_metric_follow_one_law(spoilt):
    facts = spoilt()
    assert facts.rests_on["metric:capex_ttm"] == {"sec.company_facts"}
    assert facts.rests_on["table:fct_auctions"] >= {"fiscaldata.auctions", "board.h15"}
    assert "sec.company_facts" not in facts.rests_on["table:fct_auctions"]
    # Of all series only those count that its reader names.
    assert "ofr.financial_stress" not in facts.rests_on["table:fct_bathtub_weekly"]
    drawn = lineage.picture(facts.graph, "table:fct_bathtub_weekly", facts.rests_on["table:fct_bathtub_weekly"])
    shown = {box.node.name for box in drawn.boxes if box.node.kind == "source"}
    assert shown == facts.rests_on["table:fct_bathtub_weekly"]


def test_only_the_last_run_of_a_suite_counts(spoilt):
    before = spoilt()
    assert before.judged
    old = spoilt(
        "insert into ops.validations select * replace ('old' as run_id, false as success, "
        "validated_at - interval 1 day as validated_at) from ops.validations"
    )
    assert (old.judged, old.failures) == (before.judged, before.failures)
    new = spoilt(
        "insert into ops.validations select * replace ('new' as run_id, false as success, 'critical' as severity, "
        "validated_at + interval 1 day as validated_at) from ops.validations where suite = 'release.ops.freshness'"
    )
    assert new.failures[0]["severity"] == "critical"
    assert sum(each.failed for each in new.judged) > sum(each.failed for each in before.judged)


def test_what_is_set_aside_new_or_changed_is_said_in_words(spoilt):
    assert spoilt().notes == ()
    notes = spoilt(
        "insert into ops.quarantine values ('sec', 'company_facts', 'NVDA', 'f', 'type', 3, 'Not a number.', now(), null)",
        "insert into ops.quarantine values ('sec', 'company_facts', 'NVDA', 'f', 'type', 9, 'Left.', now(), now())",
        "insert into ops.drift values ('ofr', 'financial_stress', '_new_x', 'f', now())",
        "insert into ops.history_changes values ('f', 'tic', 'slt', 'all', 'withdrawn', 7, null, null, now())",
    ).notes
    assert len(notes) == 3
    assert notes[0].startswith("3 row(s) of sec.company_facts are in quarantine under rule type")
    assert "_new_x" in notes[1]
    assert "withdrawn, 7 rows" in notes[2]


def test_without_dbts_manifest_there_are_pages_without_lineage(built, copied, spoilt, tmp_path):
    settings = copied(built)
    (settings.home / "dbt" / "manifest.json").unlink()
    facts = spoilt(settings=settings)
    assert facts.graph == lineage.Graph()
    assert "sec.company_facts" in facts.rests_on["metric:capex_ttm"]  # which the release itself has noted
    found = release.current(settings)
    building = tmp_path / "building"
    building.mkdir()
    shutil.copyfile(found.path / "warehouse.duckdb", building / "warehouse.duckdb")
    now = clock.now(settings)
    assert site.write(settings, building, "1", now, found.manifest["tables"]) > 250
    assert 'class="lineage"' not in (building / "catalogue/tables/marts.fct_auctions.html").read_text()
