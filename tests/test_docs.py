"""The documentation: every fenced block is run, and every link leads somewhere.

A block with a title is a file. The files of a page are written to one folder: tests are run by pytest, other Python
files as scripts, and YAML and TOML files are read by the program that they are for. Every `sh` block is in
`COMMANDS`, with what has to be there before it is pasted. A new block that fits nowhere fails
`test_every_block_is_run`.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from conformance import load_requirements
from conformance.judge import profiles
from conformance.scenarios.catalogue import catalogue
from mockserver import MockDeployment
from mockserver.defects import defects
from mockserver.script.load import load_any
from tests import forks
from tests.conformance.deployments import PLAINEST
from tests.conformance.plays import play
from tests.conformance.runs import DEADLINE, run_suite
from tests.documentation import (
    CHECKOUT,
    GENERATED,
    JAVASCRIPT,
    Block,
    all_blocks,
    blocks,
    environment,
    free_port,
    pages,
    paste,
    read,
    write_files,
)

PLUGINS: Final = ("doubletext.pytest_mock", "doubletext.pytest_conformance", "pytest_asyncio.plugin", "syrupy", "respx")
PORT: Final = "2024"
"""The port in every example. The tests use a free one instead."""

Ready = Callable[[Path], None]


@dataclass(frozen=True)
class Paste:
    """How a `sh` block is run: what has to be there before, and which words of an example are replaced."""

    before: str = ""
    """Shell lines, pasted in front of the block."""
    reports: tuple[str, ...] = ()
    """Folders, or files, that are copies of a report."""
    replaced: Mapping[str, str] = field(default_factory=dict)
    after: str = ""
    expected: str = ""
    """A regular expression that the output has to match."""
    slow: bool = False
    """True if the block takes seconds of processor time."""


MOCK: Final = f"doubletext mock --port {PORT} > mock.log 2>&1 &\nuntil grep -q listening mock.log; do sleep 0.1; done\n"
READY: Final = "\nuntil grep -q 'mockserver listening on' .output; do sleep 0.1; done"
SERVER: Final = Paste(before="serve() {\n", after="\n}\nserve &" + READY)
"""For a block that is a server: it runs in the background until it is ready."""

RECORDED: Final = "https://your-deployment.example"

COMMANDS: Final[Mapping[str, tuple[Paste, ...]]] = {
    "CONTRIBUTING.md": (Paste(replaced={".venv/bin/python": sys.executable}, expected="^INT-02"),),
    "docs/how-to/break-the-network.md": (
        SERVER,
        Paste(before=MOCK, expected=r"502 Bad Gateway(.|\n)*200 OK"),
        Paste(before=MOCK, expected=r'"chance":0\.1(.|\n)*\{"set":\[\]\}$'),
    ),
    "docs/how-to/compare-servers.md": (
        Paste(reports=("reports/one", "reports/two"), after="\nls site/index.html site/table.md site/badges/*.svg"),
        Paste(reports=("old", "new")),
        # With a failure in the report, as here, both commands end with 1.
        Paste(reports=("old", "report"), before="set +e\n", after="\ntrue", expected="(no verdict changed(.|\n)*){2}"),
    ),
    "docs/how-to/declare-known-failures.md": (
        Paste(reports=("report",), after="\ngrep 'known' conformance-profile.toml"),
    ),
    "docs/how-to/explore.md": (
        Paste(expected="^20 histories .* 0 new findings", slow=True),
        Paste(
            before=MOCK,
            replaced={"--histories 200": "--histories 8", "8786": free_port()},
            expected="^8 histories .* 0 new findings",
            slow=True,
        ),
    ),
    "docs/how-to/read-a-report.md": (Paste(reports=("report",), expected="^RUN-05 FAIL$"), Paste(expected="^INT-02")),
    "docs/how-to/replay-recordings.md": (
        Paste(
            before=MOCK + f"THREAD=$(curl -s http://127.0.0.1:{PORT}/threads --json '{{}}' | "
            r"grep -o '[0-9a-f-]\{36\}' | head -1)"
            f"\ncurl -s http://127.0.0.1:{PORT}/threads/$THREAD/runs/wait --json "
            """'{"assistant_id": "agent", "input": {"messages": "hello"}}'\n""",
            replaced={RECORDED: f"http://127.0.0.1:{PORT}", "THREAD_ID": "$THREAD"},
            after="\ngrep 'You said: hello' bug.yaml",
        ),
    ),
    "docs/how-to/run-the-mock.md": (SERVER, SERVER),
    "docs/how-to/steer-from-other-languages.md": (SERVER, Paste(before=MOCK, expected=r'"agent:2/token"')),
    "docs/how-to/test-with-the-mock.md": (Paste(),),
    "docs/how-to/write-a-script.md": (
        SERVER,
        Paste(
            after="\ncat support.yaml",
            expected=r"^name: support$(.|\n)*^- steps:\n  - node: model\n    call:\n      tool: look_up_order$",
        ),
        Paste(after="\ngrep '\"turns\"' script.schema.json"),
    ),
    "docs/start/compare-thread-state.md": (Paste(expected=r"1 passed(.|\n)*1 passed", slow=True),),
}
"""The blocks of each page in their order, without those in `ELSEWHERE`."""

IN_A_CLONE: Final = "run as printed in a copy of the checkout, by test_docs_in_a_clone.py"
BY_A_REFERENCE: Final = "run as printed in a copy of the checkout, by test_docs_in_a_clone.py, with langgraph dev"
FIRST_STEPS: Final = "tests/clients/test_first_steps.py"
ELSEWHERE: Final[Mapping[tuple[str, str], str]] = {
    ("README.md", "python3.11 -m venv .venv && .venv/bin/pip install --quiet -e '.[suite]'"): IN_A_CLONE,
    ("README.md", "cat > test_double_text.py"): IN_A_CLONE,
    ("README.md", ".venv/bin/pip install --quiet -e '.[suite,snapshots]'"): IN_A_CLONE,
    ("README.md", "python3.11 -m venv .venv-agent"): BY_A_REFERENCE,
    ("README.md", "python3.11 -m venv .venv && .venv/bin/pip install --quiet tox"): "run by .ci/run, see test_package",
    ("CONTRIBUTING.md", "python3.11 -m venv .venv"): "the same line as in the README",
    ("CONTRIBUTING.md", ".venv/bin/pip install --quiet -e '.[dev]' 'langgraph-cli[inmem]'"): BY_A_REFERENCE,
    ("CONTRIBUTING.md", ".venv/bin/pip install --quiet pre-commit"): IN_A_CLONE,
    ("RELEASING.md", "python3.11 -m venv .venv"): IN_A_CLONE,
    ("docs/install.md", "python3 -m venv .venv\n.venv/bin/pip install"): IN_A_CLONE,
    ("docs/install.md", "python3 -m venv .venv\n.venv/bin/pip wheel"): IN_A_CLONE,
    ("docs/start/judge-a-server.md", "pytest --pyargs conformance"): "tests/test_vendors.py",
    ("docs/start/judge-a-server.md", "FAIL  INT-07"): "test_the_failure_that_vendors_are_shown",
    ("docs/how-to/declare-known-failures.md", "pytest --pyargs conformance"): "tests/test_vendors.py",
    ("docs/how-to/explore.md", "pip install"): "the extra is in the environment of the tests",
    ("docs/how-to/explore.md", "doubletext explore --deployment-url"): "tests/explore/test_explore.py",
    ("docs/how-to/explore.md", "pytest --pyargs conformance"): "tests/explore/test_item.py",
    ("docs/how-to/explore.md", "doubletext play"): "tests/explore/test_explore.py",
    ("docs/how-to/explore.md", "[exploration]"): "tests/explore/test_explore.py",
    ("docs/start/test-an-application.md", "pytest test_chat.py"): "tests/test_testing_page.py",
    ("docs/start/test-an-application.md", "E       AssertionError"): "tests/test_testing_page.py",
    ("docs/start/test-a-react-application.md", "cd doubletext"): FIRST_STEPS,
    ("docs/start/test-a-react-application.md", "npm create"): FIRST_STEPS,
    ("docs/start/test-a-react-application.md", "export DOUBLETEXT_PYTHON"): FIRST_STEPS,
    ("docs/start/test-a-react-application.md", "npx vitest run"): FIRST_STEPS,
    ("docs/start/test-a-react-application.md", "npm install --save-dev @playwright/test"): FIRST_STEPS,
    ("docs/start/test-a-react-application.md", "npx playwright test"): FIRST_STEPS,
    ("docs/start/test-a-react-application.md", "DeadlineError"): FIRST_STEPS,
    ("docs/start/compare-thread-state.md", "-  run 2"): "test_the_difference_that_maintainers_are_shown",
    ("docs/how-to/write-a-script.md", "mine.yaml:9:"): "test_the_mistake_in_a_script",
    ("docs/explanation/why-no-sleeps.md", "race interrupt"): "tests/conformance/test_branches.py",
    ("docs/how-to/test-with-the-mock.md", "interrupted"): "the output of a script, test_the_files_of_a_page",
    ("docs/how-to/test-with-the-mock.md", "idle"): "the output of a script, test_the_files_of_a_page",
}
"""Blocks that are run elsewhere, by their page and how they begin."""

SUFFIXES: Final = (".py", ".toml", ".yaml", ".yml", *JAVASCRIPT)


def elsewhere(block: Block) -> str | None:
    """Return where a block is run, if that is in `ELSEWHERE`."""
    found = [how for (page, start), how in ELSEWHERE.items() if block.page == page and block.text.startswith(start)]
    return found[-1] if found else None


def commands(page: str) -> list[Block]:
    """Return the `sh` blocks of a page that `COMMANDS` describes, in order."""
    return [block for block in blocks(page) if block.language == "sh" and elsewhere(block) is None]


def test_every_block_is_run() -> None:
    untitled = [block for block in all_blocks() if not block.title]
    lost = [block.name for block in untitled if block.language != "sh" and elsewhere(block) is None]
    assert lost == [], "give each of them a title, if it is a file, or an entry in ELSEWHERE"
    assert all(block.title.endswith(SUFFIXES) for block in all_blocks() if block.title)
    for path in pages():
        page = path.relative_to(CHECKOUT).as_posix()
        names = [block.name for block in commands(page)]
        assert len(names) == len(COMMANDS.get(page, ())), (
            f"{names}: each needs an entry in COMMANDS, and no other has one"
        )


def test_what_is_run_elsewhere_is_still_there() -> None:
    every = all_blocks()
    for page, start in ELSEWHERE:
        assert [block for block in every if block.page == page and block.text.startswith(start)], (page, start)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of one scenario on a mock that makes a mistake."""
    folder = tmp_path_factory.mktemp("report")
    with MockDeployment(time="real", defects=["overlap_start"]) as mock:
        options = (f"--deployment-url={mock.url}", f"--conformance-report={folder}", "-k", f"{PLAINEST}::")
        run = asyncio.run(run_suite(*options))
    assert run.code == 1, run.output
    return folder


