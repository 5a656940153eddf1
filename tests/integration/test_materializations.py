"""What our own materialisations promise: a model that fails leaves the table that readers had, and one grows by its news."""

import json

import duckdb
import pytest

from tests import dbt_process
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

OURS = [PROJECT_ROOT / "dbt_project" / "macros" / name for name in ("materializations.sql", "increments.sql")]
PROJECT = """
name: small
version: 0.1.0
profile: small
macro-paths: [macros]
"""
PROFILE = """
small:
  target: file
  outputs:
    file: {type: duckdb, path: "{{ env_var('SMALL_FILE') }}", schema: main, threads: 2, keep_open: true}
"""
PYTHON = """
def model(dbt, session):
    dbt.config(materialized="table")
    return session.sql("select {} as answer")
"""


class Small:
    """A dbt project of one model in a file of its own."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "small.duckdb"
        (folder / "models").mkdir()
        (folder / "macros").mkdir()
        for macros in OURS:
            (folder / "macros" / macros.name).write_text(macros.read_text())
        (folder / "dbt_project.yml").write_text(PROJECT)
        (folder / "profiles.yml").write_text(PROFILE)

    def run(self, model: str, *, suffix: str = "sql", since: str = "") -> int:
        """Run the model and return dbt's exit code; with `since` its table grows."""
        for old in (self.folder / "models").iterdir():
            old.unlink()
        (self.folder / "models" / f"thing.{suffix}").write_text(model)
        (self.folder / "models" / "given.sql").write_text("{{ config(materialized='table') }} select 1 as day")
        arguments = ["run", "--quiet", "--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        arguments += ["--select", "thing"]
        return dbt_process.run(self.folder, {"SMALL_FILE": str(self.file), "WAREHOUSE_SINCE": since}, *arguments)

    def relations(self) -> list[tuple[str, str, int]]:
        """Return name, type and answer of everything that is there."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            found = connection.execute("select table_name, table_type from information_schema.tables").fetchall()
            return [(n, t, connection.execute(f"select answer from {n}").fetchone()[0]) for n, t in found]


@pytest.fixture
def small(tmp_path):
    return Small(tmp_path)


def sql(kind: str, answer: str) -> str:
    return f"{{{{ config(materialized='{kind}') }}}} select {answer} as answer"


def test_what_was_there_is_replaced_as_a_whole_or_not_at_all(small):
    assert small.run(sql("view", "1")) == 0
    assert small.run(sql("table", "2")) == 0
    assert small.run(sql("table", "cast('one' as integer)")) != 0
    assert small.relations() == [("thing", "BASE TABLE", 2)]
    assert small.run(sql("view", "3")) == 0
    assert small.run(sql("view", "no_such_column")) != 0
    assert small.relations() == [("thing", "VIEW", 3)]


def test_so_is_what_a_python_model_replaces(small):
    assert small.run(sql("view", "1")) == 0
    assert small.run(PYTHON.format(2), suffix="py") == 0
    assert small.run(PYTHON.format("no_such_column"), suffix="py") != 0
    assert small.relations() == [("thing", "BASE TABLE", 2)]
    assert small.run(PYTHON.format(3), suffix="py") == 0
    assert small.relations() == [("thing", "BASE TABLE", 3)]


GROWING = """
{{ config(materialized="table", unique_key=["day"], meta={"known_since": "known_at"}) }}
select day, value, known_at, known_until, '{{ invocation_id }}' as run_id from {{ ref("given") }}
where true {{ and_known_since("known_at") }}
{% if is_incremental() %} or known_until >= timestamptz '{{ since() }}' {% endif %}
"""
SINCE = "2026-01-10T00:00:00+00:00"


class Growing:
    """The table of GROWING, and what it is made of."""

    def __init__(self, small):
        self.small = small
        self.says((1, 10, "2026-01-01", None), (2, 20, "2026-01-02", None), (2, 20, "2026-01-02", None))
        assert small.run(GROWING) == 0
        self.first = self.rows()

    def says(self, *rows):
        with duckdb.connect(str(self.small.file)) as connection:
            connection.execute("create schema if not exists build")
            connection.execute("create or replace table build.news (node varchar, first_period date)")
            connection.execute(
                "create or replace table given (day integer, value integer, known_at timestamptz, known_until timestamptz)"
            )
            for row in rows:
                connection.execute("insert into given values (?, ?, ?, ?)", row)

    def grows(self, *, news=True):
        """Grow, and return what dbt says of it and whether it is told as news."""
        if news:
            with duckdb.connect(str(self.small.file)) as connection:
                connection.execute("insert into build.news values ('model.small.given', null)")
        assert self.small.run(GROWING, since=SINCE) == 0
        (result,) = json.loads((self.small.folder / "target" / "run_results.json").read_text())["results"]
        with duckdb.connect(str(self.small.file), read_only=True) as connection:
            told = connection.execute("select count(*) from build.news where node = 'model.small.thing'").fetchone()[0]
        return result["message"], bool(told)

    def rows(self):
        """Return (day, value, end) of every row, and who computed it."""
        with duckdb.connect(str(self.small.file), read_only=True) as connection:
            return connection.execute(
                "select (day, value, known_until::date::varchar), run_id from thing order by all"
            ).fetchall()


@pytest.fixture
def growing(small):
    return Growing(small)


def test_a_table_grows_by_its_news_and_what_is_the_same_stays_as_it_is(growing):
    twice = [(2, 20, "2026-01-02", None)] * 2
    growing.says((1, 99, "2026-01-11", None))
    assert growing.grows(news=False) == ("UNCHANGED", False)
    assert growing.rows() == growing.first
    news = (1, 10, "2026-01-01", "2026-01-11"), *twice, (1, 11, "2026-01-11", None)
    growing.says(*news)
    assert growing.grows()[1]
    found = growing.rows()
    assert [row for row, _ in found] == [(1, 10, "2026-01-11"), (1, 11, None), (2, 20, None), (2, 20, None)]
    assert found[2:] == growing.first[1:], "not written anew"
    growing.says(*news)
    message, told = growing.grows()
    assert message != "UNCHANGED"
    assert not told, "its rows come out the same"
    assert growing.rows() == found, "also who computed them"


def test_rows_that_are_there_twice_are_counted_and_none_are_none(growing):
    twice = (3, 30, "2026-01-11", None)
    growing.says(twice, twice)
    growing.grows()
    assert [row for row, _ in growing.rows()].count((3, 30, None)) == 2
    growing.says(twice, (4, 40, "2026-01-11", None))
    growing.grows()
    found = [row for row, _ in growing.rows()]
    assert found == [(1, 10, None), (2, 20, None), (2, 20, None), (3, 30, None), (4, 40, None)]
    growing.says(twice, *[(4, 40, "2026-01-11", None)] * 2)
    growing.grows()
    growing.says(*[twice] * 2, (4, 40, "2026-01-11", None))
    growing.grows()
    found = [row for row, _ in growing.rows()]
    assert found[3:] == [(3, 30, None), (3, 30, None), (4, 40, None)], "one more of one, one less of another"
    growing.says()
    assert growing.grows()[1]
    assert [row for row, _ in growing.rows()] == [(1, 10, None), (2, 20, None), (2, 20, None)]
    growing.says()
    assert not growing.grows()[1]
