"""From bytes to one typed Parquet file, or a refusal that says where and why."""

from __future__ import annotations

import hashlib
import json

import duckdb
import pytest

from tests.unit.toy import rate, rates_json
from warehouse import landing
from warehouse.archive import Archive, Fetch
from warehouse.contract import Response
from warehouse.errors import ConfigurationError, ContractViolation


@pytest.fixture
def land(settings, toy, an_instant):
    def _land(*bodies: bytes):
        responses = [
            Response(
                url=f"https://e.org/{n}",
                body=body,
                sha256=hashlib.sha256(body).hexdigest(),
                fetched_at=an_instant,
                origin="recorded",
            )
            for n, body in enumerate(bodies)
        ]
        fetch = Fetch.of("toy", "rates", "all", "Public domain", responses)
        return landing.land(settings, toy.tables[0], fetch, responses)

    return _land


def test_rows_of_all_pages_land_typed_in_one_file(land):
    landed = land(rates_json(rate("2026-01-01", "1.5")), rates_json(rate("2026-01-02", None)))
    found = duckdb.sql(f"select *, typeof(rate_pct) from '{landed.path}'").fetchall()
    assert [(str(r[0]), None if r[1] is None else float(r[1]), r[2]) for r in found] == [
        ("2026-01-01", 1.5, 0),
        ("2026-01-02", None, 1),
    ]
    assert found[0][3] == "DECIMAL(9,4)"
    assert landed.rows == 2


def test_a_landed_file_says_what_fetch_it_is_of(land):
    landed = land(rates_json(rate("2026-01-01", 1)))
    value = duckdb.sql(f"select decode(value) from parquet_kv_metadata('{landed.path}')").fetchone()[0]
    assert Fetch.from_json(value) == landed.fetch
    assert json.loads(value)["responses"][0]["url"] == "https://e.org/0"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [rate("2026-01-01", 1), rate("2026-01-02", "n/a?")],
            r"column 'rate_pct', row 2; expected DECIMAL\(9, 4\); got 'n/a\?'",
        ),
        ([rate("not a day", 1)], "column 'day', row 1; expected DATE and not null; got 'not a day'"),
        ([rate(None, 1)], "column 'day', row 1; expected DATE and not null; got null"),
        ([rate("2026-01-01", "1.23456")], r"column 'rate_pct', row 1; expected DECIMAL\(9, 4\); got '1.23456'"),
        ([rate("2026-01-01", 1, note="x")], r"row 1 has other columns.*new \['note'\]"),
        ([rate("2026-01-01", 1), rate("2026-01-01", 2)], "1 row.s. whose key came before.*2 rows for day=2026-01-01"),
        ([], "has no rows"),
    ],
    ids=["text in a number", "text in a date", "missing key", "lost digits", "new column", "duplicate key", "no rows"],
)
def test_a_payload_that_breaks_its_contract_is_refused_by_name(land, settings, rows, words):
    with pytest.raises(ContractViolation, match=words) as refused:
        land(rates_json(*rows))
    assert "toy.rates (all)" in str(refused.value)
    assert not list(settings.landing.rglob("*.parquet"))


def test_a_missing_column_is_refused_by_name(land, toy, monkeypatch):
    object.__setattr__(toy.tables[0], "extract", lambda _: iter([{"day": "2026-01-01"}]))
    with pytest.raises(ContractViolation, match=r"missing \['rate_pct'\]"):
        land(b"{}")


def test_a_body_is_kept_once_and_comes_back_as_it_was(settings, an_instant):
    archive = Archive(settings.archive)
    body = b"a body" * 100
    response = Response(
        url="https://e.org", body=body, sha256=hashlib.sha256(body).hexdigest(), fetched_at=an_instant, origin="live"
    )
    fetch = Fetch.of("toy", "rates", "a/b", "Public domain", [response])
    archive.keep(fetch, [body])
    archive.keep(fetch, [body])
    assert len(list(settings.archive.rglob("*.zst"))) == 1
    assert archive.responses(archive.latest("toy", "rates", "a/b")) == [response]
    assert archive.last_checked("toy", "rates") == an_instant


def test_a_changed_body_in_the_archive_is_noticed(settings, an_instant):
    archive = Archive(settings.archive)
    response = Response(
        url="https://e.org", body=b"x", sha256=hashlib.sha256(b"x").hexdigest(), fetched_at=an_instant, origin="live"
    )
    fetch = Fetch.of("toy", "rates", "all", "Public domain", [response])
    archive.keep(fetch, [b"x"])
    next(settings.archive.rglob("*.zst")).write_bytes(b"spoilt")
    with pytest.raises(ConfigurationError, match="Restore the archive"):
        archive.responses(fetch)


@pytest.mark.parametrize(
    ("kind", "text", "lands"),
    [
        ("DECIMAL(9, 4)", "1.2500", "1.2500"),
        ("DECIMAL(9, 4)", "1.25000000", "1.2500"),
        ("DECIMAL(28, 8)", "12345678.123456789", None),
        ("DECIMAL(9, 4)", "1.5e-3", "0.0015"),
        ("DECIMAL(9, 4)", "1e-9", None),
        ("DECIMAL(9, 4)", "1_000", None),
        ("BIGINT", "1.5", None),
        ("BIGINT", "1.0", "1"),
        ("BIGINT", "0x1A", None),
        ("DOUBLE", "NaN", None),
        ("DOUBLE", "-inf", None),
        ("DOUBLE", "1e999", None),
        ("DOUBLE", "-1.5E3", "-1500.0"),
        ("DATE", "2024-01-15", "2024-01-15"),
        ("DATE", "2024-01-15T00:00:00", "2024-01-15"),
        ("DATE", "2024-01-15 13:00", None),
        ("DATE", "infinity", None),
        ("DATE", "15.01.2024", None),
        ("TIMESTAMP", "2024-01-15 13:00:00", "2024-01-15 13:00:00"),
        ("TIMESTAMP", "2024-01-15T13:00:00+05:00", None),
        ("TIMESTAMPTZ", "2024-01-15T13:00:00+05:00", "2024-01-15 08:00:00+00"),
        ("VARCHAR", " any text ", " any text "),
    ],
)
def test_a_value_lands_as_it_is_or_not_at_all(settings, toy, an_instant, kind, text, lands):
    from dataclasses import replace

    from warehouse.contract import Column

    value = Column(name="value", type=kind, unit="none", description="A value of some type.")
    table = replace(
        toy.tables[0],
        columns=(toy.tables[0].columns[0], value),
        extract=lambda _: iter([{"day": "2026-01-01", "value": text}]),
    )
    response = Response(url="https://e.org", body=b"x", sha256="0", fetched_at=an_instant, origin="recorded")
    fetch = Fetch.of("toy", "rates", "all", "Public domain", [response])
    if lands is None:
        with pytest.raises(ContractViolation, match="column 'value', row 1"):
            landing.land(settings, table, fetch, [response])
        return
    landed = landing.land(settings, table, fetch, [response])
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = connection.execute(f"select value::varchar, typeof(value) from '{landed.path}'").fetchone()
    assert found[0] == lands
