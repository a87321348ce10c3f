"""RBK: the runs and writes that `rollback` deletes.

B rolls back A. In the phase `pending`, Z executes and A waits behind it, and B rolls back both.
"""

from __future__ import annotations

from conformance.api import GONE
from conformance.checks.common import (
    expect_end,
    expect_legal_conversation,
    expect_new_run_accepted,
    expect_nothing_of,
    expect_nothing_of_the_superstep,
    expect_values_of_the_state,
    require_half_a_superstep,
    runs_before_b,
    spell_steps,
)
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, expect
from conformance.judge.messages import spell
from conformance.judge.play import Checkpoint, Play
from conformance.judge.premises import ACCEPTED_B, ENDED_B, HELD, REST, SETTLED
from conformance.judge.turns import expect_proven_overlap, expect_superseded
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet


@check("RBK-01")
@all_facts
def superseded_run_is_gone(play: Play) -> None:
    """RBK-01: look for every rolled-back run, which must answer 404 and not be listed."""
    for label in _superseded(play):
        reading = play.last("final run", f"run {label}")
        # Another 4xx has no run in its body, so `expect_end` could read no status and would prove nothing.
        refused = reading.response is not None and 400 <= reading.response.status < 500
        expect(
            not refused or reading.outcome() == "HTTP 404",
            f"HTTP 404 for GET of run {label} (rolled back)",
            reading.outcome(),
            reading.sent,
        )
        expect_end(play, label, GONE, f"run {label} (rolled back)")
        listed = [run.get("run_id") for run in play.body("final runs", s.MAIN, list) if isinstance(run, dict)]
        expect(
            play.run_id(label) not in listed,
            f"run {label} (rolled back) not to be in the list of the thread's runs",
            "it is listed",
            play.last("final runs", s.MAIN).sent,
        )


@check("RBK-02")
def nothing_is_left_in_the_state(play: Play) -> None:
    """RBK-02: compare the final conversation with those that the oracle allows."""
    _superseded(play)
    expect_legal_conversation(play)


@check("RBK-03", premises=(HELD, ENDED_B))
@all_facts
def nothing_is_left_in_the_history(play: Play) -> None:
    """RBK-03: look in the history for a checkpoint of a rolled-back run."""
    labels = _superseded(play)
    see = play.last("final history", s.MAIN).sent
    for checkpoint in play.history():
        # By content as well as by run id: B's own checkpoints may still contain messages of a rolled-back run.
        traces = [m.word for m in checkpoint.messages if m.label in labels]
        written_by = play.label_of(checkpoint.run_id)
        expect(
            written_by not in labels and not traces,
            f"no checkpoint with messages of run {' or '.join(labels)} (rolled back) in the history",
            f"checkpoint {snippet(checkpoint.id)} of run {written_by}: {spell(checkpoint.messages)}",
            see,
        )


@check("RBK-04", premises=(HELD, ENDED_B))
@all_facts
def earlier_turns_are_unchanged(play: Play) -> None:
    """RBK-04: compare the runs and checkpoints of the earlier turns, ids included, with what they were."""
    before = {c.id: _essence(c) for c in play.history("mid")}
    if not before:
        raise Unproven("the earlier turn had no checkpoint", play.last("mid history", s.MAIN).sent)
    after = {c.id: _essence(c) for c in play.history()}
    see = (play.last("mid history", s.MAIN).sent, play.last("final history", s.MAIN).sent)
    lost = [snippet(checkpoint_id) for checkpoint_id in before if checkpoint_id not in after]
    expect(not lost, "every checkpoint of the earlier turns in the history", f"{', '.join(lost)} gone", *see)
    changed = [snippet(checkpoint_id) for checkpoint_id, was in before.items() if after.get(checkpoint_id, was) != was]
    expect(not changed, "the checkpoints of the earlier turns unchanged", f"{', '.join(changed)} changed", *see)
    for label in runs_before_b(play, finished=True):
        # A and Z are the runs that B rolls back. RBK-01 judges them.
        if label in ("A", "Z"):
            continue
        expect_end(play, label, "success", f"run {label} (finished before the rollback)")


@check("RBK-05", premises=(HELD, ENDED_B))
@all_facts
def late_write_does_not_reappear(play: Play) -> None:
    """RBK-05: look in state and history for writes of run A from the time while it was being cancelled."""
    # Only a cancelled step can write late. A step that was killed, or was over, has no late write to judge.
    if not any(report.event == "cancelled" for report in play.reports("A")):
        raise Unproven("the witness received no report that a step of run A was cancelled")
    expect_nothing_of(play, "A")
    nothing_is_left_in_the_history(play)


