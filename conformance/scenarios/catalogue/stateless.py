"""The stateless runs: each has a thread of its own, which is deleted when the run has ended, or kept.

The id is `stateless/CASE`. Absent on purpose: superseding a stateless run (no other run can be on its thread), and the
fate of the thread of a streamed run (the official servers do not report its id).
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
    Batch,
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
    """Yield the scenarios: one run, two at a time, kept threads, a cancelled run, and a client that disconnects."""
    yield Scenario(
        id="stateless/create",
        about="A is created without a thread (create), and joined while its tool is running.",
        moves=(
            _stateless("A", SF, hold=(IN_TOOLS,)),
            AwaitPoint(label="A", point=IN_TOOLS),
            Watch(name="V", label="A", how="join"),
            Look(),  # its answer shows that the deployment has received the join, which was sent before
            Release(),
            AwaitEnd(label="A"),
            AwaitGone(label="A"),
        ),
    )
    endpoints: tuple[Endpoint, ...] = ("stream", "wait")
    for endpoint in endpoints:
        yield Scenario(
            id=f"stateless/{endpoint}",
            about=f"A is created without a thread ({endpoint}).",
            moves=(_stateless("A", SF, endpoint=endpoint), AwaitEnd(label="A"), AwaitGone(label="A")),
        )
    for durability in ("sync", "async", "exit"):
        yield Scenario(
            id=f"stateless/wait-{durability}",
            about=f"A is created without a thread (wait) and with durability `{durability}`.",
            moves=(
                _stateless("A", SF, endpoint="wait", durability=durability),
                AwaitEnd(label="A"),
                AwaitGone(label="A"),
            ),
        )
    for kept in ("create", "wait"):
        yield Scenario(
            id=f"stateless/{kept}-kept",
            about=f"A is created without a thread ({kept}), and its own thread must be kept.",
            moves=(_stateless("A", SF, endpoint=kept, on_completion="keep"), AwaitEnd(label="A"), Observe()),
        )
    yield Scenario(
        id="stateless/two-at-once",
        about="B is created without a thread while A, also without one, is in its tool, and both threads must be kept.",
        moves=(
            _stateless("A", SF, hold=(IN_TOOLS,), on_completion="keep"),
            AwaitPoint(label="A", point=IN_TOOLS),
            _stateless("B", NYC, hold=(IN_TOOLS,), on_completion="keep"),
            # Optional: a deployment with one worker starts B only when A has ended.
            AwaitPoint(label="B", point=IN_TOOLS, optional=True),
            Look(),
            Release(),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
        ),
    )
    yield Scenario(
        id="stateless/cancelled",
        about="A, a run without a thread, is cancelled while its tool is running.",
        moves=(
            _stateless("A", SF, hold=(IN_TOOLS,)),
            AwaitPoint(label="A", point=IN_TOOLS),
            Cancel(label="A"),
            AwaitStopped(label="A"),
            AwaitEnd(label="A"),
            AwaitGone(label="A"),
        ),
    )
    yield Scenario(
        id="stateless/batch",
        about="A and B are created without a thread, in one request.",
        moves=(
            Batch(runs=(("A", SF), ("B", NYC))),
            *(AwaitPoint(label=label, point="agent:2/exit") for label in ("A", "B")),
        ),
    )
    for sent in ("cancel", "continue"):
        yield Scenario(
            id=f"stateless/left-{sent}",
            about=f'The client that streams A, which has no thread, disconnects, with `on_disconnect: "{sent}"`.',
            moves=(
                _stateless("A", SF, endpoint="stream", hold=(IN_TOOLS,), on_disconnect=sent),
                AwaitPoint(label="A", point=IN_TOOLS),
                Leave(name="A"),
                *((AwaitStopped(label="A"),) if sent == "cancel" else (Observe(),)),
                Release(),
                Observe(),
            ),
        )


def _stateless(label: str, text: str, **fields: Any) -> Submit:
    return Submit(label=label, text=text, thread=STATELESS, **fields)
