"""RUN: the representation of a run, and the order of its statuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from conformance.api import GONE, RUN_STATUSES, namesake, objects
from conformance.checks.common import expect_end, status_word
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, expect
from conformance.judge.play import Play, StatusReading
from conformance.judge.premises import of_another_thread
from conformance.judge.queries import options_of
from conformance.judge.requests import accepted_deletion, labels
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet

RANK = {"pending": 0, "running": 1}
"""The position of a status in a run's life. Every terminal status comes after these."""

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
"""The required fields of the published schema `Run`."""


@check("RUN-01", premises=())
@all_facts
def statuses_are_documented(play: Play) -> None:
    """RUN-01: compare every status that was reported for a run with the documented ones."""
    seen = False
    for label in labels(play):
        for reading in play.readings(label):
            # A 404 is no status. Whether the run may be gone is for other requirements to judge.
            if reading.status == GONE:
                continue
            seen = True
            if reading.status not in RUN_STATUSES:
                due = f"a status of run {label} that is one of {', '.join(sorted(RUN_STATUSES))}"
                expect(False, due, _shown(play, reading), reading.sent)
    if not seen:
        raise Unproven("the deployment never reported the status of a run")


def _shown(play: Play, reading: StatusReading) -> str:
    """Return the status of a reading, or the whole answer if it is an object without one, such as an error with 200."""
    bodies = [exchange.body for exchange in play.exchanges if exchange.sent == reading.sent]
    if bodies and isinstance(bodies[0], dict) and "status" not in bodies[0]:
        return f"no `status` in `{snippet(bodies[0])}`"
    return f"`{reading.status}`"


@check("RUN-02")
@all_facts
def create_answers_with_the_run(play: Play) -> None:
    """RUN-02: compare the answer to every create with 200, the whole run and its Content-Location."""
    created = [
        (move.label, exchange)
        for move in play.scenario.all_submits
        if move.endpoint == "create"
        for exchange in play.exchanges_for("submit", move.label)
        if exchange.ok
    ]
    if not created:
        raise Unproven("the deployment accepted no create")
    for label, exchange in created:
        response = exchange.response
        if response is None:
            raise Unproven(f"no answer to the create of run {label}", exchange.sent)
        expect(
            response.status == 200,
            f"HTTP 200 for the create of run {label}",
            f"HTTP {response.status}",
            exchange.sent,
        )
        body = exchange.body if isinstance(exchange.body, dict) else {}
        missing = [field for field in RUN_FIELDS if field not in body]
        other = namesake(body, "run_id") if missing else None
        expect(
            not missing,
            f"every required field of run {label} in the answer to its create",
            f"no {', '.join(missing)}" + (f" but `{snippet(other, 80)}`" if other else ""),
            exchange.sent,
        )
        expect(
            "thread_id" not in body or f"/threads/{body['thread_id']}/runs" in exchange.request.path,
            f"run {label} to be on the thread in the path of its create",
            f"thread_id {snippet(body.get('thread_id'))}",
            exchange.sent,
        )
        # The API description does not demand `pending`, so a deployment may have started the run before it answers.
        expect(
            "status" not in body or body["status"] in ("pending", "running"),
            f"the new run {label} to be `pending` (or already `running`)",
            f"`{snippet(body.get('status'))}`",
            exchange.sent,
        )
        # Only the end: the header may be an absolute URL, or have a prefix of a proxy.
        location, run_id = response.headers.get("content-location", ""), body.get("run_id")
        expect(
            location.endswith(f"/runs/{run_id}") if run_id else "/runs/" in location,
            f"a Content-Location header that ends in /runs/{run_id or 'and the id'}",
            f"`{location}`" if location else "no such header",
            exchange.sent,
        )


@check("RUN-03")
@all_facts
def terminal_status_stays(play: Play) -> None:
    """RUN-03: compare every status that was read after a terminal one with that one."""
    for label in labels(play):
        readings = play.readings(label)
        for index, reading in enumerate(readings):
            if reading.status not in play.ends(label):
                continue
            for later in readings[index + 1 :]:
                # Two requests that are in progress at once may be answered in either order. Only a request that was
                # sent after the first answer arrived asks about a later time.
                if later.sent > reading.received and later.status not in (reading.status, GONE):
                    # The condition is above, because each text searches all exchanges for its request.
                    expect(
                        False,
                        f"run {label} to stay `{reading.status}`{_place(play, reading)}",
                        f"{status_word(later.status)} later{_place(play, later)}",
                        reading.sent,
                        later.sent,
                    )
    if not any(r.status in play.ends(label) for label in labels(play) for r in play.readings(label)):
        raise Unproven("the deployment never reported a terminal status of a run")


def _place(play: Play, reading: StatusReading) -> str:
    """Return a text with the request that showed a status. Two endpoints may show different ones."""
    request = next((one.request for one in play.exchanges if one.sent == reading.sent), None)
    if request is None:
        return ""
    listed = request.path.partition("?")[0].endswith("/runs")
    return f", in {'the list of runs' if listed else 'the run'} of {request.method} {request.path}"


