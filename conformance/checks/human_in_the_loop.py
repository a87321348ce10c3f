"""HIL: a run that waits for a human, and how it is told from one that was superseded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.api import TERMINAL
from conformance.checks.common import expect_end, expect_entry_at_the_start, expect_legal_conversation, settled
from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.messages import spell
from conformance.judge.play import Exchange, Play
from conformance.judge.turns import parts_of
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet


@check("HIL-01")
def pause_shows_in_the_thread(play: Play) -> None:
    """HIL-01: compare the paused thread with `interrupted`, an open question and nothing in flight."""
    thread, see = _while_parked(play)
    status, interrupts = thread.get("status"), thread.get("interrupts")
    expect(status == "interrupted", "the thread to be `interrupted` while it waits for a human", f"`{status}`", see)
    expect(bool(interrupts), "the open question in the thread's `interrupts`", f"`{interrupts}`", see)
    arrived = play.submission("B").sent
    last = [reading.status for reading in play.readings("A") if reading.received < arrived][-1:]
    expect(
        all(status in TERMINAL for status in last),
        "nothing in flight while the thread waits for a human",
        f"run A `{''.join(last)}`",
        see,
    )


@check("HIL-02")
def status_of_a_paused_run(play: Play) -> str:
    """HIL-02: report the status of run A while it waits for a human."""
    _while_parked(play)
    arrived = play.submission("B").sent
    return str([reading.status for reading in play.readings("A") if reading.received < arrived][-1])


@check("HIL-03")
def nothing_waits_after_the_newcomer(play: Play) -> None:
    """HIL-03: look for `interrupts` in the thread when run B has ended and no run waits."""
    settled(play)
    if play.final_status("B") != "success":
        raise Unproven(f"run B did not end normally but `{play.final_status('B')}`")
    interrupts = play.final_thread().get("interrupts")
    expect(
        not interrupts,
        "no `interrupts` in the thread when run B has ended and nobody waits for a human",
        f"`{interrupts}`",
        play.last("final thread", s.MAIN).sent,
    )


@check("HIL-04")
def new_input_enters_at_the_start(play: Play) -> None:
    """HIL-04: compare run B's first step with the graph's entry, and look for a resumed step of run A."""
    expect_entry_at_the_start(play)


@check("HIL-05")
def answer_goes_on_in_the_parked_step(play: Play) -> None:
    """HIL-05: compare run B's steps with the step that asked and the one behind it.

    Child steps that had finished are not entered again.
    """
    if not any(report.outcome == "interrupted" for report in play.reports("A")):
        raise Unproven("the witness did not see run A call interrupt()")
    play.accepted("B")
    parked = play.steps("A")[-1].step if play.scenario.submit("A").work != "parallel" else "tools:1"
    steps = [trace.step for trace in play.steps("B")]
    expect(
        steps == [parked, "agent:2"],
        f"run B, which answers, to execute the step that asked, {parked}, and the answer",
        " ".join(steps) or "no step at all",
        play.submission("B").sent,
    )
    expect_end(play, "B", "success", "run B, which answers")
    expect_legal_conversation(play)


@check("HIL-07")
def streamed_question_is_in_the_thread(play: Play) -> None:
    """HIL-07: look for the streamed question in the `interrupts` of the thread and of its state."""
    submission = play.accepted("A")
    streamed = [
        question
        for event in play.events(submission)
        if isinstance(event.data, dict) and isinstance(event.data.get("__interrupt__"), list)
        for question in event.data["__interrupt__"]
        if isinstance(question, dict)
    ]
    if not streamed:
        raise Unproven("the stream of run A showed no `__interrupt__`", submission.sent)
    tasks = play.state().get("tasks")
    in_tasks = [task.get("interrupts") for task in tasks if isinstance(task, dict)] if isinstance(tasks, list) else []
    for where, shown, see in (
        ("thread", play.final_thread().get("interrupts"), play.last("final thread", s.MAIN).sent),
        ("state", in_tasks, play.last("final state", s.MAIN).sent),
    ):
        for question in streamed:
            expect(
                any(_is_same(question, one) for one in _questions_in(shown)),
                f"the question that was streamed, {snippet(question)}, in the `interrupts` of the {where}",
                f"`{snippet(shown)}`",
                submission.sent,
                see,
            )


def _questions_in(shown: object) -> Iterator[dict[str, Any]]:
    """Yield the questions in `interrupts`: a list of them, or lists by the id of a task."""
    if isinstance(shown, dict) and not {"id", "value"} & shown.keys():
        shown = list(shown.values())
    if isinstance(shown, dict):
        # Its value may hold objects, too, but those are no questions.
        yield shown
    for one in shown if isinstance(shown, list) else ():
        yield from _questions_in(one)


def _is_same(question: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two objects are one question: by id where both have one, else by what they ask.

    That is their `value`. The fields around it are not the same in a stream and in a state.
    """
    if question.get("id") is not None and other.get("id") is not None:
        return bool(question["id"] == other["id"])
    return "value" in question and "value" in other and bool(question["value"] == other["value"])


