"""The chain: the stored checkpoints are right, but their metadata, times, questions or calls are shown wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from mockserver.core.checkpoints import Values
from mockserver.core.records import Thread
from mockserver.defects.answers import json_body, matches, refusal, with_body
from mockserver.defects.base import Defect
from mockserver.defects.states import HISTORIES, STATE, View
from mockserver.web.interceptors import Handler

Json = dict[str, Any]


class _Entries(View):
    """A defect in every state of a thread, wherever it is shown."""

    endpoints = (("GET", STATE), *HISTORIES)

    def shown(self, thread: Thread, body: Any) -> Any:
        entries = body if isinstance(body, list) else [body]
        changed = [self.described(thread, one) if one["checkpoint_id"] else one for one in entries]
        return changed if isinstance(body, list) else changed[0]

    def described(self, thread: Thread, one: Json) -> Json:
        """Return the state to show instead of `one`."""
        raise NotImplementedError


class StepsRestart(_Entries):
    """The steps of every run are counted from the beginning."""

    id = "D174"
    rule = "CHK-25"
    seen = ()
    client = "Two checkpoints of a thread have the same step, and a list that is keyed by steps shows one of them."

    def described(self, thread: Thread, one: Json) -> Json:
        chain = list(thread.history.newest_first())[::-1]
        run_id = one["metadata"].get("run_id")
        first = next((each.step for each in chain if each.run_id == run_id), -1)
        if first == -1 or not self.strikes(thread):
            return one
        return {**one, "metadata": {**one["metadata"], "step": one["metadata"]["step"] - first - 1}}


class SourceAlwaysLoop(_Entries):
    """Every checkpoint has the source `loop`, also those of inputs and updates."""

    id = "D175"
    rule = "CHK-27"
    seen = ()
    client = "A client cannot find the turns of a conversation in its history."

    def described(self, thread: Thread, one: Json) -> Json:
        if one["metadata"].get("source") == "loop" or not self.strikes(thread):
            return one
        return {**one, "metadata": {**one["metadata"], "source": "loop"}}


class FinishedNextLeft(_Entries):
    """The state of a finished thread names a node that would execute next."""

    id = "D176"
    rule = "CHK-28"
    seen = ()
    client = "An application shows a finished conversation as one that waits."

    def described(self, thread: Thread, one: Json) -> Json:
        head = thread.history.head
        at_the_end = head is not None and one["checkpoint_id"] == head.checkpoint_id and not one["next"]
        return {**one, "next": ["agent"]} if at_the_end and self.strikes(thread) else one


class PassedNextLost(_Entries):
    """An entry of a history that was followed by a step has an empty `next`."""

    id = "D224"
    rule = "AGR-10"
    seen = ()
    client = "A client that continues from an old checkpoint believes that the thread was done there."

    def described(self, thread: Thread, one: Json) -> Json:
        passed = thread.history.head is not None and one["checkpoint_id"] != thread.history.head.checkpoint_id
        return {**one, "next": []} if passed and one["next"] and self.strikes(thread) else one


class TaskIdsShared(_Entries):
    """Every task in every state has the same id."""

    id = "D225"
    rule = "AGR-10"
    seen = ()
    client = "A list of tasks that is keyed by their ids shows one of two that run at the same time."

    def described(self, thread: Thread, one: Json) -> Json:
        if not one["tasks"] or not self.strikes(thread):
            return one
        return {**one, "tasks": [{**task, "id": thread.thread_id} for task in one["tasks"]]}


class TimesReversed(_Entries):
    """The times of a thread's checkpoints go back along the chain."""

    id = "D177"
    rule = "CHK-29"
    seen = ()
    client = "A history that is sorted by time is upside down."

    def described(self, thread: Thread, one: Json) -> Json:
        root = list(thread.history.newest_first())[-1]
        found = thread.history.get(one["checkpoint_id"])
        if found is None or found is root or not self.strikes(thread):
            return one
        # Mirrored at the oldest one, so that every checkpoint keeps the same wrong time.
        return {**one, "created_at": (root.created_at - (found.created_at - root.created_at)).isoformat()}


class TimesFrozen(_Entries):
    """Every checkpoint of a thread has the time of the oldest one."""

    id = "D178"
    rule = "CHK-29"
    seen = ()
    client = "All messages of a conversation were written at the same time."

    def described(self, thread: Thread, one: Json) -> Json:
        root = list(thread.history.newest_first())[-1]
        late = one["checkpoint_id"] != root.checkpoint_id
        return {**one, "created_at": root.created_at.isoformat()} if late and self.strikes(thread) else one


class ToolArgumentsLost(_Entries):
    """The tool calls in the state have no arguments."""

    id = "D179"
    rule = "PST-13"
    seen = ()
    client = "An application cannot show what the agent searched for."

    def described(self, thread: Thread, one: Json) -> Json:
        calls = [call for message in one["values"].get("messages", ()) for call in message.get("tool_calls") or ()]
        if calls and self.strikes(thread):
            for call in calls:
                call["args"] = {}
        return one


def _questions(one: Json) -> Iterator[list[Json]]:
    """Yield every list of questions in a state."""
    yield one["interrupts"]
    for task in one["tasks"]:
        yield task["interrupts"]


class QuestionAsText(_Entries):
    """The value of a question is shown as text."""

    id = "D180"
    rule = "HIL-11"
    seen = ()
    client = "A form that an application makes from a question is empty."

    def described(self, thread: Thread, one: Json) -> Json:
        if one["interrupts"] and self.strikes(thread):
            # A question may be in both lists as the same object or as two.
            for question in [question for found in _questions(one) for question in found]:
                question["value"] = str(question["value"])
        return one


