"""A PostgreSQL cluster and a Redis server of a test's own, for the servers that keep their data in them.

Nothing of them stays: the data is in a temporary folder, and both listen on a free port of this machine only.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.reference.process import ServerError, free_port, running

READY_SECONDS = 60.0

DEBIAN = Path("/usr/lib/postgresql")
"""Debian installs each version of PostgreSQL in a folder of its own, which is not on PATH."""

UNPRIVILEGED = ("postgres", "nobody")
"""The users that run PostgreSQL for root, the first that exists. PostgreSQL refuses to be run by root."""

# The data is thrown away, so nothing has to survive a crash.
FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@contextlib.contextmanager
def postgres(*, log: Path) -> Iterator[str]:
    """Make a cluster, and yield the URL of its database. The output of the server goes to `log`.

    Raise `ServerError` if PostgreSQL is not installed or does not start.
    """
    binaries = _postgres_binaries()
    user = _unprivileged()
    with tempfile.TemporaryDirectory(prefix="doubletext-postgres-") as scratch:
        if user is not None:
            shutil.chown(scratch, user)
        data = Path(scratch) / "data"
        make = [str(binaries / "initdb"), "--pgdata", str(data), "--username", "postgres"]
        make += ["--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
        made = subprocess.run(make, cwd=scratch, user=user, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise ServerError(f"initdb failed: {made.stderr.strip()}")
        port = free_port()
        serve = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), "-k", ""]
        # Two pools of a server, and what several servers of one test add.
        for setting in ("listen_addresses=127.0.0.1", "max_connections=200", *FORGETFUL):
            serve += ["-c", setting]
        asked = [str(binaries / "pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(port)]

        def ready() -> bool:
            return subprocess.run(asked, check=False).returncode == 0

        with running(serve, ready=ready, cwd=Path(scratch), log=log, deadline=READY_SECONDS, user=user):
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


@contextlib.contextmanager
def redis(*, log: Path) -> Iterator[str]:
    """Start a Redis server that writes nothing to disk, and yield its URL. Its output goes to `log`.

    Raise `ServerError` if Redis is not installed or does not start.
    """
    command = shutil.which("redis-server")
    if command is None:
        raise ServerError(
            "Redis is not installed: there is no redis-server on PATH. On Debian: apt install redis-server"
        )
    port = free_port()

    def ready() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    with tempfile.TemporaryDirectory(prefix="doubletext-redis-") as scratch:
        serve = [command, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with running(serve, ready=ready, cwd=Path(scratch), log=log, deadline=READY_SECONDS):
            yield f"redis://127.0.0.1:{port}/0"


def _postgres_binaries() -> Path:
    """Return the folder with PostgreSQL's programs: the one on PATH, else the newest of Debian's."""
    if found := shutil.which("initdb"):
        # The link on PATH may be the only one of the programs there.
        return Path(found).resolve().parent
    installed = [path.parent for path in DEBIAN.glob("*/bin/initdb")]
    if not installed:
        raise ServerError("PostgreSQL is not installed: there is no initdb on PATH. On Debian: apt install postgresql")
    return max(installed, key=lambda folder: float(folder.parent.name))


def _unprivileged() -> str | None:
    """Return the user that runs PostgreSQL, or None for the present one."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in UNPRIVILEGED if name in known), None)
