"""The order of the tests: scenario by scenario, as their plays come to an end.

A play that waits for a minute must not keep back the verdicts of those that are over. So the items of the session are
put into another order while pytest makes them.

The item behind the present one stays where it is. pytest reads it in advance, to keep the fixtures that both share.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from itertools import groupby, takewhile

import pytest

from conformance.session.session import Case


class Order:
    """A pytest plugin for one run. `first_over` waits for one of several plays, and returns its index."""

    def __init__(self, items: list[pytest.Item], first_over: Callable[[Sequence[Case]], int]) -> None:
        self._items = items
        self._first_over = first_over
        self._made = 0
        # Kept, because finding them among ten thousand tests after every scenario takes seconds.
        self._waiting: list[list[pytest.Item]] = []
        """The tests of each scenario that has not begun, as they are in the list of items."""
        self._begin = 0
        """The index of the first of them in the list of items."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Put the scenario whose play is over first in front."""
        self._arrange(0)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Put the scenario whose play is over first behind the next test, once that is the last one of its scenario."""
        made = yield
        self._made += 1
        # The test at `_made` is the next one.
        behind = self._made + 1
        if behind < len(self._items) and play_of(self._items[behind]) != play_of(self._items[self._made]):
            self._arrange(behind)
        return made

    def _arrange(self, start: int) -> None:
        while self._waiting and self._begin < start:
            # A scenario with one test begins before the next one can be chosen.
            self._begin += len(self._waiting.pop(0))
        if not self._waiting:
            # Tests of others stay where they are.
            mine = takewhile(case_of, self._items[start:])
            self._begin, self._waiting = start, [list(group) for _, group in groupby(mine, play_of)]
        if len(self._waiting) > 1:
            index = self._first_over([case for group in self._waiting if (case := case_of(group[0]))])
            place = self._begin + sum(map(len, self._waiting[:index]))
            first = self._waiting.pop(index)
            del self._items[place : place + len(first)]
            self._items[self._begin : self._begin] = first
            self._waiting.insert(0, first)


def play_of(item: pytest.Item) -> str | None:
    """Return the play by which a test of the suite judges, as the id up to the requirement, or None for any other."""
    case = case_of(item)
    return None if case is None else case.id.rpartition("::")[0]


def case_of(item: pytest.Item) -> Case | None:
    """Return the case of a test of the suite, or None for any other test."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("conformance_case") if callspec else None
