"""Progress for people: which scenario is being played, and how many are left.

On a terminal one line is written over and over, and only what is not a PASS leaves a mark; in a CI log each scenario
has a line of its own. With -v, -q or xdist pytest's own progress stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest


class Progress:
    """A pytest plugin for one run; `scenarios` says of each test of the suite to which play it belongs."""

    def __init__(self, terminal: pytest.TerminalReporter, scenarios: Mapping[str, str]) -> None:
        self._terminal = terminal
        self._scenarios = scenarios
        self._total = len(set(scenarios.values()))
        self._seen: set[str] = set()
        self._now = ""
        self._marked = False
        self._unjudgeable: set[str] = set()
        self._rewrites = terminal.isatty and terminal.hasmarkup

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Tell the scenario, when the first of its tests begins."""
        scenario = self._scenarios.get(nodeid)
        if scenario is None or scenario == self._now or _deployment(scenario) in self._unjudgeable:
            return
        self._now = scenario
        self._seen.add(scenario)
        line = f"[{len(self._seen)}/{self._total}] {scenario}, {self._left()} "
        if self._rewrites and not self._marked and len(self._seen) > 1:
            self._terminal.rewrite(line, erase=True)
        else:
            self._terminal.write(f"\n{line}")
        self._marked = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A deployment that cannot be judged is told of once, so its scenarios are not."""
        if getattr(report, "doubletext", {}).get("unjudged"):
            self._unjudgeable.add(_deployment(self._scenarios[report.nodeid]))

    def _left(self) -> str:
        left = self._total - len(self._seen)
        return f"{left} left" if left else "the last one"

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """On a terminal a PASS leaves no mark, so that the line is short enough to be written over."""
        if not self._rewrites or report.nodeid not in self._scenarios or report.when != "call":
            return None
        if report.passed and not hasattr(report, "wasxfail"):
            return "passed", "", "PASSED"
        self._marked = True
        return None


def _deployment(scenario: str) -> str:
    """The name in front of a scenario, where there are several deployments."""
    return scenario.rpartition("::")[0]


def register(config: pytest.Config, scenarios: Mapping[str, str]) -> None:
    """Show progress in this run, unless pytest was asked to show more, less, or something else."""
    terminal: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if scenarios and terminal is not None and config.get_verbosity() == 0 and config.option.capture != "no":
        config.pluginmanager.register(Progress(terminal, scenarios), "doubletext-progress")


def scenarios_of(items: Sequence[pytest.Item]) -> dict[str, str]:
    """The play of each test of the suite, by the test's id."""
    found = {}
    for item in items:
        case = getattr(getattr(item, "callspec", None), "params", {}).get("conformance_case")
        if case is not None:
            found[item.nodeid] = case.id.rpartition("::")[0]
    return found
