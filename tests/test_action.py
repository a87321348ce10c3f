"""The GitHub action of this repository: its inputs, and its shell steps as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mockserver import MockDeployment

CHECKOUT = Path(__file__).parents[1]
ACTION = CHECKOUT / "action.yml"


def steps() -> dict[str, Any]:
    """Return the named steps of the action."""
    found = yaml.safe_load(ACTION.read_text("utf-8"))["runs"]["steps"]
    return {step["name"]: step for step in found if "name" in step}


def test_every_input_is_used_and_none_is_a_part_of_a_script() -> None:
    action = yaml.safe_load(ACTION.read_text("utf-8"))
    text = ACTION.read_text("utf-8")
    assert [name for name in action["inputs"] if f"inputs.{name} " not in text.replace("}", " ")] == []
    assert [name for name, step in steps().items() if "${{" in step["run"]] == []


@pytest.mark.slow
@pytest.mark.parametrize(("defects", "code"), [((), 0), (("created_201",), 1)], ids=["right", "wrong"])
def test_the_deployment_is_judged_and_reported(defects: tuple[str, ...], code: int, tmp_path: Path) -> None:
    python = tmp_path / "doubletext" / "bin" / "python"
    python.parent.mkdir(parents=True)
    # A script and not a link: Python finds its packages by the place of its own executable.
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    summary = tmp_path / "summary.md"
    with MockDeployment(defects=list(defects), time="real") as deployment:
        given = {
            "URL": deployment.url,
            "NAME": "ours",
            "ASSISTANT": "agent",
            "PROFILE": "",
            "TIER": "smoke",
            "REPORT": str(tmp_path / "report"),
            "ARGUMENTS": "-p no:cacheprovider -k interrupt/during-tools/create/unwatched::RUN",
        }
        assert given.keys() == steps()["Judge"]["env"].keys()
        judged = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", steps()["Judge"]["run"]],
            cwd=CHECKOUT,
            env={**os.environ, **given, "RUNNER_TEMP": str(tmp_path), "GITHUB_STEP_SUMMARY": str(summary)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert judged.returncode == code, judged.stdout + judged.stderr
    assert {"report.html", "report.json", "junit.xml"} < {path.name for path in (tmp_path / "report").iterdir()}
    assert ("RUN-02" in summary.read_text("utf-8")) == bool(defects)
