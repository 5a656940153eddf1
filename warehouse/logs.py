"""What a process logs, for a person or as a line of JSON each: with its run in every line, and no secret in any."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, TextIO

from warehouse.masking import masked

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_FIRST = ("timestamp", "level", "logger", "event", "run_id", "step", "subject", "outcome")


def configure(form: str, *, verbose: bool = False, stream: TextIO | None = None) -> None:
    """Log to standard error: `text` only errors, unless `verbose`; `json` all that the verbs say."""
    import structlog

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask,
    ]
    as_json: list[Any] = [structlog.processors.JSONRenderer(default=str)]
    as_text: list[Any] = [_as_text]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(as_json if form == "json" else as_text),
            ],
        )
    )
    # Without lines the command says itself how a verb ended.
    has_lines = verbose or form == "json"
    logging.getLogger("warehouse.runs").setLevel(logging.NOTSET if has_lines else logging.CRITICAL)
    logging.basicConfig(level=logging.INFO if has_lines else logging.ERROR, handlers=[handler], force=True)


def _mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask every text of a line, and put what it carries in one order: the same facts stand in the same place."""
    first = [name for name in _FIRST if name in event]
    names = [*first, *sorted(event.keys() - set(first))]
    return {name: masked(event[name]) if isinstance(event[name], str) else event[name] for name in names}


def _as_text(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    head = [event.pop(name) for name in ("timestamp", "level", "logger", "event")]
    trace = event.pop("exception", None)
    line = " ".join([head[0], head[1].upper(), *head[2:], *(f"{name}={value}" for name, value in event.items())])
    return f"{line}\n{trace}" if trace else line
