"""State: a run starts from the wrong state or input, or the wrong values are reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from mockserver.agent.graph import apply_write
from mockserver.core import messages
from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.notifier import Happening
from mockserver.core.records import Run, Thread
from mockserver.defects.base import Defect
from mockserver.script.types import AGENT


def after_a_stop(run: Run, base: Checkpoint | None) -> bool:
    """Return whether a starting run continues from a checkpoint of a stopped run."""
    return any(
        one.fate == "stop" and base is not None and one.run_id == base.run_id for one in run.thread.runs.values()
    )


class PartialTokensPersisted(Defect):
    """An incomplete streamed answer is written to the state.

    Inferred as the opposite of the behaviour that langgraph 5672 requests.
    """

    id = "D15"
    rule = "PST-03"
    seen = ("https://github.com/langchain-ai/langgraph/issues/5672",)
    client = "The conversation contains half a sentence, and the model takes it for a complete message."

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        # A run that was stopped before `agent` was streaming its answer.
        if base is None or base.next != ("agent",) or not after_a_stop(run, base) or not self.strikes(run):
            return base
        # The beginning of the answer in the default script.
        half = messages.ai("The search results give a high", run.ids.uuid4())
        return replace(base, values=apply_write(base.values, {"messages": [half]}, run.script))


class ToolcallStripped(Defect):
    """A tool call without a result is removed from the state when its run is stopped."""

    id = "D16"
    rule = "PST-04"
    seen = ("https://github.com/langchain-ai/langchain-aws/issues/847",)
    client = "A tool call that the client has shown is no longer in the state."

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        # A run that was stopped before `tools` has an open tool call as its last message.
        if base is None or base.next != ("tools",) or not after_a_stop(run, base) or not self.strikes(run):
            return base
        return replace(base, values={**base.values, "messages": base.values["messages"][:-1]})


class SecondInputLost(Defect):
    """The interrupting message never reaches the state.

    Seen by users of open-swe (1248), and in deer-flow (3905).
    """

    id = "D18"
    rule = "INT-21"
    seen = ("https://github.com/langchain-ai/open-swe/pull/1248", "https://github.com/bytedance/deer-flow/issues/3905")
    client = "The second question is not in the conversation, and is never answered."

    def input(self, run: Run) -> Any:
        return _changed(self, run, super().input(run), lambda _: [])


class SecondInputDuplicated(Defect):
    """The interrupting message is written twice.

    Seen in CopilotKit (2711) and in langgraphjs 1969.
    """

    id = "D19"
    rule = "PST-10"
    seen = (
        "https://github.com/CopilotKit/CopilotKit/issues/2711",
        "https://github.com/langchain-ai/langgraphjs/issues/1969",
    )
    client = "The second question appears twice, with two ids."

    def input(self, run: Run) -> Any:
        return _changed(self, run, super().input(run), lambda found: found * 2)


def _changed(defect: Defect, run: Run, raw: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    """Return the input of an interrupting run with its messages changed, and any other input as it is."""
    given = raw.get("messages") if isinstance(raw, dict) else None
    # `interrupt` on an idle thread is a plain run, in which there is nothing to lose.
    superseded = any(one.fate == "stop" for one in run.thread.runs.values())
    if run.strategy != "interrupt" or not superseded or not isinstance(given, list) or not defect.strikes(run):
        return raw
    return {**raw, "messages": change(given)}


class ResumeParkedNode(Defect):
    """New input continues at the node where the thread stopped, instead of entering at the graph's start."""

    id = "D20"
    rule = "PST-12"
    seen = ("https://github.com/aegra/aegra/issues/191",)
    client = "The model does not read the second question first. Instead the stopped tool runs again."

    def entry(self, run: Run, base: Checkpoint | None, first: str) -> str:
        right = super().entry(run, base, first)
        # A run that stopped before the first node would start there anyway.
        parked = base is not None and bool(base.next) and base.next[0] != right
        return base.next[0] if base is not None and parked and self.strikes(run) else right


class WrongParent(Defect):
    """The new run branches off from the oldest checkpoint, so the history forks.

    Seen by users of the official server (langgraph 5672).
    """

    id = "D21"
    rule = "CHK-01"
    seen = ("https://github.com/langchain-ai/langgraph/issues/5672",)
    client = "The conversation lacks the messages in between, and the history has a fork."

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        # A fork needs two checkpoints: a child of the only checkpoint continues the chain correctly.
        if run.strategy != "interrupt" or base is None or base.parent_id is None or not self.strikes(run):
            return base
        return list(run.thread.history.newest_first())[-1]


class StateWriteWhileBusy(Defect):
    """The state can be updated while a run is in flight.

    Inferred from deepagents (4234) and the JavaScript server's tests.
    """

    id = "D63"
    rule = "CHK-07"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/tests/api.test.mts",
        "https://github.com/langchain-ai/deepagents/pull/4234",
    )
    client = "An update of the state succeeds during a run, and the run's next step may overwrite it."

    def may_update_state(self, thread: Thread) -> bool:
        return super().may_update_state(thread) or self.strikes()


