"""Plays of guides, each made once and several at a time: most of a guide's time is its own waiting."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tests.guide.clients import play_curl, play_javascript, play_python
from tests.guide.guide import read_guide
from tests.guide.printed import Printed
from tests.guide.servers import Servers

AT_ONCE = 6

CLIENTS = {"python": play_python, "javascript": play_javascript, "curl": play_curl}


class Plays:
    """The output of each guide's code, by server, client and guide."""

    def __init__(self, servers: Servers, pool: ThreadPoolExecutor, folder: Path) -> None:
        self._servers = servers
        self._pool = pool
        self._folder = folder
        self._made: dict[tuple[str, str, str], Future[Printed]] = {}

    def start(self, server: str, client: str, guide: str) -> Future[Printed]:
        """Start a play, or return the one that was started. Raise `ServerError` if the server does not start."""
        key = (server, client, guide)
        if key not in self._made:
            url = self._servers.url(server)
            scratch = self._folder / "-".join(key)
            scratch.mkdir()
            self._made[key] = self._pool.submit(CLIENTS[client], read_guide(guide), url, scratch)
        return self._made[key]

    def printed(self, server: str, client: str, guide: str) -> Printed:
        """Return the output of the play once it has ended. Raise what the play raised."""
        return self.start(server, client, guide).result()
