"""The moves of a scenario: one class for each kind, with its effect on a play and its description.

A new kind of move needs a class with `traits` and `describe` in a module of this package, an entry in `Move`, and a
case in `driver/dispatch.py`. Everything else derives from these three places.

The tags and the fields are JSON in every transcript, and kept transcripts are judged again by later versions. So they
keep their names, and a new field has a default.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, get_args

from conformance.scenarios.kind import Kind, Traits
from conformance.scenarios.moves.clients import AwaitEvent, Browse, Leave, ReadOn, Watch
from conformance.scenarios.moves.crons import AwaitCron, CreateCron, DeleteCron, ListCrons
from conformance.scenarios.moves.names import (
    ASKED,
    FRESH,
    MAIN,
    MISSING,
    ON_THREAD,
    OTHER,
    STATELESS,
    UNKNOWN_ASSISTANT,
    UNKNOWN_RUN,
    Endpoint,
    Mistake,
    RunStatus,
    Strategy,
    StreamMode,
    nodes,
    thread_of,
)
from conformance.scenarios.moves.reads import ListRuns, Look, Query, ReadChild, ReadState, SearchThreads
from conformance.scenarios.moves.runs import Ask, Batch, Cancel, CancelMany, Delete, Submit
from conformance.scenarios.moves.threads import ChangeThread, CopyThread, CreateAgain, CreateTogether, UpdateState
from conformance.scenarios.moves.waits import (
    AwaitEnd,
    AwaitGone,
    AwaitHeard,
    AwaitOneLeft,
    AwaitPoint,
    AwaitStopped,
    AwaitSuperseded,
    AwaitWebhook,
    Observe,
    Release,
)

__all__ = [
    "ASKED",
    "FRESH",
    "KINDS",
    "MAIN",
    "MISSING",
    "ON_THREAD",
    "OTHER",
    "STATELESS",
    "UNKNOWN_ASSISTANT",
    "UNKNOWN_RUN",
    "Ask",
    "AwaitCron",
    "AwaitEnd",
    "AwaitEvent",
    "AwaitGone",
    "AwaitHeard",
    "AwaitOneLeft",
    "AwaitPoint",
    "AwaitStopped",
    "AwaitSuperseded",
    "AwaitWebhook",
    "Batch",
    "Browse",
    "Cancel",
    "CancelMany",
    "ChangeThread",
    "CopyThread",
    "CreateAgain",
    "CreateCron",
    "CreateTogether",
    "Delete",
    "DeleteCron",
    "Endpoint",
    "Leave",
    "ListCrons",
    "ListRuns",
    "Look",
    "Mistake",
    "Move",
    "Observe",
    "Query",
    "ReadChild",
    "ReadOn",
    "ReadState",
    "Release",
    "RunStatus",
    "SearchThreads",
    "Strategy",
    "StreamMode",
    "Submit",
    "Together",
    "UpdateState",
    "Watch",
    "nodes",
    "parts",
    "thread_of",
]


class Together(Kind, frozen=True, kw_only=True, tag="together"):
    """Send several requests at the same time, or wait for several points, and continue when that is over."""

    # The effects are those of its moves: see `parts`, through which the judge and the reports read them one by one.
    traits = Traits(passive=False, quiet=False, may_end=False, changes=None, by_hand=False)

    moves: tuple[Submit | Cancel | AwaitPoint, ...]

    def describe(self) -> str:
        # Equal requests are counted: ten equal cancels would fill a screen.
        texts = Counter(move.describe() for move in self.moves)
        return "at the same time: " + ", ".join(text if n == 1 else f"{n} x {text}" for text, n in texts.items())


Move = (
    Submit
    | Watch
    | AwaitEvent
    | Leave
    | ReadOn
    | Ask
    | AwaitPoint
    | AwaitHeard
    | AwaitSuperseded
    | AwaitStopped
    | AwaitEnd
    | AwaitOneLeft
    | CreateCron
    | AwaitCron
    | DeleteCron
    | ListCrons
    | AwaitGone
    | AwaitWebhook
    | Cancel
    | CancelMany
    | Batch
    | Together
    | Delete
    | CreateAgain
    | CreateTogether
    | CopyThread
    | ChangeThread
    | Browse
    | Release
    | Observe
    | Look
    | ReadState
    | ReadChild
    | UpdateState
    | ListRuns
    | SearchThreads
    | Query
)


KINDS: Final[tuple[type[Kind], ...]] = get_args(Move)
"""Every kind of move."""


def parts(move: Move) -> tuple[Move, ...]:
    """Return the moves that a `Together` makes at the same time, or the move itself."""
    return move.moves if isinstance(move, Together) else (move,)
