"""The routes of the newer streaming protocol: commands and events of a thread, over HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import msgspec
from aiohttp import WSMsgType, web

from mockserver.core.protocol_feed import CommandResponse, Listener
from mockserver.schemas.common import Json
from mockserver.web.http import ENGINE, KEEP_ALIVE, Refusal, json_answer, read
from mockserver.web.journal import JOURNAL, JournalEntry, current_entry
from mockserver.web.lookups import path_uuid, thread_of
from mockserver.web.protocol import Envelope, Malformed, ProtocolError, ProtocolSession, Subscription, read_params
from mockserver.web.route import THREAD, Route
from mockserver.web.sse import frame_feed_event, listener_stream

GONE = 4404
"""What a WebSocket is closed with when its thread was deleted: 4000 and the status."""


async def commands(request: web.Request) -> web.StreamResponse:
    """Do what a command of the streaming protocol says."""
    path_uuid(request, "thread")
    try:
        command = await read(request, Any)
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        command = None
    answer = _done(ProtocolSession(request), command, current_entry())
    malformed = answer["type"] == "error" and not _is_command(command)
    return json_answer(answer, 400 if malformed else 200)


def _is_command(command: Any) -> bool:
    """Whether something has what makes it a command: all else is for the command itself to judge."""
    return isinstance(command, dict) and type(command.get("id")) is int and isinstance(command.get("method"), str)


async def events(request: web.Request) -> web.StreamResponse:
    """Watch a thread: its events on some channels, as server-sent events, for as long as the client stays."""
    thread = thread_of(request)
    try:
        asked = read_params(await read(request, Any), Subscription, "the body")
    except ProtocolError as error:
        raise Refusal(400, str(error)) from None
    except Refusal as refusal:
        raise Refusal(400 if refusal.status == 422 else refusal.status, refusal.detail) from None
    engine = request.app[ENGINE]
    feed, listener = engine.feeds.of(thread.thread_id), Listener()
    feed.subscribe(listener, "", asked.filter, asked.since or 0)
    try:
        return await listener_stream(request, thread, listener, frame_feed_event)
    finally:
        feed.remove(listener)


async def converse(request: web.Request) -> web.StreamResponse:
    """Speak the streaming protocol over a WebSocket: commands in, answers and events out."""
    thread_id = path_uuid(request, "thread")
    socket = web.WebSocketResponse()
    if not socket.can_prepare(request):
        raise Refusal(426, "This path speaks WebSocket; over HTTP, POST to it.")
    await socket.prepare(request)
    engine, listener = request.app[ENGINE], Listener()
    feed = engine.feeds.of(thread_id)
    # Before anything is subscribed to, so that the deletion of the thread is heard of.
    feed.listen(listener)
    sending = asyncio.create_task(_send(socket, listener, request))
    try:
        async for frame in socket:
            if frame.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                listener.put(_answered(request, listener, frame.data))
    finally:
        feed.remove(listener)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        if thread_id not in engine.threads.by_id:
            engine.feeds.remove(thread_id)
    return socket


def _answered(request: web.Request, listener: Listener, data: str | bytes) -> CommandResponse:
    raw = data.encode() if isinstance(data, str) else data
    entry = request.app[JOURNAL].frame(request, raw)
    try:
        command = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        command = None
    entry.status = 200
    return CommandResponse(_done(ProtocolSession(request, listener), command, entry))


def _done(session: ProtocolSession, command: Any, entry: JournalEntry) -> dict[str, Any]:
    """Do what a command says, and note what became of it."""
    answer = session.answer(command)
    entry.refused = session.refused
    if session.run is not None:
        entry.run_id = session.run.run_id
    return answer


async def _send(socket: web.WebSocketResponse, listener: Listener, request: web.Request) -> None:
    """Send what a listener is to be sent; the end of that is the end of the conversation."""
    keep_alive = request.app[KEEP_ALIVE]
    with contextlib.suppress(ConnectionError):
        while (batch := await listener.batch(keep_alive)) is not None:
            for message in batch:
                await socket.send_str(message.encoded().decode())
            if not batch:
                await socket.ping()
        await socket.close(code=GONE, message=b"The thread is gone.")


ROUTES: Final = (
    Route(
        "POST", f"{THREAD}/commands", commands, Envelope, statuses=(200, 400, 422), malformed=Malformed, response=Json
    ),
    Route("POST", f"{THREAD}/stream/events", events, Subscription, statuses=(200, 400, 404, 422), streams=True),
    Route("GET", f"{THREAD}/stream/events", converse, statuses=(101, 422, 426), streams=True),
)
