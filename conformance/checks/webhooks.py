"""WHK: what the listener was told of runs that are over."""

from __future__ import annotations

from conformance.checks.common import status_word
from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.play import Exchange, Play, status_text
from conformance.judge.turns import expect_superseded
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Delivery


@check("WHK-01")
def stopped_run_tells_once(play: Play) -> None:
    """WHK-01: count the webhooks of the stopped run A, and compare the status with `interrupted`."""
    if "B" in (submit.label for submit in play.scenario.submits()):
        _taken(play, "B")
        expect_superseded(play, "A")
    _told_once(play, "A", "interrupted")


@check("WHK-02")
def superseded_run_tells_first(play: Play) -> None:
    """WHK-02: compare the arrival of run A's webhook with that of run B's, which superseded it."""
    _taken(play, "B")
    first, second = _deliveries(play, "A"), _deliveries(play, "B")
    if not first or not second:
        raise Unproven("not both webhooks came")
    expect(
        first[0].seq < second[0].seq,
        "the webhook of run A, which B superseded, before that of run B",
        "the webhook of run B came first",
        second[0].seq,
        first[0].seq,
    )


@check("WHK-03")
def failing_listener_changes_nothing(play: Play) -> None:
    """WHK-03: compare the runs' ends with `success`, and the thread with `idle`, where the listener fails."""
    _taken(play, "A")
    if not _deliveries(play, "A"):
        raise Unproven("the webhook of run A did not come, so nothing can be said of one that fails")
    for label in ("A", "B"):
        status = play.final_status(label)
        see = play.last("final run", f"run {label}").sent
        expect(status == "success", f"run {label} to succeed whatever its listener answers", status_word(status), see)
    thread = status_text(play.final_thread().get("status"))
    expect(thread == "idle", "the thread to be `idle`", f"`{thread}`", play.last("final thread", s.MAIN).sent)


@check("WHK-04")
def rolled_back_run_tells(play: Play) -> str:
    """WHK-04: report the status that the webhook of the rolled-back run A carries."""
    return _freedom(play, "A")


@check("WHK-05")
def webhook_is_the_run(play: Play) -> None:
    """WHK-05: compare the only webhook of run A with the run that the create returned."""
    submission = _taken(play, "A")
    _told_once(play, "A", "error" if play.scenario.submit("A").fail else "success")
    told = _deliveries(play, "A")[0]
    body = told.body if isinstance(told.body, dict) else {}
    created = submission.body if isinstance(submission.body, dict) else {}
    for field in ("run_id", "thread_id", "assistant_id"):
        expected, observed = created.get(field), body.get(field)
        expect(observed == expected, f"the webhook to tell the {field} `{expected}`", f"`{observed}`", told.seq)
    missing = [field for field in ("created_at", "updated_at", "metadata", "kwargs") if field not in body]
    expect(not missing, "the whole run in the webhook", f"no {', '.join(missing)}", told.seq)


@check("WHK-06")
def superseded_pending_run_tells(play: Play) -> str:
    """WHK-06: report whether run A, superseded before it began, sends a webhook."""
    _taken(play, "B")
    expect_superseded(play, "A")
    return _freedom(play, "A")


def _told_once(play: Play, label: str, status: str) -> None:
    submission = _taken(play, label)
    deliveries = _deliveries(play, label)
    expect(bool(deliveries), f"a webhook of run {label}, which is over", "none came", submission.sent)
    expect(
        len(deliveries) == 1,
        f"one webhook of run {label}, since its listener took it",
        f"{len(deliveries)}",
        *(delivery.seq for delivery in deliveries),
    )
    told = _status(deliveries[0])
    expect(told == status, f"the webhook of run {label} to tell `{status}`", f"`{told}`", deliveries[0].seq)


def _freedom(play: Play, label: str) -> str:
    _taken(play, label)
    statuses = [_status(delivery) for delivery in _deliveries(play, label)]
    return f"tells {' and '.join(statuses)}" if statuses else "tells nothing"


def _taken(play: Play, label: str) -> Exchange:
    """Return the submission of a run with a webhook. Raise Unproven unless the deployment accepted both."""
    submission = play.submission(label)
    if not play.witnessed:
        raise Unproven("webhooks go to the witness, which nothing of this deployment reaches", submission.sent)
    response = submission.response
    if response is not None and 400 <= response.status < 500:
        detail = response.body.get("detail") if isinstance(response.body, dict) else response.body
        raise Unproven(
            f"the deployment takes no webhook to this machine ({submission.outcome()}: {detail}); let it call the "
            "suite's listener (for an Agent Server: `webhooks.url` in langgraph.json), or declare WHK absent",
            submission.sent,
        )
    return play.accepted(label)


def _deliveries(play: Play, label: str) -> list[Delivery]:
    return [m for m in play.moments if isinstance(m, Delivery) and m.label == label]


def _status(delivery: Delivery) -> str:
    return status_text(delivery.body.get("status") if isinstance(delivery.body, dict) else None)
