"""What the tables of every trading venue share: instants from epoch numbers, and what holds for every bar."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from warehouse.contract import Column, RowRule
from warehouse.errors import ContractViolation

_MICROSECONDS = {10: 1_000_000, 13: 1_000, 16: 1}
"""Number of digits, and microseconds of one unit: seconds, milliseconds or microseconds from 2001 to 2286."""
_DIGITS = re.compile(r"[0-9]+")
_EPOCH = datetime.fromtimestamp(0, UTC)


def instant(stamp: object, where: str, *digits: int) -> datetime:
    """Return the instant of a number of seconds, milliseconds or microseconds, told by how many digits it has.

    Raises:
        ContractViolation: it is no whole number, or has another number of digits than those given.
    """
    text = stamp if isinstance(stamp, str) else ""
    if not _DIGITS.fullmatch(text) or len(text) not in digits:
        raise ContractViolation(
            f"{where}: a time", expected=f"{' or '.join(map(str, digits))} digits", got=repr(stamp)[:80]
        )
    return _EPOCH + timedelta(microseconds=int(text) * _MICROSECONDS[len(text)])


def unit(stamp: str | None) -> timedelta:
    """Return the smallest step of a time that `instant` has read."""
    return timedelta(microseconds=_MICROSECONDS[len(stamp or "")])


def price(name: str, kind: str, description: str) -> Column:
    """Return a price's column: `kind` is its SQL type."""
    return Column(name=name, type=kind, unit="quote currency", required=True, description=description)


BAR_RULES = (
    RowRule(
        name="price_is_positive",
        holds="low_price > 0",
        because="A coin that trades has a price above zero; nought stands for an outage.",
    ),
    RowRule(
        name="open_and_close_lie_between_low_and_high",
        holds="high_price >= greatest(open_price, low_price, close_price) "
        "and low_price <= least(open_price, close_price)",
        because="The high is the highest price of a bar and the low its lowest, so the others lie between.",
    ),
    RowRule(name="volume_is_not_negative", holds="base_volume >= 0", because="Trades add to a volume."),
    RowRule(name="closes_after_it_opens", holds="closed_at > opened_at", because="A bar is a stretch of time."),
)
