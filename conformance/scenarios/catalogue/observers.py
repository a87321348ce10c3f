"""Who watches the first run, and how: through its own stream, `wait`, a stream joined later, two at once, or again.

Joined through `join` is in `stopping`, `cancel` and so on, beside the same case unwatched. Absent on purpose:

- `waited` and `join-streamed` in every phase: what A had done decides what there is to show, and how the client came
  by it does not; the streamed cases show every phase, the others one or two.
- watchers of a stubborn A: when a stream may end whose run was decided about but still cleans up is documented
  nowhere.
- `reject` beyond one case (in `reject`), `enqueue` beyond two: they leave A alone, and what its watchers see with it.
- watchers of B: the endpoint of B is varied in `stopping`, `enqueue` and `reject`.
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
    superseding,
    waiting,
)
from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitEvent,
    AwaitPoint,
    AwaitStopped,
    Cancel,
    Leave,
    Look,
    Move,
    Observe,
    ReadState,
    Release,
    Strategy,
    StreamMode,
    Submit,
    Watch,
)
from conformance.scenarios.scenario import Scenario

BOTH: tuple[StreamMode, ...] = ("values", "updates")
WATCHED_STREAM: dict[str, Any] = {"stream_mode": BOTH}
RESUMABLE: dict[str, Any] = {"endpoint": "stream", "stream_mode": BOTH, "resumable": True}

ENTERED_CHILD = "search:1/enter"

EARLIER: tuple[Move, ...] = (Submit(label="E", text=LA), AwaitEnd(label="E"), ReadState())

FLOOD = "what do you make of " + " ".join(f"word{number}" for number in range(4000)) + "?"
"""A text that is answered in so many tokens that they fill every buffer between a deployment and its reader."""


def scenarios() -> Iterator[Scenario]:
    """Every case in which something watches A other than `join`."""
    stopping: tuple[Strategy, ...] = ("interrupt", "rollback")
    for strategy in stopping:
        yield from _superseded(strategy)
    yield from _left_alone()
    yield from _cancelled()
    yield from _late()
    yield from _alone()


def _superseded(strategy: Strategy) -> Iterator[Scenario]:
    """B supersedes A while somebody reads A's stream, or waits for it."""
    for phase, (point, where) in HELD_PHASES.items():
        yield Scenario(
            id=f"{strategy}/{phase}/create/streamed",
            about=f"B double-texts A {where}; A's own client reads its stream.",
            moves=(*held_first(point, endpoint="stream"), *superseding(strategy)),
        )
    yield Scenario(
        id=f"{strategy}/pending/create/streamed",
        about="B double-texts a thread on which Z is held and A waits behind it; A's own client reads its stream.",
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
            about=f"B double-texts A {where}; A's own client waits for its values.",
            moves=(*held_first(point, endpoint="wait"), *superseding(strategy)),
        )
    yield Scenario(
        id=f"{strategy}/during-tools/create/join-streamed",
        about="B double-texts A while its tool is running; a second client has joined A's stream there.",
        moves=(*held_first(IN_TOOLS, **WATCHED_STREAM), Watch(name="V", label="A"), *LOOKS, *superseding(strategy)),
    )
    yield Scenario(
        id=f"{strategy}/during-answer/create/two-joined",
        about="Two clients join A's stream in its tool, and B double-texts A half-way through its answer.",
        moves=(*_two_join(), *superseding(strategy)),
    )
    yield Scenario(
        id=f"{strategy}/during-tools/create/reconnected",
        about="The client of A's resumable stream loses its connection, and comes back when B has superseded A.",
        moves=(
            *held_first(IN_TOOLS, **RESUMABLE),
            AwaitEvent(name="A", event="updates"),
            Leave(name="A"),
            *superseding(strategy),
            *_come_back(),
        ),
    )


def _two_join() -> tuple[Move, ...]:
    """Two clients join A's stream while its tool is held, and see A go on to half of its answer."""
    return (
        Submit(label="A", text=SF, hold=(IN_TOOLS, MID_ANSWER), **WATCHED_STREAM),
        AwaitPoint(label="A", point=IN_TOOLS),
        Watch(name="V", label="A"),
        Watch(name="W", label="A"),
        *LOOKS,
        Release(label="A", point=IN_TOOLS),
        AwaitPoint(label="A", point=MID_ANSWER),
    )


def _come_back() -> tuple[Move, ...]:
    """A's client reconnects from where it was, and a second one reads the stream from its beginning."""
    return (Watch(name="V", label="A", since="A"), Watch(name="W", label="A", since="-1"))


def _left_alone() -> Iterator[Scenario]:
    """B does not touch A, so A's watchers see all of A, and nothing of B."""
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


