"""The `resume` scenarios: B resumes A, which is parked at an `interrupt()`, with `command.resume` instead of input.

PHASE is `parked` (A waits for the resume value), `finished` (no run waits for one) or `burst` (C resumes A at the same
time). In the phase `resuming` of other families B double-texts R, which has resumed A and is held in the step that
continues.

Absent on purpose: an `interrupt()` in the first step or in the answer (the step makes no difference to the run that
resumes it), `stream` (scenarios with new input cover the stream), and observers.
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
    Query,
    ReadState,
    Release,
    Strategy,
    Submit,
    Together,
)
from conformance.scenarios.scenario import Scenario
from doubletext.probe import Work

ANSWER: dict[str, Any] = {"approved": False, "amount": 12.5, "notes": ["größer", None, {"deep": 0}]}
"""An answer of every type that JSON has."""

CHILDREN = "/threads/{main}/state?subgraphs=true"


def scenarios() -> Iterator[Scenario]:
    """Yield every scenario in which a run resumes another, and those in which a run is parked and not resumed."""
    yield Scenario(
        id="none/parking/stream/unwatched",
        about="A, created as a stream, is parked at a human-in-the-loop interrupt() in its tool.",
        moves=(_parking(endpoint="stream"), AwaitEnd(label="A"), Look(), ReadState()),
    )
    yield Scenario(
        id="none/parking/wait/unwatched",
        about="A, whose client waits for its values, is parked at a human-in-the-loop interrupt() in its tool.",
        moves=(_parking(endpoint="wait"), AwaitEnd(label="A"), Look(), ReadState()),
    )
    yield Scenario(
        id="none/parking/create/unwatched/subgraph",
        about="A is parked at an interrupt() in its child graph, and a client reads the state of both graphs.",
        moves=(*_parked("subgraph", "quote:1"), Query(purpose="state with children", method="GET", path=CHILDREN)),
    )
    yield Scenario(
        id="none/parking/stream/unwatched/values",
        about="A, created as a stream of `values` alone, is parked at an interrupt() in its tool.",
        moves=(_parking(endpoint="stream", stream_mode=("values",)), AwaitEnd(label="A"), Look(), ReadState()),
    )
    yield Scenario(
        id="none/parking/stream/unwatched/two-questions",
        about="A, created as a stream, is parked at an interrupt() in each of two parallel steps.",
        moves=(
            Submit(label="A", text=SF, work="parallel", interrupt=("tools:1", "audit:1"), endpoint="stream"),
            AwaitEnd(label="A"),
            Look(),
            ReadState(),
        ),
    )
    yield from _resumed()
    yield from _at_the_same_time()
    yield from _double_texted()


def _parking(work: Work = "tools", step: str = "tools:1", **fields: Any) -> Submit:
    """Return the move that creates A, which calls `interrupt()` in `step`. `fields` are further fields of `Submit`."""
    return Submit(label="A", text=SF, interrupt=(step,), work=work, **fields)


def _resuming(label: str, **fields: Any) -> Submit:
    """Return the move that creates a run which resumes A. `fields` are further fields of `Submit`."""
    return Submit(label=label, text=SF, answers="A", **fields)


def _parked(work: Work = "tools", step: str = "tools:1") -> tuple[Move, ...]:
    return (_parking(work, step), AwaitEnd(label="A"), Look(), ReadState())


def _resumed() -> Iterator[Scenario]:
    endpoints: tuple[Endpoint, ...] = ("create", "wait")
    for endpoint in endpoints:
        yield Scenario(
            id=f"resume/parked/{endpoint}/unwatched",
            about=f"B resumes A through the {endpoint} endpoint, while A is parked in its tool.",
            moves=(*_parked(), _resuming("B", endpoint=endpoint), AwaitEnd(label="B")),
        )
    # The resuming run has the same `work`, because the graph chooses its path by the probe of the current run.
    works: tuple[tuple[Work, str], ...] = (("subgraph", "quote:1"), ("parallel", "tools:1"))
    for work, step in works:
        yield Scenario(
            id=f"resume/parked/create/unwatched/{work}",
            about="B resumes A, which is parked in "
            + ("its child graph." if work == "subgraph" else "one of two steps, the other of which has finished."),
            moves=(*_parked(work, step), _resuming("B", work=work), AwaitEnd(label="B")),
        )
    yield Scenario(
        id="resume/parked/create/unwatched/value",
        about="B resumes A with an object, and its agent reports what it got.",
        moves=(
            *_parked(),
            # `interrupt`, because a step whose probe does not list it calls no interrupt(), and so gets no answer.
            _resuming("B", resume_value=ANSWER, show=True, interrupt=("tools:1",)),
            AwaitEnd(label="B"),
        ),
    )
    yield Scenario(
        id="resume/parked/create/unwatched/false-value",
        about="B resumes A with `false`, and its agent reports what it got.",
        moves=(
            *_parked(),
            _resuming("B", resume_value=False, show=True, interrupt=("tools:1",)),
            AwaitEnd(label="B"),
        ),
    )
    both = ("tools:1", "audit:1")
    yield Scenario(
        id="resume/parked/create/unwatched/two-questions",
        about="B answers both questions of A, which is parked in two parallel steps, each by its id.",
        moves=(
            Submit(label="A", text=SF, work="parallel", interrupt=both),
            AwaitEnd(label="A"),
            Look(),
            ReadState(),
            _resuming("B", work="parallel", interrupt=both, by_id=True),
            AwaitEnd(label="B"),
        ),
    )
    yield Scenario(
        id="resume/parked/create/unwatched/partial",
        about="B answers one question of A, which is parked in two parallel steps, and C answers the other one.",
        moves=(
            Submit(label="A", text=SF, work="parallel", interrupt=both),
            AwaitEnd(label="A"),
            ReadState(),
            _resuming("B", work="parallel", interrupt=both, by_id=True, partly=True),
            AwaitEnd(label="B"),
            ReadState(),
            _resuming("C", work="parallel", interrupt=both, by_id=True),
            AwaitEnd(label="C"),
        ),
    )
    yield Scenario(
        id="resume/parked/create/unwatched/asks-again",
        about="B resumes A, which is parked in its tool, and is parked itself in its answer.",
        # The answer is B's resumed step's alone if that step calls interrupt(), so B lists both.
        moves=(*_parked(), _resuming("B", interrupt=("tools:1", "agent:2")), AwaitEnd(label="B")),
    )
    yield Scenario(
        id="resume/finished/create/unwatched",
        about="B carries a `command.resume` on a thread whose only run has finished.",
        moves=(Submit(label="A", text=SF), AwaitEnd(label="A"), ReadState(), _resuming("B"), AwaitEnd(label="B")),
    )


def _at_the_same_time() -> Iterator[Scenario]:
    strategies: tuple[Strategy, ...] = ("enqueue", "reject")
    for strategy in strategies:
        yield Scenario(
            id=f"resume/burst/create/unwatched/{strategy}",
            about=f"B and C resume A at the same time, both with `{strategy}`.",
            moves=(
                *_parked(),
                Together(moves=(_resuming("B", strategy=strategy), _resuming("C", strategy=strategy))),
                AwaitEnd(label="B"),
                AwaitEnd(label="C"),
            ),
        )


def _double_texted() -> Iterator[Scenario]:
    resuming: tuple[Move, ...] = (
        *_parked(),
        # The node is entered again from its top, so the step that was interrupted reports `enter` once more.
        _resuming("R", hold=(IN_TOOLS,)),
        AwaitPoint(label="R", point=IN_TOOLS),
        *LOOKS,
    )
    stopping: tuple[Strategy, ...] = ("interrupt", "rollback")
    for strategy in stopping:
        yield Scenario(
            id=f"{strategy}/resuming/create/unwatched",
            about="B stops R, which has resumed A and is held in the step that continues.",
            moves=(*resuming, *superseding(strategy, first="R"), AwaitEnd(label="R")),
        )
    yield Scenario(
        id="enqueue/resuming/create/unwatched",
        about="B is queued behind R, which has resumed A and is held in the step that continues.",
        moves=(*resuming, second("enqueue"), Observe(until_begun="B"), *LOOKS, Release(), AwaitEnd(label="R"),
               AwaitEnd(label="B")),
    )  # fmt: skip
    yield Scenario(
        id="reject/resuming/create/unwatched",
        about="B arrives with `reject` while R, which has resumed A, is held in the step that continues.",
        moves=(*resuming, second("reject"), *LOOKS, Release(), AwaitEnd(label="R")),
    )
    for action in ("interrupt", "rollback"):
        yield Scenario(
            id=f"cancel/resuming/{action}/unwatched",
            about="R, which has resumed A and is held in the step that continues, is cancelled.",
            moves=(*resuming, Cancel(label="R", action=action), AwaitStopped(label="R"), AwaitEnd(label="R"),
                   Release(), Observe()),
        )  # fmt: skip
