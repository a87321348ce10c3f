"""The webhook scenarios: a listener of the suite receives the webhooks of runs that have ended.

The id is `webhook/END`, after the way in which the run ends. The listener is the witness, under another path. The
deployment must be allowed to call it: many reject webhooks to addresses of their own network unless configured.

Absent on purpose: other endpoints (the webhook belongs to the run, whatever created it), and a listener that cannot be
reached (a deployment treats it like one that fails).
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.scenarios.catalogue.blocks import FIRST_STEP, IN_TOOLS, LA, NYC, SF, held_first
from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitPoint,
    AwaitStopped,
    AwaitSuperseded,
    AwaitWebhook,
    Cancel,
    Look,
    Move,
    Observe,
    Release,
    Strategy,
    Submit,
)
from conformance.scenarios.scenario import Scenario


def scenarios() -> Iterator[Scenario]:
    """Yield the scenarios: a run that finishes, fails, is superseded or is cancelled, and a listener that fails."""
    yield Scenario(
        id="webhook/finished",
        about="A, with a webhook, finishes undisturbed.",
        moves=(Submit(label="A", text=SF, webhook="heard"), AwaitEnd(label="A"), AwaitWebhook(label="A"), Observe()),
    )
    yield Scenario(
        id="webhook/failed",
        about="A, with a webhook, fails in its tool.",
        moves=(
            Submit(label="A", text=SF, fail=("tools:1",), webhook="heard"),
            AwaitEnd(label="A"),
            AwaitWebhook(label="A"),
            Observe(),
        ),
    )
    yield from (_superseded("interrupted", "interrupt"), _superseded("rolled-back", "rollback"))
    yield Scenario(
        id="webhook/cancelled",
        about="A, with a webhook, is cancelled while its tool is running.",
        moves=(
            *held_first(IN_TOOLS, webhook="heard"),
            Cancel(label="A"),
            AwaitStopped(label="A"),
            AwaitEnd(label="A"),
            AwaitWebhook(label="A"),
            Observe(),
        ),
    )
    yield Scenario(
        id="webhook/interrupted-pending",
        about="A, with a webhook, is queued behind Z when B interrupts both.",
        moves=(
            Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
            AwaitPoint(label="Z", point=IN_TOOLS),
            Submit(label="A", text=SF, strategy="enqueue", webhook="heard"),
            Look(),
            Submit(label="B", text=NYC, strategy="interrupt", webhook="heard"),
            AwaitEnd(label="B"),
            # A's webhook is not awaited: a run that never executed may send one or none.
            AwaitWebhook(label="B"),
            Observe(),
        ),
    )
    yield Scenario(
        id="webhook/failing-listener",
        about="A's listener answers 500, and B arrives when A has ended.",
        moves=(
            Submit(label="A", text=SF, webhook="failing"),
            AwaitEnd(label="A"),
            AwaitWebhook(label="A"),
            # Time for a retry, if the deployment retries. The thread must still be usable.
            Observe(),
            Look(),
            Submit(label="B", text=NYC),
            AwaitEnd(label="B"),
        ),
    )


def _superseded(end: str, strategy: Strategy) -> Scenario:
    moves: tuple[Move, ...] = (
        *held_first(IN_TOOLS, webhook="heard"),
        Submit(label="B", text=NYC, strategy=strategy, hold=(FIRST_STEP,), webhook="heard"),
        AwaitSuperseded(label="A", by="B"),
        AwaitPoint(label="B", point=FIRST_STEP),
        Release(label="B"),
        AwaitEnd(label="B"),
        Release(),
        AwaitWebhook(label="B"),
        # A's webhook is not awaited: it is judged whether it arrives, so its absence must not stop the play.
        Observe(),
    )
    return Scenario(
        id=f"webhook/{end}", about=f"B arrives with `{strategy}` while A, with a webhook, is held.", moves=moves
    )
