"""The oldest and the current version of both SDKs, in one conversation that all of them can have with the mock.

Python's versions before 0.1.21 send `"metadata": null`, which `langgraph dev` refuses, too. JavaScript's first works.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.javascript import OLDEST, SCRIPTS, SDKS, Node

OLDEST_PYTHON = "0.1.21"
SECONDS = 300.0

FOUND = {
    "graph": "agent",
    "streamed": ["metadata", *["values", "updates"] * 3, "values"],
    "waited": "HATAHATA",
    "state": ["HATAHATA", [], 3],
    "enqueue": {"said": "HAHATA", "runs": ["interrupted", "success"]},
    "reject": {"refused": 409},
    "interrupt": {"said": "HAHATA", "runs": ["interrupted", "success"]},
    "rollback": {"said": "HATA", "runs": ["success"]},
    "cancelled": "interrupted",
    "paused": ["HAHA", ["tools"]],
    "went on": "HAHATA",
}


def play(url: str, packages: Path | None) -> Any:
    """Return the results of the script with the packages of a folder, or else with those of the tests."""
    shadowing = {} if packages is None else {"PYTHONPATH": str(packages)}
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "sdk.py"), url],
        env={**os.environ, **shadowing, "NO_PROXY": "*", "no_proxy": "*"},
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_oldest_python_sdk(url: str, tmp_path: Path) -> None:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]
    # The lock file of our own checks names the current SDK.
    env = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    subprocess.run([*install, str(tmp_path), f"langgraph-sdk=={OLDEST_PYTHON}"], check=True, timeout=SECONDS, env=env)
    assert (tmp_path / f"langgraph_sdk-{OLDEST_PYTHON}.dist-info").is_dir()
    assert play(url, tmp_path) == {**FOUND, "found": 1}


def test_the_current_python_sdk(url: str) -> None:
    assert play(url, None) == {**FOUND, "found": 1}


@pytest.mark.slow
@pytest.mark.parametrize("sdk", [*SDKS, *OLDEST])
def test_the_javascript_sdk(node: Node, url: str, sdk: str) -> None:
    assert node.play("sdk", sdk, url) == FOUND
