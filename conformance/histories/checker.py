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
them and in any order. Six rules keep the number of configurations near that of the moments:

* A moment that can be taken is taken at once, and nothing else is tried. An event that could happen before it can
  happen after it with the same effect. No event depends on an opening or on the answer to a finished operation. A
  report prevents only that the run ends before it.
* A reading changes nothing, so it never hurts to find it true at the first possible moment. The same holds for an
  operation without an effect, such as a refused one.
* A state that the rest of the history rules out is left out (`outlook`).
* A run that is superseded before it starts is settled when a reading may show that.
* A run of which nothing shows that it began does not start, unless its end may change the status of the thread.
* A run that has ended forgets what no longer matters (`Run.ending`).

The search is depth first, and visits each configuration once. When every configuration was visited, the history is
illegal. The outlook may have left out what explains a longer part of it, so the shortest prefix without an explanation
is searched with the outlook of each prefix. After `bound` configurations the checker gives up: `unknown`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from conformance.api import GONE
from conformance.histories import model
from conformance.histories.freedoms import DEFAULT, Freedoms
from conformance.histories.history import History, Operation, Reading, Report
from conformance.histories.model import Thread
from conformance.histories.outlook import ORDER, Item, Moment, Outlook, status_in
from conformance.histories.readings import explains

BOUND: Final = 20_000
"""The greatest number of configurations. A burst of ten runs needs about a thousand."""

PREFIX_BOUND: Final = 2_000
"""The same for each prefix of an illegal history. A prefix with more counts as explained, so it may be a longer one."""


class Verdict(NamedTuple):
    """The result for one history.

    `order` explains a legal history, and is the one that comes furthest of an illegal one. `broken` is the item that no
    order explains, at the seq `seq`. `law` names its kind, and `why` says it in words. A history may also be illegal
    for a requirement of the rule book, which is then the law. Only such a law has a `level` other than MUST.
    """

    kind: Literal["legal", "illegal", "unknown"]
    order: tuple[str, ...] = ()
    why: str = ""
    law: str = ""
    seq: int = 0
    broken: Item | None = None
    level: Literal["MUST", "SHOULD"] = "MUST"


class _Config(NamedTuple):
    taken: int
    thread: Thread
    done: frozenset[int]
    """The open operations that have taken effect."""
    seen: frozenset[int]
    """The open readings that were true."""


