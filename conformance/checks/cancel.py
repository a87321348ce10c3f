"""CAN: the effect of a cancel on run A, and the answer to it."""

from __future__ import annotations

from conformance.api import GONE
from conformance.checks.common import expect_accepted, expect_end, expect_nothing_of, status_word
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, all_facts, expect
from conformance.judge.messages import spell
from conformance.judge.play import Exchange, Play
from conformance.judge.premises import CANCELLED, HELD
from conformance.judge.requests import accepted_cancel, action_of, first_cancel
from conformance.judge.turns import parts_of
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet
from conformance.transcript.transcript import Released


@check("CAN-01")
@all_facts
def cancelled_run_is_interrupted_and_stays(play: Play) -> None:
    """CAN-01: compare run A's final status with `interrupted`, and the state with what its finished steps wrote."""
    cancel = accepted_cancel(play)
    expect_end(play, "A", "interrupted", "run A (cancelled)", cancel.sent)
    # A step reads the writes of the steps before it. N entered steps prove that the input and N - 1 results were
    # written, and the last step was cancelled before it wrote.
    entered = len(play.steps("A"))
    if not entered:
        raise Unproven("the witness received no report from a step of run A")
    due = parts_of(play.scenario.submit("A"))[:entered]
    observed = tuple(message.word for message in play.messages())
    expect(
        observed == due,
        f"the messages that run A wrote before the cancel: [{' '.join(due)}]",
        f"[{' '.join(observed)}]",
        play.last("final state", s.MAIN).sent,
    )


@check("CAN-02")
@all_facts
def cancelled_pending_run_never_executes(play: Play) -> None:
    """CAN-02: look for a step and messages of run A, cancelled while pending, and compare its end with the action."""
    cancel = accepted_cancel(play)
    move = next(move for move in play.scenario.requests if isinstance(move, s.Cancel))
    due = GONE if move.action == "rollback" else "interrupted"
    expect_end(play, "A", due, "run A (cancelled while pending)", cancel.sent)
    reports = play.reports("A")
    expect(
        not reports,
        "no step of run A, which was cancelled while pending",
        f"run A entered {reports[0].step}" if reports else "",
        *(r.seq for r in reports[:1]),
    )
    expect_nothing_of(play, "A")


@check("CAN-03")
def answer_without_wait(play: Play) -> str:
    """CAN-03: report the status of the answer to a cancel without `wait`, and whether it has a body."""
    response = first_cancel(play).response
    if response is None:
        raise Unproven(f"the cancel was not answered: {first_cancel(play).outcome()}", first_cancel(play).sent)
    # An empty object carries no information either. `langgraph dev` sends one with `wait`, and no body without.
    return f"{response.status} {'without' if response.body in (None, {}) else 'with'} a body"


@check("CAN-04")
@all_facts
def waited_cancel_answers_after_the_stop(play: Play) -> None:
    """CAN-04: look for a report or a status that shows run A in flight after the cancel was answered."""
    cancel = accepted_cancel(play)
    answered = cancel.over or 0
    # `gone` is the witness noticing a lost connection, perhaps long after the process of the step ended.
    late = [r for r in play.reports("A") if r.seq > answered and r.event != "gone"]
    expect(
        not late,
        "no answer to a cancel with `wait` before run A has stopped",
        f"run A reported `{late[0].event}` of {late[0].step} after the answer" if late else "",
        cancel.sent,
        *(report.seq for report in late[:1]),
    )
    # Only the first status after the answer: a later one of another value breaks RUN-03.
    reported = [r.status for r in play.readings("A") if r.sent > answered]
    expect(
        all(status in play.ends("A") or status == GONE for status in reported[:1]),
        "a terminal status of run A once the cancel with `wait` is answered",
        f"`{reported[0]}`" if reported else "",
        cancel.sent,
    )


@check("CAN-05")
def wait_may_be_left_out(play: Play) -> None:
    """CAN-05: compare the answer to a cancel without `wait` with 2xx."""
    # Clients leave it out: https://github.com/langchain-ai/langgraph/issues/3660
    cancel = first_cancel(play)
    expect(cancel.ok, "a 2xx answer to a cancel without `wait`", cancel.outcome(), cancel.sent)


