"""The probe agents behind one interface, so that one set of tests holds both to the contract.

An agent is played as it is, by its real framework, with checkpoints in memory. Only time is taken out: timed holds and
the pace of a run for people are noted and take none, but for holds of `ENDLESS` seconds.
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
"""The seconds of a timed hold that ends only by being cut short; `bridge.mjs` has the same."""


class AgentError(Exception):
    """What an agent threw; `name` is the class."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Message(msgspec.Struct):
    """A message of either framework; a piece of one that is streamed has the type of the whole."""

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
    """The state of a thread at its latest checkpoint; `interrupts` are the values that parked it."""

    messages: list[Message]
    steps: list[str]
    next: list[str]
    interrupts: list[Any]
    child: Child | None = None


class Reply(msgspec.Struct):
    """What an agent says next: it calls the tool with `query`, or answers in `tokens`."""

    query: str | None = None
    tokens: list[str] | None = None


class Part(NamedTuple):
    """One part of a stream."""

    value: Any


class End(NamedTuple):
    """How a run ended: with what it returned, or with what it threw."""

    value: Any = None
    error: AgentError | None = None

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class Run(ABC):
    """Something that an agent plays: a run of its graph, or a single step."""

    def __init__(self) -> None:
        self._told: asyncio.Queue[Part | End] = asyncio.Queue()

    def tell(self, told: Part | End) -> None:
        """For the adapter: what came of the run, in order."""
        self._told.put_nowait(told)

    @abstractmethod
    async def cancel(self) -> None:
        """Cancel it as a server does, and return once it was told; may be called again."""

    @abstractmethod
    async def quiet(self) -> bool:
        """Whether nothing came of it that was not looked at, neither a part nor its end, though it had the chance."""

    async def ended(self) -> Any:
        """What came of a run that is not streamed. Raises `AgentError`."""
        told = await self._next()
        assert isinstance(told, End), told
        return told.result()

    async def parts(self) -> AsyncIterator[Any]:
        """The parts of a stream until it ends. Raises `AgentError`."""
        while isinstance(told := await self._next(), Part):
            yield told.value
        told.result()

    async def _next(self) -> Part | End:
        return await asyncio.wait_for(self._told.get(), DEADLINE)


class Thread(ABC):
    """A new thread of an agent's graph. A probe that is None is left out of the run's configuration."""

    @abstractmethod
    def start(self, text: str, probe: object = None, *, run_id: str | None = None) -> Run: ...

    @abstractmethod
    async def resume(self, value: object, probe: object) -> None: ...

    @abstractmethod
    def stream(self, text: str, probe: object, mode: str) -> Run:
        """A run whose parts are `Message` in the mode `messages`, else what the framework streams."""

    @abstractmethod
    async def state(self, *, subgraphs: bool = False) -> State: ...

    async def say(self, text: str, probe: object = None, *, run_id: str | None = None) -> None:
        await self.start(text, probe, run_id=run_id).ended()

    async def messages(self) -> list[Message]:
        return (await self.state()).messages

    async def steps(self) -> list[str]:
        return (await self.state()).steps


class ProbeAgent(ABC):
    """One probe agent; it has noted nothing yet."""

    cancellation: ClassVar[str]
    """The class of what ends a run that was cancelled."""

    awaits_cancelled_nodes: ClassVar[bool]
    """Whether a cancelled run ends only when its nodes have; LangGraph.js leaves them alone."""

    async def cancelled(self, run: Run) -> None:
        """Wait until a run that was cancelled has ended as one."""
        with pytest.raises(AgentError) as caught:
            await run.ended()
        assert caught.value.name == self.cancellation

    @abstractmethod
    def thread(self) -> Thread: ...

    @abstractmethod
    def step(self, name: str, probe: object) -> Run:
        """A step outside of a graph, so that its own end is seen: it reaches `token` and returns `done`."""

    @abstractmethod
    async def reply(self, text: str, *, answering: bool = False) -> Reply:
        """What the agent says to a human's text; `answering`, after it called the tool."""

    @abstractmethod
    async def read(self, probe: object) -> dict[str, Any] | None:
        """A probe as the agent reads it, in JSON's types. Raises `AgentError`."""

    @abstractmethod
    async def naps(self, count: int = 0) -> list[float]:
        """The seconds of the timed holds so far, once there are `count`."""

    @abstractmethod
    async def taken(self) -> list[tuple[str, float]]:
        """The entries of steps, and the seconds that each would take in a run for people."""
