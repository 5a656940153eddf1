"""Great Expectations' pages, whose templates are compiled once in a process: it makes an environment for each kind.

Compiling them was most of what a report took. Imported by name, from the configuration of a report.
"""
# ruff: noqa: TID253 - the classes below subclass Great Expectations' own, and nobody imports them at module level

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import BytecodeCache

if TYPE_CHECKING:
    from jinja2.bccache import Bucket


class _Compiled(BytecodeCache):
    """Templates by their digest, which Jinja takes of their name and text."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._code.get(bucket.key + bucket.checksum):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


class _Shares:
    """Takes the compiled templates of the pages before."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401  (as its own)
        super().__init__(*arguments, **named)
        self.env.bytecode_cache = _COMPILED  # type: ignore[attr-defined]  # Jinja's, which the view made


class PageView(_Shares, DefaultJinjaPageView):  # type: ignore[misc]  # it carries no types for us
    """A page of a suite or of its verdict."""


class IndexPageView(_Shares, DefaultJinjaIndexPageView):  # type: ignore[misc]  # as above
    """The list of pages."""
