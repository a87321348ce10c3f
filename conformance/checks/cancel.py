"""CAN: what a cancel does to run A, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.checks import Check
from conformance.checks.common import expect_accepted, expect_end, expect_nothing_of, one_story, status_word
from conformance.checks.threads import thread_in_flight_is_busy
from conformance.judge.expect import Unproven, expect
from conformance.judge.messages import spell
from conformance.judge.play import Exchange, Play
from conformance.judge.statuses import GONE, TERMINAL
from conformance.judge.turns import parts_of
from conformance.scenarios import scenario as s


def cancelled_run_is_interrupted_and_stays(play: Play) -> None:
    """CAN-01. A step that was entered follows steps that were written; so many parts of A are kept."""
    cancel = _accepted(play)
    expect_end(play, "A", "interrupted", "run A, cancelled", cancel.asked)
    entered = len(play.steps("A"))
    if not entered:
        raise Unproven("the witness saw no step of run A")
    due = parts_of(play.scenario.submit("A"))[:entered]
    observed = tuple(message.word for message in play.messages())
    expect(
        observed == due,
        f"what run A had written before the cancel: [{' '.join(due)}]",
        f"[{' '.join(observed)}]",
        play.last("final state", s.MAIN).asked,
    )


def cancelled_pending_run_never_executes(play: Play) -> None:
    """CAN-02."""
    cancel = _accepted(play)
    rollback = play.scenario.id.startswith("cancel/pending/rollback/")
    expect_end(play, "A", GONE if rollback else "interrupted", "run A, cancelled while pending", cancel.asked)
    reports = play.reports("A")
    expect(not reports, "run A, cancelled while pending, never to execute", "it did", *(r.seq for r in reports[:1]))
    expect_nothing_of(play, "A")


def answer_without_wait(play: Play) -> str:
    """CAN-03: the freedom taken."""
    response = _cancel(play).response
    if response is None:
        raise Unproven(f"the cancel was not answered: {_cancel(play).outcome()}", _cancel(play).asked)
    return f"{response.status} {'without' if response.body in (None, {}) else 'with'} a body"


def waited_cancel_answers_after_the_stop(play: Play) -> None:
    """CAN-04."""
    cancel = _accepted(play)
    answered = cancel.over or 0
    late = [r for r in play.reports("A") if r.seq > answered and r.event != "gone"]
    expect(
        not late,
        "the answer to a cancel with wait only when run A has stopped",
        f"run A reported `{late[0].event}` of {late[0].step} after the answer" if late else "",
        cancel.asked,
        *(report.seq for report in late[:1]),
    )
    told = [r.status for r in play.readings("A") if r.asked > answered]
    expect(
        all(status in TERMINAL or status == GONE for status in told[:1]),
        "run A to be over when the cancel with wait is answered",
        f"`{told[0] if told else None}`",
        cancel.asked,
    )


def wait_may_be_left_out(play: Play) -> None:
    """CAN-05."""
    cancel = _cancel(play)
    expect(cancel.ok, "a 2xx answer to a cancel that says nothing of `wait`", cancel.outcome(), cancel.asked)


def rolled_back_by_cancel(play: Play) -> None:
    """CAN-06."""
    cancel = _cancel(play)
    expect(cancel.ok, "a 2xx answer to a cancel with action=rollback", cancel.outcome(), cancel.asked)
    expect_end(play, "A", GONE, "run A, cancelled with action=rollback")
    for checkpoint in play.history():
        left = [message.word for message in checkpoint.messages if message.label == "A"]
        expect(
            not left and checkpoint.run_id != play.run_id("A"),
            "no checkpoint of run A in the history",
            f"checkpoint {checkpoint.id}: {spell(checkpoint.messages)}",
            play.last("final history", s.MAIN).asked,
        )
    before = [c.id for c in play.history("mid")]
    after = [c.id for c in play.history()]
    expect(
        after == before,
        "the history as it was before run A",
        f"{len(after)} checkpoints instead of {len(before)}",
        play.last("final history", s.MAIN).asked,
    )


def finished_run_keeps_its_status(play: Play) -> None:
    """CAN-07."""
    cancel = _cancel(play)
    before = [r.status for r in play.readings("A") if r.told < cancel.asked][-1:]
    if not before or before[0] not in TERMINAL:
        raise Unproven("run A was not seen to be over before the cancel")
    expect_end(play, "A", before[0], "run A, over before the cancel", cancel.asked)


def answer_to_a_late_cancel(play: Play) -> str:
    """CAN-08: the freedom taken."""
    response = _cancel(play).response
    if response is None:
        raise Unproven(f"the cancel was not answered: {_cancel(play).outcome()}", _cancel(play).asked)
    return str(response.status)


def unknown_run_is_not_found(play: Play) -> None:
    """CAN-09."""
    cancel = play.last("cancel", s.NOBODY)
    expect(
        cancel.response is not None and cancel.response.status == 404,
        "404 for the cancel of a run that does not exist",
        cancel.outcome(),
        cancel.asked,
    )


def first_cancel_decides(play: Play) -> None:
    """CAN-10."""
    cancels = play.asked_for("cancel", "A")
    if len(cancels) < 2 or not cancels[0].ok:
        raise Unproven("run A was not cancelled twice")
    second = cancels[1]
    expect(
        second.response is not None and second.response.status < 500,
        "a second cancel to be answered without a 5xx",
        second.outcome(),
        second.asked,
    )
    rollback = "action=rollback" in cancels[0].request.path
    due = GONE if rollback else "interrupted"
    who = f"run A, whose first cancel (`{'rollback' if rollback else 'interrupt'}`) decides"
    expect_end(play, "A", due, who, *(cancel.asked for cancel in cancels))


def accepted_cancel_ends_the_run(play: Play) -> None:
    """CAN-12."""
    cancel = _accepted(play)
    label = cancel.request.about
    status = play.final_status(label)
    expect(
        status in TERMINAL or status == GONE,
        f"run {label} to be over in bounded time after its cancel was accepted",
        f"still {status_word(status)}",
        cancel.asked,
        play.last("final run", f"run {label}").asked,
    )


def cancelled_run_never_succeeds(play: Play) -> None:
    """CAN-13."""
    cancel = _accepted(play)
    for reading in play.readings("A"):
        expect(
            reading.status != "success",
            "run A, held when it was cancelled, never to read `success`",
            "`success`",
            cancel.asked,
            reading.asked,
        )


def a_run_right_behind_a_cancel_is_accepted(play: Play) -> None:
    """CAN-14."""
    _accepted(play)
    expect_accepted(play, "B")
    expect_end(play, "B", "success", "run B, right behind the cancel")


def only_the_cancelled_run_is_touched(play: Play) -> None:
    """ENQ-06."""
    cancel = _accepted(play)
    for label in ("Z", "B"):
        play.accepted(label)
        expect_end(play, label, "success", f"run {label}, which was not cancelled", cancel.asked)


def status_after_a_bare_cancel(play: Play) -> str:
    """THR-04: the freedom taken, the thread's status after A was cancelled in the middle of a step."""
    _accepted(play)
    return str(play.final_thread().get("status"))


