"""Threads: their creation, and the fields of their records."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from mockserver.core.checkpoints import History
from mockserver.core.ids import canonical
from mockserver.defects.answers import json_body, matches, refusal, rewritten, with_body
from mockserver.defects.base import Defect
from mockserver.defects.states import requested_thread
from mockserver.views import records
from mockserver.web.http import ENGINE, json_answer
from mockserver.web.interceptors import Handler


async def _duplicate(request: web.Request) -> dict[str, Any] | None:
    """Return the body of a creation whose thread exists, None for any other request."""
    body = await json_body(request) if matches(request, "POST", "/threads") else None
    chosen = canonical(str(body.get("thread_id"))) if isinstance(body, dict) else None
    return body if chosen is not None and chosen in request.app[ENGINE].threads.by_id else None


class ExistingThreadConflicts(Defect):
    """A creation with `if_exists: do_nothing` is refused if another request has just created the thread."""

    id = "D256"
    rule = "THR-32"
    seen = ("https://github.com/aegra/aegra/issues/487", "https://github.com/bytedance/deer-flow/pull/3800")
    client = "Opening a conversation in two tabs fails in one of them."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await _duplicate(request)
        if body is not None and body.get("if_exists") == "do_nothing" and self.strikes():
            return refusal(409, "The thread exists.")
        return await super().answer(request, handler)


class DuplicateThreadAccepted(Defect):
    """A creation without `if_exists` returns the thread that exists."""

    id = "D257"
    rule = "THR-33"
    seen = ()
    client = "A client that chose an id by chance continues a stranger's conversation."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await _duplicate(request)
        if body is not None and body.get("if_exists") in (None, "raise") and self.strikes():
            request = with_body(request, {**body, "if_exists": "do_nothing"})
        return await super().answer(request, handler)


class ThreadWithoutValues(Defect):
    """A thread is shown without its values and its open questions."""

    id = "D258"
    rule = "THR-34"
    seen = ("https://github.com/aegra/aegra/issues/523",)
    client = "A list of conversations has no titles, and no mark at those that wait for an answer."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if not matches(request, "GET", "/threads/{thread_id}"):
            return response

        def shown(body: Any) -> Any:
            hidden = body.keys() & {"values", "interrupts"}
            return {name: body[name] for name in body if name not in hidden} if hidden and self.strikes() else body

        return rewritten(response, shown)


class MetadataReplaced(Defect):
    """A change of a thread's metadata replaces all that it had."""

    id = "D267"
    rule = "ECH-02"
    seen = ()
    client = "A conversation that was renamed is no longer found under its user."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "PATCH", "/threads/{thread_id}"):
            body, thread = await json_body(request), requested_thread(request)
            changed = isinstance(body, dict) and bool(body.get("metadata"))
            if thread is not None and changed and thread.metadata and self.strikes(thread):
                thread.metadata = {}
        return await super().answer(request, handler)


class ThreadUnchangeable(Defect):
    """A thread cannot be changed: there is no such endpoint."""

    id = "D268"
    rule = "THR-35"
    seen = ("https://github.com/aegra/aegra/issues/109",)
    client = "A conversation cannot be renamed."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "PATCH", "/threads/{thread_id}") and self.strikes():
            return refusal(405, "Method Not Allowed")
        return await super().answer(request, handler)


class CopyWithoutHistory(Defect):
    """The copy of a thread has no state and no history."""

    id = "D277"
    rule = "THR-36"
    seen = ()
    client = "A conversation that the user continues elsewhere begins from nothing."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)

        def emptied(body: Any) -> Any:
            copy = request.app[ENGINE].threads.by_id.get(body.get("thread_id"))
            if copy is not None and self.strikes(copy):
                copy.history = History()
            return body

        return rewritten(response, emptied) if matches(request, "POST", "/threads/{thread_id}/copy") else response


class CopyIsTheThread(Defect):
    """A copy of a thread is the thread itself."""

    id = "D278"
    rule = "THR-36"
    seen = ()
    client = "An experiment on a copy of a conversation changes the conversation."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        thread = requested_thread(request) if matches(request, "POST", "/threads/{thread_id}/copy") else None
        if thread is not None and self.strikes(thread):
            return json_answer(records.thread(thread))
        return await super().answer(request, handler)


class ExistingThreadChanged(Defect):
    """A creation with `if_exists: do_nothing` replaces the metadata of the thread that exists."""

    id = "D279"
    rule = "THR-32"
    seen = ()
    client = "A conversation loses its title when a second tab opens it."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await _duplicate(request)
        if body is not None and body.get("if_exists") == "do_nothing":
            thread = request.app[ENGINE].threads.by_id[str(canonical(str(body["thread_id"])))]
            if thread.in_flight and self.strikes(thread):
                thread.metadata = dict(body.get("metadata") or {})
        return await super().answer(request, handler)


class ThreadDeletionIgnored(Defect):
    """A deletion of a thread is answered with 204, and nothing is deleted."""

    id = "D292"
    rule = "THR-37"
    seen = ()
    client = "A conversation that the user deleted is back after the next reload."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        deleted = requested_thread(request) if matches(request, "DELETE", "/threads/{thread_id}") else None
        if deleted is not None and self.strikes():
            return web.Response(status=204)
        return await super().answer(request, handler)
