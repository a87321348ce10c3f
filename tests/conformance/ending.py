"""A pytest plugin that sends a signal to its own process at a moment of the run: `--end-at=MOMENT --end-by=SIGNAL`."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from conformance.report import summary
from conformance.session.session import Session

MOMENTS: Final = (
    "collection",
    "tests",
    "examination",
    "first play",
    "second play",
    "first verdict",
    "last verdict",
    "report",
    "summary",
)
"""The moments of a run, in their order. Those of plays and of the report are after their file was written."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    parser.addoption("--end-at", choices=MOMENTS)
    parser.addoption("--end-by", type=lambda name: signal.Signals[name])


def pytest_configure(config: pytest.Config) -> None:
    """End the run at its moment."""
    ending = Ending(config.option.end_at, config.option.end_by)
    config.pluginmanager.register(ending)
    config.add_cleanup(ending.watch(Session, "_keep_at_once", ending.kept))
    config.add_cleanup(ending.watch(summary, "write_report", lambda *_: ending.reached("report")))


class Ending:
    """The end of a run at one moment."""

    def __init__(self, moment: str, number: signal.Signals) -> None:
        self._moment, self._number = moment, number
        self._plays = self._verdicts = 0
        self._sent = False

    def reached(self, moment: str) -> None:
        """Send the signal when the moment is first reached."""
        if moment == self._moment and not self._sent:
            self._sent = True
            os.kill(os.getpid(), self._number)

    def watch(self, owner: Any, name: str, after: Callable[..., None]) -> Callable[[], None]:
        """Call `after` behind a function, and return what restores it."""
        real = getattr(owner, name)

        def watched(*arguments: Any) -> Any:
            result = real(*arguments)
            after(*arguments)
            return result

        setattr(owner, name, watched)
        return lambda: setattr(owner, name, real)

    def kept(self, _: Session, __: object, transcript: object) -> None:
        """Count the plays that are kept. The examination is the one without a transcript."""
        if transcript is None:
            self.reached("examination")
        else:
            self._plays += 1
            self.reached(("first play", "second play")[self._plays - 1])

    def pytest_collect_file(self, file_path: Path) -> None:
        """Note the first file."""
        del file_path
        self.reached("collection")

    @pytest.hookimpl(trylast=True)
    def pytest_generate_tests(self) -> None:
        """Note that the tests are made."""
        self.reached("tests")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the verdicts."""
        if report.when == "call":
            self._verdicts += 1
            if self._verdicts == 1:
                self.reached("first verdict")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Note that all tests have been made."""
        self.reached("last verdict")

    def pytest_terminal_summary(self) -> None:
        """Note the summary, behind the report."""
        self.reached("summary")