@check("RBK-06", premises=(HELD, ACCEPTED_B))
@all_facts
def running_run_is_rolled_back_without_error(play: Play) -> None:
    """RBK-06: look for a failed status of run A, and compare run B's end with `success`."""
    expect_proven_overlap(play, "A", "B")
    for reading in play.readings("A"):
        expect(
            reading.status not in ("error", "timeout"),
            "no failed status of run A, which was rolled back while it was running",
            f"`{reading.status}`",
            reading.sent,
        )
    expect_end(play, "B", "success", "run B (created with `rollback`)")


@check("RBK-07", premises=(HELD, ENDED_B))
def every_channel_is_restored(play: Play) -> None:
    """RBK-07: look in the channel of finished steps for a step of a rolled-back run."""
    labels = _superseded(play)
    # The probe agent has this second channel because servers have restored the messages and nothing else:
    # https://github.com/bytedance/deer-flow/pull/4292
    values = play.state().get("values")
    steps = values.get("steps") if isinstance(values, dict) else None
    if not isinstance(steps, list):
        raise Unproven("the state has no channel `steps`", play.last("final state", s.MAIN).sent)
    left = [step for step in steps if isinstance(step, str) and step.partition("/")[0] in labels]
    expect(
        not left,
        "no step of a rolled-back run in the channel `steps`",
        ", ".join(left),
        play.last("final state", s.MAIN).sent,
    )


@check("RBK-08", premises=(HELD, ENDED_B))
@all_facts
def pending_run_leaves_no_trace(play: Play) -> None:
    """RBK-08: look for a step, a record and messages of run A, rolled back while it was pending."""
    expect_proven_overlap(play, "A", "B")
    steps = play.steps("A")
    expect(
        not steps,
        "no step of run A, which was rolled back while pending",
        f"run A entered {steps[0].step}" if steps else "",
        *(step.enter for step in steps[:1]),
    )
    expect_end(play, "A", GONE, "run A (rolled back while pending)")
    expect_nothing_of(play, "A")


@check("RBK-09", premises=(HELD, ENDED_B, REST, SETTLED))
def thread_values_equal_state(play: Play) -> None:
    """RBK-09: compare the thread's `values` with those of its state."""
    expect_values_of_the_state(play)


@check("RBK-10", premises=(HELD, ENDED_B))
@all_facts
def pending_writes_do_not_replay(play: Play) -> None:
    """RBK-10: look in the channel of finished steps for run A's writes in its unfinished superstep.

    Where run B has the same two steps, it executes both.
    """
    # A rollback that deletes checkpoints without their pending writes lets the next run replay those writes:
    # https://github.com/bytedance/deer-flow/issues/2554
    require_half_a_superstep(play)
    expect_nothing_of_the_superstep(play)
    if play.scenario.submit("B").work == "parallel":
        entered = [step.step for step in play.steps("B")]
        expect("audit:1" in entered, "run B to execute its own step audit:1", f"only {spell_steps(entered)}")


@check("RBK-11", premises=(HELD, ACCEPTED_B))
@all_facts
def every_run_in_flight_is_rolled_back(play: Play) -> None:
    """RBK-11: compare GET of every run in flight when run B arrived with 404."""
    for label in runs_before_b(play):
        play.accepted(label)
        expect_superseded(play, label)
        expect_end(play, label, GONE, f"run {label} (in flight when run B was created)")


@check("RBK-12")
def child_checkpoints_are_rolled_back(play: Play) -> None:
    """RBK-12: look for a checkpoint of run A's child graph in the history of its namespace."""
    # An empty history at the end proves nothing on a deployment that never lists child checkpoints.
    if not play.body("mid child history", s.MAIN, list):
        raise Unproven("the history of the child graph was empty before the rollback")
    left = play.body("final child history", s.MAIN, list)
    expect(
        not left,
        "no checkpoint of the child graph of run A (rolled back)",
        f"{len(left)} in the history of its namespace",
        play.last("final child history", s.MAIN).sent,
    )


def _superseded(play: Play) -> list[str]:
    """Return the runs in flight when B was created with `rollback`. Raise Unproven when none certainly was."""
    play.accepted("B")
    labels = runs_before_b(play)
    for label in labels:
        expect_superseded(play, label)
    if not labels:
        raise Unproven("no run was in flight when run B was created")
    return labels


def _essence(checkpoint: Checkpoint) -> tuple[object, ...]:
    """Return the fields of a checkpoint that a rollback must not change."""
    # Not the whole entry: a server may compute further fields, such as `tasks`, for each reading.
    raw = checkpoint.raw
    return (raw.get("values"), checkpoint.parent_id, raw.get("created_at"), checkpoint.run_id, raw.get("next"))


@check("RBK-13")
def new_run_is_accepted(play: Play) -> None:
    """RBK-13: compare the answer to run B, which rolls back, with 2xx."""
    expect_new_run_accepted(play, "rollback")
