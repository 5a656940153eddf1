"""The one task that waits for a person. It takes no slot of a pool and no worker meanwhile, and needs no triggerer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from verb_outcome import airflow_outcomes

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context


class AcceptWarnings(ApprovalOperator):
    """Ask whether a release with new warnings may go out; succeed at once where nothing has to be asked.

    Approved with a reason: the acceptance is recorded and what follows publishes. Rejected, or no answer in a day: what
    follows is skipped, and the current release stays. The answer comes with the id of what was shown (`question`), so
    that nobody accepts by an old page what has changed since.
    """

    def __init__(self, **given: Any) -> None:  # noqa: ANN401
        """Take what any task takes."""
        super().__init__(
            subject="A release has new warnings: publish it all the same?",
            defaults=self.REJECT,
            response_timeout=timedelta(days=1),  # the standard library's: Airflow cannot hand pendulum's on
            params={
                "because": Param(
                    "", type="string", title="Because", description="Why it may go out. The release says so."
                ),
                "question": Param(
                    "", type="string", title="Findings", description="Leave it: what you have been shown."
                ),
            },
            **given,
        )

    @airflow_outcomes
    def execute(self, context: Context) -> None:
        """Ask, or go on."""
        from warehouse import approval

        question = approval.unanswered()
        if question is None:
            return
        self.body = str(question)
        self.params["question"] = question.id
        super().execute(context)

    @airflow_outcomes
    def execute_complete(self, context: Context, event: dict[str, Any]) -> int | None:
        """Record who accepted it and why, or skip what follows; an approval without a reason is asked again."""
        from warehouse import approval

        if event.get("chosen_options") != [self.APPROVE]:
            super().execute_complete(context, event)
            return None
        who, answer = event["responded_by_user"], event["params_input"] or {}
        because = str(answer.get("because", ""))
        if not because.strip():
            self.log.warning("%s approved it without saying why, so it is asked again.", who["name"])
            self.execute(context)
            return None
        return approval.accept(by=who["name"], because=because, question=str(answer.get("question", ""))).rows
