"""STL: runs without a thread, and what remains of them."""

from __future__ import annotations

from conformance.api import LABEL_KEY, objects
from conformance.checks.common import status_word
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, all_facts, expect
from conformance.judge.messages import read_messages
from conformance.judge.overlap import was_executing
from conformance.judge.play import Exchange, Play
from conformance.judge.premises import ACCEPTED_A, HELD
from conformance.judge.turns import parts_of
from conformance.judge.watchers import watcher
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet
from conformance.transcript.transcript import Left


@check("STL-01")
@all_facts
def stateless_runs_never_meet(play: Play) -> None:
    """STL-01: compare the threads of runs A and B with each other, and each conversation with its run's own."""
    for label in ("A", "B"):
        submission = play.submission(label)
        # A run that failed was created all the same. `_expect_kept_whole` judges its end.
        expect(
            submission.made_run,
            f"a 2xx answer to the creation of the stateless run {label}",
            submission.outcome(),
            submission.sent,
        )
        _expect_kept_whole(play, label)
    threads = [play.thread(s.thread_of(label)) for label in ("A", "B")]
    see = play.submission("B").sent
    expect(threads[0] != threads[1], "a thread of its own for each stateless run", f"both have {threads[0]}", see)


@check("STL-02", premises=(HELD, ACCEPTED_A))
@all_facts
def thread_is_deleted(play: Play) -> None:
    """STL-02: compare GET of the run's thread with 404, or with the whole run where it is to be kept."""
    if play.scenario.submit("A").on_completion == "keep":
        _expect_kept_whole(play, "A")
        return
    exchange = _thread_afterwards(play, "A")
    expect(
        exchange.response is not None and exchange.response.status == 404,
        "HTTP 404 for GET of the thread of run A once the run is over",
        exchange.outcome(),
        exchange.sent,
    )


@check("STL-03")
def on_disconnect_is_honoured_without_a_thread(play: Play) -> None:
    """STL-03: compare run A's reports after its client disconnected with the `on_disconnect` that was sent."""
    disconnected = next((m for m in play.moments if isinstance(m, Left)), None)
    if disconnected is None or not play.reports("A"):
        raise Unproven("no client disconnected while its run was executing")
    # From the reports and not from a status: the run and its thread are gone once it is over.
    steps = [trace.step for trace in play.steps("A") if trace.enter > disconnected.seq]
    stopped = any(
        report.event in ("cancelled", "gone") and report.seq > disconnected.seq for report in play.reports("A")
    )
    if play.scenario.submit("A").on_disconnect == "cancel":
        expect(
            stopped and not steps,
            "run A (on_disconnect=cancel) to be cancelled when its client disconnects",
            f"run A entered {steps[0]} after that" if steps else "no step of run A was cancelled",
            disconnected.seq,
        )
    else:
        expect(
            not stopped and bool(steps),
            "run A (on_disconnect=continue) to continue when its client disconnects",
            "a step of run A was cancelled" if stopped else "run A entered no further step",
            disconnected.seq,
        )


@check("STL-04")
def output_is_returned(play: Play) -> None:
    """STL-04: compare the values in the stream, or in the answer to wait or join, with run A's messages."""
    answer = play.accepted("A")
    match play.scenario.submit("A").endpoint:
        case "create":
            answer = watcher(play, "V").exchange
            # A run that is over takes its thread with it, so a join that comes too late has nothing to answer with.
            if not was_executing(play, "A", answer.sent):
                raise Unproven("run A, and its thread with it, may have been gone when it was joined", answer.sent)
            values = answer.body
        case "wait":
            values = answer.body
        # The last `values` event: each one is the whole state.
        case "stream":
            values = next((e.data for e in reversed(play.events(answer)) if e.event == "values"), None)
    observed = tuple(message.word for message in read_messages(values, play.scenario))
    due = parts_of(play.scenario.submit("A"))
    expect(
        observed == due,
        f"the messages of run A in its output: [{' '.join(due)}]",
        # An answer without messages may state the reason.
        f"[{' '.join(observed)}]" if observed else f"`{snippet(values)}`",
        answer.sent,
    )


@check("STL-05")
@all_facts
def batch_creates_each_run(play: Play) -> None:
    """STL-05: look for each run of a batch in its answer, and for the last step of each in the reports."""
    batch = play.last("batch", "batch")
    if not batch.ok:
        raise Broken("a 2xx answer to the batch", batch.outcome(), batch.sent)
    shown = [run.get("metadata") for run in objects(batch.body)]
    found = sorted(snippet(one.get(LABEL_KEY)) for one in shown if isinstance(one, dict))
    labels = [label for move in play.scenario.moves if isinstance(move, s.Batch) for label, _ in move.runs]
    due = [snippet(label) for label in labels]
    expect(
        found == due,
        f"a list of the runs {' and '.join(due)} in the answer",
        " ".join(found) or snippet(batch.body),
        batch.sent,
    )
    for label in labels:
        reports = play.reports(label)
        ended = any((report.step, report.event) == ("agent:2", "exit") for report in reports)
        reached = f"{reports[-1].step}/{reports[-1].event}" if reports else "no report"
        expect(ended, f"run {label} of the batch to execute its last step", reached, batch.sent)


def _expect_kept_whole(play: Play, label: str) -> None:
    """Raise Broken unless the thread of a run exists and has that run's whole conversation and no other."""
    exchange = _thread_afterwards(play, label)
    expect(exchange.ok, f"a 2xx answer to GET of the thread of run {label}", exchange.outcome(), exchange.sent)
    status = play.final_status(label)
    see = play.last("final run", f"run {label}").sent
    expect(status == "success", f"run {label} to end `success`", status_word(status), see)
    due = parts_of(play.scenario.submit(label))
    observed = tuple(message.word for message in play.messages("final", s.thread_of(label)))
    see = play.last("final state", s.thread_of(label)).sent
    expect(
        observed == due,
        f"the messages [{' '.join(due)}] and no others on the thread of run {label}",
        f"[{' '.join(observed)}]",
        see,
    )


def _thread_afterwards(play: Play, label: str) -> Exchange:
    """Return the final reading of a stateless run's thread. Raise Unproven when the thread's id is unknown."""
    if s.thread_of(label) not in play.transcript.threads:
        raise Unproven(f"the deployment did not report the thread of run {label}", play.submission(label).sent)
    return play.last("final thread", s.thread_of(label))
