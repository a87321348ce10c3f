"""The common parts of defects in shown states: the paths, the thread in a path, and a defect that changes a view."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from mockserver.core.ids import canonical
from mockserver.core.records import Thread
from mockserver.defects.answers import matches, rewritten
from mockserver.defects.base import Defect
from mockserver.web.http import ENGINE
from mockserver.web.interceptors import Handler

STATE: Final = "/threads/{thread_id}/state"
HISTORY: Final = "/threads/{thread_id}/history"
HISTORIES: Final = (("GET", HISTORY), ("POST", HISTORY))
"""The endpoints of a history."""


def requested_thread(request: web.Request) -> Thread | None:
    """Return the thread that the path names, None if it does not exist."""
    return request.app[ENGINE].threads.by_id.get(canonical(request.match_info.get("thread_id", "")) or "")


class View(Defect):
    """A defect in the way in which the state or the history of a thread is shown."""

    endpoints: tuple[tuple[str, str], ...] = (("GET", STATE),)

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        thread = requested_thread(request)
        if thread is None or not any(matches(request, method, path) for method, path in self.endpoints):
            return response
        # The stored state stays right, so that the defect is only in the view.
        return rewritten(response, lambda body: self.shown(thread, body))

    def shown(self, thread: Thread, body: Any) -> Any:
        """Return the body to show instead of `body`."""
        raise NotImplementedError
