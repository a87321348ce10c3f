"""From the facts of a play to the oracle's question: which turns there were, and how far each had come.

What may be said of a superseded run's progress is taken from the witness alone, never from the deployment.
"""

from __future__ import annotations

from conformance import scenarios as s
from conformance.evidence import GONE, TERMINAL, Play
from conformance.findings import Unproven
from conformance.oracle import Outcome, Strategy, Turn, legal_outcomes
from conformance.probe import place_asked_for
from conformance.transcript import Released

STEPS = ("agent:1", "tools:1", "agent:2")
"""The steps of a turn that asks for the weather; each writes the part that follows the input."""


def outcomes(play: Play) -> frozenset[Outcome]:
    """The legal outcomes of a play on its main thread; Unproven when a run was never asked for."""
    return legal_outcomes(turns(play))


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
    kinds = ("human", "answer") if place_asked_for(submit.text) is None else ("human", "call", "result", "answer")
    return tuple(f"{submit.label}.{kind}" for kind in kinds)


def newcomer(later: tuple[s.Submit, ...]) -> s.Submit | None:
    """The first of the later runs that does not simply wait for its turn."""
    return next((submit for submit in later if submit.strategy not in (None, "enqueue")), None)


def kept_if_alone(submit: s.Submit) -> int:
    """How many parts a run leaves that nobody supersedes: all, or those before it fails or parks."""
    stops = [STEPS.index(step) for step in (*submit.fail, *submit.interrupt)]
    return min([len(parts_of(submit)), *(1 + stop for stop in stops)])


def _turn(play: Play, submit: s.Submit, later: tuple[s.Submit, ...], before: list[Turn]) -> Turn:
    strategy: Strategy = submit.strategy or "enqueue"
    parts = parts_of(submit)
    successor = newcomer(later)
    in_flight = False if successor is None else _in_flight(play, submit, successor, before)
    alone = kept_if_alone(submit)
    least, most = alone, alone
    if in_flight is not False and successor is not None:
        least, most = _progress(play, submit.label, successor.label, behind=_is_behind(before))
        if in_flight is None:
            most = alone
    ending = "error" if submit.fail else "success"
    return Turn(submit.label, strategy, parts, least, most, in_flight, "error" if ending == "error" else "success")


def _is_behind(before: list[Turn]) -> bool:
    """Whether a run that is certainly in flight stands before this one."""
    return any(turn.in_flight for turn in before)


def _in_flight(play: Play, submit: s.Submit, successor: s.Submit, before: list[Turn]) -> bool | None:
    """Whether a run was in flight when `successor` was asked for, as far as gates and readings can tell."""
    boundary = play.submission(successor.label).asked
    for reading in play.readings(submit.label):
        if reading.told < boundary and (reading.status in TERMINAL or reading.status == GONE):
            return False
    let_go = any(isinstance(m, Released) and m.label == submit.label and m.seq < boundary for m in play.moments)
    held = bool(submit.hold) and not let_go
    waits = submit.strategy in (None, "enqueue") and _is_behind(before)
    return True if held or waits else None


def _progress(play: Play, label: str, successor: str, *, behind: bool) -> tuple[int, int]:
    """How many parts of a superseded run were certainly, and possibly, written before its successor began.

    A step was certainly written when a later step of the same run was entered; it was possibly written
    when it returned. The input was certainly written when any step was entered.
    """
    began = play.began(successor)
    cut = len(play.moments) if began is None else began
    steps = [step for step in play.steps(label) if step.enter < cut]
    if not steps:
        return 0, 0 if behind else 1
    returned = sum(step.outcome == "returned" and (step.exit or cut) < cut for step in steps)
    return len(steps), 1 + max(returned, len(steps) - 1)


def expect_proven_overlap(play: Play, label: str, newcomer_label: str) -> None:
    """Unproven unless run `label` was certainly in flight when `newcomer_label` was asked for."""
    turn = next(turn for turn in turns(play) if turn.label == label)
    if turn.in_flight is not True:
        raise Unproven(
            f"it cannot be told whether run {label} was still in flight when run {newcomer_label} arrived",
            play.submission(newcomer_label).asked,
        )
