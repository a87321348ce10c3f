"""The translation of a recorded play into a history of its main thread.

Only facts are taken over that the model knows. Scenarios with features outside of the model (`outside`) give a history
that is not judged. Runs on other threads are left out, since nothing of theirs may touch the main one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, get_args
from urllib.parse import parse_qs, urlsplit

from conformance.api import GONE, LABEL_KEY, objects
from conformance.histories.history import Answer, History, Operation, Reading, Report
from conformance.histories.model import Outcome, Plan
from conformance.histories.spelling import Speller
from conformance.histories.streams import read_streams
from conformance.judge.play import Exchange, Play, status_text
from conformance.judge.premises import lost_reports
from conformance.judge.requests import action_of
from conformance.scenarios import moves as s
from conformance.scenarios.steps import STEPS
from conformance.transcript.transcript import Left, Missed, Released, Response, WitnessEvent
from doubletext.probe import requested_place

TERMINAL: Final = "to reach a terminal status"
"""The end of a run, as the driver names it when the deadline of a wait passed."""

KINDS: Final = ("human", "call", "result", "answer")
"""The messages of a turn with a tool call. The first is the input, and each step adds one."""

FOREIGN: Final = (s.CreateAgain, s.Ask, s.Browse, s.CreateCron, s.AwaitCron, s.DeleteCron)
"""The moves that change a thread in a way that the model does not know."""


def transcribe(play: Play) -> History:
    """Return the history of the main thread of a play."""
    reasons = tuple(dict.fromkeys(_outside(play)))
    if reasons:
        return History({}, outside=reasons)
    plans = {submit.label: _plan(play, submit) for submit in play.scenario.submits()}
    speller = Speller(play)
    return History(
        plans,
        tuple(_operations(play)),
        (*_readings(play, speller), *read_streams(play, speller), *_deadlines(play)),
        tuple(_reports(play, plans)),
        tuple(moment.t for moment in play.moments),
    )


def _outside(play: Play) -> Iterator[str]:
    """Yield the reasons why a play is outside of the model."""
    if not play.witnessed:
        yield "no witness"
    if play.lost is not None:
        yield "the deployment stopped answering"
    if s.MAIN not in play.transcript.threads:
        yield "no thread was created"
    for label, point in lost_reports(play):
        yield f"the report {point} of run {label} was lost"
    for move in play.scenario.requests:
        if isinstance(move, FOREIGN):
            yield f"the move {type(move).__name__}"
        if isinstance(move, s.UpdateState):
            yield from (f"{name} of an update" for name in ("from_step", "as_node") if getattr(move, name) is not None)
        if isinstance(move, s.Submit) and move.thread == s.MAIN:
            yield from _features(move)


def _features(submit: s.Submit) -> Iterator[str]:
    for name in (
        "from_step",
        "after_seconds",
        "stop_before",
        "stop_after",
        "on_completion",
        "if_not_exists",
        "goto",
        "recursion_limit",
    ):
        if getattr(submit, name) not in (None, ()):
            yield f"{name} of a run"
    if submit.work != "tools":
        yield f"the work {submit.work}"


def _plan(play: Play, submit: s.Submit) -> Plan:
    """Return the plan of a run, with the steps that never reported their end."""
    kinds: tuple[str, ...] = KINDS
    steps: tuple[str, ...] = STEPS
    writer = submit.label
    if requested_place(submit.text) is None:
        kinds, steps = ("human", "answer"), STEPS[:1]
    if submit.answers is not None:
        asked = play.scenario.submit(submit.answers)
        at = min((STEPS.index(step) for step in asked.interrupt if step in STEPS), default=len(STEPS))
        kinds, steps, writer = KINDS[at + 1 :], STEPS[at:], submit.answers
    ended = {trace.step for trace in play.reported_steps(submit.label) if trace.exit is not None}
    return Plan(
        label=submit.label,
        strategy=submit.strategy or "enqueue",
        steps=steps,
        parts=tuple(f"{writer}.{kind}" for kind in kinds),
        answers=submit.answers,
        unreported=frozenset(steps) - ended,
        stored_at_end=submit.durability == "exit",
    )


def _outcome(report: WitnessEvent) -> Outcome:
    known: dict[str | None, Outcome] = {name: name for name in get_args(Outcome)}
    return known.get(report.outcome, "")


def _reports(play: Play, plans: dict[str, Plan]) -> Iterator[Report]:
    cancelled: set[tuple[str, str]] = set()
    for moment in play.moments:
        if isinstance(moment, WitnessEvent) and moment.event != "gone" and moment.label in plans:
            step = (moment.label, moment.step)
            if moment.event == "cancelled":
                cancelled.add(step)
            elif moment.event == "enter" and step in cancelled:
                continue  # late: the step abandoned the report of its beginning when it was cancelled
            outcome = f" ({moment.outcome})" if moment.outcome else ""
            text = f"run {moment.label} {moment.step} {moment.event}{outcome}"
            yield Report(moment.label, moment.step, moment.event, _outcome(moment), moment.seq, text)


# -- operations --------------------------------------------------------------------------------------------------------


def _operations(play: Play) -> Iterator[Operation]:
    labels = {submit.label for submit in play.scenario.submits()}
    for exchange in play.exchanges:
        purpose, about = exchange.request.purpose, exchange.request.about
        if purpose == "submit" and about in labels and play.exchanges_for("submit", about)[-1:] == [exchange]:
            strategy = play.scenario.submit(about).strategy or "no strategy"
            yield _operation(exchange, "submit", about, f"create run {about} ({strategy})")
        elif purpose == "cancel" and about in labels:
            action = action_of(exchange)
            yield _operation(exchange, "cancel", about, f"cancel run {about} ({action})", action)
        elif purpose == "cancel many":
            for label in _named(play, exchange, labels):
                yield _operation(exchange, "cancel", label, f"cancel run {label} (in one request)", action_of(exchange))
        elif purpose == "delete" and about == s.MAIN:
            yield _operation(exchange, "delete thread", "", "delete the thread")
        elif purpose == "delete" and about.removeprefix("run ") in labels:
            label = about.removeprefix("run ")
            yield _operation(exchange, "delete run", label, f"delete run {label}")
        elif purpose == "delete again":
            for label in labels:
                if f"/{play._run_ids.get(label)}/" in exchange.request.path:
                    yield _operation(exchange, "cancel", label, f"cancel run {label}")
        elif purpose == "update state":
            yield _operation(exchange, "update state", "", "update the state")
    yield from _disconnects(play)


def _operation(exchange: Exchange, act: Any, label: str, text: str, action: str = "interrupt") -> Operation:
    answer = _answer(exchange)
    closes = None if answer == "unknown" or exchange.response is None else exchange.response.seq
    words = {"accepted": "accepted", "refused": "refused", "failed": "answered with an error", "unknown": "unanswered"}
    status = "" if exchange.response is None else f", HTTP {exchange.response.status}"
    return Operation(act, label, answer, exchange.sent, closes, f"{text}: {words[answer]}{status}", action)


def _answer(exchange: Exchange) -> Answer:
    if exchange.response is None:
        return "unknown"
    status = exchange.response.status
    return "accepted" if status < 300 else "failed" if status >= 500 else "refused"


def _named(play: Play, exchange: Exchange, labels: set[str]) -> list[str]:
    """Return the runs that a cancel of several runs concerns."""
    body = exchange.request.body if isinstance(exchange.request.body, dict) else {}
    return [label for run_id in body.get("run_ids") or () if (label := play.label_of(run_id)) in labels]


def _disconnects(play: Play) -> Iterator[Operation]:
    """Yield the disconnects after which the server has to stop a run."""
    requests = {e.request.exchange: e.request for e in play.exchanges}
    watches = {move.name: move for move in play.scenario.moves if isinstance(move, s.Watch)}
    for moment in play.moments:
        if isinstance(moment, Left) and moment.exchange in requests:
            name = requests[moment.exchange].about
            if name in watches:
                label, stops = watches[name].label, bool(watches[name].cancel_on_disconnect)
            else:
                label, stops = name, play.scenario.submit(name).on_disconnect == "cancel"
            if stops:
                yield Operation("disconnect", label, "accepted", moment.seq, None, f"client {name} disconnects")


# -- readings ----------------------------------------------------------------------------------------------------------


def _readings(play: Play, speller: Speller) -> Iterator[Reading]:
    labels = {submit.label for submit in play.scenario.submits()}
    for exchange in play.exchanges:
        response, about = exchange.response, exchange.request.about
        if response is None or response.streamed:
            continue
        match exchange.request.purpose:
            case "look" | "final run" if about.removeprefix("run ") in labels and (
                response.status == 404 or exchange.ok
            ):
                yield from _run_status(exchange, response, about.removeprefix("run "))
            case "look" | "final thread" if about == s.MAIN and _shows(exchange):
                status = GONE if response.status == 404 else status_text(_field(exchange, "status"))
                yield _reading("thread status", "", status, exchange, response, f"the thread `{status}`")
            case "find run" | "list runs" | "final runs" if about in labels | {s.MAIN}:
                yield from _listed(play, exchange, response)
            case "search threads":
                found = any(one.get("thread_id") == play.transcript.threads[s.MAIN] for one in objects(exchange.body))
                shown = about if found else f"not {about}"
                if exchange.ok:
                    yield _reading("thread status", "", shown, exchange, response, f"a search: the thread {shown}")
            case "mid state" | "final state" if about == s.MAIN and _shows(exchange):
                shown_state: Any = speller.state(exchange.body) if exchange.ok else GONE
                text = speller.describe(shown_state)
                yield _reading("state", "", shown_state, exchange, response, f"the state {text}")
            case "mid history" | "final history" if about == s.MAIN and _shows(exchange):
                entries: Any = speller.history(exchange.body) if exchange.ok else GONE
                yield _reading("history", "", entries, exchange, response, f"the history {speller.describe(entries)}")
            case "delete" if about.removeprefix("run ") in labels and exchange.ok:
                label = about.removeprefix("run ")
                yield _reading("run status", label, GONE, exchange, response, f"run {label} deleted")


def _shows(exchange: Exchange) -> bool:
    """Return whether an answer shows a record, or is a 404. One that was too large to record does not."""
    return isinstance(exchange.body, dict | list) or (exchange.response is not None and exchange.response.status == 404)


def _reading(subject: Any, label: str, shown: Any, exchange: Exchange, response: Response, text: str) -> Reading:
    return Reading(subject, label, shown, exchange.sent, response.seq, text)


def _field(exchange: Exchange, name: str) -> Any:
    return exchange.body.get(name) if isinstance(exchange.body, dict) else None


def _run_status(exchange: Exchange, response: Response, label: str) -> Iterator[Reading]:
    status = GONE if response.status == 404 else status_text(_field(exchange, "status"))
    yield _reading("run status", label, status, exchange, response, f"run {label} `{status}`")


def _listed(play: Play, exchange: Exchange, response: Response) -> Iterator[Reading]:
    """Yield the reading of a list of runs. A part of a longer list says nothing about the runs that it leaves out."""
    asked = parse_qs(urlsplit(exchange.request.path).query)
    limit = int(asked.get("limit", ["10"])[0])
    if response.status == 404:
        yield _reading("runs", "", GONE, exchange, response, "the list of runs not found")
    elif exchange.ok and asked.get("offset", ["0"]) == ["0"] and len(objects(exchange.body)) < limit:
        status = asked.get("status", [None])[0]
        listed = [(_label(play, run), status_text(run.get("status"))) for run in objects(exchange.body)]
        shown = ", ".join(f"{label} `{found}`" for label, found in listed) or "nothing"
        which = f"the runs with status {status}" if status else "the list of runs"
        yield _reading("runs", "", (status, tuple(listed)), exchange, response, f"{which}: {shown}")


def _label(play: Play, run: dict[str, Any]) -> str:
    """Return the label of a listed run. The client that created it may have disconnected before it knew the id."""
    metadata = run.get("metadata")
    named = metadata.get(LABEL_KEY) if isinstance(metadata, dict) else None
    return named if isinstance(named, str) else play.label_of(run.get("run_id"))


def _deadlines(play: Play) -> Iterator[Reading]:
    """Yield the deadlines that passed, each of which needs a reason, and the rest at the end of the play."""
    labels = {submit.label for submit in play.scenario.submits()}
    for moment in play.moments:
        if not isinstance(moment, Missed):
            continue
        found = re.fullmatch(r"run (\w+) to (?:be cancelled|stop or run \w+ to begin)", moment.awaited)
        if found and found[1] in labels:
            text = f"{moment.seconds:g} s passed in wait for {moment.awaited}"
            yield Reading("stopped", found[1], "", moment.seq, moment.seq, text)
    awaited = {move.label for move in play.scenario.moves if isinstance(move, s.AwaitEnd) and not move.if_begun}
    if labels <= awaited:
        last = _rests_by(play)
        yield Reading("progress", "", "rest", last, last, "a run in flight at the end of the play")


def _rests_by(play: Play) -> int:
    """Return the moment at which every run must have ended: the last deadline that passed, or the end of the play."""
    for moment in reversed(play.moments):
        if isinstance(moment, Released):
            break  # until then, the run may have been held
        if isinstance(moment, Missed) and moment.awaited.endswith(TERMINAL):
            return moment.seq
    return len(play.moments) - 1
