"""Server-sent events: how an event is framed, and the answers that send events for as long as there are more to come.

Each event is `event:`, `data:` and, where a client may resume behind it, `id:`, in lines that end with CR LF as those
of the real servers do. A comment shows in quiet times that the connection is alive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from mockserver.core.policy import policy_of
from mockserver.core.protocol_feed import FeedEvent, Listener
from mockserver.core.records import Run, Thread
from mockserver.core.streams import Event
from mockserver.web.http import ENGINE, KEEP_ALIVE, begin_answer, clock_of

DELIMITER: Final = b"\r\n\r\n"
"""The end of each event: the end of its last line, and an empty line."""

HEARTBEAT: Final = b": heartbeat" + DELIMITER


def frame(name: str, data: bytes, event_id: str | None = None) -> bytes:
    """Return an event as bytes; `data` is its JSON."""
    if event_id is None:
        return b"event: %s\r\ndata: %s\r\n\r\n" % (name.encode(), data)
    return b"event: %s\r\ndata: %s\r\nid: %s\r\n\r\n" % (name.encode(), data, event_id.encode())


def frame_event(event: Event) -> bytes:
    """Return an event of a run as bytes."""
    return frame(event.name, event.encoded(), event.event_id)


def frame_feed_event(event: FeedEvent) -> bytes:
    """Return an event of the newer streaming protocol as bytes; its id is its number, which `since` takes."""
    return frame(event.method, event.encoded(), str(event.seq))


async def event_stream(
    request: web.Request, run: Run, offset: int, modes: frozenset[str] | None, headers: Mapping[str, str]
) -> web.StreamResponse:
    """The events of a run from `offset` on, as server-sent events; `modes` keeps only some of them."""
    async with run.log.read(offset) as reader:
        response = await open_stream(request, headers)
        while (batch := await reader.batch(request.app[KEEP_ALIVE], clock_of(request, run).silence)) is not None:
            await policy_of(run.thread).before_sending(run)
            policy = policy_of(run.thread)
            frames = [frame_event(event) for event in batch if policy.shows(event, modes)]
            await response.write(b"".join(frames) if batch else HEARTBEAT)
        await response.write_eof()
        return response


async def listener_stream(
    request: web.Request, thread: Thread, listener: Listener, framed: Callable[[Any], bytes]
) -> web.StreamResponse:
    """Send what a listener of a thread receives as server-sent events, for as long as there is more to come."""
    response = await open_stream(request, {})
    silence = request.app[ENGINE].clock.of(thread.thread_id).silence
    while (batch := await listener.batch(request.app[KEEP_ALIVE], silence)) is not None:
        await response.write(b"".join(map(framed, batch)) or HEARTBEAT)
    await response.write_eof()
    return response


async def open_stream(request: web.Request, headers: Mapping[str, str]) -> web.StreamResponse:
    """The beginning of a stream of server-sent events."""
    kind = {
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
        "Content-Type": "text/event-stream; charset=utf-8",
    }
    return await begin_answer(request, {**headers, **kind})
