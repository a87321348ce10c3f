"""INT: what `interrupt` does to the run in flight and to the newcomer.

A is the first run, B the one that arrives with `interrupt`. In `pending` Z holds the thread and A waits behind it.
"""

from __future__ import annotations

from conformance.api import IN_FLIGHT, TERMINAL
from conformance.checks.common import (
    before_newcomer,
    expect_accepted,
    expect_continued_chain,
    expect_end,
    expect_legal_conversation,
    expect_nothing_of,
    expect_one_story,
    expect_start_after_the_stop,
    status_word,
)
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, expect
from conformance.judge.messages import spell
from conformance.judge.play import Play
from conformance.judge.requests import stopping_request
from conformance.judge.turns import expect_proven_overlap, expect_superseded, outcomes, parts_of
from conformance.scenarios import moves as s
from conformance.scenarios.steps import STEPS
from conformance.transcript.transcript import WitnessEvent
from doubletext.probe import OnCancel


@check("INT-01")
def newcomer_is_accepted(play: Play) -> None:
    """INT-01: compare the answer to run B, which interrupts, with 2xx."""
    submission = play.submission("B")
    if submission.response is None and play.steps("B"):
        return  # a `wait` that has not answered yet was accepted all the same
    expect(
        submission.ok,
        "a 2xx answer to run B, which interrupts",
        submission.outcome(),
        submission.sent,
    )


@check("INT-02")
def superseded_run_is_interrupted(play: Play) -> None:
    """INT-02: compare run A's final status with `interrupted`."""
    play.accepted("B")
    expect_proven_overlap(play, "A", "B")
    expect_end(play, "A", "interrupted", "run A, in flight when run B arrived")


@check("INT-03")
def superseded_run_stays(play: Play) -> None:
    """INT-03: look for the superseded run A by GET and in the list of the thread's runs."""
    play.accepted("B")
    expect(
        play.final_status("A") != "gone",
        "GET of the superseded run A to answer 200",
        "404",
        play.last("final run", "run A").sent,
    )
    listed = [run.get("run_id") for run in play.body("final runs", s.MAIN, list) if isinstance(run, dict)]
    expect(
        play.run_id("A") in listed,
        "the superseded run A in the list of the thread's runs",
        f"only {', '.join(play.label_of(r) for r in listed) or 'nothing'}",
        play.last("final runs", s.MAIN).sent,
    )


@check("INT-04")
def newcomer_runs_its_input(play: Play) -> None:
    """INT-04: compare run B's status, steps and messages with a complete run of its own input."""
    play.accepted("B")
    expect_end(play, "B", "success", "run B, which interrupts")
    see = play.last("final run", "run B").sent
    steps = tuple(trace.step for trace in play.steps("B"))
    expect(steps == STEPS, f"run B to execute {' '.join(STEPS)}", " ".join(steps) or "no step at all", see)
    words = [message.word for message in play.messages()]
    missing = [part for part in parts_of(play.scenario.submit("B")) if part not in words]
    expect(
        not missing,
        "run B's own input and output in the state",
        f"no {', '.join(missing)} in: {spell(play.messages())}",
        play.last("final state", s.MAIN).sent,
    )


@check("INT-05")
def conversation_is_legal(play: Play) -> None:
    """INT-05: compare the final conversation with those that the oracle allows."""
    expect_legal_conversation(play)


@check("INT-06")
def newcomer_continues_the_chain(play: Play) -> None:
    """INT-06: compare the parent of run B's first checkpoint with the newest checkpoint of the runs before it."""
    expect_continued_chain(play)


@check("INT-07")
def newcomer_starts_after_the_stop(play: Play) -> None:
    """INT-07: compare run B's first step with the last report of every superseded run's steps."""
    expect_start_after_the_stop(play)


