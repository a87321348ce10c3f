"""The routes of the newer streaming protocol: commands and events of a thread, over HTTP and WebSocket.

Over HTTP, a command is one POST and the events are one server-sent stream. Over a WebSocket both share a connection:
responses and events pass through one `Listener` queue, so that a client receives them in the order in which they
happened, and a single task writes to the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import msgspec
from aiohttp import WSMsgType, web

from mockserver.core.protocol_feed import CommandResponse, Feed, Listener
from mockserver.engine.engine import Engine
from mockserver.schemas import responses
from mockserver.web.http import ENGINE, KEEP_ALIVE, ApiError, json_answer, read
from mockserver.web.journal import JOURNAL, JournalEntry, current_entry, one_line
from mockserver.web.lookups import path_uuid
from mockserver.web.protocol import Envelope, ProtocolError, ProtocolSession, Subscription, read_params
from mockserver.web.route import THREAD, Route
from mockserver.web.sse import frame_feed_event, listener_stream

GONE = 4404
"""The close code of a WebSocket whose thread was deleted: 4000, the start of the private codes, plus the status 404."""


async def commands(request: web.Request) -> web.StreamResponse:
    """Execute a command of the streaming protocol."""
    path_uuid(request, "thread")
    try:
        command = await read(request, Any)
    except ApiError as error:
        # Invalid JSON is reported in the protocol's own form, anything else (a compressed body) as by every route.
        if error.status != 422:
            raise
        command = None
    response = _execute(ProtocolSession(request), command, current_entry())
    # A failed command is a successful exchange. Only a body that is no command at all makes the request itself bad.
    malformed = response["type"] == "error" and not _is_command(command)
    return json_answer(response, 400 if malformed else 200)


def _is_command(command: Any) -> bool:
    """Return whether something has the two fields of every command. The command itself checks the rest."""
    # `type() is int`, because isinstance() accepts `true`.
    return isinstance(command, dict) and type(command.get("id")) is int and isinstance(command.get("method"), str)


async def events(request: web.Request) -> web.StreamResponse:
    """Stream the events of a thread, which may not exist yet, on the given channels until the client disconnects."""
    thread_id = path_uuid(request, "thread")
    try:
        subscription = read_params(await read(request, Any), Subscription, "the body")
    except ProtocolError as error:
        raise ApiError(400, str(error)) from None
    except ApiError as error:
        # On this path an invalid body is a 400, where all others answer 422.
        raise ApiError(400 if error.status == 422 else error.status, error.detail) from None
    engine = request.app[ENGINE]
    feed, listener = engine.feeds.of(thread_id), Listener()
    feed.subscribe(listener, "", subscription.filter, subscription.since or 0)
    try:
        return await listener_stream(request, thread_id, listener, frame_feed_event)
    finally:
        _leave(engine, feed, listener, thread_id)


async def converse(request: web.Request) -> web.StreamResponse:
    """Open a WebSocket that receives commands and sends their responses and the subscribed events."""
    thread_id = path_uuid(request, "thread")
    socket = web.WebSocketResponse(max_msg_size=request.client_max_size)
    if not socket.can_prepare(request):
        raise ApiError(426, "GET on this path opens a WebSocket; send a POST to receive events over HTTP.")
    await socket.prepare(request)
    engine, listener = request.app[ENGINE], Listener()
    feed = engine.feeds.of(thread_id)
    # Before the first subscription, so that the socket is closed when the thread is deleted.
    feed.listen(listener)
    sending = asyncio.create_task(_send(socket, listener, request))
    try:
        async for frame in socket:
            if frame.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                listener.put(_response(request, listener, frame.data))
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        _leave(engine, feed, listener, thread_id)
    return socket


def _leave(engine: Engine, feed: Feed, listener: Listener, thread_id: str) -> None:
    """Remove a listener, and the feed with its last listener if no thread will delete it."""
    feed.remove(listener)
    # A client may connect before its first command creates the thread.
    if not feed.has_listeners and thread_id not in engine.threads.by_id:
        engine.feeds.remove(thread_id)


def _response(request: web.Request, listener: Listener, data: str | bytes) -> CommandResponse:
    raw = data.encode() if isinstance(data, str) else data
    entry = request.app[JOURNAL].record_frame(request, raw)
    try:
        command = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        command = None
    entry.status = 200
    request.app[JOURNAL].note_ignored(entry)
    return CommandResponse(_execute(ProtocolSession(request, listener), command, entry))


def _execute(session: ProtocolSession, command: Any, entry: JournalEntry) -> dict[str, Any]:
    """Execute a command, record its outcome in the journal and return the response."""
    response = session.execute(command)
    entry.refused = session.refused
    if session.refused is not None:
        entry.reason = one_line(response["message"])
    if session.run is not None:
        entry.run_id = session.run.run_id
    return response


async def _send(socket: web.WebSocketResponse, listener: Listener, request: web.Request) -> None:
    """Send the messages of a listener. Close the socket when the listener ends."""
    keep_alive = request.app[KEEP_ALIVE]
    # A client that disconnects ends the reading side too, which cleans up.
    with contextlib.suppress(ConnectionError):
        while (batch := await listener.batch(keep_alive)) is not None:
            for message in batch:
                await socket.send_str(message.encoded().decode())
            if not batch:
                await socket.ping()
        await socket.close(code=GONE, message=b"The thread is gone.")


ROUTES: Final = (
    Route(
        "POST",
        f"{THREAD}/commands",
        commands,
        Envelope,
        statuses=(200, 400, 422),
        malformed=responses.CommandFailed,
        response=responses.CommandResponse,
    ),
    Route("POST", f"{THREAD}/stream/events", events, Subscription, statuses=(200, 400, 422), streams=True),
    Route("GET", f"{THREAD}/stream/events", converse, statuses=(101, 422, 426), streams=True),
)
