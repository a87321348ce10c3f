"""The scenarios that vary the observer of the first run: its own stream, `wait`, a joined stream, two, a reconnect.

The scenarios with a client in `join` are in `supersede`, `cancel` and so on, next to the same case without one.

Absent on purpose:

- `waited` and `join-streamed` in every phase. The values depend on what A had done, and not on the client's endpoint.
  The streamed cases cover every phase, the others one or two.
- Observers of an A that resists its cancellation. It is documented nowhere when the stream of a run may end that is
  cancelled but still cleaning up.
- `reject` beyond one case (in `reject`) and `enqueue` beyond two. They do not affect A, nor what its observers receive.
- Observers of B. The endpoint of B is varied in `supersede`, `enqueue` and `reject`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.scenarios.catalogue.blocks import (
    FIRST_STEP,
    HELD_PHASES,
    IN_TOOLS,
    LA,
    LOOKS,
    MID_ANSWER,
    NYC,
    SF,
    held_first,
    second,
    superseding,
    waiting,
)
from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitEvent,
    AwaitPoint,
    AwaitStopped,
    Browse,
    Cancel,
    Leave,
    Look,
    Move,
    Observe,
    ReadOn,
    ReadState,
    Release,
    Strategy,
    StreamMode,
    Submit,
    Watch,
)
from conformance.scenarios.scenario import Scenario

BOTH: tuple[StreamMode, ...] = ("values", "updates")
# A joined stream has the modes that the run was created with, so a run that is to be joined names them.
WATCHED_STREAM: dict[str, Any] = {"stream_mode": BOTH}
RESUMABLE: dict[str, Any] = {"endpoint": "stream", "stream_mode": BOTH, "resumable": True}

ENTERED_CHILD = "search:1/enter"

EARLIER: tuple[Move, ...] = (Submit(label="E", text=LA), AwaitEnd(label="E"), ReadState())

FLOOD = "what do you make of " + " ".join(f"word{number}" for number in range(4000)) + "?"
"""A text whose answer has so many tokens that they fill every buffer between a deployment and its client.

The agent repeats a text that is not about the weather, one token for each word.
"""

LONG = "what do you make of " + " ".join(f"word{number}" for number in range(1200)) + "?"
"""A text whose answer has more tokens than the events that a server with a small window keeps: mostly 100 to 1000."""

ANY_TEXT = (
    'say: Größe 東京 🌦️ e\u0301 "quoted" \\ \\u0441\\ud83d\\ude00 <b>&amp;\r\n\ndata: x\nevent: end\n\n'
    "\x85 \u2028 \u2029 \ufeff __interrupt__ %20 {main} end"
)
"""A text with what servers and proxies have altered: other alphabets, escapes, line ends and words of the protocol."""

LARGE = "what do you make of " + "x" * 530_000 + "?"
"""A text that makes the last event larger than a megabyte: the event has the text, and the answer repeats it.

