import duckdb
import great_expectations.expectations as gxe
import pytest
from jinja2 import Environment

from expectations.checks import no_rows
from warehouse.errors import ConfigurationError
from warehouse.validation import Suite, judge

TABLE = "marts.things"

# Each expectation twice, as it must pass and as it must fail on TABLE. With plain SQLAlchemy most of these fail
# whatever the data; a release of Great Expectations, SQLAlchemy or DuckDB's dialect that changes this shows here.
OUTCOMES = {
    "row_count_between": (
        gxe.ExpectTableRowCountToBeBetween(min_value=1000, max_value=1000),
        gxe.ExpectTableRowCountToBeBetween(min_value=1001),
    ),
    "row_count_equal": (gxe.ExpectTableRowCountToEqual(value=1000), gxe.ExpectTableRowCountToEqual(value=1)),
    "columns_in_order": (
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=["id", "kind", "price", "day", "at", "note"]),
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=["id"]),
    ),
    "column_exists": (gxe.ExpectColumnToExist(column="id"), gxe.ExpectColumnToExist(column="nothing")),
    "not_null": (gxe.ExpectColumnValuesToNotBeNull(column="id"), gxe.ExpectColumnValuesToNotBeNull(column="note")),
    "null": (
        gxe.ExpectColumnValuesToBeNull(column="note", mostly=0.1),
        gxe.ExpectColumnValuesToBeNull(column="note"),
    ),
    "unique": (gxe.ExpectColumnValuesToBeUnique(column="id"), gxe.ExpectColumnValuesToBeUnique(column="kind")),
    "compound_unique": (
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["id", "kind"]),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["kind", "note"]),
    ),
    "between": (
        gxe.ExpectColumnValuesToBeBetween(column="price", min_value=0, max_value=250),
        gxe.ExpectColumnValuesToBeBetween(column="price", min_value=0, strict_min=True),
    ),
    "between_mostly": (
        gxe.ExpectColumnValuesToBeBetween(column="price", min_value=1, mostly=0.99),
        gxe.ExpectColumnValuesToBeBetween(column="price", min_value=1, mostly=0.9999),
    ),
    "in_set": (
        gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["a", "b", "c"]),
        gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["a", "b"]),
    ),
    "distinct_contain": (
        gxe.ExpectColumnDistinctValuesToContainSet(column="kind", value_set=["a", "c"]),
        gxe.ExpectColumnDistinctValuesToContainSet(column="kind", value_set=["z"]),
    ),
    "max": (
        gxe.ExpectColumnMaxToBeBetween(column="day", max_value="2030-01-01"),
        gxe.ExpectColumnMaxToBeBetween(column="day", max_value="2020-01-02"),
    ),
    "mean": (
        gxe.ExpectColumnMeanToBeBetween(column="price", min_value=124, max_value=126),
        gxe.ExpectColumnMeanToBeBetween(column="price", max_value=1),
    ),
    "median": (
        gxe.ExpectColumnMedianToBeBetween(column="price", min_value=124, max_value=126),
        gxe.ExpectColumnMedianToBeBetween(column="price", max_value=1),
    ),
    "sum": (
        gxe.ExpectColumnSumToBeBetween(column="id", min_value=499_500, max_value=499_500),
        gxe.ExpectColumnSumToBeBetween(column="id", max_value=1),
    ),
    "pair": (
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="id", column_B="price", or_equal=True),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="price", column_B="id"),
    ),
    "sql": (
        gxe.UnexpectedRowsExpectation(unexpected_rows_query="select * from {batch} where price < 0"),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query="with many as (select kind, count(*) as n from {batch} group by 1) "
            "select * from many where n::double > 300 and '2020-01-01'::date < now()"
        ),
    ),
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("a home of its own") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""
            create schema marts;
            create table {TABLE} as
            select
                i as id,
                ['a', 'b', 'c'][i % 3 + 1] as kind,
                (i / 4)::decimal(12, 4) as price,
                date '2020-01-01' + i::integer as day,
                timestamptz '2020-01-01 00:00:00+00' + interval 1 minute * i as at,
                if(i % 5 = 0, null, 'x') as note
            from range(1000) as r(i);
            create table marts.empty (id integer);
        """)
    return path


def suite_of(*expectations, name="things", table=TABLE, **more):
    return Suite(name=name, table=table, expectations=expectations, **more)


def one_finding(database, expectation):
    (verdict,) = judge(database, [suite_of(expectation)])
    return verdict.findings[-1]


@pytest.fixture(scope="module")
def outcomes(database):
    right, wrong = (
        suite_of(*column, name=name)
        for name, column in zip(("right", "wrong"), zip(*OUTCOMES.values(), strict=True), strict=True)
    )
    return [dict(zip(OUTCOMES, verdict.findings[1:], strict=True)) for verdict in judge(database, [right, wrong])]


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_expectation_passes_on_duckdb_when_it_holds(outcomes, name):
    assert outcomes[0][name].success, outcomes[0][name]


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_expectation_fails_on_duckdb_for_the_data_and_not_for_the_engine(outcomes, name):
    assert not outcomes[1][name].success
    assert "could not be judged" not in outcomes[1][name].detail


def test_a_failed_expectation_counts_and_shows_what_it_found(database):
    finding = one_finding(database, gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["a", "b"]))
    assert (finding.column, finding.unexpected_count, finding.row_count) == ("kind", 333, 1000)
    assert "For example c" in finding.detail


def test_rows_found_by_sql_are_shown(database):
    query = "select id, kind from {batch} where id > 997 order by id"
    finding = one_finding(
        database,
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=query, description="No id is high.", meta={"name": "no_high_id"}
        ),
    )
    assert finding.expectation == "no_high_id"
    assert finding.unexpected_count == 2
    assert finding.detail == "No id is high. For example id=998, kind=c; id=999, kind=a."


SHARED = {
    "kinds": "select kind, count(*) as kind_count from {batch} group by kind",
    "largest": "select max(kind_count) as kind_count from kinds",
}


def of_kinds(least, **more):
    query = f"select * from kinds where kind_count < {least}"
    return suite_of(no_rows("no_rare_kind", "No kind is rare.", query, severity="critical"), **more)


def test_what_a_suite_shares_is_read_by_its_checks_and_by_no_other_suites(database):
    passes, fails, alone = judge(
        database, [of_kinds(2, shared=SHARED), of_kinds(334, name="b", shared=SHARED), of_kinds(2, name="c")]
    )
    assert passes.passed
    assert [(f.expectation, f.unexpected_count) for f in fails.failures] == [("no_rare_kind", 2)]
    assert "kind=b, kind_count=333" in fails.failures[0].detail
    assert "could not be judged" in alone.failures[0].detail


def test_what_a_suite_cannot_share_is_critical_and_so_is_what_would_read_it(database):
    broken = {"kinds": "select no_such_column from {batch}", "largest": SHARED["largest"]}
    verdict, other = judge(database, [of_kinds(2, shared=broken), suite_of(name="b")])
    assert [f.expectation for f in verdict.failures] == ["shared_kinds", "no_rare_kind"]
    assert "no_such_column" in verdict.failures[0].detail
    assert other.passed


def test_a_query_of_ours_runs_once_and_once_more_only_for_the_rows_of_a_failure(database, monkeypatch):
    from warehouse.gx_duckdb import DuckDBExecutionEngine

    asked = []
    run = DuckDBExecutionEngine.execute_query
    monkeypatch.setattr(
        DuckDBExecutionEngine, "execute_query", lambda self, query: (asked.append(str(query)), run(self, query))[1]
    )
    for least, times in ((-1, 1), (1000, 2)):
        asked.clear()
        query = f"select * from {{batch}} where id < {least}"
        judge(database, [suite_of(no_rows("no_low_id", "No id is low.", query, severity="warning"))])
        assert sum(f"id < {least}" in each for each in asked) == times


def test_a_critical_finding_stops_and_a_warning_is_only_said(database):
    (verdict,) = judge(
        database,
        [
            suite_of(
                gxe.ExpectColumnValuesToNotBeNull(column="note", severity="warning"),
                gxe.ExpectColumnValuesToNotBeNull(column="id", severity="critical"),
            )
        ],
    )
    assert verdict.passed
    assert [f.column for f in verdict.warnings] == ["note"]
    (verdict,) = judge(database, [suite_of(gxe.ExpectColumnValuesToNotBeNull(column="note", severity="critical"))])
    assert not verdict.passed
    assert [f.column for f in verdict.failures] == ["note"]


@pytest.mark.parametrize(
    "expectation",
    [
        gxe.ExpectColumnValuesToBeBetween(column="no_such_column", min_value=1),
        gxe.UnexpectedRowsExpectation(unexpected_rows_query="select * from {batch}, marts.no_such_table"),
        gxe.ExpectColumnValuesToMatchRegex(column="kind", regex="[abc]"),  # not offered for DuckDB
    ],
)
def test_an_expectation_that_raises_is_a_failed_finding_with_the_reason(database, expectation):
    finding = one_finding(database, expectation)
    assert not finding.success
    assert finding.severity == "critical"
    assert "It could not be judged: " in f" {finding.detail}"


def test_an_empty_table_is_refused(database):
    unique = gxe.ExpectColumnValuesToBeUnique(column="id")  # which passes on nothing
    (verdict,) = judge(database, [suite_of(unique, table="marts.empty")])
    assert [f.expectation for f in verdict.failures] == ["not_empty"]
    assert verdict.row_count == 0


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        ("true", True),
        (f"not exists (select 1 from {TABLE})", False),
    ],
)
def test_an_empty_table_passes_only_where_its_suite_says_so(database, condition, passes):
    (verdict,) = judge(database, [suite_of(table="marts.empty", may_be_empty=condition)])
    assert verdict.passed is passes


def test_a_table_that_may_be_empty_must_still_keep_its_rows(database):
    kept = gxe.ExpectTableRowCountToBeBetween(min_value=99, severity="critical")
    (verdict,) = judge(database, [suite_of(kept, table="marts.empty", may_be_empty="true")])
    assert not verdict.passed


def test_a_table_that_is_not_there_fails_and_the_others_are_still_judged(database):
    missing, present = judge(database, [suite_of(name="gone", table="marts.gone"), suite_of()])
    assert [f.expectation for f in missing.failures] == ["table_exists"]
    assert present.passed


def test_a_suite_can_be_judged_again(database):
    suite = suite_of(gxe.ExpectColumnValuesToNotBeNull(column="id"))
    assert [judge(database, [suite])[0].passed for _ in range(2)] == [True, True]


def test_the_file_is_free_for_the_builder_afterwards(database):
    judge(database, [suite_of()])
    with duckdb.connect(str(database)) as connection:
        connection.execute("create table marts.proof (id integer); drop table marts.proof")


def test_a_file_held_open_for_writing_is_refused_with_what_to_do(database):
    with duckdb.connect(str(database)), pytest.raises(ConfigurationError, match="Close every connection"):
        judge(database, [suite_of()])


def test_a_file_that_is_not_there_is_refused_and_not_created(tmp_path):
    with pytest.raises(ConfigurationError, match="nothing to judge"):
        judge(tmp_path / "warehouse.duckdb", [suite_of()])
    assert not list(tmp_path.iterdir())


def test_duckdb_is_given_the_settings_asked_for(database):
    query = "select * from {batch} where current_setting('threads') <> 1"
    one_thread = suite_of(gxe.UnexpectedRowsExpectation(unexpected_rows_query=query))
    assert judge(database, [one_thread], config={"threads": 1, "memory_limit": "500MB"})[0].passed


def test_two_suites_of_one_name_are_refused(database):
    with pytest.raises(ConfigurationError, match="distinct names"):
        judge(database, [suite_of(), suite_of()])


@pytest.mark.report
def test_a_second_report_compiles_no_template_anew(database, tmp_path, monkeypatch):
    judge(database, [suite_of()], docs=tmp_path / "first")
    compiled = []
    compile_ = Environment.compile
    monkeypatch.setattr(
        Environment, "compile", lambda self, *told, **more: compiled.append(told) or compile_(self, *told, **more)
    )
    judge(database, [suite_of()], docs=tmp_path / "second")
    assert compiled == []
    assert len(list((tmp_path / "second").rglob("*.html"))) == len(list((tmp_path / "first").rglob("*.html"))) >= 3


@pytest.mark.report
def test_the_report_names_every_suite_and_loads_nothing_from_other_hosts(database, tmp_path):
    failing = gxe.ExpectColumnValuesToNotBeNull(column="note", description="Every thing has <a> note.")
    judge(database, [suite_of(failing, name="marts.things"), suite_of(name="b")], docs=tmp_path / "docs", title="Night")
    index = (tmp_path / "docs" / "index.html").read_text(encoding="utf-8")
    assert "<title>Night</title>" in index
    assert "Every thing has &lt;a&gt; note." in index
    pages = list((tmp_path / "docs").glob("validations/**/*.html"))
    assert len(pages) == 2
    for page in pages:
        assert str(page.relative_to(tmp_path / "docs")) in index
    for page in (tmp_path / "docs").rglob("*.*"):
        if page.suffix in {".html", ".css"}:
            text = page.read_text(encoding="utf-8")
            for loaded in ('src="http', "url('http", "url(http", 'rel="stylesheet" href="http'):
                assert loaded not in text, f"{page.name} loads {loaded}"


def test_judging_prints_nothing(database, capfd):
    judge(database, [suite_of(gxe.ExpectColumnValuesToNotBeNull(column="note"))])
    assert capfd.readouterr() == ("", "")
