"""The fenced blocks of the documentation, and a shell into which they are pasted."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

CHECKOUT: Final = Path(__file__).parents[1]
GENERATED: Final = CHECKOUT / "docs" / "reference"

JAVASCRIPT: Final = (".js", ".jsx", ".ts", ".tsx", ".cjs")
"""The ends of the names of files that tests/clients/test_javascript_pages.py runs."""

_BLOCK: Final = re.compile(r'^( *)```(\w+)(?: title="([^"]+)")?\n(.*?)^\1```$', re.DOTALL | re.MULTILINE)
_FENCE: Final = re.compile(r"^ *```", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block. `title` is the name of the file that it shows, or empty."""

    page: str
    line: int
    language: str
    title: str
    text: str

    @property
    def name(self) -> str:
        """The place of the block, for the ids of tests."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return the pages that people write: the files of the root, and `docs/` without its generated pages."""
    written = (path for path in sorted((CHECKOUT / "docs").rglob("*.md")) if GENERATED not in path.parents)
    return [*sorted(CHECKOUT.glob("*.md")), *written]


def read(page: str) -> str:
    """Return the text of a page."""
    return (CHECKOUT / page).read_text("utf-8")


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page in order. Raise AssertionError if a fence belongs to no block that can be read."""
    text = read(page)
    found = []
    for match in _BLOCK.finditer(text):
        indent, language, title, code = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, language, title or "", re.sub(f"^{indent}", "", code, flags=re.MULTILINE)))
    assert len(_FENCE.findall(text)) == 2 * len(found), f"{page}: a fence without a language, or without an end"
    return found


def all_blocks() -> list[Block]:
    """Return the blocks of all pages."""
    return [block for path in pages() for block in blocks(path.relative_to(CHECKOUT).as_posix())]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a user, with the commands of this interpreter's environment on the path."""
    left_out = ("PYTEST", "COV", "DOUBLETEXT", "TOX", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    scripts = str(Path(sys.executable).parent)
    return {**kept, "PATH": f"{scripts}{os.pathsep}{kept['PATH']}", "NO_COLOR": "1", "NO_PROXY": "127.0.0.1", **more}


def write_files(page: str, folder: Path) -> None:
    """Write the files that a page shows. A file that is shown twice has its last text."""
    for block in blocks(page):
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")


def paste(
    script: str, folder: Path, replaced: Mapping[str, str] = MappingProxyType({}), timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run lines in a shell that stops at the first failure, and end everything that they started in the background."""
    for old, new in replaced.items():
        script = script.replace(old, new)
    log = folder / ".output"
    # A file, because the end of a pipe does not come while a background process holds it open. And a session of its
    # own, because a shell leaves its background processes behind.
    with log.open("wb") as output:
        shell = subprocess.Popen(
            [str(shutil.which("bash")), "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(timeout)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)
            shell.wait()
    return subprocess.CompletedProcess(script, code, log.read_text("utf-8"))


def free_port() -> str:
    """Return a port of this machine that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def clone(folder: Path) -> Path:
    """Copy what git would clone, with changes that are not committed yet, and return the folder of the copy."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    return folder
