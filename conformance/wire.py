"""The driver's requests: made through the official client, bounded in time, named by purpose, recorded.

Nothing here raises because of what a deployment answers. The answer, or the lack of one, is in the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import httpx
from langgraph_sdk.client import LangGraphClient

from conformance.deadlines import Deadlines
from conformance.recorder import ERRAND, Errand, Recorder, RecordingTransport
from conformance.transcript import Closed, Fault, Request, Response, StreamEvent


class Wire:
    """Requests of one play to one deployment; `transport` is shared between plays and stays open."""

    def __init__(
        self,
        *,
        url: str,
        headers: dict[str, str],
        transport: httpx.AsyncBaseTransport,
        recorder: Recorder,
        deadlines: Deadlines,
    ) -> None:
        self._recorder = recorder
        self._deadlines = deadlines
        http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            transport=RecordingTransport(recorder, transport),
            # Deadlines are set per call: a request that waits for a held run may rightly be silent for long.
            timeout=httpx.Timeout(None, connect=deadlines.answer),
            trust_env=False,
        )
        self.client = LangGraphClient(http)

    @property
    def patience(self) -> float:
        """Seconds after which even a request that may rightly wait for a run is given up."""
        return 2 * (self._deadlines.stop + self._deadlines.finish)

    async def call(self, purpose: str, about: str, request: Awaitable[Any], *, seconds: float | None = None) -> None:
        """Make one request within `seconds` (default: the deadline for an answer)."""
        token = ERRAND.set(Errand(purpose, about))
        try:
            async with asyncio.timeout(seconds or self._deadlines.answer):
                await request
        except Exception:  # noqa: BLE001 -- whatever the client makes of an odd answer: the answer is recorded
            pass
        finally:
            ERRAND.reset(token)

    async def consume(self, purpose: str, about: str, parts: AsyncIterator[Any]) -> None:
        """Read a stream to its end; every event is recorded under the exchange that it answers."""
        errand = Errand(purpose, about)
        token = ERRAND.set(errand)
        add, redact = self._recorder.add, self._recorder.redactor.value
        try:
            async with asyncio.timeout(self.patience):
                async for part in parts:
                    add(
                        StreamEvent,
                        exchange=errand.exchange,
                        event=part.event,
                        data=redact(part.data),
                        id=part.id,
                    )
            add(Closed, exchange=errand.exchange)
        except Exception as error:  # noqa: BLE001 -- as in `call`; a stream that breaks off must be told from one that ends
            if not any(isinstance(m, Fault) and m.exchange == errand.exchange for m in self._recorder.moments):
                add(Fault, exchange=errand.exchange, error=f"stream not read to its end: {type(error).__name__}")
        finally:
            ERRAND.reset(token)

    def exchange(self, purpose: str, about: str) -> int:
        """The number of the newest request with this purpose, 0 when there is none."""
        for moment in reversed(self._recorder.moments):
            if isinstance(moment, Request) and (moment.purpose, moment.about) == (purpose, about):
                return moment.exchange
        return 0

    def answer(self, purpose: str, about: str) -> Response | Fault | None:
        """What came of the newest request with this purpose, None while nothing has."""
        exchange = self.exchange(purpose, about)
        for moment in reversed(self._recorder.moments):
            if isinstance(moment, Response | Fault) and moment.exchange == exchange:
                return moment
        return None

    def body(self, purpose: str, about: str) -> Any:
        """The body of the newest successful answer with this purpose, else None."""
        answer = self.answer(purpose, about)
        return answer.body if isinstance(answer, Response) and answer.status < 300 else None
