"""STL: runs without a thread, and what is left of them."""

from __future__ import annotations

from conformance.checks.common import status_word
from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.messages import read_messages
from conformance.judge.overlap import was_executing
from conformance.judge.play import Exchange, Play
from conformance.judge.turns import parts_of
from conformance.judge.watchers import watcher
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Left


@check("STL-01")
def stateless_runs_never_meet(play: Play) -> None:
    """STL-01: compare the threads of runs A and B with each other, and each conversation with its run's own."""
    for label in ("A", "B"):
        submission = play.submission(label)
        expect(submission.ok, f"run {label} to be accepted", submission.outcome(), submission.sent)
        _is_kept_whole(play, label)
    threads = [play.transcript.threads[s.thread_of(label)] for label in ("A", "B")]
    see = play.submission("B").sent
    expect(threads[0] != threads[1], "a thread for each run", f"both have {threads[0]}", see)


@check("STL-02")
def thread_is_thrown_away(play: Play) -> None:
    """STL-02: compare GET of the run's thread with 404, or with the whole run where it is to be kept."""
    name = s.thread_of("A")
    play.accepted("A")
    if play.scenario.submit("A").on_completion == "keep":
        _is_kept_whole(play, "A")
        return
    exchange = _thread_afterwards(play, "A")
    expect(
        exchange.response is not None and exchange.response.status == 404,
        f"the {name} to be 404 once the run is over",
        exchange.outcome(),
        exchange.sent,
    )


@check("STL-03")
def stops_when_its_client_leaves(play: Play) -> None:
    """STL-03: compare run A's reports after its client disconnected with the `on_disconnect` that was sent."""
    left = next((m for m in play.moments if isinstance(m, Left)), None)
    if left is None or not play.reports("A"):
        raise Unproven("no client of a run that executes has left")
    steps = [trace.step for trace in play.steps("A") if trace.enter > left.seq]
    stopped = any(report.event in ("cancelled", "gone") and report.seq > left.seq for report in play.reports("A"))
    if play.scenario.submit("A").on_disconnect == "cancel":
        expect(stopped and not steps, "run A to be stopped when its client left", "it went on", left.seq)
    else:
        expect(not stopped and bool(steps), "run A to go on when its client left", "it did not", left.seq)


@check("STL-04")
def output_is_told(play: Play) -> None:
    """STL-04: compare the values in the stream, or in the answer to wait or join, with those that run A left."""
    answer = play.accepted("A")
    match play.scenario.submit("A").endpoint:
        case "create":
            answer = watcher(play, "V").exchange
            if not was_executing(play, "A", answer.sent):
                raise Unproven("run A, and its thread with it, may have been gone when it was joined", answer.sent)
            told = answer.body
        case "wait":
            told = answer.body
        case "stream":
            told = next((e.data for e in reversed(play.events(answer)) if e.event == "values"), None)
    observed = tuple(message.word for message in read_messages(told, play.scenario))
    due = parts_of(play.scenario.submit("A"))
    expect(observed == due, f"the values that run A left: [{' '.join(due)}]", f"[{' '.join(observed)}]", answer.sent)


def _is_kept_whole(play: Play, label: str) -> None:
    """The thread of a run is there, and has that run's whole conversation and no other."""
    exchange = _thread_afterwards(play, label)
    expect(exchange.ok, f"the {s.thread_of(label)} to be kept", exchange.outcome(), exchange.sent)
    status = play.final_status(label)
    see = play.last("final run", f"run {label}").sent
    expect(status == "success", f"run {label} to succeed", status_word(status), see)
    due = parts_of(play.scenario.submit(label))
    observed = tuple(message.word for message in play.messages("final", s.thread_of(label)))
    see = play.last("final state", s.thread_of(label)).sent
    expect(observed == due, f"on its thread [{' '.join(due)}] alone", f"[{' '.join(observed)}]", see)


def _thread_afterwards(play: Play, label: str) -> Exchange:
    if s.thread_of(label) not in play.transcript.threads:
        raise Unproven(f"the deployment did not tell the thread of run {label}", play.submission(label).sent)
    return play.last("final thread", s.thread_of(label))