@check("HIL-08")
def thread_and_state_agree_on_questions(play: Play) -> None:
    """HIL-08: compare the thread's `interrupts` with those of its state's tasks: both empty, or neither."""
    thread, tasks = play.final_thread().get("interrupts"), play.state().get("tasks")
    open_questions = [
        task.get("interrupts") for task in tasks or () if isinstance(task, dict) and task.get("interrupts")
    ]
    expect(
        bool(thread) == bool(open_questions),
        "the thread's `interrupts` and those of its state's tasks to be both empty, or neither",
        f"`{thread}` in the thread, `{open_questions}` in the state",
        play.last("final thread", s.MAIN).sent,
        play.last("final state", s.MAIN).sent,
    )


@check("HIL-09")
def question_is_answered_once(play: Play) -> None:
    """HIL-09: count how often the step that asked was entered again, and compare the state with one pass."""
    for label in "BC":
        submission = play.submission(label)
        expect(
            submission.response is not None and submission.response.status < 500,
            f"the answer of run {label} to be accepted or refused",
            submission.outcome(),
            submission.sent,
        )
    entered = [label for label in "BC" for trace in play.steps(label) if trace.step == "tools:1"]
    expect(
        len(entered) == 1,
        "the step that asked to be entered once more, by one of two answers",
        f"{len(entered)} times: {', '.join(entered)}",
        play.submission("B").sent,
        play.submission("C").sent,
    )
    words = tuple(message.word for message in play.messages())
    whole = parts_of(play.scenario.submit("A"))
    expect(words == whole, f"[{' '.join(whole)}]", f"[{' '.join(words)}]", play.last("final state", s.MAIN).sent)


@check("HIL-10")
def answer_that_nobody_asked_for_changes_nothing(play: Play) -> None:
    """HIL-10: look for a step of run B, and compare the state with what it was before.

    Refusing the answer is as good.
    """
    play.submission("B")
    reports = play.reports("B")
    expect(not reports, "no step of run B, which answers nothing", reports[0].step if reports else "")
    before, after = play.state("mid").get("values"), play.state().get("values")
    expect(
        before == after,
        "the state as it was before an answer that nobody asked for",
        spell(play.messages()),
        play.submission("B").sent,
        play.last("final state", s.MAIN).sent,
    )


def _while_parked(play: Play) -> tuple[dict[str, Any], int]:
    """Return the thread as it was read between the pause of A and B, and where. Raise Unproven without that."""
    if not any(report.outcome == "interrupted" for report in play.reports("A")):
        raise Unproven("the witness did not see run A call interrupt()")
    ended, arrived = play.ended("A"), play.submission("B").sent
    readings = [exchange for exchange in play.exchanges_for("look", s.MAIN) if _lies_between(exchange, ended, arrived)]
    if not readings or not isinstance(readings[-1].body, dict):
        raise Unproven("the thread was not read between the pause of run A and run B")
    return readings[-1].body, readings[-1].sent


def _lies_between(exchange: Exchange, since: int, until: int) -> bool:
    return exchange.over is not None and since < exchange.sent and exchange.over < until
