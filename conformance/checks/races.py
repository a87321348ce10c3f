"""CON: several requests at the same time.

The runs of a burst are R1, R2 and so on. The deployment decides which of them comes first, so these checks derive the
order from what was observed, and never demand a particular one.
"""

from __future__ import annotations

from conformance.api import GONE
from conformance.checks.common import (
    expect_accepted,
    expect_end,
    expect_legal_outcome,
    expect_start_after_the_stop,
    status_word,
)
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, all_facts, expect
from conformance.judge.play import Play
from conformance.judge.premises import ACCEPTED_B, HELD
from conformance.judge.turns import parts_of
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet


@check("CON-01")
@all_facts
def one_of_several_rejects_is_accepted(play: Play) -> None:
    """CON-01: count the accepted runs, and compare the conversation with that of the only one."""
    submissions = {label: play.submission(label) for label in _burst(play)}
    for label, submission in submissions.items():
        response = submission.response
        expect(
            response is not None and (submission.ok or 400 <= response.status < 500),
            f"run {label} to be accepted or refused",
            submission.outcome(),
            submission.sent,
        )
    accepted = [label for label, submission in submissions.items() if submission.ok]
    # None is wrong too: the first of them found an idle thread.
    if len(accepted) != 1:
        raise Broken(
            "exactly one of several simultaneous `reject` runs on an idle thread to be accepted",
            f"accepted: {', '.join(accepted) or 'none'}",
            *(submission.sent for submission in submissions.values()),
        )
    expect_end(play, accepted[0], "success", f"run {accepted[0]} (the only one accepted)")
    _expect_nothing_but(play, accepted[0])


@check("CON-02")
@all_facts
def one_of_several_interrupts_succeeds(play: Play) -> None:
    """CON-02: count the runs that succeeded, and compare the last part of the conversation with the only one's."""
    winner = _one_success(play, "interrupted")
    words = [message.word for message in play.messages()]
    whole = list(parts_of(play.scenario.submit(winner)))
    # Only the end of the conversation: before it there may be writes of the interrupted runs, which `interrupt` keeps.
    expect(
        words[-len(whole) :] == whole,
        f"the complete conversation of run {winner} at the end of the state: {' '.join(whole)}",
        " ".join(words) or "no messages",
        play.last("final state", s.MAIN).sent,
    )


@check("CON-03")
@all_facts
def several_enqueued_all_succeed(play: Play) -> None:
    """CON-03: compare the conversation with all runs, one after another, in the order in which they began."""
    labels = _burst(play)
    for label in labels:
        expect_accepted(play, label)
        expect_end(play, label, "success", f"run {label} (one of {len(labels)} queued at the same time)")
    begun = {label: began for label in labels if (began := play.began(label)) is not None}
    if len(begun) < len(labels):
        raise Unproven("the witness did not receive a report from every run")
    # By the witness and not by the requests: requests that were sent together have no order.
    order = sorted(begun, key=lambda label: begun[label])
    due = [part for label in order for part in parts_of(play.scenario.submit(label))]
    words = [message.word for message in play.messages()]
    expect(
        words == due,
        f"the complete conversation of each run, in the order in which the runs began: {' '.join(order)}",
        " ".join(words) or "no messages",
        play.last("final state", s.MAIN).sent,
    )


@check("CON-04", "CON-09")
def statuses_and_state_agree(play: Play) -> None:
    """CON-04, CON-09: compare statuses and conversation with the outcomes that the oracle allows."""
    expect_legal_outcome(play)


@check("CON-05")
@all_facts
def cancels_are_answered_without_a_crash(play: Play) -> None:
    """CON-05: look for a 5xx answer to a cancel, and compare run A's final status with the terminal ones."""
    # 409 and 404 are allowed, because by then the run may be over, or another cancel may be in progress.
    for cancel in play.exchanges_for("cancel"):
        expect(
            cancel.response is not None and cancel.response.status < 500,
            "an answer other than a 5xx to each of several cancels",
            cancel.outcome(),
            cancel.sent,
        )
    status = play.final_status("A")
    expect(
        status in play.ends("A") or status == GONE,
        "run A to be over after several cancels",
        f"it is still {status_word(status)}",
        play.last("final run", "run A").sent,
    )


@check("CON-07", premises=(HELD, ACCEPTED_B))
def rollback_is_finished_before_the_next_run(play: Play) -> None:
    """CON-07: compare run B's first step with the last report of every rolled-back run's steps."""
    expect_start_after_the_stop(play)


@check("CON-08")
@all_facts
def first_messages_make_one_thread(play: Play) -> None:
    """CON-08: compare two first messages with two runs that follow each other on one new thread."""
    # X and D both send if_not_exists=create for the same thread id. The later one finds the thread and is queued.
    due = [parts_of(play.scenario.submit(label)) for label in "XD"]
    for label in "XD":
        expect_accepted(play, label)
        body = play.submission(label).body
        reported = body.get("thread_id") if isinstance(body, dict) else None
        expect(
            reported == play.thread(s.FRESH),
            f"run {label} on the thread in its request, {play.thread(s.FRESH)}",
            f"thread_id `{snippet(reported)}`",
            play.submission(label).sent,
        )
        expect_end(play, label, "success", f"run {label} (one of two first messages)")
    words = tuple(message.word for message in play.messages(name=s.FRESH))
    expect(
        words in (due[0] + due[1], due[1] + due[0]),
        "both conversations, one after the other, on the new thread",
        " ".join(words) or "no messages",
        play.last("final state", s.FRESH).sent,
    )


@check("CON-10")
@all_facts
def one_of_several_rollbacks_succeeds(play: Play) -> None:
    """CON-10: count the runs that succeeded, and compare the whole conversation with the only one's."""
    _expect_nothing_but(play, _one_success(play, GONE))


def _one_success(play: Play, otherwise: str) -> str:
    """Return the one run of a burst that succeeded. Raise Broken unless all other runs ended as `otherwise`."""
    labels = _burst(play)
    for label in labels:
        expect_accepted(play, label)
    succeeded = [label for label in labels if play.final_status(label) == "success"]
    # The scenarios hold every run until all are accepted, so all but the last are in flight when a later one arrives.
    if len(succeeded) != 1:
        raise Broken(
            f"exactly one of {len(labels)} simultaneous runs to end `success`",
            ", ".join(f"{label} {status_word(play.final_status(label))}" for label in labels),
            *(play.last("final run", f"run {label}").sent for label in labels),
        )
    # All runs of the thread, not only the burst: a run that was in flight before it is superseded as well.
    for submit in play.scenario.submits():
        if submit.label != succeeded[0]:
            who = f"run {submit.label} (in flight when run {succeeded[0]} was created)"
            expect_end(play, submit.label, otherwise, who)
    return succeeded[0]


def _expect_nothing_but(play: Play, label: str) -> None:
    """Raise Broken unless the conversation of run `label` is all that the thread holds."""
    words = tuple(message.word for message in play.messages())
    whole = parts_of(play.scenario.submit(label))
    expect(
        words == whole,
        f"the conversation of run {label} and nothing else in the state: {' '.join(whole)}",
        " ".join(words) or "no messages",
        play.last("final state", s.MAIN).sent,
    )


def _burst(play: Play) -> list[str]:
    """Return the labels of the runs that were created at the same time."""
    return [submit.label for submit in play.scenario.submits() if submit.label.startswith("R")]
