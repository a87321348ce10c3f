"""A correct server that consists of the model alone, whose histories are legal by construction.

It takes random steps and notes what its clients would see: a request opens, takes effect later, and is answered later
still. `naive` decides about a small history without the checker: it tries every order of its items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import permutations
from random import Random
from typing import Any

from conformance.histories import model
from conformance.histories.freedoms import Freedoms
from conformance.histories.history import Act, Answer, History, Operation, Reading, Report, Subject
from conformance.histories.model import Outcome, Plan, Thread
from conformance.histories.readings import explains
from conformance.scenarios.steps import STEPS

STRATEGIES = ("enqueue", "interrupt", "rollback", "reject")
EVENTS: tuple[tuple[str, Outcome], ...] = (
    ("enter", ""),
    ("cancelled", ""),
    ("exit", "returned"),
    ("exit", "cancelled"),
)
PARTS = ("human", "call", "result", "answer")


def plan(label: str, strategy: str = "enqueue", **fields: Any) -> Plan:
    return Plan(label, strategy, STEPS, tuple(f"{label}.{part}" for part in PARTS), **fields)


@dataclass
class Server:
    """The model with a clock, and the history that its clients see."""

    random: Random
    freedoms: Freedoms
    plans: dict[str, Plan]
    thread: Thread = field(default_factory=Thread)
    seq: int = 0
    opened: list[tuple[Act, str, str, int]] = field(default_factory=list)
    effected: list[Operation] = field(default_factory=list)
    asked: list[tuple[Subject, str, int]] = field(default_factory=list)
    seen: list[Reading] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    def run(self, steps: int) -> History:
        fresh = list(self.plans)
        for _ in range(steps):
            self.seq += 1
            choice = self.random.choice("OOEEECCAASSSXIIIIRRRRRRR")
            if choice == "O":
                self.open(fresh)
            elif choice == "E" and self.opened:
                self.take_effect(self.opened.pop(self.random.randrange(len(self.opened))))
            elif choice == "C" and self.effected:
                done = self.effected.pop(self.random.randrange(len(self.effected)))
                self.operations.append(replace(done, closes=self.seq))
            elif choice == "A":
                subject: Subject = self.random.choice(("run status", "thread status", "state", "history", "runs"))
                self.asked.append((subject, self.random.choice(list(self.plans)), self.seq))
            elif choice == "S" and self.asked:
                subject, label, opens = self.asked.pop(self.random.randrange(len(self.asked)))
                self.seen.append(Reading(subject, label, self.shown(subject, label), opens, 0, subject))
            elif choice == "X" and self.seen:
                self.readings.append(replace(self.seen.pop(), closes=self.seq))
            elif choice == "I":
                changes = list(model.internal(self.thread, self.plans, self.freedoms))
                self.thread = self.random.choice(changes).thread if changes else self.thread
            elif choice == "R":
                self.report()
        self.operations += [replace(done, closes=None) for done in self.effected]
        return History(
            self.plans, tuple(self.operations), tuple(self.readings), tuple(self.reports), tuple(map(float, range(999)))
        )

    def open(self, fresh: list[str]) -> None:
        if fresh and self.random.random() < 0.6:
            self.opened.append(("submit", fresh.pop(0), "", self.seq))
            return
        act: Act = self.random.choice(("cancel", "cancel", "update state", "delete run"))
        action = self.random.choice(("interrupt", "rollback"))
        self.opened.append((act, self.random.choice(list(self.plans)), action, self.seq))

    def take_effect(self, one: tuple[Act, str, str, int]) -> None:
        act, label, action, opens = one
        for answer in ("accepted", "refused"):
            states = list(effects(self.thread, self.plans, self.freedoms, act, label, action, answer))
            if states:
                self.thread = self.random.choice(states)
                self.effected.append(Operation(act, label, answer, opens, None, f"{act} {label}", action))
                return

    def shown(self, subject: Subject, label: str) -> Any:
        match subject:
            case "run status":
                return model.status_of(self.thread, label)
            case "thread status":
                return self.random.choice(model.thread_statuses(self.thread))
            case "runs":
                return None, tuple((run.label, run.shown) for run in reversed(self.thread.runs))
            case "history":
                words = model.conversation(self.thread, self.plans)
                return tuple(words[:size] for size in range(1, len(words) + 1))
            case _:
                steps = tuple(
                    f"{writer}/{step}"
                    for writer, parts in self.thread.segments
                    if writer in self.plans
                    for step in STEPS[: parts - 1]
                )
                return model.conversation(self.thread, self.plans), steps, ()

    def report(self) -> None:
        possible = [
            (Report(label, step, event, outcome, self.seq, f"{label} {step} {event} {outcome}"), thread)
            for label in self.plans
            for step in STEPS
            for event, outcome in EVENTS
            for thread in model.report(self.thread, label, step, event, outcome, self.plans, self.freedoms)
            if outcome != "cancelled" or self.noticed(label)
        ]
        if possible:
            report, self.thread = self.random.choice(possible)
            self.reports.append(report)

    def noticed(self, label: str) -> bool:
        run = self.thread.find(label)
        return run is not None and run.noticed


def effects(
    thread: Thread, plans: dict[str, Plan], freedoms: Freedoms, act: Act, label: str, action: str, answer: Answer
) -> Iterator[Thread]:
    accepted = answer == "accepted"
    match act:
        case "submit":
            yield from model.submit(thread, plans[label], accepted=accepted, freedoms=freedoms)
        case "cancel":
            yield from model.cancel(thread, label, action, accepted=accepted)
        case "update state":
            yield from model.update_state(thread, accepted=accepted, freedoms=freedoms)
        case "delete run":
            yield from model.delete_run(thread, label, accepted=accepted)
        case _:
            raise NotImplementedError(act)


def simulate(seed: int, freedoms: Freedoms, *, runs: int = 4, steps: int = 80) -> History:
    """Return a legal history with up to so many runs."""
    random = Random(seed)
    plans = {label: plan(label, random.choice(STRATEGIES)) for label in "ABCDEFGHIJ"[:runs]}
    return Server(random, freedoms, plans).run(steps)


Item = Operation | Reading | Report


def naive(history: History, freedoms: Freedoms) -> bool:
    """Return whether a history is legal, by trying every order that respects the intervals."""
    items: list[Item] = [*history.operations, *history.readings, *history.reports]
    return any(_explained(order, history, freedoms) for order in permutations(items) if _respects(order))


def _bounds(item: Item) -> tuple[float, float]:
    if isinstance(item, Report):
        return item.at, item.at
    return item.opens, float("inf") if item.closes is None else item.closes


def _respects(order: tuple[Item, ...]) -> bool:
    return all(
        not _bounds(later)[1] < _bounds(earlier)[0] for at, earlier in enumerate(order) for later in order[at + 1 :]
    )


def _explained(order: tuple[Item, ...], history: History, freedoms: Freedoms) -> bool:
    states = {Thread()}
    for item in order:
        waiting = list(states)
        while waiting:
            for change in model.internal(waiting.pop(), history.plans, freedoms):
                if change.thread not in states:
                    states.add(change.thread)
                    waiting.append(change.thread)
        states = set(_after(item, states, history, freedoms))
    return bool(states)


def _after(item: Item, states: set[Thread], history: History, freedoms: Freedoms) -> Iterator[Thread]:
    for state in states:
        if isinstance(item, Reading):
            if explains(state, item, history.plans):
                yield state
        elif isinstance(item, Report):
            yield from model.report(state, item.label, item.step, item.event, item.outcome, history.plans, freedoms)
        else:
            yield from effects(state, history.plans, freedoms, item.act, item.label, item.action, item.answer)
