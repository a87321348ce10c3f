"""Streams and joins: they contain too little or too much, or never end."""

from __future__ import annotations

import asyncio

from aiohttp import web

from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.clock import milliseconds
from mockserver.core.notifier import Happening
from mockserver.core.records import Run, Thread
from mockserver.core.streams import Event
from mockserver.defects.answers import RUN, RUNS, json_body, matches, names_missing_run, requested_run, with_body
from mockserver.defects.base import Defect
from mockserver.schemas.common import STREAM_MODES
from mockserver.web.http import KEEP_ALIVE
from mockserver.web.interceptors import Handler
from mockserver.web.sse import HEARTBEAT, open_stream

POLL_SECONDS = 0.02
"""The interval at which a run that wrongly waits for its readers checks whether they have caught up."""


class StreamNeverCloses(Defect):
    """The stream of a stopped run stays open and sends only heartbeats.

    Seen in aegra (472), and by users of svelte-langgraph (219).
    """

    id = "D44"
    rule = "STR-02"
    seen = ("https://github.com/aegra/aegra/issues/472", "https://github.com/synergyai-nl/svelte-langgraph/pull/219")
    client = "A loop over the stream of the stopped run never ends."

    def release(self, run: Run) -> None:
        if run.fate == "stop" and self.strikes(run):
            # Requests that wait for the run are answered. A join that hangs is another defect.
            run.ended.set()
        else:
            super().release(run)


class RejoinNeverEnds(Defect):
    """Rejoining the stream of an ended run with `Last-Event-ID` never ends."""

    id = "D45"
    rule = "STR-09"
    seen = ("https://github.com/aegra/aegra/issues/472", "https://github.com/aegra/aegra/pull/552")
    client = "A reloaded page shows a spinner for ever for a run that ended long ago."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        run = requested_run(request) if matches(request, "GET", f"{RUN}/stream") else None
        if run is None or not run.over or "Last-Event-ID" not in request.headers or not self.strikes(run):
            return await super().answer(request, handler)
        return await _without_end(request)


class LateStreamNeverEnds(Defect):
    """The stream of an ended run stays open for clients that join it late, and sends only heartbeats."""

    id = "D92"
    rule = "STR-09"
    seen = ("https://github.com/aegra/aegra/issues/472",)
    client = "Joining the stream of an ended run never ends."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        run = requested_run(request) if matches(request, "GET", f"{RUN}/stream") else None
        if run is None or not run.over or not self.strikes(run):
            return await super().answer(request, handler)
        return await _without_end(request)


class JoinHang(Defect):
    """`join` of a run that was stopped or deleted never returns.

    Inferred from langgraphjs 864 and the JavaScript server's tests.
    """

    id = "D46"
    rule = "STR-05"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/issues/864",
        "https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/tests/api.test.mts",
    )
    client = "`join` of the stopped run never returns."

    def awaited(self, run: Run) -> Happening:
        stopped = run.ended.is_set() and run.fate is not None
        # An event that is never set. A run in flight is waited for correctly.
        return asyncio.Event() if stopped and self.strikes(run) else super().awaited(run)

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # A deleted run has no record, so no policy is asked about it.
        if matches(request, "GET", f"{RUN}/join") and names_missing_run(request) and self.strikes():
            await asyncio.Event().wait()
        return await super().answer(request, handler)


class FinishedJoinHangs(Defect):
    """`join` of a finished run never returns, because it waits for an end that has already passed."""

    id = "D93"
    rule = "STR-04"
    seen = ()
    client = "`join` of a run that finished long ago never returns."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        run = requested_run(request) if matches(request, "GET", f"{RUN}/join") else None
        if run is not None and run.status == "success" and self.strikes(run):
            await asyncio.Event().wait()
        return await super().answer(request, handler)


class WaitAnswersEarly(Defect):
    """`join` and `wait` return at once, with the values that exist at that moment."""

    id = "D101"
    rule = "STR-29"
    seen = ()
    client = "The answer is missing when `join` returns, and seems to be lost."

    def awaited(self, run: Run) -> Happening:
        right = super().awaited(run)
        if right.is_set() or not self.strikes(run):
            return right
        at_once = asyncio.Event()
        at_once.set()
        return at_once


