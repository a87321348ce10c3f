"""Webhooks: what a listener of the suite's own is told of runs that are over.

The id is `webhook/END`: how the run came to its end. The listener is the witness, under another path, so the deployment
must be allowed to call it: many refuse webhooks to addresses of their own network unless that is configured.

Absent: the endpoint through which the run was asked for, since the webhook belongs to the run; and a listener that is
not there at all, which is the same to a deployment as one that fails.
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
    """A run that ends by itself, is superseded, cancelled or fails, and a listener that fails."""
    yield Scenario(
        id="webhook/finished",
        about="A, with a webhook, is left alone until it has finished.",
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
        about="A, with a webhook, is cancelled in its tool.",
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
            AwaitWebhook(label="B"),
            Observe(),
        ),
    )
    yield Scenario(
        id="webhook/failing-listener",
        about="A's listener answers 500; B comes when A is over.",
        moves=(
            Submit(label="A", text=SF, webhook="failing"),
            AwaitEnd(label="A"),
            AwaitWebhook(label="A"),
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
        Observe(),
    )
    return Scenario(id=f"webhook/{end}", about=f"B arrives with `{strategy}` while A is in its tool.", moves=moves)
