"""The current release's own pages, for who is logged in: a dashboard's way to definitions, and to what gates found."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, request, send_from_directory
from flask_login import current_user
from release_reader import release

FOLDERS = ("catalogue", "quality")
"""Of a release; what is beside them is not handed out as files."""

POLICY = {"default-src": "'self'", "style-src": ["'self'", "'unsafe-inline'"], "img-src": ["'self'", "data:"]}
"""What these pages may load: Superset's own policy lets no script run that Superset did not mark."""


def blueprint() -> Blueprint:
    """Return the routes, for an app that is being made."""
    from superset.extensions import talisman

    pages = Blueprint("release_pages", __name__)

    @pages.get("/release/<path:page>")
    @talisman(content_security_policy=POLICY, content_security_policy_nonce_in=[])
    def page(page: str) -> Any:  # noqa: ANN401  (Flask's)
        if not current_user.is_authenticated:
            return redirect(f"/login/?next={request.path}")
        if page.partition("/")[0] not in FOLDERS:
            abort(404)
        return send_from_directory(release(), page)

    return pages
