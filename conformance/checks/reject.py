"""REJ: a run that is refused while another is in flight. A is in flight, B is refused, C asks again when A is over."""

from __future__ import annotations

from conformance.api import TERMINAL
from conformance.checks.common import expect_end
from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.messages import spell
from conformance.judge.play import Play
from conformance.judge.turns import expect_proven_overlap, parts_of
from conformance.scenarios import moves as s


@check("REJ-01")
def refusal(play: Play) -> str:
    """REJ-01: report the HTTP status with which run B was refused."""
    _in_flight(play)
    submission = play.submission("B")
    if submission.response is None:
        raise Unproven(f"run B was not answered: {submission.outcome()}", submission.sent)
    return str(submission.response.status)


@check("REJ-02")
def first_run_is_unaffected(play: Play) -> None:
    """REJ-02: compare run A's final status with `success`, and its messages with its whole conversation."""
    _refused(play)
    expect_end(play, "A", "success", "run A, because of which run B was refused")
    whole = parts_of(play.scenario.submit("A"))
    observed = tuple(message.word for message in play.messages("mid"))
    expect(
        observed[: len(whole)] == whole,
        f"run A's whole conversation [{' '.join(whole)}]",
        f"[{' '.join(observed)}]",
        play.last("mid state", s.MAIN).sent,
    )


@check("REJ-03")
def refused_run_leaves_nothing(play: Play) -> None:
    """REJ-03: look for the refused run B among the runs, messages, checkpoints and reported steps."""
    _refused(play)
    runs = play.body("list runs", s.MAIN, list)
    foreign = [r for r in runs if isinstance(r, dict) and r.get("run_id") != play.run_id("A")]
    expect(
        not foreign,
        "only run A in the list of runs after run B was refused",
        f"{len(foreign)} more",
        play.last("list runs", s.MAIN).sent,
    )
    left = [message for message in play.messages() if message.label == "B"]
    expect(not left, "nothing of run B in the state", spell(left), play.last("final state", s.MAIN).sent)
    strangers = [
        checkpoint
        for checkpoint in play.history()
        if (checkpoint.run_id is not None and play.label_of(checkpoint.run_id) not in ("A", "C"))
        or any(message.label == "B" for message in checkpoint.messages)
    ]
    expect(
        not strangers,
        "no checkpoint but those of the runs that were accepted",
        f"{len(strangers)} of another run, or with what run B was to say",
        play.last("final history", s.MAIN).sent,
    )
    expect(
        play.began("B") is None,
        "no step of the refused run B",
        "the witness saw one",
        *([play.began("B") or 0] if play.began("B") is not None else []),
    )


@check("REJ-04", "REJ-06")
def accepted_afterwards(play: Play) -> None:
    """REJ-04, REJ-06: compare the answer to `reject` on an idle thread with 2xx, and the end with `success`."""
    asked = "C" if play.exchanges_for("submit", "C") else "B"
    submission = play.submission(asked)
    _nothing_in_flight(play, asked)
    expect(
        submission.ok,
        f"run {asked} with `reject` to be accepted when nothing is in flight",
        submission.outcome(),
        submission.sent,
    )
    expect_end(play, asked, "success", f"run {asked}")


@check("REJ-05")
def pending_counts_as_busy(play: Play) -> None:
    """REJ-05: compare the answer to run B with a refusal while run A, just created, is in flight."""
    _in_flight(play)
    submission = play.submission("B")
    if submission.response is None:
        raise Unproven(f"run B was not answered: {submission.outcome()}", submission.sent)
    expect(
        not submission.ok,
        "run B with `reject` to be refused while run A, just created, is pending or running",
        submission.outcome(),
        submission.sent,
    )


@check("REJ-07")
def missing_thread_is_no_conflict(play: Play) -> None:
    """REJ-07: compare the answer to a run on a thread that does not exist with 404."""
    submission = play.submission("X")
    expect(
        submission.response is not None and submission.response.status == 404,
        "404 for a run on a thread that does not exist",
        submission.outcome(),
        submission.sent,
    )


@check("REJ-08")
def refusal_says_why(play: Play) -> None:
    """REJ-08: compare the body of the refusal with {"detail": text}."""
    _refused(play)
    response = play.submission("B").response
    body = response.body if response is not None else None
    detail = body.get("detail") if isinstance(body, dict) else None
    expect(
        isinstance(detail, str) and bool(detail.strip()),
        'a refusal of the form {"detail": "some text"}',
        f"`{body}`",
        play.submission("B").sent,
    )


def _in_flight(play: Play) -> None:
    play.accepted("A")
    expect_proven_overlap(play, "A", "B")


def _refused(play: Play) -> None:
    """Unproven unless run B came while A was in flight and was refused with a 4xx status."""
    _in_flight(play)
    submission = play.submission("B")
    if submission.response is None or not 400 <= submission.response.status < 500:
        raise Unproven(f"run B was not refused: {submission.outcome()}", submission.sent)


def _nothing_in_flight(play: Play, newcomer: str) -> None:
    """Unproven unless every run before `newcomer` was told to be over before it was asked for."""
    arrived = play.submission(newcomer).sent
    labels = [submit.label for submit in play.scenario.submits()]
    for label in labels[: labels.index(newcomer)]:
        if not play.submission(label).ok:
            continue
        if not any(r.status in TERMINAL and r.received < arrived for r in play.readings(label)):
            raise Unproven(f"run {label} was not seen to be over before run {newcomer} came")
