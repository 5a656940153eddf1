"""Templates in SQL call a function, choose between two texts, and can do nothing else.

Jinja's sandbox keeps templates from Python, and not from memory and time: `{{ 'x' * 10 ** 10 }}` ends the process, and
a loop in a loop holds it, for whoever may look at a chart. Figures and filters typed into a chart are templates too,
and every query that was ever typed is filled in again where queries are listed.
"""

from __future__ import annotations

from typing import Any

from jinja2 import DebugUndefined, nodes
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.exceptions import SecurityError
from jinja2.sandbox import SandboxedEnvironment
from superset.jinja_context import JinjaTemplateProcessor

ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Name, nodes.Call, nodes.Keyword),
    *(nodes.List, nodes.Tuple, nodes.If, nodes.Compare, nodes.Operand, nodes.Not, nodes.And, nodes.Or),
)


class Environment(SandboxedEnvironment):
    """The sandbox, for templates of the allowed parts. Whatever is run is compiled here first."""

    def compile(self, source: str | nodes.Template, *rest: Any, **options: Any) -> Any:  # noqa: ANN401
        """Compile a template.

        Raises:
            SecurityError: it does more than call functions of Superset's and ours.
        """
        for node in (self.parse(source) if isinstance(source, str) else source).find_all(nodes.Node):
            named = isinstance(node, nodes.Name) and node.name in DEFAULT_NAMESPACE  # range, lipsum and the like
            if named or not isinstance(node, ALLOWED):
                got = node.name if named else type(node).__name__
                raise SecurityError(
                    f"The template was not filled in; expected calls of functions such as filter_values(), got {got}. "
                    "Write it without loops, calculations, attributes and filters."
                )
        return super().compile(source, *rest, **options)


class TemplateProcessor(JinjaTemplateProcessor):
    """Superset's own, with that environment."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        """Make what fills in the templates of one database."""
        super().__init__(*args, **options)
        filters, self.env = self.env.filters, Environment(undefined=DebugUndefined)
        self.env.filters.update(filters)
