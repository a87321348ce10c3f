"""What a listener is told of runs that are over is wrong, or does harm."""

from __future__ import annotations

from mockserver.core.records import Run
from mockserver.defects.base import Defect


class WebhookMissingOrDouble(Defect):
    """A run that is stopped sends no webhook, and one that comes to its end sends two.

    Inferred from the webhooks page, which has one webhook for each run that is over.
    """

    id = "D62"
    seen = ("langchain-ai/docs src/langgraph-platform/use-webhooks.mdx",)
    client = "No webhook comes for a stopped run, and two come for one that finishes."

    def webhooks(self, run: Run) -> list[tuple[Run, str]]:
        right = super().webhooks(run)
        if not right or run.request.webhook is None or not self.strikes(run):
            return right
        return [] if run.status == "interrupted" else right * 2


class WebhookOutOfOrder(Defect):
    """The webhook of a superseded run comes only behind that of the run that superseded it."""

    id = "D106"
    seen = ()
    client = "A listener hears of the second run before it hears that the first was stopped."

    def webhooks(self, run: Run) -> list[tuple[Run, str]]:
        right = super().webhooks(run)
        asked = run.request.webhook is not None and bool(right)
        if asked and run.fate is not None and run.thread.in_flight and self.strikes(run):
            return []
        late = [one for one in run.thread.runs.values() if one is not run and one.started_at and self.struck(one)]
        return [*right, *((one, one.status) for one in late)]


class WebhookFailureSpoilsRun(Defect):
    """A run whose listener fails ends as failed."""

    id = "D107"
    seen = ()
    client = "A run that did all its work is shown as failed, because nobody took its webhook."

    def webhook_failed(self, run: Run) -> None:
        if self.strikes(run):
            run.status = "error"
