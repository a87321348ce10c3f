"""RUN: what a run looks like and how its status moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from conformance.checks import Check
from conformance.judge.expect import Broken, Unproven, expect
from conformance.judge.play import Play
from conformance.judge.statuses import GONE, RUN_STATUSES, TERMINAL
from conformance.scenarios import scenario as s
from conformance.transcript.text import snippet

RANK = {"pending": 0, "running": 1}
"""How far a status is along a run's life; every terminal status comes after these."""

RUN_FIELDS = (
    "run_id",
    "thread_id",
    "assistant_id",
    "created_at",
    "updated_at",
    "status",
    "metadata",
    "kwargs",
    "multitask_strategy",
)
"""What the published schema `Run` requires."""

CLOCK_SLACK = 0.95
"""The share of a delay that must have passed on this machine's clock: the deployment has one of its own."""


def labels(play: Play) -> list[str]:
    """The runs of a play whose submission was reached, on any thread."""
    return [submit.label for submit in play.scenario.all_submits if play.asked_for("submit", submit.label)]


def statuses_are_documented(play: Play) -> None:
    """RUN-01."""
    seen = False
    for label in labels(play):
        for reading in play.readings(label):
            seen = seen or reading.status != GONE
            expect(
                reading.status in RUN_STATUSES or reading.status == GONE,
                f"a status of run {label} that is one of {', '.join(sorted(RUN_STATUSES))}",
                f"`{reading.status}`",
                reading.asked,
            )
    if not seen:
        raise Unproven("no run's status was ever told")


def create_answers_with_the_run(play: Play) -> None:
    """RUN-02."""
    created = [
        (move.label, exchange)
        for move in play.scenario.all_submits
        if move.endpoint == "create"
        for exchange in play.asked_for("submit", move.label)
        if exchange.ok
    ]
    if not created:
        raise Unproven("no create was accepted")
    for label, exchange in created:
        response = exchange.response
        if response is None:
            raise Unproven(f"no answer to the create of run {label}", exchange.asked)
        expect(
            response.status == 200,
            f"200 for the create of run {label}",
            f"{response.status}",
            exchange.asked,
        )
        body = exchange.body if isinstance(exchange.body, dict) else {}
        missing = [field for field in RUN_FIELDS if field not in body]
        expect(
            not missing,
            f"the whole run {label} in the answer",
            f"no {', '.join(missing)}",
            exchange.asked,
        )
        expect(
            f"/threads/{body['thread_id']}/runs" in exchange.request.path,
            f"run {label} to be on the thread on which it was asked for",
            f"thread_id {body['thread_id']}",
            exchange.asked,
        )
        expect(
            body["status"] in ("pending", "running"),
            f"a new run {label} that is `pending` (or already `running`)",
            f"`{body['status']}`",
            exchange.asked,
        )
        location = response.headers.get("content-location", "")
        expect(
            location.endswith(f"/runs/{body['run_id']}"),
            f"a Content-Location header that ends in /runs/{body['run_id']}",
            f"`{location}`" if location else "no such header",
            exchange.asked,
        )


def terminal_status_stays(play: Play) -> None:
    """RUN-03."""
    for label in labels(play):
        readings = play.readings(label)
        for index, reading in enumerate(readings):
            if reading.status not in TERMINAL:
                continue
            for later in readings[index + 1 :]:
                # Two requests under way at once may be answered in either order.
                if later.asked > reading.told:
                    expect(
                        later.status in (reading.status, GONE),
                        f"run {label} to stay `{reading.status}`",
                        f"`{later.status}` later",
                        reading.asked,
                        later.asked,
                    )
    if not any(r.status in TERMINAL for label in labels(play) for r in play.readings(label)):
        raise Unproven("no run was seen to reach a terminal status")


def status_moves_forward(play: Play) -> None:
    """RUN-04."""
    for label in labels(play):
        readings = [r for r in play.readings(label) if r.status in RUN_STATUSES]
        for index, reading in enumerate(readings):
            for later in readings[index + 1 :]:
                if later.asked > reading.told:
                    expect(
                        RANK.get(later.status, 2) >= RANK.get(reading.status, 2),
                        f"run {label} not to go back from `{reading.status}`",
                        f"`{later.status}` later",
                        reading.asked,
                        later.asked,
                    )
    if not any(play.readings(label) for label in labels(play)):
        raise Unproven("no run's status was ever told")


def one_run_executes_at_a_time(play: Play) -> None:
    """RUN-05. A run executes from its first report to its last; reports of two runs must not interleave."""
    spans = {
        submit.label: (reports[0].seq, reports[-1].seq)
        for submit in play.scenario.submits()
        if (reports := [r for r in play.reports(submit.label) if r.event != "gone"])
    }
    if not spans:
        raise Unproven("the witness saw no step of any run")
    for label, (first, last) in spans.items():
        for other, (other_first, _) in spans.items():
            if other != label and first < other_first < last:
                raise Broken(
                    f"no step of run {other} while run {label} was executing",
                    f"run {other} entered its first step, and run {label} reported from a step after that",
                    first,
                    other_first,
                    last,
                )


def strategy_is_echoed(play: Play) -> None:
    """RUN-06."""
    told = 0
    for exchange in play.exchanges:
        if exchange.request.purpose not in ("submit", "final run") or not isinstance(exchange.body, dict):
            continue
        label = exchange.request.about.removeprefix("run ")
        sent = play.scenario.submit(label).strategy
        if "run_id" not in exchange.body or (sent is None and exchange.request.purpose == "submit"):
            continue
        told += 1
        echoed = exchange.body.get("multitask_strategy")
        if sent is None:
            expect(
                echoed in ("enqueue", "reject", "interrupt", "rollback"),
                f"run {label} to tell the strategy that it was given by default",
                f"`{echoed}`",
                exchange.asked,
            )
        else:
            expect(
                echoed == sent,
                f"run {label} to tell the strategy `{sent}` that was sent",
                f"`{echoed}`",
                exchange.asked,
            )
    if not told:
        raise Unproven("no answer told a run's strategy")


