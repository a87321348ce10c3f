"""Proof that runs overlapped as their scenario requires.

Nearly every requirement concerns a request that reaches the deployment while a run is in flight. A verdict about a play
in which the run was already over would be a verdict about something else, so the overlap is proved first. A play
without the proof is INCONCLUSIVE (`Unproven`), never PASS and never FAIL.

Theory of operation
-------------------

*With a witness* there is nothing to prove. The agent reports to the witness and waits for the answer, so a run that the
witness has not released is in flight by construction. `turns.py` reads that from the `released` moments.

*Without a witness* a hold is a time limit (the agent obeys the probe), or does not exist (it knows no probe). The
overlap must then follow from the statuses that the deployment reported. `in_flight` compares one run with one move of
the scenario:

* A terminal status that was received before the move began: the run was over. The answer is False.
* The move is the first one that may stop the run, and the run ended as `interrupted` or was deleted: the run was in
  flight, since otherwise there was nothing to stop. The answer is True.
* A status `pending` or `running`, read by a request that was sent after the deployment had certainly processed the
  move: the run was in flight before, too, because a terminal status never changes (RUN-03). The answer is True. When
  the move itself stops the run, the reading must be at least `STOP_MARGIN` seconds later, see there.
* Anything else: the answer is None.

The sequence numbers compared here are those of `transcript/recorder.py`. The seq of a request is taken before it is
sent, and the seq of an answer after it has arrived. What the deployment did for a request happened between the two.
Only the outer edges are used: an answer received *before* a move began, or a request sent *after* a move was answered.

Each hold must be proved for only one move: the first that may stop the run, or otherwise the last that needs it in
flight (`claims`). A run that is in flight at the last such move was in flight at all the earlier ones. The catalogue
therefore reads the statuses before it releases a held run, so that the proof does not depend on the background poll.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.api import GONE, IN_FLIGHT
from conformance.judge.expect import Unproven
from conformance.judge.play import Play
from conformance.scenarios import moves as s
from conformance.scenarios.scenario import Scenario
from conformance.transcript.transcript import MoveMade

REACH_THE_WITNESS = "Let the agent reach the witness (--conformance-witness-host) to hold the run."
DEPLOY_THE_PROBE = "Deploy the probe agent to hold the run."

# A run may end by itself at the very moment at which it is stopped, and a server needs time to write the final status.
# An agent on `langgraph dev` notices a cancellation within some 30 ms, so a run that is still in flight a second later
# was not about to end. With a smaller margin, a run that ended by itself just then would count as one that was not
# stopped, and a correct server would be accused. A larger margin only makes more plays INCONCLUSIVE.
STOP_MARGIN = 1.0
"""Seconds after the answer to the request that stops a run. A run still in flight then was in flight before."""


def expect_required_overlaps(play: Play) -> None:
    """Raise Unproven unless every run that the scenario holds was in flight at the move that needs it."""
    for submit, index in claims(play.scenario):
        play.accepted(submit.label)
        overlapped = in_flight(play, submit, index)
        if overlapped is False:
            raise Unproven(
                f"run {submit.label} was not held by the witness, and it was over before “{_move_text(play, index)}”. "
                f"{_advice(play)}"
            )
        if overlapped is None:
            raise Unproven(
                f"run {submit.label} was not held by the witness, and the record does not show that it was in flight "
                f"at “{_move_text(play, index)}”. {_advice(play)}"
            )


def move_at(play: Play, seq: int) -> int:
    """Return the index of the move that was being made at this seq."""
    return max((m.index for m in play.moments if isinstance(m, MoveMade) and m.seq <= seq), default=0)


def in_flight(play: Play, submit: s.Submit, index: int) -> bool | None:
    """Return whether a run was in flight when move `index` was made, or None when the record does not show it."""
    began = next((m.seq for m in play.moments if isinstance(m, MoveMade) and m.index == index), None)
    done = _done(play, index)
    if began is None or done is None or index <= submitted_in(play.scenario, submit):
        return None
    readings = play.readings(submit.label)
    over = [reading for reading in readings if reading.status in play.ends(submit.label) or reading.status == GONE]
    if any(reading.received < began for reading in over):
        return False
    first_stop = next(stops(play.scenario, submit), None)
    # Only at the first move that may stop the run: at a later one it may have been stopped already.
    if first_stop == index and over and over[-1].status in ("interrupted", GONE):
        return True
    after = play.moments[done].t + (STOP_MARGIN if first_stop == index else 0.0)
    seen = (r for r in readings if r.status in IN_FLIGHT and r.sent > done and play.moments[r.sent].t >= after)
    return True if any(seen) else None


def was_executing(play: Play, label: str, seq: int) -> bool:
    """Return whether run `label` was certainly still executing at this seq.

    With a witness, a later report of the run proves it. Without one, the run must have been `in_flight` at the move
    that was being made at this seq.
    """
    if play.witnessed:
        return any(trace.last > seq for trace in play.steps(label))
    return in_flight(play, play.scenario.submit(label), move_at(play, seq)) is True


def claims(scenario: Scenario) -> Iterator[tuple[s.Submit, int]]:
    """Yield every run that is held during other moves, with the index of the move that needs it in flight."""
    for submit in scenario.all_submits:
        if not submit.hold:
            continue
        start = submitted_in(scenario, submit)
        end = released_in(scenario, submit, start)
        needing = [i for i in range(start + 1, end) if not scenario.moves[i].traits.passive]
        if needing:
            yield submit, next((i for i in stops(scenario, submit) if i < end), needing[-1])


def submitted_in(scenario: Scenario, submit: s.Submit) -> int:
    """Return the index of the move that creates a run."""
    return next(index for index, move in enumerate(scenario.moves) if submit in s.parts(move))


def released_in(scenario: Scenario, submit: s.Submit, start: int) -> int:
    """Return the index of the move with which a run's first hold ends."""
    for index, move in enumerate(scenario.moves[start + 1 :], start + 1):
        if isinstance(move, s.Release) and move.label in (None, submit.label) and move.point in (None, submit.hold[0]):
            return index
        # A hold by time has ended, at the latest, when the scenario waits for the end of the run.
        if isinstance(move, s.AwaitEnd) and move.label == submit.label:
            return index
    return len(scenario.moves)


def stops(scenario: Scenario, submit: s.Submit) -> Iterator[int]:
    """Yield the indices of the moves that may end a run as `interrupted`, or delete it."""
    cancels = submit.on_disconnect == "cancel" or any(getattr(m, "cancel_on_disconnect", False) for m in scenario.moves)
    start = submitted_in(scenario, submit)
    for index, move in enumerate(scenario.moves):
        if index > start and any(
            one.may_end(submit.label, submit.thread, cancels_on_disconnect=cancels) for one in s.parts(move)
        ):
            yield index


def _done(play: Play, index: int) -> int | None:
    """Return the seq at which the deployment had certainly processed move `index`, or None when it never had."""
    move = play.scenario.moves[index]
    # The driver makes the next move while a `wait` is still unanswered, so that the next move would prove nothing here.
    if isinstance(move, s.Submit):
        submissions = play.exchanges_for("submit", move.label)
        return submissions[-1].over if submissions else None
    return next((m.seq for m in play.moments if isinstance(m, MoveMade) and m.index > index), None)


def _move_text(play: Play, index: int) -> str:
    return next((m.text for m in play.moments if isinstance(m, MoveMade) and m.index == index), f"move {index}")


def _advice(play: Play) -> str:
    return DEPLOY_THE_PROBE if play.transcript.target.probe == "none" else REACH_THE_WITNESS
