"""The calls of an application with the Python SDK, in a form that every supported version knows, and their results."""

import asyncio
import json
import sys
from typing import Any

from langgraph_sdk import get_client

DEADLINE = 30.0
CLIENT = get_client(url=sys.argv[1])


def asking(place: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"what's the weather in {place}?"}]}


def probed(label: str, **probe: Any) -> Any:
    return {"configurable": {"probe": {"version": 1, "label": label, **probe}}}


def said(values: Any) -> str:
    return "".join(message["type"][0].upper() for message in values["messages"])


async def held(label: str) -> tuple[str, str]:
    """Return a run and its thread while its tools execute. It is held for a minute unless it is stopped."""
    thread = (await CLIENT.threads.create())["thread_id"]
    config = probed(label, hold={"tools:1/enter": 60})
    run = await CLIENT.runs.create(thread, "agent", input=asking("sf"), config=config)
    async with asyncio.timeout(DEADLINE):
        while (await CLIENT.threads.get_state(thread))["next"] != ["tools"]:
            pass
    return thread, run["run_id"]


async def double_text(strategy: str) -> dict[str, Any]:
    thread, first = await held(f"{strategy}A")
    order = {"input": asking("nyc"), "config": probed(f"{strategy}B"), "multitask_strategy": strategy}
    try:
        second = await CLIENT.runs.create(thread, "agent", **order)
    except Exception as error:  # noqa: BLE001 - its class is another in every version
        await CLIENT.runs.cancel(thread, first, wait=True)
        return {"refused": getattr(getattr(error, "response", None), "status_code", None)}
    if strategy == "enqueue":
        await CLIENT.runs.cancel(thread, first, wait=True)
    values = await CLIENT.runs.join(thread, second["run_id"])
    return {"said": said(values), "runs": [run["status"] for run in reversed(await CLIENT.runs.list(thread))]}


async def main() -> None:
    found: dict[str, Any] = {}
    (assistant,) = await CLIENT.assistants.search()
    thread = (await CLIENT.threads.create(metadata={"mine": 1}))["thread_id"]
    found["graph"] = (await CLIENT.assistants.get(assistant["assistant_id"]))["graph_id"]
    events = [
        part.event
        async for part in CLIENT.runs.stream(
            thread, "agent", input=asking("sf"), config=probed("A"), stream_mode=["values", "updates"]
        )
    ]
    found["streamed"] = [name for place, name in enumerate(events) if name != events[place - 1]]
    found["waited"] = said(await CLIENT.runs.wait(thread, "agent", input=asking("nyc"), config=probed("B")))
    state = await CLIENT.threads.get_state(thread)
    found["state"] = [said(state["values"]), state["next"], len(await CLIENT.threads.get_history(thread, limit=3))]
    await CLIENT.threads.update_state(thread, {"steps": ["by hand"]})
    found["found"] = len(await CLIENT.threads.search(metadata={"mine": 1}, limit=1))
    for strategy in ("enqueue", "reject", "interrupt", "rollback"):
        found[strategy] = await double_text(strategy)
    other, run = await held("C")
    await CLIENT.runs.cancel(other, run, wait=True)
    found["cancelled"] = (await CLIENT.runs.get(other, run))["status"]
    paused = await CLIENT.runs.wait(other, "agent", input=asking("sf"), config=probed("D"), interrupt_before=["tools"])
    found["paused"] = [said(paused), (await CLIENT.threads.get_state(other))["next"]]
    found["went on"] = said(await CLIENT.runs.wait(other, "agent", input=None, config=probed("E")))
    await CLIENT.threads.delete(other)
    sys.stdout.write(json.dumps(found))


asyncio.run(main())
