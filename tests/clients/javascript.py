"""Plays the scripts of this folder on Node: `scripts/NAME.mjs` prints what it found as one line of JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.guide.node import node_environment

SCRIPTS = Path(__file__).with_name("scripts")
SDKS = {"current": "@langchain/langgraph-sdk", "line-1": "langgraph-sdk-1", "line-0": "langgraph-sdk-0"}
"""The lines of the JavaScript SDK that people use: npm's `latest`, and the newest of the two older ones."""
OLDEST = {"oldest": "langgraph-sdk-oldest"}
"""The first version that was ever published, which has a part of what the others have."""

PLAY_SECONDS = 120.0

_DIRECT = {"NO_PROXY": "*", "no_proxy": "*"}


class Node:
    """Node with the packages of a `package.json`, in a folder with a copy of the scripts."""

    def __init__(self, folder: Path, packages: Path) -> None:
        self._folder = shutil.copytree(SCRIPTS, folder / "scripts")
        self._environment = {**os.environ, **node_environment(modules_for=self._folder, packages=packages)}

    def play(self, script: str, sdk: str, url: str, **more: str) -> Any:
        """Return the report of a script that uses one of `SDKS` against the deployment at `url`.

        `more` is its environment.
        """
        node = shutil.which("node", path=self._environment["PATH"])
        assert node is not None
        done = subprocess.run(
            [node, f"{script}.mjs"],
            cwd=self._folder,
            env={**self._environment, **more, **_DIRECT, "SDK": {**SDKS, **OLDEST}[sdk], "DEPLOYMENT_URL": url},
            capture_output=True,
            encoding="utf-8",
            timeout=PLAY_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])
