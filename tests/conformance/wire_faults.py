"""A proxy between the suite and a correct mock that edits requests and answers on the wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx

Body = Any
Edit = Callable[[httpx.Request, Body], Body]
"""A function from a request and the JSON body of its answer to another body."""


@dataclass
class Wire:
    """The edits of a proxy.

    It can `edit` JSON, rewrite the `frames` of streams or the `head` of an answer, send a request `twice`, or answer
    `instead` of the mock.
    """

    edit: Edit = lambda _, body: body
    head: Callable[[httpx.Request, int, httpx.Headers], int] = lambda _, status, __: status
    frames: Callable[[list[bytes]], list[bytes]] = lambda frames: frames
    twice: Callable[[httpx.Request], bool] = lambda _: False
    instead: Callable[[httpx.Request], httpx.Response | None] = lambda _: None


class Proxy(httpx.AsyncBaseTransport):
    """A transport that applies the edits of a wire to each exchange."""

    def __init__(self, inner: httpx.AsyncBaseTransport, wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._wire.instead(request)
        if answer is not None:
            return answer
        if self._wire.twice(request):
            await (await self._inner.handle_async_request(request)).aread()
        response = await self._inner.handle_async_request(request)
        status = self._wire.head(request, response.status_code, response.headers)
        stream = response.headers.get("content-type", "").startswith("text/event-stream")
        if stream:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            changed: Any = _Frames(response.stream, self._wire)
            return httpx.Response(status, headers=response.headers, stream=changed, extensions=response.extensions)
        raw = await response.aread()
        await response.aclose()
        if raw.strip() and "json" in response.headers.get("content-type", ""):
            raw = json.dumps(self._wire.edit(request, json.loads(raw))).encode()
        headers = [(name, value) for name, value in response.headers.items() if name not in _LENGTHS]
        return httpx.Response(status, headers=headers, content=raw, extensions=response.extensions)

    async def aclose(self) -> None:
        await self._inner.aclose()


# An edited body has another length, and is whole instead of chunked. httpx computes both again.
_LENGTHS = ("content-length", "transfer-encoding")


class _Frames(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        held = b""
        async for chunk in self._inner:
            # Chunks end anywhere: the rest of a frame waits for the next chunk.
            *frames, held = (held + chunk).split(b"\r\n\r\n")
            yield b"".join(frame + b"\r\n\r\n" for frame in self._wire.frames(frames))

    async def aclose(self) -> None:
        await self._inner.aclose()
