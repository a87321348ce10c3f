"""Shared parts of the mock's tests: a deployment, the official client, and short methods for common requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from doubletext.probe import Probe, to_config
from mockserver.app import serving
from mockserver.core.clock import UndelayedClock
from tests.mockserver.witness import DEADLINE, FakeWitness

LETTERS = {"human": "H", "ai": "A", "tool": "T", "system": "S"}
TERMINAL = ("success", "error", "timeout", "interrupted")


def asking(place: str) -> Any:
    """Return the input of a run that asks for the weather."""
    return {"messages": [{"role": "user", "content": f"what's the weather in {place}?"}]}


class Stage:
    """One deployment with a witness, a client for it and one thread."""

    def __init__(self, url: str, client: LangGraphClient, http: httpx.AsyncClient, witness: FakeWitness) -> None:
        self.url = url
        self.client = client
        self.http = http
        self.witness = witness
        self.thread = ""

    def config(self, label: str, **more: Any) -> Any:
        """Return the config of a run that reports as `label`."""
        told: dict[str, Any] = {"version": 1, "label": label, "witness": self.witness.url} | more
        return to_config(Probe(**told))

    async def create(
        self, label: str, place: str, strategy: str | None = None, *, probe: Any = None, **more: Any
    ) -> str:
        """Create a run and return its id."""
        run = await self.client.runs.create(
            self.thread,
            "agent",
            input=asking(place),
            config=self.config(label, **(probe or {})),
            multitask_strategy=strategy,  # type: ignore[arg-type]
            **more,
        )
        return str(run["run_id"])

    async def held(self, label: str, place: str, point: str, **more: Any) -> str:
        """Create a run and return its id once it is held at `point`."""
        self.witness.hold(f"{label}/{point}")
        run_id = await self.create(label, place, **more)
        await self.witness.reached(f"{label}/{point}")
        return run_id

    async def join(self, run_id: str) -> Any:
        """Wait for a run, within the deadline."""
        async with asyncio.timeout(DEADLINE):
            return await self.client.runs.join(self.thread, run_id)

    async def join_failed(self, run_id: str) -> Any:
        """Wait for a run that fails, within the deadline, and return its error."""
        answer = await self.http.get(f"/threads/{self.thread}/runs/{run_id}/join")
        return answer.json()["__error__"]

    async def status(self, run_id: str) -> str:
        """Return the status of a run, or `gone` if it does not exist."""
        answer = await self.http.get(f"/threads/{self.thread}/runs/{run_id}")
        return "gone" if answer.status_code == 404 else str(answer.json()["status"])

    async def thread_status(self) -> str:
        """Return the status of the thread."""
        return str((await self.client.threads.get(self.thread))["status"])

    async def state(self) -> dict[str, Any]:
        """Return the state of the thread."""
        return dict(await self.client.threads.get_state(self.thread))

    async def said(self) -> str:
        """Return the types of the messages in the state, one letter each: `HATA`."""
        values: Any = (await self.state())["values"]
        return "".join(LETTERS[message["type"]] for message in values.get("messages", []))

    async def steps(self) -> list[str]:
        """Return the `steps` channel."""
        values: Any = (await self.state())["values"]
        return list(values.get("steps", []))

    async def history(self) -> list[dict[str, Any]]:
        """Return every checkpoint, oldest first."""
        return [dict(one) for one in reversed(await self.client.threads.get_history(self.thread, limit=1000))]

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Return once a condition that only requests can see holds."""
        async with asyncio.timeout(DEADLINE):
            while not await condition():  # noqa: ASYNC110 - only requests can see it
                await asyncio.sleep(0)


@asynccontextmanager
async def on_stage(**options: Any) -> AsyncIterator[Stage]:
    """Start a stage whose scripted delays take no time by default."""
    options = {"clock": UndelayedClock(), **options}
    async with (
        FakeWitness().listening() as witness,
        serving(**options) as url,
        httpx.AsyncClient(base_url=url, timeout=DEADLINE) as http,
    ):
        client = get_client(url=url)
        stage = Stage(url, client, http, witness)
        stage.thread = (await client.threads.create())["thread_id"]
        try:
            yield stage
        finally:
            witness.release()
            await client.http.client.aclose()
