"""The adapter of the JavaScript probe agent, which runs in one Node process, see `bridge.mjs`."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from tests.conformance.probe_agents import AgentError, End, Message, Part, ProbeAgent, Reply, Run, State, Thread
from tests.conformance.probing import DEADLINE
from tests.reference.langgraphjs_dev import copy_of_agent, installed_line, node

BRIDGE = Path(__file__).parent / "bridge.mjs"


class Bridge:
    """The Node process and the runs that wait for its answers, on the event loop that started it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._runs: dict[int, JavaScriptRun] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def started(cls, scratch: Path) -> Bridge:
        """Start a Node process in a copy of the agent's folder."""
        installed, path = installed_line("1.5")
        folder = copy_of_agent(scratch / "agent")
        # Node looks for packages beside the real path of a module, so the agent is copied and the packages are linked.
        (folder / "node_modules").symlink_to(installed / "node_modules", target_is_directory=True)
        shutil.copy(BRIDGE, folder)
        process = await asyncio.create_subprocess_exec(
            *(node(path), BRIDGE.name),
            cwd=folder,
            # A tracing key in the environment of the developer would send every run to LangSmith.
            env={**os.environ, "LANGSMITH_TRACING": "false"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process)

    def begin(self, do: str, *, part_type: Any = Any, **fields: object) -> JavaScriptRun:
        """Send a request without the fields that are None."""
        assert not self._reading.done(), "the Node process has ended"
        assert self._process.stdin is not None
        number = next(self._ids)
        run = self._runs[number] = JavaScriptRun(self, number, part_type)
        known = {key: value for key, value in fields.items() if value is not None}
        self._process.stdin.write(json.dumps({"id": number, "do": do, **known}).encode() + b"\n")
        return run

    async def ask(self, do: str, **fields: object) -> Any:
        return await self.begin(do, **fields).ended()

    async def close(self) -> None:
        assert self._process.stdin is not None
        # The process ends itself at the end of its input.
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), DEADLINE)
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            match json.loads(line):
                case {"id": number, "part": part}:
                    run = self._runs[number]
                    run.report(Part(msgspec.convert(part, run.part_type)))
                case {"id": number, "error": {"name": name, "text": text}}:
                    self._runs.pop(number).report(End(error=AgentError(name, text)))
                case {"id": number, "value": value}:
                    self._runs.pop(number).report(End(value))


class JavaScriptAgent(ProbeAgent):
    cancellation = "AbortError"
    awaits_cancelled_nodes = False

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def thread(self) -> JavaScriptThread:
        return JavaScriptThread(self._bridge)

    def step(self, name: str, probe: object, *, seconds: float | None = None, cancelled: bool = False) -> JavaScriptRun:
        """Start a step outside a graph, as every adapter does.

        With `seconds` it takes that long instead of reaching `token`. With `cancelled` it starts cancelled.
        """
        return self._bridge.begin("step", name=name, probe=probe, seconds=seconds, cancelled=cancelled)

    async def reply(self, text: str, *, answering: bool = False) -> Reply:
        return msgspec.convert(await self._bridge.ask("reply", text=text, answering=answering), Reply)

    async def read(self, probe: object) -> dict[str, Any] | None:
        read: dict[str, Any] | None = await self._bridge.ask("read", configurable={"probe": probe})
        return read

    async def naps(self, count: int = 0) -> list[float]:
        return msgspec.convert(await self._bridge.ask("naps", count=count), list[float])

    async def taken(self) -> list[tuple[str, float]]:
        return msgspec.convert(await self._bridge.ask("taken"), list[tuple[str, float]])


class JavaScriptThread(Thread):
    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._thread = str(uuid4())

    def start(
        self, text: str, probe: object = None, *, run_id: str | None = None, context: dict[str, Any] | None = None
    ) -> JavaScriptRun:
        return self._bridge.begin(
            "say", thread=self._thread, text=text, probe=probe, run_id=run_id, context=context or {}
        )

    async def resume(self, value: object, probe: object) -> None:
        await self._bridge.ask("resume", thread=self._thread, value=value, probe=probe)

    def stream(self, text: str, probe: object, mode: str) -> JavaScriptRun:
        part_type = Message if mode == "messages" else Any
        return self._bridge.begin("stream", part_type=part_type, thread=self._thread, text=text, probe=probe, mode=mode)

    async def state(self, *, subgraphs: bool = False) -> State:
        return msgspec.convert(await self._bridge.ask("state", thread=self._thread, subgraphs=subgraphs), State)


class JavaScriptRun(Run):
    """A numbered request to the bridge."""

    def __init__(self, bridge: Bridge, number: int, part_type: Any) -> None:
        super().__init__()
        self.part_type = part_type
        self._bridge = bridge
        self._number = number

    async def cancel(self) -> None:
        await self._bridge.ask("cancel", run=self._number)

    async def quiet(self) -> bool:
        # The process answers in order, so everything that it reported earlier has arrived before this answer.
        await self._bridge.ask("taken")
        return self._reported.empty()
