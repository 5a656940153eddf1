"""Airflow's notifiers against a real mail server and a real web hook on loopback."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from channels import post, send

from tests.receivers import MailServer, WebHook
from warehouse import failures, incidents
from warehouse.errors import GateClosed, NotDelivered
from warehouse.settings import Settings

CHANNELS = {"e-mail": send, "webhook": post}


@pytest.fixture
def mail(monkeypatch):
    server = MailServer()
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", server.connection())
    yield server
    server.close()


@pytest.fixture
def hook(monkeypatch):
    server = WebHook("/services/t0ken")
    monkeypatch.setenv("AIRFLOW_CONN_INCIDENTS", server.connection(extra={"Authorization": "Bearer s3cr3t"}))
    yield server
    server.close()


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A home without tables in which a step has failed."""
    from warehouse import sources

    monkeypatch.setattr(sources, "sources", dict)
    settings = Settings(home=tmp_path / "home", now="2026-07-25T12:00:00Z")
    failures.note("build.check", GateClosed("{{ 7 * 7 }} <b>rows</b>", remedy="Look."), settings, log="http://log")
    return settings


def test_a_mail_says_what_failed_since_when_what_it_affects_and_what_to_type(settings, mail):
    mine = replace(settings, notify_email="ada@example.org, bob@example.org")
    assert incidents.watch(CHANNELS, mine).told == 1
    failures.forget("build.check", settings)
    incidents.watch(CHANNELS, mine)
    opened, over = mail.mails
    assert opened["Subject"] == "[Dry Powder] Critical: failed build.check"
    assert (opened["From"], opened["To"]) == ("drypowder@example.org", "ada@example.org, bob@example.org")
    assert [line for line in mail.said if line.upper().startswith("RCPT")][:2] == [
        "rcpt TO:<ada@example.org>",
        "rcpt TO:<bob@example.org>",
    ]
    text = opened.get_body().get_content()
    assert "GateClosed: {{ 7 * 7 }} &lt;b&gt;rows&lt;/b&gt;. Look." in text, "neither a template nor a page"
    for part in ("Since", f"{datetime.now(UTC):%Y-%m-%d}", "no metric", "drypowder check", "http://log"):
        assert part in text
    assert over["Subject"] == "[Dry Powder] Over: failed build.check"
    assert over["In-Reply-To"] == opened["Message-ID"]


def test_a_web_hook_gets_the_fields_and_the_connections_token(settings, hook):
    mine = replace(settings, notify_webhook="incidents")
    incidents.watch(CHANNELS, mine)
    [taken], [headers] = hook.taken, hook.headers
    [entry] = incidents.ledger(settings)
    assert taken == json.loads(json.dumps(incidents.Message(entry=entry, home=str(settings.home)).document))
    assert (taken["event"], taken["key"], taken["command"]) == ("opened", "failed build.check", "drypowder check")
    assert headers["Authorization"] == "Bearer s3cr3t"
    assert headers["Idempotency-Key"] == taken["id"]


def test_what_a_server_refuses_first_is_told_once_all_the_same(settings, mail, hook, caplog):
    mine = replace(settings, notify_email="ada@example.org", notify_webhook="incidents")
    mail.refusals, hook.answers = 1, [503, 500]
    with pytest.raises(NotDelivered, match="2 message"):
        incidents.watch(CHANNELS, mine)
    problems = {channel: problem for channel, (_, problem) in incidents.undelivered(mine).items()}
    assert problems == {"e-mail": "SMTPSenderRefused, answer 451", "webhook": "AirflowException, answer 503"}
    with pytest.raises(NotDelivered, match="1 message"):
        incidents.watch(CHANNELS, mine)
    for _ in range(3):
        incidents.watch(CHANNELS, mine)
    assert (len(mail.mails), len(hook.taken)) == (1, 1)
    assert incidents.undelivered(mine) == {}
    assert "s3cr3t" not in caplog.text + (settings.incidents / incidents.LEDGER).read_text()


def test_a_server_that_is_not_there_and_a_connection_that_is_not_either_are_told_without_their_address(
    settings, hook, monkeypatch
):
    mine = replace(settings, notify_email="ada@example.org", notify_webhook="incidents")
    monkeypatch.delenv("AIRFLOW_CONN_SMTP_DEFAULT", raising=False)
    hook.close()
    with pytest.raises(NotDelivered) as raised:
        incidents.watch(CHANNELS, mine)
    told = str(raised.value) + (settings.incidents / incidents.LEDGER).read_text()
    assert "webhook: ConnectionError" in told
    assert "e-mail: " in told
    assert "t0ken" not in told
    assert hook.url not in told
