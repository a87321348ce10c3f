"""HIL: a run that waits for a human, and its distinction from a run that was superseded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET

from conformance.api import GONE, objects
from conformance.checks.common import (
    expect_accepted,
    expect_end,
    expect_entry_at_the_start,
    expect_legal_conversation,
    require_question,
)
from conformance.judge import overlap
from conformance.judge.check import check
from conformance.judge.expect import Broken, Inapplicable, Unproven, all_facts, expect
from conformance.judge.messages import spell
from conformance.judge.play import NO_VERSION_3, Exchange, Play
from conformance.judge.premises import ACCEPTED_B, ENDED_B, HELD, REST
from conformance.judge.turns import parts_of
from conformance.judge.watchers import mode_of, own_streams
from conformance.scenarios import moves as s
from conformance.transcript.text import same_json, snippet
from conformance.transcript.transcript import MoveMade


@check("HIL-01")
@all_facts
def pause_shows_in_the_thread(play: Play) -> None:
    """HIL-01: compare the paused thread with `interrupted`, an open question and nothing in flight."""
    thread, see = _paused_thread(play)
    status, interrupts = thread.get("status"), thread.get("interrupts")
    expect(
        status == "interrupted",
        "the thread to be `interrupted` while it waits for a human",
        f"`{snippet(status)}`",
        see,
    )
    # The description does not require the field. A thread without it has its questions in the state (HIL-07).
    if "interrupts" in thread:
        expect(bool(interrupts), "the open question in the thread's `interrupts`", f"`{snippet(interrupts)}`", see)
    arrived = play.submission("B").sent
    last = [reading.status for reading in play.readings("A") if reading.received < arrived][-1:]
    # Any terminal status will do here, and so will a run that is gone. HIL-02 reports which one the deployment chose.
    expect(
        all(status in play.ends("A") | {GONE} for status in last),
        "nothing in flight while the thread waits for a human",
        f"run A is `{''.join(last)}`",
        see,
    )


@check("HIL-02")
def status_of_a_paused_run(play: Play) -> str:
    """HIL-02: report the status of run A while it waits for a human."""
    _paused_thread(play)
    arrived = play.submission("B").sent
    return str([reading.status for reading in play.readings("A") if reading.received < arrived][-1])


@check("HIL-03", premises=(HELD, ENDED_B))
def no_question_is_open_after_run_b(play: Play) -> None:
    """HIL-03: look for `interrupts` in the thread when the last run has ended and no run waits."""
    # A last run that was stopped or failed may itself have left a question open. A run B that answers one of two
    # questions waits for the other answer, and its status is then free (HIL-02).
    last = play.scenario.all_submits[-1].label
    if play.outcome(last) != "success":
        raise Unproven(f"run {last} did not end `success` but `{play.final_status(last)}`")
    for submit in play.scenario.all_submits:
        # HIL-12 judges questions without ids, which no client can answer by their ids.
        if submit.by_id and not _sent_answers(play, submit.label):
            raise Unproven(f"run {submit.label} could answer no question by its id", play.submission(submit.label).sent)
    interrupts = play.final_thread().get("interrupts")
    expect(
        not interrupts,
        f"no `interrupts` in the thread once run {last} has ended and no run waits for a human",
        f"`{snippet(interrupts)}`",
        play.last("final thread", s.MAIN).sent,
    )


@check("HIL-04", premises=(HELD, ACCEPTED_B))
def new_input_enters_at_the_start(play: Play) -> None:
    """HIL-04: compare run B's first step with the graph's entry, and look for a resumed step of run A."""
    expect_entry_at_the_start(play)


@check("HIL-05")
@all_facts
def answer_resumes_the_paused_step(play: Play) -> None:
    """HIL-05: compare run B's steps with the step that asked and the step after it."""
    require_question(play, "A")
    play.accepted("B")
    # In a superstep of two parallel steps the last one entered need not be the one that asked, which is the tool. Steps
    # beside it that had finished are not entered again, because their writes are kept with their tasks.
    paused = play.steps("A")[-1].step if play.scenario.submit("A").work != "parallel" else "tools:1"
    steps = [trace.step for trace in play.steps("B")]
    expect(
        steps == [paused, "agent:2"],
        f"run B, which answers the question, to execute the step that asked and the step after it: {paused} agent:2",
        " ".join(steps) or "no step",
        play.submission("B").sent,
    )
    expect_end(play, "B", "success", "run B (which answers the question)")
    expect_legal_conversation(play)


