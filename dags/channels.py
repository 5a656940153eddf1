"""How people are told of incidents: Airflow's notifiers, with addresses and passwords from Airflow's connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.incidents import Message

MAIL_SERVER = "smtp_default"
TIMEOUT_SECONDS = 20


def send(message: Message, to: str) -> None:
    """Send it by the mail server of the connection `smtp_default`, whose extra says `from_email`.

    Mail programs put the message that an incident is over below the one that it has begun.
    """
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier
    from airflow.sdk import literal

    thread = f"<{message.entry.id}@drypowder>"
    threads = {"Message-ID": thread} if message.event == "opened" else {"In-Reply-To": thread, "References": thread}
    SmtpNotifier(
        to=to,
        subject=literal(message.subject),  # what a publisher sent is no template
        html_content=literal(message.html),
        custom_headers=literal(threads),
        smtp_conn_id=MAIL_SERVER,
    )({})


def post(message: Message, connection: str) -> None:
    """Post it as JSON to the address of a connection, with the login or the headers that the connection has."""
    from airflow.providers.http.notifications.http import HttpNotifier
    from airflow.sdk import BaseHook, literal
    from airflow.sdk.log import mask_secret

    # The address itself may be the secret, and the libraries below quote it when it does not answer.
    known = BaseHook.get_connection(connection)
    for secret in filter(None, (known.host or "").partition("://")[2].split("/", 1)[1:]):
        mask_secret(secret)
    HttpNotifier(
        http_conn_id=connection,
        json=literal(message.document),
        headers={"Idempotency-Key": message.id},
        extra_options={"timeout": TIMEOUT_SECONDS},
    )({})
