"""`leave`: the client that watches A closes its connection; STRATEGY/PHASE/ENDPOINT/VALUE.

ENDPOINT is how that client watched A: `stream` and `wait` asked for A with `on_disconnect`, `join` and `join-stream`
came later with `cancel_on_disconnect`. VALUE is what was sent: `default` is nothing, `continue` (or false), `cancel`
(or true).

Absent on purpose: `join` and `join-stream` with an explicit false, which no client distinguishes from nothing; all
values in every phase: whether the client's leaving counts is decided when it asks, so one phase shows the values, and
the others only that `cancel` works there too. Runs without a thread are in `stateless`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from conformance.scenarios.catalogue.blocks import IN_TOOLS, LA, LOOKS, MID_ANSWER, SF, held_first, second
from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitEvent,
    AwaitPoint,
    AwaitStopped,
    Endpoint,
    Leave,
    Move,
    Observe,
    Release,
    Submit,
    Watch,
)
from conformance.scenarios.scenario import Scenario

GOES_ON: tuple[Move, ...] = (Observe(), *LOOKS, Release(), AwaitEnd(label="A"))
STOPS: tuple[Move, ...] = (AwaitStopped(label="A"), AwaitEnd(label="A"), Release(), Observe())
SENT: dict[str, Literal["cancel", "continue"] | None] = {"default": None, "continue": "continue", "cancel": "cancel"}


def scenarios() -> Iterator[Scenario]:
    """A's watcher leaves while A is in flight."""
    yield from _those_who_asked()
    yield from _those_who_came_later()
    yield from _elsewhere()


def _those_who_asked() -> Iterator[Scenario]:
    """The client that asked for A leaves."""
    endpoints: tuple[Endpoint, ...] = ("stream", "wait")
    for endpoint in endpoints:
        for value, sent in SENT.items():
            yield Scenario(
                id=f"leave/during-tools/{endpoint}/{value}",
                about=f"The client that asked for A through {endpoint} closes its connection; on_disconnect: {value}.",
                moves=(
                    *held_first(IN_TOOLS, endpoint=endpoint, on_disconnect=sent),
                    *_settled(endpoint),
                    Leave(name="A"),
                    *(STOPS if value == "cancel" else GOES_ON),
                ),
            )


def _those_who_came_later() -> Iterator[Scenario]:
    """A client that joined A leaves."""
    ways: tuple[tuple[str, Literal["join", "stream"]], ...] = (("join", "join"), ("join-stream", "stream"))
    for name, how in ways:
        for value, sent in (("default", None), ("cancel", True)):
            yield Scenario(
                id=f"leave/during-tools/{name}/{value}",
                about=f"A client in {name} of A closes its connection; cancel_on_disconnect: {value}.",
                moves=(
                    *held_first(IN_TOOLS, stream_mode=("values", "updates")),
                    Watch(name="V", label="A", how=how, cancel_on_disconnect=sent),
                    *LOOKS,
                    Leave(name="V"),
                    *(STOPS if sent else GOES_ON),
                ),
            )


def _elsewhere() -> Iterator[Scenario]:
    """`cancel` in other phases, and with a queue behind A."""
    yield Scenario(
        id="leave/during-answer/stream/cancel",
        about="The client that asked for A's stream closes its connection half-way through A's answer.",
        moves=(
            *held_first(MID_ANSWER, endpoint="stream", on_disconnect="cancel"),
            *_settled("stream"),
            Leave(name="A"),
            *STOPS,
        ),
    )
    yield Scenario(
        id="leave/pending/stream/cancel",
        about="The client that asked for A's stream closes its connection while A is queued behind Z.",
        moves=(
            Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
            AwaitPoint(label="Z", point=IN_TOOLS),
            Submit(label="A", text=SF, strategy="enqueue", endpoint="stream", on_disconnect="cancel"),
            *LOOKS,
            Leave(name="A"),
            Observe(),
            Release(label="Z"),
            AwaitEnd(label="Z"),
            AwaitEnd(label="A"),
        ),
    )
    yield Scenario(
        id="leave/during-tools/stream/cancel/then-enqueue",
        about="The client that asked for A's stream closes its connection while B is queued behind A.",
        moves=(
            *held_first(IN_TOOLS, endpoint="stream", on_disconnect="cancel"),
            *_settled("stream"),
            second("enqueue"),
            Leave(name="A"),
            AwaitStopped(label="A"),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
            Release(),
        ),
    )


def _settled(endpoint: Endpoint) -> tuple[Move, ...]:
    """The connection has carried something, so that nobody can have taken the leaving for a failure to arrive."""
    return (AwaitEvent(name="A", event="updates"),) if endpoint == "stream" else LOOKS
