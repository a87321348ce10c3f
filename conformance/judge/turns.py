"""From the facts of a play to the oracle's question: which turns there were, and how far each had come.

What may be said of a superseded run's progress is taken from the witness alone, never from the deployment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from conformance.api import GONE, TERMINAL
from conformance.judge import overlap
from conformance.judge.expect import Unproven
from conformance.judge.oracle import Cancelled, Outcome, Turn, legal_outcomes
from conformance.judge.play import Play
from conformance.judge.requests import action_of
from conformance.scenarios import moves as s
from conformance.scenarios.steps import STEPS, WORKERS
from conformance.transcript.transcript import Released
from doubletext.probe import requested_place


def outcomes(play: Play) -> frozenset[Outcome]:
    """The legal outcomes of a play on its main thread; Unproven when a run was never asked for."""
    return legal_outcomes(turns(play), list(_cancels(play)))


def turns(play: Play) -> list[Turn]:
    """The turns of the main thread, in the order in which they were asked for."""
    submits = play.scenario.submits()
    found: list[Turn] = []
    for index, submit in enumerate(submits):
        play.submission(submit.label)
        found.append(_turn(play, submit, submits[index + 1 :], found))
    return found


def parts_of(submit: s.Submit) -> tuple[str, ...]:
    """What a complete pass of this run writes, in words, the input first."""
    if submit.answers is not None:
        return (f"{submit.answers}.result", f"{submit.answers}.answer")
    kinds = ("human", "answer") if requested_place(submit.text) is None else ("human", "call", "result", "answer")
    return tuple(f"{submit.label}.{kind}" for kind in kinds)


def kept_if_alone(submit: s.Submit) -> int:
    """How many parts a run leaves that nobody supersedes: all, or those before it fails or parks."""
    stops = [_place(step) for step in (*submit.fail, *submit.interrupt)]
    return min([len(parts_of(submit)), *(1 + stop for stop in stops)])


def _place(step: str) -> int:
    """Which of `STEPS` a step is, or stands in the place of."""
    return STEPS.index(step) if step in STEPS else 1


def _turn(play: Play, submit: s.Submit, later: tuple[s.Submit, ...], before: list[Turn]) -> Turn:
    alone = kept_if_alone(submit)
    in_flight = tuple(_in_flight(play, submit, newcomer, before) for newcomer in later)
    # The first that may have superseded it decides how far it came.
    superseding = [
        newcomer
        for newcomer, flight in zip(later, in_flight, strict=True)
        if newcomer.strategy in ("interrupt", "rollback") and flight is not False
    ]
    least, most = alone, alone
    if superseding or any(cancel.request.about == submit.label for cancel in play.asked_for("cancel")):
        successor = superseding[0] if superseding else None
        arrived = play.submission(successor.label).asked if successor else 0
        waits = _waits(submit, before) or (arrived > 0 and _is_delayed(play, submit, arrived))
        least, most = _progress(play, submit, successor.label if successor else None, waits=waits)
    return Turn(
        label=submit.label,
        strategy=submit.strategy or "enqueue",
        parts=parts_of(submit),
        alone=alone,
        least=least,
        most=most,
        in_flight=in_flight,
        ending="error" if submit.fail else "success",
    )


def _is_behind(before: list[Turn]) -> bool:
    """Whether a run that is certainly in flight stands before the one that is asked for now."""
    position = len(before)
    return any(turn.in_flight[position - index - 1] for index, turn in enumerate(before))


def _in_flight(play: Play, submit: s.Submit, newcomer: s.Submit, before: list[Turn]) -> bool | None:
    """Whether a run was in flight when `newcomer` was asked for, as far as gates and readings can tell."""
    return _in_flight_at(play, submit, play.submission(newcomer.label).asked, before)


def _in_flight_at(play: Play, submit: s.Submit, boundary: int, before: list[Turn]) -> bool | None:
    """Whether a run was in flight at the seq `boundary`, as far as gates and readings can tell."""
    if not play.witnessed:
        return _is_delayed(play, submit, boundary) or overlap.in_flight(play, submit, overlap.move_at(play, boundary))
    for reading in play.readings(submit.label):
        if reading.told < boundary and (reading.status in TERMINAL or reading.status == GONE):
            return False
    let_go = {m.point for m in play.moments if isinstance(m, Released) and m.label == submit.label and m.seq < boundary}
    # A run that is not told to stop never comes to where it would clean up.
    ahead = {point for point in submit.hold if not point.endswith("/cancelled")} - let_go
    return True if ahead or _waits(submit, before) or _is_delayed(play, submit, boundary) else None


def _waits(submit: s.Submit, before: list[Turn]) -> bool:
    """Whether a run certainly had to wait for another one; one that supersedes may start at once."""
    return submit.strategy in (None, "enqueue") and _is_behind(before)


def _is_delayed(play: Play, submit: s.Submit, boundary: int) -> bool:
    """Whether a run that was accepted still had to wait for its `after_seconds` at the seq `boundary`."""
    submission = play.submission(submit.label)
    return submission.ok and play.moments[boundary].t - submission.request.t < (submit.after_seconds or 0)


def _cancels(play: Play) -> Iterator[Cancelled]:
    """The accepted cancels of runs on the main thread, in the order of the requests."""
    known = turns(play)
    submits = play.scenario.submits()
    for cancel in play.asked_for("cancel"):
        label, asked = cancel.request.about, cancel.asked
        index = next((i for i, submit in enumerate(submits) if submit.label == label), None)
        if index is None or not cancel.ok:
            continue
        yield Cancelled(
            label=label,
            action=action_of(cancel),
            after=sum(play.submission(submit.label).asked < asked for submit in submits),
            in_flight=_in_flight_at(play, submits[index], asked, known[:index]),
        )


def _progress(play: Play, submit: s.Submit, successor: str | None, *, waits: bool) -> tuple[int, int]:
    """How many parts of a stopped run were certainly, and possibly, written before its successor (if any) began.

    A step was certainly written when a later step of the same run was entered; it was possibly written
    when it returned. The input was certainly written when any step was entered, and possibly when the run did not
    have to wait: it may have been started, and superseded before its first step could say so.
    """
    if not play.witnessed:
        return 0, 0 if waits else kept_if_alone(submit)
    began = None if successor is None else play.began(successor)
    cut = len(play.moments) if began is None else began
    steps = [step for step in play.steps(submit.label) if step.enter < cut]
    # A run that answers a question begins in the second step; what stands before it is another run's.
    first = 0 if submit.answers is None else 2
    if not steps:
        return 0, 0 if waits or first else 1
    entered = max(_place(step.step) for step in steps)
    returned = {step.step for step in steps if step.outcome == "returned" and (step.exit or cut) < cut}
    whole = [{"agent:1"}, set(WORKERS[submit.work]), {"agent:2"}]
    written = max([entered, *(place + 1 for place, parts in enumerate(whole) if parts <= returned)])
    return max(0, 1 + entered - first), max(0, 1 + written - first)


def expect_proven_overlap(play: Play, label: str, newcomer: str) -> None:
    """Unproven unless run `label` was certainly in flight when run `newcomer` was asked for."""
    if dict(_flights(play, label))[newcomer] is not True:
        _unproven_overlap(play, label, newcomer)


def expect_superseded(play: Play, label: str) -> None:
    """Unproven unless run `label` was certainly in flight when some later `interrupt` or `rollback` came."""
    stopping = [
        (newcomer, flight)
        for newcomer, flight in _flights(play, label)
        if play.scenario.submit(newcomer).strategy in ("interrupt", "rollback")
    ]
    if not any(flight is True for _, flight in stopping):
        _unproven_overlap(play, label, " or ".join(newcomer for newcomer, _ in stopping))


def _flights(play: Play, label: str) -> list[tuple[str, bool | None]]:
    """Every later run on the main thread, and whether run `label` was in flight when it was asked for."""
    known = turns(play)
    labels = [turn.label for turn in known]
    position = labels.index(label)
    return list(zip(labels[position + 1 :], known[position].in_flight, strict=True))


def _unproven_overlap(play: Play, label: str, newcomer: str) -> NoReturn:
    raise Unproven(
        f"it cannot be told whether run {label} was still in flight when run {newcomer} arrived",
        play.submission(label).asked,
    )
