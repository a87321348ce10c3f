"""The expectations that the checks of several areas share."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from conformance.api import GONE
from conformance.judge.expect import Broken, Inapplicable, Unproven, expect
from conformance.judge.messages import spell
from conformance.judge.play import Exchange, Play
from conformance.judge.premises import ENDED_B
from conformance.judge.queries import asked, items
from conformance.judge.requests import stopping_request, wrong_requests
from conformance.judge.shapes import instant
from conformance.judge.turns import outcomes
from conformance.scenarios import moves as s
from conformance.scenarios.steps import STEPS
from conformance.transcript.text import difference, snippet
from conformance.transcript.transcript import Response, WitnessEvent
from doubletext.probe import OnCancel

SHOWN = 6
"""The number of requests that a failure names. It counts the others."""

PHRASES = {status.phrase.lower(): status.value for status in HTTPStatus}
"""The statuses of HTTP by their names."""

AUDIT = "A/audit:1"
"""The entry that run A's step `audit:1`, which is parallel to its tool, writes to the channel `steps`."""

Accepts = Callable[[s.Ask, Exchange], bool]
"""A function that returns whether the answer to an invalid request meets the requirement."""


def runs_before_b(play: Play, *, finished: bool = False) -> list[str]:
    """Return the labels of the runs created before B on the main thread. `finished` includes the earlier turn E."""
    labels = [submit.label for submit in play.scenario.submits()]
    # The scenarios wait for the end of E before they create A. B cannot supersede it.
    return [label for label in labels[: labels.index("B")] if finished or label != "E"]


def gives_reason(response: Response | None) -> bool:
    """Return whether a refusal has the form {"detail": text}, with a text that is not the name of another status."""
    # Not `exchange.body`, which is None for every answer that is not a 2xx.
    detail = response.body.get("detail") if response is not None and isinstance(response.body, dict) else None
    if response is None or not isinstance(detail, str):
        return False
    return bool(detail.strip()) and PHRASES.get(detail.strip().lower(), response.status) == response.status


def status_word(status: str) -> str:
    """Return a run's status as a client of the API sees it: 404 for a run that is gone."""
    return "HTTP 404" if status == GONE else f"`{status}`"


def expect_end(play: Play, label: str, due: str, who: str, *see: int) -> None:
    """Raise Broken unless run `label` ended as `due`.

    `who` describes the run in the failure text. `see` are the seqs of further moments that show the failure.
    """
    status = play.final_status(label)
    expect(
        status == due,
        f"HTTP 404 for GET of {who}" if due == GONE else f"{who} to end `{due}`",
        status_word(status),
        *see,
        play.last("final run", f"run {label}").sent,
    )


def expect_accepted(play: Play, label: str) -> None:
    """Raise Broken unless the creation of run `label` was answered with a 2xx status."""
    submission = play.submission(label)
    expect(submission.ok, f"a 2xx answer to the creation of run {label}", submission.outcome(), submission.sent)


def expect_new_run_accepted(play: Play, strategy: str) -> None:
    """Raise Broken unless run B, which arrives with `strategy`, was answered with 2xx."""
    submission = play.submission("B")
    # A `wait` is answered when the run is over. A run that has reported a step was accepted before that.
    if submission.response is None and play.steps("B"):
        return
    expect(
        submission.ok,
        f"a 2xx answer to the creation of run B with `{strategy}`",
        submission.outcome(),
        submission.sent,
    )


def expect_nothing_of(play: Play, label: str) -> None:
    """Raise Broken if a message of run `label` is in the state."""
    kept = [message for message in play.messages() if message.label == label]
    expect(not kept, f"no message of run {label} in the state", spell(kept), play.last("final state", s.MAIN).sent)


def expect_continued_chain(play: Play) -> None:
    """Raise Broken unless the parent of run B's first checkpoint is the newest checkpoint of the runs before it."""
    play.accepted("B")
    history = play.history()
    see = play.last("final history", s.MAIN).sent
    run_id = play.run_id("B")
    own = [index for index, checkpoint in enumerate(history) if checkpoint.run_id == run_id]
    # CHK-02 judges whether checkpoints name their run. A history without run ids breaks that requirement, not this one.
    if not own:
        raise Unproven("no checkpoint in the history has the run_id of run B", see)
    # Histories are newest first, so the last index is B's first checkpoint and the older ones come after it.
    first = history[own[-1]]
    before = [checkpoint for checkpoint in history[own[-1] + 1 :] if checkpoint.run_id != run_id]
    if not before:
        raise Unproven("the history has no checkpoint of another run before run B's first checkpoint", see)
    expect(
        first.parent_id == before[0].id,
        f"run B's first checkpoint to have the last checkpoint of run {play.label_of(before[0].run_id)} as its parent: "
        f"{snippet(before[0].id)}",
        f"its parent is {snippet(first.parent_id)}",
        see,
    )


