"""INT: what `interrupt` does to the run in flight and to the newcomer.

A is the first run, B the one that arrives with `interrupt`. In `pending` Z holds the thread and A waits behind it.
"""

from __future__ import annotations

from collections.abc import Mapping

from conformance.checks import Check
from conformance.checks.common import (
    before_newcomer,
    conversation_is_legal,
    expect_accepted,
    expect_end,
    expect_nothing_of,
    newcomer_continues_the_chain,
    newcomer_starts_after_the_stop,
    one_story,
    status_word,
)
from conformance.judge.expect import Broken, Unproven, expect
from conformance.judge.messages import spell
from conformance.judge.play import Play
from conformance.judge.statuses import IN_FLIGHT, TERMINAL
from conformance.judge.turns import STEPS, expect_proven_overlap, expect_superseded, outcomes, parts_of
from conformance.scenarios import scenario as s
from conformance.transcript.transcript import WitnessEvent
from doubletext.probe import OnCancel


def newcomer_is_accepted(play: Play) -> None:
    """INT-01."""
    submission = play.submission("B")
    if submission.response is None and play.steps("B"):
        return  # a `wait` that has not answered yet was accepted all the same
    expect(
        submission.ok,
        "a 2xx answer to run B, which interrupts",
        submission.outcome(),
        submission.asked,
    )


def superseded_run_is_interrupted(play: Play) -> None:
    """INT-02."""
    play.accepted("B")
    expect_proven_overlap(play, "A", "B")
    expect_end(play, "A", "interrupted", "run A, in flight when run B arrived")


def superseded_run_stays(play: Play) -> None:
    """INT-03."""
    play.accepted("B")
    expect(
        play.final_status("A") != "gone",
        "GET of the superseded run A to answer 200",
        "404",
        play.last("final run", "run A").asked,
    )
    listed = [run.get("run_id") for run in play.body("final runs", s.MAIN, list) if isinstance(run, dict)]
    expect(
        play.run_id("A") in listed,
        "the superseded run A in the list of the thread's runs",
        f"only {', '.join(play.label_of(r) for r in listed) or 'nothing'}",
        play.last("final runs", s.MAIN).asked,
    )


def newcomer_runs_its_input(play: Play) -> None:
    """INT-04."""
    play.accepted("B")
    expect_end(play, "B", "success", "run B, which interrupts")
    see = play.last("final run", "run B").asked
    steps = tuple(trace.step for trace in play.steps("B"))
    expect(steps == STEPS, f"run B to execute {' '.join(STEPS)}", " ".join(steps) or "no step at all", see)
    words = [message.word for message in play.messages()]
    missing = [part for part in parts_of(play.scenario.submit("B")) if part not in words]
    expect(
        not missing,
        "run B's own input and output in the state",
        f"no {', '.join(missing)} in: {spell(play.messages())}",
        play.last("final state", s.MAIN).asked,
    )


def superseded_run_writes_nothing_more(play: Play) -> None:
    """INT-08."""
    play.accepted("B")
    history = play.history()
    see = play.last("final history", s.MAIN).asked
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
        play.last("final state", s.MAIN).asked,
    )


def every_run_in_flight_is_superseded(play: Play) -> None:
    """INT-09, INT-16 and CON-06: all that came before B and were in flight are `interrupted`."""
    play.accepted("B")
    for label in before_newcomer(play):
        play.accepted(label)
        expect_superseded(play, label)
        expect_end(play, label, "interrupted", f"run {label}, in flight when run B arrived")


def pending_run_never_executes(play: Play) -> None:
    """INT-10."""
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


def nothing_kept_without_a_checkpoint(play: Play) -> None:
    """INT-11."""
    play.accepted("A")
    play.accepted("B")
    expect_proven_overlap(play, "A", "B")
    if play.reports("A"):
        raise Unproven("run A was started, so it may have had a checkpoint")
    expect_nothing_of(play, "A")


def idle_thread_takes_a_plain_run(play: Play) -> None:
    """INT-12."""
    newcomer_is_accepted(play)
    arrived = play.submission("B").asked
    for label in before_newcomer(play):
        before = [r.status for r in play.readings(label) if r.told < arrived]
        if not before or before[-1] not in TERMINAL:
            raise Unproven(f"run {label} was not seen to be over before run B came")
        expect_end(play, label, before[-1], f"run {label}, over before run B came")
    newcomer_runs_its_input(play)


