"""One id through a run, in lines, records and files, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.toy import Reply, rate
from warehouse import history, logs, masking, pipeline, runs, stores
from warehouse.archive import Archive
from warehouse.contract import Licence, Partition
from warehouse.errors import NothingNew, SourceUnavailable, WarehouseError
from warehouse.http import Budget, LiveTransport
from warehouse.masking import masked

NIGHTLY = runs.Run(id="build/night", dag_id="build", dag_run_id="night", task_id="land", try_number=2, parent=None)


@pytest.fixture
def lines():
    """All that is logged, as the lines of JSON that a machine reads."""
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    stream = io.StringIO()
    logs.configure("json", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def steps(home):
    """Steps as `ops.steps` has them, less what differs from one time to the next."""
    with stores.open_warehouse(home.settings) as connection:
        history.note_steps(connection, home.settings)
    return home.query(
        "select run_id, step, subject, outcome, error, row_count, task_id, try_number from ops.steps order by started_at"
    )


def test_every_line_of_a_verb_carries_its_run_also_those_of_its_threads(home, lines):
    home.keys = ("a", "b", "c")
    home.contract()
    for key in home.keys:
        home.says(rate("2026-01-01", 1), key=key)
    with runs.under(NIGHTLY):
        home.land()
    said = [line for line in lines() if line["logger"].startswith("warehouse.")]
    assert [line["event"] for line in said if "landed, 1 rows" in line["event"]]
    assert len([line for line in said if line["logger"] == "warehouse.http"]) == 3
    for line in said:
        assert (line["run_id"], line["dag_id"], line["task_id"]) == ("build/night", "build", "land")
        assert (line["step"], line["subject"], line["try_number"]) == ("land", "toy.rates", 2)
    assert (said[-1]["outcome"], said[-1]["rows"]) == ("done", 3)


def test_a_library_s_lines_carry_it_too_and_none_does_outside(home, lines):
    home.says(rate("2026-01-01", 1))
    other = logging.getLogger("library.of.somebody")
    with runs.under(NIGHTLY):
        other.warning("inside")
    other.warning("outside")
    inside, outside = lines()
    assert inside["run_id"] == "build/night"
    assert "run_id" not in outside


def test_a_person_reads_the_same_in_a_line_of_text(home):
    stream = io.StringIO()
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    try:
        logs.configure("text", verbose=True, stream=stream)
        with runs.under(NIGHTLY):
            logging.getLogger("warehouse.x").error("it %s", "broke", exc_info=ValueError("no"))
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
    first, *trace = stream.getvalue().splitlines()
    assert first.split(" ", 1)[1].startswith("ERROR warehouse.x it broke run_id=build/night dag_id=build")
    assert trace[-1] == "ValueError: no"


def test_a_step_is_recorded_with_how_it_ended(home):
    home.says(rate("2026-01-01", 1))
    with runs.under(NIGHTLY):
        home.land()
    with pytest.raises(NothingNew):
        home.land()
    home.publisher.says("/rates/all", Reply(b"down", 503))
    with pytest.raises(SourceUnavailable):
        home.land()
    first, second, third = steps(home)
    assert first == ("build/night", "land", "toy.rates", "done", None, 1, "land", 2)
    assert second[1:6] == ("land", "toy.rates", "nothing new", None, None)
    assert third[1:5] == ("land", "toy.rates", "unavailable", "Refused")
    assert len({first[0], second[0], third[0]}) == 3  # each is a run of its own
    assert list(home.settings.steps.iterdir()) == []


@pytest.mark.slow
def test_verbs_inside_a_verb_are_part_of_it(home):
    home.says(rate("2026-01-01", 1))
    home.land()
    with runs.under(runs.Run(id="one")):
        home.promote()
    assert [row[:2] for row in steps(home)][1:] == [("one", "load"), ("one", "validate")]
    (validated,) = home.query("select distinct run_id, step_id in (select step_id from ops.steps) from ops.validations")
    assert validated == ("one", True)


def test_steps_that_were_brought_in_before_a_kill_are_not_brought_in_twice(home, monkeypatch):
    home.says(rate("2026-01-01", 1))
    home.land()
    with monkeypatch.context() as patch, stores.open_warehouse(home.settings) as connection:
        patch.setattr(Path, "unlink", lambda *_, **__: None)  # killed after the commit
        history.note_steps(connection, home.settings)
    assert len(steps(home)) == 1


@pytest.mark.slow
def test_a_step_of_an_internal_table_is_in_the_internal_file_alone(home):
    home.contract(licence=Licence(name="None", url="https://x", redistribution="internal", attribution="Toy."))
    home.says(rate("2026-01-01", 1))
    home.land()
    home.promote()
    assert [row[1] for row in steps(home)] == ["load", "validate"]
    assert home.query("select step, subject from ops.steps", internal=True) == [("land", "toy.rates")]


def test_a_home_that_cannot_be_written_to_does_not_fail_a_verb(home, caplog):
    home.says(rate("2026-01-01", 1))
    home.settings.home.mkdir()
    home.settings.steps.write_text("in the way")
    assert home.land().rows == 1
    assert "not recorded step=land" in caplog.text


@pytest.mark.slow
def test_a_load_says_which_runs_fetched_and_loaded_it(home):
    home.says(rate("2026-01-01", 1))
    with runs.under(runs.Run(id="ingest/tick")):
        home.land()
    with runs.under(runs.Run(id="build/after")):
        home.promote()
    assert home.query("select landed_by, loaded_by, release_id from ops.loads") == [
        ("ingest/tick", "build/after", None)
    ]
    (fetch,) = Archive(home.settings.archive).fetches("toy", "rates")
    assert fetch.run_id == "ingest/tick"


# ------------------------------------------------------------------------------------------------------- secrets

SECRETS = {
    "WAREHOUSE_FRED_KEY": "0123456789abcdef0123456789abcdef",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLE",
    "OPENLINEAGE_API_KEY": "collector-key",
    "WAREHOUSE_SMTP_PASSWORD": "correct horse battery",
}


@pytest.fixture
def secrets(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return SECRETS.values()


@pytest.mark.parametrize("name", SECRETS)
def test_what_a_variable_holds_is_in_no_line_and_in_no_error(name, secrets, lines):
    value = SECRETS[name]
    error = WarehouseError(f"It said {value}", expected=value, got={"x": value}, remedy=f"Not {value}.")
    assert value not in str(error)
    theirs = RuntimeError(f"somebody else's {value}")
    theirs.__cause__ = error
    logging.getLogger("warehouse.x").error("told %s", value, exc_info=error)
    logging.getLogger("of.a.library").error("and %s", value, exc_info=theirs, extra={"more": value})
    assert len(lines()) == 2
    assert value not in json.dumps(lines())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://api.x.org/a?api_key=abcd1234&id=GDP", "GET https://api.x.org/a?api_key=*****&id=GDP"),
        ("https://x.org/?id=1&token=t0ken", "https://x.org/?id=1&token=*****"),
        (
            "postgresql+psycopg2://airflow:pa55w0rd@db:5432/airflow",
            "postgresql+psycopg2://airflow:*****@db:5432/airflow",
        ),
        ("redis://:pa55w0rd@redis:6379/0", "redis://:*****@redis:6379/0"),
        ('{"password": "pa55w0rd", "user": "a"}', '{"password": "*****", "user": "a"}'),
        ("aws_secret_access_key=abcd/1234", "aws_secret_access_key=*****"),
        ("Authorization: Bearer abcd.1234", "Authorization: *****"),
        ("signed for ASIAABCDEFGHIJKLMNOP today", "signed for ***** today"),
        ("s3://b/k?X-Amz-Signature=abc123&x=1", "s3://b/k?X-Amz-Signature=*****&x=1"),
    ],
)
def test_what_looks_like_a_credential_is_masked_whoever_it_belongs_to(text, shown):
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Put WAREHOUSE_FRED_KEY=<key> into .env.",
        "one row for each key: (day, entity_id)",
        "GET https://api.x.org/a?id=GDP&keys=3 answered 200",
        "the token of the watched table: 0001-26-1",
        "s3://bucket/prefix and https://x.org:8080/a",
        "row 4; expected A rate of this toy is above zero; got a row that breaks 'rate_is_positive'",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text):
    assert masked(text) == text


def test_a_folder_and_a_short_word_are_no_secrets(monkeypatch):
    monkeypatch.setenv("PWD", "/some/where")
    monkeypatch.setenv("SORT_KEY", "day")
    assert not {"/some/where", "day"} & masking.known()


def test_a_real_verb_shows_no_key_whatever_the_publisher_does(home, lines, publisher, tmp_path):
    key = "fedcba98765432100123456789abcdef"
    keyed = replace(home.settings, fred_key=key)
    link = LiveTransport(keyed, budget=Budget(tmp_path))
    home.settings = keyed

    def fetch(get):
        return [get(f"{publisher.url}/rates/all", expect="json", credential="fred_key")]

    home.contract(partitions=lambda _: [Partition(key="all", fetch=fetch)])
    errors = []
    for reply in (
        Reply(f"the key {key} is not known".encode(), 400),
        Reply(b"moved", 302, {"Location": f"http://[{key}"}),
        Reply(f'{{"rates": [], "key": "{key}"'.encode(), cut=20),
        Reply(f'{{"rates": [{{"day": "{key}"}}]}}'.encode()),
    ):
        publisher.says("/rates/all", reply)
        with pytest.raises(WarehouseError) as raised:
            pipeline.land("toy", "rates", keyed, using=link, refetch=True)
        errors.append("".join(traceback.format_exception(raised.value)))
        logging.getLogger("of.airflow").error("the task failed", exc_info=raised.value)
    assert len(errors) == 4
    assert key in publisher.requests[0][0]
    assert key not in json.dumps(lines())
    assert not [
        str(path) for path in home.settings.home.rglob("*") if path.is_file() and key.encode() in path.read_bytes()
    ]
    assert key not in "".join(str(e) for e in errors)
