"""What clients sent, in order: method, path, strategy, body, when on the mock's clock, and how it was answered."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any, Final

import msgspec
from aiohttp import web

from mockserver.core.clock import Clock
from mockserver.core.ids import canonical
from mockserver.core.notifier import Notifier
from mockserver.core.records import Thread
from mockserver.web.http import refusals
from mockserver.web.interceptors import Handler

LENGTH: Final = 2000
"""Requests that are kept; older ones are forgotten."""

MAX_BODY: Final = 64 * 1024
"""Bytes of a body that are kept; of a longer one nothing is."""

FRAME: Final = "WS"
"""The method of what is said over a WebSocket."""

_LOCATION = re.compile(r"^(?:/threads/(?P<thread>[^/]+))?/runs/(?P<run>[^/]+)")


@dataclass
class JournalEntry:
    """One request of a client."""

    number: int
    """Its place among all requests, from 1."""
    at: float
    """When it came, in seconds of scripted time."""
    method: str
    path: str
    query: dict[str, str]
    raw: bytes = field(repr=False)
    thread_id: str | None
    run_id: str | None
    """The run that the path names, or that the request created."""
    busy: bool
    """Whether runs were in flight on its thread when it came."""
    asks: tuple[str, ...]
    """The ids of the questions to a human that its thread waited with when it came."""
    status: int | None = None
    """The status of the answer; None until there is one, and when the client left before."""
    ended: int | None = None
    """How many requests had come when its answer came to its end; None while it has not."""
    cut: bool = False
    """Whether its answer broke off, or the client left before its end."""
    callbacks: list[str] = field(default_factory=list)
    """The callbacks of the run that it created which the mock refused to send, and why."""
    refused: int | None = None
    """The status that the refusal of a protocol's command stands for: the answer itself is 200."""

    @cached_property
    def body(self) -> Any:
        """The JSON that was sent, None for none and for what is not JSON."""
        try:
            return msgspec.json.decode(self.raw) if self.raw else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    @property
    def outcome(self) -> int | None:
        """How it was answered: its status, or that which the refusal of a command stands for."""
        return self.refused or self.status

    @property
    def protocol(self) -> str | None:
        """The command of the streaming protocol that it is, None for any other request."""
        spoken = self.method == FRAME or (self.method == "POST" and self.path.endswith("/commands"))
        named = self.body.get("method") if spoken and isinstance(self.body, dict) else None
        return named if isinstance(named, str) else None

    @property
    def creates_run(self) -> bool:
        """Whether it asks for a run."""
        asked = self.method == "POST" and re.search(r"/runs(/stream|/wait)?$", self.path) is not None
        return asked or self.protocol in ("run.start", "input.respond")

    @cached_property
    def order(self) -> dict[str, Any]:
        """What it asks of a run, as a body of the run endpoints says it; empty where it asks for none."""
        if not self.creates_run or not isinstance(self.body, dict):
            return {}
        if self.protocol is None:
            return self.body
        params = self.body.get("params")
        told = dict(params) if isinstance(params, dict) else {}
        if self.protocol == "input.respond":
            several = told.get("responses")
            answers = several if isinstance(several, list) else [told]
            resumed = {one["interrupt_id"]: one.get("response") for one in answers if _names_question(one)}
            return {**told, "command": {"resume": resumed}}
        return {"multitask_strategy": told.get("multitaskStrategy"), **told}

    @property
    def strategy(self) -> str | None:
        """The multitask strategy that it names, None if it names none."""
        named = self.order.get("multitask_strategy")
        return named if isinstance(named, str) else None

    def shown(self) -> dict[str, Any]:
        """The entry as the control API shows it."""
        names = ("number", "at", "method", "path", "query", "thread_id", "run_id", "strategy", "body", "busy", "status")
        more: dict[str, Any] = {"protocol": self.protocol, "refused": self.refused} if self.protocol else {}
        if self.callbacks:
            more["callbacks"] = self.callbacks
        shown = {name: getattr(self, name) for name in names}
        return {**shown, **more, "ended": self.ended is not None, "cut": self.cut}

    def line(self) -> str:
        """The entry in one line, for people."""
        query = "?" + "&".join(f"{key}={value}" for key, value in self.query.items()) if self.query else ""
        said = "".join(f" {one}" for one in (self.protocol, self.strategy) if one)
        status = "no answer yet" if self.status is None and not self.cut else self.outcome or "left before an answer"
        refused = "".join(f"; {line}" for line in self.callbacks)
        return f"{self.number:>4} {self.at:9.3f}s {self.method} {self.path}{query}{said} -> {status}{refused}"


