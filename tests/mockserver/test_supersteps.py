"""Updates of the state: several in one superstep, and the node of one that names none. All as on `langgraph dev`."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.script.load import parse
from tests.mockserver.stage import Stage, on_stage

SCRIPT = parse("""
channels: {notes: append, last: replace}
turns:
  - steps:
      - {node: a, say: a, channels: {notes: a}}
      - parallel:
          - {node: b, say: b, channels: {notes: b}}
          - {node: c, say: c, channels: {notes: c}}
      - {node: d, say: d, channels: {notes: d}}
      - parallel:
          - {node: w, say: w, channels: {notes: w}}
          - {node: w, say: w, channels: {notes: w}}
      - {node: e, say: e, channels: {notes: e}}
""")
ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}


def wrote(node: str | None, note: str | None = None, **more: Any) -> dict[str, Any]:
    """Return an update, as `node` if one is given."""
    values = {"notes": [note or node], **more}
    return {"values": values} if node is None else {"values": values, "as_node": node}


async def begun(stage: Stage, *supersteps: list[Any]) -> tuple[int, str]:
    """Create a thread from supersteps, and return the status and the text of the response."""
    body = {"supersteps": [{"updates": updates} for updates in supersteps]}
    answer = await stage.http.post("/threads", json=body)
    stage.thread = answer.json().get("thread_id", stage.thread)
    return answer.status_code, answer.text


async def updated(stage: Stage, update: Any) -> tuple[int, list[str]]:
    """Update the state, and return the status and the nodes that are next."""
    answer = await stage.http.post(f"/threads/{stage.thread}/state", json=update)
    return answer.status_code, (await stage.state())["next"]


async def stopped(stage: Stage, **where: Any) -> list[str]:
    """Play a run to a breakpoint, and return the nodes that are next."""
    await stage.client.runs.wait(stage.thread, "agent", input=ASKED, **where)
    following: list[str] = (await stage.state())["next"]
    return following


START = {"as_node": "__start__", "values": ASKED}


@pytest.mark.parametrize(
    ("supersteps", "notes", "following"),
    [
        ([[START], [wrote("a")], [wrote("b"), wrote("c")]], "abc", ["d"]),
        ([[START], [wrote("a")], [wrote("c"), wrote("b")]], "acb", ["d"]),
        ([[START], [wrote("a"), wrote("a")]], "aa", ["b", "c"]),
        ([[START], [wrote("d"), wrote("e")]], "de", ["w", "w"]),
        ([[START], [wrote("e"), wrote("d")]], "ed", ["w", "w"]),
        ([[wrote("b"), wrote("c")]], "bc", ["d"]),
        ([[wrote("a")], [{"as_node": "__end__", "values": None}]], "a", []),
    ],
)
async def test_updates_of_a_superstep_make_one_checkpoint(
    supersteps: list[list[Any]], notes: str, following: list[str]
) -> None:
    async with on_stage(script=SCRIPT) as stage:
        status, text = await begun(stage, *supersteps)
        assert status == 200, text
        state = await stage.state()
        assert ("".join(state["values"]["notes"]), state["next"]) == (notes, following)
        assert len(await stage.history()) == len(supersteps)


async def test_each_task_shows_what_was_written_in_its_place() -> None:
    async with on_stage(script=SCRIPT) as stage:
        await begun(stage, [START], [wrote("a")], [wrote("c"), {"as_node": "b", "values": None}])
        tasks = [{task["name"]: task["result"] for task in state["tasks"]} for state in await stage.history()]
        assert tasks[:2] == [{"a": {"notes": ["a"]}}, {"b": None, "c": {"notes": ["c"]}}]


@pytest.mark.parametrize(
    ("updates", "reason"),
    [
        ([], "`$.supersteps[0].updates`"),
        ([wrote("__input__"), wrote("a")], "Expected no other update beside one as `__input__`"),
        ([wrote("a"), wrote("nowhere")], "Node nowhere does not exist"),
        ([wrote("a"), {"as_node": "__copy__", "values": None}], "Node __copy__ does not exist"),
        ([wrote("a"), {"as_node": "__end__", "values": None}], "Node __end__ does not exist"),
        ([wrote("__end__")], "Node __end__ does not exist"),
        ([{"as_node": "__end__", "values": {}}], "Node __end__ does not exist"),
        ([wrote("a", last=1), wrote("b", last=2)], "At key 'last': Can receive only one value per step."),
    ],
)
async def test_an_impossible_superstep_leaves_no_thread(updates: list[Any], reason: str) -> None:
    async with on_stage(script=SCRIPT) as stage:
        before = await stage.client.threads.count()
        status, text = await begun(stage, updates)
        assert (status, reason in text) == (422, True), text
        assert await stage.client.threads.count() == before


async def test_an_update_without_a_node_counts_as_the_node_that_ran_last() -> None:
    async with on_stage(script=SCRIPT) as stage:
        assert await updated(stage, wrote(None, "1")) == (200, ["a"])
        assert await stopped(stage, interrupt_after=["a"]) == ["b", "c"]
        assert await updated(stage, wrote(None, "2")) == (200, ["b", "c"])
        # An update does not run, in whichever role.
        assert await updated(stage, wrote("b")) == (200, ["d"])
        assert await updated(stage, wrote(None, "3")) == (200, ["b", "c"])


@pytest.mark.parametrize("durability", ["async", "exit"])
async def test_an_update_without_a_node_is_ambiguous_after_parallel_nodes(durability: Any) -> None:
    async with on_stage(script=SCRIPT) as stage:
        assert await stopped(stage, interrupt_before=["d"], durability=durability) == ["d"]
        assert await updated(stage, wrote(None, "1")) == (422, ["d"])
        answer = await stage.http.post(f"/threads/{stage.thread}/state", json=wrote(None, "1"))
        assert answer.json()["detail"].startswith("Ambiguous update, specify as_node: b, c ")
        assert await updated(stage, wrote("c")) == (200, ["d"])


async def test_sent_tasks_do_not_count_as_the_last_node() -> None:
    async with on_stage(script=SCRIPT) as stage:
        assert await stopped(stage, interrupt_before=["e"]) == ["e"]
        assert await updated(stage, wrote(None, "1")) == (200, ["w", "w"])


async def test_the_end_counts_as_if_the_tasks_that_it_drops_had_run() -> None:
    async with on_stage(script=SCRIPT) as stage:
        assert await stopped(stage, interrupt_before=["a"]) == ["a"]
        assert await updated(stage, {"values": None, "as_node": "__end__"}) == (200, [])
        assert await updated(stage, wrote(None, "1")) == (200, ["b", "c"])
