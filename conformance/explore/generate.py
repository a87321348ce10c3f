"""The hypothesis strategies of random histories, and a reproducible series of them for each seed.

The weights make overlaps common: most actions create a run while another is held. `Both` and texts without a wait are
races. The mode without holds has only these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any, Final, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from conformance.explore import actions as a
from conformance.explore.arrange import scenario
from conformance.scenarios.scenario import Scenario

_T = TypeVar("_T")

LONGEST: Final = 9
"""The greatest number of actions. Longer histories rarely show more, and take longer to play and to read."""

OPENINGS: Final[list[list[a.Action]]] = [
    [],
    [a.Text(hold="tools:1/enter")],
    [a.Text(hold="tools:1/enter")],
    [a.Text(hold="tools:1/enter", endpoint="stream", resumable=True)],
    [a.Text(), a.Text(hold="agent:2/token")],
    [a.Text(hold="agent:1/enter", endpoint="wait")],
    [a.Text()],
    [a.Text(ends="parked")],
    [a.Text(ends="parked"), a.Reply()],
]
"""The first actions of a history: nothing, a held run, a finished turn and a held run, a finished turn, a question."""

STRATEGY_NAMES: Final = ("interrupt", "rollback", "reject", "enqueue")
NAMED = st.sampled_from(STRATEGY_NAMES)
STRATEGIES = st.sampled_from([None, "enqueue", "interrupt", "interrupt", "rollback", "rollback", "reject"])


def _texts(holds: bool, strategies: st.SearchStrategy[Any] = STRATEGIES) -> st.SearchStrategy[a.Text]:
    points = ["", "agent:1/enter", "tools:1/enter", "tools:1/enter", "agent:2/token", "tools:1/cancelled"]
    return st.builds(
        a.Text,
        strategy=strategies,
        endpoint=st.sampled_from(["create", "create", "stream", "stream", "wait"]),
        hold=st.sampled_from(points) if holds else st.just(""),
        ends=st.sampled_from(["success", "success", "success", "success", "error", "parked"]),
        on_cancel=st.sampled_from(["stop", "stop", "stop", "linger", "swallow"]),
        durability=st.sampled_from([None, None, None, "async", "sync", "exit"]),
        leaves=st.sampled_from([None, None, "continue", "cancel"]),
        resumable=st.booleans(),
        tokens=st.booleans(),
        settled=st.booleans() if not holds else st.sampled_from([True, True, True, False]),
    )


def _others() -> list[st.SearchStrategy[Any]]:
    back = st.integers(0, 2)
    reads = ["statuses", "state", "state", "pending", "running", "interrupted", "success", "all", "busy", "idle"]
    return [
        st.builds(a.Join, back=back, how=st.sampled_from(["stream", "join"]), cancels=st.booleans()),
        st.builds(a.Join, back=back),
        st.sampled_from([a.Replay(), a.Reconnect()]),
        st.builds(a.Stop, back=back, action=st.sampled_from([None, "interrupt", "rollback"]), wait=st.booleans()),
        st.builds(a.Let, back=back, settled=st.booleans()),
        st.builds(a.Let, back=back),
        st.builds(a.Read, what=st.sampled_from(reads)),
        st.builds(a.Remove, back=back),
        st.builds(a.Leave, back=st.integers(0, 1)),
        st.builds(a.Reply, strategy=STRATEGIES),
        st.sampled_from([a.Edit(), a.StopAll(), a.StopAll(count=3), a.Remove(thread=True), a.Edit()]),
    ]


@cache  # hypothesis remembers what it finds out about a strategy, and would keep that for each of thousands
def histories(*, holds: bool = True) -> st.SearchStrategy[list[a.Action]]:
    """Return the strategy of histories, each a list of actions."""
    texts = _texts(holds)
    both = st.builds(a.Both, first=texts, second=texts)
    # Two requests with one strategy, of which one may have to be refused, or to supersede the other.
    each = {name: _texts(holds, st.just(name)) for name in STRATEGY_NAMES}
    pairs = {name: st.builds(a.Both, first=texts, second=texts) for name, texts in each.items()}
    alike = NAMED.flatmap(pairs.__getitem__)
    one: st.SearchStrategy[a.Action] = st.one_of(*[texts] * 7, both, alike, *_others())
    # Most histories begin with a run that is held, so that the next action meets a run in flight.
    opening = st.sampled_from(OPENINGS) if holds else st.just([])
    named = st.lists(_texts(holds, NAMED), min_size=1, max_size=1)
    second = st.one_of(named, named, st.just([])) if holds else named
    return st.builds(
        lambda first, then, rest: [*first, *then, *rest], opening, second, st.lists(one, max_size=LONGEST - 2)
    )


DRAWS: Final = 2
"""The examples that hypothesis draws for a history or a reduction: always the simplest first, and then a random one.

Of more examples, most would be mutations of each other.
"""


def find(strategy: st.SearchStrategy[_T], condition: Callable[[_T], bool], random: Random, *phases: Phase) -> _T | None:
    """Return the smallest example that meets a condition, or None."""
    chosen = settings(
        max_examples=DRAWS,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    try:
        return hypothesis.find(strategy, condition, settings=chosen, random=random)
    except NoSuchExample:
        return None


def history_of(seed: int, number: int) -> list[a.Action]:
    """Return one history of the series of a seed."""
    drawn: list[list[a.Action]] = []

    def collect(history: list[a.Action]) -> bool:
        drawn.append(history)
        return False

    # Every second history has no holds: real races show what made moments cannot.
    find(histories(holds=number % 2 == 0), collect, Random(f"{seed}/{number}"), Phase.generate)
    return drawn[-1]


def scenario_of(history: Sequence[a.Action], seed: int, number: int) -> Scenario:
    """Return the scenario of a history. Its id names its place in the series."""
    return scenario(history, f"explore/seed-{seed}/history-{number}")