class Journal:
    """The newest requests of a deployment, oldest first."""

    def __init__(self, threads: Callable[[], dict[str, Thread]], clock: Clock, notifier: Notifier) -> None:
        self._threads = threads
        self._clock = clock
        self._notifier = notifier
        self._entries: deque[JournalEntry] = deque(maxlen=LENGTH)
        self._numbers = count(1)
        self._last = 0

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(list(self._entries))

    @property
    def last(self) -> int:
        """The number of the newest request."""
        return self._last

    def clear(self) -> None:
        """Forget every request; numbers begin anew."""
        self._entries.clear()
        self._numbers, self._last = count(1), 0

    async def intercept(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note a request and its answer; it changes neither."""
        try:
            raw = await request.read() if request.can_read_body else b""
        except web.HTTPRequestEntityTooLarge as error:
            # It cannot be read a second time, so the refusal is given here.
            raw, handler = b"", _refusing(error)
        entry = self._noted(request, raw)
        usual = _ENTRY.set(entry)
        try:
            answer = await handler(request)
        except (asyncio.CancelledError, ConnectionError):
            entry.cut = True
            raise
        else:
            _answered(entry, answer)
            return answer
        finally:
            _ENTRY.reset(usual)
            entry.ended = self._last
            self._notifier.notify()

    async def begins(self, request: web.Request, response: web.StreamResponse) -> None:
        """Note that an answer begins, which may go on for long."""
        entry = _ENTRY.get(None)
        if entry is not None and entry.status is None and entry.path == request.path:
            _answered(entry, response)
            self._notifier.notify()

    def refused_callback(self, run_id: str | None, line: str) -> None:
        """Note with the request that created a run that a callback of the run was refused."""
        created = next((one for one in reversed(self._entries) if one.creates_run and one.run_id == run_id), None)
        if created is not None and line not in created.callbacks:
            created.callbacks.append(line)
            self._notifier.notify()

    def frame(self, request: web.Request, raw: bytes) -> JournalEntry:
        """Note what a client says over its WebSocket."""
        entry = self._noted(request, raw, FRAME)
        entry.ended = self._last
        return entry

    def _noted(self, request: web.Request, raw: bytes, method: str | None = None) -> JournalEntry:
        thread_id, run_id = (_named(request, name) for name in ("thread_id", "run_id"))
        thread = None if thread_id is None else self._threads().get(thread_id)
        waiting = {} if thread is None else thread.history.waiting_interrupts()
        self._last = next(self._numbers)
        entry = JournalEntry(
            number=self._last,
            at=self._clock.now,
            method=method or request.method,
            path=request.path,
            query=dict(request.query) if request.query_string else {},
            raw=raw if len(raw) <= MAX_BODY else b"",
            thread_id=thread_id,
            run_id=run_id,
            busy=thread is not None and bool(thread.in_flight),
            asks=tuple(question["id"] for question in waiting.values()),
        )
        self._entries.append(entry)
        self._notifier.notify()
        return entry


JOURNAL: Final = web.AppKey("journal", Journal)

_ENTRY: Final = ContextVar[JournalEntry]("entry")
"""The entry of the request that is being answered."""


def current_entry() -> JournalEntry:
    """The entry of the request that is being answered."""
    return _ENTRY.get()


def _names_question(answer: Any) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("interrupt_id"), str)


def _named(request: web.Request, name: str) -> str | None:
    """An id from the path, None where there is none."""
    raw = request.match_info.get(name)
    return None if raw is None else canonical(raw)


def _answered(entry: JournalEntry, answer: web.StreamResponse) -> None:
    """Take from the beginning of an answer what is noted of it."""
    entry.status = answer.status
    found = _LOCATION.match(answer.headers.get("Content-Location", ""))
    if found is not None:
        entry.run_id = found["run"]
        entry.thread_id = entry.thread_id or found["thread"]


def _refusing(error: web.HTTPException) -> Handler:
    async def fail(_: web.Request) -> web.StreamResponse:
        raise error

    async def refuse(request: web.Request) -> web.StreamResponse:
        return await refusals(request, fail)

    return refuse
