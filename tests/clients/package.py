"""The package for Node, built and packed as for npm, and projects in which it is installed from that file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.guide.node import install

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "packages" / "testing"
PROJECT = PACKAGE / "tests"
SECONDS = 300.0


class Project:
    """A folder with what `packages/testing/tests/package.json` lists, and the packed package."""

    def __init__(self, scratch: Path) -> None:
        self._path = install(PACKAGE)
        self.tarball = self._pack(scratch)
        self.folder = scratch / "project"
        shutil.copytree(PROJECT, self.folder, ignore=shutil.ignore_patterns("node_modules"))
        listed = json.loads((self.folder / "package.json").read_text("utf-8"))
        listed["devDependencies"]["doubletext-testing"] = f"file:{self.tarball}"
        (self.folder / "package.json").write_text(json.dumps(listed), "utf-8")
        install(self.folder)

    def _pack(self, scratch: Path) -> Path:
        # `npm pack` builds first, as `npm publish` does.
        done = self.run("npm", "pack", "--json", "--pack-destination", str(scratch), cwd=PACKAGE)
        assert done.returncode == 0, done.stdout + done.stderr
        [tarball] = scratch.glob("doubletext-testing-*.tgz")
        return tarball

    def beside(self, folder: Path) -> Path:
        """Return a folder whose files can import what this project can."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "node_modules").symlink_to(self.folder / "node_modules", target_is_directory=True)
        return folder

    def run(self, *command: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command with Node on the path, and the Python of the tests as the one that has doubletext."""
        environment = {
            **os.environ,
            "PATH": self._path,
            "PYTHONPATH": str(CHECKOUT),
            "DOUBLETEXT_PYTHON": sys.executable,
            "NO_COLOR": "1",
            "NO_PROXY": "*",
            "CI": "1",
            **more,
        }
        program = shutil.which(command[0], path=self._path)
        assert program is not None, command[0]
        return subprocess.run(
            [program, *command[1:]],
            cwd=cwd or self.folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )

    def tool(self, name: str, *arguments: str, cwd: Path | None = None, **more: str) -> str:
        """Return the output of a program that a package installs. Raise AssertionError with it if it fails."""
        done = self.attempt(name, *arguments, cwd=cwd, **more)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def attempt(
        self, name: str, *arguments: str, cwd: Path | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program that a package installs."""
        return self.run("node", str(self.folder / "node_modules" / ".bin" / name), *arguments, cwd=cwd, **more)