@check("RUN-04")
@all_facts
def status_moves_forward(play: Play) -> None:
    """RUN-04: compare the order of a run's statuses with pending, running, terminal."""
    for label in labels(play):
        # Undocumented statuses have no rank. RUN-01 judges them.
        readings = [r for r in play.readings(label) if r.status in RUN_STATUSES]
        for index, reading in enumerate(readings):
            for later in readings[index + 1 :]:
                # As in RUN-03: only then is it a later time.
                if later.sent > reading.received and RANK.get(later.status, 2) < RANK.get(reading.status, 2):
                    expect(
                        False,
                        f"run {label} not to go back from `{reading.status}`{_place(play, reading)}",
                        f"`{later.status}` later{_place(play, later)}",
                        reading.sent,
                        later.sent,
                    )
    if not any(play.readings(label) for label in labels(play)):
        raise Unproven("the deployment never reported the status of a run")


@check("RUN-06")
@all_facts
def strategy_is_echoed(play: Play) -> None:
    """RUN-06: compare the strategy that a run reports with the one that was sent, or with the four."""
    judged = 0
    for exchange in play.exchanges:
        if not exchange.serves("submit", "final run") or not isinstance(exchange.body, dict):
            continue
        label = exchange.request.about.removeprefix("run ")
        sent = play.scenario.submit(label).strategy
        # Without a strategy only the final reading counts, since by then the deployment has applied its default. The
        # answer to a `wait` contains the thread's values and no run.
        if "run_id" not in exchange.body or (sent is None and exchange.serves("submit")):
            continue
        judged += 1
        echoed = exchange.body.get("multitask_strategy")
        if sent is None:
            # Which default a deployment has is reported by RUN-07.
            expect(
                echoed in ("enqueue", "reject", "interrupt", "rollback"),
                f"one of the four strategies as multitask_strategy in run {label}, which was created without one",
                f"`{snippet(echoed)}`",
                exchange.sent,
            )
        else:
            expect(
                echoed == sent,
                f"multitask_strategy `{sent}` in run {label}, as it was sent",
                f"`{snippet(echoed)}`",
                exchange.sent,
            )
    if not judged:
        raise Unproven("no answer contained a run with its strategy")


@check("RUN-07")
def default_strategy(play: Play) -> str:
    """RUN-07: report the strategy that explains the ends of runs A and B when none was sent."""
    # The end of run A decides and not `multitask_strategy` in an answer, because a server may report one strategy and
    # apply another.
    play.reached("A", "tools:1/enter")
    submission = play.submission("B")
    if not submission.ok:
        if submission.response is not None and submission.response.status in (409, 422):
            return "reject"
        raise Unproven(f"run B was not accepted: {submission.outcome()}", submission.sent)
    return {
        "success": "enqueue",
        "interrupted": "interrupt",
        GONE: "rollback",
    }.get(play.final_status("A"), "something else")


@check("RUN-08")
@all_facts
def no_status_for_stopping(play: Play) -> None:
    """RUN-08: compare run A's statuses after run B was created with the documented ones."""
    # RUN-01 judges the same statuses as a MUST. This SHOULD names the one known cause, a status such as `cancelling`:
    # https://github.com/bytedance/deer-flow/pull/2598
    since = play.accepted("B").sent
    readings = [r for r in play.readings("A") if r.sent > since]
    if not readings:
        raise Unproven("run A's status was not read after run B was created")
    for reading in readings:
        expect(
            reading.status in RUN_STATUSES or reading.status == GONE,
            "a documented status of run A while it is being stopped",
            f"`{reading.status}`",
            reading.sent,
        )


@check("RUN-10")
@all_facts
def runs_are_listed_by_filter(play: Play) -> None:
    """RUN-10: compare every filtered list of runs with the matching part of the unfiltered list."""
    whole = [run for run in play.body("final runs", s.MAIN, list) if isinstance(run, dict)]
    listings = play.exchanges_for("list runs")
    if not listings:
        raise Unproven("the driver did not reach the filtered lists")
    filters = [move for move in play.scenario.moves if isinstance(move, s.ListRuns)]
    see = play.last("final runs", s.MAIN).sent
    # Named by itself: runs of another thread would otherwise appear only as a wrong order or number.
    foreign = [run for run in whole if run.get("thread_id") not in (None, play.thread())]
    expect(
        not foreign,
        "only runs of the thread in its list of runs",
        f"runs of other threads: {', '.join(snippet(run.get('run_id')) for run in foreign[:3])}",
        see,
    )
    twice = sorted(
        name for name, count in Counter(play.label_of(run.get("run_id")) for run in whole).items() if count > 1
    )
    expect(not twice, "every run once in the list", f"twice: {', '.join(twice)}", see)
    # As text: ISO 8601 times of one server have one format and zone, and so sort like the times.
    times = [snippet(run.get("created_at")) for run in whole]
    expect(
        times == sorted(times, reverse=True),
        "the list of runs to be sorted newest first",
        f"created_at in the order {', '.join(times)}",
        see,
    )
    # Not strict: the driver stops early when the deployment stops answering.
    for move, exchange in zip(filters, listings, strict=False):
        if not isinstance(exchange.body, list):
            raise Unproven(f"no usable list of runs: {exchange.outcome()}", exchange.sent)
        # The expectation is computed from the deployment's own list, which is read when all runs are over and no status
        # changes any more.
        fitting = [run for run in whole if move.status in (None, run.get("status"))]
        due = [run.get("run_id") for run in fitting[move.offset : move.offset + move.limit]]
        got = [run.get("run_id") for run in exchange.body if isinstance(run, dict)]
        query = f"limit={move.limit}&offset={move.offset}" + (f"&status={move.status}" if move.status else "")
        expect(
            got == due,
            f"the runs {_named(play, due)} for {query}",
            _named(play, got),
            exchange.sent,
        )


