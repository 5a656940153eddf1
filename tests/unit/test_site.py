"""Lineage, plots and pages of a release's catalogue, by hand-made facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import combinations

import pytest

from tests.unit.toy import toy_source
from warehouse.declarations import Field, Measured, Published
from warehouse.site import drawing, lineage, pages, reading

NOW = datetime(2026, 7, 25, 12, tzinfo=UTC)
WICKED = '<script>alert(1)</script> & "quoted"'


def node(kind, name, schema="staging", **more):
    return {"resource_type": kind, "name": name, "schema": schema, "config": {"meta": {}}, **more}


MANIFEST = {
    "sources": {"source.toy.rates": node("source", "rates", "raw", source_name="toy")},
    "nodes": {
        "model.stg": node("model", "stg_toy__rates"),
        "model.int": node("model", "int_rates", "intermediate"),
        "model.fct": node("model", "fct_rates", "marts"),
        "seed.days": node("seed", "days"),
        "test.one": node("test", "unique_rates", "dbt_test__audit"),
    },
    "parent_map": {
        "model.stg": ["source.toy.rates"],
        "model.int": ["model.stg", "seed.days"],
        "model.fct": ["model.int", "model.stg"],
        "test.one": ["model.fct"],
    },
}


def measured(name, *inputs, **meta):
    return Measured(
        name=name,
        subject="toys",
        label=f"Label of {name}",
        description="What it is.",
        meta={
            "unit": "ratio",
            "polarity": 1,
            "additivity": "ratio",
            "grain": ["day"],
            "claim": ["C1"],
            "formula": "rate / 2",
            "inputs": list(inputs),
            "owner": "desk",
            "version": 1,
            "expected_lag_days": 1,
            "freshness_sla_days": 7,
            "valid_range": [0, 1],
            "caveats": [],
            **meta,
        },
    )


METRICS = (measured("half", "table:marts.fct_rates"), measured("quarter", "half"), measured("other", "series:dollars"))
SERIES = [{"series_id": "dollars", "source_table": "toy.dollars"}]


@pytest.fixture
def graph():
    return lineage.graph(MANIFEST, METRICS, SERIES, ["toy.rates", "toy.dollars", "toy.unread"])


def names(graph, ids, kind):
    return [each.name for each in graph.of(ids, kind)]


# ------------------------------------------------------------------------------------------------------- lineage


def test_a_metric_leads_to_the_publishers_by_way_of_metrics_tables_and_series(graph):
    assert names(graph, graph.above("metric:quarter"), "source") == ["toy.rates"]
    assert names(graph, graph.above("metric:other"), "source") == ["toy.dollars"]
    assert names(graph, graph.below("source:toy.rates"), "metric") == ["half", "quarter"]
    assert names(graph, graph.below("source:toy.rates"), "table") == ["marts.fct_rates"]
    assert graph.below("source:toy.unread") == frozenset()


def test_dbts_tests_and_the_builders_records_are_in_no_graph(graph):
    assert not [each for each in graph.nodes if "unique" in each]
    assert lineage.table_id("ops.loads") not in graph.nodes
    assert lineage.picture(graph, lineage.table_id("ops.loads"), ()) is None


def test_what_is_made_of_nothing_has_no_picture(graph):
    assert lineage.picture(graph, "source:toy.rates", ()) is None


def test_a_picture_goes_from_left_to_right_and_no_box_lies_on_another(graph):
    drawn = lineage.picture(graph, "metric:quarter", ["toy.rates"])
    at = {box.node.id: box for box in drawn.boxes}
    assert len(at) == 7
    assert drawn.left_out == ""
    for child, parents in graph.parents.items():
        for parent in parents:
            if child in at:
                assert at[parent].x + at[parent].width < at[child].x
    for a, b in combinations(drawn.boxes, 2):
        apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
        assert apart, (a, b)
    assert max(box.x + box.width for box in drawn.boxes) <= drawn.width
    assert max(box.y + box.height for box in drawn.boxes) <= drawn.height
    assert len(drawn.curves) == 7


def wide(sources, steps):
    """A table made of that many sources, each by that many steps."""
    nodes = {"table:t": lineage.Node(id="table:t", kind="table", name="marts.t")}
    parents = {"table:t": set()}
    for n in range(sources):
        source = lineage.source_id(f"p{n % 3}.t{n}")
        nodes[source], above = lineage.Node(id=source, kind="source", name=source.partition(":")[2]), source
        for step in range(steps):
            each = f"table:s{n}_{step}"
            nodes[each] = lineage.Node(id=each, kind="step", name=each)
            parents[each], above = {above}, each
        parents["table:t"].add(above)
    return lineage.Graph(nodes=nodes, parents={child: frozenset(its) for child, its in parents.items()})


def test_many_steps_are_left_out_and_said():
    whole = wide(10, 2)
    drawn = lineage.picture(whole, "table:t", names(whole, whole.nodes, "source"))
    assert {box.node.kind for box in drawn.boxes} == {"source", "table"}
    assert len(drawn.boxes) == len(drawn.curves) + 1 == 11
    assert "20 steps" in drawn.left_out


def test_very_many_sources_are_drawn_by_publisher():
    whole = wide(60, 1)
    drawn = lineage.picture(whole, "table:t", names(whole, whole.nodes, "source"))
    assert sorted(box.node.name for box in drawn.boxes) == ["marts.t", "p0", "p1", "p2"]
    assert "publishers" in drawn.left_out


def test_a_ring_ends():
    ring = lineage.graph(
        MANIFEST, (measured("egg", "hen", "table:fct_rates"), measured("hen", "egg")), (), ["toy.rates"]
    )
    assert "metric:egg" in ring.above("metric:hen")
    assert lineage.picture(ring, "metric:hen", ["toy.rates"]) is not None


def test_a_source_that_does_not_count_is_not_drawn_nor_what_is_of_it_alone():
    whole = wide(3, 1)
    drawn = lineage.picture(whole, "table:t", ["p0.t0", "p2.t2"])
    assert sorted(box.node.name for box in drawn.boxes) == ["marts.t", "p0.t0", "p2.t2", "table:s0_0", "table:s2_0"]
    assert lineage.picture(whole, "table:t", []) is None


# ------------------------------------------------------------------------------------------------------- plots

DAYS = [date(2026, 1, day) for day in range(1, 8)]


def test_a_missing_value_breaks_the_line_and_is_not_zero():
    drawn = drawing.plot(list(zip(DAYS, [4.0, 5.0, None, 6.0, 8.0], strict=False)), 100, 10)
    assert drawn.path.count("M") == 2
    assert (drawn.lowest, drawn.highest, drawn.newest) == (4.0, 8.0, 8.0)
    assert drawn.zero is None
    assert drawn.path.startswith("M0 10L25 7.5M")
    assert drawn.path.endswith("L100 0")


def test_a_value_between_two_missing_ones_is_a_dot():
    drawn = drawing.plot(list(zip(DAYS, [1.0, None, 2.0, None, 3.0], strict=False)), 100, 10)
    assert drawn.path == ""
    assert drawn.dots == ((0.0, 10.0), (50.0, 5.0), (100.0, 0.0))


def test_zero_is_drawn_where_values_lie_on_both_sides():
    assert drawing.plot([(DAYS[0], -1.0), (DAYS[1], 3.0)], 100, 8).zero == 6.0


def test_an_even_line_lies_in_the_middle_and_one_value_is_no_line():
    assert drawing.plot([(DAYS[0], 2.0), (DAYS[1], 2.0)], 100, 10).path == "M0 5L100 5"
    assert drawing.plot([(DAYS[0], 2.0), (DAYS[1], None)], 100, 10) is None


def test_a_small_share_of_a_bar_can_be_seen_and_all_of_it_fits():
    held, failed = drawing.shares([9999, 1])
    assert failed > 1
    assert held + failed == pytest.approx(100, abs=0.2)
    assert drawing.shares([5, 0]) == [100.0, 0.0]
    assert drawing.shares([0, 0]) == [0.0, 0.0]


# ------------------------------------------------------------------------------------------------------- pages


@pytest.fixture
def facts(graph):
    source = toy_source("http://127.0.0.1:1")
    table = source.tables[0]
    shown = reading.Shown(
        published=Published(
            name="marts.fct_rates",
            subject="toys",
            description=WICKED,
            key=("day",),
            has_versions=True,
            owner="desk",
            columns=(Field(name="day", type="date", unit="", description=WICKED),),
        ),
        rows=2,
        newest_known_at=NOW,
        header=("day", "rate"),
        sample=((DAYS[0], None), (DAYS[1], WICKED)),
    )
    line = reading.Line(entity="US", grain="day", points=((DAYS[0], 1.0), (DAYS[1], 2.0)), periods_each=1)
    return reading.Facts(
        release_id="2026.07.25.1",
        now=NOW,
        rows=2,
        landed=(reading.Landed(source=source, table=table, state="fresh", reason="It is here.", origin="recorded"),),
        held=(),
        wanting=(),
        tables=(shown,),
        metrics=(
            reading.Figures(measured=METRICS[0], rows=3, values=2, entities=1, age_days=8, lines=(line,)),
            reading.Figures(measured=METRICS[1]),
        ),
        claims={"C1": WICKED},
        parameter_sets={},
        judged=(reading.Judged(border="incoming", severity="critical", held=3, failed=0),),
        failures=(),
        by_day=((DAYS[0], 1, 5, 5),),
        notes=(),
        graph=graph,
        rests_on={node: frozenset({"toy.rates"}) for node in ("table:fct_rates", "metric:half", "metric:quarter")},
    )


BESIDE = pages.Beside(changes=None, dbt=None, incoming=None, outgoing=None, attribution=None)


def test_nothing_that_a_page_is_given_becomes_markup(facts):
    texts = pages.rendered(facts, BESIDE)
    assert {"catalogue/tables/marts.fct_rates.html", "catalogue/metrics/half.html", "quality/index.html"} <= set(texts)
    for name, text in texts.items():
        assert "alert(1)</script>" not in text, name
    assert "&lt;script&gt;alert(1)" in texts["catalogue/tables/marts.fct_rates.html"]


def test_null_is_said_and_is_not_the_empty_text(facts):
    assert '<td class="null">NULL</td>' in pages.rendered(facts, BESIDE)["catalogue/tables/marts.fct_rates.html"]


def test_a_page_links_to_what_lies_beside_it_and_to_nothing_else(facts, tmp_path):
    assert pages.Beside.of(tmp_path) == BESIDE
    bare = pages.rendered(facts, BESIDE)["catalogue/tables/marts.fct_rates.html"]
    assert "CHANGES.md" not in bare
    (tmp_path / "CHANGES.md").write_text("what moved")
    (tmp_path / "dbt").mkdir()
    (tmp_path / "dbt" / "index.html").write_text("dbt")
    text = pages.rendered(facts, pages.Beside.of(tmp_path))["catalogue/tables/marts.fct_rates.html"]
    assert 'href="../../CHANGES.md"' in text
    assert 'href="../../dbt/index.html"' in text
    assert "Attribution" not in text


def test_a_metric_older_than_it_may_be_is_stale_and_one_without_a_value_says_so(facts):
    assert [each.state for each in facts.metrics] == ["stale", "no value"]
    assert replace(facts.metrics[0], age_days=7).state == "fresh"
    texts = pages.rendered(facts, BESIDE)
    assert '<svg class="plot"' in texts["catalogue/metrics/half.html"]
    assert "Nothing is drawn" in texts["catalogue/metrics/quarter.html"]


def test_what_is_held_back_names_the_metrics_that_want_it_and_those_alone(facts):
    text = pages.rendered(facts, BESIDE)["quality/index.html"]
    assert "Nothing is held back" in text
    held = reading.Held(name="toy.rates", partition="2026", border="incoming", reason=WICKED, held_at=NOW)
    wanting = tuple(
        reading.Wanting(name="toy.rates", partition="2026", metric=name, last_good_at=at, newest_period_end=DAYS[0])
        for name, at in (("quarter", NOW), ("half", NOW))
    )
    text = pages.rendered(replace(facts, held=(held,), wanting=wanting), BESIDE)["quality/index.html"]
    assert "with 1 partition of 1 table held back" in text
    assert "those fetched 2026-07-25 12:00 UTC" in text
    assert 0 < text.index("metrics/half.html") < text.index("metrics/quarter.html")  # nearest first
    assert "(2026-01-01)" in text
    assert "metrics/other.html" not in text
    nothing = (replace(wanting[0], last_good_at=None),)
    text = pages.rendered(replace(facts, held=(held,), wanting=nothing), BESIDE)["quality/index.html"]
    assert "nothing of it has passed yet" in text


def test_a_source_leads_to_what_rests_on_it_and_a_table_to_its_licence(facts):
    texts = pages.rendered(facts, BESIDE)
    source = texts["catalogue/sources/toy.rates.html"]
    assert "tables/marts.fct_rates.html" in source
    assert "metrics/quarter.html" in source
    assert "metrics/other.html" not in source
    assert "<dd>desk</dd>" in texts["catalogue/tables/marts.fct_rates.html"]
    assert facts.landed[0].table.licence.name in texts["catalogue/tables/marts.fct_rates.html"]


def test_everything_can_be_found(facts):
    found = {(kind, name) for kind, name, _, _ in pages._entries(facts)}  # noqa: SLF001
    assert {
        ("table", "marts.fct_rates"),
        ("column", "marts.fct_rates.day"),
        ("metric", "half"),
        ("source", "toy.rates"),
        ("column", f"raw.toy__rates.{facts.landed[0].table.columns[0].name}"),
    } <= found
