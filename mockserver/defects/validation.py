"""Validation: invalid requests are accepted, refused in the wrong way, or leave something behind."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from mockserver.core.ids import canonical
from mockserver.defects.answers import CREATING, RUN, RUNS, json_body, matches, names_missing_run, refusal, with_body
from mockserver.defects.base import Defect
from mockserver.schemas.common import RunRequest
from mockserver.web.http import ENGINE, json_answer
from mockserver.web.interceptors import Handler

STATELESS: Final = ("/runs", "/runs/stream", "/runs/wait")
HARMLESS: Final = ("assistant_id", "input", "multitask_strategy")
"""The fields of a run that stay when the invalid ones are dropped."""


class InvalidAs400(Defect):
    """An invalid request is refused with 400 instead of 422.

    Seen in the official server on some endpoints, for example for a `limit` that is not a number.
    """

    id = "D108"
    rule = "ERR-07"
    seen = ("langgraph-api 0.16.7, by its behaviour",)
    client = "A client that recognises its own mistakes by 422 takes the refusal for something else."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if response.status == 422 and self.strikes():
            response.set_status(400)
        return response


class InvalidAs500(Defect):
    """An invalid request makes the server fail with 500.

    Seen in the official server for some values, for example `messages` that are a number.
    """

    id = "D109"
    rule = "ERR-08"
    seen = ("langgraph-api 0.16.7, by its behaviour",)
    client = "A client's mistake looks like the server's, so the client retries it again and again."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        return refusal(500, "Internal Server Error") if response.status == 422 and self.strikes() else response


class RefusalWithoutWords(Defect):
    """A refusal does not give its reason."""

    id = "D110"
    rule = "SHP-07"
    seen = ()
    client = "The error has no text that a user or a developer could read."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        wrong = 400 <= response.status < 500 and self.strikes()
        return json_answer({"error": True}, response.status) if wrong else response


class BrokenBodyAccepted(Defect):
    """A body that is not JSON is accepted as a run without input."""

    id = "D111"
    rule = "ERR-09"
    seen = ()
    client = "A request that was truncated on its way runs the agent on empty input."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", *CREATING, *STATELESS):
            body = await json_body(request)
            if not isinstance(body, dict) and self.strikes():
                # A run without `input` would fail on a new thread, which would hide the defect.
                request = with_body(request, {"assistant_id": "agent", "input": {"messages": []}})
        return await super().answer(request, handler)


class WrongFieldsDropped(Defect):
    """Fields with invalid values are ignored instead of refused.

    Seen in the JavaScript server, which accepts an unknown `durability`.
    """

    id = "D112"
    rule = "ERR-10"
    seen = ("@langchain/langgraph-api 1.5.1 and 2.0.0, by their behaviour",)
    client = "A misspelt option has no effect, and the client receives no error."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", *CREATING, *STATELESS):
            body = await json_body(request)
            if isinstance(body, dict) and not _fits(body) and self.strikes():
                # Only a few fields that are needed stay, because a validation error names just the first wrong field.
                request = with_body(request, {name: body[name] for name in HARMLESS if name in body})
        return await super().answer(request, handler)


class UnknownAssistantAccepted(Defect):
    """A run for an assistant that does not exist executes the only assistant there is."""

    id = "D117"
    rule = "ERR-03"
    seen = ()
    client = "A misspelt assistant name executes another assistant."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", *CREATING, *STATELESS):
            body = await json_body(request)
            known = isinstance(body, dict) and body.get("assistant_id") in ("agent", None)
            if isinstance(body, dict) and not known and self.strikes():
                request = with_body(request, {**body, "assistant_id": "agent"})
        return await super().answer(request, handler)


class StatelessContend(Defect):
    """A stateless run is refused while another one is in flight."""

    id = "D118"
    rule = "STL-01"
    seen = ()
    client = "Of two simultaneous stateless runs, one is refused."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", *STATELESS):
            threads = request.app[ENGINE].threads.by_id.values()
            # The threads of stateless runs are separate, so only the whole deployment shows the others.
            busy = any(run.temporary for thread in threads for run in thread.in_flight.values())
            if busy and self.strikes():
                return refusal(409, "Another run is in flight.")
        return await super().answer(request, handler)


class RefusalLeavesRun(Defect):
    """A run that is refused as invalid is created anyway."""

    id = "D113"
    rule = "ERR-11"
    seen = ()
    client = "A refused request runs the agent, and the corrected request runs it again."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        # After the correct refusal, so that the client receives it.
        if matches(request, "POST", *CREATING) and response.status == 422:
            engine = request.app[ENGINE]
            thread = engine.threads.by_id.get(str(canonical(request.match_info["thread_id"])))
            if thread is not None and self.strikes():
                engine.create_run(thread, RunRequest(assistant_id="agent", input={"messages": []}))
        return response


class UnknownFilterIgnored(Defect):
    """A list of runs with an unknown status is answered with an empty list instead of a refusal.

    Seen in the official server.
    """

    id = "D114"
    rule = "ERR-12"
    seen = ("langgraph-api 0.16.7, by its behaviour",)
    client = "A misspelt status lists nothing, as if there were no such runs."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        filtered = matches(request, "GET", RUNS) and "status" in request.query
        # The official server answers so (bad-input/reads in its profile).
        return json_answer([]) if filtered and response.status == 422 and self.strikes() else response


class IfNotExistsIgnored(Defect):
    """A run with if_not_exists=create is refused if its thread does not exist."""

    id = "D115"
    rule = "ERR-16"
    seen = ()
    client = "The first message of a conversation is refused."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", *CREATING):
            known = str(canonical(request.match_info["thread_id"])) in request.app[ENGINE].threads.by_id
            body = await json_body(request)
            if not known and isinstance(body, dict) and body.get("if_not_exists") == "create" and self.strikes():
                return refusal(404, "Thread or assistant not found.")
        return await super().answer(request, handler)


class DelayIgnored(Defect):
    """A run with after_seconds starts at once."""

    id = "D116"
    rule = "RUN-20"
    seen = ()
    client = "A run that was scheduled for later executes at once."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", *CREATING):
            body = await json_body(request)
            if isinstance(body, dict) and body.get("after_seconds") and self.strikes():
                request = with_body(request, {**body, "after_seconds": 0})
        return await super().answer(request, handler)


def _fits(body: dict[str, object]) -> bool:
    """Return whether a body is a valid request for a run."""
    try:
        msgspec.convert(body, RunRequest)
    except msgspec.ValidationError:
        return False
    return True


class MissingRunIsEmpty(Defect):
    """A join or stream of a run that does not exist is answered as if the run had ended without output."""

    id = "D255"
    rule = "ERR-19"
    seen = ("https://github.com/langchain-ai/langgraph/issues/6213",)
    client = "A client with the id of a run that is gone shows an empty conversation, and no error."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "GET", f"{RUN}/join", f"{RUN}/stream") and names_missing_run(request) and self.strikes():
            if request.path.endswith("/join"):
                return json_answer({})
            return web.Response(content_type="text/event-stream")
        return await super().answer(request, handler)
