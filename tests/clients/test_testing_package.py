"""The package for Node (`packages/testing`): its own tests, run in a project that installed the packed file."""

from __future__ import annotations

import json
import re
import shutil
import tarfile

import pytest

from doubletext import __version__
from mockserver.control.routes import COMMANDS
from tests.clients.package import CHECKOUT, PACKAGE, Project

EXAMPLE = CHECKOUT / "examples" / "vitest"

EXPECTED = [
    r"DeadlineError: timed out after [\d.]+ s: no request matches POST \*/cancel[^?]*"
    r"requests to the mock at http://\S+\n  1 POST /threads -> 200\n [^\n]* failing\.test\.mjs:11:14",
    r"StartError: /nowhere/python cannot start the mock: there is no such program. Install doubletext",
    r"waitForRequest\(\) was called and not awaited[^?]*failing\.test\.mjs:18:8",
    r"assertRequested\(\) was called and not awaited[^?]*failing\.test\.mjs:22:8",
    r"waitForRequest\(\) was still waiting when the test ended[^?]*failing\.test\.mjs:28:16",
    r"AssertionError: expected '\S+' to be 'the reason'[^?]*the mock at http://\S+ received no request",
    r"AssertionError: expected 'the first request' to be 'not sent'[^?]*the mock at http://\S+ received no request",
    r"a test that does not use the mock\nAssertionError: expected 1 to be 2 // Object.is equality\n\n- Expected",
    r"1 POST /threads -> 422: Expected `object`, got `int` - at `\$\.metadata`\n +2 POST /threads/\S+/runs -> 404: \S",
    r"there is no fixture `mocks`\. Did you mean `mock`\?",
    r"`test` is not in doubletext-testing\. Import it from doubletext-testing/vitest or doubletext-testing/playwright",
    r"MockError: two tests use one mock at the same time, and each resets it\. Leave out `concurrent`",
    r"the test ended while run \S+ on thread \S+ was held at agent:2/token\. Call `await mock\.release\(\)`",
]
"""The output of the tests of `failing.mjs`: the reason first, then the requests, then the line."""

javascript = [pytest.mark.javascript, pytest.mark.timeout(900)]


def test_the_package_knows_every_command_of_the_control_api() -> None:
    listed = re.findall(r'^  \w+: "(\w+ \S+)",$', (PACKAGE / "src" / "commands.ts").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(f"{one.method} {one.path}" for one in COMMANDS)


def test_the_package_has_the_version_of_the_distribution() -> None:
    assert json.loads((PACKAGE / "package.json").read_text("utf-8"))["version"] == __version__


class TestPacked:
    """The file that npm would publish."""

    pytestmark = javascript

    def test_its_content(self, project: Project) -> None:
        with tarfile.open(project.tarball) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
            [described] = [one for one in archive.getmembers() if one.name == "package/package.json"]
            stream = archive.extractfile(described)
            assert stream is not None
            listed = json.load(stream)
        assert {name.partition("/")[0] for name in names} == {"LICENSE", "README.md", "dist", "package.json"}
        assert "dependencies" not in listed
        exported = {path for entry in listed["exports"].values() if isinstance(entry, dict) for path in entry.values()}
        assert {path.removeprefix("./") for path in exported} <= names

    def test_its_commands_its_reasons_and_what_stop_sends(self, project: Project) -> None:
        files = ("commands.test.mjs", "mistakes.test.mjs", "start.test.mjs", "stop.test.mjs")
        output = project.tool("vitest", "run", "--testTimeout=60000", *files)
        assert re.search(r"Test Files +4 passed", output)

    def test_the_types(self, project: Project) -> None:
        project.tool("tsc", "--project", ".")
        project.tool("tsc", "--project", ".", "--module", "preserve", "--moduleResolution", "bundler")

    def test_jest(self, project: Project) -> None:
        assert re.search(r"Tests: +4 passed", project.tool("jest", "--testMatch", "**/jest.test.cjs"))

    def test_a_failure_shows_the_reason_the_line_and_the_requests(self, project: Project) -> None:
        shutil.copy(project.folder / "failing.mjs", project.folder / "failing.test.mjs")
        done = project.attempt("vitest", "run", "failing.test.mjs")
        output = done.stdout + done.stderr
        assert re.search(r"Tests +13 failed \| 1 passed", output), output
        for expected in EXPECTED:
            assert re.search(expected, output), f"{expected}\n{output}"
        assert "Unhandled" not in output
        # A test that does not use the mock shows nothing of it, and no test is asked about the address.
        assert "does the client use" not in output.split("a test that does not use the mock\n")[-1].split("FAIL")[0]
        assert "Does the application" not in output

    def test_jest_fails_where_an_await_is_missing(self, project: Project) -> None:
        done = project.attempt("jest", "--testMatch", "**/failing.jest.cjs")
        output = done.stdout + done.stderr
        assert re.search(r"Tests: +2 failed, 1 passed", output), output
        held = r"the test ended while run \S+ on thread \S+ was held at agent:2/token\. Call `await mock\.release\(\)`"
        assert re.search(rf"with heldAtEnd . a run that is held at the end\s+MockError: {held}", output), output
        assert re.search(r"waitForRequest\(\) was called and not awaited[^?]*failing\.jest\.cjs:7:8", output), output

    def test_a_program_fails_where_an_await_is_missing(self, project: Project) -> None:
        done = project.run("node", "failing.plain.mjs")
        assert done.returncode == 1
        assert re.search(r"waitForRequest\(\) was called and not awaited[^?]*failing\.plain\.mjs:5:6", done.stderr)

    def test_the_example(self, project: Project) -> None:
        folder = project.beside(project.folder.parent / "example")
        for path in EXAMPLE.glob("*.*"):
            shutil.copy(path, folder)
        assert re.search(r"Tests +2 passed", project.tool("vitest", "run", "--testTimeout=60000", cwd=folder))

    def test_the_example_takes_the_sdk_that_npm_calls_latest(self, project: Project) -> None:
        done = project.run("npm", "view", "@langchain/langgraph-sdk", "dist-tags.latest")
        latest = done.stdout.strip()
        listed = json.loads((EXAMPLE / "package.json").read_text("utf-8"))["devDependencies"]
        assert latest.startswith(listed["@langchain/langgraph-sdk"].lstrip("~^").rpartition(".")[0]), latest


@pytest.mark.browser
@pytest.mark.timeout(900)
def test_playwright(project: Project, chromium: str) -> None:
    assert "3 passed" in project.tool("playwright", "test", CHROMIUM=chromium)
    done = project.attempt("playwright", "test", CHROMIUM=chromium, PLAY="failing.play.mjs")
    assert "4 failed" in done.stdout
    assert re.search(
        r"Expected: 200\s+Received: 404[^?]*requests to the mock at \S+\s+1 GET /thread -> 404", done.stdout
    )
    assert re.search(r"waitForRequest\(\) was called and not awaited[^?]*failing\.play\.mjs:5:8", done.stdout)
    assert re.search(r'Expected: "a thread"[^?]*failing\.play\.mjs:24:24\s+requests to the mock at', done.stdout)
    assert re.search(r"1 POST /threads -> 422: Expected `object`", done.stdout)
    assert "the page also sent requests to http://localhost:1. What is meant for the mock has to begin" in done.stdout
