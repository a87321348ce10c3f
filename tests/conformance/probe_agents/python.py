"""The adapter of the Python probe agent, which runs in the process of the tests."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict
from types import ModuleType
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, StateSnapshot

from conformance import AGENTS
from tests.conformance.probe_agents import (
    ENDLESS,
    AgentError,
    Child,
    End,
    Message,
    Part,
    ProbeAgent,
    Reply,
    Run,
    State,
    Thread,
)
from tests.conformance.probing import DEADLINE

FOLDER = AGENTS / "python"


@functools.cache
def loaded() -> ModuleType:
    """Load the agent's `graph.py` by its path, as a server does, and keep it out of `sys.modules`."""
    # A server imports the file from the folder that the vendor copied, so the tests must not depend on `sys.path`.
    spec = importlib.util.spec_from_file_location("probe_agent_under_test", FOLDER / "graph.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class PythonAgent(ProbeAgent):
    """The agent, with its waiting replaced for as long as the patch lasts."""

    cancellation = asyncio.CancelledError.__name__
    awaits_cancelled_nodes = True

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._agent = loaded()
        self._naps: list[float] = []
        self._more_naps = asyncio.Condition()
        self._taken: list[tuple[str, float]] = []
        # The unpatched method, for holds that last until they are cancelled.
        nap_in_time = self._agent.Step.nap

        async def nap(seconds: float) -> None:
            if seconds:
                async with self._more_naps:
                    self._naps.append(seconds)
                    self._more_naps.notify_all()
            if seconds == ENDLESS:
                await nap_in_time(seconds)

        async def take(step: Any, seconds: float) -> None:
            self._taken.append((step.entry, seconds))

        patch.setattr(self._agent.Step, "nap", staticmethod(nap))
        patch.setattr(self._agent.Step, "take", take)

    def thread(self) -> PythonThread:
        return PythonThread(self._agent.graph)

    def step(self, name: str, probe: object, work: Callable[[Any], Awaitable[Any]] | None = None) -> PythonRun:
        """Start a step outside a graph, as every adapter does. `work` replaces the work of the step."""
        # The last argument is the id of the run, which a step outside a graph does not have.
        step = self._agent.Step(name, self._agent.read_probe({"probe": probe}), None)
        return PythonRun(step.play(work or _reach_token))

    async def reply(self, text: str, *, answering: bool = False) -> Reply:
        said = self._agent.reply_to([HumanMessage(text), *([AIMessage("")] if answering else [])])
        return msgspec.convert(said, Reply, from_attributes=True)

    async def read(self, probe: object) -> dict[str, Any] | None:
        try:
            read = self._agent.read_probe({"probe": probe})
        except Exception as thrown:
            raise _error(thrown) from thrown
        plain: dict[str, Any] | None = None if read is None else json.loads(json.dumps(asdict(read)))
        return plain

    async def naps(self, count: int = 0) -> list[float]:
        async with asyncio.timeout(DEADLINE), self._more_naps:
            await self._more_naps.wait_for(lambda: len(self._naps) >= count)
        return self._naps

    async def taken(self) -> list[tuple[str, float]]:
        return self._taken


async def _reach_token(step: Any) -> str:
    await step.reach("token")
    return "done"


class PythonThread(Thread):
    def __init__(self, graph: Any) -> None:
        self._graph = graph.copy({"checkpointer": InMemorySaver()})
        self._thread_id = str(uuid4())

    def start(
        self, text: str, probe: object = None, *, run_id: str | None = None, context: dict[str, Any] | None = None
    ) -> PythonRun:
        config = self._config(probe=probe, run_id=run_id)
        return PythonRun(self._graph.ainvoke(_saying(text), config, context=context))

    async def resume(self, value: object, probe: object) -> None:
        await PythonRun(self._graph.ainvoke(Command(resume=value), self._config(probe=probe))).ended()

    def stream(self, text: str, probe: object, mode: str) -> PythonRun:
        async def streamed() -> None:
            async for part in self._graph.astream(_saying(text), self._config(probe=probe), stream_mode=mode):
                run.report(Part(_piece(part[0]) if mode == "messages" else part))

        run = PythonRun(streamed())
        return run

    async def state(self, *, subgraphs: bool = False) -> State:
        latest = await self._graph.aget_state(self._config())
        # By its id: without one, LangGraph adds the writes of finished steps of an unfinished superstep to the state.
        state = await self._graph.aget_state(latest.config, subgraphs=subgraphs)
        child = next((task.state for task in state.tasks if isinstance(task.state, StateSnapshot)), None)
        return State(
            messages=[_plain(message) for message in state.values.get("messages", [])],
            steps=state.values.get("steps", []),
            next=list(state.next),
            interrupts=[interrupt.value for interrupt in state.interrupts],
            child=child and Child(child.config["configurable"]["checkpoint_ns"], child.values["steps"]),
        )

    def _config(self, **fields: object) -> dict[str, Any]:
        known = {key: value for key, value in fields.items() if value is not None}
        return {"configurable": {"thread_id": self._thread_id, **known}}


class PythonRun(Run):
    """A task of the running event loop."""

    def __init__(self, play: Coroutine[Any, Any, Any]) -> None:
        super().__init__()
        self._task = asyncio.create_task(play)
        self._task.add_done_callback(self._report_end)

    async def cancel(self) -> None:
        self._task.cancel()
        # One turn of the loop delivers the cancellation to the task.
        await asyncio.sleep(0)

    async def quiet(self) -> bool:
        await asyncio.sleep(0)
        return self._reported.empty() and not self._task.done()

    def _report_end(self, task: asyncio.Task[Any]) -> None:
        thrown = asyncio.CancelledError() if task.cancelled() else task.exception()
        self.report(End(task.result()) if thrown is None else End(error=_error(thrown)))


def _error(thrown: BaseException) -> AgentError:
    error = AgentError(type(thrown).__name__, str(thrown))
    # The traceback of the agent is what a failing test has to show.
    error.__cause__ = thrown
    return error


def _saying(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def _plain(message: object) -> Message:
    return msgspec.convert(message, Message, from_attributes=True)


def _piece(message: object) -> Message:
    piece = _plain(message)
    # LangChain has a type of its own for pieces of a message, LangGraph.js has none.
    return msgspec.structs.replace(piece, type="ai") if piece.type == "AIMessageChunk" else piece