EACH_COMMAND: Final = [
    pytest.param(
        block, how, id=block.name, marks=pytest.mark.slow if how.slow or "curl" in block.text + how.before else ()
    )
    for page, described in COMMANDS.items()
    for block, how in zip(commands(page), described, strict=False)
]


@pytest.mark.parametrize(("block", "how"), EACH_COMMAND)
def test_a_command_runs(block: Block, how: Paste, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    write_files(block.page, tmp_path)
    for folder in how.reports:
        shutil.copytree(request.getfixturevalue("report"), tmp_path / folder)
    done = paste(how.before + block.text + how.after, tmp_path, {**how.replaced, PORT: free_port()})
    assert done.returncode == 0, done.stdout
    assert re.search(how.expected, done.stdout.strip(), re.MULTILINE), done.stdout


LONG: Final = ("docs/how-to/recipes.md", "docs/how-to/test-with-the-mock.md")
"""Pages whose tests take seconds."""
EACH_PAGE: Final = [
    pytest.param(page, marks=pytest.mark.slow if page in LONG else ())
    for page in sorted({block.page for block in all_blocks() if block.title and not block.title.endswith(JAVASCRIPT)})
]


@pytest.mark.parametrize("page", EACH_PAGE)
def test_the_files_of_a_page(page: str, tmp_path: Path) -> None:
    write_files(page, tmp_path)
    shown = {block.title: block for block in blocks(page) if block.title}
    if "transcript.json" in read(page):
        (transcript,) = play(catalogue()[:1]).values()
        (tmp_path / "transcript.json").write_bytes(msgspec.json.encode(transcript))
    expect_the_tests_pass([name for name in shown if name.startswith("test_")], tmp_path)
    for name, block in shown.items():
        path = tmp_path / name
        if name.endswith(".toml"):
            profiles.parse(block.text, page)
        elif name.startswith(".") or name.endswith(".gitlab-ci.yml"):
            expect_the_service_takes(path)
        elif name.endswith(".yaml"):
            load_any(path)
        elif (
            name.endswith(".py")
            and not name.startswith("test_")
            and not any(name in one.text for one in commands(page))
        ):
            done = subprocess.run(
                [sys.executable, name],
                cwd=tmp_path,
                env=environment(),
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
            assert done.returncode == 0, done.stderr
            printed = re.findall(rf"`python {name}` prints:\n\n```text\n(.*?)```", read(page), re.DOTALL)
            assert done.stdout == "".join(printed)


def expect_the_tests_pass(names: list[str], folder: Path) -> None:
    """Run the tests that a page shows, and require that each file has one that ran."""
    if not names:
        return
    loaded = [part for plugin in PLUGINS for part in ("-p", plugin)]
    done = forks.run(
        # A state that was not kept yet is kept, as the page does it.
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *loaded, "--snapshot-update", *names],
        cwd=folder,
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stdout
    for name in names:
        assert f"{name}::" in done.stdout, f"{name} has no test"


def expect_the_service_takes(job: Path) -> None:
    """Require that a CI job is valid, by the schema of its service."""
    schema = "vendor.gitlab-ci" if job.name.endswith("gitlab-ci.yml") else "vendor.github-workflows"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(job)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_the_failure_that_vendors_are_shown(tmp_path: Path) -> None:
    [shown] = [block for block in blocks("docs/start/judge-a-server.md") if block.language == "text"]
    with MockDeployment(time="real", defects=["overlap_start"]) as mock:
        run = await run_suite(
            *(
                f"--deployment-url={mock.url}",
                "--conformance-report=report",
                "-k",
                "interrupt/lingering/create/unwatched::INT-07",
            ),
            cwd=tmp_path,
            suite=("--pyargs", "conformance"),
        )
    found = [line.strip().replace(f"{tmp_path}/", "") for line in run.output.splitlines()]
    for line in shown.text.splitlines():
        # Times differ from run to run, and what follows an ellipsis is left out.
        pattern = re.escape(line.partition("…")[0].strip())
        pattern = re.sub(r"\d+\\\.\d+\\ s", r"[\\d.]+ s", pattern)
        assert any(re.match(pattern, one) for one in found), f"{line}\n{run.output}"


def test_the_difference_that_maintainers_are_shown(tmp_path: Path) -> None:
    page = "docs/start/compare-thread-state.md"
    [shown] = [block for block in blocks(page) if block.language == "diff"]
    write_files(page, tmp_path)
    expect_the_tests_pass(["test_thread_state.py"], tmp_path)
    [kept] = tmp_path.rglob("*.thread")
    gone, new = shown.text.splitlines()
    assert gone.removeprefix("-") in kept.read_text("utf-8").splitlines()
    assert new.removeprefix("+") == gone.removeprefix("-").replace("success", "error")


def test_the_mistake_in_a_script(tmp_path: Path) -> None:
    page = "docs/how-to/write-a-script.md"
    [shown] = [block for block in blocks(page) if block.language == "text"]
    write_files(page, tmp_path)
    script = tmp_path / "mine.yaml"
    script.write_text(script.read_text("utf-8").replace("- say: Your", "- sai: Your"), "utf-8")
    done = paste("doubletext mock --port 0 --script mine.yaml", tmp_path)
    assert done.returncode != 0
    assert shown.text in done.stdout


def test_links_between_pages_lead_somewhere() -> None:
    for path in [*pages(), *GENERATED.glob("*.md")]:
        text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", text):
            # The site has an example report, which the repository has not.
            if target == "example/report.html":
                continue
            found = path.parent / target if target else path
            assert found.exists(), f"{path.name}: {target}"
            if anchor:
                assert anchor in anchors(found), f"{path.name}: {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_defect_is_shown_with_a_test_that_switches_it_on() -> None:
    shown = re.findall(r"```python\n(.*?)```", (GENERATED / "defects.md").read_text("utf-8"), re.DOTALL)
    assert len(shown) == len(defects())
    with MockDeployment() as mock_deployment:
        for snippet in shown:
            asked: list[str] = []
            names: dict[str, Any] = {"ask_twice": asked.append}
            exec(compile(snippet, "defects.md", "exec"), names)
            [name] = [name for name in names if name.startswith("test_with_")]
            names[name](mock_deployment)
            assert asked == [mock_deployment.url]
            on = json.load(urllib.request.urlopen(f"{mock_deployment.url}/_mock/defects"))["on"]
            assert [one["name"] for one in on] == [name.removeprefix("test_with_")]
            mock_deployment.defect_off()


def test_the_readme_counts_the_requirements() -> None:
    assert f"whose {len(load_requirements().requirements)} requirements all name their source" in " ".join(
        read("README.md").split()
    )
