"""What becomes of a run that is stopped inside of a child graph, or half-way through a superstep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.checks import Check
from conformance.checks.common import settled
from conformance.judge.expect import Unproven, expect
from conformance.judge.play import Exchange, Play
from conformance.scenarios import scenario as s

AUDIT = "A/audit:1"
"""What the step beside A's tool writes to the channel `steps`."""


def child_graph_stops(play: Play) -> None:
    """INT-19. A step that swallows its cancellation cannot be stopped; but none has to be started after it."""
    told = _stopping(play).asked
    steps = play.steps("A")
    if not any(step.step in ("search:1", "quote:1") and step.enter < told for step in steps):
        raise Unproven("the witness did not see run A in its child graph when it was stopped")
    heard = [report for report in play.reports("A") if report.seq > told]
    entered = [report for report in heard if report.event == "enter"]
    expect(
        not entered,
        "no further step of run A, stopped in its child graph",
        f"it entered {entered[0].step if entered else ''}",
        told,
        *(report.seq for report in entered[:1]),
    )
    expect(
        any(report.event in ("cancelled", "gone") for report in heard),
        "the step of the child graph to be told to stop",
        "it was not" + (f", and went on: `{heard[0].event}` of {heard[0].step}" if heard else ""),
        told,
        *(report.seq for report in heard[:1]),
    )


def child_checkpoints_are_rolled_back(play: Play) -> None:
    """RBK-12."""
    if not play.body("mid child history", s.MAIN, list):
        raise Unproven("the child graph was not seen to have a checkpoint")
    left = play.body("final child history", s.MAIN, list)
    expect(
        not left,
        "no checkpoint of the child graph of run A, rolled back",
        f"{len(left)} in the history of its namespace",
        play.last("final child history", s.MAIN).asked,
    )


def finished_step_of_half_a_superstep(play: Play) -> None:
    """PST-07. Its result is kept with its task while the superstep may still go on, and dropped by new input."""
    _audited(play)
    if any(submit.label == "B" for submit in play.scenario.submits()):
        settled(play)
        _no_steps_of_a(play)
        return
    tasks = play.state("mid").get("tasks")
    kept = [task for task in tasks or () if isinstance(task, dict) and task.get("name") == "audit"]
    results: list[Any] = [task.get("result") for task in kept]
    expect(
        AUDIT in str(results),
        f"the result of the step that had finished, {AUDIT}, with its task in the state",
        f"{results}" if kept else "no such task",
        play.last("mid state", s.MAIN).asked,
    )


def pending_writes_do_not_replay(play: Play) -> None:
    """RBK-10. Where run B has the same two steps, it executes both."""
    _audited(play)
    settled(play)
    _no_steps_of_a(play)
    if play.scenario.submit("B").work == "parallel":
        entered = [step.step for step in play.steps("B")]
        expect("audit:1" in entered, "run B to execute audit:1 itself", spell_steps(entered))


def _no_steps_of_a(play: Play) -> None:
    values = play.state().get("values")
    steps = values.get("steps") if isinstance(values, dict) else None
    if not isinstance(steps, list):
        raise Unproven("the state has no channel `steps`", play.last("final state", s.MAIN).asked)
    expect(
        AUDIT not in steps,
        f"nothing of the superstep that run A did not finish, {AUDIT}, in the channel `steps`",
        spell_steps(steps),
        play.last("final state", s.MAIN).asked,
    )


def spell_steps(steps: list[Any]) -> str:
    """Steps in one line."""
    return " ".join(str(step) for step in steps) or "no step at all"


def _audited(play: Play) -> None:
    """Unproven unless one step of run A had finished when it was stopped, and the one beside it had not."""
    told = _stopping(play).asked
    done = {step.step for step in play.steps("A") if step.outcome == "returned" and (step.exit or told) < told}
    if "audit:1" not in done or "tools:1" in done:
        raise Unproven("the witness did not see run A half-way through its superstep when it was stopped")


def _stopping(play: Play) -> Exchange:
    """The request that stopped run A, a cancel or run B."""
    cancels = [cancel for cancel in play.asked_for("cancel", "A") if cancel.ok]
    return cancels[0] if cancels else play.accepted("B")


CHECKS: Mapping[str, Check] = {
    "INT-19": child_graph_stops,
    "PST-07": finished_step_of_half_a_superstep,
    "RBK-10": pending_writes_do_not_replay,
    "RBK-12": child_checkpoints_are_rolled_back,
}
