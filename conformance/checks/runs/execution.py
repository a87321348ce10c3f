"""RUN: the execution of a run, compared with what is shown of it."""

from __future__ import annotations

from conformance.api import IN_FLIGHT, LAG, TERMINAL
from conformance.checks.common import expect_accepted, expect_end, expect_no_step_after, shows_execution, status_word
from conformance.judge.check import check
from conformance.judge.expect import Broken, Inapplicable, Unproven, all_facts, expect
from conformance.judge.overlap import was_executing
from conformance.judge.play import NO_VERSION_3, Play, StatusReading
from conformance.judge.premises import ACCEPTED_A, HELD
from conformance.judge.requests import accepted_deletion, labels
from conformance.judge.watchers import watchers
from conformance.scenarios import moves as s
from conformance.transcript.text import same_json, snippet

# A second that the deployment measures may be shorter than one on this machine, because their clocks run at slightly
# different speeds. A delay that is ignored is shorter by far more than this.
CLOCK_SLACK = 0.95
"""The share of a delay that must have passed on this machine's clock."""


@check("RUN-30", premises=(HELD, ACCEPTED_A))
def failed_run_ends_in_error(play: Play) -> None:
    """RUN-30: compare the end of run A, one of whose steps raised an exception, with `error`."""
    if not any(report.outcome == "raised" for report in play.reports("A")):
        raise Unproven("the witness received no report that a step of run A failed")
    expect_end(play, "A", "error", "run A, whose step raised an exception,")


@check("RUN-31")
def executing_run_is_running(play: Play) -> None:
    """RUN-31: look for a run that is still `pending` while one of its steps executes."""
    seen = False
    for label in labels(play):
        since: StatusReading | None = None
        began = play.began(label)
        if began is None:
            continue
        for reading in play.readings(label):
            # A reading counts if a step reported before it was sent and again after it was answered.
            if not (began < reading.sent and was_executing(play, label, reading.received)):
                continue
            seen = True
            since = (since or reading) if reading.status == "pending" else None
            # The row may lag behind the worker. The driver reads again to see whether the contradiction lasts.
            lasted = 0.0 if since is None else play.moments[reading.sent].t - play.moments[since.received].t
            expect(
                lasted < LAG,
                f"run {label} to be shown as `running` while its step executes",
                f"`pending` for {lasted * 1000:.0f} ms",
                began,
                reading.sent,
            )
    if not seen:
        raise Unproven("no run was read while one of its steps certainly executed")


@check("RUN-32", premises=())
@all_facts
def ended_run_does_not_execute(play: Play) -> None:
    """RUN-32: look for a report of a running step after a terminal status of its run was received."""
    seen = False
    for label in labels(play):
        # INT-18 judges the run that `interrupt` supersedes.
        if label == "A" and play.scenario.family == "interrupt":
            continue
        ends = [reading.received for reading in play.readings(label) if reading.status in TERMINAL]
        reports = play.reports(label)
        if not ends or not reports:
            continue
        seen = True
        # A step waits for the answer to each of its reports, so it had not ended before the report arrived.
        later = [r for r in reports if r.seq > ends[0] and shows_execution(r, play.scenario.submit(label).on_cancel)]
        expect(
            not later,
            f"no terminal status of run {label} while one of its steps executes",
            f"{later[0].step} reported `{later[0].event}` after that" if later else "",
            ends[0],
            *(report.seq for report in later[:1]),
        )
    if not seen:
        raise Unproven("no terminal status was received of a run that reported a step")


@check("RUN-33", premises=())
@all_facts
def answered_wait_shows_the_end(play: Play) -> None:
    """RUN-33: compare the first status of a run after its join or wait was answered with the terminal ones."""
    seen = False
    for label in labels(play):
        waits = [watcher.exchange for watcher in watchers(play, label) if not watcher.streams]
        answered = [wait for wait in (*waits, *play.exchanges_for("join", label)) if wait.ok and wait.over is not None]
        for wait in answered:
            # Only the first reading can show the delay. A run that does not end breaks other requirements.
            after = [reading for reading in play.readings(label) if reading.sent > (wait.over or 0)][:1]
            seen = seen or bool(after)
            for reading in after:
                expect(
                    reading.status not in IN_FLIGHT,
                    f"run {label} to be shown as over once a client that waits for it has its answer",
                    f"`{reading.status}`",
                    wait.sent,
                    reading.sent,
                )
    if not seen:
        raise Inapplicable("no run was read after a client that waits for it had its answer")


