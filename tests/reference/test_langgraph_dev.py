"""The harness around a real server waits for it, explains what went wrong and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.reference import __main__ as command_line
from tests.reference.langgraph_dev import ServerError, langgraph_dev, serving

# A server with a child that holds a named pipe open for as long as it lives.
SERVER_WITH_A_CHILD = """
import http.server, subprocess, sys
child = "import signal; pipe = open('alive', 'wb'); signal.pause()"
subprocess.Popen([sys.executable, "-c", child])
class Ok(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ok).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def serve(tmp_path: Path, code: str, *arguments: str, deadline: float = 60.0) -> AbstractContextManager[None]:
    port = arguments[0] if arguments else str(free_port())
    return serving(
        [sys.executable, "-c", code, port, *arguments[1:]],
        url=f"http://127.0.0.1:{port}",
        cwd=tmp_path,
        env={"GREETING": "hello"},
        log=tmp_path / "logs" / "server.log",
        deadline=deadline,
    )


def test_a_server_that_ends_early_shows_its_code_and_the_tail_of_its_log(tmp_path: Path) -> None:
    code = "import os, sys; print(*range(40), os.environ['GREETING'], sep='\\n'); sys.exit(7)"
    with pytest.raises(ServerError, match="exit code 7 before it was ready") as caught, serve(tmp_path, code):
        pass
    assert str(tmp_path / "logs" / "server.log") in str(caught.value)
    assert str(caught.value).endswith("\n39\nhello")
    assert "\n5\n" not in str(caught.value)


def test_a_server_that_never_answers_is_given_up_and_ended(tmp_path: Path) -> None:
    with (
        pytest.raises(ServerError, match=r"(?s)not ready after 0\.3 s.*printed nothing"),
        serve(tmp_path, "import signal; signal.pause()", deadline=0.3),
    ):
        pass


def test_the_server_s_children_end_with_it(tmp_path: Path) -> None:
    port = str(free_port())
    os.mkfifo(tmp_path / "alive")
    with serve(tmp_path, SERVER_WITH_A_CHILD, port):
        # Opens only once the child has opened the other end.
        pipe = (tmp_path / "alive").open("rb")
    with pipe:
        # The end of the file comes only when no process holds the other end any more.
        assert pipe.read() == b""
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/ok", trust_env=False)


def test_a_job_that_is_called_off_takes_its_server_with_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alive")
    job = f"""
import sys
from pathlib import Path
from tests.reference.langgraph_dev import serving
here, port = Path({str(tmp_path)!r}), {free_port()}
command = [sys.executable, "-c", {SERVER_WITH_A_CHILD!r}, str(port)]
with serving(command, url=f"http://127.0.0.1:{{port}}", cwd=here, env={{}}, log=here / "log", deadline=60):
    print("ready", flush=True)
    sys.stdin.read()
"""
    checkout = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", job],
        cwd=checkout,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with (tmp_path / "alive").open("rb") as pipe:
            process.terminate()
            assert pipe.read() == b""
        assert process.wait(60) == 128 + signal.SIGTERM


def test_a_missing_cli_names_the_command_that_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with (
        pytest.raises(ServerError, match=r'pip install "langgraph-cli\[inmem\]'),
        langgraph_dev(workers=1, log=tmp_path / "log"),
    ):
        pass


class Judged:
    """Stands for the server and the suite: records what the command line starts, and says how it ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, codes: list[int]) -> None:
        self.workers: list[int] = []
        self.logs: list[Path] = []
        self.commands: list[list[str]] = []
        self._codes = codes
        monkeypatch.setattr(command_line, "langgraph_dev", self._serve)
        monkeypatch.setattr(subprocess, "call", self._call)

    @contextmanager
    def _serve(self, *, workers: int, log: Path) -> Iterator[str]:
        self.workers.append(workers)
        self.logs.append(log)
        yield f"http://127.0.0.1:{workers}"

    def _call(self, command: list[str], *, cwd: Path) -> int:
        assert (cwd / "pyproject.toml").is_file()
        self.commands.append(command)
        return self._codes[len(self.commands) - 1]


def test_the_suite_is_run_once_for_each_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = Judged(monkeypatch, [0, 0])
    report_dir = ["--report-dir", str(tmp_path)]
    assert command_line.main(["--workers", "1", "--workers", "10", *report_dir, "--", "-k", "x"]) == 0
    assert judged.workers == [1, 10]
    assert judged.logs == [tmp_path / "workers-1.log", tmp_path / "workers-10.log"]
    command = judged.commands[1]
    assert command[:4] == [sys.executable, "-m", "pytest", "conformance"]
    assert command[-2:] == ["-k", "x"]
    options = " ".join(command).replace("=", " ")
    assert "--deployment-url http://127.0.0.1:10 " in options
    assert "--deployment-profile langgraph-api" in options
    assert f"--conformance-report {tmp_path / 'workers-10'} " in options
    printed = capsys.readouterr().out
    assert "===== langgraph dev, 1 worker =====" in printed
    assert "===== langgraph dev, 10 workers =====" in printed
    assert "all green" in printed


def test_one_red_run_makes_the_whole_red_and_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = Judged(monkeypatch, [1, 0])
    assert command_line.main(["--workers", "2", "--workers", "3", "--report-dir", str(tmp_path)]) == 1
    assert judged.workers == [2, 3]
    assert "not green: workers-2 (exit code 1)" in capsys.readouterr().out


def test_a_server_that_does_not_start_makes_the_run_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def broken(*, workers: int, log: Path) -> Iterator[str]:
        raise ServerError("no server today")
        yield

    monkeypatch.setattr(command_line, "langgraph_dev", broken)
    assert command_line.main(["--report-dir", str(tmp_path)]) == 1
    assert "no server today" in capsys.readouterr().err


@pytest.mark.parametrize("bad", ["0", "-1", "many"])
def test_the_number_of_workers_is_at_least_one(tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: str) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["--workers", bad, "--report-dir", str(tmp_path)])
    assert "--workers" in capsys.readouterr().err


@pytest.mark.reference
def test_the_probe_agent_is_served(tmp_path: Path) -> None:
    with langgraph_dev(workers=1, log=tmp_path / "server.log") as url:
        graphs = httpx.post(f"{url}/assistants/search", json={}, trust_env=False).json()
        assert [assistant["graph_id"] for assistant in graphs] == ["agent"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/ok", trust_env=False)