class _Search:
    """One search: the moments, what is open after each, and the configurations that were reached."""

    def __init__(self, history: History, freedoms: Freedoms, moments: list[Moment]) -> None:
        self.history = history
        self.plans = history.plans
        self.freedoms = freedoms
        self.moments = moments
        self.operations, self.readings = _open_after(moments)
        self.outlook = Outlook(moments, history.plans)
        self.accepted = _accepted_after(moments)
        self.origin: dict[_Config, tuple[_Config | None, str]] = {}
        """For each configuration the one that it was reached from, and the event between them."""
        self.likely = _likely_order(history)

    def reach(self, before: _Config | None, config: _Config, text: str) -> _Config | None:
        """Return a configuration with everything that is true in it, or None if it leads nowhere that is new."""
        changed = before is None or before.thread is not config.thread
        waiting = {n: one for n, one in self.readings[config.taken].items() if n not in config.seen}
        # Only the thread makes a reading true, so without a change only the reading that has just opened can be true.
        opened = self.readings[0 if before is None else before.taken]
        fresh = waiting if changed else {number: one for number, one in waiting.items() if number not in opened}
        seen = [number for number, reading in fresh.items() if self.explains(config, reading)]
        done = [number for number, one in self.open_operations(config) if _changes_nothing(self, config.thread, one)]
        if seen or done:
            config = config._replace(seen=config.seen.union(seen), done=config.done.union(done))
        if config in self.origin:
            return None
        self.origin[config] = (before, text)
        if changed:
            still = [reading for number, reading in waiting.items() if number not in config.seen]
            if not self.outlook.allows(config.thread, config.taken, still, self.created(config)):
                return None
        return config

    def explains(self, config: _Config, reading: Reading) -> bool:
        """Return whether a reading is true in a configuration."""
        # A client can open a stream or a wait before its run is there. A run that is absent is not gone until then.
        if reading.subject in ("stream", "result") and reading.label in self.accepted[-1] - self.created(config):
            return False
        return explains(config.thread, reading, self.plans)

    def open_operations(self, config: _Config) -> list[tuple[int, Operation]]:
        """Return the open operations that have not taken effect, by their numbers."""
        return [(number, one) for number, one in self.operations[config.taken].items() if number not in config.done]

    def superseded(self, config: _Config) -> set[str]:
        """Return the runs that were asked to stop before they started, and that may be settled now.

        Their end changes nothing but what readings show of it, so it waits for a reading that shows it. A thread is at
        rest when all of them are settled, and it does not matter in which order.
        """
        found = [run.label for run in config.thread.runs if run.fate and run.phase == "pending"]
        if not found:
            return set()
        waiting = [one for number, one in self.readings[config.taken].items() if number not in config.seen]
        operations = [one for _, one in self.open_operations(config)]
        named = {one.label for one in operations if one.act == "delete run"}
        # A run that has ended stays so until the thread is deleted. So nothing is in a hurry but the next moment, and a
        # list, which shows other runs that have not ended. For a list it does not matter which run ends first.
        item = self.moments[config.taken][3]
        deleting = any(one.act == "delete thread" for one in operations)
        for reading in waiting:
            if deleting or reading is item or (reading.subject == "runs" and self.is_due(config, reading, found)):
                shown = [label for label in found if _shows_the_end(reading, label)]
                named.update(shown if deleting else shown[:1])
        # Only when no other run is in flight can the thread come to rest.
        at_rest = any(map(_shows_rest, waiting)) or any(map(self.needs_rest, operations))
        if at_rest and len(found) == len(config.thread.in_flight):
            named.add(found[0])
        return named

    def is_due(self, config: _Config, reading: Reading, superseded: list[str]) -> bool:
        """Return whether the end of superseded runs is all that a list may wait for."""
        if reading.shown == GONE or self.outlook.is_early(reading, config.taken):
            return False
        others = [run.label for run in config.thread.in_flight if run.label not in superseded]
        return all(status_in(reading, label) in (None, *ORDER) for label in others)

    def needs_rest(self, operation: Operation) -> bool:
        """Return whether an operation can only take effect in a thread without a run in flight."""
        strategy = self.plans[operation.label].strategy if operation.act == "submit" else ""
        return operation.answer in ("accepted", "unknown") and (operation.act == "update state" or strategy == "reject")

    def created(self, config: _Config) -> frozenset[str]:
        """Return the runs whose creation was accepted and has taken effect."""
        submits = self.operations[config.taken]
        return self.accepted[config.taken] | {
            submits[number].label
            for number in config.done
            if (submits[number].act, submits[number].answer) == ("submit", "accepted")
        }

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
        operations = sorted(
            self.open_operations(config), key=lambda one: (one[1] is item, -self.likely.get(one[1].label, -1))
        )
        created = self.created(config)
        for number, operation in operations:
            if operation.act == "submit" and not self.outlook.created_before.get(operation.label, set()) <= created:
                continue
            done = config.done | {number}
            for thread in _effects(self, config.thread, operation):
                yield operation.text, config._replace(thread=thread, done=done)
        superseded = self.superseded(config)
        for change in model.internal(config.thread, self.plans, self.freedoms, superseded, self.outlook.silent):
            yield change.text, config._replace(thread=change.thread)

    def run(self, bound: int) -> _Result:
        """Search for a configuration that has taken every moment."""
        first = _Config(0, Thread(), frozenset(), frozenset())
        start = self.reach(None, first, "") if self.outlook.hopeless is None else None
        waiting = [] if start is None else [start]
        furthest = start
        while waiting:
            config = waiting.pop()
            if furthest is None or config.taken > furthest.taken:
                furthest = config
            if config.taken == len(self.moments):
                return _Result("legal", self, config)
            if len(self.origin) > bound:
                return _Result("unknown", self, config)
            # The last one is visited first.
            for text, found in [*self.take(config)] or self.meanwhile(config):
                reached = self.reach(config, found, text)
                if reached is not None:
                    waiting.append(reached)
        return _Result("illegal", self, furthest)


class _Result(NamedTuple):
    """The end of a search, and the configuration that came furthest. It is None if the first one was a dead end."""

    kind: Literal["legal", "illegal", "unknown"]
    search: _Search
    furthest: _Config | None

    @property
    def taken(self) -> int:
        """The number of moments that the furthest configuration explains."""
        return 0 if self.furthest is None else self.furthest.taken

    @property
    def order(self) -> tuple[str, ...]:
        """The events that lead to the furthest configuration."""
        return () if self.furthest is None else _order(self.search, self.furthest)


