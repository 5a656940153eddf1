"""What CONTRIBUTING.md says, as tests: conventions that are not checked are not conventions."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from datetime import UTC, datetime

import pytest
import pytest_socket
import typer

from warehouse import catalogue, sources, yaml_files
from warehouse.cli import app
from warehouse.settings import PROJECT_ROOT

TABLES = [(s, t) for s, t in sources.tables()]
IDS = [f"{s.code}.{t.name}" for s, t in TABLES]


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    return listed.stdout.split()


def test_there_are_tables_to_hold_these_conventions():
    assert len(TABLES) >= 50


@pytest.mark.parametrize(("source", "table"), TABLES, ids=IDS)
def test_a_source_is_exactly_its_five_files(source, table):
    # A publisher of many tables may be a package of one module a table.
    module = PROJECT_ROOT / "warehouse" / "sources" / source.code
    assert module.with_suffix(".py").is_file() != (module / "__init__.py").is_file()
    staging = PROJECT_ROOT / "dbt_project" / "models" / "staging" / source.code
    built = (
        staging / f"stg_{source.code}__{table.name}.sql",
        staging / f"_stg_{source.code}.yml",
        staging / f"_{source.code}__sources.yml",
        staging / f"_{source.code}__columns.md",
    )
    for path in (
        PROJECT_ROOT / "tests" / "unit" / "sources" / f"test_{source.code}.py",
        PROJECT_ROOT / "tests" / "fixtures" / source.code / "plausible.py",
        PROJECT_ROOT / "expectations" / f"{source.code}.py",
        *(() if table.is_internal else built),
    ):
        assert path.exists(), f"{source.code} lacks {path.relative_to(PROJECT_ROOT)}"


@pytest.mark.parametrize(("source", "table"), TABLES, ids=IDS)
def test_what_may_not_be_passed_on_is_in_no_model(source, table):
    if table.is_internal:
        staging = PROJECT_ROOT / "dbt_project" / "models" / "staging" / source.code
        assert not (staging / f"stg_{source.code}__{table.name}.sql").exists()
        for path in PROJECT_ROOT.glob("dbt_project/models/**/*.sql"):
            assert f"'{source.code}', '{table.name}'" not in path.read_text(), path


@pytest.mark.parametrize(("source", "table"), TABLES, ids=IDS)
def test_a_table_says_what_its_partitions_cost_and_when_it_is_due(source, table):
    assert table.estimate.requests > 0
    assert table.estimate.rows > 0
    assert table.cadence.due.not_due
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    partitions = table.partitions(now)
    keys = [p.key for p in partitions]
    assert len(set(keys)) == len(keys)
    for partition in partitions:
        if partition.closes_at:
            assert partition.period, f"{partition.key} settles, so it is a stretch of time: say which"


def test_a_name_of_a_table_or_source_is_told_apart_from_its_neighbours():
    # incoming.<source>__<table>__<number> is a fetch's own; no table's name may look like it.
    assert not [i for i in IDS if "__" in i]


@pytest.mark.parametrize(("source", "table"), TABLES, ids=IDS)
def test_dags_and_settings_do_not_name_a_source(source, table):
    for path in [
        *PROJECT_ROOT.glob("dags/*.py"),
        PROJECT_ROOT / "warehouse" / "pipeline.py",
        PROJECT_ROOT / "Makefile",
    ]:
        assert not re.search(rf"\b{source.code}\b|\b{table.name}\b", path.read_text()), (
            f"{path.name} names {source.code}"
        )


def test_generated_files_are_fresh():
    assert catalogue.generated(PROJECT_ROOT)
    assert [str(p) for p in catalogue.stale(PROJECT_ROOT)] == []


def test_a_stale_generated_file_is_noticed(tmp_path):
    shutil.copytree(PROJECT_ROOT / "dbt_project", tmp_path / "dbt_project", ignore=shutil.ignore_patterns("target"))
    shutil.copytree(PROJECT_ROOT / "superset", tmp_path / "superset", ignore=shutil.ignore_patterns("datasets"))
    catalogue.write(tmp_path)
    assert catalogue.stale(tmp_path) == []
    spoilt = tmp_path / "docs" / "catalogue" / "README.md"
    spoilt.write_text(spoilt.read_text() + "by hand")
    assert catalogue.stale(tmp_path) == [spoilt]


def test_no_dbt_test_stands_on_a_source():
    # What comes in is Great Expectations' to judge; two judges would disagree one day.
    for path in PROJECT_ROOT.glob("dbt_project/models/**/*.yml"):
        for source in (yaml_files.read(path) or {}).get("sources", []):
            for table in source["tables"]:
                assert "data_tests" not in table, path
                assert not any("data_tests" in c for c in table["columns"]), path


def locks():
    found = sorted((PROJECT_ROOT / "requirements").glob("*.txt"))
    assert len(found) >= 3
    return found


def test_every_environment_has_the_same_duckdb():
    pins = {
        line.split(" ")[0] for lock in locks() for line in lock.read_text().splitlines() if line.startswith("duckdb==")
    }
    assert pins == {"duckdb==1.5.6"}
    assert "duckdb==1.5.6" in (PROJECT_ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("lock", locks(), ids=lambda p: p.name)
def test_a_lock_holds_hashes_and_no_addresses(lock):
    text = lock.read_text()
    assert "://" not in text
    pins = re.findall(r"^[a-z0-9][\w.-]*==\S+", text, re.MULTILINE)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)


def test_no_file_names_an_index_or_a_path_of_a_machine():
    hosts = "|".join(["py" + "pi\\.org", "python" + "hosted", "npm" + "js", "deb" + "\\.debian"])
    paths = re.compile(rf"({hosts})|(?<![\w.])/(?:work|root|home)/[a-z]\w+")
    for name in tracked():
        path = PROJECT_ROOT / name
        if path.suffix in {".gz", ".png"} or not path.is_file():
            continue
        found = paths.search(path.read_text(errors="replace"))
        assert not found, f"{name}: {found and found.group()}"


def test_nothing_is_called_helpers():
    forbidden = {"utils", "helpers", "common", "manager", "base", "misc"}
    assert not [n for n in tracked() if n.endswith(".py") and n.rsplit("/", 1)[-1].removesuffix(".py") in forbidden]


def commands() -> dict[str, str]:
    group = typer.main.get_command(app)
    return {name: command.get_short_help_str(200) for name, command in group.commands.items()}


def test_every_command_has_help_and_stands_in_the_readme_or_its_docs():
    documented = "".join(p.read_text() for p in [PROJECT_ROOT / "README.md", *PROJECT_ROOT.glob("docs/*.md")])
    found = commands()
    assert {
        "land",
        "load",
        "validate",
        "build",
        "publish",
        "run",
        "status",
        "query",
        "releases",
        "rollback",
        "replay",
        "record",
        "doctor",
    } <= set(found)
    for name, short in found.items():
        assert short, name
        assert re.search(rf"drypowder (--home \S+ )?{name}\b", documented), f"`drypowder {name}` stands in no document"


def test_documents_name_only_commands_and_targets_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = {
        p: p.read_text()
        for p in [PROJECT_ROOT / "README.md", PROJECT_ROOT / "CONTRIBUTING.md", *PROJECT_ROOT.glob("docs/**/*.md")]
    }
    assert len(texts) > 5
    for path, text in texts.items():
        for target in re.findall(r"`make ([a-z-]+)", text):
            assert target in targets, f"{path.name} names `make {target}`"
        for name in re.findall(r"`(?:\.venv/bin/)?drypowder (?:--home \S+ )?([a-z][a-z-]+)", text):
            assert name in commands(), f"{path.name} names `drypowder {name}`"


def test_documents_link_only_to_what_is_there():
    for path in [PROJECT_ROOT / "README.md", PROJECT_ROOT / "CONTRIBUTING.md", *PROJECT_ROOT.glob("docs/**/*.md")]:
        for link in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
            if "://" not in link:
                assert (path.parent / link).exists(), f"{path.name} links to {link}"


def test_ci_calls_the_readmes_test_command():
    assert "make test" in (PROJECT_ROOT / ".ci" / "run").read_text()
    assert "make test" in (PROJECT_ROOT / "README.md").read_text()


def test_a_dag_file_is_a_projection_of_declarations():
    files = list((PROJECT_ROOT / "dags").glob("*.py"))
    assert files
    for path in files:
        text = path.read_text()
        assert text.count("\n") <= 80, path.name
        assert "environ" not in text, path.name
        assert "select " not in text.lower(), path.name


def test_tests_cannot_reach_the_network():
    with socket.socket() as outside, pytest.raises(pytest_socket.SocketConnectBlockedError):
        outside.connect(("192.0.2.1", 80))


def test_a_licence_says_whom_to_name():
    for source, table in TABLES:
        assert table.licence.attribution.strip(), f"{source.code}.{table.name}"
        assert table.licence.url.startswith(("https://", "docs/")), f"{source.code}.{table.name}"
