"""Installs release lines of the JavaScript development server, and starts one with the JavaScript probe agent."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conformance import AGENTS
from tests.guide.node import NodeError, install
from tests.reference.process import QUIET, READY_SECONDS, ServerError, free_port, serving

PROBE_AGENT = AGENTS / "javascript"
INSTALLED = Path(__file__).parent / "node_modules" / ".lines"
"""Where git and packaging look away, and no build artefact is made of it."""

CLI = "@langchain/langgraph-cli"


# Ranges and exact versions only: npm's tag `latest` moved back from 2.0.0 to 1.5.1, and took the wrong profile with it.
# 2.0.0 is marked as deprecated, and the only release of its line.
LINES = {"1.5": "~1.5.0", "2.0": "2.0.0"}
"""The release lines that CI judges, each with the versions that npm may install."""

NEWEST = "newest"
"""The version that npm calls latest today. No blocking check may depend on it."""


@contextlib.contextmanager
def langgraphjs_dev(*, line: str, workers: int, log: Path, deadline: float = READY_SECONDS) -> Iterator[str]:
    """Serve the probe agent under the graph name `agent`, and yield the URL once `GET /ok` answers 200.

    `line` is one of `LINES` or `NEWEST`, and `workers` the number of runs that the server plays at once. What the
    server prints goes to `log`. Raises `ServerError` if it cannot be installed, or is not ready in `deadline` seconds.
    """
    installed, path = installed_line(line)
    with tempfile.TemporaryDirectory(prefix="probe-agent-") as scratch:
        # A copy: the server writes into the folder it runs in, and the agent must not need its neighbours.
        folder = copy_of_agent(Path(scratch) / "agent")
        modules = folder / "node_modules"
        modules.symlink_to(installed / "node_modules", target_is_directory=True)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command = [node(path), str(modules / CLI / "dist" / "cli" / "cli.mjs"), "dev", "--no-browser"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--n-jobs-per-worker", str(workers)]
        with serving(command, url=url, cwd=folder, env={**QUIET, "PATH": path}, log=log, deadline=deadline):
            yield url


def installed_line(line: str) -> tuple[Path, str]:
    """Yield a folder with the packages of the agent and of one release line, and a PATH with Node.

    Raise `ServerError`.
    """
    folder = INSTALLED / line
    folder.mkdir(parents=True, exist_ok=True)
    wanted = json.loads((PROBE_AGENT / "package.json").read_text("utf-8"))
    wanted["dependencies"][CLI] = "latest" if line == NEWEST else LINES[line]
    (folder / "package.json").write_text(json.dumps(wanted, indent=2), "utf-8")
    try:
        return folder, install(folder)
    except NodeError as error:
        raise ServerError(f"langgraphjs {line} cannot be installed: {error}") from error


def copy_of_agent(folder: Path) -> Path:
    """Copy the agent's own files to a new folder."""
    return Path(shutil.copytree(PROBE_AGENT, folder, ignore=shutil.ignore_patterns("node_modules", ".langgraph_api")))


def node(path: str) -> str:
    """Return the Node of a PATH that has one."""
    found = shutil.which("node", path=path)
    assert found is not None
    return found
