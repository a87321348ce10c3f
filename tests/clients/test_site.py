"""The site in a headless Chromium, at three sizes. `tox -e browser` builds it first."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.clients.javascript import Node

SITE = Path(__file__).parents[2] / "build" / "site"
LINKED = ("index.html", "reference/compatibility.html", "example/report.html")
"""Pages that readers are led to from the front page."""

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that logs nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the base
        """Log nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_every_page_fits_the_screen_and_loads_nothing_from_elsewhere(browser_node: Node, chromium: str) -> None:
    assert SITE.exists(), "there is no site: tox -e docs builds it"
    folders = [SITE, *(SITE / name for name in ("explanation", "example", "how-to", "project", "reference", "start"))]
    pages = [path.relative_to(SITE).as_posix() for folder in folders for path in sorted(folder.glob("*.html"))]
    assert set(LINKED) <= set(pages)
    with served(SITE) as url:
        found = browser_node.play("look_at_site", "current", "", CHROMIUM=chromium, SITE=url, PAGES=json.dumps(pages))
    assert found == {"wider": [], "failed": [], "elsewhere": []}
