"""The distribution by pytest-xdist, with a scheduler whose workers are played by the test."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.session.xdist import SHARE, ScenarioScheduling, owners, scenario_of, share

Plays = list[tuple[str, int]]


class Worker:
    """A worker that makes its tests one by one. Like xdist's, it keeps the last until it gets more or is shut down."""

    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.shutting_down = False
        self.queue: list[int] = []

    def send_runtest_some(self, places: list[int]) -> None:
        assert not self.shutting_down
        self.queue += places

    def shutdown(self) -> None:
        self.shutting_down = True

    def next(self) -> int | None:
        return self.queue.pop(0) if len(self.queue) > (0 if self.shutting_down else 1) else None


def ids_of(plays: Plays) -> list[str]:
    return [
        f"test_a.py::test_{name}{play}" if name == "foreign" else f"test_a.py::test_a[{name}-{play}::RUN-{number}]"
        for play, (name, count) in enumerate(plays)
        for number in range(1 if name == "foreign" else count)
    ]


def scheduling(ids: list[str], workers: list[Worker], *, shared: bool = True) -> ScenarioScheduling:
    """Return a scheduler to which these workers have reported their tests."""
    option = SimpleNamespace(loadscopereorder=False, tx=["popen"] * len(workers), px=[], rsyncdir=[])
    config = cast(pytest.Config, SimpleNamespace(option=option, getvalue=lambda name: getattr(option, name)))
    made = ScenarioScheduling(config, None, shared=shared)
    for worker in workers:
        made.add_node(worker)
    for worker in workers:
        made.add_node_collection(worker, ids)
    made.schedule()
    return made


def run(made: ScenarioScheduling, workers: list[Worker]) -> dict[int, list[str]]:
    """Make all tests, in turns, and return those of each worker."""
    done: dict[int, list[str]] = defaultdict(list)
    while any((place := worker.next()) is not None and _do(made, done, worker, place) for worker in workers):
        pass
    return done


def _do(made: ScenarioScheduling, done: dict[int, list[str]], worker: Worker, place: int) -> bool:
    done[int(worker.gateway.id[2:])].append(made.registered_collections[worker][place])
    made.mark_test_complete(worker, place)
    return True


PLAYS = st.lists(st.tuples(st.sampled_from(["play", "foreign"]), st.integers(1, 5)), max_size=9)


@given(PLAYS, st.integers(1, 4), st.booleans())
def test_every_test_is_made_once_and_no_scenario_by_two_workers(plays: Plays, count: int, shared: bool) -> None:
    ids, workers = ids_of(plays), [Worker(number) for number in range(count)]
    done = run(scheduling(ids, workers, shared=shared), workers)
    assert sorted(one for made in done.values() for one in made) == sorted(ids)
    scenarios = [{*filter(None, map(scenario_of, made))} for made in done.values()]
    assert sum(map(len, scenarios)) == len(set().union(*scenarios))


def test_each_worker_makes_the_tests_of_the_scenarios_that_it_has_begun_to_play() -> None:
    ids, workers = ids_of([(f"play{n}", 3) for n in range(7)]), [Worker(0), Worker(1)]
    done = run(scheduling(ids, workers), workers)
    owner = owners(ids, 2)
    assert {number: {owner[scenario_of(one) or ""] for one in made} for number, made in done.items()} == {
        0: {0},
        1: {1},
    }


def test_a_worker_finds_the_tests_of_its_share() -> None:
    ids = ids_of([("play", 2), ("foreign", 1), ("other", 1), ("last", 1)])
    items: list[Any] = [SimpleNamespace(nodeid=one) for one in ids]
    given: dict[str, Any] = {"workerid": "gw0", "workercount": 2, SHARE: True}
    worker = cast(pytest.Config, SimpleNamespace(workerinput=given))
    assert [item.nodeid for item in share(worker, items)] == [ids[0], ids[1], ids[4]]
    given[SHARE] = False
    assert share(worker, items) == []


def test_the_scenarios_of_a_worker_that_died_go_to_another_one() -> None:
    ids, workers = ids_of([(f"play{n}", 2) for n in range(6)]), [Worker(0), Worker(1)]
    made = scheduling(ids, workers)
    dead = made.remove_node(workers[0])
    done = run(made, workers[1:])
    assert dead == ids[0]
    assert sorted(one for tests in done.values() for one in tests) == sorted(ids)
