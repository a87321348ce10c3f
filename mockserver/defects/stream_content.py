"""Content of streams: events of the wrong run, the wrong node or an older state, and events that are lost."""

from __future__ import annotations

from typing import Any

from mockserver.core.checkpoints import Values
from mockserver.core.clock import milliseconds
from mockserver.core.records import Run
from mockserver.core.streams import Event
from mockserver.defects.base import Defect

LIMIT = 1024 * 1024
"""The bytes of data above which an event is lost."""


class SupersededStreamGoesOn(Defect):
    """The stream of a superseded run stays open until the next run has ended, and ends with that run's values."""

    id = "D205"
    rule = "STR-14"
    seen = ()
    client = "The answer to the second message appears as the answer to the first one."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._open: dict[str, list[Run]] = {}

    def release(self, run: Run) -> None:
        thread = run.thread
        if run.fate == "stop" and thread.in_flight and "values" in run.request.modes and self.strikes(run):
            self._open.setdefault(thread.thread_id, []).append(run)
            # Requests that wait for the run are answered. A join that hangs is another defect.
            run.ended.set()
            return
        if run.fate is None:
            for stopped in self._open.pop(thread.thread_id, []):
                stopped.log.append("values", "values", run.output, at=milliseconds(run.updated_at))
                super().release(stopped)
        super().release(run)


class ValuesStale(Defect):
    """Every `values` event after the first is one step behind: it has the values of the event before it."""

    id = "D206"
    rule = "STR-41"
    seen = ()
    client = "Messages disappear from the screen and come back, and the last one is missing at the end."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._newest: dict[str, Any] = {}
        self._done: dict[int, Event] = {}

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        # Each reader of a stream is asked about the same event, which is changed once. The event is kept, because the
        # id of an object that was freed may be given to another one.
        if event.name == "values" and id(event) not in self._done:
            self._done[id(event)] = event
            messages = event.data.get("messages") or [{}]
            # The first message of a thread identifies the thread.
            key = str(messages[0].get("id"))
            before, self._newest[key] = self._newest.get(key), event.data
            if before is not None and self.strikes():
                event.data = before
        return super().shows(event, modes)


class LastValuesNull(Defect):
    """A `values` event that shows an answer has null in place of the state."""

    id = "D207"
    rule = "SHP-05"
    seen = ()
    client = "The conversation is empty, or the client crashes, until the page is loaded again."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        if event.name == "values" and event.data and len(event.data.get("messages", ())) > 2 and self.strikes():
            event.data = None
        return super().shows(event, modes)


class UpdatesUnderOneNode(Defect):
    """The update of every node has the name of the first one."""

    id = "D208"
    rule = "STR-42"
    seen = ()
    client = "The result of a tool is shown as an answer of the assistant."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        wrong = event.name == "updates" and "__interrupt__" not in event.data and "agent" not in event.data
        if wrong and self.strikes():
            [write] = event.data.values()
            event.data = {"agent": write}
        return super().shows(event, modes)


class EventsModeSilent(Defect):
    """The modes `events`, `tasks`, `checkpoints` and `debug` are accepted and send nothing."""

    id = "D209"
    rule = "STR-25"
    seen = ()
    client = "A trace of the run stays empty."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        rare = event.mode in ("events", "tasks", "checkpoints", "debug")
        return not (rare and self.strikes()) and super().shows(event, modes)


class LargeEventsLost(Defect):
    """An event of more than a megabyte is not sent."""

    id = "D210"
    rule = "STR-43"
    seen = ()
    client = "A long conversation stops in the middle, and its last state never arrives."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        return not (len(event.encoded()) > LIMIT and self.strikes()) and super().shows(event, modes)


class LateJoinOwnValues(Defect):
    """A join of a run that ended long ago returns the values of that run, also when another run has followed it."""

    id = "D211"
    rule = "STR-44"
    seen = ()
    client = "A client that joins an older run shows an older state of the conversation."

    def joined(self, run: Run) -> Values:
        right = super().joined(run)
        own = self.output(run)
        return own if right != own and self.strikes(run) else right


class TaskResultsNotStreamed(Defect):
    """A stream of `tasks` has the beginning of each task, and not its result."""

    id = "D226"
    rule = "STR-45"
    seen = ()
    client = "A timeline of the run shows every step as executing."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        ends = event.name == "tasks" and "result" in event.data
        return not (ends and self.strikes()) and super().shows(event, modes)


