"""Stateless runs: each has a thread of its own, which is thrown away when the run is over, or kept.

The id is `stateless/WHAT`. Absent: superseding a stateless run, since nothing can meet it on its thread; and what
becomes of the thread of a run that is streamed, since official servers do not tell which it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.scenarios.catalogue.blocks import IN_TOOLS, NYC, SF
from conformance.scenarios.moves import (
    STATELESS,
    AwaitEnd,
    AwaitGone,
    AwaitPoint,
    AwaitStopped,
    Cancel,
    Endpoint,
    Leave,
    Look,
    Observe,
    Release,
    Submit,
    Watch,
)
from conformance.scenarios.scenario import Scenario


def scenarios() -> Iterator[Scenario]:
    """Alone, two at once, kept, cancelled, and left by the client."""
    yield Scenario(
        id="stateless/create",
        about="A is asked for without a thread (create), and joined while it is in its tool.",
        moves=(
            _stateless("A", SF, hold=(IN_TOOLS,)),
            AwaitPoint(label="A", point=IN_TOOLS),
            Watch(name="V", label="A", how="join"),
            Look(),  # whose answer comes after the deployment has heard of the join
            Release(),
            AwaitEnd(label="A"),
            AwaitGone(label="A"),
        ),
    )
    endpoints: tuple[Endpoint, ...] = ("stream", "wait")
    for endpoint in endpoints:
        yield Scenario(
            id=f"stateless/{endpoint}",
            about=f"A is asked for without a thread ({endpoint}).",
            moves=(_stateless("A", SF, endpoint=endpoint), AwaitEnd(label="A"), AwaitGone(label="A")),
        )
    for kept in ("create", "wait"):
        yield Scenario(
            id=f"stateless/{kept}-kept",
            about=f"A is asked for without a thread ({kept}), and its own is to be kept.",
            moves=(_stateless("A", SF, endpoint=kept, on_completion="keep"), AwaitEnd(label="A"), Observe()),
        )
    yield Scenario(
        id="stateless/two-at-once",
        about="B is asked for without a thread while A, which has none either, is in its tool; both are to be kept.",
        moves=(
            _stateless("A", SF, hold=(IN_TOOLS,), on_completion="keep"),
            AwaitPoint(label="A", point=IN_TOOLS),
            _stateless("B", NYC, hold=(IN_TOOLS,), on_completion="keep"),
            AwaitPoint(label="B", point=IN_TOOLS, optional=True),
            Look(),
            Release(),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
        ),
    )
    yield Scenario(
        id="stateless/cancelled",
        about="A, without a thread, is cancelled in its tool.",
        moves=(
            _stateless("A", SF, hold=(IN_TOOLS,)),
            AwaitPoint(label="A", point=IN_TOOLS),
            Cancel(label="A"),
            AwaitStopped(label="A"),
            AwaitEnd(label="A"),
            AwaitGone(label="A"),
        ),
    )
    for what in ("cancel", "continue"):
        yield Scenario(
            id=f"stateless/left-{what}",
            about=f"The client that streams A, a run without a thread, leaves while it is held (on_disconnect={what}).",
            moves=(
                _stateless("A", SF, endpoint="stream", hold=(IN_TOOLS,), on_disconnect=what),
                AwaitPoint(label="A", point=IN_TOOLS),
                Leave(name="A"),
                *((AwaitStopped(label="A"),) if what == "cancel" else (Observe(),)),
                Release(),
                Observe(),
            ),
        )


def _stateless(label: str, text: str, **how: Any) -> Submit:
    return Submit(label=label, text=text, thread=STATELESS, **how)
