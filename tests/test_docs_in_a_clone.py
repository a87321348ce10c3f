"""Commands of the documentation that install something, as printed, in a copy of the checkout."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.deployments import PLAINEST
from tests.documentation import Block, all_blocks, blocks, clone, free_port, paste
from tests.test_docs import BY_A_REFERENCE, IN_A_CLONE, PORT, elsewhere

pytestmark = pytest.mark.timeout(900)

FIRST = blocks("README.md")[0]
"""The command that makes the environment for the others."""


def run_elsewhere(how: str) -> list[Any]:
    """Return the blocks that are run in this way, as parameters."""
    found = [block for block in all_blocks() if elsewhere(block) == how and block != FIRST]
    return [pytest.param(block, id=block.name) for block in found]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, with the environment that the first command of the README makes."""
    folder = clone(tmp_path_factory.mktemp("clone"))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    done = paste(FIRST.text, folder, timeout=800)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d{4} passed", done.stdout), done.stdout
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("block", run_elsewhere(IN_A_CLONE))
def test_a_command_runs_in_a_clone(block: Block, installed: Path) -> None:
    done = paste(block.text, installed, timeout=800)
    assert done.returncode == 0, done.stdout


# Not `reference`: the command installs the newest release of the server, and no check that blocks may depend on that.
@pytest.mark.newest
@pytest.mark.parametrize("block", run_elsewhere(BY_A_REFERENCE))
def test_a_command_that_needs_langgraph_dev(block: Block, installed: Path) -> None:
    # The selection is narrowed: a server with one worker takes minutes for the whole of it.
    done = paste(block.text, installed, {PORT: free_port(), "-m interrupt": f"-k {PLAINEST}"}, timeout=800)
    assert done.returncode == 0, done.stdout
