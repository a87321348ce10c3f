"""INT: the effect of `interrupt` on the runs in flight, and the new run.

A is the first run, and B the run that arrives with `interrupt`. In the phase `pending`, Z executes and A waits behind
it.
"""

from __future__ import annotations

from conformance.api import GONE, IN_FLIGHT
from conformance.checks.common import (
    expect_accepted,
    expect_continued_chain,
    expect_end,
    expect_legal_conversation,
    expect_legal_outcome,
    expect_new_run_accepted,
    expect_nothing_of,
    expect_start_after_the_stop,
    runs_before_b,
    shows_execution,
    status_word,
)
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, all_facts, expect
from conformance.judge.messages import spell
from conformance.judge.play import Play
from conformance.judge.premises import ACCEPTED_A, ACCEPTED_B, ENDED_B, HELD
from conformance.judge.requests import stopping_request
from conformance.judge.turns import expect_proven_overlap, expect_superseded, outcomes, parts_of
from conformance.scenarios import moves as s
from conformance.scenarios.steps import STEPS
from conformance.transcript.text import snippet


@check("INT-01")
def new_run_is_accepted(play: Play) -> None:
    """INT-01: compare the answer to run B, which interrupts, with 2xx."""
    expect_new_run_accepted(play, "interrupt")


@check("INT-02", premises=(HELD, ACCEPTED_B))
def superseded_run_is_interrupted(play: Play) -> None:
    """INT-02: compare run A's final status with `interrupted`."""
    expect_proven_overlap(play, "A", "B")
    expect_end(play, "A", "interrupted", "run A (in flight when run B was created)")


@check("INT-03", premises=(HELD, ACCEPTED_B))
@all_facts
def superseded_run_stays(play: Play) -> None:
    """INT-03: look for the superseded run A by GET and in the list of the thread's runs."""
    expect(
        play.final_status("A") != GONE,
        "HTTP 200 for GET of the superseded run A",
        "HTTP 404",
        play.last("final run", "run A").sent,
    )
    listed = [run.get("run_id") for run in play.body("final runs", s.MAIN, list) if isinstance(run, dict)]
    expect(
        play.run_id("A") in listed,
        "the superseded run A in the list of the thread's runs",
        f"only {', '.join(play.label_of(r) for r in listed) or 'an empty list'}",
        play.last("final runs", s.MAIN).sent,
    )


@check("INT-04", premises=(HELD, ACCEPTED_B))
@all_facts
def new_run_executes_its_input(play: Play) -> None:
    """INT-04: compare run B's status and steps with a complete run. INT-05 judges the messages."""
    expect_end(play, "B", "success", "run B (created with `interrupt`)")
    see = play.last("final run", "run B").sent
    steps = tuple(trace.step for trace in play.steps("B"))
    expect(steps == STEPS, f"run B to execute the steps {' '.join(STEPS)}", " ".join(steps) or "no step", see)


@check("INT-05", premises=(HELD, ENDED_B))
def conversation_is_legal(play: Play) -> None:
    """INT-05: compare the final conversation with those that the oracle allows."""
    expect_legal_conversation(play)


@check("INT-06", premises=(HELD, ACCEPTED_B))
def new_run_continues_the_chain(play: Play) -> None:
    """INT-06: compare the parent of run B's first checkpoint with the newest checkpoint of the runs before it."""
    expect_continued_chain(play)


@check("INT-07", premises=(HELD, ACCEPTED_B))
def new_run_starts_after_the_stop(play: Play) -> None:
    """INT-07: compare run B's first step with the last report of every superseded run's steps."""
    expect_start_after_the_stop(play)


@check("INT-08", premises=(HELD, ACCEPTED_B))
@all_facts
def superseded_run_writes_nothing_more(play: Play) -> None:
    """INT-08: look for a checkpoint or message that a superseded run wrote after run B had begun."""
    history = play.history()
    see = play.last("final history", s.MAIN).sent
    run_id = play.run_id("B")
    own = [index for index, checkpoint in enumerate(history) if checkpoint.run_id == run_id]
    if not own:
        raise Unproven("no checkpoint in the history has the run_id of run B", see)
    # Histories are newest first: the entries before B's last index are newer than B's first checkpoint.
    strangers = [checkpoint for checkpoint in history[: own[-1]] if checkpoint.run_id != run_id]
    for checkpoint in strangers:
        raise Broken(
            "no checkpoint of a superseded run after run B's first checkpoint",
            f"checkpoint {snippet(checkpoint.id)} of run {play.label_of(checkpoint.run_id)} after it",
            see,
        )
    # A late write may also land in the state without a checkpoint of its own. The oracle knows which messages of the
    # superseded runs may be there.
    began = play.began("B")
    whole = {part for submit in play.scenario.submits() for part in parts_of(submit)}
    late = [m.word for m in play.messages() if m.label in runs_before_b(play) and m.word in whole]
    legal = {word for outcome in outcomes(play) for word in outcome.conversation}
    expect(
        began is None or set(late) <= legal,
        "no messages of the superseded runs in the state except "
        f"[{' '.join(sorted(legal & set(late)))}], written before run B began",
        f"also {' '.join(sorted(set(late) - legal))}",
        play.last("final state", s.MAIN).sent,
    )


