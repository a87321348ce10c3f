"""Requests that are wrong are let in, refused in the wrong way, or leave something behind."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from mockserver.core.ids import canonical
from mockserver.defects.answers import CREATING, RUNS, asks, refusal, sent, with_body
from mockserver.defects.base import Defect
from mockserver.schemas.common import RunRequest
from mockserver.web.http import ENGINE, json_answer
from mockserver.web.interceptors import Handler

STATELESS: Final = ("/runs", "/runs/stream", "/runs/wait")
HARMLESS: Final = ("assistant_id", "input", "multitask_strategy")
"""The fields of a run that are left when those that are not understood are dropped."""


class InvalidAs400(Defect):
    """A request that is not valid is refused with 400 instead of 422.

    Seen in the official server, for some endpoints.
    """

    id = "D108"
    seen = ()
    client = "A client that tells a mistake of its own by 422 takes it for something else."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if response.status == 422 and self.strikes():
            response.set_status(400)
        return response


class InvalidAs500(Defect):
    """A request that is not valid makes the server fail.

    Seen in the official server, for some values.
    """

    id = "D109"
    seen = ()
    client = "A client's mistake looks like the server's, and is tried again and again."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        return refusal(500, "Internal Server Error") if response.status == 422 and self.strikes() else response


class RefusalWithoutWords(Defect):
    """A refusal does not say why."""

    id = "D110"
    seen = ()
    client = "An error without a text that a user or a developer could read."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        wrong = 400 <= response.status < 500 and self.strikes()
        return json_answer({"error": True}, response.status) if wrong else response


class BrokenBodyAccepted(Defect):
    """A body that is not JSON is taken for a run that says nothing."""

    id = "D111"
    seen = ()
    client = "A request that was cut on its way executes the agent on nothing."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if asks(request, "POST", *CREATING, *STATELESS):
            body = await sent(request)
            if not isinstance(body, dict) and self.strikes():
                request = with_body(request, {"assistant_id": "agent", "input": {"messages": []}})
        return await super().answer(request, handler)


class WrongFieldsDropped(Defect):
    """Fields with a value that the server does not understand are left out of account.

    Seen in the official server, for stateless runs.
    """

    id = "D112"
    seen = ()
    client = "A misspelt option has no effect, and nobody is told."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if asks(request, "POST", *CREATING, *STATELESS):
            body = await sent(request)
            if isinstance(body, dict) and not _fits(body) and self.strikes():
                request = with_body(request, {name: body[name] for name in HARMLESS if name in body})
        return await super().answer(request, handler)


class UnknownAssistantAccepted(Defect):
    """A run of an assistant that does not exist executes the only one that there is."""

    id = "D117"
    seen = ()
    client = "A misspelt assistant executes another one."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if asks(request, "POST", *CREATING, *STATELESS):
            body = await sent(request)
            known = isinstance(body, dict) and body.get("assistant_id") in ("agent", None)
            if isinstance(body, dict) and not known and self.strikes():
                request = with_body(request, {**body, "assistant_id": "agent"})
        return await super().answer(request, handler)


class StatelessContend(Defect):
    """A stateless run is refused while another one is in flight."""

    id = "D118"
    seen = ()
    client = "Two stateless runs at once: one is refused."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if asks(request, "POST", *STATELESS):
            threads = request.app[ENGINE].threads.by_id.values()
            busy = any(run.temporary for thread in threads for run in thread.in_flight.values())
            if busy and self.strikes():
                return refusal(409, "Another run is in flight.")
        return await super().answer(request, handler)


class RefusalLeavesRun(Defect):
    """A run that is refused as not valid was created all the same."""

    id = "D113"
    seen = ()
    client = "A refused request executes the agent; the mended one executes it again."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if asks(request, "POST", *CREATING) and response.status == 422:
            engine = request.app[ENGINE]
            thread = engine.threads.by_id.get(str(canonical(request.match_info["thread_id"])))
            if thread is not None and self.strikes():
                engine.create_run(thread, RunRequest(assistant_id="agent", input={"messages": []}))
        return response


class UnknownFilterIgnored(Defect):
    """A list of runs with a status that does not exist is a list all the same.

    Seen in the official server.
    """

    id = "D114"
    seen = ()
    client = "A misspelt status lists nothing, as if there were no such runs."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        filtered = asks(request, "GET", RUNS) and "status" in request.query
        return json_answer([]) if filtered and response.status == 422 and self.strikes() else response


class IfNotExistsIgnored(Defect):
    """A run on a missing thread is refused although it was to create the thread."""

    id = "D115"
    seen = ()
    client = "The first message of a conversation is refused."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if asks(request, "POST", *CREATING):
            known = str(canonical(request.match_info["thread_id"])) in request.app[ENGINE].threads.by_id
            body = await sent(request)
            if not known and isinstance(body, dict) and body.get("if_not_exists") == "create" and self.strikes():
                return refusal(404, "Thread or assistant not found.")
        return await super().answer(request, handler)


class DelayIgnored(Defect):
    """A run with after_seconds starts at once."""

    id = "D116"
    seen = ()
    client = "A run that was planned for later executes at once."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if asks(request, "POST", *CREATING):
            body = await sent(request)
            if isinstance(body, dict) and body.get("after_seconds") and self.strikes():
                request = with_body(request, {**body, "after_seconds": 0})
        return await super().answer(request, handler)


def _fits(body: dict[str, object]) -> bool:
    try:
        msgspec.convert(body, RunRequest)
    except msgspec.ValidationError:
        return False
    return True
