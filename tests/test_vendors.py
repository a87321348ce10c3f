"""The pages for vendors: their commands are run, and their profile and forms are valid."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conformance.judge import profiles
from doubletext.__main__ import main
from tests.conformance.deployments import PLAINEST, agent_without_probe, deployment
from tests.conformance.runs import run_suite
from tests.documentation import blocks, write_files

CHECKOUT = Path(__file__).parents[1]
START = "docs/start/judge-a-server.md"
PROFILES = "docs/how-to/declare-known-failures.md"
JOBS = "docs/how-to/run-in-ci.md"
HERE = "http://127.0.0.1:2024"


def commands() -> list[str]:
    """Every command of the pages' shell blocks, and of their CI jobs, that calls pytest."""
    # `tests/test_action.py` and `tests/test_gitlab.py` run what the other jobs call.
    github, gitlab, *_ = (yaml.safe_load(block.text) for block in blocks(JOBS))
    steps = [step.get("run", "") for step in github["jobs"]["conformance"]["steps"]]
    shell = [block for page in (START, PROFILES) for block in blocks(page) if block.language == "sh"]
    lines = [line for block in shell for line in block.text.splitlines()]
    return [line for line in [*lines, *steps, *gitlab["conformance"]["script"]] if line.startswith("pytest ")]


def expect_valid(schema: str, file: Path) -> None:
    """The file is what a published schema wants, of those that check-jsonschema brings along."""
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_both_services_call_the_suite_in_the_same_way() -> None:
    *_, github, gitlab = map(shlex.split, commands())
    assert github == gitlab


@pytest.mark.slow
@pytest.mark.parametrize("command", dict.fromkeys(commands()))
async def test_a_command_runs(command: str, tmp_path: Path) -> None:
    """Against the mock, and for one scenario, which is all that is changed."""
    write_files(PROFILES, tmp_path)
    anybody = "--deployment-assistant" in command
    async with agent_without_probe(0.2) if anybody else deployment() as there:
        url = there if isinstance(there, str) else there.url
        _, *arguments = shlex.split(command.replace(HERE, url).replace("my-agent", "agent"))
        scenario = "interrupt/idle/create/unwatched" if anybody else PLAINEST
        run = await run_suite(*arguments, "-k", f"{scenario}::", cwd=tmp_path, suite=())
    assert run.code == 0, run.output
    for option, made in (("--conformance-report", "report/report.html"), ("--junitxml", "report/junit.xml")):
        assert (tmp_path / made).is_file() == (option in command)


def test_the_command_that_drafts_a_profile_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [line] = [block.text for block in blocks(PROFILES) if block.text.startswith("doubletext ")]
    arguments = shlex.split(line.partition(">")[0])[1:]
    assert main([*arguments[:-1], str(tmp_path)]) != 0  # there is no report in an empty folder, and that is all
    assert str(tmp_path) in capsys.readouterr().err


def test_the_profile_is_one() -> None:
    [text] = [block.text for block in blocks(PROFILES) if block.language == "toml"]
    profile = profiles.parse(text, PROFILES)
    assert profile.freedoms
    assert profile.absent
    assert profile.known


def test_the_form_for_disputes_is_one() -> None:
    expect_valid("vendor.github-issue-forms", CHECKOUT / ".github" / "ISSUE_TEMPLATE" / "dispute.yml")
