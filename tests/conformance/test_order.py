"""The order of the tests, with a loop that goes through them as pytest's does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.session.order import Order, play_of
from conformance.session.session import Case

FOREIGN = 0


def item(play: int, number: int) -> pytest.Item:
    """Return a test of the play with this number. A test of others has no case."""
    case = SimpleNamespace(id=f"play-{play}::RUN-{number}")
    params = {} if play == FOREIGN else {"conformance_case": case}
    return cast(pytest.Item, SimpleNamespace(callspec=SimpleNamespace(params=params), number=number, play=play))


def made(items: list[pytest.Item], choices: Sequence[int]) -> list[pytest.Item]:
    """Return the tests in the order in which they are made, if the plays end as `choices` decide."""
    turns = iter(choices)

    def first_over(cases: Sequence[Case]) -> int:
        return next(turns, 0) % len(cases)

    order, done = Order(items, first_over), list[pytest.Item]()
    loop: Any = order.pytest_runtestloop()
    next(loop)
    # pytest reads the next test before it makes the present one.
    for index in range(len(items)):
        present, following = items[index], items[index + 1 : index + 2]
        protocol: Any = order.pytest_runtest_protocol()
        next(protocol)
        done.append(present)
        with pytest.raises(StopIteration):
            protocol.send(None)
        assert items[index + 1 : index + 2] == following, "the test that pytest has read is another one"
    return done


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=12),
    st.lists(st.integers(0, 20), max_size=12),
)
def test_every_test_is_made_once_scenario_by_scenario(plays: list[tuple[bool, int]], choices: list[int]) -> None:
    items = [
        item(FOREIGN if foreign else play, number)
        for play, (foreign, tests) in enumerate(plays, 1)
        for number in range(tests)
    ]
    before = list(items)
    done = made(items, choices)
    assert sorted(map(id, done)) == sorted(map(id, before))
    groups = [list(group) for name, group in groupby(done, play_of) if name is not None]
    assert len(groups) == len({play_of(group[0]) for group in groups}), "a scenario is judged in two pieces"
    assert all([one.number for one in group] == sorted(one.number for one in group) for group in cast(Any, groups))
    # A test of others stays at its place.
    assert [n for n, one in enumerate(before) if play_of(one) is None] == [
        n for n, one in enumerate(done) if play_of(one) is None
    ]


def test_the_scenario_whose_play_is_over_is_judged_next() -> None:
    items = [item(play, number) for play in (1, 2, 3) for number in range(2)]
    # The third play is over first, and then the second of the two that are left.
    assert [cast(Any, one).play for one in made(items, [2, 1])] == [3, 3, 2, 2, 1, 1]
