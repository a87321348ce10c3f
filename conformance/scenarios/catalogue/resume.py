"""`resume`: B answers the question that A has asked its human, with `command.resume` instead of input.

PHASE: `parked`, A waits for an answer; `finished`, nobody waits; `together`, C answers at the same time. Elsewhere, in
`resuming`, B double-texts R, which has been resumed and is held in the step that goes on.

Absent on purpose: a question in the first step or in the answer (which step asked makes no difference to who may
answer), `stream` (what a stream shows is shown with new input), and observers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.scenarios.catalogue.blocks import IN_TOOLS, LOOKS, SF, second, superseding
from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitPoint,
    AwaitStopped,
    Cancel,
    Endpoint,
    Look,
    Move,
    Observe,
    ReadState,
    Release,
    Strategy,
    Submit,
    Together,
)
from conformance.scenarios.scenario import Scenario
from doubletext.probe import Work


def scenarios() -> Iterator[Scenario]:
    """Every scenario with a question that is answered, and one with a question that is only asked."""
    yield Scenario(
        id="none/parking/stream/unwatched",
        about="A, asked for as a stream, asks its human a question.",
        moves=(_asking(endpoint="stream"), AwaitEnd(label="A"), Look(), ReadState()),
    )
    yield from _answered()
    yield from _at_the_same_time()
    yield from _double_texted()


def _asking(work: Work = "tools", step: str = "tools:1", **how: Any) -> Submit:
    """A, which asks whether to go on with its tool call."""
    return Submit(label="A", text=SF, interrupt=(step,), work=work, **how)


def _answer(label: str, **how: Any) -> Submit:
    """A run that answers A's question."""
    return Submit(label=label, text=SF, answers="A", **how)


def _parked(work: Work = "tools", step: str = "tools:1") -> tuple[Move, ...]:
    return (_asking(work, step), AwaitEnd(label="A"), Look(), ReadState())


def _answered() -> Iterator[Scenario]:
    endpoints: tuple[Endpoint, ...] = ("create", "wait")
    for endpoint in endpoints:
        yield Scenario(
            id=f"resume/parked/{endpoint}/unwatched",
            about="B answers A's question.",
            moves=(*_parked(), _answer("B", endpoint=endpoint), AwaitEnd(label="B")),
        )
    works: tuple[tuple[Work, str], ...] = (("subgraph", "quote:1"), ("parallel", "tools:1"))
    for work, step in works:
        yield Scenario(
            id=f"resume/parked/create/unwatched/{work}",
            about="B answers a question that was asked "
            + ("in a child graph." if work == "subgraph" else "by one of two steps, the other of which has finished."),
            moves=(*_parked(work, step), _answer("B", work=work), AwaitEnd(label="B")),
        )
    yield Scenario(
        id="resume/finished/create/unwatched",
        about="B answers a question that nobody has asked.",
        moves=(Submit(label="A", text=SF), AwaitEnd(label="A"), ReadState(), _answer("B"), AwaitEnd(label="B")),
    )


def _at_the_same_time() -> Iterator[Scenario]:
    strategies: tuple[Strategy, ...] = ("enqueue", "reject")
    for strategy in strategies:
        yield Scenario(
            id=f"resume/burst/create/unwatched/{strategy}",
            about=f"B and C answer A's question at the same time, both with `{strategy}`.",
            moves=(
                *_parked(),
                Together(moves=(_answer("B", strategy=strategy), _answer("C", strategy=strategy))),
                AwaitEnd(label="B"),
                AwaitEnd(label="C"),
            ),
        )


def _double_texted() -> Iterator[Scenario]:
    resuming: tuple[Move, ...] = (
        *_parked(),
        _answer("R", hold=(IN_TOOLS,)),
        AwaitPoint(label="R", point=IN_TOOLS),
        *LOOKS,
    )
    stopping: tuple[Strategy, ...] = ("interrupt", "rollback")
    for strategy in stopping:
        yield Scenario(
            id=f"{strategy}/resuming/create/unwatched",
            about="R has answered A's question and is held in the step that goes on, when B stops it.",
            moves=(*resuming, *superseding(strategy, first="R"), AwaitEnd(label="R")),
        )
    yield Scenario(
        id="enqueue/resuming/create/unwatched",
        about="B is queued behind R, which has answered A's question and is held in the step that goes on.",
        moves=(*resuming, second("enqueue"), Observe(until_begun="B"), *LOOKS, Release(), AwaitEnd(label="R"),
               AwaitEnd(label="B")),
    )  # fmt: skip
    yield Scenario(
        id="reject/resuming/create/unwatched",
        about="B arrives with `reject` while R, which has answered A's question, is held in the step that goes on.",
        moves=(*resuming, second("reject"), *LOOKS, Release(), AwaitEnd(label="R")),
    )
    for action in ("interrupt", "rollback"):
        yield Scenario(
            id=f"cancel/resuming/{action}/unwatched",
            about="R, which has answered A's question and is held in the step that goes on, is cancelled.",
            moves=(*resuming, Cancel(label="R", action=action), AwaitStopped(label="R"), AwaitEnd(label="R"),
                   Release(), Observe()),
        )  # fmt: skip