class OldQuestionShown(_Entries):
    """When the run that answers a question asks another one, the old question is shown in its place."""

    id = "D252"
    rule = "HIL-11"
    seen = ("https://github.com/langchain-ai/langgraph/issues/3275",)
    client = "The human is asked again what was answered, and the answer goes to another question."

    def described(self, thread: Thread, one: Json) -> Json:
        head = thread.history.head
        old = self._old(thread) if head is not None and one["checkpoint_id"] == head.checkpoint_id else []
        if not old or not one["interrupts"] or not self.strikes(thread):
            return one
        tasks = [{**task, "interrupts": old if task["interrupts"] else []} for task in one["tasks"]]
        return {**one, "interrupts": old, "tasks": tasks}

    def thread_interrupts(self, thread: Thread) -> dict[str, list[Any]]:
        right, old = super().thread_interrupts(thread), self._old(thread)
        return dict.fromkeys(right, old) if right and old and self.strikes(thread) else right

    def _old(self, thread: Thread) -> list[Json]:
        """Return the newest questions of an earlier checkpoint than the newest one."""
        history = thread.history
        for checkpoint in list(history.newest_first())[1:]:
            for task in checkpoint.next:
                if questions := history.last_mark(checkpoint.checkpoint_id, "interrupt", task):
                    return list(questions)
        return []


class OneQuestionShown(_Entries):
    """Of two open questions only the first one is shown."""

    id = "D181"
    rule = "HIL-12"
    seen = ()
    client = "The second question cannot be answered, and the conversation waits for ever."

    def described(self, thread: Thread, one: Json) -> Json:
        if len(one["interrupts"]) < 2 or not self.strikes(thread):
            return one
        kept = one["interrupts"][:1]
        tasks = [
            {**task, "interrupts": [each for each in task["interrupts"] if each["id"] == kept[0]["id"]]}
            for task in one["tasks"]
        ]
        return {**one, "interrupts": kept, "tasks": tasks}


class AnswersByIdRefused(Defect):
    """A resume with answers by the ids of several questions is refused."""

    id = "D182"
    rule = "HIL-13"
    seen = ()
    client = "Several questions cannot be answered at once."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", "/threads/{thread_id}/runs") and await self._several(request) and self.strikes():
            return refusal(422, "command.resume with several answers is not supported")
        return await super().answer(request, handler)

    async def _several(self, request: web.Request) -> bool:
        body = await json_body(request)
        command = body.get("command") if isinstance(body, dict) else None
        resume = command.get("resume") if isinstance(command, dict) else None
        return isinstance(resume, dict) and len(resume) > 1


class PartialAnswerClosesAll(_Entries):
    """When one of two open questions is answered, no state shows the other one any more."""

    id = "D230"
    rule = "HIL-15"
    seen = ()
    client = "The second of two approvals is never requested, and the conversation waits for it for ever."

    def described(self, thread: Thread, one: Json) -> Json:
        answered = any(run.request.command is not None for run in thread.runs.values())
        if not answered or not one["interrupts"] or not self.strikes(thread):
            return one
        return {**one, "interrupts": [], "tasks": [{**task, "interrupts": []} for task in one["tasks"]]}


class ChildStateHidden(View):
    """The state with `subgraphs=true` shows no state of a child graph."""

    id = "D259"
    rule = "CHK-31"
    seen = ("https://github.com/aegra/aegra/pull/92",)
    client = "A page that shows the work of a subagent while it waits shows nothing."

    def shown(self, thread: Thread, body: Any) -> Any:
        if not any(task["state"] for task in body["tasks"]) or not self.strikes(thread):
            return body
        return {**body, "tasks": [{**task, "state": None} for task in body["tasks"]]}


class ChildValuesShown(Defect):
    """A thread that waits in a child graph is shown with the values of that graph."""

    id = "D261"
    rule = "AGR-06"
    seen = ("https://github.com/langchain-ai/deepagents/issues/2781",)
    client = "The conversation disappears from the page while a subagent waits for an answer."

    def thread_values(self, thread: Thread) -> Values | None:
        right, history = super().thread_values(thread), thread.visible
        head = history.head
        waiting = history.waiting_interrupts() if head is not None else {}
        children = [history.find(head.namespace(node)).head for node in waiting] if head is not None else []
        shown = next((child for child in children if child is not None), None)
        return right if shown is None or not self.strikes(thread) else shown.values


class UpdateAsNodeIgnored(Defect):
    """An update of the state ignores its `as_node`, so that the step that it replaces is still to be executed."""

    id = "D260"
    rule = "CHK-32"
    seen = ("https://github.com/langchain-ai/langgraph/issues/8653",)
    client = "A tool call that a human has answered by hand is executed after all, or asks again."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await json_body(request) if matches(request, "POST", STATE) else None
        if isinstance(body, dict) and body.get("as_node") and self.strikes():
            request = with_body(request, {name: value for name, value in body.items() if name != "as_node"})
        return await super().answer(request, handler)


class TaskErrorsLost(_Entries):
    """The task of a step that failed shows no error."""

    id = "D286"
    rule = "CHK-35"
    seen = ()
    client = "A conversation that stopped because of a failure shows no reason."

    def described(self, thread: Thread, one: Json) -> Json:
        if not any(task.get("error") for task in one["tasks"]) or not self.strikes(thread):
            return one
        return {**one, "tasks": [{**task, "error": None} for task in one["tasks"]]}
