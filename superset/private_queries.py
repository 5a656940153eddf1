"""Who typed a query may chart it, and nobody else: Superset lets everyone who may read its database."""

from __future__ import annotations

from typing import Any

from superset.errors import ErrorLevel, SupersetError, SupersetErrorType
from superset.exceptions import SupersetSecurityException
from superset.security import SupersetSecurityManager
from superset.utils.core import get_user_id


class SecurityManager(SupersetSecurityManager):
    """Superset's own, with one check more."""

    def raise_for_access(self, *args: Any, **asked: Any) -> None:  # noqa: ANN401
        """Refuse a source that is another's query or saved query, then ask as Superset does.

        Raises:
            SupersetSecurityException: it is another's, or Superset refuses it.
        """
        context = asked.get("query_context")
        for source in (asked.get("datasource"), asked.get("query"), getattr(context, "datasource", None)):
            owner = getattr(source, "user_id", None)  # of queries and saved queries alone
            if owner is not None and owner != get_user_id() and not self.is_admin():
                raise SupersetSecurityException(
                    SupersetError(
                        message="This query is another user's. Ask for a dataset, or type it yourself.",
                        error_type=SupersetErrorType.DATASOURCE_SECURITY_ACCESS_ERROR,
                        level=ErrorLevel.ERROR,
                    )
                )
        super().raise_for_access(*args, **asked)