class CallEndsNotStreamed(Defect):
    """A stream of `events` does not have the end of a call of the model."""

    id = "D227"
    rule = "STR-46"
    seen = ()
    client = "An application shows for ever that the model is at work."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        ends = event.name == "events" and event.data["event"] == "on_chat_model_end"
        return not (ends and self.strikes()) and super().shows(event, modes)


class ValuesSkipped(Defect):
    """A stream of `values` has no event after the step of a tool."""

    id = "D229"
    rule = "STR-48"
    seen = ()
    client = "The result of a tool appears only together with the answer."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        messages = event.data.get("messages", []) if event.name == "values" and event.data else []
        skipped = bool(messages) and messages[-1].get("type") == "tool" and self.strikes()
        return not skipped and super().shows(event, modes)


class UpdateIdsDiffer(Defect):
    """The messages in an update have other ids than the same messages in the state."""

    id = "D233"
    rule = "AGR-12"
    seen = ()
    client = "Each message of a streamed answer is on the screen twice once the thread is read."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._done: dict[int, Event] = {}

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        # Each reader of a stream is asked about the same event, which is changed once.
        if event.name == "updates" and id(event) not in self._done:
            self._done[id(event)] = event
            if any(_messages(write) for write in event.data.values()) and self.strikes():
                event.data = {node: _renamed(write) for node, write in event.data.items()}
        return super().shows(event, modes)


def _messages(write: Any) -> list[dict[str, Any]]:
    return write.get("messages") or [] if isinstance(write, dict) else []


def _renamed(write: Any) -> Any:
    # A copy: the state has the same objects.
    return {**write, "messages": [{**one, "id": f"{one['id']}-0"} for one in _messages(write)]} if write else write


class CallChunksRepeated(Defect):
    """A chunk of a tool call is streamed twice."""

    id = "D234"
    rule = "STR-32"
    seen = ()
    client = "The arguments of a tool call are no JSON when its chunks are put together."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._done: dict[int, Event] = {}

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        chunks = event.data[0].get("tool_call_chunks") if event.name == "messages" else None
        if chunks and id(event) not in self._done:
            self._done[id(event)] = event
            if self.strikes():
                event.data = [{**event.data[0], "tool_call_chunks": [*chunks, *chunks]}, *event.data[1:]]
        return super().shows(event, modes)


class TaskInputsLost(Defect):
    """The beginning of a task in a stream of `tasks` has no input."""

    id = "D235"
    rule = "STR-45"
    seen = ()
    client = "A debugger shows every step without what it was given."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        if event.name == "tasks" and event.data.get("input") and self.strikes():
            event.data = {**event.data, "input": None}
        return super().shows(event, modes)


class CallsWithoutNames(Defect):
    """The events of a stream of `events` do not name what was called."""

    id = "D236"
    rule = "STR-46"
    seen = ()
    client = "A trace of the run shows calls of nothing."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        if event.name == "events" and event.data.get("name") and self.strikes():
            event.data = {name: value for name, value in event.data.items() if name != "name"}
        return super().shows(event, modes)


class ChildNamespaceUnknown(Defect):
    """The names of a child graph's events have the id of no task."""

    id = "D237"
    rule = "STR-11"
    seen = ()
    client = "What a child graph does is not shown under the step that started it."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        head, task, namespace = event.name.partition(":")
        if "|" in head and not namespace.startswith("0000") and self.strikes():
            event.name = f"{head}{task}00000000-0000-0000-0000-000000000000"
        return super().shows(event, modes)


class ErrorClassHidden(Defect):
    """The `error` event of a failed run names a general error in the place of the one that was raised."""

    id = "D238"
    rule = "STR-49"
    seen = ()
    client = "An application handles a timeout of its own tool like a mistake in its graph."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        if event.name == "error" and event.data.get("error") != "Exception" and self.strikes():
            event.data = {**event.data, "error": "Exception"}
        return super().shows(event, modes)


class AttemptsFromZero(Defect):
    """The `metadata` event of the first attempt of a run shows the attempt 0."""

    id = "D249"
    rule = "STR-50"
    seen = ()
    client = "A client that takes every attempt but the first for a retry says that the run was tried before."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        if event.name == "metadata" and event.data.get("attempt") == 1 and self.strikes():
            event.data = {**event.data, "attempt": 0}
        return super().shows(event, modes)