@check("CAN-06")
@all_facts
def rolled_back_by_cancel(play: Play) -> None:
    """CAN-06: compare GET of run A with 404, and the history with what it was before run A."""
    cancel = first_cancel(play)
    # Without it, the rest would only repeat that the run was not cancelled.
    if not cancel.ok:
        raise Broken("a 2xx answer to a cancel with action=rollback", cancel.outcome(), cancel.sent)
    expect_end(play, "A", GONE, "run A (cancelled with action=rollback)", cancel.sent)
    for checkpoint in play.history():
        # By content as well as by run id, since a deployment need not put run ids in its checkpoints (CHK-02).
        left = [message.word for message in checkpoint.messages if message.label == "A"]
        expect(
            not left and checkpoint.run_id != play.run_id("A"),
            "no checkpoint of run A in the history",
            f"checkpoint {snippet(checkpoint.id)}: {spell(checkpoint.messages)}",
            play.last("final history", s.MAIN).sent,
        )
    # The other half of the requirement: the rollback deletes nothing that A did not write.
    before = [c.id for c in play.history("mid")]
    after = [c.id for c in play.history()]
    expect(
        after == before,
        "the history as it was before run A",
        f"{len(after)} checkpoints instead of {len(before)}"
        if len(after) != len(before)
        else "as many checkpoints, but with other ids or in another order",
        play.last("final history", s.MAIN).sent,
    )


@check("CAN-07")
def finished_run_keeps_its_status(play: Play) -> None:
    """CAN-07: compare run A's final status with the status that it had before the cancel."""
    cancel = first_cancel(play)
    # Whether the cancel was accepted does not matter: CAN-08 reports the answer, and no answer may change the status.
    before = [r.status for r in play.readings("A") if r.received < cancel.sent][-1:]
    if not before or before[0] not in play.ends("A"):
        raise Unproven("no terminal status of run A was received before the cancel was sent")
    expect_end(play, "A", before[0], "run A (finished before the cancel)", cancel.sent)


@check("CAN-08")
def answer_to_a_late_cancel(play: Play) -> str:
    """CAN-08: report the status of the answer to the cancel of a finished run."""
    response = first_cancel(play).response
    if response is None:
        raise Unproven(f"the cancel was not answered: {first_cancel(play).outcome()}", first_cancel(play).sent)
    return str(response.status)


@check("CAN-09")
def unknown_run_is_not_found(play: Play) -> None:
    """CAN-09: compare the answer to the cancel of an unknown run with 404."""
    cancel = play.last("cancel", s.UNKNOWN_RUN)
    expect(
        cancel.response is not None and cancel.response.status == 404,
        "HTTP 404 for the cancel of a run that does not exist",
        cancel.outcome(),
        cancel.sent,
    )


@check("CAN-10")
@all_facts
def first_cancel_decides(play: Play) -> None:
    """CAN-10: compare run A's end with the action of its first cancel, and the other answers with a 5xx."""
    cancels = play.exchanges_for("cancel", "A")
    if len(cancels) < 2:
        raise Unproven("run A was not cancelled twice")
    first = accepted_cancel(play)
    others = [cancel for cancel in cancels if cancel is not first]
    for other in others:
        # Neither of two cancels that overlap is the first one.
        if _overlap(other, first):
            if action_of(other) != action_of(first):
                raise Unproven("the second cancel was sent before the first was answered", other.sent)
        elif other.sent < first.sent:
            raise Unproven(f"the first cancel was not accepted: {other.outcome()}", other.sent)
    # Another cancel may be accepted, refused as a conflict, or find no run. The documents do not choose.
    for other in others:
        expect(
            other.response is not None and other.response.status < 500,
            "an answer other than a 5xx to a second cancel",
            other.outcome(),
            other.sent,
        )
    action = action_of(first)
    due = GONE if action == "rollback" else "interrupted"
    who = f"run A (first cancel: action={action})"
    expect_end(play, "A", due, who, *(cancel.sent for cancel in cancels))


