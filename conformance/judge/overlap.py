"""Whether runs overlapped as their scenario wants it, where no witness holds and sees them.

With a witness a held run is in flight, and nothing need be proved. Without one a hold is a time (the agent obeys the
probe) or nothing at all (it does not), and that a run was still in flight when something was done to it must follow
from what the deployment itself told. Where it does not, no verdict may rest on the play.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.api import GONE, IN_FLIGHT, TERMINAL
from conformance.judge.expect import Unproven
from conformance.judge.play import Play
from conformance.scenarios import moves as s
from conformance.scenarios.scenario import Scenario
from conformance.transcript.transcript import MoveMade

SETTLED = 1.0
"""Seconds after which a run that was to be stopped, and still is in flight, was certainly in flight before."""


def expect_made(play: Play) -> None:
    """Unproven unless every run that the scenario holds was in flight when something was done to it."""
    for submit, index in claims(play.scenario):
        play.accepted(submit.label)
        overlapped = in_flight(play, submit, index)
        if overlapped is False:
            raise Unproven(f"run {submit.label}, which no witness held, was over before “{_told(play, index)}”")
        if overlapped is None:
            raise Unproven(
                f"it cannot be told whether run {submit.label}, which no witness held, was still in flight at "
                f"“{_told(play, index)}”"
            )


def move_at(play: Play, seq: int) -> int:
    """The index of the move that was being made at this seq."""
    return max((m.index for m in play.moments if isinstance(m, MoveMade) and m.seq <= seq), default=0)


def in_flight(play: Play, submit: s.Submit, index: int) -> bool | None:
    """Whether a run was in flight when move `index` was made, None where that cannot be told."""
    began = next((m.seq for m in play.moments if isinstance(m, MoveMade) and m.index == index), None)
    done = _done(play, index)
    if began is None or done is None or index <= asked_for_in(play.scenario, submit):
        return None
    readings = play.readings(submit.label)
    over = [reading for reading in readings if reading.status in TERMINAL or reading.status == GONE]
    if any(reading.told < began for reading in over):
        return False
    first_stop = next(stops(play.scenario, submit), None)
    if first_stop == index and over and over[-1].status in ("interrupted", GONE):
        return True
    # A run that is being stopped may end by itself just then; one that goes on for long does not.
    after = play.moments[done].t + (SETTLED if first_stop == index else 0.0)
    seen = (r for r in readings if r.status in IN_FLIGHT and r.asked > done and play.moments[r.asked].t >= after)
    return True if any(seen) else None


def was_executing(play: Play, label: str, seq: int) -> bool:
    """Whether run `label` certainly still executed at this seq: it told the witness of a step later on.

    Without a witness, whether it was `in_flight` when the move was made that is at this seq.
    """
    if play.witnessed:
        return any(trace.last > seq for trace in play.steps(label))
    return in_flight(play, play.scenario.submit(label), move_at(play, seq)) is True


def claims(scenario: Scenario) -> Iterator[tuple[s.Submit, int]]:
    """Every run that is held while something is done, with the move at which it has to be in flight."""
    for submit in scenario.all_submits:
        if not submit.hold:
            continue
        start = asked_for_in(scenario, submit)
        end = let_go(scenario, submit, start)
        deeds = [i for i in range(start + 1, end) if not scenario.moves[i].traits.passive]
        if deeds:
            yield submit, next((i for i in stops(scenario, submit) if i < end), deeds[-1])


def asked_for_in(scenario: Scenario, submit: s.Submit) -> int:
    """The index of the move in which a run is asked for."""
    return next(index for index, move in enumerate(scenario.moves) if submit in s.parts(move))


def let_go(scenario: Scenario, submit: s.Submit, start: int) -> int:
    """The index of the move with which a run's first hold ends."""
    for index, move in enumerate(scenario.moves[start + 1 :], start + 1):
        if isinstance(move, s.Release) and move.label in (None, submit.label) and move.point in (None, submit.hold[0]):
            return index
        if isinstance(move, s.AwaitEnd) and move.label == submit.label:
            return index
    return len(scenario.moves)


def stops(scenario: Scenario, submit: s.Submit) -> Iterator[int]:
    """The moves that may end a run as `interrupted`, or delete it."""
    left = submit.on_disconnect == "cancel" or any(getattr(m, "cancel_on_disconnect", False) for m in scenario.moves)
    start = asked_for_in(scenario, submit)
    for index, move in enumerate(scenario.moves):
        if index > start and any(
            one.may_end(submit.label, submit.thread, cancels_on_disconnect=left) for one in s.parts(move)
        ):
            yield index


def _done(play: Play, index: int) -> int | None:
    """Seq from which on the deployment certainly had done what move `index` asked for."""
    move = play.scenario.moves[index]
    if isinstance(move, s.Submit):
        asked = play.asked_for("submit", move.label)
        return asked[-1].over if asked else None
    return next((m.seq for m in play.moments if isinstance(m, MoveMade) and m.index > index), None)


def _told(play: Play, index: int) -> str:
    return next((m.text for m in play.moments if isinstance(m, MoveMade) and m.index == index), f"move {index}")
