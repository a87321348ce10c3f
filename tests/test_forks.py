"""Forked processes: they are what a process that was started would be, but for what is imported already."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import forks

DEADLINE = 60.0

REPORT = """
import json, os, sys
import neighbour
print(json.dumps({
    "arguments": sys.argv[1:], "folder": os.getcwd(), "own": os.environ.get("OWN"), "path": sys.path[0],
    "input": sys.stdin.read(), "neighbour": neighbour.__file__, "imported": "aiohttp.web" in sys.modules,
}))
print("to the other stream", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with two modules, one of which reports what process it is in."""
    (tmp_path / "report_of_process.py").write_text(REPORT, "utf-8")
    (tmp_path / "neighbour.py").touch()
    return tmp_path


def report(project: Path, **more: str) -> tuple[dict[str, Any], int, str]:
    command = [sys.executable, "-m", "report_of_process", "one", "--two=2"]
    found = forks.run(command, cwd=project, env={**os.environ, "OWN": "yes", **more}, timeout=DEADLINE)
    return json.loads(found.stdout), found.returncode, found.stderr


def test_a_fork_has_the_arguments_folder_environment_and_streams_of_its_own(project: Path) -> None:
    forked, code, errors = report(project)
    assert forked.pop("imported")
    # Another seed of hashes is read when Python starts, so a fork cannot have it.
    fresh, *_ = report(project, PYTHONHASHSEED="7")
    assert not fresh.pop("imported")
    assert forked == fresh
    assert (forked["own"], forked["folder"], code, errors) == ("yes", str(project), 3, "to the other stream\n")


def test_a_fork_can_be_interrupted_and_killed(tmp_path: Path) -> None:
    (tmp_path / "stays.py").write_text("import signal\nprint('there', flush=True)\nsignal.pause()\n", "utf-8")
    for number, code in ((signal.SIGINT, 1), (signal.SIGKILL, -signal.SIGKILL)):
        output, write = os.pipe()
        process = forks.start([sys.executable, "-m", "stays"], cwd=tmp_path, env=os.environ, stdout=write, stderr=write)
        os.close(write)
        with os.fdopen(output) as lines:
            assert lines.readline() == "there\n"
            process.send_signal(number)
            assert process.wait(DEADLINE) == code
