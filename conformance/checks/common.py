"""The expectations that the checks of several areas share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.api import GONE, TERMINAL
from conformance.judge.expect import Broken, Unproven, expect
from conformance.judge.messages import spell
from conformance.judge.play import Exchange, Play
from conformance.judge.requests import stopping_request, wrong_requests
from conformance.judge.turns import outcomes
from conformance.scenarios import moves as s
from conformance.scenarios.steps import STEPS
from conformance.transcript.text import difference

SHOWN = 6
"""The number of requests that a failure names. It counts the others."""

AUDIT = "A/audit:1"
"""What the step beside A's tool writes to the channel `steps`."""

Fair = Callable[[s.Ask, Exchange], bool]
"""Whether the answer to a wrong request is as it should be."""


def before_newcomer(play: Play, *, earlier: bool = False) -> list[str]:
    """Return the labels of the runs created before B on the main thread, with `earlier` also the finished turn E."""
    labels = [submit.label for submit in play.scenario.submits()]
    return [label for label in labels[: labels.index("B")] if earlier or label != "E"]


def status_word(status: str) -> str:
    """Return a run's status as a reader of the API sees it."""
    return "404" if status == "gone" else f"`{status}`"


def expect_end(play: Play, label: str, due: str, who: str, *see: int) -> None:
    """Raise Broken unless run `label` ended as `due`. `who` describes the run, `see` are further seqs that show it."""
    status = play.final_status(label)
    expect(
        status == due,
        f"GET of {who}, to answer 404" if due == GONE else f"{who}, to end `{due}`",
        status_word(status),
        *see,
        play.last("final run", f"run {label}").sent,
    )


def expect_accepted(play: Play, label: str) -> None:
    """Raise Broken unless run `label` was answered with a 2xx."""
    submission = play.submission(label)
    expect(submission.ok, f"a 2xx answer to run {label}", submission.outcome(), submission.sent)


def expect_nothing_of(play: Play, label: str) -> None:
    """Raise Broken if a message of run `label` is in the state."""
    kept = [message for message in play.messages() if message.label == label]
    expect(not kept, f"nothing of run {label} in the state", spell(kept), play.last("final state", s.MAIN).sent)


def settled(play: Play) -> None:
    """Raise Unproven unless run B was accepted and has ended: before that there is no final state."""
    play.accepted("B")
    if play.final_status("B") not in TERMINAL:
        raise Unproven("run B never ended, so there is no final state")


def expect_continued_chain(play: Play) -> None:
    """Raise Broken unless run B's first checkpoint is on top of the newest one of the runs before it."""
    play.accepted("B")
    history = play.history()
    see = play.last("final history", s.MAIN).sent
    run_id = play.run_id("B")
    own = [index for index, checkpoint in enumerate(history) if checkpoint.run_id == run_id]
    if not own:
        raise Unproven("no checkpoint in the history names run B", see)
    first = history[own[-1]]
    before = [checkpoint for checkpoint in history[own[-1] + 1 :] if checkpoint.run_id != run_id]
    if not before:
        raise Unproven("no other run has a checkpoint before run B's first", see)
    expect(
        first.parent_id == before[0].id,
        f"run B's first checkpoint on top of run {play.label_of(before[0].run_id)}'s last one, {before[0].id}",
        f"its parent is {first.parent_id}",
        see,
    )


def expect_start_after_the_stop(play: Play) -> None:
    """Raise Broken if a step of a superseded run was still executing when run B began.

    A step is over when its `exit` is answered. A report after B's first one proves an overlap.
    """
    play.accepted("B")
    began = play.began("B")
    if began is None:
        raise Unproven("the witness saw no step of run B")
    superseded = [label for label in before_newcomer(play) if play.began(label) is not None]
    if not superseded:
        raise Unproven("the witness saw no step of a superseded run")
    for label in superseded:
        for trace in play.steps(label):
            if trace.enter < began < trace.last:
                raise Broken(
                    f"no step of run B before {trace.step} of run {label} had stopped",
                    f"run B entered {play.steps('B')[0].step} while {trace.step} of run {label} was still executing",
                    trace.enter,
                    began,
                    trace.last,
                )


def expect_one_story(play: Play) -> None:
    """Raise Broken unless statuses and conversation together are an outcome that the oracle allows."""
    statuses = {submit.label: _fate(play, submit.label) for submit in play.scenario.submits()}
    conversation = tuple(message.word for message in play.messages())
    legal = outcomes(play)
    fits = any(outcome.conversation == conversation and dict(outcome.statuses) == statuses for outcome in legal)
    expect(
        fits,
        " or ".join(sorted(_told(dict(outcome.statuses), outcome.conversation) for outcome in legal)),
        _told(statuses, conversation),
        *(play.submission(label).sent for label in statuses),
        play.last("final state", s.MAIN).sent,
    )


def _fate(play: Play, label: str) -> str:
    """Return the end of a run in the oracle's words, or the answer itself where no strategy gives such an answer."""
    submission = play.submission(label)
    if submission.response is None or submission.ok:
        return play.final_status(label)
    refused = 400 <= submission.response.status < 500
    return "refused" if refused else submission.outcome()


