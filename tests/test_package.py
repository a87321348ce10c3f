"""What is shipped: the wheel and the sdist hold what they should, and work where nothing else is installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
INSTALLING = pytest.mark.timeout(900)
"""For tests that download packages."""


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command; raises AssertionError with it when the command fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def clean_environment() -> dict[str, str]:
    """Nothing of this checkout, of tox, or of a test run."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "TOX", "VIRTUAL_ENV", "COV"))}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was made from it."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--outdir", folder, CHECKOUT, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    [found] = built.glob("doubletext-*.whl")
    return found


@INSTALLING
def test_the_wheel_holds_both_packages_with_their_data_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        told = Parser().parsestr(archive.read(metadata).decode())
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"conformance", "mockserver", metadata.partition("/")[0]}
    # Everything that git knows of the two packages, so nothing was forgotten and nothing else came along.
    tracked = run("git", "ls-files", "conformance", "mockserver", cwd=CHECKOUT).split() if in_git() else []
    assert set(tracked) <= names
    assert {
        "conformance/report/html/templates/report.html",
        "conformance/requirements/book.toml",
        "conformance/requirements/int.toml",
        "conformance/profiles/langgraph-api.toml",
        "conformance/schemas/report-1.schema.json",
        "conformance/schemas/transcript-1.schema.json",
        "conformance/agents/CONTRACT.md",
        "conformance/agents/python/langgraph.json",
        "conformance/agents/python/graph.py",
        "conformance/suites/test_interrupt.py",
        "conformance/py.typed",
        "mockserver/py.typed",
    } <= names
    assert any(name.startswith("mockserver/script/scripts/") and name.endswith(".yaml") for name in names)
    assert not [name for name in names if "__pycache__" in name or "node_modules" in name]
    assert not [name for name in names if name.startswith("tests/")]
    assert told["Name"] == "doubletext"
    assert told["License-Expression"] == "MIT"
    assert set(told.get_all("Provides-Extra", [])) == {"dev", "respx", "snapshots", "suite"}


def in_git() -> bool:
    return (CHECKOUT / ".git").exists()


@INSTALLING
def test_the_sdist_holds_what_is_needed_to_build_and_to_test(built: Path) -> None:
    [path] = built.glob("doubletext-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "tox.ini", "tests/pytest.ini"} <= names
    assert "tests/test_package.py" in names
    assert not [name for name in names if "node_modules" in name or name.startswith((".ci", "build/", ".tox"))]


class Environment:
    """A fresh virtual environment, and an empty folder to run things in."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=True)
        self.folder = folder / "empty"
        self.folder.mkdir()
        self.python = folder / "venv" / "bin" / "python"

    def install(self, requirement: str) -> None:
        run(self.python, "-m", "pip", "install", "--quiet", requirement, cwd=self.folder)

    def packages(self) -> set[str]:
        listed = json.loads(run(self.python, "-m", "pip", "list", "--format=json", cwd=self.folder))
        return {package["name"].lower() for package in listed}


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"))


@INSTALLING
def test_the_mock_alone_needs_neither_pytest_nor_langchain(wheel: Path, environment: Environment) -> None:
    environment.install(str(wheel))
    unwanted = ("pytest", "httpx", "langgraph", "langchain", "langsmith")
    assert not [name for name in environment.packages() if name.startswith(unwanted)]
    process = subprocess.Popen(
        [environment.python, "-m", "mockserver", "--port", "0"],
        cwd=environment.folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("mockserver listening on ").strip()
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/ok") as answer:
            assert json.load(answer) == {"ok": True}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.communicate()


@INSTALLING
def test_the_suite_judges_the_embedded_mock_from_the_wheel(wheel: Path, environment: Environment) -> None:
    environment.install(f"doubletext[suite] @ {wheel.as_uri()}")
    assert {"pytest", "langgraph-sdk"} <= environment.packages()
    output = run(
        *(environment.python, "-m", "pytest", "--pyargs", "conformance", "-q", "--conformance-report=report"),
        *("-k", "interrupt/during-tools"),  # `tox -e conformance` plays all
        cwd=environment.folder,
    )
    summary = json.loads((environment.folder / "report" / "report.json").read_text())["summary"]
    assert summary["PASS"] > 500, output
    assert {word for word, count in summary.items() if count} <= {"PASS", "NOT-APPLICABLE"}, output


def test_ci_runs_the_command_of_the_readme() -> None:
    readme, script = (CHECKOUT / "README.md").read_text(), (CHECKOUT / ".ci" / "run").read_text()
    command = "python3.11 -m venv .venv && .venv/bin/pip install --quiet tox && .venv/bin/tox"
    assert f"\n{command}\n" in readme
    assert command in script


@INSTALLING
def test_the_shown_version_is_the_distributions(wheel: Path) -> None:
    import mockserver

    assert wheel.name.split("-")[1] == mockserver.__version__
