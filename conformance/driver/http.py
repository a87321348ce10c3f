"""The driver's requests: made through the official client, bounded in time, named by purpose, recorded.

Nothing here raises because of what a deployment answers. The answer, or the lack of one, is in the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any

import httpx
from langgraph_sdk.client import LangGraphClient

from conformance.api import Purpose, again
from conformance.driver.deadlines import Deadlines
from conformance.transcript.recorder import CURRENT_CALL, Call, Recorder, RecordingTransport
from conformance.transcript.transcript import Lost, NetworkFault, Request, Response, StreamEvent

MAX_EVENTS = 1_000
"""Events that are read of one stream; a run of the probe agent sends some twenty."""

UNANSWERED = 3
"""Requests without an answer, one after the other, after which it is asked whether the deployment is there at all."""


class Http:
    """Requests of one play to one deployment; `transport` is shared between plays and stays open.

    `lost` is how the last request went wrong once the deployment does not answer anything any more, `/ok` included;
    from then on nothing is sent.
    """

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
        self._http = http
        self.lost: str | None = None
        self._unanswered = 0

    @property
    def patience(self) -> float:
        """Seconds after which even a request that may rightly wait for a run is given up."""
        return 2 * (self._deadlines.stop + self._deadlines.finish)

    async def call(
        self, purpose: Purpose, about: str, request: Coroutine[Any, Any, Any], *, seconds: float | None = None
    ) -> None:
        """Make one request within `seconds` (default: the deadline for an answer)."""
        if self.lost is not None:
            request.close()
            return
        fault = await self._ask(Call(purpose, about, seconds or self._deadlines.answer), request)
        if fault is None:
            self._unanswered = 0
        elif seconds is None:  # one that may rightly take long says little about whether somebody is there
            self._unanswered += 1
            if self._unanswered >= UNANSWERED:
                await self._look_for_a_sign_of_life()

    async def send(self, purpose: Purpose, about: str, method: str, path: str, content: str | None) -> None:
        """Make one request past the official client, which would not send what is wrong."""
        # A server that fails at it may drop the connection, and no other request is to suffer from that.
        headers = {"connection": "close"}
        if content is not None:
            headers["content-type"] = "application/json"
        await self.call(purpose, about, self._http.request(method, path, content=content, headers=headers))

    async def _look_for_a_sign_of_life(self) -> None:
        """Set `lost` unless `/ok` is answered, with whatever status."""
        self._unanswered = 0
        fault = await self._ask(Call("sign of life", "server", self._deadlines.answer), self.client.http.get("/ok"))
        if fault is not None and self.lost is None:
            self.lost = fault
            self._recorder.add(Lost, error=fault)

    async def _ask(self, call: Call, request: Coroutine[Any, Any, Any]) -> str | None:
        """Make one request; what went wrong if it was sent and not answered, else None."""
        token = CURRENT_CALL.set(call)
        try:
            async with asyncio.timeout(call.seconds):
                await request
        except Exception:  # noqa: BLE001 -- whatever the client makes of an odd answer: the answer is recorded
            pass
        finally:
            CURRENT_CALL.reset(token)
        came = self._came_of(call.exchange)
        return came.error if isinstance(came, NetworkFault) else None

    async def consume(
        self, purpose: Purpose, about: str, parts: AsyncIterator[Any], *, at_most: int | None = None
    ) -> None:
        """Read a stream to its end; every event is recorded under the exchange that it answers.

        After `at_most` events nothing is read any more, and the connection stays open until the task is cancelled.
        """
        call = Call(purpose, about, self.patience)
        token = CURRENT_CALL.set(call)
        add, redact = self._recorder.add, self._recorder.redactor.value
        events = 0
        try:
            async with asyncio.timeout(self.patience):
                async for part in parts:
                    events += 1
                    if events > MAX_EVENTS:
                        add(NetworkFault, exchange=call.exchange, error=f"more than {MAX_EVENTS} events in one stream")
                        return
                    add(
                        StreamEvent,
                        exchange=call.exchange,
                        event=part.event,
                        data=redact(part.data),
                        id=part.id,
                    )
                    if events == at_most:
                        await asyncio.get_running_loop().create_future()
        except Exception as error:  # noqa: BLE001 -- as in `_ask`; a stream that breaks off must be told from one that ends
            if not isinstance(self._came_of(call.exchange), NetworkFault):
                late = isinstance(error, TimeoutError)
                why = f"within {self.patience:g} s" if late else f"to its end: {type(error).__name__}"
                add(NetworkFault, exchange=call.exchange, error=f"stream not read {why}")
        finally:
            CURRENT_CALL.reset(token)
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()

    def exchange(self, purpose: Purpose, about: str) -> int:
        """The number of the newest request with this purpose, 0 when there is none."""
        for moment in reversed(self._recorder.moments):
            if isinstance(moment, Request) and (moment.purpose, moment.about) == (purpose, about):
                return moment.exchange
        return 0

    def exchanges(self, purpose: Purpose, about: str) -> set[int]:
        """The numbers of all requests with this purpose, and of those that the client repeated by itself."""
        purposes = (purpose, again(purpose))
        return {
            m.exchange
            for m in self._recorder.moments
            if isinstance(m, Request) and m.purpose in purposes and m.about == about
        }

    def answer(self, purpose: Purpose, about: str) -> Response | NetworkFault | None:
        """What came of the newest request with this purpose, None while nothing has."""
        return self._came_of(self.exchange(purpose, about))

    def _came_of(self, exchange: int) -> Response | NetworkFault | None:
        for moment in reversed(self._recorder.moments):
            if isinstance(moment, Response | NetworkFault) and moment.exchange == exchange:
                return moment
        return None

    def body(self, purpose: Purpose, about: str) -> Any:
        """The body of the newest successful answer with this purpose, else None."""
        answer = self.answer(purpose, about)
        return answer.body if isinstance(answer, Response) and answer.status < 300 else None