def expect_start_after_the_stop(play: Play) -> None:
    """Raise Broken if a step of a superseded run was still executing when run B began.

    A step ends with its last report. A report after run B's first report proves an overlap.
    """
    play.accepted("B")
    began = play.began("B")
    if began is None:
        raise Unproven("the witness received no report from a step of run B")
    superseded = [label for label in runs_before_b(play) if play.began(label) is not None]
    if not superseded:
        raise Unproven("the witness received no report from a step of a superseded run")
    for label in superseded:
        for trace in play.steps(label):
            # A lost connection does not count as a report (`StepTrace.last`): the witness may notice it late.
            if trace.enter < began < trace.last:
                seconds = play.moments[trace.last].t - play.moments[began].t
                raise Broken(
                    f"no step of run B before {trace.step} of run {label} had stopped",
                    f"run B entered {play.steps('B')[0].step} while {trace.step} of run {label} was still executing, "
                    f"and both executed for at least {seconds * 1000:.0f} ms",
                    trace.enter,
                    began,
                    trace.last,
                )


def expect_legal_outcome(play: Play) -> None:
    """Raise Broken unless the statuses and the conversation together are an outcome that the oracle allows."""
    statuses = {submit.label: _end_of(play, submit.label) for submit in play.scenario.submits()}
    conversation = tuple(message.word for message in play.messages())
    legal = outcomes(play)
    # Both are compared as one pair. A race has several legal outcomes, and the statuses of one with the conversation of
    # another contradict each other, although each is legal by itself.
    fits = any(outcome.conversation == conversation and dict(outcome.statuses) == statuses for outcome in legal)
    expect(
        fits,
        "one of the legal outcomes: "
        + " or ".join(sorted(_spell_outcome(dict(outcome.statuses), outcome.conversation) for outcome in legal)),
        _spell_outcome(statuses, conversation),
        *(play.submission(label).sent for label in statuses),
        play.last("final state", s.MAIN).sent,
    )


def _end_of(play: Play, label: str) -> str:
    """Return the end of a run in the oracle's words, or the answer itself where no strategy allows such an answer."""
    submission = play.submission(label)
    if submission.response is None or submission.ok:
        return play.final_status(label)
    refused = 400 <= submission.response.status < 500
    return "refused" if refused else submission.outcome()


def _spell_outcome(statuses: dict[str, str], conversation: tuple[str, ...]) -> str:
    """Return one outcome in a line."""
    return ", ".join(f"{label} {status}" for label, status in statuses.items()) + f" [{' '.join(conversation)}]"


def expect_legal_conversation(play: Play) -> None:
    """Raise Broken unless the final conversation is one that the oracle allows."""
    ENDED_B.require(play)
    # Two outcomes may differ in the statuses alone.
    legal = sorted({outcome.conversation for outcome in outcomes(play)})
    observed = tuple(message.word for message in play.messages())
    expect(
        observed in legal,
        "the messages " + " or ".join(f"[{' '.join(words)}]" for words in legal) + " in the state",
        f"[{' '.join(observed)}]",
        play.last("final state", s.MAIN).sent,
    )


def expect_values_of_the_state(play: Play) -> None:
    """Raise Broken unless the `values` of the thread equal the `values` of its state."""
    if "values" not in play.final_thread():
        raise Inapplicable("the thread has no field `values`, which the API description does not require")
    state = play.state().get("values")
    thread = play.final_thread()["values"]
    # A thread without values is created with null by some deployments, beside a state with {}.
    expect(
        thread == state or not (thread or state),
        f"the thread's `values` to equal those of its state: {_sizes(state)}",
        f"{_sizes(thread)}. First difference (thread and state): {difference(thread, state, 'values')}",
        play.last("final thread", s.MAIN).sent,
        play.last("final state", s.MAIN).sent,
    )


def _sizes(values: object) -> str:
    """Return a state's values in a few words: each channel with the length of its list."""
    if not isinstance(values, dict):
        return f"`{snippet(values)}`"
    # Whole values would fill a page. The sizes show what is missing, and the caller adds the first difference.
    sizes = [f"{key}: {len(value) if isinstance(value, list) else snippet(value)}" for key, value in values.items()]
    return "{" + ", ".join(sizes) + "}"


def expect_entry_at_the_start(play: Play) -> None:
    """Raise Broken unless run B began with the graph's entry, and no run entered run A's unfinished step again."""
    play.accepted("B")
    steps = [trace.step for trace in play.steps("B")]
    if not steps:
        raise Unproven("the witness received no report from a step of run B")
    arrived = play.submission("B").sent
    entered = [r for r in play.reports("A") if r.event == "enter"]
    # A server that resumes A's unfinished step may execute it as run B, or as run A again. Neither is a fresh pass.
    unfinished = [r.step for r in entered if r.seq < arrived][-1:]
    resumed = [r for r in entered if r.seq > arrived and r.step in unfinished]
    expect(
        steps[0] == STEPS[0] and not resumed,
        f"run B to begin with {STEPS[0]}, the graph's entry, and run A's unfinished step not to be entered again",
        f"run B began with {steps[0]}" + (f" and run A entered {resumed[0].step} again" if resumed else ""),
        play.steps("B")[0].enter,
    )


