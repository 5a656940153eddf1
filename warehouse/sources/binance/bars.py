"""What the bars of every trading venue share: how a price is declared, and what holds for every bar."""

from __future__ import annotations

from warehouse.contract import Column, RowRule


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
