"""The distribution of the suite by pytest-xdist: all tests of one scenario go to one worker.

Theory of operation. On the embedded mock each worker has a mock of its own, and plays as many scenarios at a time as a
run without xdist. For that it must know its scenarios before it makes their tests. But xdist sends the tests of another
scenario only when those of the present one are done. So the scenarios are dealt out by a rule that the controller and
the workers know: in the order of the tests, one to each worker in turn. A worker begins to play all of its scenarios
at once.

At a URL a worker plays one scenario at a time, because all workers share the deployment. There, any worker takes the
next scenario.

A run of the suite alone on the embedded mock is not distributed. The verdicts of the workers have to be sent to the
controller, which takes longer than to judge, and the plays have a process of their own anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

from conformance.session.processes import pays

PACKAGE = Path(__file__).parents[1]

SHARE = "doubletext_share"
"""The key of `workerinput` under which a worker finds that it has a share of the scenarios."""


NO_EFFECT = "doubletext: -n has no effect on the embedded mock, where one process plays while another judges"


def leave_out(config: pytest.Config) -> bool:
    """Undo `-n` for a run of the suite alone on the embedded mock. Return whether it was undone."""
    option = config.option
    if option.deployment_url or option.collectonly or not pays():
        return False
    if not all(_is_of_suite(config, one) for one in config.args):
        return False
    # As `-n 0` does. xdist reads these when every other plugin is configured.
    option.dist, option.tx, option.numprocesses = "no", [], 0
    return True


def _is_of_suite(config: pytest.Config, argument: str) -> bool:
    """Return whether an argument of pytest names tests of the suite alone."""
    name = argument.partition("::")[0]
    if (path := (config.invocation_params.dir / name).resolve()).exists():
        return path.is_relative_to(PACKAGE)
    return bool(config.option.pyargs) and name.partition(".")[0] == PACKAGE.name


def scenario_of(nodeid: str) -> str | None:
    """Return the id of a test of the suite up to the requirement, or None for any other test."""
    # The scheduler on the controller knows only ids. A test of the suite has a `::` inside its brackets.
    is_case = "[" in nodeid and nodeid.endswith("]") and "::" in nodeid.partition("[")[2]
    return nodeid.rpartition("::")[0] if is_case else None


def owners(nodeids: Iterable[str], workers: int) -> dict[str, int]:
    """Return the number of the worker that plays each scenario."""
    scenarios = dict.fromkeys(filter(None, map(scenario_of, nodeids)))
    return {scenario: place % workers for place, scenario in enumerate(scenarios)}


def share(config: pytest.Config, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests of the scenarios that this worker plays. The list is empty in a run without shares."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    if not given.get(SHARE):
        return []
    mine = _number(given["workerid"])
    owner = owners((item.nodeid for item in items), given["workercount"])
    return [item for item in items if owner.get(scenario_of(item.nodeid) or "") == mine]


def _number(worker: str) -> int:
    return int(worker.removeprefix("gw"))


class ScenarioScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist's schedulers are untyped
    """xdist's default distribution, except that tests of the suite stay together by scenario.

    With `shared`, each scenario also goes to the worker that has begun to play it.
    """

    def __init__(self, config: pytest.Config, log: Any, *, shared: bool) -> None:
        super().__init__(config, log)
        self._shared = shared
        self._owners: dict[str, int] = {}

    # Each worker has its own player. A scenario that is split between workers would be played once on each.
    def _split_scope(self, nodeid: str) -> str:
        """Return the id up to the requirement for a test of the suite, and the whole id for any other test."""
        return scenario_of(nodeid) or nodeid

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """Keep the tests that a worker has collected."""
        super().add_node_collection(node, collection)
        if node in self.registered_collections:
            self.registered_collections[node] = _Places(collection)
        if self._shared and not self._owners:
            self._owners = owners(collection, self.numnodes)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Note that a test is done, and give the worker more where it has almost none left."""
        super().mark_test_complete(node, item_index, duration)
        # xdist counts all tests that a worker has ever had after each test. Of ten thousand this takes seconds.
        units, scope = self.assigned_work[node], self._split_scope(self.registered_collections[node][item_index])
        if all(units[scope].values()):
            del units[scope]

    def _assign_work_unit(self, node: Any) -> None:
        if (scope := self._next(node)) is not None:
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: Any) -> None:
        almost_done = self._pending_of(self.assigned_work[node]) <= 2
        if almost_done and self.workqueue and not node.shutting_down and self._next(node) is None:
            # The other workers have played all that is left.
            node.shutdown()
            return
        super()._reschedule(node)

    def _next(self, node: Any) -> str | None:
        """Return the next tests for a worker: those of its own scenarios, then those of no worker that still runs."""
        mine = _number(node.gateway.id)
        running = {_number(one.gateway.id) for one in self.nodes}
        left: list[str] = list(self.workqueue)
        own = next((scope for scope in left if self._owners.get(scope) == mine), None)
        return own or next((scope for scope in left if self._owners.get(scope) not in running), None)


class _Places(list[str]):
    """A list of ids that finds each at once. xdist searches for each id from the beginning of the list."""

    def __init__(self, ids: Iterable[str]) -> None:
        super().__init__(ids)
        self._places = {one: place for place, one in reversed(list(enumerate(self)))}

    def index(self, value: str, *_: Any) -> int:
        """Return the place of an id. Raise KeyError for an unknown one."""
        return self._places[value]
