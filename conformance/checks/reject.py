"""REJ: a run that is refused because another is in flight.

A is in flight, B is refused, and C is created with `reject` when A is over.
"""

from __future__ import annotations

from conformance.checks.common import expect_end, gives_reason
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, expect
from conformance.judge.messages import spell
from conformance.judge.play import Play
from conformance.judge.turns import expect_proven_overlap, parts_of
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet


@check("REJ-01")
def refusal(play: Play) -> str:
    """REJ-01: report the HTTP status with which run B was refused."""
    _require_overlap(play)
    submission = play.submission("B")
    if submission.response is None:
        raise Unproven(f"the creation of run B was not answered: {submission.outcome()}", submission.sent)
    return str(submission.response.status)


@check("REJ-02")
@all_facts
def first_run_is_unaffected(play: Play) -> None:
    """REJ-02: compare run A's final status with `success`, and its messages with its whole conversation."""
    _require_refusal(play)
    expect_end(play, "A", "success", "run A (in flight when run B was refused)")
    whole = parts_of(play.scenario.submit("A"))
    # Read before C is created, so that the messages of C cannot hide a loss.
    observed = tuple(message.word for message in play.messages("mid"))
    # A beginning only: a message of B behind it breaks REJ-03.
    expect(
        observed[: len(whole)] == whole,
        f"run A's complete conversation in the state: [{' '.join(whole)}]",
        f"[{' '.join(observed)}]",
        play.last("mid state", s.MAIN).sent,
    )


@check("REJ-03")
@all_facts
def refused_run_leaves_nothing(play: Play) -> None:
    """REJ-03: look for the refused run B among the runs, messages, checkpoints and reported steps."""
    _require_refusal(play)
    runs = play.body("list runs", s.MAIN, list)
    # B's id is unknown, since its creation was refused. Any run but A, which is listed before C is created, is B.
    foreign = [r for r in runs if isinstance(r, dict) and r.get("run_id") != play.run_id("A")]
    expect(
        not foreign,
        "only run A in the list of runs after run B was refused",
        f"additional runs: {len(foreign)}",
        play.last("list runs", s.MAIN).sent,
    )
    left = [message for message in play.messages() if message.label == "B"]
    expect(not left, "no message of the refused run B in the state", spell(left), play.last("final state", s.MAIN).sent)
    strangers = [
        checkpoint
        for checkpoint in play.history()
        if (checkpoint.run_id is not None and play.label_of(checkpoint.run_id) not in ("A", "C"))
        or any(message.label == "B" for message in checkpoint.messages)
    ]
    expect(
        not strangers,
        "only checkpoints of the accepted runs in the history",
        f"checkpoints of another run, or with the input of the refused run B: {len(strangers)}",
        play.last("final history", s.MAIN).sent,
    )
    expect(
        play.began("B") is None,
        "no step of the refused run B",
        f"run B entered {play.steps('B')[0].step}" if play.began("B") is not None else "",
        *([play.began("B") or 0] if play.began("B") is not None else []),
    )


@check("REJ-04", "REJ-06")
def accepted_afterwards(play: Play) -> None:
    """REJ-04, REJ-06: compare the answer to `reject` on an idle thread with 2xx, and the end with `success`."""
    # Scenarios in which nothing is in flight from the start have no C. There B itself finds the idle thread.
    new = "C" if play.exchanges_for("submit", "C") else "B"
    submission = play.submission(new)
    _require_idle(play, new)
    expect(
        submission.ok,
        f"run {new} with `reject` to be accepted when nothing is in flight",
        submission.outcome(),
        submission.sent,
    )
    expect_end(play, new, "success", f"run {new} (created when nothing was in flight)")


@check("REJ-05")
def pending_counts_as_busy(play: Play) -> None:
    """REJ-05: compare the answer to run B with a refusal while run A, just created, is in flight."""
    _require_overlap(play)
    submission = play.submission("B")
    if submission.response is None:
        raise Unproven(f"the creation of run B was not answered: {submission.outcome()}", submission.sent)
    # Any refusal will do. REJ-01 reports its status.
    expect(
        not submission.ok,
        "run B with `reject` to be refused while run A, just created, is `pending` or `running`",
        submission.outcome(),
        submission.sent,
    )


@check("REJ-07")
def missing_thread_is_no_conflict(play: Play) -> None:
    """REJ-07: compare the answer to a run on a thread that does not exist with 404."""
    # A 409 would invite the client to try again later, and no later attempt can succeed.
    submission = play.submission("X")
    expect(
        submission.response is not None and submission.response.status == 404,
        "HTTP 404 for a run on a thread that does not exist",
        submission.outcome(),
        submission.sent,
    )


@check("REJ-08")
def refusal_gives_a_reason(play: Play) -> None:
    """REJ-08: compare the body of the refusal with {"detail": text}."""
    _require_refusal(play)
    response = play.submission("B").response
    expect(
        gives_reason(response),
        'a refusal of the form {"detail": "some text"}, whose text is not the name of another status',
        f"`{snippet(None if response is None else response.body)}`",
        play.submission("B").sent,
    )


def _require_overlap(play: Play) -> None:
    """Raise Unproven unless run A was accepted and certainly in flight when run B was created."""
    play.accepted("A")
    expect_proven_overlap(play, "A", "B")


def _require_refusal(play: Play) -> None:
    """Raise Unproven unless run B was created while A was in flight, and was refused with a 4xx status."""
    _require_overlap(play)
    submission = play.submission("B")
    # A 5xx is not a refusal: whether the run exists after a crash is not defined.
    if submission.response is None or not 400 <= submission.response.status < 500:
        raise Unproven(f"run B was not refused: {submission.outcome()}", submission.sent)


def _require_idle(play: Play, new: str) -> None:
    """Raise Unproven unless every earlier run was known to be over before run `new` was created."""
    arrived = play.submission(new).sent
    labels = [submit.label for submit in play.scenario.submits()]
    for label in labels[: labels.index(new)]:
        # A run that was refused is not in flight and has no status.
        if not play.submission(label).ok:
            continue
        if not any(r.status in play.ends(label) and r.received < arrived for r in play.readings(label)):
            raise Unproven(f"no terminal status of run {label} was received before run {new} was created")