Limits at which servers, proxies and clients cut a line are mostly 64 KiB, 128 KiB or 1 MiB.
"""


def scenarios() -> Iterator[Scenario]:
    """Yield every scenario in which a client watches A in another way than through `join`."""
    stopping: tuple[Strategy, ...] = ("interrupt", "rollback")
    for strategy in stopping:
        yield from _superseded(strategy)
    yield from _unaffected()
    yield from _failing()
    yield from _cancelled()
    yield from _late()
    yield from _followed()
    yield from _undisturbed()


def _superseded(strategy: Strategy) -> Iterator[Scenario]:
    """Yield the scenarios in which B supersedes A while a client reads A's stream or waits for A."""
    for phase, (point, where) in HELD_PHASES.items():
        yield Scenario(
            id=f"{strategy}/{phase}/create/streamed",
            about=f"B double-texts A {where}, and A's own client reads its stream.",
            moves=(*held_first(point, endpoint="stream"), *superseding(strategy)),
        )
    yield Scenario(
        id=f"{strategy}/pending/create/streamed",
        about="B double-texts a thread on which Z is held and A, whose own client reads its stream, is queued.",
        moves=(
            Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
            AwaitPoint(label="Z", point=IN_TOOLS),
            Submit(label="A", text=SF, strategy="enqueue", endpoint="stream"),
            *LOOKS,
            *superseding(strategy, first="Z"),
            AwaitEnd(label="Z"),
        ),
    )
    for phase in ("during-agent", "during-answer") if strategy == "interrupt" else ("during-tools",):
        point, where = HELD_PHASES[phase]
        yield Scenario(
            id=f"{strategy}/{phase}/create/waited",
            about=f"B double-texts A {where}, and A's own client waits for its values.",
            moves=(*held_first(point, endpoint="wait"), *superseding(strategy)),
        )
    yield Scenario(
        id=f"{strategy}/during-tools/create/join-streamed",
        about="B double-texts A while its tool is running and a second client has joined A's stream.",
        moves=(*held_first(IN_TOOLS, **WATCHED_STREAM), Watch(name="V", label="A"), *LOOKS, *superseding(strategy)),
    )
    yield Scenario(
        id=f"{strategy}/during-answer/create/two-joined",
        about="Two clients join A's stream while its tool is running, and B double-texts A halfway through its answer.",
        moves=(*_two_join(), *superseding(strategy)),
    )
    yield Scenario(
        id=f"{strategy}/during-tools/create/reconnected",
        about="The client of A's resumable stream loses its connection, and reconnects when B has superseded A.",
        moves=(
            *held_first(IN_TOOLS, **RESUMABLE),
            # Only a client that has received an event has an id to reconnect with.
            AwaitEvent(name="A", event="updates"),
            Leave(name="A"),
            *superseding(strategy),
            *_reconnect(),
        ),
    )


def _two_join() -> tuple[Move, ...]:
    """Return the moves with which two clients join A's stream in its tool, and A continues to half of its answer."""
    return (
        Submit(label="A", text=SF, hold=(IN_TOOLS, MID_ANSWER), **WATCHED_STREAM),
        AwaitPoint(label="A", point=IN_TOOLS),
        Watch(name="V", label="A"),
        Watch(name="W", label="A"),
        *LOOKS,
        Release(label="A", point=IN_TOOLS),
        AwaitPoint(label="A", point=MID_ANSWER),
    )


def _reconnect() -> tuple[Move, ...]:
    """Return the moves with which A's client reconnects after its last event, and another reads the whole stream."""
    # Together they show lost and repeated events: V must receive exactly the part of W's stream after A's last event.
    return (Watch(name="V", label="A", since="A"), Watch(name="W", label="A", since="-1"))


def _unaffected() -> Iterator[Scenario]:
    """Yield the scenarios in which B does not affect A, so that A's observers receive all of A and nothing of B."""
    yield Scenario(
        id="enqueue/during-tools/create/streamed",
        about="B is queued behind A, whose own client reads its stream.",
        moves=(*held_first(IN_TOOLS, endpoint="stream"), *waiting()),
    )
    yield Scenario(
        id="enqueue/during-tools/create/waited",
        about="B is queued behind A, whose own client waits for its values.",
        moves=(*held_first(IN_TOOLS, endpoint="wait"), *waiting()),
    )
    yield Scenario(
        id="enqueue/during-tools/create/unwatched/joined-queued",
        about="B is queued behind A, and a client joins B's stream while B waits.",
        moves=(
            *held_first(IN_TOOLS),
            Submit(label="B", text=NYC, strategy="enqueue", stream_mode=BOTH, hold=(FIRST_STEP,)),
            Watch(name="V", label="B"),
            *waiting()[1:],
        ),
    )


