"""CON: several texts at the same time. The runs are R1, R2 and so on; which comes first is the deployment's affair."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.checks import Check
from conformance.checks.common import expect_accepted, expect_end, one_story
from conformance.judge.expect import Unproven, expect
from conformance.judge.play import Play
from conformance.judge.statuses import GONE
from conformance.judge.turns import parts_of
from conformance.scenarios import scenario as s


def one_of_several_rejects_is_accepted(play: Play) -> None:
    """CON-01."""
    submissions = {label: play.submission(label) for label in _burst(play)}
    for label, submission in submissions.items():
        response = submission.response
        expect(
            response is not None and (submission.ok or 400 <= response.status < 500),
            f"run {label} to be accepted or refused",
            submission.outcome(),
            submission.asked,
        )
    accepted = [label for label, submission in submissions.items() if submission.ok]
    expect(
        len(accepted) == 1,
        "exactly one of several `reject` at the same time on an idle thread to be accepted",
        f"accepted: {', '.join(accepted) or 'none'}",
        *(submission.asked for submission in submissions.values()),
    )
    expect_end(play, accepted[0], "success", f"run {accepted[0]}, the one that was accepted")
    _nothing_but(play, accepted[0])


def one_of_several_interrupts_succeeds(play: Play) -> None:
    """CON-02."""
    winner = _one_success(play, "interrupted")
    words = [message.word for message in play.messages()]
    whole = list(parts_of(play.scenario.submit(winner)))
    expect(
        words[-len(whole) :] == whole,
        f"the whole conversation of run {winner} in the end: {' '.join(whole)}",
        " ".join(words) or "nothing",
        play.last("final state", s.MAIN).asked,
    )


def one_of_several_rollbacks_succeeds(play: Play) -> None:
    """CON-10."""
    _nothing_but(play, _one_success(play, GONE))


def several_enqueued_all_succeed(play: Play) -> None:
    """CON-03: one after another, in whatever order they were taken up."""
    labels = _burst(play)
    for label in labels:
        expect_accepted(play, label)
        expect_end(play, label, "success", f"run {label}, one of {len(labels)} queued at the same time")
    begun = {label: began for label in labels if (began := play.began(label)) is not None}
    if len(begun) < len(labels):
        raise Unproven("the witness did not see every run begin")
    order = sorted(begun, key=lambda label: begun[label])
    due = [part for label in order for part in parts_of(play.scenario.submit(label))]
    words = [message.word for message in play.messages()]
    expect(
        words == due,
        f"each run's whole conversation, in the order in which they began: {' '.join(order)}",
        " ".join(words) or "nothing",
        play.last("final state", s.MAIN).asked,
    )


def first_messages_make_one_thread(play: Play) -> None:
    """CON-08. X and D both ask for the thread to be created; either may come first."""
    due = [parts_of(play.scenario.submit(label)) for label in "XD"]
    for label in "XD":
        expect_accepted(play, label)
        body = play.submission(label).body
        told = body.get("thread_id") if isinstance(body, dict) else None
        expect(
            told == play.transcript.threads[s.FRESH],
            f"run {label} on the thread that was asked for",
            f"on {told}",
            play.submission(label).asked,
        )
        expect_end(play, label, "success", f"run {label}, one of two first messages")
    words = tuple(message.word for message in play.messages(name=s.FRESH))
    expect(
        words in (due[0] + due[1], due[1] + due[0]),
        "both conversations, one after the other, on the new thread",
        " ".join(words) or "nothing",
        play.last("final state", s.FRESH).asked,
    )


def _one_success(play: Play, otherwise: str) -> str:
    """The one run of a burst that succeeds; all others end as `otherwise` says."""
    labels = _burst(play)
    for label in labels:
        expect_accepted(play, label)
    succeeded = [label for label in labels if play.final_status(label) == "success"]
    expect(
        len(succeeded) == 1,
        f"exactly one of {len(labels)} texts at the same time to succeed",
        ", ".join(f"{label} `{play.final_status(label)}`" for label in labels),
        *(play.last("final run", f"run {label}").asked for label in labels),
    )
    for submit in play.scenario.submits():
        if submit.label != succeeded[0]:
            expect_end(play, submit.label, otherwise, f"run {submit.label}, in flight when run {succeeded[0]} came")
    return succeeded[0]


def _nothing_but(play: Play, label: str) -> None:
    """The conversation of run `label` is all that the thread holds."""
    words = tuple(message.word for message in play.messages())
    whole = parts_of(play.scenario.submit(label))
    expect(
        words == whole,
        f"the conversation of run {label} and nothing else: {' '.join(whole)}",
        " ".join(words) or "nothing",
        play.last("final state", s.MAIN).asked,
    )


def _burst(play: Play) -> list[str]:
    """The labels of the runs that were asked for at the same time."""
    return [submit.label for submit in play.scenario.submits() if submit.label.startswith("R")]


CHECKS: Mapping[str, Check] = {
    "CON-01": one_of_several_rejects_is_accepted,
    "CON-02": one_of_several_interrupts_succeeds,
    "CON-03": several_enqueued_all_succeed,
    "CON-08": first_messages_make_one_thread,
    "CON-09": one_story,
    "CON-10": one_of_several_rollbacks_succeeds,
}