@check("CAN-11")
@all_facts
def named_runs_are_cancelled(play: Play) -> None:
    """CAN-11: compare the answer with 204, the ends of the named runs with `interrupted`, and B's with `success`."""
    cancel = play.last("cancel many", s.MAIN)
    expect(
        cancel.response is not None and cancel.response.status == 204,
        "204 for the cancel of two runs by thread_id and run_ids",
        cancel.outcome(),
        cancel.sent,
    )
    for label, due, who in (
        ("Z", "interrupted", "run Z (running, named in the bulk cancel)"),
        ("A", "interrupted", "run A (pending, named in the bulk cancel)"),
        ("B", "success", "run B (not named in the bulk cancel)"),
    ):
        expect_end(play, label, due, who, cancel.sent)


@check("CAN-12")
def accepted_cancel_ends_the_run(play: Play) -> None:
    """CAN-12: compare the final status of the cancelled run with the terminal ones."""
    cancel = accepted_cancel(play)
    label = cancel.request.about
    # "Bounded" is the driver's deadline for the end of a run: it reads the final status after that, at the latest.
    status = play.final_status(label)
    expect(
        status in play.ends(label) or status == GONE,
        f"run {label} to end in bounded time after its cancel was accepted",
        f"it is still {status_word(status)}",
        cancel.sent,
        play.last("final run", f"run {label}").sent,
    )


@check("CAN-13")
def cancelled_run_never_succeeds(play: Play) -> None:
    """CAN-13: look for `success` among the statuses of run A."""
    cancel = accepted_cancel(play)
    # Every reading counts. In the scenarios of this requirement, A is held when it is cancelled and cannot succeed
    # before the cancel. A `success` that is later overwritten misleads a client just the same.
    for reading in play.readings("A"):
        expect(
            reading.status != "success",
            "a status other than `success` for run A, which was held when it was cancelled",
            "`success`",
            cancel.sent,
            reading.sent,
        )


@check("CAN-14", premises=(HELD, CANCELLED))
@all_facts
def run_created_after_a_cancel_is_accepted(play: Play) -> None:
    """CAN-14: compare the answer to run B with 2xx, and its final status with `success`."""
    # A conflict in the window between the accepted cancel and its effect was reported in
    # https://github.com/bytedance/deer-flow/pull/3874
    expect_accepted(play, "B")
    expect_end(play, "B", "success", "run B (created immediately after the cancel)")


@check("CAN-17")
def early_cancel_is_honoured(play: Play) -> None:
    """CAN-17: compare the answer to the early cancel with 2xx, and run A's end with `interrupted`."""
    cancel = first_cancel(play)
    expect(
        cancel.ok, "a 2xx answer to a cancel immediately after the creation of the run", cancel.outcome(), cancel.sent
    )
    expect_end(play, "A", "interrupted", "run A (cancelled immediately after its creation)", cancel.sent)


@check("CAN-18")
def waited_cancel_of_a_pending_run_is_answered(play: Play) -> None:
    """CAN-18: look for the answer to the cancel of run A, which was pending, by the end of the play."""
    cancel = first_cancel(play)
    # Until long after run Z has ended, ahead of run A. Any answer will do: CAN-02 judges what became of run A.
    expect(
        cancel.response is not None,
        "an answer to the cancel of pending run A with `wait`, at the latest when the run ahead of it had ended",
        cancel.outcome(),
        cancel.sent,
    )


@check("CAN-19")
def waited_cancel_of_a_pending_run_is_answered_at_once(play: Play) -> None:
    """CAN-19: compare the answer to the cancel of run A, which was pending, with the release of run Z ahead of it."""
    cancel = first_cancel(play)
    released = [m.seq for m in play.moments if isinstance(m, Released) and m.label == "Z"]
    if not released:
        raise Unproven("run Z was never released")
    expect(
        cancel.response is not None and cancel.response.seq < released[0],
        "the answer to the cancel of pending run A with `wait` while run Z, ahead of it, still executes",
        "the answer came when run Z had been released" if cancel.response else cancel.outcome(),
        cancel.sent,
        released[0],
    )


def _overlap(one: Exchange, other: Exchange) -> bool:
    """Return whether the later of two requests was sent before the earlier one was answered."""
    earlier, later = sorted((one, other), key=lambda each: each.sent)
    return earlier.over is None or later.sent < earlier.over
