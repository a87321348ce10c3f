"""The pages about testing an application: the first test fails and then passes, and every name exists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mockserver.control.client_checks import RULES
from mockserver.control.routes import COMMANDS
from mockserver.deployment import MockDeployment
from tests.documentation import blocks, read

CHECKOUT = Path(__file__).parents[1]
START = "docs/start/test-an-application.md"
GUIDE = "docs/how-to/test-with-the-mock.md"
CONTROL = "docs/how-to/steer-from-other-languages.md"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))},
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(CHECKOUT),
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=150,
        check=False,
    )


def pytest_in(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "-m", "pytest", "-q", "-p", "doubletext.pytest_mock", "-p", "no:cacheprovider", *files)


@pytest.mark.slow
def test_the_stop_button_fails_and_then_passes(tmp_path: Path) -> None:
    files = [(block.title, block.text) for block in blocks(START) if block.title]
    (first, before), (test, text), (second, after) = files
    assert (first, test, second) == ("chat.py", "test_chat.py", "chat.py")
    (tmp_path / test).write_text(text)
    (tmp_path / first).write_text(before)
    failed = pytest_in(tmp_path)
    (shown,) = [block.text for block in blocks(START) if block.language == "text"]
    assert failed.returncode == 1
    assert shown in failed.stdout
    assert "- mock deployment -" in failed.stdout
    (tmp_path / second).write_text(after)
    passed = pytest_in(tmp_path)
    assert passed.returncode == 0, passed.stdout


def test_the_pages_name_what_there_is() -> None:
    page = read(GUIDE)
    table = page.partition("## What a test can do")[2].partition("\n\nA point is")[0]
    for name in re.findall(r"`(\w+)\(", table):
        assert hasattr(MockDeployment, name), name
    for name in re.findall(r"\.aio\.(\w+)", page):
        assert hasattr(MockDeployment().aio, name), name
    rules = re.findall(
        r"^\| `([\w-]+)` \|", page.partition("## Find mistakes")[2].partition("## Control time")[0], re.MULTILINE
    )
    assert rules == list(RULES)
    known = {command.path for command in COMMANDS}
    assert set(re.findall(r"(?:GET|POST) (/_mock[\w/.]*)", read(CONTROL))) <= known
