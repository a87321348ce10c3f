"""The `delete` scenarios: a client deletes a run or the whole thread. ENDPOINT is `run` or `thread`.

Absent on purpose: other phases while A executes (a deletion does not depend on the step that A has reached), and
observers.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.scenarios.catalogue.blocks import EARLIER_TURN, IN_TOOLS, LA, LOOKS, NYC, SF, held_first, second
from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitStopped,
    CreateAgain,
    Delete,
    ListRuns,
    Look,
    Move,
    Observe,
    ReadState,
    Release,
    Submit,
)
from conformance.scenarios.scenario import Scenario


def scenarios() -> Iterator[Scenario]:
    """Yield the deletion of a finished, an executing and a pending run, and of a thread with an executing run."""
    # A deletion ends A's step by a cancellation, not by an answer. The step is awaited before the statuses are read.
    gone: tuple[Move, ...] = (AwaitStopped(label="A"), *LOOKS)
    yield Scenario(
        id="delete/finished/run/unwatched",
        about="A is deleted after it has finished.",
        moves=(*EARLIER_TURN, Submit(label="A", text=SF), AwaitEnd(label="A"), Delete(label="A"), *LOOKS),
    )
    yield Scenario(
        id="delete/during-tools/run/unwatched",
        about="A is deleted while its tool is running, and B follows on the same thread.",
        moves=(*held_first(IN_TOOLS), Delete(label="A"), *gone, second("enqueue"), AwaitEnd(label="B"), Release(),
               Observe()),
    )  # fmt: skip
    yield Scenario(
        id="delete/pending/run/unwatched",
        about="B is deleted while it waits behind A.",
        moves=(
            *held_first(IN_TOOLS),
            Submit(label="B", text=NYC, strategy="enqueue"),
            Delete(label="B"),
            *LOOKS,
            Release(),
            AwaitEnd(label="A"),
            Observe(until_begun="B"),
        ),
    )
    yield Scenario(
        id="delete/during-tools/run/unwatched/queue",
        about="A is deleted while its tool is running and B waits behind it.",
        moves=(*held_first(IN_TOOLS), second("enqueue"), Delete(label="A"), *gone, AwaitEnd(label="B"), Release(),
               Observe()),
    )  # fmt: skip
    yield Scenario(
        id="delete/pending/run/unwatched/queue",
        about="B is deleted while it waits behind A, and C waits behind B.",
        moves=(
            *held_first(IN_TOOLS),
            second("enqueue"),
            Submit(label="C", text=LA, strategy="enqueue"),
            Delete(label="B"),
            *LOOKS,
            Release(),
            AwaitEnd(label="A"),
            AwaitEnd(label="C"),
            Observe(until_begun="B"),
        ),
    )
    yield Scenario(
        id="delete/finished/thread/unwatched/created-again",
        about="The thread is deleted after A has finished, is created again under its id, and B follows on it.",
        moves=(
            *(Submit(label="A", text=SF), AwaitEnd(label="A"), Look()),
            *(Delete(), Look(), ReadState(), ListRuns()),
            *(CreateAgain(), ReadState(), ListRuns()),
            *(second("enqueue"), AwaitEnd(label="B")),
        ),
    )
    yield Scenario(
        id="delete/during-tools/thread/unwatched",
        about="The thread is deleted while A's tool is running.",
        moves=(*held_first(IN_TOOLS), Delete(), *gone, Release(), Observe()),
    )
