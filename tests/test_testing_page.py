"""Every file and command of the page about testing an application is run, in the order of the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec

from conformance.scenarios.catalogue import catalogue
from mockserver.control.client_checks import RULES
from mockserver.control.routes import COMMANDS
from mockserver.deployment import MockDeployment
from tests.conformance.plays import play

CHECKOUT = Path(__file__).parents[1]
PAGE = (CHECKOUT / "docs" / "testing-your-app.md").read_text()
FILES = [
    (re.findall(r"`(\w+\.(?:py|yaml))`", before)[-1], text)
    for before, text in re.findall(r"((?:(?!```).)*)\n```(?:python|yaml)\n(.*?)```", PAGE, re.DOTALL)
]
"""The files that the page shows, with their texts."""


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


def test_the_stop_button_fails_and_then_passes(tmp_path: Path) -> None:
    (first, before), (test, text), (second, after) = FILES[:3]
    assert (first, test, second) == ("chat.py", "test_chat.py", "chat.py")
    (tmp_path / test).write_text(text)
    (tmp_path / first).write_text(before)
    failed = pytest_in(tmp_path)
    (told,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert failed.returncode == 1
    assert told in failed.stdout
    assert "- mock deployment -" in failed.stdout
    (tmp_path / second).write_text(after)
    passed = pytest_in(tmp_path)
    assert passed.returncode == 0, passed.stdout


def test_every_other_file_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    for name, text in FILES:
        (tmp_path / name).write_text(text)
    (transcript,) = play(catalogue()[:1]).values()
    (tmp_path / "transcript.json").write_bytes(msgspec.json.encode(transcript))
    done = pytest_in(tmp_path)
    assert done.returncode == 0, done.stdout
    tests = [text.count("def test_") for name, text in dict(FILES).items() if name.startswith("test_")]
    # One of them is played with three strategies.
    assert f"{sum(tests) + 2} passed" in done.stdout
    script = run(tmp_path, "without_pytest.py")
    assert script.stdout == "interrupted\n", script.stderr


def test_every_file_of_the_page_was_found() -> None:
    assert len(FILES) == len(re.findall(r"```(?:python|yaml)\n", PAGE))


def test_the_page_names_what_there_is() -> None:
    table = PAGE.partition("## What a test can do")[2].partition("\n\nA point is")[0]
    for name in re.findall(r"`(\w+)\(", table):
        assert hasattr(MockDeployment, name), name
    for name in re.findall(r"\.aio\.(\w+)", PAGE):
        assert hasattr(MockDeployment().aio, name), name
    rules = re.findall(r"^\| `([\w-]+)` \|", PAGE.partition("## Conduct")[2].partition("## Time")[0], re.MULTILINE)
    assert rules == list(RULES)
    known = {command.path for command in COMMANDS}
    assert set(re.findall(r"(?:GET|POST) (/_mock[\w/]*)", PAGE)) <= known