class ThreadValuesCleared(Defect):
    """The thread's `values` are `null` after an interrupt, although its state has them."""

    id = "D13"
    rule = "PST-08"
    seen = ("https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/queue.mts",)
    client = (
        "`values` of the thread are `null` although its state has messages, so a list of threads shows an empty "
        "conversation."
    )

    def thread_values(self, thread: Thread) -> Values | None:
        stopped = any(run.fate == "stop" for run in thread.runs.values())
        return None if stopped and self.strikes(thread) else super().thread_values(thread)


class WrongRunValues(Defect):
    """`join` and `wait` of a stopped run wait for the newest run and return its values.

    Inferred from langgraphjs 864 and deer-flow 1465.
    """

    id = "D47"
    rule = "STR-16"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/issues/864",
        "https://github.com/bytedance/deer-flow/issues/1465",
    )
    client = "`join` of the first run returns the second run's answer."

    def awaited(self, run: Run) -> Happening:
        newest = self._newest(run)
        return super().awaited(run) if newest is run or not self.strikes(run) else newest.ended

    def output(self, run: Run) -> Values:
        newest = self._newest(run)
        return super().output(newest if newest is not run and self.struck(run) else run)

    def _newest(self, run: Run) -> Run:
        # Only once the run is over. Until then the correct server waits for it as well.
        stopped = run.ended.is_set() and run.fate == "stop"
        return next(reversed(run.thread.runs.values()), run) if stopped else run


class ResumeRestarts(Defect):
    """A resuming run starts again at the entry of the graph, not at the step that asked.

    Seen by users of agent-chat-ui (85).
    """

    id = "D87"
    rule = "HIL-05"
    seen = ("https://github.com/langchain-ai/agent-chat-ui/issues/85",)
    client = "After a question is answered, everything is done again from the start."

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        resumes = run.request.command is not None and run.request.command.resume is not None
        if base is None or not resumes or not base.next or not self.strikes(run):
            return base
        # The checkpoint keeps its values, and only the steps that follow it change.
        return replace(base, next=(super().entry(run, base, AGENT),))


class CheckpointIgnored(Defect):
    """A run that names a checkpoint continues from the newest one instead."""

    id = "D100"
    rule = "CHK-06"
    seen = ()
    client = "Editing an earlier message continues from the end of the conversation instead."

    def base(self, run: Run) -> Checkpoint | None:
        right, newest = super().base(run), run.thread.history.head
        # If the named checkpoint is the newest one, ignoring the name changes nothing.
        return newest if newest is not right and run.request.requested_checkpoint and self.strikes(run) else right


class CheckpointRunRestarts(Defect):
    """A run that names a checkpoint and has no input enters the graph at its start."""

    id = "D250"
    rule = "CHK-30"
    seen = ("https://github.com/aegra/aegra/issues/320",)
    client = "Running again from an earlier step begins a new pass of the agent on top of that step."

    def input(self, run: Run) -> Any:
        right = super().input(run)
        continues = right is None and run.request.command is None and run.request.requested_checkpoint is not None
        # An object without channels is an input all the same: it adds nothing, and the graph begins with it.
        return {} if continues and self.strikes(run) else right


class UpdateAtIgnored(Defect):
    """An update of the state at a checkpoint continues from the newest one instead."""

    id = "D251"
    rule = "CHK-27"
    seen = ("https://github.com/aegra/aegra/pull/321",)
    client = "A message that is edited in the past is added to the end of the conversation instead."

    def update_base(self, thread: Thread, named: Checkpoint | None) -> Checkpoint | None:
        right, newest = super().update_base(thread, named), thread.history.head
        return newest if newest is not right and self.strikes(thread) else right


class FinishedAnswerLost(Defect):
    """The answer of a run that has just finished is lost when the next run supersedes it."""

    id = "D126"
    rule = "INT-17"
    seen = ()
    client = "An answer that was complete on the screen is gone after the next message."

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        # Without steps that follow it, the checkpoint is the last one of a run that finished.
        if run.strategy != "interrupt" or base is None or base.next or not base.values["messages"]:
            return base
        shortened = replace(base, values={**base.values, "messages": base.values["messages"][:-1]})
        return shortened if self.strikes(run) else base


class StaleResumeExecutes(Defect):
    """A resume without an open question starts a pass of the graph."""

    id = "D127"
    rule = "HIL-10"
    seen = ()
    client = "Answering a question that is no longer open makes the agent speak again."

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        resumes = run.request.command is not None and run.request.command.resume is not None
        # A checkpoint with steps that follow it may have an open question, and the resume may be right.
        if base is None or not resumes or base.next or not self.strikes(run):
            return base
        return replace(base, next=(super().entry(run, base, AGENT),))