@check("RUN-37", premises=())
@all_facts
def every_run_is_listed(play: Play) -> None:
    """RUN-37: look in the list of the thread's runs for every run of the thread that a GET shows."""
    listing = play.last("final runs", s.MAIN)
    rows = objects(play.body("final runs", s.MAIN, list))
    # RUN-10 and ECH-03 judge such a list. Its next page may have what this one lacks.
    if len(rows) == options_of(listing).get("limit") and any(of_another_thread(play, run) for run in rows):
        raise Unproven("the list of the thread's runs is a full page, with runs of other threads in it", listing.sent)
    listed = [run.get("run_id") for run in rows]
    own = f"/threads/{play.thread()}/runs/"
    shown = [e for e in play.exchanges_for("final run") if e.ok and own in e.request.path and e.sent > listing.sent]
    if not shown:
        raise Unproven("no GET shows a run of the thread")
    for exchange in shown:
        label = exchange.request.about.removeprefix("run ")
        expect(
            play.run_id(label) in listed,
            f"run {label}, which GET shows, in the list of the thread's runs",
            f"{len(listed)} runs without it",
            listing.sent,
            exchange.sent,
        )


@check("RUN-13")
@all_facts
def deleted_run_is_gone(play: Play) -> None:
    """RUN-13: look for the deleted run, which must answer 404 and not be listed."""
    deletion, label = accepted_deletion(play)
    expect_end(play, label, GONE, f"run {label} (deleted)", deletion.sent)
    listed = [run.get("run_id") for run in play.body("final runs", s.MAIN, list) if isinstance(run, dict)]
    expect(
        play.run_id(label) not in listed,
        f"run {label} (deleted) not to be in the list of the thread's runs",
        "it is listed",
        play.last("final runs", s.MAIN).sent,
    )


@check("RUN-15")
@all_facts
def run_is_whole(play: Play) -> None:
    """RUN-15: compare the thread, assistant and metadata that a run reports with what was sent."""
    judged = 0
    for exchange in play.exchanges:
        label, body = exchange.request.about.removeprefix("run "), exchange.body
        if not exchange.serves("submit", "look", "final run") or not isinstance(body, dict):
            continue
        # A thread, or the values that a `wait` answers with.
        if "run_id" not in body:
            continue
        judged += 1
        # A stateless run has a thread of its own, known under the run's label once the deployment has reported it.
        metadata, thread = body.get("metadata"), play.transcript.threads.get(s.thread_of(label))
        thread = thread or play.transcript.threads.get(play.scenario.submit(label).thread)
        expect(
            body.get("thread_id") == thread,
            f"thread_id {thread} in run {label}",
            f"thread_id {snippet(body.get('thread_id'))}",
            exchange.sent,
        )
        # Not the value that was sent: an assistant may be named by its graph, and the server answers with its id.
        expect(
            isinstance(body.get("assistant_id"), str),
            f"the id of an assistant as assistant_id in run {label}",
            f"assistant_id {snippet(body.get('assistant_id'))}",
            exchange.sent,
        )
        # A run that is accepted only without metadata breaks FRM-05.
        sent = play.submission(label).request.body
        if not isinstance(sent, dict) or "metadata" not in sent:
            continue
        # The driver sends the label in the metadata of every run. A server may add keys of its own.
        expect(
            isinstance(metadata, dict) and metadata.get("doubletext_label") == label,
            f'`"doubletext_label": "{label}"` in the metadata of run {label}, as it was sent',
            f"{snippet(metadata)}",
            exchange.sent,
        )
    if not judged:
        raise Unproven("no answer contained a run")


def _named(play: Play, run_ids: Sequence[object]) -> str:
    """Return the labels of runs in one line."""
    return ", ".join(play.label_of(run_id) for run_id in run_ids) or "none"
