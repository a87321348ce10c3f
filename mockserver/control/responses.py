"""The answers of the control API, as types from which its OpenAPI description is made."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Overview(Struct, frozen=True):
    """The commands of the control API, each as `METHOD PATH: description`."""

    commands: list[str]


class ActiveDefect(Struct, frozen=True):
    """A defect that is on. `left` is the number of occurrences that are left, null without a limit."""

    name: str
    thread_id: str | None
    left: int | None
    chances: int
    """The number of occasions on which the defect could have acted."""


class ActiveDefects(Struct, frozen=True):
    """The defects that are on."""

    on: list[ActiveDefect]


class KnownDefects(Struct, frozen=True):
    """The defects that are on, and all that there are, each with its description."""

    on: list[ActiveDefect]
    known: dict[str, str]


class ActiveFault(Struct, frozen=True, kw_only=True):
    """A fault that is set. Fields with their default value are left out."""

    kind: str
    at: float = 0
    path: str = "*"
    method: str = "*"
    chance: float = 1
    times: int | None = None
    thread_id: str | None
    struck: int
    """The number of answers that the fault has changed."""


class ActiveFaults(Struct, frozen=True):
    """The faults that are set."""

    set: list[ActiveFault]


class Restarted(Struct, frozen=True):
    """The number of times that the deployment was started."""

    starts: int


class WasReset(Struct, frozen=True):
    """The deployment is as after a start."""

    reset: bool


class Loaded(Struct, frozen=True):
    """The names of the turns, by graph if there are several, and the names of the graphs."""

    turns: list[str] | dict[str, list[str]]
    graphs: list[str]


class HeldRun(Struct, frozen=True):
    """A run that is held at a point."""

    point: str
    thread_id: str
    run_id: str


class Holds(Struct, frozen=True):
    """The held runs, and the points at which runs will be held."""

    held: list[HeldRun]
    closed: list[str]


class Released(Struct, frozen=True):
    """The number of runs that continue."""

    released: int


class Now(Struct, frozen=True):
    """The time of the clock in seconds."""

    now: float


class JournalRequest(Struct, frozen=True, kw_only=True):
    """A request that a client sent."""

    number: int
    at: float
    method: str
    path: str
    query: dict[str, str]
    thread_id: str | None
    run_id: str | None
    """The run in the path, or the run that the request created."""
    strategy: str | None
    body: Any
    busy: bool
    """True if runs were in flight on the thread when the request was received."""
    status: int | None
    """The status of the response, null before it starts."""
    ended: bool
    cut: bool
    protocol: str | None = None
    refused: int | None = None
    reason: str = ""
    """The text of the response to a request that was refused. Left out of others."""
    callbacks: list[str] = []
    ignored: list[str] = []
    """The parts of the request that had no effect."""


class JournalRequests(Struct, frozen=True):
    """The requests of the clients, oldest first."""

    requests: list[JournalRequest]


class FoundMistake(Struct, frozen=True):
    """A mistake of a client, with the numbers of the requests that prove it."""

    rule: str
    text: str
    requests: list[int]


class Findings(Struct, frozen=True):
    """The mistakes of the clients, in the order of their requests."""

    findings: list[FoundMistake]


class Reached(Struct, frozen=True, kw_only=True):
    """The awaited event: a held run, a status, or a request with the fields of the journal."""

    thread_id: str | None = None
    run_id: str | None = None
    status: str | int | None = None
