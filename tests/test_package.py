"""The wheel and the sdist: their content, and that they work where nothing else is installed."""

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
from collections.abc import Mapping
from email.parser import Parser
from pathlib import Path

import pytest

import mockserver
from mockserver import MockDeployment
from tests.conformance.deployments import PLAINEST

CHECKOUT = Path(__file__).parents[1]
PACKAGES = {"conformance", "doubletext", "mockserver"}
INSTALLING = pytest.mark.timeout(900)
"""For tests that download packages."""


def run(*command: str | Path, cwd: Path) -> str:
    """Return the output of a command. Raise AssertionError with it when the command fails."""
    code, output = attempt(*command, cwd=cwd)
    assert code == 0, f"{command[0]} ended with {code}:\n{output}"
    return output


def attempt(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Return the exit code of a command, and its output. `env` is its whole environment."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment() if env is None else env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout


def clean_environment() -> dict[str, str]:
    """Nothing of this checkout, of tox, or of a test run."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "TOX", "VIRTUAL_ENV", "COV"))}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist and the wheel from it, and return their folder."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--outdir", folder, CHECKOUT, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    [found] = built.glob("doubletext-*.whl")
    return found


@pytest.mark.patient
@INSTALLING
def test_the_wheel_holds_the_packages_with_their_data_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        told = Parser().parsestr(archive.read(metadata).decode())
    tops = {name.partition("/")[0] for name in names}
    assert tops == {*PACKAGES, metadata.partition("/")[0]}
    # Everything that git knows of the packages, so nothing was forgotten and nothing else came along.
    tracked = run("git", "ls-files", *sorted(PACKAGES), cwd=CHECKOUT).split() if in_git() else []
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
        "doubletext/py.typed",
        "mockserver/py.typed",
    } <= names
    assert any(name.startswith("mockserver/script/scripts/") and name.endswith(".yaml") for name in names)
    assert not [name for name in names if "__pycache__" in name or "node_modules" in name]
    assert not [name for name in names if name.startswith("tests/")]
    assert told["Name"] == "doubletext"
    assert told["License-Expression"] == "MIT"
    assert set(told.get_all("Provides-Extra", [])) == {
        "dev",
        "docs",
        "explore",
        "langgraph",
        "respx",
        "snapshots",
        "suite",
    }


def in_git() -> bool:
    return (CHECKOUT / ".git").exists()


@pytest.mark.patient
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

    def pytest(self, how: str) -> tuple[str | Path, ...]:
        """`pytest`, or `python -m pytest`, which puts the folder where it is started on Python's path."""
        return (self.python.with_name("pytest"),) if how == "pytest" else (self.python, "-m", "pytest")

    def packages(self) -> set[str]:
        listed = json.loads(run(self.python, "-m", "pip", "list", "--format=json", cwd=self.folder))
        return {package["name"].lower() for package in listed}


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"))


@pytest.mark.patient
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
            assert json.load(answer) == {"ok": True, "services": {}}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
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


@pytest.mark.patient
@INSTALLING
def test_the_console_command_works_from_the_wheel(wheel: Path, environment: Environment) -> None:
    environment.install(str(wheel))
    command = environment.python.with_name("doubletext")
    assert run(command, "--version", cwd=environment.folder) == f"doubletext {mockserver.__version__}\n"
    assert "\n    compare  " in run(command, "--help", cwd=environment.folder)
    assert json.loads(run(command, "mock-schema", cwd=environment.folder))


# Other packages of the same names. PyPI's `mockserver-client` writes its files over ours, and a project may have root
# packages of its own, which Python finds first when it is started as `python -m ...` there.

UNRELATED = "def test_unrelated(): pass\n"
USES_THE_MOCK = "def test_mock(mock_deployment): pass\n"
USES_A_SNAPSHOT = "def test_snapshot(thread_state_snapshot): pass\n"
NOT_OURS = "the package `{0}` in {1} does not belong to doubletext. Use an environment and a working "


def client_wheel(folder: Path) -> Path:
    """Build a wheel with the conflicting parts of `mockserver-client`: a package `mockserver` with a pytest plugin."""
    path, info = folder / "mockserver_client-9.2.0-py3-none-any.whl", "mockserver_client-9.2.0.dist-info"
    files = {
        "mockserver/__init__.py": "from mockserver.client import MockServerClient\n",
        "mockserver/client.py": "class MockServerClient: pass\n",
        "mockserver/pytest_plugin.py": "import pytest\n@pytest.fixture\ndef mockserver(): return 'theirs'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: mockserver-client\nVersion: 9.2.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[pytest11]\nmockserver = mockserver.pytest_plugin\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]))
    return path


@pytest.fixture(scope="session")
def overwritten(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Create an environment in which another distribution's `mockserver` was installed after ours."""
    folder = tmp_path_factory.mktemp("overwritten")
    environment = Environment(folder)
    environment.install(f"doubletext[suite] @ {wheel.as_uri()}")
    environment.install(str(client_wheel(folder)))
    return environment


def site_packages(environment: Environment) -> Path:
    [found] = environment.python.parents[1].glob("lib/python*/site-packages")
    return found


@pytest.mark.patient
@INSTALLING
@pytest.mark.parametrize("how", ["python -m pytest", "pytest"])
def test_beside_another_mockserver_pytest_is_as_ever(overwritten: Environment, tmp_path: Path, how: str) -> None:
    (tmp_path / "test_theirs.py").write_text(UNRELATED + "def test_theirs(mockserver): assert mockserver == 'theirs'\n")
    output = run(*overwritten.pytest(how), "-q", "-W", "error", cwd=tmp_path)
    assert "2 passed" in output
    assert "doubletext" not in output
    (tmp_path / "test_ours.py").write_text(USES_THE_MOCK)
    code, output = attempt(*overwritten.pytest(how), "-q", cwd=tmp_path)
    assert (code, "2 passed, 1 error" in output) == (1, True), output
    told = "\nmock_deployment: " + NOT_OURS.format("mockserver", site_packages(overwritten))
    assert told in output
    assert "Traceback" not in output


@pytest.mark.patient
@INSTALLING
def test_beside_another_mockserver_the_suite_judges_a_url(overwritten: Environment, tmp_path: Path) -> None:
    suite = (*overwritten.pytest("pytest"), "--pyargs", "conformance", "-q", "-k", f"{PLAINEST}::")
    with MockDeployment(time="real") as mock:
        output = run(*suite, f"--deployment-url={mock.url}", cwd=tmp_path)
    assert " passed" in output
    told = "ERROR: the embedded mock is not available ("
    code, output = attempt(*suite, cwd=tmp_path)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert output.strip().startswith(told + NOT_OURS.format("mockserver", site_packages(overwritten)))
    assert len(output.strip().splitlines()) == 1


@pytest.mark.patient
@INSTALLING
def test_beside_another_mockserver_the_commands_say_so(overwritten: Environment, tmp_path: Path) -> None:
    command = overwritten.python.with_name("doubletext")
    for start, name in (
        ((overwritten.python, "-m", "mockserver"), "mockserver"),
        ((command, "mock"), "doubletext mock"),
        ((command, "defects"), "doubletext defects"),
    ):
        code, output = attempt(*start, cwd=tmp_path)
        assert (code, output.count("\n")) == (2, 1), output
        assert output.startswith(f"{name}: " + NOT_OURS.format("mockserver", site_packages(overwritten)))
    assert run(command, "requirements", cwd=tmp_path).startswith("# The rule book")


@pytest.mark.patient
@INSTALLING
def test_what_is_left_of_ours_without_the_other_mockserver_says_what_to_do(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.install(str(wheel))
    environment.install(str(client_wheel(tmp_path)))
    run(environment.python, "-m", "pip", "uninstall", "--quiet", "--yes", "mockserver-client", cwd=tmp_path)
    code, output = attempt(environment.python.with_name("doubletext"), "mock", cwd=tmp_path)
    assert (code, output.count("\n")) == (2, 1), output
    assert output.startswith("doubletext mock: " + NOT_OURS.format("mockserver", site_packages(environment)))


def project(folder: Path) -> Path:
    """Create a project that has both names for packages of its own, and tests in them."""
    for name in ("conformance", "mockserver"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"OWNER = 'theirs: {name}'\n")
        (folder / name / f"test_{name}.py").write_text(
            f"import {name}\ndef test_{name}(): assert {name}.OWNER == 'theirs: {name}'\n"
        )
    return folder


@pytest.mark.patient
@INSTALLING
@pytest.mark.parametrize("how", ["python -m pytest", "pytest"])
def test_a_project_with_packages_of_our_names_is_tested_as_ever(
    wheel: Path, environment: Environment, tmp_path: Path, how: str
) -> None:
    environment.install(f"doubletext[suite] @ {wheel.as_uri()}")
    project(tmp_path)
    for arguments, passed in (((), 2), (("conformance",), 1), (("mockserver/test_mockserver.py",), 1)):
        output = run(*environment.pytest(how), "-q", "-W", "error", *arguments, cwd=tmp_path)
        assert f"{passed} passed" in output
        assert "doubletext" not in output
        assert "@pytest.mark.interrupt" not in run(*environment.pytest(how), "--markers", *arguments, cwd=tmp_path)


@pytest.mark.patient
@INSTALLING
def test_of_two_packages_called_conformance_the_one_that_python_finds_is_tested(
    wheel: Path, environment: Environment, tmp_path: Path
) -> None:
    environment.install(f"doubletext[suite] @ {wheel.as_uri()}")
    arguments = ("--pyargs", "conformance", "-q", "--collect-only", "-k", "INT-02 or test_conformance")
    theirs = run(*environment.pytest("python -m pytest"), *arguments, cwd=project(tmp_path))
    assert "conformance/test_conformance.py::test_conformance" in theirs
    assert "::INT-02]" not in theirs
    ours = run(*environment.pytest("pytest"), *arguments, cwd=tmp_path)
    assert "test_conformance" not in ours
    assert "::INT-02]" in ours


@pytest.mark.patient
@INSTALLING
def test_a_project_with_packages_of_our_names_is_told_what_is_missing(
    wheel: Path, environment: Environment, tmp_path: Path
) -> None:
    environment.install(f"doubletext[suite] @ {wheel.as_uri()}")
    (project(tmp_path) / "test_ours.py").write_text(USES_THE_MOCK + USES_A_SNAPSHOT)
    for how in ("python -m pytest", "pytest"):
        # In the second the tests of the project put it on Python's path.
        code, output = attempt(*environment.pytest(how), "-q", cwd=tmp_path)
        assert (code, "2 passed, 2 errors" in output) == (1, True), output
        assert "\nmock_deployment: " + NOT_OURS.format("mockserver", tmp_path) in output
        assert "\nthread_state_snapshot: " + NOT_OURS.format("conformance", tmp_path) in output
        assert "Traceback" not in output
    code, output = attempt(*environment.pytest("python -m pytest"), "--conformance-strict", cwd=tmp_path)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert output.strip().startswith("ERROR: --conformance-strict: " + NOT_OURS.format("conformance", tmp_path))
    assert len(output.strip().splitlines()) == 1
    code, output = attempt(environment.python, "-m", "doubletext", "requirements", cwd=tmp_path)
    assert (code, output.count("\n")) == (2, 1), output
    assert output.startswith("doubletext requirements: " + NOT_OURS.format("conformance", tmp_path))
    command = environment.python.with_name("doubletext")
    assert run(command, "requirements", cwd=tmp_path).startswith("# The rule book")


def test_ci_runs_the_command_of_the_readme() -> None:
    readme, script = (CHECKOUT / "README.md").read_text(), (CHECKOUT / ".ci" / "run").read_text()
    command = "python3.11 -m venv .venv && .venv/bin/pip install --quiet tox && .venv/bin/tox"
    assert f"\n{command}\n" in readme
    assert command in script


@pytest.mark.patient
@INSTALLING
def test_the_shown_version_is_the_distributions(wheel: Path) -> None:
    assert wheel.name.split("-")[1] == mockserver.__version__
