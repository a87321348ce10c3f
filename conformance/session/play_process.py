"""The plays on the embedded mock, in a process of their own.

Theory of operation. In one process, playing and judging take turns, because one thread of Python runs at a time, and
each takes about half of a run. So a run on the embedded mock has two processes: pytest, which judges, and this one,
which plays. With many scenarios the mock is a third (`mock_process.py`), and otherwise it is a part of this one.

The process is started before pytest collects the tests, and imports what it needs meanwhile. Both take a second. The
messages are lines of JSON. The suite sends `Start`, and `Begin` for scenarios. The process answers `Started` or
`Failed`, then `Examined`, and `Over` for each play. It holds a `PlayPool`, so scenarios are played as in any other run.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any, Final

import msgspec

from conformance.driver.deadlines import Deadlines
from conformance.judge.profiles import Workers
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.scenario import Scenario
from conformance.session.players import NotJudgeable, Players, PlayPool, import_all
from conformance.session.processes import PLAYS, forward, started
from conformance.session.target import Target
from conformance.transcript.transcript import SuiteInfo, TargetInfo, Transcript


class Start(msgspec.Struct, frozen=True, tag=True):
    """The request to start the mock and what plays on it."""

    suite: SuiteInfo
    jobs: int | None
    witness_host: str | None
    many: bool
    """True if the mock gets a process of its own."""


class Begin(msgspec.Struct, frozen=True, tag=True):
    """The request to play scenarios, by their ids. The first one names the deployment as well."""

    scenarios: list[str]
    assistant: str
    named: bool
    headers: dict[str, str]
    profile: str | None
    deadlines: Deadlines
    name: str | None


class Started(msgspec.Struct, frozen=True, tag=True):
    """The mock listens."""

    url: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The mock, or what plays on it, does not start."""

    text: str


class Examined(msgspec.Struct, frozen=True, tag=True):
    """The findings of `Target.examine`."""

    info: TargetInfo
    problem: str | None
    calibration: list[Transcript]
    workers: Workers | None
    width: int
    counted: bool
    notes: list[str]


class Over(msgspec.Struct, frozen=True, tag=True):
    """The end of one play: a transcript, or the reason for having none, or the traceback of an error of the suite.

    `problem` is that of the deployment, which a play may have lost.
    """

    scenario: str
    problem: str | None
    transcript: Transcript | None = None
    kept: bool = False
    unjudgeable: str | None = None
    error: str | None = None


Answer = Started | Failed | Examined | Over

_encode = msgspec.json.Encoder().encode
_answer: Final = msgspec.json.Decoder(Answer)


