"""The journal: the requests of the clients in order, each with its time on the mock's clock and its response.

An entry is created before the request reaches the route, and completed in three steps: `record_start` notes the
status when the headers of the response are sent, `intercept` notes the end of the response, and the routes of the
streaming protocol note the run that a command created. A test that waits for a request therefore sees it early, and a
stream that is still open has a status but no end.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from mockserver.core.clock import Clock
from mockserver.core.ids import canonical
from mockserver.core.notifier import Notifier
from mockserver.core.records import Thread
from mockserver.web.http import error_responses
from mockserver.web.interceptors import Handler
from mockserver.web.leniency import IGNORED
from mockserver.words import unknown

LENGTH: Final = 2000
"""The number of requests that are kept. Older ones are dropped."""

FORMER: Final = 1000
"""The number of threads of earlier tests by which their late requests are recognized."""

MAX_BODY: Final = 64 * 1024
"""The largest body in bytes that is kept. Of a larger one nothing is kept, because a part of it is not JSON."""

MAX_REASON: Final = 300
"""The number of characters of a refusal that are kept."""

FIRST_ERROR: Final = 400
WRONG_METHOD: Final = 405

FRAME: Final = "WS"
"""The `method` of an entry for a WebSocket message."""

_FIELDS: Final = (
    *("method", "path", "query", "body", "headers", "strategy", "status", "thread_id", "run_id", "busy", "cut"),
    *("number", "at", "ended", "protocol", "outcome", "reason", "ignored", "callbacks"),
)
_MEANT: Final = {
    **dict.fromkeys(("json", "content", "data", "payload", "text"), "body"),
    **dict.fromkeys(("url", "uri", "route"), "path"),
    **dict.fromkeys(("params", "args", "query_params"), "query"),
    **dict.fromkeys(("status_code", "code", "response"), "status"),
    **dict.fromkeys(("error", "detail", "message"), "reason"),
    **dict.fromkeys(("time", "timestamp"), "at"),
    **dict.fromkeys(("multitask_strategy",), "strategy"),
}
"""The names of other tools for the fields of a request."""

_LOCATION = re.compile(r"^(?:/threads/(?P<thread>[^/]+))?/runs/(?P<run>[^/]+)")


# A struct, because every request makes one, and a dataclass takes longer. `dict` keeps what is cached.
class JournalEntry(Struct, dict=True):
    """One request of a client, or one WebSocket message."""

    number: int
    """The position among all requests, counted from 1."""
    at: float
    """The time of the request, in seconds on the deployment's clock."""
    method: str
    path: str
    query: dict[str, str]
    raw: bytes
    thread_id: str | None
    run_id: str | None
    """The run in the path, or the run that the request created."""
    busy: bool
    """True if runs were in flight on the thread when the request was received."""
    asks: tuple[str, ...]
    """The ids of the interrupts that were pending on the thread when the request was received."""
    status: int | None = None
    """The status of the response, or None before it starts and if the client disconnected first."""
    ended: int | None = None
    """The number of the newest request at the end of the response, or None while the response is open."""
    cut: bool = False
    """True if the response broke off, or the client disconnected before its end."""

    by_fault: bool = False
    """True if the mock ended the response, by a network fault or a restart, and not the client."""
    callbacks: list[str] = []
    """The webhooks and probe reports of the run that were refused, each with the reason."""
    ignored: list[str] = []
    """The parts of the request that had no effect, such as unknown fields."""
    reason: str | None = None
    """The text of the response to a request that was refused, in one line, or None."""
    refused: int | None = None
    """The status that an endpoint would have sent for a failed protocol command, whose own response is 200."""
    in_flight: tuple[str, ...] = ()
    """The ids of the runs that were in flight on the thread when the request was received, the oldest first."""
    left: tuple[str, ...] = ()
    """The ids of the runs that were in flight on the thread when the response ended."""
    late_results: tuple[str, ...] = ()
    """The ids of the tool calls whose results were sent although they were not waiting for one."""
    _sent: Mapping[str, str] = {}
    """The headers of the request as they were sent."""

    def __repr__(self) -> str:
        # The body and the headers are too long for the message of a failed assertion.
        hidden = ("raw", "_sent")
        shown = [f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in hidden]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __getitem__(self, name: object) -> Any:
        """Refuse `entry["path"]`, and name the attribute."""
        attributes = [one for one in dir(self) if not one.startswith("_")]
        problem = f"Write `.{name}`" if name in attributes else unknown("attribute", name, attributes)
        raise TypeError(f"an entry of the journal is an object without keys. {problem}")

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers of the request, with their names in lower case."""
        return {name.lower(): value for name, value in self._sent.items()}

    @cached_property
    def body(self) -> Any:
        """The decoded JSON body, or None if there is none or it is not JSON."""
        try:
            return msgspec.json.decode(self.raw) if self.raw else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    @property
    def outcome(self) -> int | None:
        """The status of the response or, for a failed protocol command, the status that an endpoint would have sent."""
        return self.refused or self.status

    @property
    def protocol(self) -> str | None:
        """The name of the streaming protocol's command, or None for any other request."""
        is_command = self.method == FRAME or (self.method == "POST" and self.path.endswith("/commands"))
        name = self.body.get("method") if is_command and isinstance(self.body, dict) else None
        return name if isinstance(name, str) else None

    @cached_property
    def creates_run(self) -> bool:
        """True if the request is to create a run, whether or not it succeeded."""
        to_endpoint = self.method == "POST" and re.search(r"/runs(/stream|/wait)?$", self.path) is not None
        return to_endpoint or self.protocol in ("run.start", "input.respond")

    @cached_property
    def order(self) -> dict[str, Any]:
        """The run that the request is to create, as a body of the run endpoints, or an empty object."""
        if not self.creates_run or not isinstance(self.body, dict):
            return {}
        if self.protocol is None:
            return self.body
        # Commands are translated, so that assertions and client checks need to know only one form.
        params = self.body.get("params")
        given = dict(params) if isinstance(params, dict) else {}
        if self.protocol == "input.respond":
            several = given.get("responses")
            answers = several if isinstance(several, list) else [given]
            resumed = {one["interrupt_id"]: one.get("response") for one in answers if _names_interrupt(one)}
            return {**given, "command": {"resume": resumed}}
        # JavaScript's client sends the strategy under both names.
        return {"multitask_strategy": given.get("multitaskStrategy"), **given}

    @property
    def is_state_update(self) -> bool:
        """True if the request is to update the state of a thread."""
        return self.method == "POST" and re.fullmatch(r"/threads/[^/]+/state", self.path) is not None

    @property
    def strategy(self) -> str | None:
        """The multitask strategy in the request, or None if it has none."""
        named = self.order.get("multitask_strategy")
        return named if isinstance(named, str) else None

    if not TYPE_CHECKING:
        # Not for mypy, which would accept every name.
        def __getattr__(self, name: str) -> Any:
            """Raise AttributeError with the nearest right name."""
            if name.startswith("_"):
                raise AttributeError(name)
            raise AttributeError(unknown("field of a request", name, _FIELDS, meant=_MEANT, plural="fields"))

    def name_run(self, headers: Mapping[str, str]) -> None:
        """Note the run that the headers of a response name."""
        # The path of a request that creates a run names no run, and its response may be a stream: the header is the
        # one place where every such response names the run.
        location = headers.get("Content-Location")
        if location is not None and (found := _LOCATION.match(location)) is not None:
            self.run_id = found["run"]
            self.thread_id = self.thread_id or found["thread"]

    def shown(self) -> dict[str, Any]:
        """Return the entry in the form of the control API."""
        names = ("number", "at", "method", "path", "query", "thread_id", "run_id", "strategy", "body", "busy", "status")
        more: dict[str, Any] = {"protocol": self.protocol, "refused": self.refused} if self.protocol else {}
        more |= {name: value for name in ("reason", "callbacks", "ignored") if (value := getattr(self, name))}
        shown = {name: getattr(self, name) for name in names}
        return {**shown, **more, "ended": self.ended is not None, "cut": self.cut}

    def line(self) -> str:
        """Return the entry as one line for people."""
        query = "?" + "&".join(f"{key}={value}" for key, value in self.query.items()) if self.query else ""
        details = "".join(f" {one}" for one in (self.protocol, self.strategy) if one)
        waiting = self.status is None and not self.cut
        status = "no response yet" if waiting else self.outcome or "disconnected before a response"
        reason = f": {self.reason}" if self.reason is not None else ""
        notes = "".join(f"; {line}" for line in (*self.callbacks, *(f"ignored: {one}" for one in self.ignored)))
        return f"{self.number:>4} {self.at:9.3f}s {self.method} {self.path}{query}{details} -> {status}{reason}{notes}"


