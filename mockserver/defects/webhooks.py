"""Webhooks: they are missing, repeated, out of order, or harmful."""

from __future__ import annotations

from typing import Any

from mockserver.core.records import Run
from mockserver.defects.base import Defect


class WebhookMissingOrDouble(Defect):
    """A stopped run sends no webhook, and a finished run sends two.

    Inferred from the webhooks page, which specifies one webhook for each run that has ended.
    """

    id = "D62"
    rule = "WHK-01"
    seen = ("langchain-ai/docs src/langgraph-platform/use-webhooks.mdx",)
    client = "No webhook arrives for a stopped run, and two arrive for a finished one."

    def webhooks(self, run: Run) -> list[tuple[Run, str]]:
        right = super().webhooks(run)
        # A run without a URL sends nothing, and `times` is not used up.
        if not right or not run.request.webhook or not self.strikes(run):
            return right
        return [] if run.status == "interrupted" else right * 2


class WebhookOutOfOrder(Defect):
    """The webhook of a superseded run is sent only after that of the run that superseded it."""

    id = "D106"
    rule = "WHK-02"
    seen = ()
    client = "A listener is notified of the second run before it learns that the first was stopped."

    def webhooks(self, run: Run) -> list[tuple[Run, str]]:
        right = super().webhooks(run)
        sends = bool(run.request.webhook and right)
        # Withheld only while another run is in flight, whose end sends the late webhook.
        if sends and run.fate is not None and run.thread.in_flight and self.strikes(run):
            return []
        # Behind the webhook of the newer run, which makes the order wrong.
        late = [one for one in run.thread.runs.values() if one is not run and one.started_at and self.struck(one)]
        return [*right, *((one, one.status) for one in late)]


class WebhookFailureSpoilsRun(Defect):
    """A run fails if its webhook cannot be delivered."""

    id = "D107"
    rule = "WHK-03"
    seen = ()
    client = "A run that completed its work is shown as failed, because the listener did not accept its webhook."

    def webhook_failed(self, run: Run) -> None:
        # The lifecycle does not allow this change, so the status is set directly.
        if self.strikes(run):
            run.status = "error"


class WebhookWithoutValues(Defect):
    """The webhook of a finished run has no `values`."""

    id = "D218"
    rule = "WHK-10"
    seen = ()
    client = "A listener is notified that the run has ended, and has to fetch the answer itself."

    def notice(self, run: Run, body: dict[str, Any]) -> dict[str, Any]:
        right = super().notice(run, body)
        if run.status != "success" or not self.strikes(run):
            return right
        return {name: value for name, value in right.items() if name != "values"}


class WebhookSaysRunning(Defect):
    """The webhook of an ended run has the status `running`."""

    id = "D219"
    rule = "WHK-11"
    seen = ()
    client = "A listener that waits for the end of the run ignores its only webhook."

    def notice(self, run: Run, body: dict[str, Any]) -> dict[str, Any]:
        right = super().notice(run, body)
        return {**right, "status": "running"} if self.strikes(run) else right


class SuccessorWebhookTwice(Defect):
    """A run that superseded another run sends its webhook twice."""

    id = "D220"
    rule = "WHK-12"
    seen = ()
    client = "A listener handles the answer to the second message twice."

    def webhooks(self, run: Run) -> list[tuple[Run, str]]:
        right = super().webhooks(run)
        superseding = any(one.fate is not None for one in run.thread.runs.values()) and run.fate is None
        sends = bool(right and run.request.webhook)
        return right * 2 if superseding and sends and self.strikes(run) else right