@check("INT-08")
def superseded_run_writes_nothing_more(play: Play) -> None:
    """INT-08: look for a checkpoint or message that a superseded run wrote after run B had begun."""
    play.accepted("B")
    history = play.history()
    see = play.last("final history", s.MAIN).sent
    run_id = play.run_id("B")
    own = [index for index, checkpoint in enumerate(history) if checkpoint.run_id == run_id]
    if not own:
        raise Unproven("no checkpoint in the history names run B", see)
    strangers = [checkpoint for checkpoint in history[: own[-1]] if checkpoint.run_id != run_id]
    for checkpoint in strangers:
        raise Broken(
            "no checkpoint of a superseded run after run B's first one",
            f"checkpoint {checkpoint.id} of run {play.label_of(checkpoint.run_id)} after it",
            see,
        )
    began = play.began("B")
    whole = {part for submit in play.scenario.submits() for part in parts_of(submit)}
    late = [m.word for m in play.messages() if m.label in before_newcomer(play) and m.word in whole]
    legal = {word for outcome in outcomes(play) for word in outcome.conversation}
    expect(
        began is None or set(late) <= legal,
        f"nothing more of the superseded runs in the state than {' '.join(sorted(legal & set(late))) or 'nothing'}",
        f"also {' '.join(sorted(set(late) - legal))}",
        play.last("final state", s.MAIN).sent,
    )


@check("INT-09")
def every_run_in_flight_is_superseded(play: Play) -> None:
    """INT-09: compare the final status of every run in flight when run B arrived with `interrupted`."""
    play.accepted("B")
    for label in before_newcomer(play):
        play.accepted(label)
        expect_superseded(play, label)
        expect_end(play, label, "interrupted", f"run {label}, in flight when run B arrived")


@check("INT-10")
def pending_run_never_executes(play: Play) -> None:
    """INT-10: look for a step and messages of the pending run A, and compare its status with `interrupted`."""
    play.accepted("A")
    play.accepted("B")
    expect_proven_overlap(play, "A", "B")
    reports = play.reports("A")
    expect(
        not reports,
        "run A, superseded while pending, never to execute",
        f"it entered {reports[0].step if reports else ''}",
        *(report.seq for report in reports[:1]),
    )
    expect_end(play, "A", "interrupted", "run A, superseded while pending")
    expect_nothing_of(play, "A")


@check("INT-11")
def nothing_kept_without_a_checkpoint(play: Play) -> None:
    """INT-11: look in the state for messages of run A, which was superseded before it started."""
    play.accepted("A")
    play.accepted("B")
    expect_proven_overlap(play, "A", "B")
    if play.reports("A"):
        raise Unproven("run A was started, so it may have had a checkpoint")
    expect_nothing_of(play, "A")


@check("INT-12")
def idle_thread_takes_a_plain_run(play: Play) -> None:
    """INT-12: compare run B with a plain run, and the runs before it with what they were."""
    newcomer_is_accepted(play)
    arrived = play.submission("B").sent
    for label in before_newcomer(play):
        before = [r.status for r in play.readings(label) if r.received < arrived]
        if not before or before[-1] not in TERMINAL:
            raise Unproven(f"run {label} was not seen to be over before run B came")
        expect_end(play, label, before[-1], f"run {label}, over before run B came")
    newcomer_runs_its_input(play)


@check("INT-13")
def other_threads_are_untouched(play: Play) -> None:
    """INT-13: compare run X on the other thread with a run that nothing disturbs."""
    play.accepted("B")
    play.accepted("X")
    arrived = play.submission("B").sent
    if not any(r.status in IN_FLIGHT and r.received < arrived for r in play.readings("X")):
        raise Unproven("run X on the other thread was not seen in flight before run B came")
    expect_end(play, "X", "success", "run X, on another thread")
    observed = tuple(message.word for message in play.messages(name=s.OTHER))
    whole = parts_of(play.scenario.submit("X"))
    expect(
        observed == whole,
        f"[{' '.join(whole)}] on the other thread",
        f"[{' '.join(observed)}]",
        play.last("final state", s.OTHER).sent,
    )


@check("INT-14")
def endpoint_makes_no_difference(play: Play) -> None:
    """INT-14: compare run B's answer with 2xx and run A's end with `interrupted`, whatever the endpoint."""
    endpoint = play.scenario.submit("B").endpoint
    submission = play.submission("B")
    expect(
        submission.ok or (submission.response is None and bool(play.steps("B"))),
        f"`interrupt` to be accepted on the {endpoint} endpoint as on create",
        submission.outcome(),
        submission.sent,
    )
    expect_proven_overlap(play, "A", "B")
    status = play.final_status("A")
    expect(
        status == "interrupted",
        f"run A to be superseded by a run B that came through {endpoint}",
        f"run A ended {status_word(status)}",
        submission.sent,
    )


