"""The files that hosting services read are valid for those services."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
        ("vendor.github-actions", "action.yml"),
        ("vendor.gitlab-ci", "gitlab.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/bug.yml"),
        ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/dispute.yml"),
    ],
)
def test_a_file_is_valid_for_its_service(schema: str, file: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(CHECKOUT / file)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_runs_what_ci_runs() -> None:
    assert "run: bash .ci/run\n" in (CHECKOUT / ".github" / "workflows" / "ci.yml").read_text("utf-8")


def test_dependabot_watches_every_folder_with_packages() -> None:
    listed = (CHECKOUT / ".github" / "dependabot.yml").read_text("utf-8")
    folders = [path.parent for path in CHECKOUT.rglob("package.json") if "node_modules" not in path.parts]
    tracked = [folder for folder in folders if not {".tox", ".venv", "build", "dist"} & set(folder.parts)]
    assert tracked
    for folder in tracked:
        assert f"- /{folder.relative_to(CHECKOUT)}\n" in listed
