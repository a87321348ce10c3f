"""The hosts that the mock may call on its own: webhooks, and witnesses of the probe contract.

Any web page can create a run, because browsers need the API's CORS headers, and a run names URLs that the mock
then calls. Without this restriction a page could send requests into the network of the machine that the mock
runs on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, Literal

_log: Final = logging.getLogger("mockserver.callbacks")

Kind = Literal["webhook", "witness"]
AGENT: Final = "doubletext-mockserver (callback)"
"""The User-Agent of everything that a mock sends by itself.

The control API refuses it. A page may name the mock itself as a webhook, and the guard would let the mock's own request
through, which is that of a program.
"""

Refused = Callable[[str | None, str], None]
"""A callback that receives the id of a run, and a line that states which URL of it was refused."""


class Callbacks:
    """The decision on URLs that may be called: those on the loopback, and hosts that were allowed by name.

    `refused` is called for every URL that was not allowed, after it was logged.
    """

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self._hosts = frozenset(host.strip("[]").casefold() for host in hosts)
        self.refused: Refused | None = None

    def allows(self, kind: Kind, url: str, host: str | None, run_id: str | None) -> bool:
        """Return whether a URL may be called. `host` is the host to which the HTTP client would connect."""
        if host is not None and (is_loopback(host) or host.casefold() in self._hosts):
            return True
        # As JSON in ASCII: a page chooses the URL, and must not write lines or control sequences into a log.
        line = f"{kind} {json.dumps(url)} refused: its host is not on the loopback. Start with --allow-callbacks "
        line += host if host is not None and host.isascii() and host.isprintable() else "HOST"
        _log.warning("run %s: %s", run_id, line)
        if self.refused is not None:
            self.refused(run_id, line)
        return False


@lru_cache(256)  # every step of a run calls the same host
def is_loopback(host: str) -> bool:
    """Return whether a host is this machine by its spelling. No name is resolved."""
    # A name that resolves to the loopback today may resolve to something else when it is called.
    if host.casefold() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
