"""How a check is written that no expectation of the library says: as a query that has to find nothing."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

from typing import Any, ClassVar

import great_expectations.expectations as gxe


class NoRows(gxe.UnexpectedRowsExpectation):  # type: ignore[misc]  # it carries no types for us
    """Expect that a query finds nothing, and run it once.

    Great Expectations' own runs every query twice, to count what it finds and to keep the first rows of it; those are
    asked for by warehouse/validation.py, of what failed.
    """

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.row_count",)

    def _validate(self, metrics: dict[str, Any], *more: Any, **named: Any) -> dict[str, Any]:  # noqa: ANN401 - theirs
        outcome: dict[str, Any] = super()._validate({**metrics, "unexpected_rows_query.table": []}, *more, **named)
        return outcome


def no_rows(name: str, sentence: str, query: str, *, severity: str, because: str | None = None) -> NoRows:
    """Expect that `query` finds nothing. `{batch}` in it stands for the table; other braces are doubled.

    One that reads only what its suite shares (`Suite.shared`) says of which table all the same, as the library wants.
    """
    return NoRows(
        unexpected_rows_query=query if "{batch}" in query else f"/* of {{batch}} */ {query}",
        description=sentence,
        severity=severity,
        notes=because,
        meta={"name": name},
    )
