"""The number of workers of a deployment that the runs of a scenario may occupy, move by move.

A deployment executes one run of a thread at a time. Two workers must be free all the same while a second run of that
thread is in flight. The run that is being stopped keeps its worker for a while. And a deployment that starts the second
run too early is found out only if it has a worker for that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from conformance.scenarios import moves as s
from conformance.scenarios.scenario import Scenario

EACH = 2
"""The greatest number of workers that the runs of one thread may occupy."""


def demand(scenario: Scenario, ended: Collection[str] = ()) -> tuple[int, ...]:
    """Return the number of workers that the scenario's runs may occupy during each of its moves.

    Runs that are known to have `ended` occupy none. The number is 0 from where only readings follow, and where only
    waits follow and no run is in flight. Before the first run and between two turns it is 1, because a play that gives
    its worker back in the middle may have to wait for long until it continues.
    """
    quiet, waits = quiet_from(scenario), waits_from(scenario)
    flying: defaultdict[str, set[str]] = defaultdict(set)
    found: list[int] = []
    for index, move in enumerate(scenario.moves):
        for part in s.parts(move):
            _start(flying, part)
        needed = sum(min(EACH, len(labels.difference(ended))) for labels in flying.values())
        found.append(0 if index >= quiet else needed if index >= waits else max(1, needed))
        if isinstance(move, s.AwaitEnd | s.AwaitGone):
            for labels in flying.values():
                labels.discard(move.label)
    return tuple(found)


def quiet_from(scenario: Scenario) -> int:
    """Return the index of the first move after which the scenario only reads."""
    return max((i + 1 for i, move in enumerate(scenario.moves) if not move.traits.quiet), default=0)


def waits_from(scenario: Scenario) -> int:
    """Return the index of the first move after which the scenario only waits and reads."""
    active = (i + 1 for i, move in enumerate(scenario.moves) if not (move.traits.passive or move.traits.quiet))
    return max(active, default=0)


def waits_long(scenario: Scenario) -> bool:
    """Return whether the scenario waits for a time of day, or for the delay of a run."""
    return any(
        isinstance(move, s.AwaitCron) or (isinstance(move, s.Submit) and move.after_seconds is not None)
        for move in scenario.requests
    )


def _start(flying: defaultdict[str, set[str]], move: s.Move) -> None:
    match move:
        case s.Submit(thread=s.STATELESS):
            flying[s.thread_of(move.label)].add(move.label)
        case s.Submit():
            flying[move.thread].add(move.label)
        case s.CreateCron(often=True):
            flying[s.MAIN].add(move.label)
        case s.Batch(runs=runs):
            for label, _ in runs:
                flying[s.thread_of(label)].add(label)
        # A deployment may accept such a request, and nothing waits for the run that it then creates.
        case s.Ask(method="POST") | s.Browse(what="wait"):
            flying[s.MAIN].add(s.ASKED)
        case _:
            pass
