"""Processes of Python that are forked from one where everything is imported already.

Most runs of pytest that the tests start are short: half of their processor time went into starting Python and importing
pytest, the suite and the mock. Here the fork server of `multiprocessing` imports them once, and each process is a copy
of it, with the arguments, environment, folder and streams that it would have been started with. The server has no
threads and no event loop, so it is safe to fork.

A copy differs from a process that was started in five points. Everything in `tests.preloaded` is imported, pytest has
not rewritten the assertions of these modules, modules are not torn down at the end, and a Ctrl-C that nothing handles
gives the exit code 1 and not the signal. A copy counts one core, so that a run of the suite plays in its own process. A
test that is about one of these starts a process with `start_fresh`.
"""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing import get_context, reduction
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from tempfile import TemporaryFile
from typing import IO, Any, Final

CONTEXT: Final = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.preloaded"])

Stream = int | IO[Any]
"""An open file, or its descriptor."""

READ_AT_START: Final = {
    name: os.environ.get(name)
    for name in ("PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONUNBUFFERED", "PYTHONUTF8", "PYTHONWARNINGS")
}
"""Variables that Python reads when it starts, so that a fork ignores them."""


COUNTING_CORES: Final = {"DOUBLETEXT_TESTS_COUNT_CORES": "1"}
"""The environment of a process that counts all cores, for a test of what depends on them."""


class Fork:
    """A process, with the part of the interface of `subprocess.Popen` that the tests need."""

    stdin = None
    returncode: int | None = None

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str], stdout: int, stderr: int) -> None:
        self.args = command
        streams = (_Inherited(stdout), _Inherited(stderr))
        self._process = CONTEXT.Process(target=_become, args=(tuple(command), str(folder), dict(env), *streams))
        self._process.start()
        self.pid = self._process.pid

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, negative for a signal. Raise TimeoutExpired."""
        if self.returncode is None:
            self._process.join(timeout)
            self.returncode = self._process.exitcode
            if self.returncode is None:
                raise TimeoutExpired(self.args, timeout or 0.0)
            self._process.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, unless it has ended."""
        if self.returncode is None and self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        self.send_signal(signal.SIGKILL)


Process = Fork | subprocess.Popen[bytes]


class Piped:
    """Such a process whose output can be read as text while it runs, like that of `subprocess.Popen` with pipes."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        ends = [os.pipe(), os.pipe()]
        try:
            self._process = start(command, cwd=cwd, env=env, stdout=ends[0][1], stderr=ends[1][1])
        finally:
            for _, written in ends:
                os.close(written)
        self.stdout, self.stderr = (os.fdopen(read, encoding="utf-8") for read, _ in ends)

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal, or None before it was waited for."""
        return self._process.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, unless it has ended."""
        self._process.send_signal(number)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end. Return what was not read of the output and of the errors. Raise TimeoutExpired."""
        # A thread for each, because a pipe that is full would stop the process.
        with ThreadPoolExecutor(2) as threads:
            rest = [threads.submit(_read_to_its_end, each) for each in (self.stdout, self.stderr)]
            try:
                self._process.wait(timeout)
            except TimeoutExpired:
                # Its pipes would keep the threads.
                self._process.kill()
                raise
        return rest[0].result(), rest[1].result()

    def end(self) -> None:
        """Kill the process, unless it has ended, and close its pipes."""
        self._process.kill()
        self.communicate()


def _read_to_its_end(file: IO[str]) -> str:
    """Return the rest of a file, and close it. Return nothing for one that is closed."""
    if file.closed:
        return ""
    with file:
        return file.read()


def start(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdout: Stream, stderr: Stream) -> Process:
    """Start `python -m MODULE ARGUMENTS` in this folder and with this environment. Its standard input is empty.

    `command` begins with the interpreter, as for `subprocess`.
    """
    assert command[0] == sys.executable
    assert command[1].startswith("-m")
    # With coverage, each process measures itself from its start on.
    differs = {name: env.get(name) for name in READ_AT_START} != READ_AT_START
    if differs or "COVERAGE_PROCESS_CONFIG" in os.environ:
        return start_fresh(command, cwd=cwd, env=env, stdout=stdout, stderr=stderr)
    module = command[2:] if command[1] == "-m" else [command[1][2:], *command[2:]]
    return Fork(module, cwd, env, *(each if isinstance(each, int) else each.fileno() for each in (stdout, stderr)))


def start_fresh(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdout: Stream, stderr: Stream
) -> subprocess.Popen[bytes]:
    """Start the same in a process that has imported nothing."""
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=_hear_ctrl_c,
    )


def _hear_ctrl_c() -> None:
    """Restore the default of SIGINT: a process that a shell starts in the background ignores it, with its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float) -> CompletedProcess[str]:
    """Run such a process to its end. Kill it, and raise TimeoutExpired, when it takes longer."""
    # Files, because a pipe that is full would stop the process, and so would two that are read one after the other.
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        process = start(command, cwd=cwd, env=env, stdout=stdout, stderr=stderr)
        try:
            code = process.wait(timeout)
        except TimeoutExpired:
            process.kill()
            raise
        output = []
        for file in (stdout, stderr):
            file.seek(0)
            output.append(file.read().decode())
    return CompletedProcess(command, code, *output)


def popen(command: Sequence[str], stdout: Stream, stderr: Stream, **_: object) -> Process:
    """Start a process as `pytest.Pytester.popen` does, which adds the folder to the path for imports."""
    path = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
    return start(command, cwd=Path.cwd(), env={**os.environ, "PYTHONPATH": path}, stdout=stdout, stderr=stderr)


class _Inherited:
    """A file descriptor that arrives in the other process as a number."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (reduction.DupFd(self._descriptor),)


def _arrived(descriptor: Any) -> int:
    number: int = descriptor.detach()
    return number


def _become(command: tuple[str, ...], folder: str, env: dict[str, str], stdout: int, stderr: int) -> None:
    """Continue as the process of `python -m COMMAND`."""
    from _pytest.assertion.rewrite import AssertionRewritingHook

    _use(stdout, stderr)
    _move(folder, env)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A project under test may have a package of this name.
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    # pytest would warn that it cannot rewrite the assertions of modules that are imported.
    AssertionRewritingHook._warn_already_imported = lambda *_: None  # type: ignore[method-assign]
    # The others are busy with other tests, and a process that plays would import everything.
    if hasattr(os, "sched_getaffinity") and not COUNTING_CORES.items() <= env.items():
        os.sched_getaffinity = lambda _: {0}
    sys.argv = list(command)
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    finally:
        # `multiprocessing` ends its processes without them.
        atexit._run_exitfuncs()


def _use(stdout: int, stderr: int) -> None:
    """Replace the standard streams of the server, which has none of a user."""
    for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), stdout, stderr)):
        os.dup2(descriptor, number)
        if descriptor > 2:
            os.close(descriptor)
    stream = partial(open, encoding="utf-8", closefd=False)
    sys.stdin, sys.stdout = stream(0), stream(1, "w")
    sys.stderr = stream(2, "w", errors="backslashreplace", buffering=1)


def _move(folder: str, env: dict[str, str]) -> None:
    """Enter this folder with this environment, and with the path for imports that follows from both."""
    from tests.preloaded import PATH

    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    added = [part for part in env.get("PYTHONPATH", "").split(os.pathsep) if part]
    sys.path[:] = [folder, *added, *(part for part in PATH if part not in before)]
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
