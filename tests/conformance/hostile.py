"""Servers on real sockets that are not Agent Servers, and a stage on which the suite examines and plays them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx

from conformance.driver.deadlines import Deadlines
from conformance.driver.witness import Witness
from conformance.judge.judging import Verdict, judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.scenario import Scenario
from conformance.session.target import Target
from conformance.transcript.transcript import SuiteInfo, Transcript

SUITE = SuiteInfo("doubletext", "0", "today")
QUICK = Deadlines().scaled(0.05)
"""Deadlines for servers on this machine that answer at once or never."""
PLAINEST = "interrupt/during-tools/create/unwatched"


def scenario(scenario_id: str) -> Scenario:
    return next(s for s in catalogue() if s.id == scenario_id)


def verdicts(transcript: Transcript) -> dict[str, Verdict]:
    """Return the verdict of every requirement that applies to the scenario of a play."""
    play = Play(transcript)
    return {
        requirement.id: judge(requirement, play, NOTHING_DECLARED)
        for requirement in registry.load().requirements
        if requirement.applies_to(transcript.scenario.id)
    }


@dataclass
class Connection:
    """One connection to a hostile deployment, with `method` and `path` of the latest request."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    method: str = ""
    path: str = ""

    async def request(self) -> bool:
        """Read the next request to its end. Return False if the client has disconnected."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        self.method, self.path, _ = head.split("\r\n", 1)[0].split(" ")
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        await self.reader.readexactly(int(fields.get("content-length", "0")))
        return True

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()
        await asyncio.sleep(0)  # `drain` may return without yielding, and the suite runs on the same loop

    async def answer(self, status: str, kind: str, body: bytes, *more: str) -> None:
        """Send a complete answer."""
        head = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *more]
        await self.send("\r\n".join([*head, "", ""]).encode() + body)

    async def begin(self, kind: str, *more: str) -> None:
        """Send the head of an answer whose body ends with the connection."""
        await self.send("\r\n".join(["HTTP/1.1 200 OK", f"content-type: {kind}", *more, "", ""]).encode())


Behaviour = Callable[[Connection], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(behave: Behaviour) -> AsyncIterator[str]:
    """Yield the URL of a server that treats every connection in this way. At the end, cancel what still runs."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behave(Connection(reader, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client has disconnected, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        # `start_server` listens already, so the first request cannot be too early.
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Counting(httpx.AsyncBaseTransport):
    """A transport that counts the bytes of bodies that the suite reads, before they are decompressed."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.taken = 0
        self.largest = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Counted(response.stream, self),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, counting: Counting) -> None:
        self._inner = inner
        self._counting = counting

    async def __aiter__(self) -> AsyncIterator[bytes]:
        mine = 0
        async for chunk in self._inner:
            mine += len(chunk)
            self._counting.taken += len(chunk)
            self._counting.largest = max(self._counting.largest, mine)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class Stage:
    """A witness and a transport, as a run of the suite has them, for the deployments of a test."""

    def __init__(self, witness: Witness, inner: httpx.AsyncBaseTransport) -> None:
        self.witness = witness
        self.transport = Counting(inner)

    def target(self, url: str, deadlines: Deadlines = QUICK, headers: dict[str, str] | None = None) -> Target:
        return Target(url=url, assistant="agent", headers=headers or {}, profile=None, deadlines=deadlines)

    async def examine(self, url: str, deadlines: Deadlines = QUICK) -> Target:
        """Examine a deployment as the suite does before it plays anything."""
        target = self.target(url, deadlines)
        await target.examine(self.transport, self.witness, SUITE)
        return target

    async def play(self, target: Target, scenario_id: str = PLAINEST) -> Transcript:
        return await target.play(scenario(scenario_id), self.transport, self.witness, SUITE)


@contextlib.asynccontextmanager
async def stage(
    tamper: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = lambda inner: inner,
) -> AsyncIterator[Stage]:
    """Yield a stage. `tamper` may wrap the transport between the suite and a deployment."""
    witness = Witness()
    await witness.start()
    try:
        async with httpx.AsyncHTTPTransport(trust_env=False) as inner:
            yield Stage(witness, tamper(inner))
    finally:
        await witness.stop()