class PlayProcess(Players):
    """A player of scenarios against one mock, in a process of its own.

    The arguments are those of `PlayPool`, and `launched`, the process if it is there already. With `many` the mock has
    a process of its own, too.
    """

    def __init__(
        self,
        *,
        suite: SuiteInfo,
        jobs: int | None,
        witness_host: str | None,
        keep: Callable[[Target, Transcript | None], None],
        many: bool = True,
        launched: subprocess.Popen[bytes] | None = None,
    ) -> None:
        super().__init__()
        self._start = Start(suite, jobs, witness_host, many)
        self._launched = launched
        self._keep = keep
        self._url: Future[str] = Future()
        self._target: Target | None = None
        self._stopped = False
        self._ended: str | None = None
        """The reason why no play will come any more, once the process has ended by itself."""

    def start(self) -> None:
        """Start the mock and what plays on it. Raise OSError if there is no process and it does not start."""
        self._process = self._launched or started(PLAYS)
        self._threads = [
            threading.Thread(target=read, args=(stream,), name=f"doubletext: {name}", daemon=True)
            for name, read, stream in (
                ("plays", self._read, self._process.stdout),
                ("log of the plays", forward, self._process.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()
        self._send(self._start)

    def start_mock(self) -> str:
        """Wait for the mock of the process and return its URL. Raise OSError if it did not start."""
        return self._url.result()

    def begin(self, target: Target, scenarios: Iterable[Scenario]) -> None:
        """Start to play these scenarios, as many at a time as there are jobs, and return at once."""
        self._target = target
        new = [one for one in scenarios if (id(target), one.id) not in self._plays]
        self._plays |= {(id(target), one.id): Future() for one in new}
        self._send(
            Begin(
                [one.id for one in new],
                target.assistant,
                target.named,
                target.headers,
                target.info.profile,
                target.deadlines,
                target.info.name,
            )
        )
        # After the plays were added: the thread that reads sets the reason before it fails those that are there.
        if self._ended is not None:
            self._end(self._ended)

    def future(self, target: Target, scenario: Scenario) -> Future[Transcript]:
        """Return the future of one play, which is begun if it was not."""
        key = (id(target), scenario.id)
        if key not in self._plays:
            self.begin(target, [scenario])
        return self._plays[key]

    def stop(self) -> None:
        """End the plays under way, the mock and the process."""
        assert self._process.stdin is not None
        self._stopped = True
        with suppress(BrokenPipeError):  # the process has ended, and what was sent last is still here
            self._process.stdin.close()
        self._process.wait()
        for thread in self._threads:
            thread.join()

    def _send(self, message: Start | Begin) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the process has ended, which `_read` notices
            self._process.stdin.write(_encode(message) + b"\n")
            self._process.stdin.flush()

    # -- in the thread that reads ------------------------------------------------------------------------

    def _read(self, answers: IO[bytes]) -> None:
        try:
            with answers:
                for line in answers:
                    self._take(_answer.decode(line))
        except Exception as error:  # noqa: BLE001 - without this thread every play would be awaited for ever
            self._end(f"the plays on the mock cannot be received: {type(error).__name__}: {error}")
        if not self._stopped:
            self._end(f"the process that plays on the mock ended with code {self._process.wait()}. Read its log")

    def _end(self, reason: str) -> None:
        """Fail what will not come. A deployment's problem is shown once, and an error once for each verdict."""
        self._ended = self._ended or reason
        _fail(self._url, OSError(reason))
        if self._target is not None:
            self._target.problem = self._target.problem or reason
        for play in list(self._plays.values()):
            _fail(play, NotJudgeable(reason))

    def _take(self, answer: Answer) -> None:
        match answer:
            case Started():
                self._url.set_result(answer.url)
            case Failed():
                self._url.set_exception(OSError(answer.text))
            case Examined():
                self._take_examination(answer)
            case Over():
                self._take_play(answer)

    def _take_examination(self, found: Examined) -> None:
        target = self._target
        assert target is not None
        target.info, target.problem, target.calibration = found.info, found.problem, found.calibration
        target.workers, target.width, target.counted = found.workers, found.width, found.counted
        target.notes = found.notes
        self._keep(target, None)

    def _take_play(self, over: Over) -> None:
        target = self._target
        assert target is not None
        target.problem = target.problem or over.problem
        future = self._plays[id(target), over.scenario]
        if over.transcript is None:
            future.set_exception(NotJudgeable(over.unjudgeable) if over.error is None else RuntimeError(over.error))
            return
        try:
            if over.kept:
                self._keep(target, over.transcript)
        except Exception as error:  # noqa: BLE001 - for example a full disk, which the one who waits has to know
            future.set_exception(error)
        else:
            future.set_result(over.transcript)


def _fail(future: Future[Any], error: Exception) -> None:
    with suppress(InvalidStateError):  # most have their result
        future.set_exception(error)


# -- in the process --------------------------------------------------------------------------------------


def serve() -> None:
    """Play what the standard input requests, until it ends."""
    import_all()
    # All of it stays, so the garbage collector need not search it, which takes a tenth of a second at the end alone.
    gc.freeze()
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    queue: SimpleQueue[Answer | None] = SimpleQueue()
    writer = threading.Thread(target=_write, args=(queue, answers), name="doubletext: answers")
    writer.start()
    try:
        _serve(sys.stdin.buffer, queue.put)
    finally:
        queue.put(None)
        writer.join()


def _write(queue: SimpleQueue[Answer | None], answers: IO[bytes]) -> None:
    # In a thread, because the suite may be slow to read while it judges.
    with suppress(BrokenPipeError):  # the suite was killed, and the standard input ends as well
        while (answer := queue.get()) is not None:
            answers.write(_encode(answer) + b"\n")
            answers.flush()


def _serve(requests: IO[bytes], send: Callable[[Answer], None]) -> None:
    request = requests.readline()
    if not request:
        return  # the suite has nothing to play
    start = msgspec.json.decode(request, type=Start)
    kept: set[str] = set()

    def keep(target: Target, transcript: Transcript | None) -> None:
        if transcript is None:
            send(_examined(target))
        else:
            kept.add(transcript.scenario.id)

    pool = PlayPool(suite=start.suite, jobs=start.jobs, witness_host=start.witness_host, keep=keep)
    try:
        pool.start()
        url = pool.start_mock() if start.many else pool.embed_mock()
    except OSError as error:
        send(Failed(str(error)))
        return
    send(Started(url))
    scenarios, target = {one.id: one for one in catalogue()}, None
    try:
        for line in requests:
            begin = msgspec.json.decode(line, type=Begin)
            target = target or _target(url, begin)
            wanted = [scenarios[one] for one in begin.scenarios]
            pool.begin(target, wanted)
            for one in wanted:
                pool.future(target, one).add_done_callback(_Report(pool, target, one, kept, send))
    finally:
        pool.stop()


def _target(url: str, begin: Begin) -> Target:
    return Target(
        url=url,
        assistant=begin.assistant,
        named=begin.named,
        headers=begin.headers,
        profile=begin.profile,
        deadlines=begin.deadlines,
        name=begin.name,
    )


def _examined(target: Target) -> Examined:
    return Examined(
        target.info,
        target.problem,
        list(target.calibration),
        target.workers,
        target.width,
        target.counted,
        list(target.notes),
    )


class _Report:
    """The callback that sends the end of one play."""

    def __init__(
        self, pool: PlayPool, target: Target, scenario: Scenario, kept: set[str], send: Callable[[Answer], None]
    ) -> None:
        self._pool, self._target, self._scenario, self._kept, self._send = pool, target, scenario, kept, send

    def __call__(self, play: Future[Transcript]) -> None:
        """Send the result of a play, and drop it here."""
        if play.cancelled():
            return
        name, problem = self._scenario.id, self._target.problem
        try:
            self._send(Over(name, problem, transcript=play.result(), kept=name in self._kept))
        except NotJudgeable as reason:
            self._send(Over(name, problem, unjudgeable=str(reason)))
        except Exception:  # noqa: BLE001 - the suite raises it where the verdict is asked for
            self._send(Over(name, problem, error=traceback.format_exc()))
        self._pool.forget(self._target, self._scenario)
