"""What a verb's end means to Airflow."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from verb_outcome import airflow_outcomes

from warehouse.errors import (
    ArchiveDamaged,
    BackupFailed,
    BuilderBusy,
    ConfigurationError,
    ContractViolation,
    GateClosed,
    NothingNew,
    NotRecorded,
    SourceUnavailable,
)


def told(error):
    @airflow_outcomes
    def verb():
        raise error

    return verb


def test_what_a_verb_returns_is_handed_on():
    @airflow_outcomes
    def land(source, *, table):
        return f"{source}.{table}"

    assert land("ofr", table="financial_stress") == "ofr.financial_stress"
    assert land.__name__ == "land"


@pytest.mark.parametrize("kind", [NothingNew, NotRecorded])
def test_nothing_to_do_is_skipped_and_the_reason_is_kept(kind):
    with pytest.raises(AirflowSkipException, match="nothing at this address") as raised:
        told(kind("nothing at this address"))()
    assert isinstance(raised.value.__cause__, kind)


@pytest.mark.parametrize("kind", [ArchiveDamaged, ContractViolation, GateClosed, ConfigurationError])
def test_what_another_try_cannot_mend_fails_without_one(kind):
    with pytest.raises(AirflowFailException, match="column x; expected DATE; got 'moon'"):
        told(kind("column x", expected="DATE", got="'moon'"))()


@pytest.mark.parametrize("kind", [SourceUnavailable, BackupFailed, BuilderBusy, OSError])
def test_what_may_pass_is_left_to_airflows_retries(kind):
    with pytest.raises(kind):
        told(kind("not now"))()
