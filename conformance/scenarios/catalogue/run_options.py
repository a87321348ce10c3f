"""The scenarios with other fields in the request for a run: `if_not_exists`, `after_seconds`, `interrupt_before`.

- `missing-thread/ENDPOINT`: a run creates its thread. A run that may not create it is in `bad_input`.
- `STRATEGY/delayed/...`: the first run is pending, because of its `after_seconds`, when the second arrives.
- `STRATEGY/stopped-before/...` and `STRATEGY/stopped-after/...`: the first run stops at a node.
- `none/delayed/...` and `enqueue/behind-delay/...`: the delay itself, on an idle thread and behind a run in flight.

Absent on purpose: a delayed run through other endpoints than `create` (the delay begins with the run, whatever the
endpoint), and one that is rolled back (it has written nothing to remove).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from conformance.scenarios.catalogue.blocks import (
    BOSTON,
    FIRST_STEP,
    IN_TOOLS,
    LA,
    LOOKS,
    NYC,
    SF,
    held_first,
    second,
    superseding,
    waiting,
)
from conformance.scenarios.moves import (
    FRESH,
    MAIN,
    AwaitEnd,
    AwaitPoint,
    Cancel,
    ChangeThread,
    CopyThread,
    CreateTogether,
    Endpoint,
    ListRuns,
    Look,
    Move,
    Observe,
    Query,
    ReadState,
    Release,
    Strategy,
    Submit,
    Together,
    UpdateState,
)
from conformance.scenarios.scenario import Scenario

# Short, because the play waits for it, but long enough for a missing delay to show.
SOON: Final = 1.5
"""Seconds of a delay that the play waits for: longer than a run without a delay takes to start."""

AT_ONCE: Final = 8
"""The number of requests that create one thread at the same time."""

LATE: Final = 600.0
"""Seconds of a delay that is longer than any play."""


def scenarios() -> Iterator[Scenario]:
    """Yield the runs that create their thread, and the runs that start later."""
    endpoints: tuple[Endpoint, ...] = ("create", "stream", "wait")
    for endpoint in endpoints:
        yield _created(endpoint)
    yield _created_at_once()
    yield _created_together()
    yield from _stopping()
    yield _updated()
    yield _time_travel()
    yield _continued_by_id()
    yield _updated_as_node()
    yield _thread_changed()
    yield _thread_copied()
    yield _exists_already()
    yield _command()
    yield _message_ids()
    yield _limited()
    yield from _configured()
    yield _by_context()
    yield Scenario(
        id="none/delayed/create/unwatched",
        about="A is created with `after_seconds` on an idle thread.",
        moves=(Submit(label="A", text=SF, after_seconds=SOON), *LOOKS, AwaitEnd(label="A")),
    )
    yield Scenario(
        id="enqueue/behind-delay/create/unwatched",
        about="B is created with `after_seconds` while A is held in its tool for longer than the delay.",
        moves=(
            *held_first(IN_TOOLS),
            # The delay ends while A is held. B must then still wait for A.
            Submit(label="B", text=NYC, strategy="enqueue", after_seconds=SOON, hold=(FIRST_STEP,)),
            Observe(until_begun="B"),
            *LOOKS,
            Release(label="A"),
            AwaitEnd(label="A"),
            AwaitPoint(label="B", point=FIRST_STEP),
            Release(label="B"),
            AwaitEnd(label="B"),
        ),
    )
    delayed = Submit(label="A", text=SF, after_seconds=LATE)
    yield Scenario(
        id="interrupt/delayed/create/unwatched",
        about="B interrupts A, which is delayed by `after_seconds`.",
        moves=(delayed, *LOOKS, second("interrupt"), AwaitEnd(label="B"), AwaitEnd(label="A"), Observe()),
    )
    yield Scenario(
        id="reject/delayed/create/unwatched",
        about="B arrives with `reject` while A is delayed by `after_seconds`, and C arrives when A is cancelled.",
        moves=(
            delayed,
            *LOOKS,
            second("reject"),
            ListRuns(),
            Cancel(label="A"),
            AwaitEnd(label="A"),
            ReadState(),
            Submit(label="C", text=LA, strategy="reject"),
            AwaitEnd(label="C"),
        ),
    )
    yield Scenario(
        id="cancel/delayed/interrupt/unwatched",
        about="A is cancelled while it is delayed by `after_seconds`, and a plain turn follows.",
        moves=(
            delayed,
            *LOOKS,
            Cancel(label="A"),
            AwaitEnd(label="A"),
            Observe(),
            second("enqueue"),
            AwaitEnd(label="B"),
        ),
    )


def _stopping() -> Iterator[Scenario]:
    """Yield the runs that stop before or after a node, as their request says."""
    ways: tuple[tuple[str, dict[str, Any]], ...] = (
        ("before", {"stop_before": ("tools",)}),
        ("after", {"stop_after": ("tools",)}),
    )
    for way, fields in ways:
        first: tuple[Move, ...] = (Submit(label="A", text=SF, **fields), AwaitEnd(label="A"), Look(), ReadState())
        yield Scenario(
            id=f"none/stopped-{way}/create/unwatched",
            about=f"A is created with `interrupt_{way}` for its tool.",
            moves=first,
        )
        yield Scenario(
            id=f"interrupt/stopped-{way}/create/unwatched",
            about=f"B arrives with `interrupt` after A has stopped {way} its tool, as its request says.",
            moves=(*first, second("interrupt"), AwaitEnd(label="B")),
        )
    yield Scenario(
        id="none/stopped-before/create/unwatched/all",
        about="A is created with `interrupt_before` for all nodes.",
        moves=(Submit(label="A", text=SF, stop_before=("*",)), AwaitEnd(label="A"), Look(), ReadState()),
    )


def _configured() -> Iterator[Scenario]:
    """Yield the runs that have entries of their own in their configurable, which their agent reports."""
    own: dict[str, Any] = {"doubletext_first": "of A", "doubletext_both": {"of": ["A", 1]}}
    first = Submit(label="A", text=SF, hold=(IN_TOOLS,), show=True, configurable=own)
    new: dict[str, Any] = {"doubletext_second": "of B", "doubletext_both": {"of": ["B", 2.5, None]}}
    ways: tuple[tuple[Strategy, tuple[Move, ...]], ...] = (
        ("interrupt", superseding("interrupt")[1:]),
        ("enqueue", waiting()[1:]),
    )
    for strategy, rest in ways:
        yield Scenario(
            id=f"{strategy}/during-tools/create/unwatched/configurable",
            about=f"B arrives with `{strategy}` while A's tool is running, and both agents report their configurable.",
            moves=(
                first,
                AwaitPoint(label="A", point=IN_TOOLS),
                *LOOKS,
                Submit(label="B", text=NYC, strategy=strategy, show=True, configurable=new, hold=(FIRST_STEP,)),
                *rest,
            ),
        )


def _by_context() -> Scenario:
    # A shows that the agent knows where to look, so that B's probe can only be missing if the deployment lost it.
    return Scenario(
        id="none/finished/create/unwatched/context",
        about="When A has finished, B has a `context` in place of a configurable, and its agent reports it.",
        moves=(
            Submit(label="A", text=SF, contract=4),
            AwaitEnd(label="A"),
            Submit(label="B", text=NYC, by_context=True, show=True, configurable={"doubletext_of": ["B", 2.5, None]}),
            AwaitEnd(label="B"),
        ),
    )


def _updated() -> Scenario:
    return Scenario(
        id="none/finished/create/unwatched/update",
        about="The state is updated when A has finished.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            ReadState(),
            UpdateState(text="an update between two runs"),
        ),
    )


def _continued_by_id() -> Scenario:
    return Scenario(
        id="none/finished/create/unwatched/checkpoint-id",
        about="When A has finished, B continues from the checkpoint of A's first step, which it names by its id alone.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            ReadState(),
            Submit(label="B", text=SF, from_step="A/agent:1", checkpoint_by_id=True, continues=True),
            AwaitEnd(label="B"),
        ),
    )


def _time_travel() -> Scenario:
    first = "A/agent:1"
    return Scenario(
        id="none/finished/create/unwatched/time-travel",
        about="After A, the state at the checkpoint of its first step is updated, and B continues from this "
        "checkpoint without input.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            ReadState(),
            UpdateState(text="an update of an older state", from_step=first),
            # B names the same checkpoint and not the new one: with a message behind the tool call nothing is next.
            ReadState(),
            Submit(label="B", text=SF, from_step=first, continues=True),
            AwaitEnd(label="B"),
        ),
    )


def _thread_changed() -> Scenario:
    return Scenario(
        id="none/finished/create/unwatched/change-thread",
        about="The metadata of the thread is added to when A has finished.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            *LOOKS,
            ChangeThread(metadata={"doubletext_title": "Weather", "doubletext_pinned": True}),
            *LOOKS,
        ),
    )


def _thread_copied() -> Scenario:
    # The copy has a name of its own, because threads with the usual names are created when they are first used.
    copied = Query(purpose="copied history", method="GET", path="/threads/{copy}/history?limit=100")
    return Scenario(
        id="none/finished/create/unwatched/copied",
        about="The thread is copied when A has finished, and X is created on the copy.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            ReadState(),
            CopyThread(name="copy"),
            copied,
            Submit(label="X", text=BOSTON, thread="copy"),
            AwaitEnd(label="X"),
            copied,
        ),
    )


def _limited() -> Scenario:
    return Scenario(
        id="none/limited/create/unwatched",
        about="A may execute one step only, and its turn has three.",
        moves=(Submit(label="A", text=SF, recursion_limit=1), AwaitEnd(label="A"), Look()),
    )


def _message_ids() -> Scenario:
    return Scenario(
        id="none/finished/create/unwatched/message-ids",
        about="A and then B are created with messages whose ids the client has chosen.",
        moves=(
            Submit(label="A", text=SF, message_id="5f1c0a52-6f7e-4c0b-9d5e-0a1b2c3d4e5f"),
            AwaitEnd(label="A"),
            Submit(label="B", text=NYC, message_id="8e2d1b63-7a8f-4d1c-8e6f-1b2c3d4e5f60"),
            AwaitEnd(label="B"),
        ),
    )


def _command() -> Scenario:
    return Scenario(
        id="none/finished/create/unwatched/goto",
        about="When A has finished, B has a command in place of input: it adds a message and goes to the first node.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            Submit(label="B", text=NYC, goto="agent"),
            AwaitEnd(label="B"),
        ),
    )


def _exists_already() -> Scenario:
    return Scenario(
        id="none/during-tools/create/unwatched/exists-already",
        about="While A is held, a client creates its thread once more with `if_exists: do_nothing`.",
        moves=(
            *held_first(IN_TOOLS),
            *LOOKS,
            CreateTogether(name=MAIN, times=1, if_exists="do_nothing"),
            *LOOKS,
            Release(),
            AwaitEnd(label="A"),
        ),
    )


def _updated_as_node() -> Scenario:
    return Scenario(
        id="none/parking/create/unwatched/as-node",
        about="While A is parked in its tool, the state is updated as if the tool had written it, and B continues.",
        moves=(
            Submit(label="A", text=SF, interrupt=("tools:1",)),
            AwaitEnd(label="A"),
            ReadState(),
            UpdateState(text="an update in place of the tool", as_node="tools"),
            ReadState(),
            Submit(label="B", text=SF, continues=True),
            AwaitEnd(label="B"),
        ),
    )


def _created_together() -> Scenario:
    return Scenario(
        id="missing-thread/created-together",
        about="After a turn on another thread several requests create one thread at the same time, with and without "
        "`if_exists`, and X follows on it.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            CreateTogether(name=FRESH, times=AT_ONCE, if_exists="do_nothing"),
            CreateTogether(name="second", times=AT_ONCE, if_exists=None),
            Submit(label="X", text=BOSTON, thread=FRESH),
            AwaitEnd(label="X"),
        ),
    )


def _created_at_once() -> Scenario:
    first_messages = tuple(
        # With a strategy, because a deployment may reject the later run if there is none.
        Submit(label=label, text=text, thread=FRESH, if_not_exists="create", strategy="enqueue")
        for label, text in (("X", BOSTON), ("D", LA))
    )
    return Scenario(
        id="missing-thread/burst",
        about="After a turn on another thread X and D arrive at the same time, and each may create their thread.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            Together(moves=first_messages),
            AwaitEnd(label="X"),
            AwaitEnd(label="D"),
        ),
    )


def _created(endpoint: Endpoint) -> Scenario:
    again: tuple[Move, ...] = (
        Submit(label="D", text=LA, endpoint=endpoint, thread=FRESH, if_not_exists="create"),
        AwaitEnd(label="D"),
    )
    return Scenario(
        id=f"missing-thread/{endpoint}",
        about=f"After a turn on another thread X creates its thread ({endpoint}), and D may create the same one.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            Submit(label="X", text=BOSTON, endpoint=endpoint, thread=FRESH, if_not_exists="create"),
            AwaitEnd(label="X"),
            *again,
        ),
    )
