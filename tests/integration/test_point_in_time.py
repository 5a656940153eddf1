"""Point-in-time is law: what was not known then does not touch what is said of then."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from warehouse import loading, sources
from warehouse.release import connect
from warehouse.transformation import run_dbt

pytestmark = pytest.mark.slow

AS_OF = "select * exclude (run_id, known_until) from metrics.as_of(?::timestamptz) order by all"


def raw_tables():
    return [f"raw.{loading.identifier(s, t)}" for s, t in sources.tables()]


@pytest.fixture(scope="module")
def instants(built):
    """Every instant at which anything became known, in order."""
    union = " union ".join(f"select known_at from {t}" for t in raw_tables())
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        rows = connection.execute(f"select known_at from ({union}) where known_at > '2016-01-01' order by 1").fetchall()
    assert len(rows) > 1000
    return [r[0] for r in rows]


@pytest.mark.parametrize("poison", [False, True], ids=["deleted", "multiplied"])
def test_deleting_or_poisoning_what_became_known_later_changes_nothing_said_of_then(
    built, instants, tmp_path_factory, poison
):
    @given(position=st.integers(0, len(instants) - 1))
    @examples(
        max_examples=3,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def holds(position):
        then = instants[position]
        elsewhere = replace(built, home=tmp_path_factory.mktemp("prefix"))
        elsewhere.warehouse.write_bytes(built.warehouse.read_bytes())
        with duckdb.connect(str(elsewhere.warehouse)) as connection:
            connection.execute("set timezone = 'UTC'")
            for (_, table), name in zip(sources.tables(), raw_tables(), strict=True):
                if not poison:
                    connection.execute(f"delete from {name} where known_at > ?", [then])
                    continue
                for column in table.columns:
                    if column.type.startswith(("DOUBLE", "DECIMAL")) and column.name not in table.grain:
                        factor = 1000 if column.type == "DOUBLE" else 10  # a yield of 4,000 % has no price
                        poisoned = f'try_cast("{column.name}"::double * {factor} as {column.type})'
                        connection.execute(f'update {name} set "{column.name}" = {poisoned} where known_at > ?', [then])
        run_dbt(elsewhere, "prefix", "run")
        with duckdb.connect(str(elsewhere.warehouse), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            prefix = connection.execute(AS_OF, [then]).fetchall()
        with connect(built.home) as connection:
            whole = connection.execute(AS_OF, [then]).fetchall()
        assert prefix == whole
        assert whole

    holds()


def test_no_observation_is_known_before_it_could_be(built):
    with connect(built.home) as connection:
        early = connection.execute(
            "select count(*), count(*) filter (known_at::date < period_end) from metrics.metric_observations"
        ).fetchone()
        overlapping = connection.execute(
            """select count(*) from (select *, lead(known_at) over (
                partition by metric_id, entity_type, entity_id, grain, period_start, period_end, metric_version, parameter_set
                order by known_at) as next_known_at from metrics.metric_observations)
            where known_until is distinct from next_known_at and known_until > next_known_at"""
        ).fetchone()
    assert early[0] > 1000
    assert early[1] == 0
    assert overlapping == (0,)


@pytest.mark.parametrize("timezone", ["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati"])
def test_as_of_means_the_same_in_every_session(built, timezone):
    """NVDA's TTM capex changes with the 10-K of 2025-02-26: a date means the end of that day in New York."""
    question = (
        "select round(value * 1000) from metrics.as_of({}) where metric_id = 'capex_ttm' and entity_id = 'NVDA' "
        "order by period_end desc limit 1"
    )
    with duckdb.connect(str(built.current.resolve() / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute(f"set timezone = '{timezone}'")
        answers = [
            connection.execute(question.format(ts)).fetchone()[0]
            for ts in (
                "date '2025-02-25'",
                "'2025-02-25'",
                "date '2025-02-26'",
                "timestamptz '2025-02-27 04:59:58+00'",
                "timestamptz '2025-02-27 04:59:59+00'",
            )
        ]
        with pytest.raises(duckdb.Error, match=r"(?i)offset|TIMESTAMPTZ"):
            connection.execute(question.format("timestamp '2025-02-26 00:00:00'")).fetchall()
    assert answers == [2413, 2413, 3236, 2413, 3236]
