"""The `leave` scenarios: a client that watches A disconnects. The id is STRATEGY/PHASE/ENDPOINT/VALUE.

ENDPOINT is the client's connection: `stream` or `wait` if it created A, `join` or `join-stream` if it connected later.
VALUE is the value of `on_disconnect` or `cancel_on_disconnect` in its request: `default` (not sent), `continue` (or
false), `cancel` (or true).

Absent on purpose: `join` and `join-stream` with an explicit false, which no client distinguishes from the default, and
the other values in the other phases. The value is part of the request, so one phase shows all values, and the others
show only that `cancel` works there, too. Runs without a thread are in `stateless`.
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

# The time to observe comes before the release: a deployment that cancels A by mistake must have had time to do so.
CONTINUES: tuple[Move, ...] = (Observe(), *LOOKS, Release(), AwaitEnd(label="A"))
IS_CANCELLED: tuple[Move, ...] = (AwaitStopped(label="A"), AwaitEnd(label="A"), Release(), Observe())
SHOWN = {
    "default": "having sent no `on_disconnect`",
    "continue": 'having sent `on_disconnect: "continue"`',
    "cancel": 'having sent `on_disconnect: "cancel"`',
}
SENT: dict[str, Literal["cancel", "continue"] | None] = {"default": None, "continue": "continue", "cancel": "cancel"}


def scenarios() -> Iterator[Scenario]:
    """Yield the scenarios in which a client of A disconnects while A is in flight."""
    yield from _creating_clients()
    yield from _joined_clients()
    yield from _other_phases()


def _creating_clients() -> Iterator[Scenario]:
    """Yield the scenarios in which the client that created A disconnects."""
    endpoints: tuple[Endpoint, ...] = ("stream", "wait")
    for endpoint in endpoints:
        for value, sent in SENT.items():
            yield Scenario(
                id=f"leave/during-tools/{endpoint}/{value}",
                about=f"The client that created A through {endpoint} disconnects, {SHOWN[value]}.",
                moves=(
                    *held_first(IN_TOOLS, endpoint=endpoint, on_disconnect=sent),
                    *_connected(endpoint),
                    Leave(name="A"),
                    *(IS_CANCELLED if value == "cancel" else CONTINUES),
                ),
            )


def _joined_clients() -> Iterator[Scenario]:
    """Yield the scenarios in which a client that joined A disconnects."""
    ways: tuple[tuple[str, Literal["join", "stream"]], ...] = (("join", "join"), ("join-stream", "stream"))
    for name, how in ways:
        for value, sent in (("default", None), ("cancel", True)):
            yield Scenario(
                id=f"leave/during-tools/{name}/{value}",
                about=f"A client in {name} of A disconnects, having sent "
                + ("`cancel_on_disconnect: true`." if sent else "no `cancel_on_disconnect`."),
                moves=(
                    # A joined stream has the modes that the run was created with, so the run names them.
                    *held_first(IN_TOOLS, stream_mode=("values", "updates")),
                    Watch(name="V", label="A", how=how, cancel_on_disconnect=sent),
                    *LOOKS,
                    Leave(name="V"),
                    *(IS_CANCELLED if sent else CONTINUES),
                ),
            )


def _other_phases() -> Iterator[Scenario]:
    """Yield the scenarios with `cancel` in other phases, and with a run that is queued behind A."""
    yield Scenario(
        id="leave/during-answer/stream/cancel",
        about="The client that created A as a stream disconnects halfway through A's answer.",
        moves=(
            *held_first(MID_ANSWER, endpoint="stream", on_disconnect="cancel"),
            *_connected("stream"),
            Leave(name="A"),
            *IS_CANCELLED,
        ),
    )
    yield Scenario(
        id="leave/pending/stream/cancel",
        about="The client that created A as a stream disconnects while A is queued behind Z.",
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
        about="The client that created A as a stream disconnects while B is queued behind A.",
        moves=(
            *held_first(IN_TOOLS, endpoint="stream", on_disconnect="cancel"),
            *_connected("stream"),
            # B shows that the cancelled run frees its thread, although no client waits for it any more.
            second("enqueue"),
            Leave(name="A"),
            AwaitStopped(label="A"),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
            Release(),
        ),
    )


def _connected(endpoint: Endpoint) -> tuple[Move, ...]:
    """Return the moves after which the client is certainly connected.

    A client that disconnects earlier might never have reached the run, and `on_disconnect` would not apply.
    """
    return (AwaitEvent(name="A", event="updates"),) if endpoint == "stream" else LOOKS