def _cancelled() -> Iterator[Scenario]:
    """A is cancelled while somebody reads its stream, or waits for it."""
    stopped: tuple[Move, ...] = (AwaitStopped(label="A"), AwaitEnd(label="A"), Release(), Observe())
    for phase in ("during-tools", "during-answer"):
        point, where = HELD_PHASES[phase]
        yield Scenario(
            id=f"cancel/{phase}/interrupt/streamed",
            about=f"A is cancelled {where}; its own client reads its stream.",
            moves=(*held_first(point, endpoint="stream"), Cancel(label="A"), *stopped),
        )
    yield Scenario(
        id="cancel/during-tools/interrupt/waited",
        about="A is cancelled while its tool is running; its own client waits for its values.",
        moves=(*held_first(IN_TOOLS, endpoint="wait"), Cancel(label="A"), *stopped),
    )
    yield Scenario(
        id="cancel/during-tools/rollback/streamed",
        about="After an earlier turn A is cancelled with the action `rollback` while its own client reads its stream.",
        moves=(*EARLIER, *held_first(IN_TOOLS, endpoint="stream"), Cancel(label="A", action="rollback"), *stopped),
    )


def _late() -> Iterator[Scenario]:
    """Somebody comes to watch A when A is over: finished, failed, stopped, or gone."""
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
    for name, (how, moves) in ways.items():
        yield Scenario(
            id=f"{name}/late",
            about=f"Clients join A, and its stream, after A {how}.",
            moves=(*moves, *late),
        )


def _alone() -> Iterator[Scenario]:
    """Nothing happens to A, and what its watchers are sent is looked at closely."""
    go_on: tuple[Move, ...] = (Release(), AwaitEnd(label="A"))
    modes: tuple[StreamMode, ...] = ("values", "updates", "messages-tuple", "custom")
    for asked in [(mode,) for mode in modes] + [modes]:
        name = asked[0] if len(asked) == 1 else "all-modes"
        yield Scenario(
            id=f"none/during-tools/stream/streamed/{name}",
            about=f"A's own client reads its stream, with {' and '.join(f'`{mode}`' for mode in asked)}.",
            moves=(
                *held_first(IN_TOOLS, endpoint="stream", stream_mode=asked),
                *((AwaitEvent(name="A", event="updates"),) if "updates" in asked else ()),
                *go_on,
            ),
        )
    yield Scenario(
        id="none/during-tools/create/join-streamed/updates",
        about="A second client joins A's stream of `values` and `updates`, and asks for `updates` only.",
        moves=(
            *held_first(IN_TOOLS, **WATCHED_STREAM),
            Watch(name="V", label="A", modes=("updates",)),
            *LOOKS,
            *go_on,
        ),
    )
    yield Scenario(
        id="none/during-tools/create/join-streamed/several-modes",
        about="A second client joins A's stream, and asks for two of its three modes.",
        moves=(
            *held_first(IN_TOOLS, stream_mode=(*BOTH, "messages-tuple")),
            Watch(name="V", label="A", modes=("updates", "messages-tuple")),
            *LOOKS,
            *go_on,
        ),
    )
    yield Scenario(
        id="none/in-child/create/two-joined",
        about="Two clients join A's stream, with subgraphs, in A's child graph; one of them asks for `updates` only.",
        moves=(
            Submit(label="A", text=SF, work="subgraph", subgraphs=True, hold=(ENTERED_CHILD,), **WATCHED_STREAM),
            AwaitPoint(label="A", point=ENTERED_CHILD),
            Watch(name="V", label="A", modes=("updates",)),
            Watch(name="W", label="A"),
            *LOOKS,
            *go_on,
        ),
    )
    yield Scenario(
        id="none/during-answer/create/two-joined",
        about="Two clients join A's stream while its tool is running, and see the rest of A.",
        moves=(*_two_join(), *go_on),
    )
    yield Scenario(
        id="none/during-answer/create/two-joined/one-leaves",
        about="Two clients join A's stream while its tool is running; one leaves half-way through the answer.",
        moves=(*_two_join(), Leave(name="W"), *LOOKS, *go_on),
    )
    lose: tuple[Move, ...] = (
        *held_first(IN_TOOLS, **RESUMABLE),
        AwaitEvent(name="A", event="updates"),
        Leave(name="A"),
    )
    yield Scenario(
        id="none/during-tools/stream/reconnected",
        about="The client of A's resumable stream loses its connection, and comes back when A has finished.",
        moves=(*lose, *LOOKS, *go_on, *_come_back()),
    )
    yield Scenario(
        id="none/during-tools/stream/reconnected/at-once",
        about="The client of A's resumable stream loses its connection, and comes back while A's tool is running.",
        moves=(*lose, *_come_back(), *LOOKS, *go_on),
    )
    yield Scenario(
        id="none/during-answer/stream/stalled",
        about="A's own client stops reading its stream, of which there is more than any buffer holds.",
        moves=(
            *held_first("agent:1/enter", text=FLOOD, endpoint="stream", stream_mode=("messages-tuple",), reads=False),
            Release(),
            AwaitEnd(label="A"),
            Leave(name="A"),
        ),
    )
    yield Scenario(
        id="none/cancelled/create/unwatched/from-checkpoint",
        about="A is cancelled half-way through its answer, and B goes on from the checkpoint of A's first step.",
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
