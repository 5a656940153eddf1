"""How a check is written that no expectation of the library says: as a query that has to find nothing."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe


def no_rows(
    name: str, sentence: str, query: str, *, severity: str, because: str | None = None
) -> gxe.UnexpectedRowsExpectation:
    """Expect that `query` finds nothing. `{batch}` in it stands for the table; other braces are doubled."""
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=query,
        description=sentence,
        severity=severity,
        notes=because,
        meta={"name": name},
    )