def _failing() -> Iterator[Scenario]:
    """Yield the scenarios in which A fails while its own client, or one in `join`, watches it, and B comes after it."""
    fails: dict[str, Any] = {"fail": ("tools:1",)}
    watched: dict[str, tuple[str, dict[str, Any]]] = {
        "streamed": ("reads its stream", {"endpoint": "stream"}),
        "waited": ("waits for its values", {"endpoint": "wait"}),
    }
    for observer, (how, fields) in watched.items():
        yield Scenario(
            id=f"enqueue/failing/create/{observer}",
            about=f"B is queued behind A, whose tool raises an exception, and A's own client {how}.",
            moves=(*held_first(IN_TOOLS, **fails, **fields), *waiting()),
        )
        yield Scenario(
            id=f"interrupt/failed/create/{observer}",
            about=f"A's tool raises an exception while A's own client {how}, and B arrives with `interrupt`.",
            moves=(
                *held_first(IN_TOOLS, **fails, **fields),
                Release(),
                AwaitEnd(label="A"),
                Look(),
                second("interrupt"),
                AwaitEnd(label="B"),
            ),
        )
    yield Scenario(
        id="enqueue/failing/create/joined",
        about="B is queued behind A, whose tool raises an exception, and a client waits for A in `join`.",
        moves=(*held_first(IN_TOOLS, **fails, watch=True), *waiting()),
    )


def _followed() -> Iterator[Scenario]:
    """Yield the scenarios in which a client joins A only after B, the run behind A, has ended as well."""
    late: tuple[Move, ...] = (Watch(name="J", label="A", how="join"), Observe())
    yield Scenario(
        id="interrupt/during-tools/create/late/followed",
        about="A client joins A after B has interrupted A and has finished.",
        moves=(*held_first(IN_TOOLS), *superseding("interrupt"), *late),
    )
    yield Scenario(
        id="enqueue/finished/create/late/followed",
        about="A client joins the finished A after B has finished, too.",
        moves=(Submit(label="A", text=SF), AwaitEnd(label="A"), second("enqueue"), AwaitEnd(label="B"), *late),
    )


def _cancelled() -> Iterator[Scenario]:
    """Yield the scenarios in which A is cancelled while a client reads its stream or waits for it."""
    stopped: tuple[Move, ...] = (AwaitStopped(label="A"), AwaitEnd(label="A"), Release(), Observe())
    for phase in ("during-tools", "during-answer"):
        point, where = HELD_PHASES[phase]
        yield Scenario(
            id=f"cancel/{phase}/interrupt/streamed",
            about=f"A is cancelled {where}, and its own client reads its stream.",
            moves=(*held_first(point, endpoint="stream"), Cancel(label="A"), *stopped),
        )
    yield Scenario(
        id="cancel/during-tools/interrupt/waited",
        about="A is cancelled while its tool is running, and its own client waits for its values.",
        moves=(*held_first(IN_TOOLS, endpoint="wait"), Cancel(label="A"), *stopped),
    )
    yield Scenario(
        id="cancel/during-tools/rollback/streamed",
        about="After an earlier turn A is cancelled with the action `rollback` while its own client reads its stream.",
        moves=(*EARLIER, *held_first(IN_TOOLS, endpoint="stream"), Cancel(label="A", action="rollback"), *stopped),
    )


def _late() -> Iterator[Scenario]:
    """Yield the scenarios in which clients join A after it has finished, failed, been cancelled or been deleted."""
    # J receives the values, V the events that are still to come (there are none), W the events from the beginning.
    late: tuple[Move, ...] = (
        Watch(name="J", label="A", how="join"),
        Watch(name="V", label="A"),
        Watch(name="W", label="A", since="-1"),
        Observe(),
    )
    over: tuple[Move, ...] = (AwaitEnd(label="A"), Look())
    held = held_first(IN_TOOLS)
    ways: dict[str, tuple[str, tuple[Move, ...]]] = {
        "none/finished/create": ("has finished", (Submit(label="A", text=SF), *over)),
        "none/failed/create": ("has failed", (Submit(label="A", text=SF, fail=("tools:1",)), *over)),
        "cancel/during-tools/interrupt": ("was cancelled", (*held, Cancel(label="A"), *over)),
        "cancel/during-tools/rollback": (
            "was rolled back",
            (*EARLIER, *held, Cancel(label="A", action="rollback"), *over),
        ),
    }
    for name, (ending, moves) in ways.items():
        yield Scenario(
            id=f"{name}/late",
            about=f"Clients join A and its stream after A {ending}.",
            moves=(*moves, *late),
        )