class OutputChannelStale(Defect):
    """A join and a wait return a channel of the state as it was before the last step."""

    id = "D231"
    rule = "AGR-11"
    seen = ()
    client = "A list that the last step of the run has extended lacks its newest entry until the thread is read."

    def output(self, run: Run) -> Values:
        return self._stale(run, super().output(run))

    def joined(self, run: Run) -> Values:
        return self._stale(run, super().joined(run))

    def _stale(self, run: Run, right: Values) -> Values:
        steps = right.get("steps")
        return {**right, "steps": steps[:-1]} if steps and self.strikes(run) else right


WINDOW = 256
"""The number of events that a small buffer holds."""


class SlowReaderLosesEvents(Defect):
    """A client that reads its stream too slowly loses the events that a small buffer does not hold."""

    id = "D253"
    rule = "STR-32"
    seen = ("https://github.com/bytedance/deer-flow/issues/1689",)
    client = "A page on a slow connection shows an answer with gaps, and no error."

    def delivers(self, run: Run, unread: int) -> bool:
        return super().delivers(run, unread) and not (unread > WINDOW and self.strikes(run))


class ReplayWindow(Defect):
    """A client that reconnects gets only the newest events of a long stream."""

    id = "D254"
    rule = "STR-08"
    seen = ("https://github.com/bytedance/deer-flow/issues/4413",)
    client = "After a reconnect the beginning of a long answer is missing."

    def reader_offset(self, run: Run, last_event_id: str | None) -> int:
        right, newest = super().reader_offset(run, last_event_id), run.log.offset_after(None) - WINDOW
        return newest if right < newest and self.strikes(run) else right


class ReplayDataLost(Defect):
    """An update that is sent a second time, in a replay, is empty."""

    id = "D262"
    rule = "STR-08"
    seen = ("https://github.com/aegra/aegra/pull/216",)
    client = "After a reload, the steps of the run are there and show nothing."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        # The events themselves, so that their ids in memory are not given to others.
        self._sent: dict[int, Event] = {}

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        if event.name == "updates" and event.event_id is not None:
            if id(event) in self._sent and self.strikes():
                event.put({})
            self._sent[id(event)] = event
        return super().shows(event, modes)


class StreamedQuestionLost(Defect):
    """The question of a run that asks is not in its stream."""

    id = "D263"
    rule = "HIL-17"
    seen = ("https://github.com/bytedance/deer-flow/issues/3595", "https://github.com/langchain-ai/langgraph/pull/6141")
    client = "The page shows a run that has ended, and no human is asked."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        asks = isinstance(event.data, dict) and "__interrupt__" in event.data
        return not (asks and self.strikes()) and super().shows(event, modes)


class PartialsArePieces(Defect):
    """In the mode `messages`, an event has only the new piece of a message, and not the message up to it."""

    id = "D271"
    rule = "STR-51"
    seen = ("https://github.com/assistant-ui/assistant-ui/issues/2068",)
    client = "While an answer is written, the screen shows its last word alone."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._done: dict[int, Event] = {}
        self._before: dict[str, str] = {}

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        # Each reader of a stream is asked about the same event, which is changed once.
        if event.name == "messages/partial" and id(event) not in self._done:
            self._done[id(event)] = event
            [message] = event.data
            whole, before = message["content"], self._before.get(message["id"], "")
            if isinstance(whole, str):
                self._before[message["id"]] = whole
                if before and self.strikes():
                    event.data = [{**message, "content": whole.removeprefix(before)}]
        return super().shows(event, modes)


class MessagesNotAnnounced(Defect):
    """In the mode `messages`, no event names the node of a message."""

    id = "D272"
    rule = "STR-51"
    seen = ()
    client = "The texts of all agents of a team look like those of one."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        return not (event.name == "messages/metadata" and self.strikes()) and super().shows(event, modes)


class ModelPiecesNotStreamed(Defect):
    """A stream of `events` has the beginning and the end of a call of the model, and not the pieces between them."""

    id = "D273"
    rule = "STR-52"
    seen = ("https://github.com/CopilotKit/CopilotKit/pull/3201",)
    client = "An answer appears at once when it is complete, and not while it is written."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        piece = event.name == "events" and event.data["event"] == "on_chat_model_stream"
        return not (piece and self.strikes()) and super().shows(event, modes)