def other_threads_are_untouched(play: Play) -> None:
    """INT-13."""
    play.accepted("B")
    play.accepted("X")
    arrived = play.submission("B").asked
    if not any(r.status in IN_FLIGHT and r.told < arrived for r in play.readings("X")):
        raise Unproven("run X on the other thread was not seen in flight before run B came")
    expect_end(play, "X", "success", "run X, on another thread")
    observed = tuple(message.word for message in play.messages(name=s.OTHER))
    whole = parts_of(play.scenario.submit("X"))
    expect(
        observed == whole,
        f"[{' '.join(whole)}] on the other thread",
        f"[{' '.join(observed)}]",
        play.last("final state", s.OTHER).asked,
    )


def endpoint_makes_no_difference(play: Play) -> None:
    """INT-14."""
    endpoint = play.scenario.submit("B").endpoint
    submission = play.submission("B")
    expect(
        submission.ok or (submission.response is None and bool(play.steps("B"))),
        f"`interrupt` to be accepted on the {endpoint} endpoint as on create",
        submission.outcome(),
        submission.asked,
    )
    expect_proven_overlap(play, "A", "B")
    status = play.final_status("A")
    expect(
        status == "interrupted",
        f"run A to be superseded by a run B that came through {endpoint}",
        f"run A ended {status_word(status)}",
        submission.asked,
    )


def strategy_of_the_first_run_is_irrelevant(play: Play) -> None:
    """INT-15."""
    sent = play.scenario.submit("A").strategy
    submission = play.submission("B")
    expect(
        submission.ok,
        f"run B's `interrupt` to be accepted although run A was asked for with `{sent}`",
        submission.outcome(),
        submission.asked,
    )
    expect_proven_overlap(play, "A", "B")
    status = play.final_status("A")
    expect(
        status == "interrupted",
        f"run B's `interrupt` to decide, not the `{sent}` that run A came with: run A ends `interrupted`",
        status_word(status),
        submission.asked,
    )


def only_the_last_text_is_answered(play: Play) -> None:
    """INT-16."""
    for label in (*before_newcomer(play), "B"):
        expect_accepted(play, label)
    every_run_in_flight_is_superseded(play)
    expect_end(play, "B", "success", "run B, the last")


def finishing_run_keeps_its_success(play: Play) -> None:
    """INT-17, judged by the oracle: whoever won the race, statuses and state tell the same story."""
    expect_accepted(play, "B")
    one_story(play)


def superseded_run_really_stops(play: Play) -> None:
    """INT-18."""
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
    """Whether a report shows that a run executes which should have stopped.

    A step that stops when it is told to is heard while it stops. One that swallows the cancellation cannot be
    stopped from outside; but no step has to be started after it.
    """
    match manners:
        case "stop":
            return report.event in ("enter", "token") or report.outcome in ("returned", "raised", "interrupted")
        case "linger":
            return report.event in ("enter", "token", "exit")
        case "swallow":
            return report.event == "enter"


def strategy_is_not_ignored(play: Play) -> None:
    """INT-20."""
    submission = play.submission("B")
    if not submission.ok and submission.response is not None:
        code = submission.response.status
        expect(
            400 <= code < 500 or code == 501,
            "a strategy that is not offered to be refused with 4xx or 501",
            f"HTTP {code}",
            submission.asked,
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
        submission.asked,
        play.last("final run", "run A").asked,
    )


def newcomers_input_is_never_dropped(play: Play) -> None:
    """INT-21."""
    play.accepted("B")
    count = sum(message.word == "B.human" for message in play.messages())
    expect(
        count == 1,
        "run B's input once in the state",
        f"{count} times in: {spell(play.messages())}",
        play.last("final state", s.MAIN).asked,
    )


CHECKS: Mapping[str, Check] = {
    "INT-01": newcomer_is_accepted,
    "INT-02": superseded_run_is_interrupted,
    "INT-03": superseded_run_stays,
    "INT-04": newcomer_runs_its_input,
    "INT-05": conversation_is_legal,
    "INT-06": newcomer_continues_the_chain,
    "INT-07": newcomer_starts_after_the_stop,
    "INT-08": superseded_run_writes_nothing_more,
    "INT-09": every_run_in_flight_is_superseded,
    "INT-10": pending_run_never_executes,
    "INT-11": nothing_kept_without_a_checkpoint,
    "INT-12": idle_thread_takes_a_plain_run,
    "INT-13": other_threads_are_untouched,
    "INT-14": endpoint_makes_no_difference,
    "INT-15": strategy_of_the_first_run_is_irrelevant,
    "INT-16": only_the_last_text_is_answered,
    "INT-17": finishing_run_keeps_its_success,
    "INT-18": superseded_run_really_stops,
    "INT-20": strategy_is_not_ignored,
    "INT-21": newcomers_input_is_never_dropped,
}
