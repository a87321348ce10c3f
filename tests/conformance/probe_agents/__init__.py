"""One interface to both probe agents, so that one set of tests checks both against the contract.

An agent runs unchanged in its real framework, with checkpoints in memory. Only its waiting is replaced: timed holds and
the delays of a run for people are recorded and take no time, except holds of `ENDLESS` seconds.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, ClassVar, NamedTuple

import msgspec
import pytest

from tests.conformance.probing import DEADLINE

ENDLESS = 600
"""The seconds of a timed hold that ends only when it is cancelled. `bridge.mjs` has the same number."""


class AgentError(Exception):
    """An exception of an agent, with its class in `name`."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Message(msgspec.Struct):
    """A message of either framework. A streamed piece has the type of the whole message."""

    type: str
    id: str
    content: Any
    name: str | None = None
    tool_calls: Any = None
    tool_call_id: str | None = None


class Child(msgspec.Struct):
    """The state of a child graph."""

    namespace: str
    steps: list[str]


class State(msgspec.Struct):
    """The state of a thread at its latest checkpoint, with the values that parked it in `interrupts`."""

    messages: list[Message]
    steps: list[str]
    next: list[str]
    interrupts: list[Any]
    child: Child | None = None


class Reply(msgspec.Struct):
    """The next message of an agent: a tool call with `query`, or an answer in `tokens`."""

    query: str | None = None
    tokens: list[str] | None = None


class Part(NamedTuple):
    """One part of a stream."""

    value: Any


class End(NamedTuple):
    """The end of a run, with its result or its error."""

    value: Any = None
    error: AgentError | None = None

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class Run(ABC):
    """A running task of an agent: a run of its graph, or a single step."""

    def __init__(self) -> None:
        self._reported: asyncio.Queue[Part | End] = asyncio.Queue()

    def report(self, item: Part | End) -> None:
        """Add a part or the end of the run. The adapters call this in order."""
        self._reported.put_nowait(item)

    @abstractmethod
    async def cancel(self) -> None:
        """Cancel the run as a server does, and return once it was notified. It may be called again."""

    @abstractmethod
    async def quiet(self) -> bool:
        """Return whether the run reported no further part and no end, after it had the chance to run."""

    async def ended(self) -> Any:
        """Return the result of a run that is not streamed. Raise `AgentError` if it failed."""
        end = await self._next()
        assert isinstance(end, End), end
        return end.result()

    async def parts(self) -> AsyncIterator[Any]:
        """Yield the parts of a stream until it ends. Raise `AgentError` if the run failed."""
        while isinstance(item := await self._next(), Part):
            yield item.value
        item.result()

    async def _next(self) -> Part | End:
        return await asyncio.wait_for(self._reported.get(), DEADLINE)


class Thread(ABC):
    """A new thread of an agent's graph. A probe that is None is left out of the run's configuration."""

    @abstractmethod
    def start(
        self, text: str, probe: object = None, *, run_id: str | None = None, context: dict[str, Any] | None = None
    ) -> Run: ...

    @abstractmethod
    async def resume(self, value: object, probe: object) -> None: ...

    @abstractmethod
    def stream(self, text: str, probe: object, mode: str) -> Run:
        """Start a streamed run, whose parts are `Message` in the mode `messages`, and otherwise framework chunks."""

    @abstractmethod
    async def state(self, *, subgraphs: bool = False) -> State: ...

    async def say(self, text: str, probe: object = None, *, run_id: str | None = None) -> None:
        await self.start(text, probe, run_id=run_id).ended()

    async def messages(self) -> list[Message]:
        return (await self.state()).messages

    async def steps(self) -> list[str]:
        return (await self.state()).steps


class ProbeAgent(ABC):
    """One probe agent, without any recorded holds or steps."""

    cancellation: ClassVar[str]
    """The class of the exception that ends a cancelled run."""

    awaits_cancelled_nodes: ClassVar[bool]
    """True if a cancelled run waits for its nodes to end. LangGraph.js does not wait for them."""

    async def cancelled(self, run: Run) -> None:
        """Wait for the end of a cancelled run and check that its cancellation ended it."""
        with pytest.raises(AgentError) as caught:
            await run.ended()
        assert caught.value.name == self.cancellation

    @abstractmethod
    def thread(self) -> Thread: ...

    @abstractmethod
    def step(self, name: str, probe: object) -> Run:
        """Start a step outside a graph, where its own end is visible. It reaches `token` and returns `done`."""

    @abstractmethod
    async def reply(self, text: str, *, answering: bool = False) -> Reply:
        """Return the agent's message for a human's text, or with `answering` the one after its tool call."""

    @abstractmethod
    async def read(self, probe: object) -> dict[str, Any] | None:
        """Return a probe as the agent parses it, in the types of JSON. Raise `AgentError` if it is invalid."""

    @abstractmethod
    async def naps(self, count: int = 0) -> list[float]:
        """Return the seconds of the timed holds so far, as soon as there are `count` of them."""

    @abstractmethod
    async def taken(self) -> list[tuple[str, float]]:
        """Return the started steps, with the seconds that each would take in a run for people."""
