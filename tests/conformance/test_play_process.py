"""The process that plays many scenarios on the embedded mock: the same plays, and no end that goes unnoticed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.driver.deadlines import Deadlines
from conformance.judge.play import Play
from conformance.scenarios.catalogue import catalogue
from conformance.session import play_process as module
from conformance.session.play_process import PlayProcess
from conformance.session.players import NotJudgeable, PlayPool
from conformance.session.processes import PLAYS
from conformance.session.target import Target
from conformance.transcript.transcript import Transcript
from tests.conformance.deployments import PLAINEST
from tests.conformance.plays import SUITE

DEADLINE = 30
SCENARIOS = {one.id: one for one in catalogue()}
PLAIN = SCENARIOS[PLAINEST]
OTHER = SCENARIOS["rollback/during-tools/create/unwatched"]

SUITE_PROGRAM = """
from conformance.session.play_process import PlayProcess
from tests.conformance.plays import SUITE

pool = PlayProcess(suite=SUITE, jobs=1, witness_host=None, keep=lambda *_: None)
pool.start()
pool.start_mock()
print(pool._process.pid, flush=True)
input()
"""


class Kept:
    """A process that plays, and what it has kept, in order. None is the examination."""

    def __init__(self, *, jobs: int = 2, witness_host: str | None = None) -> None:
        self.kept: list[str | None] = []
        # With a mock of its own in `SUITE_PROGRAM` alone, because its start takes a third of a second.
        self.pool = PlayProcess(suite=SUITE, jobs=jobs, witness_host=witness_host, keep=self._keep, many=False)

    def _keep(self, _: Target, transcript: Transcript | None) -> None:
        self.kept.append(None if transcript is None else transcript.scenario.id)

    def target(self, assistant: str = "agent") -> Target:
        """Return the mock of the process."""
        url = self.pool.start_mock()
        return Target(url=url, assistant=assistant, headers={}, profile=None, deadlines=Deadlines(), name="mine")


@pytest.fixture
def there() -> Iterator[Kept]:
    kept = Kept()
    kept.pool.start()
    yield kept
    kept.pool.stop()


def test_it_plays_and_examines_as_the_suite_does(there: Kept) -> None:
    target = there.target()
    there.pool.begin(target, [PLAIN, OTHER])
    first = there.pool.first_over([(target, PLAIN)])
    plays = [Play(there.pool.transcript(target, one)) for one in (PLAIN, OTHER)]
    assert first == 0
    assert [play.final_status("B") for play in plays] == ["success", "success"]
    assert {play.transcript.target for play in plays} == {target.info}
    assert (target.info.server, target.info.name) == ("doubletext-mockserver", "mine")
    assert len(target.calibration) == 3
    assert there.kept[0] is None
    assert sorted(filter(None, there.kept)) == sorted([PLAIN.id, OTHER.id])


def test_a_play_that_was_dropped_is_made_again(there: Kept) -> None:
    target = there.target()
    first = there.pool.transcript(target, PLAIN)
    there.pool.forget(target, PLAIN)
    assert there.pool.transcript(target, PLAIN).started_at != first.started_at


def test_a_mock_that_cannot_be_judged_is_not_judged(there: Kept) -> None:
    target = there.target(assistant="nobody")
    with pytest.raises(NotJudgeable, match="`nobody` could not be created"):
        there.pool.transcript(target, PLAIN)
    assert target.problem is not None


def test_an_error_of_the_suite_is_raised_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with changed(monkeypatch, "break_plays") as there, pytest.raises(RuntimeError, match=r"(?s)Traceback.*a bug"):
        there.pool.transcript(there.target(), PLAIN)


def test_a_witness_that_cannot_listen_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with changed(monkeypatch, "break_witness") as there, pytest.raises(OSError, match="no port is free"):
        there.pool.start_mock()


@contextmanager
def changed(monkeypatch: pytest.MonkeyPatch, change: str) -> Iterator[Kept]:
    """Provide a process that first calls a function of this module."""
    first = f"from {__name__} import {change}\n{change}()\nserve()"
    monkeypatch.setattr(module, "PLAYS", PLAYS.replace("serve()", first))
    kept = Kept()
    kept.pool.start()
    try:
        yield kept
    finally:
        kept.pool.stop()


def break_witness() -> None:
    """Let the witness find no port."""

    async def start(self: PlayPool) -> None:
        raise OSError("no port is free")

    PlayPool._open = start  # type: ignore[method-assign]


def break_plays() -> None:
    """Let every play fail in the suite."""

    async def play(*_: object, **__: object) -> Transcript:
        raise ValueError("a bug")

    Target.play = play  # type: ignore[method-assign]


def test_its_end_fails_every_play(there: Kept) -> None:
    target = there.target()
    there.pool.begin(target, [PLAIN, OTHER])
    there.pool._process.kill()
    for scenario in (PLAIN, OTHER):
        with pytest.raises(NotJudgeable, match=r"^the process that plays on the mock ended with code -9\."):
            there.pool.transcript(target, scenario)
    assert target.problem == "the process that plays on the mock ended with code -9. Read its log"


def test_a_play_that_is_begun_after_the_end_fails_at_once(there: Kept) -> None:
    target = there.target()
    there.pool._process.kill()
    # The thread that reads has noticed the end.
    there.pool._threads[0].join(DEADLINE)
    for _ in range(2):  # what is sent to a process that has ended is noticed at the second time
        there.pool.forget(target, PLAIN)
        with pytest.raises(NotJudgeable, match="ended with code -9"):
            there.pool.transcript(target, PLAIN)


@pytest.mark.parametrize(
    ("examination", "error", "text"),
    [(False, OSError, "^the disk is full$"), (True, NotJudgeable, "cannot be received: OSError: the disk is full")],
)
def test_a_play_that_cannot_be_kept_is_not_awaited_for_ever(
    there: Kept, monkeypatch: pytest.MonkeyPatch, examination: bool, error: type[Exception], text: str
) -> None:
    def keep(_: Target, transcript: Transcript | None) -> None:
        if (transcript is None) is examination:
            raise OSError("the disk is full")

    monkeypatch.setattr(there.pool, "_keep", keep)
    with pytest.raises(error, match=text):
        there.pool.transcript(there.target(), PLAIN)


def test_a_process_that_is_stopped_is_no_problem_of_the_mock(there: Kept) -> None:
    target = there.target()
    there.pool.begin(target, [PLAIN, OTHER])
    there.pool.stop()
    assert target.problem is None


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the end of a process of others can be awaited on Linux only")
def test_it_ends_with_a_suite_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUITE_PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as suite:
        assert suite.stdout is not None
        plays = int(suite.stdout.readline())
        mock = int(subprocess.check_output(["ps", "-o", "pid=", "--ppid", str(plays)], encoding="utf-8"))
        ends = [os.pidfd_open(one) for one in (plays, mock)]
        try:
            suite.send_signal(signal.SIGKILL)
            for end in ends:
                # Readable once the process has ended.
                assert select.select([end], [], [], DEADLINE)[0] == [end]
        finally:
            for end in ends:
                os.close(end)


IMPORTING = """
import sys, threading
from conformance.session.players import PlayPool
from tests.conformance.plays import SUITE

start = threading.Thread.start

def check(thread):
    assert "langgraph_sdk.client" in sys.modules
    start(thread)

assert "langgraph_sdk.client" not in sys.modules
threading.Thread.start = check
pool = PlayPool(suite=SUITE, jobs=1, witness_host=None)
pool.start()
pool.stop()
"""


def test_the_official_client_is_imported_before_there_is_another_thread() -> None:
    # Two threads that import its modules at the same time get a part of them, because they import each other.
    subprocess.run([sys.executable, "-c", IMPORTING], check=True, timeout=DEADLINE)