class RunNotNamed(Defect):
    """The answer to a stream or wait request has no `Content-Location`."""

    id = "D102"
    rule = "STR-30"
    seen = ()
    client = "The client does not know which run it started, so it can neither cancel nor rejoin it."

    def names_run(self, run: Run) -> bool:
        return not self.strikes(run) and super().names_run(run)


class StreamBuffered(Defect):
    """A stream sends nothing before the run has ended."""

    id = "D103"
    rule = "STR-31"
    seen = ()
    client = "The client shows nothing until the answer is complete."

    async def before_sending(self, run: Run) -> None:
        if self.strikes(run):
            await run.ended.wait()
        await super().before_sending(run)


class InterruptStreamsError(Defect):
    """The stream of an interrupted run ends with an `error` event."""

    id = "D94"
    rule = "STR-03"
    seen = ()
    client = "The first run's stream raises an error, although the only cause is the second message."

    def release(self, run: Run) -> None:
        # The log closes with the release and drops later events.
        if run.fate == "stop" and _can_be_read(run) and self.strikes(run):
            error = {"error": "UserInterrupt", "message": "User interrupted this run"}
            run.log.append("error", None, error, at=milliseconds(run.updated_at))
        super().release(run)


class EventsAfterEnd(Defect):
    """A stream sends an `end` event, and then the values once more."""

    id = "D95"
    rule = "STR-18"
    seen = ()
    client = "A client that stops at `end` misses the last values, and a client that does not stop shows them twice."

    def release(self, run: Run) -> None:
        # The log closes with the release and drops later events.
        if _can_be_read(run) and self.strikes(run):
            run.log.append("end", None, {"run_id": run.run_id, "status": run.status}, at=milliseconds(run.updated_at))
            run.log.append("values", "values", run.output, at=milliseconds(run.updated_at))
        super().release(run)


class CrossRunEvents(Defect):
    """Data that another run wrote appears in the stream of the run that follows it."""

    id = "D48"
    rule = "STR-14"
    seen = ("https://github.com/bytedance/deer-flow/issues/1465",)
    client = "Messages of the first run arrive in the stream of the second."

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        # The base of a run is the first thing that is decided, so this event comes right after `metadata`.
        foreign = base is not None and base.run_id not in (None, run.run_id) and bool(base.values["messages"])
        if base is not None and foreign and _can_be_read(run) and self.strikes(run):
            data = {base.written_by: {"messages": base.values["messages"][-1:]}}
            run.log.append("updates", "updates", data, at=milliseconds(run.updated_at))
        return base


class JoinerSteals(Defect):
    """Each event goes to only one reader, so a second reader takes events from the first.

    Seen in the JavaScript server (ops.mts, Queue).
    """

    id = "D49"
    rule = "STR-07"
    seen = ("https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/storage/ops.mts",)
    client = "With two open tabs, each shows only some of the answer's events."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._taken: dict[int, Event] = {}

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        if id(event) in self._taken and self.strikes():
            return False
        # The event itself is kept, because the id of an object that was freed may be given to another one.
        self._taken[id(event)] = event
        return super().shows(event, modes)


class DuplicateEventIds(Defect):
    """All events of a run have the same id, so a client that resumes receives some of them again.

    Seen in the official server (langgraph 8112).
    """

    id = "D50"
    rule = "STR-10"
    seen = ("https://github.com/langchain-ai/langgraph/issues/8112",)
    client = "After a reconnect, events arrive again and tokens are shown twice."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        # The first event ends in `-0` and keeps its id. So do events that were changed, which are not counted again.
        if event.event_id is not None and not event.event_id.endswith("-0") and self.strikes():
            event.event_id = "0-0"
        return super().shows(event, modes)


class CallNotStreamed(Defect):
    """A step that calls a tool has no `updates` event."""

    id = "D96"
    rule = "STR-26"
    seen = ()
    client = "The streamed conversation lacks the tool call, which appears after a reload."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        # An update of `__interrupt__` is a list of questions and not a write.
        writes = [write for write in event.data.values() if isinstance(write, dict)] if event.name == "updates" else []
        calls = any(message.get("tool_calls") for write in writes for message in write.get("messages", ()))
        return not (calls and self.strikes()) and super().shows(event, modes)


