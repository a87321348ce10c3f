"""WHK: the webhooks of finished runs that the suite's listener received."""

from __future__ import annotations

from conformance.api import IN_FLIGHT
from conformance.checks.common import status_word
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, all_facts, declare, expect
from conformance.judge.messages import read_messages, spell
from conformance.judge.play import Exchange, Play, status_text
from conformance.judge.turns import expect_superseded
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet
from conformance.transcript.transcript import Delivery


@check("WHK-01")
@all_facts
def stopped_run_sends_one_webhook(play: Play) -> None:
    """WHK-01: count the webhooks of the stopped run A, and compare the status with `interrupted`."""
    # Without a run B in the scenario, a cancel stops A.
    if "B" in (submit.label for submit in play.scenario.submits()):
        _accepted_with_webhook(play, "B")
        expect_superseded(play, "A")
    _expect_one_webhook(play, "A", "interrupted")


@check("WHK-02")
def superseded_run_sends_its_webhook_first(play: Play) -> None:
    """WHK-02: compare the arrival of run A's webhook with that of run B's, which superseded it."""
    _accepted_with_webhook(play, "B")
    first, second = _deliveries(play, "A"), _deliveries(play, "B")
    # WHK-01 and WHK-05 judge a webhook that is missing.
    if not first or not second:
        raise Unproven("the listener did not receive the webhooks of both run A and run B")
    expect(
        first[0].seq < second[0].seq,
        "the webhook of run A (superseded by B) before that of run B",
        "the webhook of run B arrived first",
        second[0].seq,
        first[0].seq,
    )


@check("WHK-03")
@all_facts
def failing_listener_changes_nothing(play: Play) -> None:
    """WHK-03: compare the runs' ends with `success`, and the thread with `idle`, where the listener fails."""
    _accepted_with_webhook(play, "A")
    if not _deliveries(play, "A"):
        raise Unproven("the listener received no webhook of run A, so nothing shows the effect of a failing listener")
    for label in ("A", "B"):
        status = play.final_status(label)
        see = play.last("final run", f"run {label}").sent
        expect(
            status == "success",
            f"run {label} to end `success`, whatever the listener answers",
            status_word(status),
            see,
        )
    thread = status_text(play.final_thread().get("status"))
    expect(
        thread == "idle",
        "the thread to be `idle`, whatever the listener answers",
        f"`{thread}`",
        play.last("final thread", s.MAIN).sent,
    )


@check("WHK-04")
def webhook_of_a_rolled_back_run(play: Play) -> str:
    """WHK-04: report the status that the webhook of the rolled-back run A carries."""
    return _freedom(play, "A")


@check("WHK-05")
@all_facts
def webhook_is_the_run(play: Play) -> None:
    """WHK-05: compare the only webhook of run A with the run in the answer to its creation."""
    submission = _accepted_with_webhook(play, "A")
    _expect_one_webhook(play, "A", "error" if play.scenario.submit("A").fail else "success")
    delivery = _deliveries(play, "A")[0]
    body = delivery.body if isinstance(delivery.body, dict) else {}
    created = submission.body if isinstance(submission.body, dict) else {}
    for field in ("run_id", "thread_id", "assistant_id"):
        expected, observed = snippet(created.get(field)), snippet(body.get(field))
        expect(
            body.get(field) == created.get(field),
            f"{field} `{expected}` in the webhook of run A",
            f"`{observed}`",
            delivery.seq,
        )
    # Presence only: times and kwargs may have changed since the creation, and the rest is not specified.
    missing = [field for field in ("created_at", "updated_at", "metadata", "kwargs") if field not in body]
    expect(not missing, "the whole run A in its webhook", f"no {', '.join(missing)}", delivery.seq)


@check("WHK-06")
def webhook_of_a_superseded_pending_run(play: Play) -> str:
    """WHK-06: report whether run A, superseded before it began, sends a webhook."""
    _accepted_with_webhook(play, "B")
    expect_superseded(play, "A")
    return _freedom(play, "A")


@check("WHK-10")
def webhook_has_the_final_values(play: Play) -> None:
    """WHK-10: compare the `values` in the webhook of the finished run A with the messages of the state."""
    _accepted_with_webhook(play, "A")
    deliveries = _deliveries(play, "A")
    # WHK-05 judges a webhook that is missing.
    if not deliveries:
        raise Unproven("the listener received no webhook of run A")
    due = play.messages()
    body = deliveries[0].body if isinstance(deliveries[0].body, dict) else {}
    carried = read_messages(body.get("values"), play.scenario)
    expect(
        carried == due,
        f"the messages of the state in `values` of the webhook of run A: [{spell(due)}]",
        f"[{spell(carried)}]" if "values" in body else "no such field",
        deliveries[0].seq,
        play.last("final state", s.MAIN).sent,
    )


