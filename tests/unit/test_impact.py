"""Which landed tables a metric rests on, and which metrics something held back affects."""

from __future__ import annotations

import pytest

from warehouse import impact, stores
from warehouse.impact import Lineage


def node(*parents, code=""):
    return {"depends_on": {"nodes": list(parents)}, "raw_code": code}


MANIFEST = {
    "nodes": {
        "seed.drypowder.log": {"depends_on": {}, "raw_code": ""},
        "model.drypowder.stg_sec": node("source.drypowder.sec.company_facts"),
        "model.drypowder.stg_h41": node("source.drypowder.board.h41"),
        "model.drypowder.fct_observations": node("model.drypowder.stg_h41", "source.drypowder.ofr.financial_stress"),
        "model.drypowder.states": node("model.drypowder.fct_observations", code="select * from x where kind = 'day'"),
        "model.drypowder.bathtub": node(
            "model.drypowder.states", "seed.drypowder.log", code="series_id in ('tga', 'rrp')"
        ),
        "model.drypowder.price": node("model.drypowder.fct_observations", code='SERIES = ("stress",)'),
        "model.drypowder.funding": node("model.drypowder.stg_sec", "model.drypowder.bathtub"),
    }
}
SERIES = {"tga": "board.h41", "rrp": "nyfed.reverse_repo", "stress": "ofr.financial_stress"}
INPUTS = {
    "cash": ["series:tga"],
    "burden": ["cash", "table:marts.funding"],
    "ratio": ["burden", "ratio", "table:log"],
    "from_record": ["table:log"],
    "anything": ["table:states"],
}


@pytest.fixture
def lineage():
    return Lineage(MANIFEST, SERIES, INPUTS)


@pytest.mark.parametrize(
    ("metric", "tables"),
    {
        "cash": {"board.h41"},
        "burden": {"board.h41", "sec.company_facts", "nyfed.reverse_repo"},
        "ratio": {"board.h41", "sec.company_facts", "nyfed.reverse_repo"},
        "from_record": set(),
        "anything": set(SERIES.values()),
    }.items(),
)
def test_a_metric_rests_on_what_its_inputs_are_made_of(lineage, metric, tables):
    assert lineage.of_metric(metric) == tables


def test_of_all_series_only_those_count_that_the_reader_names(lineage):
    assert lineage.of_model("bathtub") == {"board.h41", "nyfed.reverse_repo"}
    assert lineage.of_model("price") == {"ofr.financial_stress"}


def test_what_is_held_back_affects_the_metrics_above_it_and_says_how_old_they_are(home):
    with stores.open_warehouse(home.settings) as connection:
        connection.execute(
            """
            create table metrics.latest as select * from (values
                ('capex', date '2026-03-31', 1.0, timestamptz '2026-05-01 00:00:00+00'),
                ('capex', date '2026-06-30', null, timestamptz '2026-08-01 00:00:00+00')
            ) as rows (metric_id, period_end, value, known_at);
            insert into ops.metric_sources values
                ('capex', 'sec', 'company_facts'), ('cover', 'sec', 'company_facts'), ('cash', 'board', 'h41');
            insert into ops.held_back (fetch_id, source, table_name, partition_key, border) values
                ('3', 'sec', 'company_facts', 'META', 'incoming'), ('4', 'sec', 'company_facts', 'META', 'incoming');
            insert into ops.loads (fetch_id, source, table_name, partition_key, fetched_at) values
                ('1', 'sec', 'company_facts', 'META', timestamptz '2026-04-30 00:00:00+00'),
                ('2', 'sec', 'company_facts', 'MSFT', timestamptz '2026-07-30 00:00:00+00');
            """
        )
        for _ in range(2):
            impact.note_affected(connection)
        found = connection.execute(
            "select metric_id, partition_key, last_good_at::date::varchar, newest_period_end::varchar "
            "from ops.affected_metrics order by all"
        ).fetchall()
        connection.execute("delete from ops.held_back")
        impact.note_affected(connection)
        assert connection.execute("select count(*) from ops.affected_metrics").fetchone() == (0,)
    assert found == [("capex", "META", "2026-04-30", "2026-03-31"), ("cover", "META", "2026-04-30", None)]
