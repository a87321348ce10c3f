"""A fixed sequence of requests to a mock with one seed, and its answers byte by byte.

`python -m tests.mockserver.fixed_requests` writes the answers to `fixtures/recordings/answers.jsonl`. A change that
makes the mock faster must leave the file as it is. Renew it when an answer is meant to change, and read the difference.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from doubletext import __version__
from mockserver.app import serving
from mockserver.core.clock import InstantClock

RECORDING: Final = Path(__file__).parents[2] / "fixtures" / "recordings" / "answers.jsonl"
THREAD: Final = "11111111-1111-4111-8111-{number:012d}"
MODES: Final = ("values", "updates", "messages-tuple", "custom", "tasks", "checkpoints", "debug", "events")
# Stated, because the journal shows them: the client would name its version, its port and the codecs that it finds.
HEAD: Final = {"User-Agent": "fixed", "Host": "localhost", "Accept-Encoding": "identity", "Accept": "*/*"}
STRATEGIES: Final = ("enqueue", "interrupt", "rollback", "reject")
POINT: Final = "tools:1/enter"
LONGEST: Final = 2000
"""The number of characters of a body that is kept as it is. Of a longer one its digest is kept."""
# They have the time and the versions of the machine, or belong to the transport.
LEFT_OUT: Final = frozenset(("date", "server", "content-length", "transfer-encoding"))


def asking(place: str, **more: Any) -> dict[str, Any]:
    """Return a request for a run of the guides' conversation."""
    said = [{"role": "user", "content": f"what's the weather in {place}?"}]
    return {"assistant_id": "agent", "input": {"messages": said}, **more}


