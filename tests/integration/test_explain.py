"""`drypowder explain` leads from a figure to filings, auctions, series and archived bytes, and says why there is none."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import shlex

import pytest
import zstandard

from tests.integration.conftest import cli
from warehouse import provenance, semantics
from warehouse.errors import QueryFailed
from warehouse.release import connect, current
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

ACCESSION = re.compile(r"\d{10}-\d{2}-\d{6}")


@pytest.fixture(scope="module")
def connection(built):
    with connect(built.home) as opened:
        yield opened


def named(node, name):
    return [each for each in node.walk() if each.name == name]


def archived(settings, document):
    """Return the bytes of a document, which are in the archive under their digest."""
    path = settings.archive / "sha256" / document.sha256[:2] / f"{document.sha256}.zst"
    with path.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as reader:
        body = reader.read()
    assert hashlib.sha256(body).hexdigest() == document.sha256
    return body


def test_a_ratio_leads_to_its_filings_and_their_bytes(built, connection):
    node = provenance.explain(connection, "capex_to_ocf", "MSFT", "2025-12-31")
    assert node.value == pytest.approx(83.094 / 160.506)
    assert [each.name for each in node.inputs] == ["capex_ttm", "ocf_ttm"]
    for each, concept in zip(node.inputs, ("capex", "ocf"), strict=True):
        rows = each.inputs
        assert [str(row.period_end) for row in rows] == ["2025-12-31", "2025-09-30", "2025-06-30", "2025-03-31"]
        assert {row.details["concept"] for row in rows} == {concept}
        assert float(sum(row.details["value_usd"] for row in rows)) / 1e9 == pytest.approx(each.value)
        assert all(ACCESSION.fullmatch(row.details["accession_number"]) for row in rows)
    (document,) = node.documents()
    assert document.url == "https://data.sec.gov/api/xbrl/companyfacts/CIK0000789019.json"
    body = archived(built, document)
    assert node.inputs[0].inputs[0].details["accession_number"].encode() in body


def test_what_was_not_known_is_not_in_the_tree(connection):
    now = provenance.explain(connection, "capex_ttm", "MSFT", "latest")
    then = provenance.explain(connection, "capex_ttm", "MSFT", "latest", as_of="2025-08-01")
    assert str(then.period_end) == "2025-06-30" < str(now.period_end)
    instant = connection.execute("select metrics.instant_of('2025-08-01')").fetchone()[0]
    assert all(each.known_at is None or each.known_at <= instant for each in then.walk())
    assert {row.details["accession_number"] for row in then.inputs}.isdisjoint(
        row.details["accession_number"] for row in now.inputs
    )
    with pytest.raises(QueryFailed, match="as of 2001-01-01"):
        provenance.explain(connection, "capex_ttm", "MSFT", "latest", as_of="2001-01-01")


def test_an_auction_is_a_cusip(built, connection):
    node = provenance.explain(connection, "bid_to_cover", "912797ST5", "latest")
    (row,) = node.inputs
    assert row.details["cusip"] == row.entity == "912797ST5"
    (document,) = node.documents()
    assert b"912797ST5" in archived(built, document)


def test_net_liquidity_says_what_is_missing_and_names_its_series(built, connection):
    node = provenance.explain(connection, "net_liquidity", "US", "2026-05-20")
    assert node.value is None
    assert node.null_reason == "missing_input: tga_wednesday"
    (assets,) = named(node, "series:fed_total_assets")
    assert assets.value == 6713.643
    assert assets.details["source_key"] == "RESPPMA_N.WW"
    assert assets.details["revision_number"] >= 1
    assert assets.known_at == dt.datetime(2026, 5, 21, 20, 30, tzinfo=dt.UTC)
    assert archived(built, assets.sources[0])
    (account,) = named(node, "series:tga_wednesday")
    assert (account.value, account.null_reason) == (None, "not landed")


def test_an_index_says_which_pillars_are_missing(connection):
    node = provenance.explain(connection, "csi", "US", "latest", depth=1)
    assert node.value is None
    assert node.null_reason == "missing_pillar: demand, dry_powder, plumbing, cost, absorption"
    inputs = dict(connection.execute("select metric_id, inputs from metrics.dim_metric").fetchall())
    assert {each.name for each in node.inputs} == {each.strip() for each in inputs["csi"].split(",")}
    assert len(named(node, "dealer_share")) == provenance.MOST_MEMBERS  # of single auctions, the newest


def test_a_state_reads_the_newest_that_was_known(connection):
    node = provenance.explain(connection, "drawdown", "BTC", "latest")
    (row,) = node.inputs
    assert row.period_end < node.period_end
    assert row.known_at <= node.known_at
    assert row.details["close_usd"] > 0


def test_a_group_is_its_members(connection):
    node = provenance.explain(connection, "capex_to_ocf", "ai_core", "2024-12-31", depth=1)
    assert named(node, "capex_ttm")
    members = {"AMZN", "GOOGL", "META", "MSFT", "ORCL"}
    group = provenance.explain(connection, "capex_ttm", "ai_core", "2024-12-31")
    assert {each.entity for each in group.walk()} <= members | {"ai_core"}
    assert {each.entity for each in group.walk()} >= {"AMZN", "GOOGL", "META", "MSFT"}
    (funding,) = [
        each
        for each in provenance.explain(connection, "csi", "US", "2026-05-22", depth=3).inputs
        if each.name == "external_funding"
    ]
    assert {each.entity for each in funding.walk()} == members | {"ai_core"}


def test_a_log_kept_by_hand_is_its_page(connection):
    node = provenance.explain(connection, "capex_guidance_mid", "META", "latest")
    (row,) = node.inputs
    assert row.name == "table:capex_guidance"
    assert [each.sha256 for each in row.sources] == [None]
    cover = provenance.explain(connection, "commitment_cover_on_record", "SA", "latest")
    assert len(list(cover.documents())) > 1  # one address of several is one document


def test_every_observation_can_be_explained(connection):
    # Of each metric the newest with a value, or the newest: nothing is declared that cannot be followed.
    rows = connection.execute("""
        select metric_id, entity_id, grain from metrics.latest
        qualify row_number() over (partition by metric_id order by value is null, period_end desc, entity_id) = 1
    """).fetchall()
    assert len(rows) > 60
    unexplained = []
    for metric, entity, grain in rows:
        node = provenance.explain(connection, metric, entity, "latest", grain=grain, depth=2)
        assert (node.value is None) == (node.null_reason is not None), metric
        if node.value is not None and not list(node.documents()):
            unexplained.append(metric)
    assert unexplained == []


def test_every_table_that_a_metric_reads_is_followed():
    read = set()
    for path in (PROJECT_ROOT / "dbt_project" / "models" / "metrics").glob("*.yml"):
        read |= {each.rpartition(".")[2] for each in re.findall(r"'?table:([\w.]+)", path.read_text())}
    marts = {each for each in read if each.startswith(("fct_", "dim_"))}
    assert {f"marts.{each}" for each in marts} <= set(provenance.MARTS)
    assert set(provenance.STANDS_FOR.values()) <= set(provenance.MARTS)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (("capex_tm", "MSFT", "latest"), "capex_ttm"),
        (("capex_ttm", "MSFTX", "latest"), "MSFT"),
        (("capex_ttm", "MSFT", "1999-12-31"), "a period that ends between 20"),
        (("capex_ttm", "MSFT", "Q4"), "2025-12-31"),
        (("srf_usd_bn", "US", "latest"), "srf_usd_bn has no rows yet: series:srf not landed"),
        (("excess_reserves", "US", "2026-05-23"), "from Monday to Friday"),
    ],
)
def test_a_wrong_question_says_what_there_is(connection, asked, answer):
    with pytest.raises(QueryFailed) as refused:
        provenance.explain(connection, *asked)
    assert answer in str(refused.value)


def test_a_state_that_was_never_filled_is_explained_by_day(connection):
    node = provenance.explain(connection, "excess_reserves", "US", "2026-05-22")
    assert (str(node.period_end), str(node.since)) == ("2026-05-22", "1980-01-01")
    assert node.null_reason == "missing_input: bank_reserves, bank_assets"
    (floor,) = named(node, "reserve_floor")
    assert (str(floor.period_end), str(floor.since)) == ("2026-05-22", "1980-01-01")


def test_the_newest_is_what_metrics_latest_has(connection):
    node = provenance.explain(connection, "capex_ttm", "ai_core", "latest")
    (newest,) = connection.execute("""
        select max(period_end) from metrics.latest where metric_id = 'capex_ttm' and entity_id = 'ai_core'
    """).fetchone()
    assert node.period_end == newest
    assert connection.execute("""
        select max(period_end) > ? from metrics.metric_observations where metric_id = 'capex_ttm' and entity_id = 'ai_core'
    """, [newest]).fetchone() == (True,)  # known after the clock  # fmt: skip


def test_a_period_of_several_grains_wants_one_named(connection):
    with pytest.raises(QueryFailed, match="calendar_quarter, month, week"):
        provenance.explain(connection, "net_new_cash", "US", "latest")
    node = provenance.explain(connection, "net_new_cash", "US", "latest", grain="month")
    assert node.details["grain"] == "month"
    assert {each.details["grain"] for each in node.inputs if each.name == "private_gross"} == {"month"}


def test_a_scenario_is_explained_with_its_own_inputs(connection):
    plain = provenance.explain(connection, "funding_gap", "MSFT", "2025-12-31", depth=1)
    leases = provenance.explain(connection, "funding_gap", "MSFT", "2025-12-31", parameter_set="with_leases", depth=1)
    assert leases.value > plain.value
    assert [each.name for each in plain.inputs if each.unit] == ["capex_ttm", "ocf_ttm"]
    assert [each.name for each in leases.inputs if each.unit] == ["capex_with_leases_ttm", "ocf_ttm"]
    for figure, capex in ((plain, "capex_ttm_usd_bn"), (leases, "capex_with_leases_ttm_usd_bn")):
        lines = named(figure, "table:marts.fct_ai_funding_quarterly")[0].details
        assert figure.inputs[0].value == pytest.approx(lines[capex])
        assert figure.value == pytest.approx(
            lines[capex] + lines["buybacks_ttm_usd_bn"] + lines["dividends_ttm_usd_bn"] - lines["ocf_ttm_usd_bn"]
        )
        assert "funding_gap_ttm_usd_bn" not in lines  # the default's
    assert leases.details["parameter_set"] == "with_leases"
    deeper = provenance.explain(connection, "funding_gap", "MSFT", "2025-12-31", parameter_set="with_leases", depth=2)
    (capex,) = named(deeper, "capex_with_leases_ttm")
    lines = named(capex, "table:marts.fct_ai_funding_quarterly")[0].details
    assert capex.value == pytest.approx(lines["capex_ttm_usd_bn"] + lines["finlease_principal_ttm_usd_bn"])
    filings = named(leases, "table:marts.fct_ai_funding_quarterly")[0].details["filings"]
    assert all(ACCESSION.fullmatch(each) for each in filings.split())
    with pytest.raises(QueryFailed, match="no parameter set nonsense; expected one of default"):
        provenance.explain(connection, "funding_gap", "MSFT", "2025-12-31", parameter_set="nonsense")


# ---------------------------------------------------------------------------------------------------------- in a terminal


def test_the_tree_in_a_terminal_cuts_nothing_off(built):
    shown = cli(built, "explain", "capex_to_ocf", "MSFT", "2025-12-31")
    assert shown.returncode == 0, shown.stderr
    assert len(ACCESSION.findall(shown.stdout)) == 8
    assert re.search(r"archive sha256 [0-9a-f]{64}\b", shown.stdout)
    told = cli(built, "explain", "capex_to_ocf", "MSFT", "2025-12-31", "--json")
    assert json.loads(told.stdout)["inputs"][0]["name"] == "capex_ttm"


def test_a_tree_of_another_day_in_a_terminal(built):
    now = cli(built, "explain", "capex_ttm", "MSFT")
    then = cli(built, "explain", "capex_ttm", "MSFT", "--as-of", "2025-08-01", "--depth", "1")
    assert now.stdout.startswith("capex_ttm MSFT 2026-06-30 = 115.948 usd_bn")
    assert then.stdout.startswith("capex_ttm MSFT 2025-06-30 = 64.551 usd_bn")


def test_every_figure_of_a_scenario_shows_the_lines_that_it_reads(connection):
    asked = connection.execute("""
        select metric_id, period_end::varchar from metrics.as_of(date '2026-09-11', parameters := 'with_leases')
        where entity_id = 'MSFT' and value is not null
        qualify row_number() over (partition by metric_id order by period_end desc) = 1
    """).fetchall()
    assert len(asked) > 8
    for metric, period in asked:
        node = provenance.explain(connection, metric, "MSFT", period, parameter_set="with_leases", depth=1)
        read = {each.name for each in node.inputs} | {line for each in node.inputs for line in each.details}
        assert any(each.startswith("capex_with_leases_") for each in read), metric
        assert read.isdisjoint({"capex_ttm", "capex_ttm_usd_bn", "capex_usd_bn"}), metric


def test_an_input_of_another_parameter_set_is_marked(built):
    asked = ("explain", "funding_gap", "MSFT", "2025-12-31", "--depth", "1")
    shown = cli(built, *asked, "--parameters", "with_leases").stdout.splitlines()
    of_set = {line.split()[1]: line.partition("parameter_set ")[2] for line in shown[1:] if " MSFT " in line}
    assert shown[0].endswith("parameter_set with_leases")
    assert (of_set["capex_with_leases_ttm"], of_set["ocf_ttm"]) == ("default", "default")
    assert "parameter_set" not in cli(built, *asked).stdout


def test_a_wrong_question_in_a_terminal_is_an_error_and_no_traceback(built):
    shown = cli(built, "explain", "capex_tm", "MSFT")
    assert shown.returncode != 0
    assert "capex_ttm" in shown.stderr
    assert "Traceback" not in shown.stderr
    assert cli(built, "metrics", "explain", "nonsense").returncode != 0
    shown = cli(built, "explain", "capex_ttm", "MSFT", "--as-of", "2026-02-04 12:00")
    assert shown.returncode != 0
    assert "2026-02-04T22:00Z" in shown.stderr
    assert "Traceback" not in shown.stderr
    listed = cli(built, "metrics", "list", "--claim", "C99")
    assert (listed.returncode, listed.stdout) == (1, "")
    assert "one of C1, C2" in listed.stderr


def test_every_command_of_the_page_answers(built):
    page = (PROJECT_ROOT / "docs" / "metrics.md").read_text()
    typed = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ").splitlines()
    commands = [shlex.split(line, comments=True) for line in typed]
    assert len(commands) > 5
    for command in commands:
        assert command[0] == "drypowder"
        done = cli(built, *command[1:])
        assert (done.returncode, done.stderr) == (0, ""), shlex.join(command)
        assert done.stdout.strip(), shlex.join(command)


def test_metrics_are_listed_and_defined(built, connection):
    listed = cli(built, "metrics", "list", "--claim", "C10")
    declared = connection.execute("select metric_id from metrics.dim_metric where contains(claims, 'C10')").fetchall()
    assert all(f" {metric} " in listed.stdout for (metric,) in declared)
    assert " capex_yoy " not in listed.stdout
    defined = cli(built, "metrics", "explain", "capex_to_ocf").stdout
    for said in (
        "capex_ttm / ocf_ttm",
        "ratio; higher is tighter",
        "C1, C17",
        "table:fct_company_cash_flows_quarterly",
        "Nulls    missing_prior_year_quarters, ",
    ):
        assert said in defined
    empty = cli(built, "metrics", "explain", "srf_usd_bn").stdout
    assert "Fresh    no value yet; expected" in empty
    assert "Nulls    no rows yet: series:srf not landed\n" in empty


def test_metricflow_answers_and_says_why_not(built):
    asked = (
        "metrics", "query", "capex_ttm", "--group-by", "observation__entity_id,metric_time__day",
        "--where", "{{ Dimension('observation__entity_id') }} = 'NVDA'", "--order=-metric_time__day", "--limit", "2",
    )  # fmt: skip
    done = cli(built, *asked)
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header == "metric_time__day,observation__entity_id,capex_ttm"
    assert [row.split(",")[1] for row in rows] == ["NVDA", "NVDA"]
    with pytest.raises(QueryFailed, match="MetricFlow did not answer"):
        semantics.query(built, current(built).path, ["no_such_metric"])
    with pytest.raises(QueryFailed, match="private_gross .*expected one grain"):
        semantics.query(built, current(built).path, ["private_gross"], group_by=["metric_time__year"])
    with pytest.raises(QueryFailed, match="capex_cal_q .*expected the group or its members"):
        semantics.query(built, current(built).path, ["capex_cal_q"], group_by=["metric_time__year"])
