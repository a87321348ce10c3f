"""The premises of checks: facts about a play without which a PASS would prove nothing.

A check is registered with its premises (`check.py`), and a judge requires them before it gives a PASS. An unmet premise
makes the verdict INCONCLUSIVE, with the missing fact as the reason. Checks that name no premises have `HELD`. The
scenario is a situation, and a play in which the situation did not arise shows nothing about it.

Theory of operation of `HELD`
-----------------------------

With a witness, a run is held because its agent reports a point and waits for the answer. A report that is lost on its
way, for example because the agent could not connect to the witness within its two seconds, holds nothing: the agent
continues. The loss is visible afterwards. The run went past a point that it never reported: a step that was not entered
ended, a later step began, or the thread has messages of a run that reported nothing.

A play with such a loss is played again (`session/players.py`), a limited number of times. It gives no verdict on the
checks that need the situation, neither PASS nor FAIL: a step that the record does not show would look like a step that
the deployment left out. The other checks, such as those of the shape of answers, judge it like any play.

Theory of operation of `SETTLED`
--------------------------------

Two readings of a thread are two moments. A run that was stopped, superseded or deleted may still write what its step
had in hand, and a write between the readings makes a right deployment contradict itself. So a finding that rests on
readings during which a step still executed is excused. It is not excused where the same reading was made twice with
one result: whatever executed, nothing was written between these two, and the third reading lies between them. The
driver reads a thread again where its state and its history disagree (`driver/moves/read.py`).

Without a witness, the end of a step is not visible, so every run that was stopped may still write. A status is not
excused then: the driver has already given the thread the whole window in which it may lag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from conformance.api import GONE, IN_FLIGHT, objects
from conformance.judge.expect import Unproven
from conformance.judge.overlap import expect_required_overlaps
from conformance.judge.play import Exchange, Play, StepTrace, status_text
from conformance.judge.requests import accepted_cancel
from conformance.judge.watchers import streams, written
from conformance.scenarios import moves as s
from conformance.scenarios.scenario import Scenario
from conformance.scenarios.steps import STEPS

REPLAYS = 2
"""The number of times that a scenario is played again. An agent that loses reports every time has another problem."""

ENDED = ("returned", "raised", "interrupted")
"""The outcomes of a step that was not stopped from outside."""


@dataclass(frozen=True)
class Premise:
    """A fact that a check needs.

    `require` raises Unproven before the check, when a play does not show the fact. `confirm` raises it after a check
    that found nothing broken. A fact that is missing because the deployment broke a requirement must not hide that.
    `excuse` raises it after a check that found something broken in the readings with these seqs, if they prove nothing.
    Without seqs, the finding is about the final reading of the thread.
    """

    name: str
    sentence: str
    require: Callable[[Play], object]
    confirm: Callable[[Play], object] = lambda _: None
    excuse: Callable[[Play, tuple[int, ...]], object] = lambda *_: None


_lost_reports: WeakKeyDictionary[Play, tuple[tuple[str, str], ...]] = WeakKeyDictionary()
"""By play, because every requirement needs them. Weak, because the record of a play may be large."""


def lost_reports(play: Play) -> tuple[tuple[str, str], ...]:
    """Return the label and the point of every report that the witness should have received and did not."""
    if play not in _lost_reports:
        _lost_reports[play] = tuple(_lost(play)) if play.witnessed else ()
    return _lost_reports[play]


def _lost(play: Play) -> Iterator[tuple[str, str]]:
    awaited = {(move.label, move.point) for move in play.scenario.moves if isinstance(move, s.AwaitPoint)}
    for label in dict.fromkeys(submit.label for submit in play.scenario.all_submits):
        reports = play.reports(label)
        if not reports and _wrote(play, label):
            yield label, f"{STEPS[0]}/enter"
        seen = {(report.step, report.event) for report in reports}
        for step in dict.fromkeys(report.step for report in reports):
            # A run that is stopped while its step reports its beginning abandons that report. Nothing was lost then,
            # unless the scenario waits for it.
            went_on = any(r.step == step and (r.event == "token" or r.outcome in ENDED) for r in reports)
            if (step, "enter") not in seen and (went_on or (label, f"{step}/enter") in awaited):
                yield label, f"{step}/enter"
        for step, event in _points_held(play.scenario, label):
            # A step that was not entered at all is either reported above, or it may never have been reached.
            if (step, event) not in seen and _went_past(play.steps(label), step, event):
                yield label, f"{step}/{event}"


def unstarted(play: Play) -> bool:
    """Return whether a run did not begin before its deadline, perhaps because other plays had all workers.

    A thread executes one run at a time. While a step of this play was executing, its own run was in the way.
    """
    # Without a witness no step is known, and neither is what was in the way.
    submits = play.scenario.all_submits if play.witnessed else ()
    steps = [trace for submit in submits for trace in play.steps(submit.label)]
    alone = bool(steps) and all(submit.thread == s.MAIN for submit in play.scenario.all_submits)
    return any(
        missed.unstarted and not (alone and any(trace.enter < missed.seq < trace.last for trace in steps))
        for missed in play.missed()
    )


def _wrote(play: Play, label: str) -> bool:
    """Return whether the thread has a message that only a step of this run could have written."""
    shown = [checkpoint.messages for _, history in play.histories() for checkpoint in history]
    shown += [tuple(written(each, play)) for each in streams(play)]
    return any(
        message.label == label and not message.word.endswith(".human") for messages in shown for message in messages
    )


def _points_held(scenario: Scenario, label: str) -> Iterator[tuple[str, str]]:
    """Yield the points at which a run is held. A run that is not cancelled never reaches a hold at `cancelled`."""
    for submit in scenario.all_submits:
        if submit.label == label:
            for point in submit.hold:
                step, _, event = point.partition("/")
                if event != "cancelled":
                    yield step, event


def _went_past(steps: list[StepTrace], step: str, event: str) -> bool:
    """Return whether a run certainly went past a point: its step returned, or a later step of a turn began."""
    if event != "enter" and any(trace.step == step and trace.outcome == "returned" for trace in steps):
        return True
    later = STEPS[STEPS.index(step) + 1 :] if step in STEPS else ()
    return any(trace.step in later for trace in steps)


def _require_held(play: Play) -> None:
    if not play.witnessed:
        expect_required_overlaps(play)
    for label, point in lost_reports(play):
        raise Unproven(
            f"the report {point} of run {label} did not reach the witness, so the run was not held there: the agent "
            "gives up when it cannot connect to the witness within 2 s"
        )


def _confirm_held(play: Play) -> None:
    """Raise Unproven when a run never came to a point at which the scenario waits for it."""
    for move in play.scenario.moves if play.witnessed else ():
        if isinstance(move, s.AwaitPoint) and not move.point.endswith("/cancelled"):
            play.reached(move.label, move.point)


def _require_end_of_b(play: Play) -> None:
    play.accepted("B")
    # The state that was read while B was in flight is not final. That B does not end is for RUN and INT to judge.
    if play.final_status("B") not in play.ends("B"):
        raise Unproven("run B never ended, so the state that was read is not the final state")


def of_another_thread(play: Play, run: dict[str, Any]) -> bool:
    """Return whether a run in the list of the main thread's runs shows another thread as its own.

    A list that is not limited to its thread breaks RUN-10 and ECH-03. Its runs, of plays beside this one, say nothing
    about the thread.
    """
    return run.get("thread_id") not in (None, *play.transcript.threads.values())


def _require_rest(play: Play) -> None:
    for exchange in (*play.exchanges_for("final runs", s.MAIN), *play.exchanges_for("final run")):
        runs = exchange.body if isinstance(exchange.body, list) else [exchange.body]
        for run in objects(runs):
            if status_text(run.get("status")) in IN_FLIGHT and not of_another_thread(play, run):
                raise Unproven(
                    f"run {play.label_of(run.get('run_id'))} was still in flight, so two readings need not be equal",
                    exchange.sent,
                )


def _excuse_unsettled(play: Play, see: tuple[int, ...]) -> None:
    """Raise Unproven if a step may have written to the thread while these readings of it were made."""
    found = [e for e in play.exchanges if {e.sent, e.over} & {*see}] if see else [play.last("final thread", s.MAIN)]
    # A join lasts as long as its run, and so is no reading of a moment.
    seen = [exchange for exchange in found if not exchange.serves("join", "watch")]
    # What the deployment refused to show, or answered to another request than a reading, is not excused by a write.
    if not seen or not all(exchange.ok and exchange.reads for exchange in seen):
        return
    since, until = seen[0].sent, max(exchange.over or 0 for exchange in seen)
    contents = any(e.serves("final state", "final history") for e in seen)
    for label in _runs_on(play, seen[-1]):
        if _may_write(play, label, since, until, contents=contents) and not (contents and _is_steady(play, seen[-1])):
            raise Unproven(
                f"a step of run {label} may still have executed when the thread was read, so its last writes may have "
                "come between two readings",
                *see,
            )


def _runs_on(play: Play, reading: Exchange) -> list[str]:
    """Return the labels of the runs on the thread in the path of a reading."""
    path = reading.request.path
    names = {
        name for name, thread in play.transcript.threads.items() if re.search(rf"/threads/{re.escape(thread)}\b", path)
    }
    return [each.label for each in play.scenario.all_submits if names & {each.thread, s.thread_of(each.label)}]


def _may_write(play: Play, label: str, since: int, until: int, *, contents: bool) -> bool:
    """Return whether a step of a run may have executed between two seqs. `contents`: the values are what was read."""
    if play.witnessed:
        # A connection that was lost ends a step that reports nothing more. One that reports its end was cleaning up.
        return any(
            trace.enter < until and (not trace.gone if trace.exit is None else trace.exit > since)
            for trace in play.steps(label)
        )
    try:
        return contents and play.final_status(label) in ("interrupted", GONE)
    except Unproven:
        return contents


def _is_steady(play: Play, reading: Exchange) -> bool:
    """Return whether the state or the history of the thread was read twice in succession with one result."""
    for purpose in ("final state", "final history"):
        found = [e.body for e in play.exchanges_for(purpose, reading.request.about)]
        if len(found) > 1 and found[-1] == found[-2]:
            return True
    return False


HELD = Premise(
    "situation", "Every run that the scenario holds was held where the scenario needs it.", _require_held, _confirm_held
)
ACCEPTED_A = Premise("first run", "Run A was accepted.", lambda play: play.accepted("A"))
ACCEPTED_B = Premise("second run", "Run B was accepted.", lambda play: play.accepted("B"))
ENDED_B = Premise("end", "Run B was accepted and has ended.", _require_end_of_b)
REST = Premise("rest", "No run was in flight when the final state was read.", _require_rest)
CANCELLED = Premise("cancel", "The cancel was answered with 2xx.", accepted_cancel)
SETTLED = Premise(
    "settled",
    "What is broken does not rest on readings during which a step still executed, unless the state or the history was "
    "read twice with one result.",
    lambda _: None,
    excuse=_excuse_unsettled,
)

PREMISES = (HELD, ACCEPTED_A, ACCEPTED_B, ENDED_B, REST, CANCELLED, SETTLED)
"""Every premise, in the order of the table on the page of premises."""