@check("RUN-05")
def one_run_executes_at_a_time(play: Play) -> None:
    """RUN-05: compare the spans in which the thread's runs reported steps, which must not overlap.

    A run executes from its first report to its last.
    """
    # `gone` does not count: the witness may notice a lost connection after the next run has rightly begun.
    spans = {
        submit.label: (reports[0].seq, reports[-1].seq)
        for submit in play.scenario.submits()
        if (reports := [r for r in play.reports(submit.label) if r.event != "gone"])
    }
    if not spans:
        raise Unproven("the witness received no report from a step of any run")
    for label, (first, last) in spans.items():
        for other, (other_first, _) in spans.items():
            if other != label and first < other_first < last:
                raise Broken(
                    f"no step of run {other} while run {label} was executing",
                    f"run {other} entered its first step, and a step of run {label} reported after that",
                    first,
                    other_first,
                    last,
                )


@check("RUN-14")
@all_facts
def deleted_run_executes_no_more(play: Play) -> None:
    """RUN-14: look for a step of the deleted run that continues, and compare the other runs' ends with `success`."""
    # A deployment may refuse to delete a run in flight. It has then kept the run, which may continue: Unproven.
    deletion, label = accepted_deletion(play)
    expect_no_step_after(play, deletion, label)
    for other in play.scenario.submits():
        if other.label != label:
            expect_end(play, other.label, "success", f"run {other.label} (not deleted)")


@check("RUN-20")
@all_facts
def delayed_run_waits(play: Play) -> None:
    """RUN-20: compare the time until a delayed run's first step with its `after_seconds`."""
    for submit in play.scenario.submits():
        if submit.after_seconds is None:
            continue
        submission = play.accepted(submit.label)
        initial = submission.body.get("status") if isinstance(submission.body, dict) else None
        expect(
            initial == "pending",
            f"the new run {submit.label} to be `pending`",
            f"`{snippet(initial)}`",
            submission.sent,
        )
        status = play.final_status(submit.label)
        see = play.last("final run", f"run {submit.label}").sent
        expect(status == "success", f"run {submit.label} to end `success` after its delay", status_word(status), see)
        began = play.began(submit.label)
        if began is None:
            raise Unproven(f"the witness received no report from a step of run {submit.label}")
        # Measured from the request to the report. The deployment starts its timer after the request was sent, and a
        # step reports after it has begun, so the measured time is never shorter than the real delay.
        passed = play.moments[began].t - submission.request.t
        expect(
            passed >= submit.after_seconds * CLOCK_SLACK,
            f"no step of run {submit.label} within {submit.after_seconds:g} s of its creation",
            f"the first one after {passed:.2f} s",
            submission.sent,
            began,
        )


@check("RUN-21", premises=())
def run_stops_at_a_node(play: Play) -> None:
    """RUN-21: compare run A's steps and the state's `next` with the node at which its request stops it."""
    submit = play.scenario.submit("A")
    play.accepted("A")
    steps = [trace.step for trace in play.steps("A")]
    due, following = (["agent:1"], ["tools"]) if submit.stop_before else (["agent:1", "tools:1"], ["agent"])
    if submit.stop_before == ("*",):
        due, following = [], ["agent"]
    what = (
        f"interrupt_before {snippet(s.nodes(submit.stop_before))}"
        if submit.stop_before
        else (f"interrupt_after {snippet(s.nodes(submit.stop_after))}")
    )
    expect(
        steps == due,
        f"run A with {what} to execute {' '.join(due) or 'nothing'}",
        " ".join(steps) or "no step",
        play.submission("A").sent,
    )
    left = play.state("mid").get("next")
    expect(
        left == following,
        f"`next` {snippet(following)} in the state after run A with {what}",
        snippet(left),
        play.last("mid state", s.MAIN).sent,
    )


