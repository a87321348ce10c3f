"""Given: the agent of a run gets another answer or another configurable than the client sent."""

from __future__ import annotations

from typing import Any

from mockserver.core.records import Run
from mockserver.defects.base import Defect


class ResumeValueAsText(Defect):
    """The answer to a question reaches the agent as text."""

    id = "D240"
    rule = "HIL-14"
    seen = ()
    client = "An agent that needs the fields of a form gets one text."

    def answer_given(self, run: Run, answer: Any) -> Any:
        right = super().answer_given(run, answer)
        return str(right) if not isinstance(right, str) and self.strikes(run) else right


class ConfigurableOfOlderRuns(Defect):
    """A run sees the configurable of the runs before it on its thread, under its own."""

    id = "D241"
    rule = "RUN-23"
    seen = ()
    client = "A setting of one message still holds for the next one."

    def configurable(self, run: Run) -> dict[str, Any]:
        right = super().configurable(run)
        older: dict[str, Any] = {}
        for other in run.thread.runs.values():
            if other is run:
                break
            older |= {name: value for name, value in other.configurable.items() if name not in right}
        return {**older, **right} if older and self.strikes(run) else right


class ConfigurableLost(Defect):
    """A run that supersedes another does not see its own configurable."""

    id = "D242"
    rule = "RUN-23"
    seen = ()
    client = "The settings of a second message are ignored."

    def configurable(self, run: Run) -> dict[str, Any]:
        right = super().configurable(run)
        kept = {name: value for name, value in right.items() if name == "probe" or not name.startswith("doubletext_")}
        return kept if kept != right and run.strategy == "interrupt" and self.strikes(run) else right