def check(history: History, freedoms: Freedoms = DEFAULT, *, bound: int = BOUND) -> Verdict:
    """Return whether an order of its operations explains a history."""
    if history.outside:
        return Verdict("unknown", why=f"outside of the model: {'; '.join(history.outside)}")
    moments = _moments(history, freedoms)
    search = _Search(history, freedoms, moments)
    result = search.run(bound)
    if result.kind == "legal":
        return Verdict("legal", order=result.order)
    if result.kind == "unknown":
        return Verdict("unknown", why=f"more than {bound} possible states", seq=moments[result.taken][0])
    return _illegal(history, freedoms, moments, result, bound)


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


def _accepted_after(moments: list[Moment]) -> list[frozenset[str]]:
    """Return the runs whose creation was answered after each number of moments."""
    accepted: list[frozenset[str]] = [frozenset()]
    for _, kind, _, item in moments:
        created = kind == "close" and isinstance(item, Operation) and (item.act, item.answer) == ("submit", "accepted")
        accepted.append(accepted[-1] | {item.label} if created and isinstance(item, Operation) else accepted[-1])
    return accepted


def _opened(history: History, reading: Reading, lag: float) -> int:
    """Return the seq at which a reading opens: `lag` seconds before its request."""
    if not lag or reading.subject in ("stopped", "progress", "stream", "result"):
        return reading.opens
    earliest = history.time(reading.opens) - lag
    return bisect_left(range(reading.opens), earliest, key=history.time)


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


def _changes_nothing(search: _Search, thread: Thread, operation: Operation) -> bool:
    """Return whether an operation can take effect here without a change, and would never be of more use later.

    A refusal changes nothing, and neither does the cancel of a run that has ended or was asked to stop before.
    """
    if operation.answer == "refused":
        return any(True for _ in _effects(search, thread, operation))
    if operation.act == "disconnect" or (operation.act, operation.answer) == ("cancel", "accepted"):
        run = thread.find(operation.label)
        return run is not None and (not run.in_flight or bool(run.fate))
    return False


def _shows_the_end(reading: Reading, label: str) -> bool:
    """Return whether a reading can be false for the only reason that a run has not ended."""
    if reading.subject == "runs":
        return reading.shown == GONE or status_in(reading, label) != "pending"
    return reading.label == label and not (reading.subject == "run status" and reading.shown in ORDER)


def _shows_rest(reading: Reading) -> bool:
    """Return whether a reading can be false for the only reason that a run is in flight."""
    return reading.subject == "progress" or (reading.subject == "thread status" and reading.shown != "busy")


def _order(search: _Search, config: _Config) -> tuple[str, ...]:
    """Return the events that lead to a configuration."""
    events, at = [], config
    while True:
        before, text = search.origin[at]
        events.append(text)
        if before is None:
            return tuple(text for text in reversed(events) if text)
        at = before


def _illegal(history: History, freedoms: Freedoms, moments: list[Moment], result: _Result, bound: int) -> Verdict:
    """Return the verdict about moments that no order explains, with the shortest prefix of them for which this is so.

    The outlook leaves out what explains a prefix and nothing more. So each prefix is searched with its own outlook.
    """
    explained, broken = result.taken, result.search.outlook.hopeless or len(moments)
    # Most often the furthest configuration of the last search cannot be surpassed. Without a search, everything
    # before the moment that makes the history hopeless is explained as often.
    middle = explained + 1 if broken == len(moments) else broken - 1
    while explained + 1 < broken:
        shorter = _Search(history, freedoms, _prefix(moments, middle)).run(min(bound, PREFIX_BOUND))
        if shorter.kind == "illegal":
            broken = middle
        else:
            explained, result = middle, shorter
        middle = (explained + broken) // 2
    seq, _, _, item = moments[broken - 1]
    why = f"no order of these explains {item.text} at {history.time(seq):.3f} s"
    return Verdict("illegal", result.order, why, _law(item), seq, item)


def _prefix(moments: list[Moment], length: int) -> list[Moment]:
    """Return the first moments, without the readings that close later, which need not be true yet."""
    closed = {number for _, kind, number, item in moments[:length] if kind == "close" and isinstance(item, Reading)}
    return [one for one in moments[:length] if not isinstance(one[3], Reading) or one[2] in closed]


def _law(item: Item) -> str:
    if isinstance(item, Operation):
        return f"{item.act} {item.answer}"
    return item.subject if isinstance(item, Reading) else f"step {item.event}"