def _told(statuses: dict[str, str], conversation: tuple[str, ...]) -> str:
    """Return one outcome in a line."""
    return ", ".join(f"{label} {status}" for label, status in statuses.items()) + f" [{' '.join(conversation)}]"


def expect_legal_conversation(play: Play) -> None:
    """Raise Broken unless the final conversation is one that the oracle allows."""
    settled(play)
    legal = sorted({outcome.conversation for outcome in outcomes(play)})
    observed = tuple(message.word for message in play.messages())
    expect(
        observed in legal,
        "the conversation " + " or ".join(f"[{' '.join(words)}]" for words in legal),
        f"[{' '.join(observed)}]",
        play.last("final state", s.MAIN).sent,
    )


def expect_values_of_the_state(play: Play) -> None:
    """Raise Broken unless `values` of the thread equal `values` of its state."""
    settled(play)
    state = play.state().get("values")
    thread = play.final_thread().get("values")
    expect(
        thread == state,
        f"the thread's `values` equal to its state: {_shape(state)}",
        f"{_shape(thread)}; {difference(thread, state)}",
        play.last("final thread", s.MAIN).sent,
        play.last("final state", s.MAIN).sent,
    )


def _shape(values: object) -> str:
    """Return a state's values in a few words."""
    if not isinstance(values, dict):
        return f"`{values}`"
    sizes = [f"{key}: {len(value) if isinstance(value, list) else value}" for key, value in values.items()]
    return "{" + ", ".join(sizes) + "}"


def expect_entry_at_the_start(play: Play) -> None:
    """Raise Broken unless run B began with the graph's entry, and run A's unfinished step was not entered again."""
    play.accepted("B")
    steps = [trace.step for trace in play.steps("B")]
    if not steps:
        raise Unproven("the witness saw no step of run B")
    arrived = play.submission("B").sent
    entered = [r for r in play.reports("A") if r.event == "enter"]
    unfinished = [r.step for r in entered if r.seq < arrived][-1:]
    resumed = [r for r in entered if r.seq > arrived and r.step in unfinished]
    expect(
        steps[0] == STEPS[0] and not resumed,
        f"run B to begin with {STEPS[0]}, the graph's entry, and run A's unfinished step not to be entered again",
        f"run B began with {steps[0]}" + (f"; run A entered {resumed[0].step} again" if resumed else ""),
        play.steps("B")[0].enter,
    )


def expect_silent_after(play: Play, deletion: Exchange, label: str) -> None:
    """Raise Broken if a step of the run returned or began after the deletion was answered.

    What the run reports of its cancellation does not count.
    """
    late = [
        report
        for report in play.reports(label)
        if report.seq > (deletion.over or 0) and (report.event in ("enter", "token") or report.outcome == "returned")
    ]
    expect(
        not late,
        f"no step of run {label} to go on after the deletion was answered",
        f"{late[0].step} reported `{late[0].event}` after that" if late else "",
        deletion.sent,
        *(report.seq for report in late[:1]),
    )


def expect_half_a_superstep(play: Play) -> None:
    """Raise Unproven unless one step of run A had finished when it was stopped, and the one beside it had not."""
    told = stopping_request(play).sent
    done = {step.step for step in play.steps("A") if step.outcome == "returned" and (step.exit or told) < told}
    if "audit:1" not in done or "tools:1" in done:
        raise Unproven("the witness did not see run A half-way through its superstep when it was stopped")


def expect_nothing_of_the_superstep(play: Play) -> None:
    """Raise Broken if the channel `steps` has something of the superstep that run A did not finish."""
    values = play.state().get("values")
    steps = values.get("steps") if isinstance(values, dict) else None
    if not isinstance(steps, list):
        raise Unproven("the state has no channel `steps`", play.last("final state", s.MAIN).sent)
    expect(
        AUDIT not in steps,
        f"nothing of the superstep that run A did not finish, {AUDIT}, in the channel `steps`",
        spell_steps(steps),
        play.last("final state", s.MAIN).sent,
    )


def spell_steps(steps: list[Any]) -> str:
    """Return steps in one line."""
    return " ".join(str(step) for step in steps) or "no step at all"


def expect_each_answered(play: Play, expected: str, fair: Fair, *faults: s.Mistake) -> None:
    """Raise Broken unless every request with one of `faults` (none given: every request) was answered fairly."""
    asked = [(ask, exchange) for ask, exchange in wrong_requests(play) if not faults or ask.fault in faults]
    answered = [(ask, exchange) for ask, exchange in asked if exchange.response is not None]
    unfair = [(ask, exchange) for ask, exchange in answered if not fair(ask, exchange)]
    if unfair:
        named = "; ".join(f"{exchange.outcome()} for {ask.what}" for ask, exchange in unfair[:SHOWN])
        more = f"; and {len(unfair) - SHOWN} more" if len(unfair) > SHOWN else ""
        raise Broken(
            f"{expected} for each of {len(asked)} wrong requests",
            f"{len(unfair)} answered otherwise: {named}{more}",
            *(exchange.sent for _, exchange in unfair[:SHOWN]),
        )
    for ask, exchange in asked:
        if exchange.response is None:
            raise Unproven(f"no answer to {ask.what}: {exchange.outcome()}", exchange.sent)
