"""The translation of a recorded play into the input of the oracle: turns, their progress, and cancels.

Theory of operation
-------------------

`outcomes` asks the oracle (`oracle.py`) for the legal final states of the main thread. This module computes the three
facts about each run that the oracle needs from the record:

* *In flight* (`_in_flight_at`): was the run in flight when a later request was sent? With a witness the answer is True
  while a hold of the run lies ahead, while the run has to wait for an earlier one, or while its `after_seconds` have
  not passed. It is False once a terminal status was received. Otherwise it is None, and both possibilities are legal.
  Without a witness `overlap.in_flight` answers from the statuses alone.
* *Progress* (`_progress`): the least and the most that a stopped run had written. A step reads the writes of the steps
  before it, so a step that was entered proves theirs (`least`). A step that returned may have been committed before the
  stop, or not (`most`). Reports after the first report of the run that supersedes this one do not count, because a
  stopped run must not write any more.
* *Alone* (`_kept_if_alone`): the parts that a run leaves when no request stops it. Only the scenario decides this.

Progress is read from the reports to the witness alone and never from the state that the deployment shows. A server that
loses or invents messages would otherwise define its own legal outcomes. Without a witness nothing is known about the
progress, so everything from no part to all parts is legal.

The position of a request is the seq of the request moment, taken before it was sent (`transcript/recorder.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from conformance.api import GONE
from conformance.judge import overlap
from conformance.judge.expect import Unproven
from conformance.judge.oracle import Cancelled, Outcome, Turn, legal_outcomes
from conformance.judge.play import Play
from conformance.judge.premises import lost_reports
from conformance.judge.requests import action_of
from conformance.scenarios import moves as s
from conformance.scenarios.steps import STEPS, WORKERS
from conformance.transcript.transcript import Released
from doubletext.probe import requested_place


def outcomes(play: Play) -> frozenset[Outcome]:
    """Return the legal outcomes of a play on its main thread. Raise Unproven when a run was never submitted."""
    return legal_outcomes(turns(play), list(_cancels(play)))


def turns(play: Play) -> list[Turn]:
    """Return the turns of the main thread in the order of their submissions."""
    submits = play.scenario.submits()
    found: list[Turn] = []
    for index, submit in enumerate(submits):
        play.submission(submit.label)  # raises Unproven when the driver did not get this far
        found.append(_turn(play, submit, submits[index + 1 :], found))
    return found


def parts_of(submit: s.Submit) -> tuple[str, ...]:
    """Return the messages that a complete pass of this run writes, in words, the input first."""
    owner = submit.answers or (submit.from_step or "").partition("/")[0]
    if submit.answers is not None or submit.continues:
        return (f"{owner}.result", f"{owner}.answer")
    kinds = ("human", "answer") if requested_place(submit.text) is None else ("human", "call", "result", "answer")
    return tuple(f"{submit.label}.{kind}" for kind in kinds)


def _kept_if_alone(play: Play, submit: s.Submit) -> int:
    """Return the number of parts that a run leaves when it is not stopped: all, or those before it fails or pauses."""
    # A step that asked an earlier run gets its answer from this one, and does not ask again.
    answered = () if submit.answers is None else play.scenario.submit(submit.answers).interrupt
    pauses = [step for step in submit.interrupt if step not in answered]
    stops = [1 + _position(step) - _first_part(submit) for step in (*submit.fail, *pauses)]
    # A run enters each node for the first time in the step with number 1.
    stops += [1 + _position(f"{_first(node)}:1") for node in submit.stop_before]
    stops += [2 + _position(f"{_first(node)}:1") for node in submit.stop_after]
    return min([len(parts_of(submit)), *stops])


def _first(node: str) -> str:
    """Return the first node at which a run stops that is to stop at `node`, or at every node for `*`."""
    return STEPS[0].partition(":")[0] if node == "*" else node


def _first_part(submit: s.Submit) -> int:
    """Return the number of parts of a turn that are not a run's own: two, if it begins with the turn's second step."""
    return 0 if submit.answers is None and not submit.continues else 2


def _position(step: str) -> int:
    """Return the index in `STEPS` of a step, or of the step that it replaces."""
    # Version 2 of the probe replaces the second step only (`WORKERS`).
    return STEPS.index(step) if step in STEPS else 1


def _turn(play: Play, submit: s.Submit, later: tuple[s.Submit, ...], before: list[Turn]) -> Turn:
    alone = _kept_if_alone(play, submit)
    in_flight = tuple(_in_flight(play, submit, new, before) for new in later)
    superseding = [
        new
        for new, flight in zip(later, in_flight, strict=True)
        if new.strategy in ("interrupt", "rollback") and flight is not False
    ]
    least, most = alone, alone
    if superseding or any(cancel.request.about == submit.label for cancel in play.exchanges_for("cancel")):
        # The first run that may have superseded this one bounds its progress: after it, no step may write.
        successor = superseding[0] if superseding else None
        arrived = play.submission(successor.label).sent if successor else 0
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
    """Return whether a run that was certainly in flight is ahead of the run that is created next."""
    position = len(before)
    return any(turn.in_flight[position - index - 1] for index, turn in enumerate(before))


def _in_flight(play: Play, submit: s.Submit, new: s.Submit, before: list[Turn]) -> bool | None:
    """Return whether a run was in flight when run `new` was created, or None when the record does not show it."""
    return _in_flight_at(play, submit, play.submission(new.label).sent, before)


def _in_flight_at(play: Play, submit: s.Submit, boundary: int, before: list[Turn]) -> bool | None:
    """Return whether a run was in flight at the seq `boundary`, or None when the record does not show it."""
    if not play.witnessed:
        return _is_delayed(play, submit, boundary) or overlap.in_flight(play, submit, overlap.move_at(play, boundary))
    for reading in play.readings(submit.label):
        if reading.received < boundary and (reading.status in play.ends(submit.label) or reading.status == GONE):
            return False
    released = {
        m.point for m in play.moments if isinstance(m, Released) and m.label == submit.label and m.seq < boundary
    }
    # A hold at `cancelled` does not count: a run that is not cancelled never reaches that point and may end before it.
    # Nor does one whose report was lost: the run was never held there.
    lost = {point for label, point in lost_reports(play) if label == submit.label}
    ahead = {point for point in submit.hold if not point.endswith("/cancelled")} - released - lost
    return True if ahead or _waits(submit, before) or _is_delayed(play, submit, boundary) else None


def _waits(submit: s.Submit, before: list[Turn]) -> bool:
    """Return whether a run certainly had to wait for another one. A run that supersedes others may start at once."""
    return submit.strategy in (None, "enqueue") and _is_behind(before)


def _is_delayed(play: Play, submit: s.Submit, boundary: int) -> bool:
    """Return whether an accepted run still had to wait for its `after_seconds` at the seq `boundary`."""
    submission = play.submission(submit.label)
    # Counted from the request: the deployment starts its timer later, so the run was delayed for at least this long.
    return submission.ok and play.moments[boundary].t - submission.request.t < (submit.after_seconds or 0)


def _cancels(play: Play) -> Iterator[Cancelled]:
    """Yield the accepted cancels of runs on the main thread, in the order of the requests."""
    known = turns(play)
    submits = play.scenario.submits()
    for cancel in play.exchanges_for("cancel"):
        label, asked = cancel.request.about, cancel.sent
        index = next((i for i, submit in enumerate(submits) if submit.label == label), None)
        if index is None or not cancel.ok:
            continue
        yield Cancelled(
            label=label,
            action=action_of(cancel),
            after=sum(play.submission(submit.label).sent < asked for submit in submits),
            in_flight=_in_flight_at(play, submits[index], asked, known[:index]),
        )


def _progress(play: Play, submit: s.Submit, successor: str | None, *, waits: bool) -> tuple[int, int]:
    """Return how many parts of a stopped run were certainly, and possibly, written before its successor began.

    A step was certainly written when a later step of the same run was entered. It was possibly written when it
    returned. The input was certainly written when any step was entered. It was possibly written when the run did not
    have to wait: the run may have been started, and superseded before its first step could report.
    """
    if not play.witnessed:
        return 0, 0 if waits else _kept_if_alone(play, submit)
    began = None if successor is None else play.began(successor)
    cut = len(play.moments) if began is None else began
    steps = [step for step in play.steps(submit.label) if step.enter < cut]
    # A run that answers a question begins in the second step. The parts before it belong to the run that asked.
    first = _first_part(submit)
    if not steps:
        return 0, 0 if waits or first else 1
    entered = max(_position(step.step) for step in steps)
    returned = {step.step for step in steps if step.outcome == "returned" and (step.exit or cut) < cut}
    # Parallel steps end in one superstep: their part is written when all of them returned.
    whole = [{"agent:1"}, set(WORKERS[submit.work]), {"agent:2"}]
    written = max([entered, *(position + 1 for position, names in enumerate(whole) if names <= returned)])
    return max(0, 1 + entered - first), max(0, 1 + written - first)


def expect_proven_overlap(play: Play, label: str, new: str) -> None:
    """Raise Unproven unless run `label` was certainly in flight when run `new` was created."""
    if dict(_flights(play, label))[new] is not True:
        _unproven_overlap(play, label, new)


def expect_superseded(play: Play, label: str) -> None:
    """Raise Unproven unless run `label` was certainly in flight when a later `interrupt` or `rollback` arrived."""
    stopping = [
        (new, flight)
        for new, flight in _flights(play, label)
        if play.scenario.submit(new).strategy in ("interrupt", "rollback")
    ]
    if not any(flight is True for _, flight in stopping):
        _unproven_overlap(play, label, " or ".join(new for new, _ in stopping))


def _flights(play: Play, label: str) -> list[tuple[str, bool | None]]:
    """Return every later run on the main thread, and whether run `label` was in flight when it was created."""
    known = turns(play)
    labels = [turn.label for turn in known]
    position = labels.index(label)
    return list(zip(labels[position + 1 :], known[position].in_flight, strict=True))


def _unproven_overlap(play: Play, label: str, new: str) -> NoReturn:
    raise Unproven(
        f"the record does not show that run {label} was still in flight when run {new} was created",
        play.submission(label).sent,
    )
