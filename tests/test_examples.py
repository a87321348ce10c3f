"""The container file, as far as it goes without an engine."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]


def instructions() -> list[str]:
    """The instructions of the container file, each on a line."""
    text = (CHECKOUT / "Containerfile").read_text().replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def arguments(name: str) -> list[str]:
    return [line.partition(" ")[2] for line in instructions() if line.split()[0] == name]


def test_the_container_file_copies_what_is_there_and_needs() -> None:
    copied = [one for line in arguments("COPY") if not line.startswith("--from") for one in line.split()[:-1]]
    assert all((CHECKOUT / one).exists() for one in copied)
    # What the build backend reads is copied before pip is called.
    assert {"pyproject.toml", "README.md", "LICENSE", "conformance", "doubletext", "mockserver"} <= set(copied)
    assert all("slim" in image for image in arguments("FROM"))
    assert instructions().index("USER mock") < len(instructions()) - 1
    assert [line for line in arguments("RUN") if "useradd" in line]


def test_the_commands_of_the_container_file_work_here() -> None:
    entry = [part.strip('"') for part in re.findall(r'"[^"]*"', arguments("ENTRYPOINT")[0])]
    check = re.findall(r'"((?:[^"\\]|\\.)*)"', arguments("HEALTHCHECK")[0].partition("CMD")[2])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    assert (entry[0], check[0]) == ("/opt/doubletext/bin/python",) * 2
    environment = {**os.environ, "NO_PROXY": "*"}
    process = subprocess.Popen(
        [sys.executable, *entry[1:], "--port", port], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, env=environment
    )
    healthy = [sys.executable, *(part.replace("2024", port) for part in check[1:])]
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("mockserver listening on http://0.0.0.0:")
        assert subprocess.run(healthy, check=False, timeout=60, env=environment).returncode == 0
    finally:
        process.terminate()
        process.communicate()
    stopped = subprocess.run(healthy, check=False, timeout=60, capture_output=True, env=environment)
    assert stopped.returncode != 0
