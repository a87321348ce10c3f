"""Server-sent events: the framing of events, and the responses that send them.

An event consists of the lines `event:` and `data:` and, if the stream can be resumed after it, `id:`. Lines end with
CR LF, and `: heartbeat` is sent after 5 s of silence, both as observed on the official server. The format is defined
at https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from mockserver.core.policy import policy_of
from mockserver.core.protocol_feed import FeedEvent, Listener
from mockserver.core.records import Run
from mockserver.core.streams import Event
from mockserver.web.http import ENGINE, KEEP_ALIVE, clock_of, start_response

DELIMITER: Final = b"\r\n\r\n"
"""The end of an event: the end of its last line, and an empty line."""

HEARTBEAT: Final = b": heartbeat" + DELIMITER


def frame(name: str, data: bytes, event_id: str | None = None) -> bytes:
    """Return an event as bytes. `data` is JSON without line breaks."""
    # No `id:` at all without an id: an empty one would reset the client's Last-Event-ID.
    if event_id is None:
        return b"event: %s\r\ndata: %s\r\n\r\n" % (name.encode(), data)
    return b"event: %s\r\ndata: %s\r\nid: %s\r\n\r\n" % (name.encode(), data, event_id.encode())


def frame_event(event: Event) -> bytes:
    """Return an event of a run as bytes."""
    return frame(event.name, event.encoded(), event.event_id)


def frame_feed_event(event: FeedEvent) -> bytes:
    """Return an event of the newer streaming protocol as bytes. Its id is the number that `since` accepts."""
    return frame(event.method, event.encoded(), str(event.seq))


async def event_stream(
    request: web.Request, run: Run, offset: int, modes: frozenset[str] | None, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send the events of a run from `offset` to its end, filtered by `modes`."""
    # The reader is created before the headers are sent: it keeps the events of a run that ends meanwhile.
    async with run.log.read(offset) as reader:
        response = await open_stream(request, headers)
        # An empty batch means that nothing happened for the time of a keep-alive, and None that the run has ended.
        while (batch := await reader.batch(request.app[KEEP_ALIVE], clock_of(request, run).silence)) is not None:
            await policy_of(run.thread).before_sending(run)
            # Looked up again: a defect may have been switched on or off while this waited.
            policy = policy_of(run.thread)
            kept = batch if policy.delivers(run, reader.unread) else ()
            frames = [frame_event(event) for event in kept if policy.shows(event, modes)]
            await response.write(b"".join(frames) if batch else HEARTBEAT)
        await response.write_eof()
        return response


async def listener_stream(
    request: web.Request, thread_id: str, listener: Listener, framed: Callable[[Any], bytes]
) -> web.StreamResponse:
    """Send the events that a listener of a thread receives, until the client disconnects or the thread is deleted."""
    response = await open_stream(request, {})
    silence = request.app[ENGINE].clock.of(thread_id).silence
    while (batch := await listener.batch(request.app[KEEP_ALIVE], silence)) is not None:
        await response.write(b"".join(map(framed, batch)) or HEARTBEAT)
    await response.write_eof()
    return response


async def open_stream(request: web.Request, headers: Mapping[str, str]) -> web.StreamResponse:
    """Send the status and the headers of a stream of server-sent events."""
    stream_headers = {
        "Cache-Control": "no-store",
        # Without it nginx collects events and delivers them late.
        "X-Accel-Buffering": "no",
        "Content-Type": "text/event-stream; charset=utf-8",
    }
    return await start_response(request, {**headers, **stream_headers})