def probed(place: str, *, probe: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a request for a run under the probe contract, whose steps take no time."""
    settings = {"version": 3, "label": "A", **(probe or {})}
    return asking(place, config={"configurable": {"probe": settings, "other": [1, 2.5, None]}}, **more)


class Client:
    """A client that notes each request with its answer."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self.noted: list[dict[str, Any]] = []

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request, note its answer, and return the JSON of it, or None if it is no JSON."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        typed = {"Content-Type": "application/json"} if data is not None else {}
        # The place of a stream is that of its request, although its answer ends later.
        entry: dict[str, Any] = {"request": f"{method} {path}"}
        self.noted.append(entry)
        async with self._http.request(
            method, path, data=data, headers={**typed, **given}, allow_redirects=False
        ) as answer:
            raw = await answer.read()
            shown = {name: value for name, value in answer.headers.items() if name.lower() not in LEFT_OUT}
            entry |= {"status": answer.status, "headers": shown, "body": raw.decode()}
        try:
            return json.loads(raw)
        except ValueError:
            return None

    async def held(self, thread: str, place: str) -> str:
        """Create a run, and return its id once it is held in its tool."""
        run = await self.ask("POST", f"/threads/{thread}/runs", probed(place))
        await self.ask("POST", "/_mock/wait", {"point": POINT, "thread_id": thread})
        return str(run["run_id"])

    async def thread(self, number: int) -> str:
        """Create a thread with an id of the client, so that a test can be read by its paths."""
        thread = THREAD.format(number=number)
        await self.ask("POST", "/threads", {"thread_id": thread, "metadata": {"number": number}})
        return thread

    async def look(self, thread: str) -> None:
        """Read everything that clients read of a thread."""
        for path in ("", "/state?subgraphs=true", "/history?limit=100", "/runs?limit=100", "/storage"):
            await self.ask("GET", f"/threads/{thread}{path}")


async def plain(client: Client) -> None:
    """Play the guides' conversation in each form of request, and in every mode."""
    thread = await client.thread(1)
    await client.ask("GET", "/ok")
    await client.ask("GET", "/info")
    await client.ask("POST", f"/threads/{thread}/runs/stream", asking("sf", stream_mode=list(MODES)))
    await client.ask("POST", f"/threads/{thread}/runs/wait", asking("nyc", metadata={"some": {"nested": [True]}}))
    run = await client.ask("POST", f"/threads/{thread}/runs", asking("paris", stream_resumable=True))
    await client.ask("POST", "/_mock/wait", {"status": "idle", "thread_id": thread})
    path = f"/threads/{thread}/runs/{run['run_id']}"
    await client.ask("GET", f"{path}/stream", Last_Event_ID="-1")
    await client.ask("GET", f"{path}/join")
    await client.ask("GET", path)
    await client.look(thread)
    await client.ask("POST", "/runs/wait", asking("sf"))
    await client.ask("POST", "/runs/stream", asking("sf", stream_mode="messages", on_completion="keep"))
    await client.ask("DELETE", path)
    await client.ask("POST", f"/threads/{thread}/copy")


async def double_texts(client: Client) -> None:
    """Send a second run with each strategy, once for its answer and once for its stream, while the first is held."""
    for number, strategy in enumerate((*STRATEGIES, *STRATEGIES), start=10):
        thread = await client.thread(number)
        await client.ask("POST", "/_mock/holds", {"point": POINT, "thread_id": thread})
        first = await client.held(thread, "sf")
        streamed = number >= 10 + len(STRATEGIES) and strategy in ("interrupt", "rollback")
        second = probed("nyc", multitask_strategy=strategy, stream_mode=["values", "updates"])
        path = f"/threads/{thread}/runs"
        if streamed:
            stream = asyncio.create_task(client.ask("POST", f"{path}/stream", second))
            await client.ask("POST", "/_mock/wait", {"point": POINT, "thread_id": thread})
        else:
            await client.ask("POST", path, second)
        await client.ask("GET", f"/threads/{thread}")
        await client.ask("DELETE", f"/_mock/holds?point={POINT}&thread_id={thread}")
        await client.ask("POST", "/_mock/wait", {"status": "idle", "thread_id": thread})
        if streamed:
            await stream
        await client.ask("GET", f"{path}/{first}/join")
        await client.look(thread)


PROBES: Final[tuple[dict[str, Any], ...]] = (
    {"work": "subgraph"},
    {"work": "parallel"},
    {"fail": ["tools:1"]},
    {"interrupt": ["tools:1"]},
    {"hold": {"agent:1/enter": 0.001}, "on_cancel": "swallow"},
)


async def probes(client: Client) -> None:
    """Play what a probe can demand: child graphs, parallel nodes, failures and questions."""
    for number, settings in enumerate(PROBES, start=30):
        thread = await client.thread(number)
        run = probed("sf", probe=settings, stream_mode=list(MODES), stream_subgraphs=True)
        await client.ask("POST", f"/threads/{thread}/runs/stream", run)
        await client.look(thread)
        resumed = {"assistant_id": "agent", "command": {"resume": "yes"}, "config": run["config"]}
        await client.ask("POST", f"/threads/{thread}/runs/wait", resumed)
        await client.look(thread)


async def states(client: Client) -> None:
    """Write to a state by hand, go back in time, store at the end, and stop at a breakpoint."""
    thread = await client.thread(40)
    said = [{"role": "system", "content": "be brief"}, ["user", "hi"], {"type": "ai", "content": [{"text": "hello"}]}]
    path = f"/threads/{thread}"
    await client.ask("POST", f"{path}/state", {"values": {"messages": said, "steps": ["own"]}, "as_node": "agent"})
    await client.ask("POST", f"{path}/runs/wait", probed("sf"))
    history = await client.ask("GET", f"{path}/history?limit=100")
    checkpoint = {"checkpoint_id": history[2]["checkpoint_id"]}
    await client.ask("POST", f"{path}/runs/wait", probed("nyc", checkpoint=checkpoint))
    kept = history[-1]["values"]["messages"][0]["id"]
    changed = [{"role": "user", "content": "changed", "id": kept}, {"role": "remove", "id": "unknown"}]
    await client.ask("POST", f"{path}/state", {"values": {"messages": changed}})
    await client.ask("POST", f"{path}/state", {"values": {"messages": changed[:1]}})
    await client.ask("POST", f"{path}/runs/wait", probed("la", durability="exit"))
    await client.ask("POST", f"{path}/runs/wait", probed("rome", interrupt_before=["tools"]))
    await client.ask("POST", f"{path}/runs/wait", {**probed("-"), "input": None})
    nothing = [{"role": "remove", "id": "__remove_all__", "content": ""}, {"role": "user", "content": "weather in x"}]
    await client.ask("POST", f"{path}/runs/wait", {**probed("-"), "input": {"messages": nothing}})
    await client.ask("POST", f"{path}/runs/wait", {**probed("-"), "input": {"messages": [{"role": "user"}]}})
    await client.look(thread)


async def protocol(client: Client) -> None:
    """Listen to a thread in both protocols, and play runs on it until it is deleted."""
    thread = await client.thread(50)
    path = f"/threads/{thread}"
    wanted = {"channels": ["lifecycle", "values", "messages", "updates", "checkpoints", "tasks", "input"]}
    streams = [
        asyncio.create_task(client.ask("POST", f"{path}/stream/events", wanted)),
        asyncio.create_task(client.ask("GET", f"{path}/stream?stream_modes=run_modes&stream_modes=lifecycle")),
    ]
    # The journal shows a stream once its headers are sent, and its listener is there before.
    for method, end in (("POST", "/stream/events"), ("GET", "/stream")):
        asked = {"method": method, "path": f"{path}{end}"}
        await client.ask("POST", "/_mock/wait", {"request": asked})
    params = {"assistant_id": "agent", "input": asking("sf")["input"]}
    await client.ask("POST", f"{path}/commands", {"id": 1, "method": "run.start", "params": params})
    await client.ask("POST", "/_mock/wait", {"status": "idle", "thread_id": thread})
    await client.ask("POST", f"{path}/runs/wait", probed("nyc"))
    await client.ask("DELETE", path)
    await asyncio.gather(*streams)


async def records(client: Client) -> None:
    """Create, find, change and delete what is not a run."""
    assistant = "22222222-2222-4222-8222-222222222222"
    settings = {"assistant_id": assistant, "graph_id": "agent", "name": "Ann", "config": {"configurable": {"k": 1}}}
    await client.ask("POST", "/assistants", settings)
    await client.ask("PATCH", f"/assistants/{assistant}", {"metadata": {"a": "b"}})
    thread = await client.thread(60)
    await client.ask("POST", f"/threads/{thread}/runs/wait", {**asking("sf"), "assistant_id": assistant})
    await client.ask("PATCH", f"/threads/{thread}", {"metadata": {"more": 1}})
    await client.ask("POST", "/assistants/search", {})
    await client.ask("POST", "/threads/search", {"limit": 3, "metadata": {"more": 1}})
    await client.ask("POST", "/threads/count", {})
    cron = {"assistant_id": "agent", "schedule": "5 4 * * *", "input": {"messages": []}}
    await client.ask("POST", f"/threads/{thread}/runs/crons", cron)
    await client.ask("POST", "/runs/crons/search", {})
    await client.ask("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": {"v": 1}})
    await client.ask("GET", "/store/items?namespace=a&key=k")
    await client.ask("POST", "/store/items/search", {"namespace_prefix": ["a"]})
    await client.ask("GET", f"/assistants/{assistant}/graph?xray=true")
    await client.ask("GET", f"/assistants/{assistant}/schemas")