class RepeatedTokenLost(Defect):
    """A token that occurred earlier in the same message is not streamed again."""

    id = "D104"
    rule = "STR-32"
    seen = ()
    client = "The streamed answer lacks words, which appear after a reload."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._first: dict[tuple[str, str], Event] = {}

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        if event.name == "messages":
            piece = event.data[0]
            first = self._first.setdefault((piece["id"], str(piece["content"])), event)
            # By identity, because each reader of the stream asks about the same event.
            if first is not event and self.strikes():
                return False
        return super().shows(event, modes)


class StreamModeIgnored(Defect):
    """A stream carries the events of all modes, whichever were requested."""

    id = "D97"
    rule = "STR-25"
    seen = ()
    client = "Events of other modes arrive, and the same text arrives in several forms."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", f"{RUNS}/stream"):
            body = await json_body(request)
            if isinstance(body, dict) and self.strikes():
                request = with_body(request, {**body, "stream_mode": list(STREAM_MODES)})
        return await super().answer(request, handler)


class BackpressureStall(Defect):
    """A run waits between two steps until every reader has read all of its stream."""

    id = "D56"
    rule = "STR-21"
    seen = ("https://github.com/bytedance/deer-flow/pull/1403",)
    client = "A tab that is frozen in the background delays the run for all clients."

    async def after_step(self, run: Run) -> None:
        # A poll is enough: nothing wakes a run when a reader catches up, because no correct run waits for one.
        while any(reader.behind for reader in run.log.readers) and self.strikes(run):  # noqa: ASYNC110 - see above
            await asyncio.sleep(POLL_SECONDS)
        await super().after_step(run)


class OneModeOnly(Defect):
    """A client that joins a stream with several stream modes receives the events of only one of them.

    Seen in the official server: it uses only the last of several `stream_mode` parameters.
    """

    id = "D105"
    rule = "STR-33"
    seen = ("langgraph-api 0.16.7, by its behaviour",)
    client = "The joined stream shows the tokens or the steps, but never both."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        # A set has no last mode, as the query of the official server has, so the choice is alphabetical.
        one = frozenset({min(modes)}) if modes and len(modes) > 1 and self.strikes() else modes
        return super().shows(event, one)


class JoinDropsSubgraphs(Defect):
    """A client that requests certain stream modes receives no events of subgraphs.

    Seen in the official server (langgraph 7778) and in the JavaScript server (langgraphjs 2330).
    """

    id = "D51"
    rule = "STR-11"
    seen = (
        "https://github.com/langchain-ai/langgraph/issues/7778",
        "https://github.com/langchain-ai/langgraphjs/pull/2330",
    )
    client = "A joined stream shows nothing of the work of child graphs."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        # The name of an event of a subgraph contains its namespace behind a `|`.
        right = super().shows(event, modes)
        return False if right and modes is not None and "|" in event.name and self.strikes() else right


class QueuedStreamCloses(Defect):
    """The stream of a queued run closes before the run starts."""

    id = "D52"
    rule = "STR-15"
    seen = ("https://github.com/aegra/aegra/pull/462", "https://github.com/aegra/aegra/pull/436")
    client = "The stream of a queued run ends at once, without the answer."

    def next_to_start(self, thread: Thread) -> Run | None:
        run = super().next_to_start(thread)
        # The queue is examined whenever a run is created or settles, which is while the others still wait.
        for waiting in thread.in_flight.values():
            if waiting is not run and waiting.task is None and not waiting.log.closed and self.strikes(waiting):
                waiting.log.close()
        return run


class LateMetadata(Defect):
    """The stream lacks the `metadata` event that should come first, so it does not contain the run's id."""

    id = "D53"
    rule = "STR-01"
    seen = ("https://github.com/ag-ui-protocol/ag-ui/pull/2759",)
    client = "The client does not learn the run's id from the stream, so it cannot cancel the run."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        return not (event.name == "metadata" and self.strikes()) and super().shows(event, modes)


