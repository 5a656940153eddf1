"""What consumers rely on: a release opens, is whole, says where it came from, and can be taken back."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

import warehouse
from tests.damage import damage
from tests.integration.conftest import cli, command, environment
from warehouse import nightly, pipeline, release, report, stores, upkeep
from warehouse.errors import DamagedFile, GateClosed, NoRelease, NothingNew
from warehouse.settings import PROJECT_ROOT, Settings
from warehouse.sources import tables
from warehouse.transformation import run_dbt

pytestmark = pytest.mark.slow


def query(settings, sql):
    with release.connect(settings.home) as connection:
        return connection.execute(sql).fetchall()


def test_a_release_holds_what_its_manifest_says(built):
    found = release.current(built)
    manifest = found.manifest
    assert release.verify(found) == []
    assert {n.split(".")[0] for n in manifest["tables"]} == {"marts", "metrics", "ops"}
    for name, entry in manifest["tables"].items():
        schema, table = name.split(".")
        assert query(built, f"select count(*) from {name}") == [(entry["rows"],)]
        if schema != "ops":
            parquet = found.path / "parquet" / schema / table / "*.parquet"
            assert duckdb.sql(f"select count(*) from '{parquet}'").fetchone() == (entry["rows"],)
    assert manifest["sources"]["sec.company_facts"]["origin"] == "reconstructed"
    assert len(manifest["sources"]["sec.company_facts"]["fetches"]) > 5
    assert manifest["engines"]["duckdb"] == "1.5.6"
    assert {s["border"] for s in manifest["suites"]} == {"incoming", "release"}
    assert all(s["expectations"] and not s["failed"] for s in manifest["suites"])
    assert all(f["sha256"] for source in manifest["sources"].values() for f in source["fetches"])
    assert not list(found.path.glob("*.wal"))
    assert {oct(p.stat().st_mode & 0o777) for p in found.path.rglob("*") if p.is_file()} == {"0o444"}


def test_the_quality_report_is_in_the_release_and_names_both_gates(built):
    for border in ("incoming", "release"):
        page = (built.current / "quality" / border / "index.html").read_text()
        assert "http://" not in page
        assert "https://" not in page
    assert "sec__company_facts" in (built.current / "quality" / "incoming" / "index.html").read_text()


def test_every_column_of_a_release_is_described_and_every_number_has_a_unit(built):
    columns = query(
        built,
        "select table_name, column_name, data_type, comment from duckdb_columns() where schema_name in ('marts', 'metrics')",
    )
    assert len(columns) > 100
    assert [c[:2] for c in columns if not c[3]] == []


def test_latest_and_as_of_have_the_same_columns(built):
    names = "select column_name, column_type from (describe select * from {})"
    with duckdb.connect(str(built.current.resolve() / "warehouse.duckdb"), read_only=True) as connection:
        latest, then = (
            connection.execute(names.format(t)).fetchall()
            for t in ("metrics.latest", "metrics.as_of(date '2025-01-01')")
        )
    assert latest == then
    assert latest


def test_names_carry_no_catalogue_so_a_release_can_be_attached_as_warehouse(built):
    with duckdb.connect() as connection:
        connection.execute(f"attach '{built.current.resolve()}/warehouse.duckdb' as warehouse (read_only)")
        assert connection.execute("select count(*) from warehouse.metrics.latest").fetchone()[0] > 100


def test_a_second_run_publishes_nothing(built, copied):
    settings = copied(built)
    before = release.current(settings).id
    with pytest.raises(NothingNew):
        nightly.run(settings)
    assert [r.id for r in release.releases(settings)] == [before]


def test_news_make_a_second_release_and_rollback_takes_it_back(two, copied):
    settings = copied(two)
    first, second = release.releases(settings)
    assert release.current(settings).id == second.id != first.id
    newest = "select max(known_at) from metrics.latest"
    of_old_reader = datetime.fromisoformat(Path(f"{two.home}.reader").read_text())
    assert of_old_reader < query(settings, newest)[0][0]
    counted = dict(query(settings, "select source || '.' || table_name, count(*) from ops.loads group by all"))
    sources = second.manifest["sources"]
    assert {name: entry["loads"] for name, entry in sources.items() if entry["loads"]} == counted
    assert upkeep.rollback(settings=settings).id == first.id
    assert query(settings, newest)[0][0].month == 3
    with pytest.raises(NothingNew):  # what was rolled back does not come back by itself
        nightly.run(settings)
    assert release.current(settings).id == first.id
    assert upkeep.rollback(second.id, settings).id == second.id
    with pytest.raises(NoRelease, match="There is no release nowhere"):
        upkeep.rollback("nowhere", settings)


def test_a_release_says_which_metrics_rest_on_what_is_held_back(built, copied):
    settings = copied(built)
    with stores.open_warehouse(settings) as connection:
        rests_on = dict(
            connection.execute(
                "select metric_id, list(source || '.' || table_name order by source, table_name) from ops.metric_sources group by all"
            ).fetchall()
        )
        connection.execute(
            "insert into ops.held_back (fetch_id, source, table_name, partition_key, border, reason) "
            "select 'held', source, table_name, min(partition_key), 'incoming', 'not plausible' from ops.loads "
            "where source = 'sec' and table_name = 'company_facts' group by all"
        )
    assert rests_on["capex_ttm"] == ["sec.company_facts"]
    assert rests_on["water_level"] == ["board.h41", "nyfed.reverse_repo", "ofr.funding_monitor"]
    assert "fiscaldata.auctions" in rests_on["bid_to_cover"]
    declared = dict(query(built, "select metric_id, inputs from metrics.dim_metric"))
    # What rests on nothing that lands is made of logs kept by hand.
    assert all("series:" not in declared[metric] for metric in set(declared) - set(rests_on))
    for verb in (pipeline.build, pipeline.check, pipeline.publish):
        verb(settings)

    affected = release.current(settings).manifest["affected_metrics"]
    assert {each["metric"] for each in affected} == {
        m for m, tables in rests_on.items() if "sec.company_facts" in tables
    }
    assert all(each["last_good_at"] for each in affected)
    of_metric = {each["metric"]: each for each in affected}
    newest = "select max(period_end)::varchar from metrics.latest where metric_id = 'capex_ttm' and value is not null"
    assert [(of_metric["capex_ttm"]["newest_period_end"],)] == query(settings, newest)
    text = io.StringIO()
    report.print_status(settings, Console(file=text, width=120))
    assert f"AFFECTS {len(affected)} metric(s)" in text.getvalue()


def test_replay_rebuilds_raw_from_the_archive_with_equal_rows(built, copied):
    settings = copied(built)

    def checksums():
        with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
            return {
                name: connection.execute(f"select count(*), bit_xor(hash(t::varchar)) from raw.{name} t").fetchone()
                for (name,) in connection.execute(
                    "select table_name from duckdb_tables() where schema_name = 'raw' order by 1"
                ).fetchall()
            }

    before = checksums()
    assert sum(count for count, _ in before.values()) > 30000
    settings.warehouse.unlink()
    shutil.rmtree(settings.landing)
    assert upkeep.replay(settings).refused == 0
    assert checksums() == before
    with pytest.raises(NothingNew):  # the release is of the same fetches and the same logic
        pipeline.load(settings)


def test_damage_is_damage_whoever_meets_it_and_no_verdict_on_rows(built, copied):
    settings = copied(built)
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        ((block,),) = connection.execute(
            "select max(block_id) from pragma_storage_info('metrics.metric_observations') where column_name = 'value'"
        ).fetchall()
    damage(settings.warehouse, block, 1)
    (settings.home / "current").unlink()  # else nothing is to be published
    note = settings.home / stores.DAMAGED
    for verb in (pipeline.publish, pipeline.check, lambda home: run_dbt(home, "damaged", "run", "-s", "latest")):
        with pytest.raises(DamagedFile, match="Corrupt database file"):
            verb(settings)
        assert note.exists()
        note.unlink()


def test_a_changed_file_in_a_release_is_noticed(built, copied):
    settings = copied(built)
    spoilt = release.current(settings).path / "parquet" / "metrics" / "latest" / "all.parquet"
    spoilt.chmod(0o644)
    spoilt.write_bytes(b"spoilt")
    assert release.verify(release.current(settings)) == [
        "parquet/metrics/latest/all.parquet has changed since it was published"
    ]
    assert cli(settings, "verify").returncode == 1


def test_a_release_that_fails_its_gate_leaves_yesterdays_current(two, copied):
    settings = copied(two)
    first, second = release.releases(settings)
    before = first.id
    settings.current.unlink()
    settings.current.symlink_to(Path("releases") / before)
    shutil.rmtree(second.path)  # as if it had been built, and not yet judged
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("delete from marts.fct_auctions where auction_date > date '2015-01-01'")
    with pytest.raises(GateClosed, match="fct_auctions"):
        pipeline.check(settings)
    with pytest.raises(GateClosed, match="has not passed"):
        pipeline.publish(settings)
    assert release.current(settings).id == before
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        failed = connection.execute(
            "select table_name from ops.validations where border = 'release' and not success and severity = 'critical'"
        )
        assert ("marts.fct_auctions",) in failed.fetchall()


def test_a_consumer_needs_duckdb_alone(built):
    # Everything else of the platform is made unimportable; what is left is what `pip install drypowder` brings.
    program = """
