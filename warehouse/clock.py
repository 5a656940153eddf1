"""The one clock. Freshness, calendars and incremental ranges read `now` here and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from warehouse.settings import Settings

NEW_YORK = ZoneInfo("America/New_York")


def parse_instant(text: str) -> datetime:
    """Return an aware UTC datetime from ISO 8601 text.

    Raises:
        ConfigurationError: the text is no instant, or has no offset and so could mean anything.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            "An instant cannot be read",
            expected="ISO 8601 with an offset, such as 2026-07-25T00:00:00Z",
            got=repr(text),
        ) from error
    if instant.tzinfo is None:
        raise ConfigurationError("An instant has no offset", expected="...Z or ...+00:00", got=repr(text))
    return instant.astimezone(UTC)


def now(settings: Settings) -> datetime:
    """Return WAREHOUSE_NOW, else the newest recorded fetch, else the wall clock (all UTC)."""
    if settings.now:
        return parse_instant(settings.now)
    if settings.recordings:
        from warehouse.recording import Recording

        return Recording.open(settings.recordings).newest_fetch
    return datetime.now(UTC)
