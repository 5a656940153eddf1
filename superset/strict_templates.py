"""Templates in SQL call a function, choose between two texts, and can do nothing else.

Jinja's sandbox keeps templates from Python, and not from memory and time: `{{ 'x' * 10 ** 10 }}` ends the process, and
a loop in a loop holds it, for whoever may look at a chart. Figures and filters typed into a chart are templates too.
"""

from __future__ import annotations

from jinja2 import nodes
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.exceptions import TemplateSyntaxError
from superset.errors import ErrorLevel, SupersetError, SupersetErrorType
from superset.exceptions import SupersetSyntaxErrorException
from superset.jinja_context import JinjaTemplateProcessor

ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Name, nodes.Call),
    *(nodes.Keyword, nodes.List, nodes.Tuple, nodes.If, nodes.Compare, nodes.Operand, nodes.Not, nodes.And, nodes.Or),
)


class TemplateProcessor(JinjaTemplateProcessor):
    """Superset's own, for templates of the allowed parts."""

    def process_template(self, sql: str, **kwargs: object) -> str:
        """Fill in a template.

        Raises:
            SupersetSyntaxErrorException: it does more than call functions of Superset's and ours.
        """
        try:
            parsed = self.env.parse(sql)
        except TemplateSyntaxError:
            return super().process_template(sql, **kwargs)  # says what is wrong with it
        for node in parsed.find_all(nodes.Node):
            named = isinstance(node, nodes.Name) and node.name in DEFAULT_NAMESPACE  # range, lipsum and the like
            if named or not isinstance(node, ALLOWED):
                got = node.name if named else type(node).__name__
                message = (
                    f"The template was not filled in; expected calls of functions such as filter_values(), got {got}. "
                    "Write it without loops, calculations, attributes and filters."
                )
                kind, level = SupersetErrorType.GENERIC_COMMAND_ERROR, ErrorLevel.ERROR
                raise SupersetSyntaxErrorException([SupersetError(message=message, error_type=kind, level=level)])
        return super().process_template(sql, **kwargs)