@check("WHK-11")
def webhook_comes_after_the_end(play: Play) -> None:
    """WHK-11: look for a webhook that was sent while its run was in flight, or that carries such a status."""
    judged = [m for m in play.moments if isinstance(m, Delivery)]
    for submit in play.scenario.submits():
        if submit.webhook:
            _accepted_with_webhook(play, submit.label)
    if not judged:
        raise Unproven("the listener received no webhook")
    for delivery in judged:
        status = _status(delivery)
        expect(
            status not in IN_FLIGHT,
            f"the status of an ended run in the webhook of run {delivery.label}",
            f"`{status}`",
            delivery.seq,
        )
        # A cancelled step reports while it stops, independently of the webhook. A step that begins, streams or returns
        # is one of a run that has not ended.
        late = [
            report
            for report in play.reports(delivery.label)
            if report.seq > delivery.seq and (report.event in ("enter", "token") or report.outcome == "returned")
        ]
        expect(
            not late,
            f"no step of run {delivery.label} after its webhook",
            f"{late[0].step} reported `{late[0].event}` after that" if late else "",
            delivery.seq,
            *(report.seq for report in late[:1]),
        )


@check("WHK-12")
def no_webhook_is_repeated(play: Play) -> None:
    """WHK-12: count the webhooks of every run whose first webhook was answered with success."""
    labels = [submit.label for submit in play.scenario.submits() if submit.webhook == "heard"]
    for label in labels:
        _accepted_with_webhook(play, label)
    found = {label: _deliveries(play, label) for label in labels}
    if not any(found.values()):
        raise Unproven("the listener received no webhook")
    for label, deliveries in found.items():
        expect(
            len(deliveries) < 2,
            f"at most one webhook of run {label}, since the listener accepted the first",
            f"{len(deliveries)}",
            *(delivery.seq for delivery in deliveries),
        )


def _expect_one_webhook(play: Play, label: str, status: str) -> None:
    """Raise Broken unless the listener received one webhook of run `label`, with this status."""
    submission = _accepted_with_webhook(play, label)
    deliveries = _deliveries(play, label)
    if not deliveries:
        raise Broken(f"a webhook of run {label}, which is over", "no webhook arrived", submission.sent)
    # The listener answers the first one with 2xx, so there is no reason to send it again.
    expect(
        len(deliveries) == 1,
        f"one webhook of run {label}, since the listener accepted the first",
        f"{len(deliveries)}",
        *(delivery.seq for delivery in deliveries),
    )
    carried = _status(deliveries[0])
    expect(carried == status, f"status `{status}` in the webhook of run {label}", f"`{carried}`", deliveries[0].seq)


def _freedom(play: Play, label: str) -> str:
    """Return the freedom that the deployment took: the statuses that the webhooks of run `label` carry."""
    _accepted_with_webhook(play, label)
    statuses = [_status(delivery) for delivery in _deliveries(play, label)]
    # Profiles declare these values, so the words are part of the file format.
    return f"tells {' and '.join(statuses)}" if statuses else "tells nothing"


def _accepted_with_webhook(play: Play, label: str) -> Exchange:
    """Return the submission of a run with a webhook. Raise Unproven unless the deployment accepted both."""
    submission = play.submission(label)
    # The listener for webhooks is a part of the witness.
    if not play.witnessed:
        raise Unproven("webhooks are sent to the witness, which this deployment cannot reach", submission.sent)
    response = submission.response
    # `langgraph dev` refuses addresses that its configuration does not allow, such as that of the listener.
    # A conflict is about the thread, whatever the webhook is.
    if response is not None and 400 <= response.status < 500 and response.status != 409:
        detail = response.body.get("detail") if isinstance(response.body, dict) else response.body
        raise Unproven(
            f"the deployment accepts no webhook to this machine ({submission.outcome()}: {snippet(detail)}). Allow it "
            "to call the suite's listener (for an Agent Server: `webhooks.url` in langgraph.json), or "
            f"{declare('webhook/*')}",
            submission.sent,
        )
    return play.accepted(label)


def _deliveries(play: Play, label: str) -> list[Delivery]:
    return [m for m in play.moments if isinstance(m, Delivery) and m.label == label]


def _status(delivery: Delivery) -> str:
    return status_text(delivery.body.get("status") if isinstance(delivery.body, dict) else None)
