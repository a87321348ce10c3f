"""The streams, joins and waits of a play, each as one reading that closes with its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.histories.history import Reading
from conformance.histories.spelling import Speller
from conformance.judge.play import Exchange, Play
from conformance.judge.watchers import Watcher, watchers
from conformance.transcript.transcript import Left, NetworkFault


def read_streams(play: Play, speller: Speller) -> Iterator[Reading]:
    """Yield the readings of every client that watched a run of the main thread."""
    for submit in play.scenario.submits():
        for watcher in watchers(play, submit.label):
            if watcher.streams:
                yield from _stream(play, watcher, speller)
            else:
                yield from _result(play, submit.label, watcher.exchange, speller)
        for exchange in play.exchanges_for("join", submit.label):
            yield from _result(play, submit.label, exchange, speller)
        for exchange in play.exchanges_for("cancel", submit.label):
            if exchange.response is None and exchange.fault is not None and _is_late(exchange.fault):
                yield _hangs(play, submit.label, f"the cancel of run {submit.label}")


def _stream(play: Play, watcher: Watcher, speller: Speller) -> Iterator[Reading]:
    if watcher.disconnected is not None or not watcher.exchange.ok:
        return
    opens, label = watcher.exchange.sent, watcher.label
    if watcher.closed is None:
        # A connection that was cut ends a stream, too. It proves nothing about the run.
        if watcher.exchange.fault is None or "not read within" in watcher.exchange.fault.error:
            yield _hangs(play, label, watcher.title)
        return
    shown: dict[str, Any] = {
        "whole": watcher.own and watcher.since is None,
        "error": bool(watcher.named("error")),
        "nodes": _nodes(watcher) if "updates" in watcher.modes else None,
        "values": [speller.words(event.data) for event in watcher.named("values")]
        if "values" in watcher.modes
        else None,
        "begins": bool(watcher.events),
        "named": not (watcher.own and watcher.events) or _is_named(play, watcher),
    }
    events = " ".join(event.event for event in watcher.events)
    yield Reading("stream", label, shown, opens, watcher.closed, f"the end of {watcher.title}, which had {events}")


def _nodes(watcher: Watcher) -> list[str]:
    """Return the nodes of the `updates` events."""
    return [
        node
        for event in watcher.named("updates")
        if isinstance(event.data, dict)
        for node in event.data
        if not node.startswith("__")
    ]


def _is_named(play: Play, watcher: Watcher) -> bool:
    """Return whether the first event names the run."""
    first = watcher.events[0]
    data = first.data if first.event == "metadata" else None
    return isinstance(data, dict) and play.label_of(data.get("run_id")) == watcher.label


def _result(play: Play, label: str, exchange: Exchange, speller: Speller) -> Iterator[Reading]:
    left = any(isinstance(m, Left) and m.exchange == exchange.request.exchange for m in play.moments)
    if exchange.response is None:
        if not left and (exchange.fault is None or _is_late(exchange.fault)):
            yield _hangs(play, label, f"the answer to `{exchange.request.purpose}` of run {label}")
        return
    if exchange.request.purpose == "submit" and not exchange.ok:
        return
    body = exchange.body
    shown: Any = None if exchange.ok else "refused"
    if isinstance(body, dict) and "__error__" in body:
        shown = "error"
    elif isinstance(body, dict) and "messages" in body:
        shown = speller.words(body)
    asked = isinstance(body, dict) and "__interrupt__" in body
    bare = "an answer with `__interrupt__` and without messages" if asked else "an answer without messages"
    text = f"[{' '.join(shown)}]" if isinstance(shown, tuple) else str(shown or bare)
    yield Reading(
        "result",
        label,
        shown,
        exchange.sent,
        exchange.response.seq,
        f"{text} from {exchange.request.purpose} of run {label}",
    )


def _is_late(fault: NetworkFault) -> bool:
    """Return whether a request was given up because its answer did not come, by its deadline or at the end."""
    return "within" in fault.error or fault.error.startswith("abandoned")


def _hangs(play: Play, label: str, what: str) -> Reading:
    last = len(play.moments) - 1
    return Reading("progress", label, "open", last, last, f"{what} still open at the end of the play")