@check("RUN-22", premises=())
def stopped_thread_is_interrupted(play: Play) -> None:
    """RUN-22: compare the thread's status with `interrupted` when run A has stopped at a node."""
    ended, read = play.ended("A"), play.last("mid state", s.MAIN).sent
    # The newest reading: a thread that is read right after the stop may not show it yet (THR-08 is a SHOULD).
    between = [one for one in play.thread_readings() if ended < one.sent and one.received < read]
    if not between:
        raise Unproven("the thread was not read after run A had stopped")
    expect(
        between[-1].status == "interrupted",
        "the thread to be `interrupted` when its run has stopped at a node",
        f"`{between[-1].status}`",
        between[-1].sent,
    )


@check("RUN-23")
def agent_sees_its_configurable(play: Play) -> None:
    """RUN-23: compare the configurable that each run's agent reported with the one in the run's request."""
    judged = 0
    for submit in play.scenario.submits():
        submission = play.accepted(submit.label)
        for report in play.reports(submit.label):
            if report.event != "enter" or report.configurable is None:
                continue
            judged += 1
            expect(
                same_json(report.configurable, submit.configurable),
                f"the agent of run {submit.label} to see the configurable of its run: {snippet(submit.configurable)}",
                snippet(report.configurable),
                submission.sent,
                report.seq,
            )
    if not judged:
        raise Unproven(NO_VERSION_3)


@check("RUN-36", premises=())
@all_facts
def agent_gets_its_context(play: Play) -> None:
    """RUN-36: compare what run B's agent reported of the `context` with the one in the run's request."""
    expect_accepted(play, "B")
    submit, sent = play.scenario.submit("B"), play.submission("B").sent
    due = f"the agent of run B to get the `context` of its run: {snippet(submit.configurable)}"
    entered = [report for report in play.reports("B") if report.event == "enter"]
    for report in entered:
        expect(same_json(report.configurable, submit.configurable), due, snippet(report.configurable), sent, report.seq)
    if not entered:
        # The probe is in the context, too. Without it the agent executes the run, and reports nothing.
        values = play.state().get("values")
        steps = values.get("steps") if isinstance(values, dict) else None
        without = [step for step in steps if str(step).startswith("run/")] if isinstance(steps, list) else []
        if not without:
            raise Unproven("run B reported no step, and the state has none of a run without a probe", sent)
        what = f"the steps {' '.join(without)} of a run without a context"
        raise Broken(due, what, sent, play.last("final state", s.MAIN).sent)


@check("RUN-34")
@all_facts
def command_updates_and_goes(play: Play) -> None:
    """RUN-34: look for the update of run B's command in the state, and compare its first step with the `goto`."""
    submit = play.scenario.submit("B")
    submission = play.accepted("B")
    found = [message.word for message in play.messages()]
    what = "the message of run B's `command.update` in the state"
    expect("B.human" in found, what, "no such message", submission.sent)
    steps = [trace.step for trace in play.steps("B")]
    expect(
        bool(steps) and steps[0].startswith(f"{submit.goto}:"),
        f"run B with `command.goto` `{submit.goto}` to begin at this node",
        f"the steps {' '.join(steps)}" if steps else "no step",
        submission.sent,
    )


@check("RUN-35")
@all_facts
def limit_of_steps_is_kept(play: Play) -> None:
    """RUN-35: compare the end of run A with `error`, and count its steps, when its turn needs more than it may."""
    limit = play.scenario.submit("A").recursion_limit or 0
    expect_end(play, "A", "error", f"run A, whose turn needs more steps than its recursion_limit {limit},")
    steps = play.state().get("values")
    done = steps.get("steps") if isinstance(steps, dict) else None
    count = len(done) if isinstance(done, list) else 0
    see = play.last("final state", s.MAIN).sent
    expect(count <= limit, f"no more than {limit} finished step of run A in the state", f"{count}", see)