def stopping_does_not_leave_the_thread_busy(play: Play) -> None:
    """THR-06."""
    for label in (submit.label for submit in play.scenario.submits()):
        status = play.final_status(label)
        if status not in TERMINAL and status != GONE:
            raise Unproven(f"run {label} never ended but is `{status}`")
    expect(
        play.final_thread().get("status") != "busy",
        "the thread not to be `busy` when everything on it is over",
        "`busy`",
        play.last("final thread", s.MAIN).asked,
    )


def unfinished_step_is_next(play: Play) -> None:
    """PST-11."""
    _accepted(play)
    steps = play.steps("A")
    if not steps:
        raise Unproven("the witness saw no step of run A")
    node = steps[-1].step.partition(":")[0]
    following = play.state().get("next")
    expect(
        following == [node],
        f"`next` of the state to name the node that did not finish: ['{node}']",
        f"{following}",
        play.last("final state", s.MAIN).asked,
    )


def cancels_are_answered_without_a_crash(play: Play) -> None:
    """CON-05. 409 and 404 are allowed: by then the run may be over."""
    for cancel in play.asked_for("cancel"):
        expect(
            cancel.response is not None and cancel.response.status < 500,
            "every one of several cancels to be answered without a 5xx",
            cancel.outcome(),
            cancel.asked,
        )
    status = play.final_status("A")
    expect(
        status in TERMINAL or status == GONE,
        "run A to be over after several cancels",
        f"still {status_word(status)}",
        play.last("final run", "run A").asked,
    )


def named_runs_are_cancelled(play: Play) -> None:
    """CAN-11."""
    cancel = play.last("cancel many", s.MAIN)
    expect(
        cancel.response is not None and cancel.response.status == 204,
        "204 for the cancel of two runs by thread_id and run_ids",
        cancel.outcome(),
        cancel.asked,
    )
    for label, due, who in (
        ("Z", "interrupted", "run Z, running and named in the cancel"),
        ("A", "interrupted", "run A, pending and named in the cancel"),
        ("B", "success", "run B, not named in the cancel"),
    ):
        expect_end(play, label, due, who, cancel.asked)


def early_cancel_is_honoured(play: Play) -> None:
    """CAN-17."""
    cancel = _cancel(play)
    expect(cancel.ok, "a 2xx answer to a cancel right behind the create", cancel.outcome(), cancel.asked)
    expect_end(play, "A", "interrupted", "run A, cancelled right behind its create", cancel.asked)


def _cancel(play: Play) -> Exchange:
    """The first cancel of the scenario; Unproven when there was none."""
    cancels = play.asked_for("cancel")
    if not cancels:
        raise Unproven("the driver did not get as far as the cancel")
    return cancels[0]


def _accepted(play: Play) -> Exchange:
    """The first cancel; Unproven unless it was answered with 2xx."""
    cancel = _cancel(play)
    if not cancel.ok:
        raise Unproven(f"the cancel of run {cancel.request.about} was not accepted: {cancel.outcome()}", cancel.asked)
    return cancel


CHECKS: Mapping[str, Check] = {
    "CAN-01": cancelled_run_is_interrupted_and_stays,
    "CAN-02": cancelled_pending_run_never_executes,
    "CAN-03": answer_without_wait,
    "CAN-04": waited_cancel_answers_after_the_stop,
    "CAN-05": wait_may_be_left_out,
    "CAN-06": rolled_back_by_cancel,
    "CAN-07": finished_run_keeps_its_status,
    "CAN-08": answer_to_a_late_cancel,
    "CAN-09": unknown_run_is_not_found,
    "CAN-10": first_cancel_decides,
    "CAN-11": named_runs_are_cancelled,
    "CAN-12": accepted_cancel_ends_the_run,
    "CAN-13": cancelled_run_never_succeeds,
    "CAN-14": a_run_right_behind_a_cancel_is_accepted,
    "CAN-17": early_cancel_is_honoured,
    "CON-04": one_story,
    "CON-05": cancels_are_answered_without_a_crash,
    "ENQ-06": only_the_cancelled_run_is_touched,
    "PST-11": unfinished_step_is_next,
    "THR-04": status_after_a_bare_cancel,
    "THR-05": thread_in_flight_is_busy,
    "THR-06": stopping_does_not_leave_the_thread_busy,
}