def expect_no_step_after(play: Play, deletion: Exchange, label: str) -> None:
    """Raise Broken if a step of the run returned or began after the deletion was answered.

    Reports of a step that is being cancelled do not count.
    """
    # A cancelled step reports while it stops, and its reports travel independently of the answer. A step that begins,
    # streams or returns is one that was not cancelled.
    late = [
        report
        for report in play.reports(label)
        if report.seq > (deletion.over or 0) and (report.event in ("enter", "token") or report.outcome == "returned")
    ]
    expect(
        not late,
        f"no step of run {label} to continue after the deletion was answered",
        f"{late[0].step} reported `{late[0].event}` after that" if late else "",
        deletion.sent,
        *(report.seq for report in late[:1]),
    )


def require_half_a_superstep(play: Play) -> None:
    """Raise Unproven unless run A was stopped when one of its two parallel steps had finished and the other had not."""
    stopped = stopping_request(play).sent
    done = {step.step for step in play.steps("A") if step.outcome == "returned" and (step.exit or stopped) < stopped}
    if "audit:1" not in done or "tools:1" in done:
        raise Unproven(
            "the witness did not receive reports that audit:1 of run A had finished, and tools:1 had not, when the run "
            "was stopped"
        )


def expect_nothing_of_the_superstep(play: Play) -> None:
    """Raise Broken if the channel `steps` has an entry of the superstep that run A did not finish."""
    values = play.state().get("values")
    steps = values.get("steps") if isinstance(values, dict) else None
    if not isinstance(steps, list):
        raise Unproven("the state has no channel `steps`", play.last("final state", s.MAIN).sent)
    expect(
        AUDIT not in steps,
        f"no entry {AUDIT} in the channel `steps`, since run A did not finish that superstep",
        spell_steps(steps),
        play.last("final state", s.MAIN).sent,
    )


def spell_steps(steps: list[Any]) -> str:
    """Return steps in one line."""
    return " ".join(snippet(step) for step in steps) or "no step"


def expect_each_answered(play: Play, expected: str, accepts: Accepts, *faults: s.Mistake) -> None:
    """Raise Broken unless `accepts` holds for the answer to every request with one of `faults`, or to every request."""
    sent = [(ask, exchange) for ask, exchange in wrong_requests(play) if not faults or ask.fault in faults]
    answered = [(ask, exchange) for ask, exchange in sent if exchange.response is not None]
    wrong = [(ask, exchange) for ask, exchange in answered if not accepts(ask, exchange)]
    if wrong:
        named = ", ".join(f"{exchange.outcome()} for {ask.what}" for ask, exchange in wrong[:SHOWN])
        more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise Broken(
            f"{expected} for each of {len(sent)} invalid requests",
            f"another answer to {len(wrong)} of them: {named}{more}",
            *(exchange.sent for _, exchange in wrong[:SHOWN]),
        )
    # Only now: a wrong answer to one request is proven, even if another request had no answer.
    for ask, exchange in sent:
        if exchange.response is None:
            raise Unproven(f"no answer to {ask.what}: {exchange.outcome()}", exchange.sent)


def require_question(play: Play, label: str) -> None:
    """Raise Unproven unless the witness knows that a step of a run called interrupt()."""
    if not any(report.outcome == "interrupted" for report in play.reports(label)):
        raise Unproven(f"the witness received no report that a step of run {label} called interrupt()")


def expect_order(exchange: Exchange, field: str, *, descending: bool) -> None:
    """Raise Broken unless the list that answers a request is sorted by a field of its entries."""
    values = [snippet(one.get(field)) for one in items(exchange)]
    # Times are compared as such, because the digits of their seconds may vary. The ids of one server have one form.
    moments = [found for value in values if (found := instant(value)) is not None]
    keys: list[Any] = moments if len(moments) == len(values) else values
    expect(
        keys == sorted(keys, reverse=descending),
        f"the list sorted by `{field}`, {'descending' if descending else 'ascending'}, for {asked(exchange)}",
        ", ".join(values),
        exchange.sent,
    )


def shows_execution(report: WitnessEvent, on_cancel: OnCancel) -> bool:
    """Return whether a report shows that a run executes although it is over."""
    match on_cancel:
        # The step stops at once. Its `cancelled`, and an exit with that outcome, are the stop itself.
        case "stop":
            return report.event in ("enter", "token") or report.outcome in ("returned", "raised", "interrupted")
        # The step cleans up when it is cancelled, and the run is over only after that. Any exit is too late.
        case "linger":
            return report.event in ("enter", "token", "exit")
        # A step that swallows its cancellation cannot be stopped from outside. No further step has to start, though.
        case "swallow":
            return report.event == "enter"