class Journal:
    """The newest requests of a deployment, oldest first."""

    def __init__(self, threads: Callable[[], dict[str, Thread]], clock: Clock, notifier: Notifier) -> None:
        self._threads = threads
        self._clock = clock
        self._notifier = notifier
        self._entries: deque[JournalEntry] = deque(maxlen=LENGTH)
        self._numbers = count(1)
        self._last = 0
        self._former: deque[str] = deque(maxlen=FORMER)
        self.late = 0
        """The number of requests on threads of before the last reset, which are in no journal."""
        self.strict = False
        """True if nothing is ignored: a request with a part that has no effect is refused."""

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(list(self._entries))

    @property
    def last(self) -> int:
        """The number of the newest request."""
        return self._last

    def clear(self, former: Iterable[str] = ()) -> None:
        """Delete every entry and restart the numbers from 1. `former` are the ids of the threads that were deleted.

        A late request on one of them belongs to an earlier test, and is only counted.
        """
        self._entries.clear()
        self._former.extend(former)
        self.late = 0
        self._numbers, self._last = count(1), 0

    async def intercept(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record a request and its response without changing either."""
        try:
            # aiohttp keeps the body, so the route can read it again.
            raw = await request.read() if request.can_read_body else b""
        except web.HTTPRequestEntityTooLarge as error:
            # A second read would return only the rest of the body, so the error response is sent from here.
            raw, handler = b"", _raising(error)
        # Recorded before the route runs: `busy` and `asks` describe the thread that the client has written to.
        entry = self._record(request, raw)
        # Never reset: aiohttp handles each request in a task of its own, and so in a context of its own.
        _ENTRY.set(entry)
        self.note_ignored(entry)
        try:
            response = await handler(request)
        except (asyncio.CancelledError, ConnectionError):
            entry.cut = True
            raise
        else:
            _record_response(entry, response)
            return response
        finally:
            # Counted in requests and not in seconds: with an instant clock many requests have the same time.
            entry.ended = self._last
            if entry.thread_id is not None:
                thread = self._threads().get(entry.thread_id)
                entry.left = () if thread is None else tuple(thread.in_flight)
            self._notifier.notify()

    def note_ignored(self, entry: JournalEntry) -> None:
        """Note from now on in an entry what is ignored, unless the deployment is strict."""
        IGNORED.set(None if self.strict else entry.ignored)

    def record_start(self, request: web.Request, response: web.StreamResponse) -> None:
        """Record the status of a response that starts, because a stream may stay open for long."""
        entry = _ENTRY.get(None)
        if entry is not None and entry.status is None and entry.path == request.path:
            _record_response(entry, response)
            self._notifier.notify()

    def break_open(self) -> None:
        """Note that the mock breaks every response that is open."""
        for entry in self._entries:
            entry.by_fault = entry.by_fault or entry.ended is None

    def refused_callback(self, run_id: str | None, line: str) -> None:
        """Record a refused callback in the entry of the request that created the run."""
        created = next((one for one in reversed(self._entries) if one.creates_run and one.run_id == run_id), None)
        if created is not None and line not in created.callbacks:
            created.callbacks.append(line)
            self._notifier.notify()

    def record_frame(self, request: web.Request, raw: bytes) -> JournalEntry:
        """Record a message that a client sent over its WebSocket."""
        entry = self._record(request, raw, FRAME)
        # The answer to a message follows at once, in the same turn of the event loop.
        entry.ended = self._last
        return entry

    def _record(self, request: web.Request, raw: bytes, method: str | None = None) -> JournalEntry:
        ids = request.match_info
        thread_id = _path_id(ids, "thread_id") if ids else None
        run_id = _path_id(ids, "run_id") if ids else None
        thread = None if thread_id is None else self._threads().get(thread_id)
        is_late = thread is None and thread_id is not None and thread_id in self._former
        if is_late:
            self.late += 1
        else:
            self._last = next(self._numbers)
        entry = JournalEntry(
            number=0 if is_late else self._last,
            at=self._clock.now,
            method=method or request.method,
            path=request.path,
            query=dict(request.query) if request.rel_url.raw_query_string else {},
            raw=raw if len(raw) <= MAX_BODY else b"",
            thread_id=thread_id,
            run_id=run_id,
            busy=thread is not None and bool(thread.in_flight),
            asks=() if thread is None else _asked(thread),
            in_flight=() if thread is None else tuple(thread.in_flight),
            _sent=request.headers,
        )
        if thread is not None and b"tool_call_id" in raw:
            waiting_calls = _waiting_calls(thread)
            entry.late_results = tuple(one for one in _results_in(entry.body) if one not in waiting_calls)
        if not is_late:
            self._entries.append(entry)
            self._notifier.notify()
        return entry


def one_line(reason: str) -> str:
    """Return the text of a refusal in one line, shortened."""
    line = " ".join(reason.split())
    return line if len(line) <= MAX_REASON else f"{line[:MAX_REASON]}..."


JOURNAL: Final = web.AppKey("journal", Journal)

_ENTRY: Final = ContextVar[JournalEntry]("entry")
"""The entry of the current request."""


def current_entry() -> JournalEntry:
    """Return the entry of the current request."""
    return _ENTRY.get()


def _asked(thread: Thread) -> tuple[str, ...]:
    """Return the ids of the interrupts that are pending on a thread."""
    waiting = thread.history.waiting_interrupts()
    return tuple([question["id"] for questions in waiting.values() for question in questions])


def _waiting_calls(thread: Thread) -> set[str]:
    """Return the ids of the tool calls that wait for a result: those of the last message that is no result."""
    head = thread.history.head
    run = thread.runs.get(head.run_id or "") if head is not None else None
    if run is not None and run.status == "interrupted":
        # Stopped by its user or by another message. Its result would continue what was stopped.
        return set()
    said = head.values.get("messages", ()) if head is not None else ()
    answered: set[str] = set()
    for message in reversed(said):
        if message["type"] != "tool":
            return {call["id"] for call in message.get("tool_calls", ())} - answered
        answered.add(message["tool_call_id"])
    return set()


def _results_in(body: Any) -> Iterator[str]:
    """Yield the tool calls whose results a body has, in the messages of an input or of an update."""
    for given in (body.get("input"), body.get("values")) if isinstance(body, dict) else ():
        messages = given.get("messages") if isinstance(given, dict) else None
        said = messages if isinstance(messages, list) else [messages]
        # A whole conversation has old results as well. Only what follows its last other message is new.
        for message in reversed(said):
            call = message.get("tool_call_id") if isinstance(message, dict) else None
            if not isinstance(call, str):
                break
            yield call


def _names_interrupt(answer: Any) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("interrupt_id"), str)


def _path_id(ids: Mapping[str, str], name: str) -> str | None:
    """Return an id from the path, or None if the path has none or it is not a UUID."""
    raw = ids.get(name)
    return None if raw is None else canonical(raw)


def _record_response(entry: JournalEntry, response: web.StreamResponse) -> None:
    """Record the status of a response, and the run that it names."""
    entry.status = response.status
    if response.status >= FIRST_ERROR and isinstance(response, web.Response):
        entry.reason = _reason(response)
    entry.name_run(response.headers)


def _reason(response: web.Response) -> str | None:
    """Return the `detail` of an error response in one line, None if it has none."""
    try:
        found = msgspec.json.decode(response.body, type=_Error) if isinstance(response.body, bytes) else None
    except msgspec.MsgspecError:
        # An answer that a fault or a defect has replaced, such as the page of a proxy.
        return None
    if found is None:
        return None
    # The text is the official server's, and only the header has the right method.
    allowed = response.headers.get("Allow") if response.status == WRONG_METHOD else None
    return one_line(found.detail if allowed is None else f"{found.detail}. The path takes {allowed}")


class _Error(msgspec.Struct):
    detail: str


def _raising(error: web.HTTPException) -> Handler:
    """Return a handler that answers with the given error."""

    async def fail(_: web.Request) -> web.StreamResponse:
        raise error

    async def answer(request: web.Request) -> web.StreamResponse:
        return await error_responses(request, fail)

    return answer
