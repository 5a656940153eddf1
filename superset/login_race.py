"""A login stays one, whatever the page that it came from still had to say.

The login page reports to Superset's event log while the login is under way, as nobody. Superset refuses that by way of
the session, which is a cookie: where the refusal comes after the login, its cookie takes the place of the login's, and
who has just logged in is asked to log in. So nobody's report is passed over instead, with no cookie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import after_this_request, request, session
from flask_login import current_user

if TYPE_CHECKING:
    from flask import Response

EVENT_LOG = "Superset.log"
"""Flask's name of what pages report to."""


def lose_no_login() -> tuple[str, int] | None:
    """Answer for the event log, for who is not logged in; called before each request."""
    if request.endpoint != EVENT_LOG or current_user.is_authenticated:
        return None
    after_this_request(_as_it_came)
    return "", 204


def _as_it_came(response: Response) -> Response:
    session.modified = False
    return response
