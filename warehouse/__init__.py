"""Dry Powder: is AI capital expenditure draining the world's idle capital?

For consumers of releases this is all there is: `warehouse.connect()` opens the current one, read-only.
"""

from warehouse.release import connect

__all__ = ["connect"]