import sys
for name in ("airflow", "dbt", "great_expectations", "httpx", "pandas", "pyarrow", "rich", "typer", "yaml", "filelock", "msgspec"):
    sys.modules[name] = None
import warehouse
with warehouse.connect() as release:
    print(release.execute("select count(*) from metrics.as_of('2025-02-26')").fetchone()[0])
"""
    done = subprocess.run([sys.executable, "-c", program], env=environment(built), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000


def test_the_command_answers_in_every_format(built):
    sql = "select metric_id, count(*) as n from metrics.latest where metric_id = 'ofr_fsi' group by all"
    assert "ofr_fsi" in cli(built, "query", sql).stdout
    assert cli(built, "query", "-f", "csv", sql).stdout.splitlines() == ["metric_id,n", "ofr_fsi,6292"]
    assert json.loads(cli(built, "query", "-f", "json", sql).stdout) == {"metric_id": "ofr_fsi", "n": 6292}
    refused = cli(built, "query", "select * from read_text('/etc/passwd')")
    assert refused.returncode == 1
    assert "UnsafeQuery" in refused.stderr
    assert cli(built, "query", "select nothing from nowhere").returncode == 1


def test_what_looks_like_markup_is_printed_as_it_is(built):
    assert "[/x] :smile: [bold]y[/bold]" in cli(built, "query", "select '[/x] :smile: [bold]y[/bold]' as a").stdout


def test_a_run_in_which_tables_did_not_come_in_says_so_and_fails(tmp_path):
    done = cli(Settings(home=tmp_path), "run")
    assert done.returncode == 1
    assert "WAREHOUSE_CONTACT" in done.stderr
    assert "did not come in" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_knows_its_transport(built):
    given = {k: v for k, v in environment(built).items() if k != "WAREHOUSE_SOURCES"}
    done = subprocess.run(command(built, "status"), env=given, capture_output=True, text=True)
    assert "the clock says 2026-" in done.stdout
    assert f"{release.current(built).manifest['created_at'][:10]}" in done.stdout.split("the clock says ")[1]


@pytest.mark.parametrize("verb", ["status", "releases", "verify", "doctor"])
def test_a_verb_that_only_looks_changes_nothing(built, verb):
    before = sorted((p, p.stat().st_mtime_ns) for p in built.home.rglob("*"))
    done = cli(built, verb)
    assert done.returncode == 0, done.stdout + done.stderr
    assert release.current(built).id in done.stdout
    assert sorted((p, p.stat().st_mtime_ns) for p in built.home.rglob("*")) == before


def test_a_home_without_a_release_says_what_to_type(tmp_path, built):
    done = cli(replace(built, home=tmp_path), "status")
    assert done.returncode == 0
    assert "make demo" in done.stdout


def test_terms_travel_with_every_export(built):
    found = release.current(built)
    public = {f"{s.code}.{t.name}": t.licence for s, t in tables() if not t.is_internal}
    assert {name: entry["licence"]["attribution"] for name, entry in found.manifest["sources"].items()} == {
        name: licence.attribution for name, licence in public.items()
    }
    page = (found.path / "ATTRIBUTION.md").read_text()
    assert all(licence.attribution in page for licence in public.values())
    assert query(built, "select count(*) from ops.terms") == [(len(public),)]
    files = list(found.path.rglob("*.parquet"))
    assert files
    for file in files:
        (text,) = duckdb.execute(
            "select decode(value) from parquet_kv_metadata(?) where decode(key) = 'drypowder_terms'", [str(file)]
        ).fetchone()
        assert json.loads(text)["nyfed.reverse_repo"]["attribution"] == public["nyfed.reverse_repo"].attribution


def test_a_release_names_nothing_that_may_not_be_passed_on(built):
    found = release.current(built)
    private = [f"{s.code}.{t.name}" for s, t in tables() if t.is_internal]
    assert private
    texts = [p.read_text(errors="replace") for p in found.path.rglob("*") if p.suffix in {".json", ".md", ".html"}]
    assert not [name for name in private for text in texts if name in text]
    for source, table in tables():
        if table.is_internal:
            name = f"{source.code}__{table.name}"
            assert query(built, f"select count(*) from duckdb_tables() where table_name like '%{name}%'") == [(0,)]


def test_the_sample_is_what_its_script_writes(recordings):
    before = sample_bodies()
    assert {Path(name).suffix for name in before} == {".gz", ".zip"}
    subprocess.run([sys.executable, PROJECT_ROOT / "sample" / "write.py", recordings], check=True, capture_output=True)
    assert sample_bodies() == before


def sample_bodies():
    folder = PROJECT_ROOT / "sample"
    return {str(p): p.read_bytes() for suffix in ("gz", "zip") for p in folder.rglob(f"*.{suffix}")}


def test_the_readme_shows_what_the_demo_prints(built):
    printed = io.StringIO()
    report.print_release(built, Console(file=printed, width=80))
    shown = [line.rstrip() for line in printed.getvalue().split("\nThe release is in")[0].rstrip().splitlines()]
    readme = (PROJECT_ROOT / "README.md").read_text().splitlines()
    start = readme.index(shown[0])
    assert readme[start : start + len(shown)] == shown


def test_the_readme_says_how_far_the_sample_reaches(built):
    readme = " ".join((PROJECT_ROOT / "README.md").read_text().split())
    with warehouse.connect(built.home) as connection:
        counted = connection.execute("""
            select
                count(*) filter (metric_id not in (select metric_id from metrics.latest)),
                count(*) filter (metric_id in (select metric_id from metrics.latest where value is not null))
            from metrics.dim_metric
        """).fetchone()
        of_group = connection.execute(
            "select count(*), count(value) from metrics.latest where entity_id = 'ai_core'"
        ).fetchone()
        verdicts = connection.execute("""
            select count(*) filter (verdict = 'untestable'), count(*) from metrics.claim_scorecard
            where date_day = (select max(date_day) from metrics.claim_scorecard)
        """).fetchone()
    assert f"{counted[0]} of them have no row in `metrics.latest`, and {counted[1]} have a value" in readme
    assert of_group[1] == 2
    assert f"of its {of_group[0]:,} rows in `metrics.latest` two have a value" in readme
    assert f"{verdicts[0]} of {verdicts[1]} claims are untestable on the sample" in readme