class DisconnectInverted(Defect):
    """`on_disconnect` and `cancel_on_disconnect` have the opposite effect when the client disconnects.

    Seen in b4run (390) and in langgraphjs 1610.
    """

    id = "D54"
    rule = "STR-12"
    seen = ("https://github.com/cacheplane/b4run/pull/390", "https://github.com/langchain-ai/langgraphjs/issues/1610")
    client = "Closing a tab stops a run that should continue, or leaves a run executing that should stop."

    def stops_when_left(self, run: Run, *, asked: bool) -> bool:
        return super().stops_when_left(run, asked=asked is not self.strikes(run))


class StatelessDisconnectIgnored(Defect):
    """A stateless run continues after its client disconnects, although it should be cancelled.

    Seen in the JavaScript server (ops.mts, Stream.join).
    """

    id = "D55"
    rule = "STL-03"
    seen = ("https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/storage/ops.mts",)
    client = "After the client has disconnected, the stateless run continues and costs money."

    def stops_when_left(self, run: Run, *, asked: bool) -> bool:
        # A run that should continue anyway is not an occurrence.
        ignored = run.temporary and asked and self.strikes(run)
        return super().stops_when_left(run, asked=asked and not ignored)


class StatelessThreadLeft(Defect):
    """The thread of a stateless run is not deleted."""

    id = "D88"
    rule = "STL-02"
    former_names = ("stateless_shared",)
    seen = ()
    client = "Threads accumulate that no client created."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", "/runs", "/runs/stream", "/runs/wait"):
            body = await json_body(request)
            if isinstance(body, dict) and body.get("on_completion") in (None, "delete") and self.strikes():
                request = with_body(request, {**body, "on_completion": "keep"})
        return await super().answer(request, handler)


class StatelessOutputLost(Defect):
    """Waiting for a stateless run returns none of its output."""

    id = "D119"
    rule = "STL-04"
    seen = ()
    client = "The client pays for a stateless run, and its answer is lost."

    def output(self, run: Run) -> Values:
        return {} if run.temporary and self.strikes(run) else super().output(run)


class ReplayMissing(Defect):
    """`Last-Event-ID: -1` replays nothing."""

    id = "D81"
    rule = "STR-08"
    seen = ("https://github.com/langchain-ai/langgraphjs/pull/2805",)
    client = "A client that joins late and requests all events receives only future ones."

    def reader_offset(self, run: Run, last_event_id: str | None) -> int:
        return super().reader_offset(run, None if last_event_id == "-1" and self.strikes() else last_event_id)


class JoinReplaysEverything(Defect):
    """A client that joins a stream without `Last-Event-ID` also receives all earlier events."""

    id = "D98"
    rule = "STR-22"
    seen = ("https://github.com/langchain-ai/langgraphjs/pull/2805",)
    client = "A client that joins late receives tokens again that the page already shows."

    def reader_offset(self, run: Run, last_event_id: str | None) -> int:
        return 0 if last_event_id is None and self.strikes(run) else super().reader_offset(run, last_event_id)


class ResumeRepeats(Defect):
    """A client that resumes a stream receives the last event again.

    Seen in the official server (langgraph 8112).
    """

    id = "D99"
    rule = "STR-23"
    seen = ("https://github.com/langchain-ai/langgraph/issues/8112",)
    client = "After a reconnect, one token is shown twice."

    def reader_offset(self, run: Run, last_event_id: str | None) -> int:
        offset = super().reader_offset(run, last_event_id)
        # `-1` asks for everything from the beginning, and before the first event there is nothing to repeat.
        return offset - 1 if last_event_id not in (None, "-1") and offset and self.strikes(run) else offset


def _can_be_read(run: Run) -> bool:
    """Return whether an event that is added now can reach a client."""
    # A resumable log keeps its events for clients that come later. Any other log loses them when it closes.
    return bool(run.log.readers) or run.log.resumable


async def _without_end(request: web.Request) -> web.StreamResponse:
    """Send heartbeats until the client disconnects."""
    response = await open_stream(request, {})
    while True:
        await response.write(HEARTBEAT)
        await asyncio.sleep(request.app[KEEP_ALIVE])
