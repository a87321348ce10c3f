"""A server that runs as a process is waited for, explains what went wrong and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.reference.process import ServerError, free_port, serving

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
    # A process that is just being ended may still take the connection and reset it.
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{port}/ok", trust_env=False)


def test_a_job_that_is_called_off_takes_its_server_with_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alive")
    job = f"""
import sys
from pathlib import Path
from tests.reference.process import serving
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
