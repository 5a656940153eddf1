"""A release with new warnings waits for a person, who accepts what was shown and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from tests.toy_release import publish, restate, say, toy_builder
from warehouse import approval, manifest, pipeline, release, stores
from warehouse.errors import ApprovalNeeded, ConfigurationError, GateClosed
from warehouse.validation import Finding


def finding(expectation="fresh", table="marts.rates", column=None, detail="It is old.") -> Finding:
    return Finding(
        suite=f"release.{table}",
        table=table,
        expectation=expectation,
        column=column,
        severity="warning",
        success=False,
        observed="7",
        unexpected_count=7,
        row_count=20,
        detail=detail,
    )


@pytest.fixture
def settings(tmp_path):
    made = replace(toy_builder(tmp_path), approval="warnings")
    land_something(made, "f0")
    return made


def content(settings) -> str:
    with stores.open_warehouse(settings) as connection:
        return release.fingerprint(settings, connection)


def check(settings, *findings):
    """Do what the gate does where nothing critical fails: record its verdict, note what is new, let the build pass."""
    say(settings, "delete from ops.validations")
    with stores.open_warehouse(settings) as connection:
        for number, each in enumerate(findings or [finding()]):
            connection.execute(
                "insert into ops.validations (run_id, border, suite, table_name, expectation, severity, success, "
                "row_count, validated_at) values ('r', 'release', ?, ?, ?, 'warning', ?, ?, timestamptz '2026-01-01')",
                [each.suite, each.table, each.expectation, not findings, number],
            )
    (settings.home / pipeline.PASSED).write_text(json.dumps({"fingerprint": content(settings)}))
    return approval.note(settings, content(settings), findings)


def land_something(settings, fetch="f1"):
    say(
        settings,
        "insert into ops.loads (fetch_id, source, table_name, partition_key, row_count, new_versions, loaded_at) "
        f"values ('{fetch}', 'toy', 'rates', 'all', 1, 1, timestamptz '2026-01-01')",
    )


def test_new_warnings_hold_a_release_back_until_somebody_accepts_them_and_the_release_says_who(settings):
    question = check(settings, finding(), finding("complete", column="value"))
    with pytest.raises(ApprovalNeeded, match="2 warning\\(s\\) of a first release") as raised:
        pipeline.publish(settings)
    assert "marts.rates.value: complete: It is old." in str(raised.value)
    assert approval.COMMAND in raised.value.remedy
    assert not settings.current.exists()

    accepted = approval.accept(settings, by=" Ada ", because="The publisher is on holiday.")
    assert (accepted.accepted_by, accepted.question) == ("Ada", question.id)
    published = pipeline.publish(settings)

    [written] = published.manifest["accepted"]
    assert (written["accepted_by"], written["because"]) == ("Ada", "The publisher is on holiday.")
    assert [each["expectation"] for each in written["findings"]] == ["fresh", "complete"]
    text = (published.path / "manifest.json").read_bytes()
    assert msgspec.json.decode(text, type=manifest.Manifest).accepted[0].findings[1].column == "value"
    with release.connect(settings.home) as connection:
        row = connection.execute("select accepted_by, because, question from ops.acceptances").fetchone()
    assert row == ("Ada", "The publisher is on holiday.", question.id)
    assert approval.noted(settings) is None


def test_what_readers_have_already_is_not_asked_again_and_what_is_new_beside_it_is(settings):
    check(settings, finding())
    approval.accept(settings, by="Ada", because="x")
    pipeline.publish(settings)
    land_something(settings)
    assert check(settings, finding(detail="It is older.")) is None
    assert pipeline.publish(settings).manifest["accepted"] == []

    land_something(settings, "f2")
    question = check(settings, finding(), finding("complete"))
    assert [each.expectation for each in question.findings] == ["complete"]
    assert question.current == release.current(settings).id


def test_an_acceptance_is_of_the_content_that_was_shown(settings):
    question = check(settings, finding())
    land_something(settings)
    with pytest.raises(GateClosed, match="What was shown is not what would be published"):
        approval.accept(settings, by="Ada", because="x")

    again = check(settings, finding())
    assert again.id != question.id
    with pytest.raises(GateClosed, match=f"got findings {question.id}"):
        approval.accept(settings, by="Ada", because="x", question=question.id)
    approval.accept(settings, by="Ada", because="x", question=again.id)
    land_something(settings, "f2")
    check(settings, finding())
    with pytest.raises(ApprovalNeeded):
        pipeline.publish(settings)


def test_an_acceptance_is_of_the_findings_that_were_shown(settings):
    check(settings, finding())
    approval.accept(settings, by="Ada", because="x")
    assert approval.unanswered(settings) is None
    check(settings, finding(), finding("complete"))  # the clock went on, say
    with pytest.raises(ApprovalNeeded, match="complete"):
        pipeline.publish(settings)
    check(settings, finding(detail="It is older."))  # the same finding, in other words
    assert pipeline.publish(settings).manifest["accepted"][0]["accepted_by"] == "Ada"


@pytest.mark.parametrize(("by", "because"), [("", "x"), ("Ada", " ")])
def test_an_acceptance_without_a_name_or_a_reason_is_none(settings, by, because):
    check(settings, finding())
    with pytest.raises(ConfigurationError, match="says who and why"):
        approval.accept(settings, by=by, because=because)
    with pytest.raises(ApprovalNeeded):
        pipeline.publish(settings)


def test_where_nobody_is_to_be_asked_warnings_are_only_said(settings):
    off = replace(settings, approval="off")
    check(off, finding())
    with pytest.raises(ConfigurationError, match="WAREHOUSE_APPROVAL=off"):
        approval.accept(off, by="Ada", because="x")
    assert pipeline.publish(off).manifest["accepted"] == []


def test_a_release_taken_back_takes_its_warnings_along(settings):
    check(settings)
    pipeline.publish(settings)
    land_something(settings)
    check(settings, finding())
    approval.accept(settings, by="Ada", because="x")
    pipeline.publish(settings)
    release.rollback(settings)
    restate(settings, 1)
    land_something(settings, "f2")
    assert check(settings, finding()).current == release.current(settings).id


def test_a_release_of_before_there_were_acceptances_is_read_as_one_without(settings):
    check(settings)
    published = publish(settings)
    old = {name: value for name, value in published.manifest.items() if name != "accepted"}
    assert msgspec.json.decode(json.dumps(old, default=str), type=manifest.Manifest).accepted == []
