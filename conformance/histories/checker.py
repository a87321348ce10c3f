"""The search for an order that explains a history.

Theory of operation
-------------------

This is the linearizability check of Wing and Gong with the memory of Lowe ("Testing for linearizability", 2017), which
Porcupine uses, too. The moments of the history are taken one by one. A *configuration* is a state of the thread, the
number of moments taken, the open operations that have taken effect, and the open readings that were true at some
moment. Three kinds of moments follow each other:

* An operation or a reading opens. It is added to what is open.
* An operation closes. It must have taken effect. Or a reading closes, which must have been true since it opened.
* A report of the agent takes effect, in the states that allow it.

Between two moments an internal event of the server can happen, and an open operation can take effect, any number of
them and in any order. A reading changes nothing, so it never hurts to find it true at the first possible moment, and it
does not multiply the configurations.

The search is depth first, and visits each configuration once. The next moment is tried before anything else, then the
events that concern its run. So a legal history is usually explained without a step back. When every configuration was
visited, the history is illegal, and the moment that no configuration could take ends its shortest prefix without an
explanation. After `bound` configurations the checker gives up: `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from conformance.histories import model
from conformance.histories.freedoms import DEFAULT, Freedoms
from conformance.histories.history import History, Operation, Reading, Report
from conformance.histories.model import Thread
from conformance.histories.readings import explains

BOUND: Final = 20_000
"""The greatest number of configurations. A history of ten runs has some hundreds."""


class Verdict(NamedTuple):
    """The result for one history.

    `order` explains a legal history, and is the one that comes furthest of an illegal one. `broken` is the item that no
    order explains, at the seq `seq`. `law` names its kind, and `why` says it in words.
    """

    kind: Literal["legal", "illegal", "unknown"]
    order: tuple[str, ...] = ()
    why: str = ""
    law: str = ""
    seq: int = 0
    broken: Operation | Reading | Report | None = None


Moment = tuple[int, str, int, Operation | Reading | Report]
"""The seq, `open`, `close` or `report`, the number of the item in its list, and the item."""


class _Config(NamedTuple):
    taken: int
    thread: Thread
    done: frozenset[int]
    """The open operations that have taken effect."""
    seen: frozenset[int]
    """The open readings that were true."""


class _Search:
    """One search: the moments, what is open after each, and the configurations that were reached."""

    def __init__(self, history: History, freedoms: Freedoms) -> None:
        self.history = history
        self.plans = history.plans
        self.freedoms = freedoms
        self.moments = _moments(history, freedoms)
        self.operations, self.readings = _open_after(self.moments)
        self.origin: dict[_Config, tuple[_Config | None, str]] = {}
        """For each configuration the one that it was reached from, and the event between them."""
        self.likely = _likely_order(history)

    def reach(self, before: _Config | None, config: _Config, text: str) -> _Config | None:
        """Return a configuration with the open readings that are true in it, or None when it was reached before."""
        true = [
            number
            for number, reading in self.readings[config.taken].items()
            if number not in config.seen and explains(config.thread, reading, self.plans)
        ]
        if true:
            config = config._replace(seen=config.seen.union(true))
        if config in self.origin:
            return None
        self.origin[config] = (before, text)
        return config

    def take(self, config: _Config) -> Iterator[tuple[str, _Config]]:
        """Yield the configurations after the next moment, if this one allows it."""
        _, kind, number, item = self.moments[config.taken]
        after = config._replace(taken=config.taken + 1)
        if kind == "open":
            yield "", after
        elif isinstance(item, Operation):
            if number in config.done:
                yield "", after._replace(done=config.done - {number})
        elif isinstance(item, Reading):
            if number in config.seen:
                yield "", after._replace(seen=config.seen - {number})
        else:
            for thread in model.report(
                config.thread, item.label, item.step, item.event, item.outcome, self.plans, self.freedoms
            ):
                yield item.text, after._replace(thread=thread)

    def meanwhile(self, config: _Config) -> Iterator[tuple[str, _Config]]:
        """Yield the configurations to which an internal event or an open operation leads, the likeliest last."""
        item = self.moments[config.taken][3]
        operations = [
            (number, one) for number, one in self.operations[config.taken].items() if number not in config.done
        ]
        operations.sort(key=lambda one: (one[1] is item, -self.likely.get(one[1].label, -1)))
        for number, operation in operations:
            done = config.done | {number}
            for thread in _effects(self, config.thread, operation):
                yield operation.text, config._replace(thread=thread, done=done)
        changes = list(model.internal(config.thread, self.plans, self.freedoms))
        for change in changes:
            yield change.text, config._replace(thread=change.thread)


def check(history: History, freedoms: Freedoms = DEFAULT, *, bound: int = BOUND) -> Verdict:
    """Return whether an order of its operations explains a history."""
    if history.outside:
        return Verdict("unknown", why=f"outside of the model: {'; '.join(history.outside)}")
    search = _Search(history, freedoms)
    start = search.reach(None, _Config(0, Thread(), frozenset(), frozenset()), "")
    waiting = [] if start is None else [start]
    furthest = waiting[0] if waiting else None
    while waiting:
        config = waiting.pop()
        if furthest is None or config.taken > furthest.taken:
            furthest = config
        if config.taken == len(search.moments):
            return Verdict("legal", order=_order(search, config))
        if len(search.origin) > bound:
            return Verdict("unknown", why=f"more than {bound} possible states", seq=search.moments[config.taken][0])
        # The last one is visited first.
        for text, found in (*search.meanwhile(config), *search.take(config)):
            reached = search.reach(config, found, text)
            if reached is not None:
                waiting.append(reached)
    assert furthest is not None, "the first configuration is always reached"
    return _illegal(search, furthest)


def _moments(history: History, freedoms: Freedoms) -> list[Moment]:
    """Return the openings, closings and reports in the order of their moments."""
    found: list[tuple[int, int, str, int, Operation | Reading | Report]] = []
    for number, operation in enumerate(history.operations):
        found.append((operation.opens, 1, "open", number, operation))
        if operation.closes is not None:
            found.append((operation.closes, 2, "close", number, operation))
    for number, reading in enumerate(history.readings):
        found.append((_opened(history, reading, freedoms.lag), 0, "open", number, reading))
        found.append((reading.closes, 3, "close", number, reading))
    found += [(report.at, 1, "report", number, report) for number, report in enumerate(history.reports)]
    return [(seq, kind, number, item) for seq, _, kind, number, item in sorted(found, key=lambda one: one[:2])]


def _likely_order(history: History) -> dict[str, int]:
    """Return a position for each run, by which runs that were created at once are tried. It is only a guess."""
    reports = {report.label: report.at for report in reversed(history.reports)}
    listed = [one.shown[1] for one in history.readings if one.subject == "runs" and one.shown[0] is None]
    longest = max(listed, key=len, default=())
    # A list shows the newest run first. Without one, the runs that report first were probably created first, but for
    # those that never reported, because another one superseded them.
    return reports | {label: position for position, (label, _) in enumerate(reversed(longest))}


def _open_after(moments: list[Moment]) -> tuple[list[dict[int, Operation]], list[dict[int, Reading]]]:
    """Return the operations and the readings that are open after each number of moments."""
    operations: list[dict[int, Operation]] = [{}]
    readings: list[dict[int, Reading]] = [{}]
    for _, kind, number, item in moments:
        operations.append(dict(operations[-1]))
        readings.append(dict(readings[-1]))
        if isinstance(item, Operation):
            _ = operations[-1].pop(number) if kind == "close" else operations[-1].setdefault(number, item)
        elif isinstance(item, Reading):
            _ = readings[-1].pop(number) if kind == "close" else readings[-1].setdefault(number, item)
    return operations, readings


def _opened(history: History, reading: Reading, lag: float) -> int:
    """Return the seq at which a reading opens: `lag` seconds before its request."""
    if not lag or reading.subject in ("stopped", "progress", "stream", "result"):
        return reading.opens
    earliest = history.time(reading.opens) - lag
    return next((seq for seq in range(reading.opens + 1) if history.time(seq) >= earliest), reading.opens)


def _effects(search: _Search, thread: Thread, operation: Operation) -> Iterator[Thread]:
    """Yield the states after an operation. One whose answer is unknown may have been accepted or refused."""
    answers = {"accepted": (True,), "refused": (False,), "unknown": (True, False), "failed": ()}[operation.answer]
    label, freedoms = operation.label, search.freedoms
    for accepted in answers:
        match operation.act:
            case "submit":
                yield from model.submit(thread, search.plans[label], accepted=accepted, freedoms=freedoms)
            case "cancel":
                yield from model.cancel(thread, label, operation.action, accepted=accepted)
            case "delete run":
                yield from model.delete_run(thread, label, accepted=accepted)
            case "delete thread":
                yield from model.delete_thread(thread, accepted=accepted)
            case "update state":
                yield from model.update_state(thread, accepted=accepted, freedoms=freedoms)
            case "disconnect":
                yield model.stopping(thread, label, "interrupt")


def _order(search: _Search, config: _Config) -> tuple[str, ...]:
    """Return the events that lead to a configuration."""
    events, at = [], config
    while True:
        before, text = search.origin[at]
        events.append(text)
        if before is None:
            return tuple(text for text in reversed(events) if text)
        at = before


def _illegal(search: _Search, furthest: _Config) -> Verdict:
    seq, _, _, item = search.moments[furthest.taken]
    if isinstance(item, Operation):
        law = f"{item.act} {item.answer}"
    elif isinstance(item, Reading):
        law = item.subject
    else:
        law = f"step {item.event}"
    why = f"no order of these explains {item.text} at {search.history.time(seq):.3f} s"
    return Verdict("illegal", _order(search, furthest), why, law, seq, item)