def default_strategy(play: Play) -> str:
    """RUN-07: the freedom taken, judged by what happened to A and B, not by what is echoed."""
    play.reached("A", "tools:1/enter")
    submission = play.submission("B")
    if not submission.ok:
        if submission.response is not None and submission.response.status in (409, 422):
            return "reject"
        raise Unproven(f"run B was not accepted: {submission.outcome()}", submission.asked)
    return {
        "success": "enqueue",
        "interrupted": "interrupt",
        GONE: "rollback",
    }.get(play.final_status("A"), "something else")


def no_status_for_stopping(play: Play) -> None:
    """RUN-08."""
    since = play.accepted("B").asked
    readings = [r for r in play.readings("A") if r.asked > since]
    if not readings:
        raise Unproven("run A's status was not told after run B was asked for")
    for reading in readings:
        expect(
            reading.status in RUN_STATUSES or reading.status == GONE,
            "a documented status of run A while it is being stopped",
            f"`{reading.status}`",
            reading.asked,
        )


def runs_are_listed_by_filter(play: Play) -> None:
    """RUN-10."""
    whole = [run for run in play.body("final runs", s.MAIN, list) if isinstance(run, dict)]
    listings = play.asked_for("list runs")
    if not listings:
        raise Unproven("no filtered list was asked for")
    asked = [move for move in play.scenario.moves if isinstance(move, s.ListRuns)]
    twice = sorted(name for name, count in Counter(str(run.get("run_id")) for run in whole).items() if count > 1)
    expect(
        not twice, "every run once in the list", f"twice: {_named(play, twice)}", play.last("final runs", s.MAIN).asked
    )
    times = [str(run.get("created_at")) for run in whole]
    expect(times == sorted(times, reverse=True), "runs newest first", f"created_at in the order {times}")
    for move, exchange in zip(asked, listings, strict=False):
        if not isinstance(exchange.body, list):
            raise Unproven(f"no usable list: {exchange.outcome()}", exchange.asked)
        fitting = [run for run in whole if move.status in (None, run.get("status"))]
        due = [run.get("run_id") for run in fitting[move.offset : move.offset + move.limit]]
        got = [run.get("run_id") for run in exchange.body if isinstance(run, dict)]
        expect(
            got == due,
            f"for status={move.status}, limit={move.limit}, offset={move.offset} the runs " + _named(play, due),
            _named(play, got),
            exchange.asked,
        )


def delayed_run_waits(play: Play) -> None:
    """RUN-20. The witness hears of a step once it has begun, so a delay can only seem too long, never too short."""
    for submit in play.scenario.submits():
        if submit.after_seconds is None:
            continue
        submission = play.accepted(submit.label)
        told = submission.body.get("status") if isinstance(submission.body, dict) else None
        expect(told == "pending", f"the new run {submit.label} to be `pending`", f"`{told}`", submission.asked)
        status = play.final_status(submit.label)
        see = play.last("final run", f"run {submit.label}").asked
        expect(status == "success", f"run {submit.label} to succeed after its delay", f"`{status}`", see)
        began = play.began(submit.label)
        if began is None:
            raise Unproven(f"the witness saw no step of run {submit.label}")
        passed = play.moments[began].t - submission.request.t
        expect(
            passed >= submit.after_seconds * CLOCK_SLACK,
            f"no step of run {submit.label} within {submit.after_seconds:g} s of the request",
            f"the first one after {passed:.2f} s",
            submission.asked,
            began,
        )


def run_is_whole(play: Play) -> None:
    """RUN-15. The driver gives every run a label in its metadata."""
    told = 0
    for exchange in play.exchanges:
        label, body = exchange.request.about.removeprefix("run "), exchange.body
        if exchange.request.purpose not in ("submit", "look", "final run") or not isinstance(body, dict):
            continue
        if "run_id" not in body:
            continue
        told += 1
        metadata, thread = body.get("metadata"), play.transcript.threads.get(s.thread_of(label))
        thread = thread or play.transcript.threads.get(play.scenario.submit(label).thread)
        expect(
            body.get("thread_id") == thread,
            f"run {label} to be on thread {thread}",
            f"thread_id {snippet(body.get('thread_id'))}",
            exchange.asked,
        )
        expect(
            isinstance(body.get("assistant_id"), str),
            f"the id of run {label}'s assistant",
            f"assistant_id {snippet(body.get('assistant_id'))}",
            exchange.asked,
        )
        expect(
            isinstance(metadata, dict) and metadata.get("doubletext_label") == label,
            f'`"doubletext_label": "{label}"` in the metadata of run {label}, as it was sent',
            f"{snippet(metadata)}",
            exchange.asked,
        )
    if not told:
        raise Unproven("no answer told of a run")


def _named(play: Play, run_ids: Sequence[object]) -> str:
    return ", ".join(play.label_of(run_id) for run_id in run_ids) or "none"


CHECKS: Mapping[str, Check] = {
    "RUN-01": statuses_are_documented,
    "RUN-02": create_answers_with_the_run,
    "RUN-03": terminal_status_stays,
    "RUN-04": status_moves_forward,
    "RUN-05": one_run_executes_at_a_time,
    "RUN-06": strategy_is_echoed,
    "RUN-07": default_strategy,
    "RUN-08": no_status_for_stopping,
    "RUN-15": run_is_whole,
    "RUN-10": runs_are_listed_by_filter,
    "RUN-20": delayed_run_waits,
}
