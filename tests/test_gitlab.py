"""The job for GitLab of this repository: its shell steps as they are, in any POSIX shell."""

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


def job() -> dict[str, Any]:
    """Return the hidden job that the file offers."""
    [(name, found)] = yaml.safe_load((CHECKOUT / "gitlab.yml").read_text("utf-8")).items()
    assert name == ".doubletext"
    return dict(found)


PYTHON = """#!/bin/sh
# Stands for the image's Python: it installs nothing, and takes the packages of these tests.
case "$1 $2" in
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python";;
    "-m pip") echo "pip $*" >> installed;;
    *) exec "{python}" "$@";;
esac
"""


def test_every_variable_is_used() -> None:
    text = "".join(job()["script"]) + str(job()["artifacts"])
    assert [name for name in job()["variables"] if f"${name}" not in text.replace("{", "")] == []


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize(("defects", "code"), [((), 0), (("created_201",), 1)], ids=["right", "wrong"])
def test_the_deployment_is_judged_and_reported(shell: str, defects: tuple[str, ...], code: int, tmp_path: Path) -> None:
    python = tmp_path / "image" / "python"
    python.parent.mkdir()
    python.write_text(PYTHON.replace("{python}", sys.executable))
    python.chmod(0o755)
    profile = tmp_path / "a profile.toml"
    profile.write_text('name = "ours"\n')
    with MockDeployment(defects=list(defects), time="real") as deployment:
        given = {
            "DOUBLETEXT_URL": deployment.url,
            "DOUBLETEXT_NAME": "ours",
            "DOUBLETEXT_ASSISTANT": "agent",
            "DOUBLETEXT_PROFILE": profile.name,
            "DOUBLETEXT_TIER": "smoke",
            "DOUBLETEXT_ARGUMENTS": "-p no:cacheprovider -k interrupt/during-tools/create/unwatched::RUN",
        }
        assert given.keys() < job()["variables"].keys()
        judged = subprocess.run(
            [shell, "-e", "-c", "\n".join(job()["script"])],
            cwd=tmp_path,
            env={**os.environ, **job()["variables"], **given, "PATH": f"{python.parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert judged.returncode == code, judged.stdout + judged.stderr
    folder = tmp_path / job()["variables"]["DOUBLETEXT_REPORT"]
    assert {"report.html", "report.json", "junit.xml"} < {path.name for path in folder.iterdir()}
    assert (tmp_path / "installed").read_text().startswith("pip -m pip install --quiet doubletext[suite]")
    assert job()["artifacts"]["reports"]["junit"] == "$DOUBLETEXT_REPORT/junit.xml"