def _rarer_modes(finish: tuple[Move, ...]) -> Iterator[Scenario]:
    """Yield the scenarios with the modes that few clients request."""
    modes: dict[str, tuple[StreamMode, ...]] = {
        "events": ("events",),
        "debug-modes": ("tasks", "checkpoints", "debug"),
        "messages": ("messages",),
    }
    for name, requested in modes.items():
        yield Scenario(
            id=f"none/during-tools/stream/streamed/{name}",
            about=f"A's own client reads its stream with {' and '.join(f'`{mode}`' for mode in requested)}.",
            moves=(*held_first(IN_TOOLS, endpoint="stream", stream_mode=requested), *finish),
        )


def _undisturbed() -> Iterator[Scenario]:
    """Yield the scenarios in which nothing happens to A, and the events of its observers are judged."""
    finish: tuple[Move, ...] = (Release(), AwaitEnd(label="A"))
    modes: tuple[StreamMode, ...] = ("values", "updates", "messages-tuple", "custom")
    for requested in [(mode,) for mode in modes] + [modes]:
        name = requested[0] if len(requested) == 1 else "all-modes"
        yield Scenario(
            id=f"none/during-tools/stream/streamed/{name}",
            about=f"A's own client reads its stream with {' and '.join(f'`{mode}`' for mode in requested)}.",
            moves=(
                *held_first(IN_TOOLS, endpoint="stream", stream_mode=requested),
                # The other modes may have sent no event at this point, so there is nothing to wait for.
                *((AwaitEvent(name="A", event="updates"),) if "updates" in requested else ()),
                *finish,
            ),
        )
    yield Scenario(
        id="none/during-tools/stream/streamed/gzip",
        about="A's own client, which accepts gzip, reads its stream.",
        moves=(
            *held_first(IN_TOOLS, endpoint="stream", stream_mode=BOTH, gzip=True),
            AwaitEvent(name="A", event="updates"),
            *finish,
        ),
    )
    yield from _rarer_modes(finish)
    yield Scenario(
        id="none/finished/create/unwatched/other-origin",
        about="After a plain turn a page of another origin creates a run and searches for threads.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            Browse(what="preflight"),
            Browse(what="wait"),
            Browse(what="search"),
        ),
    )
    yield Scenario(
        id="none/any-text/stream/streamed",
        about="A's own client reads a stream with a text of many kinds of characters.",
        moves=(
            Submit(label="A", text=ANY_TEXT, endpoint="stream", stream_mode=("values", "updates", "messages-tuple")),
            AwaitEnd(label="A"),
        ),
    )
    yield Scenario(
        id="none/any-text/wait/unwatched",
        about="A client waits for A, whose text has many kinds of characters.",
        moves=(Submit(label="A", text=ANY_TEXT, endpoint="wait"), AwaitEnd(label="A")),
    )
    yield Scenario(
        id="none/large/stream/streamed",
        about="A's own client reads a stream whose last event has more than a megabyte.",
        moves=(Submit(label="A", text=LARGE, endpoint="stream", stream_mode=("values",)), AwaitEnd(label="A")),
    )
    yield Scenario(
        id="none/during-tools/create/join-streamed/updates",
        about="A second client joins A's stream of `values` and `updates` with `updates` only.",
        moves=(
            *held_first(IN_TOOLS, **WATCHED_STREAM),
            Watch(name="V", label="A", modes=("updates",)),
            *LOOKS,
            *finish,
        ),
    )
    yield Scenario(
        id="none/during-tools/create/join-streamed/several-modes",
        about="A second client joins A's stream with two of its three modes.",
        moves=(
            *held_first(IN_TOOLS, stream_mode=(*BOTH, "messages-tuple")),
            Watch(name="V", label="A", modes=("updates", "messages-tuple")),
            *LOOKS,
            *finish,
        ),
    )
    yield Scenario(
        id="none/in-child/create/two-joined",
        about="Two clients, one with `updates` only, join A's stream with subgraphs while its child graph executes.",
        moves=(
            Submit(label="A", text=SF, work="subgraph", subgraphs=True, hold=(ENTERED_CHILD,), **WATCHED_STREAM),
            AwaitPoint(label="A", point=ENTERED_CHILD),
            Watch(name="V", label="A", modes=("updates",)),
            Watch(name="W", label="A"),
            *LOOKS,
            *finish,
        ),
    )
    yield Scenario(
        id="none/during-answer/create/two-joined",
        about="Two clients join A's stream while its tool is running, and A finishes.",
        moves=(*_two_join(), *finish),
    )
    yield Scenario(
        id="none/during-answer/create/two-joined/one-leaves",
        about="Two clients join A's stream while its tool is running, and one disconnects halfway through the answer.",
        moves=(*_two_join(), Leave(name="W"), *LOOKS, *finish),
    )
    lose: tuple[Move, ...] = (
        *held_first(IN_TOOLS, **RESUMABLE),
        AwaitEvent(name="A", event="updates"),
        Leave(name="A"),
    )
    yield Scenario(
        id="none/during-tools/stream/reconnected",
        about="The client of A's resumable stream loses its connection, and reconnects when A has finished.",
        moves=(*lose, *LOOKS, *finish, *_reconnect()),
    )
    yield Scenario(
        id="none/during-tools/stream/reconnected/at-once",
        about="The client of A's resumable stream loses its connection, and reconnects while A's tool is running.",
        moves=(*lose, *_reconnect(), *LOOKS, *finish),
    )
    yield Scenario(
        id="none/during-answer/stream/reconnected/long",
        about="The client of A's resumable stream loses its connection at its first event, and reconnects when A has "
        "finished, over a thousand events later.",
        moves=(
            *held_first(FIRST_STEP, text=LONG, endpoint="stream", stream_mode=("messages-tuple",), resumable=True),
            AwaitEvent(name="A", event="metadata"),
            Leave(name="A"),
            *LOOKS,
            *finish,
            *_reconnect(),
        ),
    )
    yield Scenario(
        id="none/during-answer/stream/slow",
        about="A's own client reads nothing of its stream, which is larger than any buffer, until A has finished.",
        moves=(
            *held_first(FIRST_STEP, text=FLOOD, endpoint="stream", stream_mode=("messages-tuple",), reads=False),
            *finish,
            ReadOn(label="A"),
        ),
    )
    yield Scenario(
        id="none/during-answer/stream/stalled",
        about="A's own client stops reading its stream, which is larger than any buffer.",
        moves=(
            *held_first("agent:1/enter", text=FLOOD, endpoint="stream", stream_mode=("messages-tuple",), reads=False),
            Release(),
            # A must end although its client reads nothing. Only then is the connection closed.
            AwaitEnd(label="A"),
            Leave(name="A"),
        ),
    )
    yield Scenario(
        id="none/cancelled/create/unwatched/from-checkpoint",
        about="A is cancelled halfway through its answer, and B continues from the checkpoint of A's first step.",
        moves=(
            *held_first(MID_ANSWER),
            Cancel(label="A"),
            AwaitStopped(label="A"),
            AwaitEnd(label="A"),
            Release(),
            ReadState(),
            Submit(label="B", text=NYC, from_step="A/agent:1"),
            AwaitEnd(label="B"),
        ),
    )