@check("INT-09", premises=(HELD, ACCEPTED_B))
@all_facts
def every_run_in_flight_is_superseded(play: Play) -> None:
    """INT-09: compare the final status of every run in flight when run B arrived with `interrupted`."""
    for label in runs_before_b(play):
        play.accepted(label)
        expect_superseded(play, label)
        expect_end(play, label, "interrupted", f"run {label} (in flight when run B was created)")


@check("INT-10", premises=(HELD, ACCEPTED_A, ACCEPTED_B))
@all_facts
def pending_run_never_executes(play: Play) -> None:
    """INT-10: look for a step and messages of the pending run A, and compare its status with `interrupted`."""
    expect_proven_overlap(play, "A", "B")
    reports = play.reports("A")
    expect(
        not reports,
        "no step of run A, which was superseded while pending",
        f"run A entered {reports[0].step}" if reports else "",
        *(report.seq for report in reports[:1]),
    )
    expect_end(play, "A", "interrupted", "run A (superseded while pending)")
    expect_nothing_of(play, "A")


@check("INT-11", premises=(HELD, ACCEPTED_A, ACCEPTED_B))
def nothing_kept_without_a_checkpoint(play: Play) -> None:
    """INT-11: look in the state for messages of run A, which was superseded before it started."""
    expect_proven_overlap(play, "A", "B")
    # A started run writes its input in its first checkpoint, and that input is kept (PST-02).
    if play.reports("A"):
        raise Unproven("run A started, so it may have written a checkpoint")
    expect_nothing_of(play, "A")


@check("INT-12")
@all_facts
def idle_thread_takes_a_plain_run(play: Play) -> None:
    """INT-12: compare run B with a plain run, and the ends of the runs before it with their earlier status."""
    new_run_is_accepted(play)
    arrived = play.submission("B").sent
    for label in runs_before_b(play):
        before = [r.status for r in play.readings(label) if r.received < arrived]
        if not before or before[-1] not in play.ends(label):
            raise Unproven(f"no terminal status of run {label} was received before run B was created")
        expect_end(play, label, before[-1], f"run {label} (finished before run B was created)")
    new_run_executes_its_input(play)


@check("INT-13", premises=(HELD, ACCEPTED_B))
@all_facts
def other_threads_are_untouched(play: Play) -> None:
    """INT-13: compare run X on the other thread with an undisturbed run."""
    play.accepted("X")
    arrived = play.submission("B").sent
    # A run X that was over before B proves nothing about what B does to other threads.
    if not any(r.status in IN_FLIGHT and r.received < arrived for r in play.readings("X")):
        raise Unproven("the record does not show run X in flight on the other thread before run B was created")
    expect_end(play, "X", "success", "run X (on another thread)")
    observed = tuple(message.word for message in play.messages(name=s.OTHER))
    whole = parts_of(play.scenario.submit("X"))
    expect(
        observed == whole,
        f"the messages [{' '.join(whole)}] on the other thread",
        f"[{' '.join(observed)}]",
        play.last("final state", s.OTHER).sent,
    )


@check("INT-14")
def endpoint_makes_no_difference(play: Play) -> None:
    """INT-14: compare run B's answer with 2xx and run A's end with `interrupted`, whatever the endpoint."""
    endpoint = play.scenario.submit("B").endpoint
    submission = play.submission("B")
    expect(
        # As INT-01: a `wait` for a run that has reported a step was accepted, although it is not answered yet.
        submission.ok or (submission.response is None and bool(play.steps("B"))),
        f"a run with `interrupt` to be accepted by the {endpoint} endpoint as by create",
        submission.outcome(),
        submission.sent,
    )
    expect_proven_overlap(play, "A", "B")
    status = play.final_status("A")
    expect(
        status == "interrupted",
        f"run A to be superseded by run B, which was created through the {endpoint} endpoint",
        f"run A ended {status_word(status)}",
        submission.sent,
    )