async def refusals(client: Client) -> None:
    """Send what is refused or ignored, and read how the mock reports it."""
    thread = await client.thread(70)
    path = f"/threads/{thread}/runs"
    for body in (b"{", {}, asking("sf", unknown=1), asking("sf", assistant_id="nobody"), asking("sf", webhook="x")):
        await client.ask("POST", path, body)
    await client.ask("POST", path, {**asking("sf"), "config": {"configurable": {"a": 1}}, "context": {"b": 2}})
    await client.ask("POST", path, b"{}", Content_Encoding="gzip")
    await client.ask("GET", f"{path}?limit=0&unknown=1")
    await client.ask("GET", "/threads/not-an-id")
    await client.ask("PUT", f"/threads/{thread}/")
    await client.ask("GET", "/thread")
    await client.ask("GET", "/ok/", Origin="https://example.com")
    await client.ask("OPTIONS", "/threads", Origin="https://example.com", Access_Control_Request_Method="POST")
    await client.ask("GET", "/ok?unknown=1", Origin="https://example.com", X_Mock_Fault="none")
    await client.ask("GET", "/ok", X_Mock_Wrong="1")
    await client.ask("GET", "/_mock/journal")


PARTS: Final = (plain, double_texts, probes, states, protocol, records, refusals)


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    """Start a mock, and yield a client of it."""
    # One connection at a time is enough, and two streams stay open.
    async with (
        serving(clock=InstantClock(), seed=7) as url,
        aiohttp.ClientSession(url, headers=HEAD) as http,
    ):
        yield Client(http)


async def answers() -> list[str]:
    """Send every request, and return one line of JSON for each with its answer."""
    async with connected() as client:
        for part in PARTS:
            await part(client)
    return list(_lines(client.noted))


def _lines(noted: list[dict[str, Any]]) -> Iterator[str]:
    for entry in noted:
        # A release changes no answer but for its number.
        body = entry["body"].replace(f'"{__version__}"', '"VERSION"')
        if len(body) > LONGEST:
            body = f"{len(body)} characters, blake2b {hashlib.blake2b(body.encode(), digest_size=16).hexdigest()}"
        yield json.dumps(entry | {"body": body}, ensure_ascii=False)


def recorded() -> list[str]:
    """Return the answers of the recording."""
    return RECORDING.read_text("utf-8").splitlines()


if __name__ == "__main__":
    RECORDING.write_text("".join(f"{line}\n" for line in asyncio.run(answers())), "utf-8")
    sys.stdout.write(f"{RECORDING}\n")
