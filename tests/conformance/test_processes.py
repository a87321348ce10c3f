"""The processes of a run beside pytest's: when there is one, and its end."""

from __future__ import annotations

import io
import logging
import os
import signal
from pathlib import Path

import pytest

from conformance.session.processes import PLAYS, abandon, cores, forward, pays, started
from tests.conformance.deployments import PLAINEST
from tests.conformance.runs import run_suite

LOOKING = """
import pytest
from conformance.pytest_plugin import LAUNCHED

def say(when, config):
    process = config.stash.get(LAUNCHED, None)
    print(f"[{when}: {process and process.poll()}]" if process else f"[{when}: no process]")

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    say("before the end", session.config)

def pytest_unconfigure(config):
    say("after it", config)
"""


@pytest.mark.parametrize(
    ("cores", "worker", "expected"), [({0, 1}, None, True), ({0}, None, False), ({0, 1}, "gw0", False)]
)
def test_one_pays_on_idle_cores(
    monkeypatch: pytest.MonkeyPatch, cores: set[int], worker: str | None, expected: bool
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: cores, raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    if worker is not None:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    assert pays() is expected


def test_what_one_logs_is_logged_here(caplog: pytest.LogCaptureFixture) -> None:
    forward(io.BytesIO(b"Traceback (most recent call last):\n  ...\n"))
    assert [(one.name, one.levelno, one.message) for one in caplog.records] == [
        ("mockserver", logging.WARNING, "Traceback (most recent call last):"),
        ("mockserver", logging.WARNING, "  ..."),
    ]


def test_one_that_is_not_needed_ends_at_once() -> None:
    process = started(PLAYS)
    abandon(process)
    assert process.returncode == -signal.SIGKILL
    assert process.stdin is not None
    assert process.stdin.closed


def test_one_to_which_nothing_is_sent_ends_without_a_word() -> None:
    # The suite was killed while it collected its tests.
    process = started(PLAYS)
    assert process.communicate() == (b"", b"")
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "before", "after"),
    [
        (("-k", f"{PLAINEST}::INT-02"), "None", "0"),
        (("-k", "none/such::INT-02"), "None", "-9"),
        (("-k", f"{PLAINEST}::INT-02", "--collect-only"), "no process", "no process"),
        (("-k", f"{PLAINEST}::INT-02", "--deployment-url=http://127.0.0.1:9"), "no process", "no process"),
    ],
    ids=["one verdict", "nothing", "no run", "a deployment"],
)
@pytest.mark.skipif(cores() == 1, reason="with one core there is no such process")
async def test_the_process_of_the_plays_is_there_where_it_pays(
    options: tuple[str, ...], before: str, after: str, tmp_path: Path
) -> None:
    (tmp_path / "looking.py").write_text(LOOKING)
    run = await run_suite("-s", "-p", "looking", *options, env={"PYTHONPATH": str(tmp_path)}, fresh=True)
    assert f"[before the end: {before}]" in run.output, run.output
    assert f"[after it: {after}]" in run.output, run.output
