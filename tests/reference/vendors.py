"""Installs the servers of other vendors from PyPI, and starts one with the Python probe agent.

Each vendor has a virtual environment of its own, because their requirements exclude each other. A server keeps its data
in PostgreSQL, and langhost in Redis, too: `tests.reference.stores` starts both for it alone.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance import AGENTS
from tests.reference.process import QUIET, READY_SECONDS, ServerError, free_port, serving
from tests.reference.stores import postgres, redis

PROBE_AGENT = AGENTS / "python"
INSTALLED = Path(__file__).parents[2] / "build" / "vendors"

PYTHON = (3, 12)
"""The oldest Python that Aegra runs on."""

JOBS = 10
"""Runs that langhost executes at once, as many as of `langgraph dev`. Aegra without Redis has no limit."""


@dataclass(frozen=True)
class Vendor:
    """A server from PyPI: what to install, the command that serves, and what it is configured with.

    `profile` is the shipped profile, `serve` the arguments behind the address, `ready` the path that answers 200 once
    the server is ready, and `variables` returns the environment for the URLs of PostgreSQL and Redis.
    """

    title: str
    profile: str
    requirements: tuple[str, ...]
    serve: tuple[str, ...]
    ready: str
    variables: Callable[[str, str], Mapping[str, str]]


# Ranges, so that a new line of a vendor's server does not take the profile of the line before.
VENDORS: Mapping[str, Vendor] = {
    "aegra": Vendor(
        title="Aegra",
        profile="aegra",
        requirements=("aegra-api>=0.11,<0.12", "aegra-cli>=0.11,<0.12"),
        serve=("aegra", "serve"),
        ready="/health",
        # One process without Redis, which `.env` of a project that `aegra init` makes has, too.
        variables=lambda database, _: {"DATABASE_URL": database},
    ),
    "langhost": Vendor(
        title="langhost",
        profile="langhost",
        requirements=("langhost>=0.11.1,<0.12", "langgraph-runtime-pg>=0.11.1,<0.12"),
        serve=("langhost", "serve", "--no-browser", "--n-jobs-per-worker", str(JOBS)),
        ready="/ok",
        variables=lambda database, cache: {"DATABASE_URI": database, "REDIS_URI": cache},
    ),
}


@contextlib.contextmanager
def vendor_server(*, name: str, log: Path, deadline: float = READY_SECONDS) -> Iterator[str]:
    """Serve the probe agent under the graph name `agent` on a server of `VENDORS`, and yield its URL once it is ready.

    The output of the server goes to `log`, and that of its stores beside it. Raise `ServerError` if something cannot be
    installed, is missing, or is not ready in `deadline` seconds.
    """
    vendor = VENDORS[name]
    programs = installed(name)
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(postgres(log=log.with_suffix(".postgres.log")))
        cache = stack.enter_context(redis(log=log.with_suffix(".redis.log")))
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="probe-agent-"))
        # A copy: the server may write into the folder it runs in, and the agent must not need its neighbours.
        folder = Path(shutil.copytree(PROBE_AGENT, Path(scratch) / "agent"))
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        program, *arguments = vendor.serve
        command = [str(programs / program), *arguments, "--host", "127.0.0.1", "--port", str(port)]
        env = {**QUIET, **vendor.variables(database, cache)}
        stack.enter_context(
            serving(command, url=url, cwd=folder, env=env, log=log, deadline=deadline, path=vendor.ready)
        )
        yield url


def installed(name: str) -> Path:
    """Return the folder with the programs of a vendor, after installing them and what the agent needs.

    Raise `ServerError`.
    """
    if sys.version_info < PYTHON:
        wanted, found = ".".join(map(str, PYTHON)), ".".join(map(str, sys.version_info[:2]))
        raise ServerError(f"{name} needs Python {wanted} or newer, and this is {found}: tox -e reference-vendors")
    folder = INSTALLED / name
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
    declared = tomllib.loads((PROBE_AGENT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    ended = subprocess.run([*pip, *VENDORS[name].requirements, *declared], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise ServerError(f"{name} cannot be installed: {ended.stderr.strip()}")
    return folder / "bin"