@check("HIL-07")
@all_facts
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
        raise Unproven("the stream of run A had no `__interrupt__`", submission.sent)
    state, thread = play.state(), play.final_thread()
    # The description has both places in a state, and requires neither.
    in_state = [*objects(state.get("interrupts")), *(task.get("interrupts") for task in objects(state.get("tasks")))]
    places: list[tuple[str, object, int]] = [("state", in_state, play.last("final state", s.MAIN).sent)]
    if "interrupts" in thread:
        places.append(("thread", thread["interrupts"], play.last("final thread", s.MAIN).sent))
    # A question that only the stream shows is lost to a client that reconnects:
    # https://github.com/langchain-ai/langgraph/issues/6362
    for where, shown, see in places:
        for question in streamed:
            expect(
                any(_is_same(question, one) for one in _questions_in(shown)),
                f"the streamed question {snippet(question)} in the `interrupts` of the {where}",
                f"`{snippet(shown)}`",
                submission.sent,
                see,
            )


@check("HIL-17", premises=())
@all_facts
def stream_shows_the_questions(play: Play) -> None:
    """HIL-17: look for the question of each step that called interrupt() in the events of its run's own stream."""
    judged = 0
    for stream in own_streams(play):
        asked = [report.step for report in play.reports(stream.label) if report.outcome == "interrupted"]
        reads = {"values", "updates"} & set(stream.modes)
        # A stream that did not end may have had more to send.
        if not asked or not reads or stream.closed is None or _may_have_been_stopped(play, stream.label):
            continue
        judged += 1
        events = [event.data for event in stream.events if mode_of(event.event) in reads]
        shown = [question for data in events for question in objects(_returned_in(data))]
        # A list: a value of a strange deployment may have no hash.
        steps = [value.get("step") for one in shown if isinstance(value := one.get("value"), dict)]
        for step in asked:
            expect(
                step in steps,
                f"the question of {step} as `__interrupt__` in {stream.title}, which has {' and '.join(sorted(reads))}",
                f"`{snippet(shown)}`" if shown else "no event has `__interrupt__`",
                stream.exchange.sent,
            )
    if not judged:
        raise Unproven("no run that was streamed to its end asked a question, as far as the witness knows")


def _returned_in(values: object) -> object:
    """Return the questions in the values of a run."""
    return values.get("__interrupt__") if isinstance(values, dict) else None


def _questions_in(shown: object) -> Iterator[dict[str, Any]]:
    """Yield the questions in `interrupts`, which may be a list, or an object with a list for each task id."""
    if isinstance(shown, dict) and not {"id", "value"} & shown.keys():
        shown = list(shown.values())
    if isinstance(shown, dict):
        # The value of a question may contain objects too, but those are not questions.
        yield shown
    for one in shown if isinstance(shown, list) else ():
        yield from _questions_in(one)