@check("INT-15")
def strategy_of_the_first_run_is_irrelevant(play: Play) -> None:
    """INT-15: compare run A's final status with `interrupted`, whatever strategy it was created with."""
    sent = snippet(play.scenario.submit("A").strategy)
    submission = play.submission("B")
    expect(
        submission.ok,
        f"run B with `interrupt` to be accepted although run A was created with `{sent}`",
        submission.outcome(),
        submission.sent,
    )
    expect_proven_overlap(play, "A", "B")
    status = play.final_status("A")
    expect(
        status == "interrupted",
        f"run A to end `interrupted`, since run B's `interrupt` decides and not the `{sent}` of run A",
        status_word(status),
        submission.sent,
    )


@check("INT-16")
@all_facts
def only_the_last_text_is_answered(play: Play) -> None:
    """INT-16: compare the last run's final status with `success`, and all others' with `interrupted`."""
    for label in (*runs_before_b(play), "B"):
        expect_accepted(play, label)
    every_run_in_flight_is_superseded(play)
    expect_end(play, "B", "success", "run B (the last of several)")


@check("INT-17")
def finishing_run_keeps_its_success(play: Play) -> None:
    """INT-17: compare statuses and conversation with the outcomes that the oracle allows."""
    # The client cannot know whether A finished before B arrived, so either order is legal. The statuses and the state
    # have to agree on one of them: https://github.com/langchain-ai/deepagents/pull/6257
    expect_accepted(play, "B")
    expect_legal_outcome(play)


@check("INT-18", premises=(HELD, ACCEPTED_B))
def superseded_run_really_stops(play: Play) -> None:
    """INT-18: look for a report of a running step of run A after a terminal status of run A was received."""
    if not play.reports("A"):
        raise Unproven("the witness received no report from a step of run A")
    ended = play.ended("A")
    on_cancel = play.scenario.submit("A").on_cancel
    for report in play.reports("A"):
        if report.seq > ended and shows_execution(report, on_cancel):
            raise Broken(
                "no step of run A to execute after a terminal status of the run was received",
                f"{report.step} reported `{report.event}` after that",
                ended,
                report.seq,
            )


@check("INT-19")
def child_graph_stops(play: Play) -> None:
    """INT-19: look for a step of run A's child graph that starts, or is not cancelled, after the stop."""
    stopped = stopping_request(play).sent
    steps = play.steps("A")
    if not any(step.step in ("search:1", "quote:1") and step.enter < stopped for step in steps):
        raise Unproven("the witness received no report from run A's child graph before the run was stopped")
    later = [report for report in play.reports("A") if report.seq > stopped]
    entered = [report for report in later if report.event == "enter"]
    expect(
        not entered,
        "no further step of run A, which was stopped in its child graph",
        f"run A entered {entered[0].step}" if entered else "",
        stopped,
        *(report.seq for report in entered[:1]),
    )
    # `gone` counts: a server that kills the process of the step has stopped it too.
    expect(
        any(report.event in ("cancelled", "gone") for report in later),
        "the step of run A's child graph to be cancelled",
        "it was not cancelled" + (f", and continued: `{later[0].event}` of {later[0].step}" if later else ""),
        stopped,
        *(report.seq for report in later[:1]),
    )


@check("INT-20")
def strategy_is_not_ignored(play: Play) -> None:
    """INT-20: compare the end of run A with the answer to run B: refused, or carried out."""
    submission = play.submission("B")
    if not submission.ok and submission.response is not None:
        code = submission.response.status
        # 501 is the one 5xx that states a decision and not a failure: not implemented.
        expect(
            400 <= code < 500 or code == 501,
            "4xx or 501 for a strategy that the deployment does not implement",
            f"HTTP {code}",
            submission.sent,
        )
        return
    play.accepted("B")
    expect_proven_overlap(play, "A", "B")
    # A cancelled step proves that the strategy was carried out. A wrong status of the run is for INT-02 to judge.
    if any(report.outcome == "cancelled" for report in play.reports("A")):
        return
    status = play.final_status("A")
    expect(
        status != "success",
        "the accepted `interrupt` to be carried out",
        "run A, in flight when run B was accepted, continued to `success`",
        submission.sent,
        play.last("final run", "run A").sent,
    )


@check("INT-21", premises=(HELD, ACCEPTED_B))
def new_input_is_never_dropped(play: Play) -> None:
    """INT-21: count run B's input in the state, where it must occur once."""
    count = sum(message.word == "B.human" for message in play.messages())
    expect(
        count == 1,
        "run B's input once in the state",
        f"{count} times in [{spell(play.messages())}]",
        play.last("final state", s.MAIN).sent,
    )