@check("INT-15")
def strategy_of_the_first_run_is_irrelevant(play: Play) -> None:
    """INT-15: compare run A's final status with `interrupted`, whatever strategy it was created with."""
    sent = play.scenario.submit("A").strategy
    submission = play.submission("B")
    expect(
        submission.ok,
        f"run B's `interrupt` to be accepted although run A was asked for with `{sent}`",
        submission.outcome(),
        submission.sent,
    )
    expect_proven_overlap(play, "A", "B")
    status = play.final_status("A")
    expect(
        status == "interrupted",
        f"run B's `interrupt` to decide, not the `{sent}` that run A came with: run A ends `interrupted`",
        status_word(status),
        submission.sent,
    )


@check("INT-16")
def only_the_last_text_is_answered(play: Play) -> None:
    """INT-16: compare the last run's final status with `success`, and all others' with `interrupted`."""
    for label in (*before_newcomer(play), "B"):
        expect_accepted(play, label)
    every_run_in_flight_is_superseded(play)
    expect_end(play, "B", "success", "run B, the last")


@check("INT-17")
def finishing_run_keeps_its_success(play: Play) -> None:
    """INT-17: compare statuses and conversation with the outcomes that the oracle allows.

    Whichever run won the race, both must tell the same story.
    """
    expect_accepted(play, "B")
    expect_one_story(play)


@check("INT-18")
def superseded_run_really_stops(play: Play) -> None:
    """INT-18: look for a sign of life of run A after it was reported to be over."""
    play.accepted("B")
    if not play.reports("A"):
        raise Unproven("the witness saw no step of run A")
    ended = play.ended("A")
    manners = play.scenario.submit("A").on_cancel
    for report in play.reports("A"):
        if report.seq > ended and _is_sign_of_life(report, manners):
            raise Broken(
                "no sign of life from run A after it was told to be over",
                f"{report.step} reported `{report.event}` after that",
                ended,
                report.seq,
            )


def _is_sign_of_life(report: WitnessEvent, manners: OnCancel) -> bool:
    """Return whether a report shows that a run executes which should have stopped.

    A step that stops when it is cancelled reports while it stops. One that swallows the cancellation cannot be
    stopped from outside, but no step has to start after it.
    """
    match manners:
        case "stop":
            return report.event in ("enter", "token") or report.outcome in ("returned", "raised", "interrupted")
        case "linger":
            return report.event in ("enter", "token", "exit")
        case "swallow":
            return report.event == "enter"


@check("INT-19")
def child_graph_stops(play: Play) -> None:
    """INT-19: look for a step of run A's child graph that starts, or is not cancelled, after the stop.

    A step that swallows its cancellation cannot be stopped, but no step may start after it.
    """
    told = stopping_request(play).sent
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


@check("INT-20")
def strategy_is_not_ignored(play: Play) -> None:
    """INT-20: compare the end of run A with the answer to run B: refused, or carried out."""
    submission = play.submission("B")
    if not submission.ok and submission.response is not None:
        code = submission.response.status
        expect(
            400 <= code < 500 or code == 501,
            "a strategy that is not offered to be refused with 4xx or 501",
            f"HTTP {code}",
            submission.sent,
        )
        return
    play.accepted("B")
    expect_proven_overlap(play, "A", "B")
    if any(report.outcome == "cancelled" for report in play.reports("A")):
        return  # whatever its status says, it was stopped
    status = play.final_status("A")
    expect(
        status != "success",
        "the accepted `interrupt` to be carried out",
        "run A, in flight when run B was accepted, ran on to `success`",
        submission.sent,
        play.last("final run", "run A").sent,
    )


@check("INT-21")
def newcomers_input_is_never_dropped(play: Play) -> None:
    """INT-21: count run B's input in the state, where it must occur once."""
    play.accepted("B")
    count = sum(message.word == "B.human" for message in play.messages())
    expect(
        count == 1,
        "run B's input once in the state",
        f"{count} times in: {spell(play.messages())}",
        play.last("final state", s.MAIN).sent,
    )