def _is_same(question: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two objects are the same question: by id where both have one, else by `value`."""
    # The fields around id and value differ between a stream and a state.
    if question.get("id") is not None and other.get("id") is not None:
        return bool(question["id"] == other["id"])
    return "value" in question and "value" in other and bool(question["value"] == other["value"])


@check("HIL-08", premises=(HELD, REST))
def thread_and_state_agree_on_questions(play: Play) -> None:
    """HIL-08: compare the thread's `interrupts` with those of its state's tasks: both empty, or neither."""
    # The documents do not define whether stopping the answer closes the question. A thread that contradicts its own
    # state is wrong either way: https://github.com/langchain-ai/langgraph/issues/6362
    if "interrupts" not in play.final_thread():
        raise Inapplicable("the thread has no field `interrupts`, which the API description does not require")
    thread, tasks = play.final_thread()["interrupts"], play.state().get("tasks")
    open_questions = [task["interrupts"] for task in objects(tasks) if task.get("interrupts")]
    expect(
        bool(thread) == bool(open_questions),
        "the thread's `interrupts` and those of its state's tasks to be both empty, or neither",
        f"`{snippet(thread)}` in the thread and `{snippet(open_questions)}` in the state",
        play.last("final thread", s.MAIN).sent,
        play.last("final state", s.MAIN).sent,
    )


@check("HIL-09")
@all_facts
def question_is_answered_once(play: Play) -> None:
    """HIL-09: count how often the step that asked was entered again, and compare the state with one pass."""
    for label in "BC":
        submission = play.submission(label)
        # The second answer may be refused, queued or dropped. The documents do not choose.
        expect(
            submission.response is not None and submission.response.status < 500,
            f"run {label}, one of two answers to the question, to be accepted or refused",
            submission.outcome(),
            submission.sent,
        )
    entered = [label for label in "BC" for trace in play.steps(label) if trace.step == "tools:1"]
    expect(
        len(entered) == 1,
        "the step that asked to be entered once more, by one of the two answers",
        f"{len(entered)} times (runs {', '.join(entered)})" if entered else "0 times",
        play.submission("B").sent,
        play.submission("C").sent,
    )
    words = tuple(message.word for message in play.messages())
    whole = parts_of(play.scenario.submit("A"))
    expect(
        words == whole,
        f"one complete pass in the state: [{' '.join(whole)}]",
        f"[{' '.join(words)}]",
        play.last("final state", s.MAIN).sent,
    )


@check("HIL-10")
@all_facts
def answer_without_a_question_changes_nothing(play: Play) -> None:
    """HIL-10: look for a step of run B, and compare the state with what it was before."""
    # Not `accepted`: a deployment that refuses the answer meets the requirement as well.
    play.submission("B")
    reports = play.reports("B")
    expect(
        not reports,
        "no step of run B, which answers a question that does not exist",
        f"run B entered {reports[0].step}" if reports else "",
    )
    before, after = play.state("mid").get("values"), play.state().get("values")
    expect(
        before == after,
        "the state to be the same as before the answer to a question that does not exist",
        spell(play.messages()),
        play.submission("B").sent,
        play.last("final state", s.MAIN).sent,
    )


@check("HIL-11", premises=())
def question_is_the_one_asked(play: Play) -> None:
    """HIL-11: compare the value of every question in an answer or an event with one that the agent asked.

    If the last run answers a question and asks another one, compare the open questions with that one.
    """
    steps = [step for submit in play.scenario.all_submits for step in _asked_by(play, submit)]
    asked = [{"question": "Go on?", "step": step} for step in steps]
    found = list(_shown_questions(play))
    if not found:
        raise Unproven("no answer contained a question")
    for question, see in found:
        expect(
            question.get("value") in asked,
            f"the value of a question that the agent asked: {' or '.join(snippet(one) for one in asked)}",
            snippet(question.get("value")),
            see,
        )
    # The servers differ in whether they return the question of a run that was joined.
    for exchange in play.exchanges:
        returned = _returned(exchange)
        what = "the question in `__interrupt__`, where a join or a wait returns it"
        expect(returned is None or bool(objects(returned)), what, f"`{snippet(returned)}`", exchange.sent)
    _expect_new_question(play)


def _sent_answers(play: Play, label: str) -> Any:
    """Return the `command.resume` of the request that created a run."""
    body = play.submission(label).request.body
    command = body.get("command") if isinstance(body, dict) else None
    return command.get("resume") if isinstance(command, dict) else None


def _asked_by(play: Play, submit: s.Submit) -> list[str]:
    """Return the steps in which a run asks. A step that asked an earlier run gets its answer, and asks nothing."""
    answered = () if submit.answers is None else play.scenario.submit(submit.answers).interrupt
    return [step for step in submit.interrupt if step not in answered]


def _expect_new_question(play: Play) -> None:
    """Raise Broken if the last run answers a question and asks another one, and others than that one are open.

    Raise Unproven if it did not ask.
    """
    last = play.scenario.all_submits[-1]
    if last.answers is None or not _asked_by(play, last):
        return
    paused = [report.step for report in play.reports(last.label) if report.outcome == "interrupted"]
    if not paused:
        raise Unproven(f"the witness received no report that a step of run {last.label} called interrupt()")
    shown: list[tuple[str, object, int]] = [
        ("state", _of_tasks(play.state()), play.last("final state", s.MAIN).sent),
    ]
    # The description does not require the field of a thread.
    if "interrupts" in play.final_thread():
        shown.append(("thread", play.final_thread()["interrupts"], play.last("final thread", s.MAIN).sent))
    for where, questions, see in shown:
        values = [question.get("value") for question in _questions_in(questions)]
        steps = [str(value.get("step")) for value in values if isinstance(value, dict)]
        expect(
            steps == paused,
            f"the question of {' and '.join(paused)} alone in the `interrupts` of the {where}, because run "
            f"{last.label} answered the one before",
            f"those of {' and '.join(steps) or 'no step'}",
            play.submission(last.label).sent,
            see,
        )


@check("HIL-16", premises=())
@all_facts
def wait_returns_the_question(play: Play) -> None:
    """HIL-16: look in the answer to every wait that created a run for the questions that its steps asked."""
    judged = 0
    for submit in play.scenario.submits():
        paused = [report.step for report in play.reports(submit.label) if report.outcome == "interrupted"]
        wait = play.accepted(submit.label) if submit.endpoint == "wait" and paused else None
        if wait is None or wait.response is None or _may_have_been_stopped(play, submit.label):
            continue
        judged += 1
        expect(
            bool(objects(_returned(wait))),
            f"the question of {' and '.join(paused)} in `__interrupt__` of the answer to the wait",
            f"`{snippet(_returned(wait))}` in {snippet(wait.body)}",
            wait.sent,
        )
    if not judged:
        raise Unproven("no run that a wait created ended with a question, as far as the witness knows")


def _may_have_been_stopped(play: Play, label: str) -> bool:
    """Return whether a run that asked did not end with its question, because a cancel or another run came at once."""
    others = [submit for submit in play.scenario.submits() if submit.label != label]
    return play.outcome(label) != "success" and bool(others or play.exchanges_for("cancel", label))


@check("HIL-12")
def two_questions_are_open(play: Play) -> None:
    """HIL-12: compare the open questions of the state and of the thread with the two that run A asked."""
    paused = [report.step for report in play.reports("A") if report.outcome == "interrupted"]
    if len(paused) < 2:
        raise Unproven("the witness did not receive reports that two steps of run A called interrupt()")
    state = play.last("mid state", s.MAIN)
    tasks = play.state("mid").get("tasks")
    for where, shown, see in (
        ("state", [task.get("interrupts") for task in objects(tasks)], state.sent),
        ("thread", *_thread_questions(play)),
    ):
        questions = list(_questions_in(shown))
        steps = sorted(str(value.get("step")) for one in questions if isinstance(value := one.get("value"), dict))
        expect(
            steps == sorted(paused),
            f"the questions of {' and '.join(sorted(paused))} in the `interrupts` of the {where}",
            f"those of {' and '.join(steps) or 'no step'}",
            see,
        )
        ids = {snippet(one.get("id")) for one in questions}
        expect(
            len(ids) == len(questions),
            f"an id of its own for each question in the {where}, by which it can be answered",
            f"{', '.join(sorted(ids))}",
            see,
        )


@check("HIL-13")
def answers_by_id_resume_both_steps(play: Play) -> None:
    """HIL-13: compare run B's steps with the two that asked and the one after them, and look for an open question."""
    submission = play.submission("B")
    command = submission.request.body.get("command") if isinstance(submission.request.body, dict) else None
    if not isinstance(command, dict) or not isinstance(command.get("resume"), dict) or len(command["resume"]) < 2:
        raise Unproven("the state did not show two questions with ids, so they could not be answered", submission.sent)
    expect_accepted(play, "B")
    expect_end(play, "B", "success", "run B (which answers both questions by their ids)", submission.sent)
    asked = sorted(play.scenario.submit("A").interrupt)
    steps = [trace.step for trace in play.steps("B")]
    expect(
        sorted(steps[:-1]) == asked and steps[-1:] == ["agent:2"],
        f"run B to execute the steps that asked, {' and '.join(asked)}, and then agent:2",
        " ".join(steps) or "no step",
        submission.sent,
    )
    left = play.final_thread().get("interrupts")
    expect(not left, "no question in the thread when all are answered", snippet(left), submission.sent)


@check("HIL-15")
@all_facts
def answered_question_leaves_the_other_open(play: Play) -> None:
    """HIL-15: compare the questions after run B with the one that it did not answer, and run C's steps with its own."""
    submission = play.accepted("B")
    command = submission.request.body.get("command") if isinstance(submission.request.body, dict) else None
    answered = command.get("resume") if isinstance(command, dict) else None
    before, *later = play.exchanges_for("mid state", s.MAIN)
    steps = _steps_by_question(before)
    if not isinstance(answered, dict) or len(answered) != 1 or len(steps) != 2 or not answered.keys() <= steps.keys():
        raise Unproven("the state did not show two questions with ids, so one of them could not be answered")
    first, other = sorted(steps, key=lambda question: question not in answered)
    first, other = steps[first], steps[other]
    returned = [trace.step for trace in play.steps("B") if trace.outcome == "returned"]
    expect(
        returned == [first],
        f"run B, which answers the question of {first}, to finish this step and no other",
        " ".join(returned) or "no step",
        submission.sent,
    )
    left = [value for exchange in later[:1] for value in _steps_by_question(exchange).values()]
    expect(
        left == [other],
        f"the question of {other} to be open after run B",
        f"open are those of {' and '.join(left) or 'no step'}",
        *(exchange.sent for exchange in later[:1]),
    )
    expect_end(play, "C", "success", f"run C, which answers the question of {other},")
    then = [trace.step for trace in play.steps("C")]
    expect(
        then == [other, "agent:2"],
        f"run C to execute {other} and then agent:2",
        " ".join(then) or "no step",
        play.submission("C").sent,
    )


def _steps_by_question(state: Exchange) -> dict[str, str]:
    """Return the step that asked each open question of a state, by the id of the question."""
    tasks = _of_tasks(state.body) if isinstance(state.body, dict) else []
    return {
        snippet(question.get("id")): str(value.get("step"))
        for shown in tasks
        for question in _questions_in(shown)
        if isinstance(value := question.get("value"), dict)
    }


@check("HIL-14")
def agent_gets_the_answer(play: Play) -> None:
    """HIL-14: compare the value that run B's agent got from interrupt() with the one in its `command.resume`."""
    submission = play.accepted("B")
    sent = play.scenario.submit("B").resume_value
    got = [report for report in play.reports("B") if report.resume is not UNSET]
    if not got:
        # A value such as `false` may have been taken for none.
        again = next((report for report in play.reports("B") if report.outcome == "interrupted"), None)
        if again is not None:
            expected = f"{again.step} of run B to get the answer {_as_json(sent)}"
            raise Broken(expected, "no answer: it asked again", submission.sent, again.seq)
        returned = any(report.outcome == "returned" for report in play.reports("B"))
        raise Unproven(NO_VERSION_3 if returned else "no step of run B reported its end", submission.sent)
    for report in got:
        expect(
            same_json(report.resume, sent),
            f"{report.step} of run B to get the answer {_as_json(sent)}",
            _as_json(report.resume),
            submission.sent,
            report.seq,
        )


def _as_json(value: Any) -> str:
    """Return a value as JSON, in which the text "false" is not `false`."""
    return snippet(msgspec.json.encode(value).decode())


def _thread_questions(play: Play) -> tuple[object, int]:
    """Return the `interrupts` of the paused thread, and the seq of the request. Raise Inapplicable without them."""
    thread, see = _paused_thread(play)
    if "interrupts" not in thread:
        raise Inapplicable("the thread has no field `interrupts`, which the API description does not require")
    return thread["interrupts"], see


def _shown_questions(play: Play) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield every question in a state, in a thread and in an event, with the seq of its moment."""
    for exchange in play.exchanges:
        if exchange.serves("mid state", "final state", "look", "final thread") and isinstance(exchange.body, dict):
            for shown in (exchange.body.get("interrupts"), *_of_tasks(exchange.body)):
                for question in _questions_in(shown):
                    yield question, exchange.sent
    for submit in play.scenario.all_submits:
        for exchange in play.exchanges_for("submit", submit.label):
            for event in play.events(exchange):
                shown = event.data.get("__interrupt__") if isinstance(event.data, dict) else None
                for question in _questions_in(shown):
                    yield question, event.seq
    for exchange in play.exchanges:
        for question in _questions_in(_returned(exchange)):
            yield question, exchange.sent


def _returned(exchange: Exchange) -> Any:
    """Return the `__interrupt__` in the answer to a join or a wait, or None."""
    path = exchange.request.path.partition("?")[0]
    values = exchange.body if exchange.ok and path.endswith(("/join", "/wait")) else None
    return values.get("__interrupt__") if isinstance(values, dict) else None


def _of_tasks(state: dict[str, Any]) -> list[object]:
    return [task.get("interrupts") for task in objects(state.get("tasks"))]


def _paused_thread(play: Play) -> tuple[dict[str, Any], int]:
    """Return the thread as read between the pause of A and the creation of B, and the seq of that request.

    Raise Unproven when it was not read there.
    """
    require_question(play, "A")
    ended, arrived = play.ended("A"), play.submission("B").sent
    # An update of the state begins a checkpoint in which the step has not asked. One that was sent before the suite
    # learned of the pause may take effect after it.
    updates = [one.sent for one in play.exchanges_for("update state", s.MAIN) if one.response is None or one.ok]
    arrived = min([arrived, *(sent for sent in updates if sent > play.submission("A").sent)])
    # The newest reading: a thread that is read right after the pause may not show it yet (THR-08 is a SHOULD).
    readings = [exchange for exchange in play.exchanges_for("look", s.MAIN) if _lies_between(exchange, ended, arrived)]
    if not readings or not isinstance(readings[-1].body, dict):
        raise Unproven("the thread was not read between the pause of run A and the creation of run B")
    stopping = {*overlap.stops(play.scenario, play.scenario.submit("A"))}
    made = [m for m in play.moments if isinstance(m, MoveMade) and m.index in stopping and m.seq < readings[-1].sent]
    if made:
        raise Unproven(f"run A may have been stopped or deleted while it waited: {made[0].text}", made[0].seq)
    return readings[-1].body, readings[-1].sent


def _lies_between(exchange: Exchange, since: int, until: int) -> bool:
    """Return whether an exchange was sent after `since` and complete before `until`."""
    return exchange.over is not None and since < exchange.sent and exchange.over < until
