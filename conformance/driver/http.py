"""The driver's requests: sent through the official client, limited in time, named by purpose, and recorded.

No answer of a deployment raises an exception here. The answer, or the lack of one, is in the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import httpx

from conformance.api import Purpose
from conformance.driver.deadlines import Deadlines
from conformance.driver.workarounds import Adapting
from conformance.transcript.recorder import CURRENT_CALL, Call, Recorder, RecordingTransport
from conformance.transcript.transcript import Lost, NetworkFault, Response, StreamEvent

MAX_EVENTS = 10_000
"""The greatest number of events read of one stream. The longest answer of the probe agent has some 4000."""

UNANSWERED = 3
# One unanswered request may be a fault of that endpoint alone, and is judged. Without a limit, each remaining request
# of the play to a deployment that is down would cost its full deadline.
"""The number of consecutive unanswered requests after which the driver checks `/ok`."""


class Http:
    """The requests of one play to one deployment. `transport` is shared between plays and stays open.

    `lost` is None until the deployment stops answering, including `/ok`. Then it is the fault of the last request, and
    nothing more is sent.
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
        # Imported here: it imports LangChain, which takes longer than to collect the whole suite.
        from langgraph_sdk.client import LangGraphClient

        self._recorder = recorder
        self._deadlines = deadlines
        self._adapting = Adapting(recorder, RecordingTransport(recorder, transport))
        http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            transport=self._adapting,
            # Deadlines are set per call: a request that waits for a held run may be silent for a long time.
            timeout=httpx.Timeout(None, connect=deadlines.answer),
            # Proxies and credentials of the tester's environment must not change what is recorded.
            trust_env=False,
        )
        self.client = LangGraphClient(http)
        self._http = http
        self._looks: dict[str, httpx.Request] = {}
        self.lost: str | None = None
        self._unanswered = 0

    @property
    def patience(self) -> float:
        """The limit in seconds for a request that waits for the end of a run."""
        # Twice the time of one run, because the run may first have to wait for the run before it.
        return 2 * (self._deadlines.stop + self._deadlines.finish)

    async def call(
        self, purpose: Purpose, about: str, request: Coroutine[Any, Any, Any], *, seconds: float | None = None
    ) -> None:
        """Send one request, and wait at most `seconds` for its answer. The default is the `answer` deadline."""
        if self.lost is not None:
            request.close()
            return
        fault = await self._ask(Call(purpose, about, seconds or self._deadlines.answer), request)
        if fault is None:
            self._unanswered = 0
        elif seconds is None:  # a request that waits for a run may time out on a deployment that works
            self._unanswered += 1
            if self._unanswered >= UNANSWERED:
                await self._check_alive()

    async def send(
        self,
        purpose: Purpose,
        about: str,
        method: str,
        path: str,
        content: str | None,
        *,
        more_headers: Mapping[str, str] = MappingProxyType({}),
        seconds: float | None = None,
    ) -> None:
        """Send one request without the official client, which would not send an invalid one or one for a page."""
        # A server that fails on it may drop the connection, which must not affect other requests.
        headers = {"connection": "close", **more_headers}
        if content is not None:
            headers["content-type"] = "application/json"
        await self.call(
            purpose, about, self._http.request(method, path, content=content, headers=headers), seconds=seconds
        )

    async def look(self, about: str, thread: str, run: str | None = None) -> None:
        """Read the status of a thread, or of a run, with the request of the official client."""
        # Without the client: most requests of a play are these, and it takes two thirds of their time.
        path = f"/threads/{_segment(thread)}" + (f"/runs/{_segment(run)}" if run else "")
        await self.call("look", about, self._look(path))

    async def _look(self, path: str) -> None:
        client = self._http
        # The client turns the credentials of its URL into a header.
        if client.base_url.userinfo:
            await client.get(path)
            return
        # Built once, as most requests of a play have the same few paths. The client adds its cookies to a new one.
        if path not in self._looks or client.cookies.jar:
            self._looks[path] = client.build_request("GET", path)
        response = await self._adapting.handle_async_request(self._looks[path])
        if "set-cookie" in response.headers:
            response.request = self._looks[path]
            client.cookies.extract_cookies(response)

    async def _check_alive(self) -> None:
        """Set `lost` unless `/ok` is answered. Any status counts as an answer."""
        self._unanswered = 0
        fault = await self._ask(Call("sign of life", "server", self._deadlines.answer), self.client.http.get("/ok"))
        if fault is not None and self.lost is None:
            self.lost = fault
            self._recorder.add(Lost, error=fault)

    async def _ask(self, call: Call, request: Coroutine[Any, Any, Any]) -> str | None:
        """Send one request. Return its fault when it was not answered, else None."""
        token = CURRENT_CALL.set(call)
        try:
            async with asyncio.timeout(call.seconds):
                await request
        except Exception:  # noqa: BLE001 -- the client may raise anything for an odd answer, which is recorded already
            pass
        finally:
            CURRENT_CALL.reset(token)
        result = self._recorder.index.result(call.exchange)
        return result.error if isinstance(result, NetworkFault) else None

    async def consume(
        self,
        purpose: Purpose,
        about: str,
        parts: AsyncIterator[Any],
        *,
        pause: asyncio.Event | None = None,
        seconds: float | None = None,
    ) -> None:
        """Read a stream to its end, for at most `seconds`. Every event is recorded under the exchange that it answers.

        With a `pause`, read no more after the first event until it is set, and keep the connection open.
        """
        seconds = seconds or self.patience
        call = Call(purpose, about, seconds)
        token = CURRENT_CALL.set(call)
        add, redact = self._recorder.add, self._recorder.redactor.value
        events = 0
        try:
            async with asyncio.timeout(seconds):
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
                    # Behind an `error` nothing comes that a client could leave unread.
                    if pause is not None and part.event != "error":
                        await pause.wait()
        except Exception as error:  # noqa: BLE001 -- as in `_ask`. The fault distinguishes a broken stream from a clean end
            # The transport has recorded network errors. Errors of the client, such as invalid JSON, are recorded here.
            if not isinstance(self._recorder.index.result(call.exchange), NetworkFault):
                late = isinstance(error, TimeoutError)
                why = f"within {seconds:g} s" if late else f"to its end: {type(error).__name__}"
                add(NetworkFault, exchange=call.exchange, error=f"stream not read {why}")
        finally:
            CURRENT_CALL.reset(token)
            # An abandoned generator would close its connection only when it is garbage collected.
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()

    def exchange(self, purpose: Purpose, about: str) -> int:
        """Return the number of the newest request with this purpose, or 0 when there is none."""
        return self._recorder.index.exchange(purpose, about)

    def answer(self, purpose: Purpose, about: str) -> Response | NetworkFault | None:
        """Return the response or the fault of the newest request with this purpose, or None while there is neither."""
        exchange = self.exchange(purpose, about)
        # A refusal for which another form is tried is not the answer yet.
        return None if exchange in self._adapting.pending else self._recorder.index.result(exchange)

    def reading(self, purpose: Purpose, about: str) -> Any:
        """Return the body of the newest 2xx response to a request with this purpose. A newer request may be open."""
        # Two tasks read the statuses, so one may have an open request while the other decides.
        found = self._recorder.index.reading(purpose, about)
        return None if found is None else found.body

    def body(self, purpose: Purpose, about: str) -> Any:
        """Return the body of the newest request's response when it is a 2xx, else None."""
        answer = self.answer(purpose, about)
        if not isinstance(answer, Response) or answer.status >= 300:
            return None
        # The further pages of a list.
        index = self._recorder.index
        pages = [index.result(number) for number in index.exchanges(purpose, about) if number > answer.exchange]
        rest = [
            one for page in pages if isinstance(page, Response) and isinstance(page.body, list) for one in page.body
        ]
        return [*answer.body, *rest] if isinstance(answer.body, list) else answer.body


def _segment(value: str) -> str:
    """Return a segment of a path, as the official client writes it. A deployment chooses ids, also `..`."""
    return value.replace(".", "%2E") if value in (".", "..") else quote(value, safe="")
