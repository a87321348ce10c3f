"""When a run stores its checkpoints: at every step, or only at its end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mockserver.stage import Stage, asking

# The SDK warns of the older name, which older clients still send.
pytestmark = pytest.mark.filterwarnings("ignore:.checkpoint_during")

EXIT: Any = {"durability": "exit"}
OLDER: Any = {"checkpoint_during": False}


@pytest.mark.parametrize("asked", [EXIT, OLDER, {"durability": "exit", "checkpoint_during": True}])
async def test_a_run_may_store_its_newest_checkpoint_at_its_end(stage: Stage, asked: Any) -> None:
    await stage.join(await stage.create("A", "sf"))
    before = await stage.history()
    run = await stage.held("B", "nyc", "agent:2/enter", **asked)
    assert (await stage.history(), await stage.said(), await stage.thread_status()) == (before, "HATA", "busy")
    copy = (await stage.http.post(f"/threads/{stage.thread}/copy")).json()
    stage.witness.release()
    await stage.join(run)
    *kept, newest = await stage.history()
    assert kept == before
    assert newest["parent_checkpoint_id"] == before[-1]["checkpoint_id"]
    # The steps are counted as if all were stored.
    assert newest["metadata"]["step"] == before[-1]["metadata"]["step"] + 5
    assert await stage.said() == "HATAHATA"
    stage.thread = copy["thread_id"]
    assert await stage.said() == "HATA"


@pytest.mark.parametrize("asked", [{"durability": "sync"}, {"checkpoint_during": True}, {}])
async def test_otherwise_every_step_is_stored(stage: Stage, asked: Any) -> None:
    await stage.held("A", "sf", "agent:2/enter", **asked)
    assert (len(await stage.history()), await stage.said()) == (4, "HAT")


@pytest.mark.parametrize(("strategy", "said"), [("interrupt", "HATHATA"), ("rollback", "HATA")])
async def test_a_stopped_run_stores_what_it_reached(stage: Stage, strategy: str, said: str) -> None:
    await stage.held("A", "sf", "agent:2/enter", **EXIT)
    await stage.join(await stage.create("B", "nyc", strategy))
    assert await stage.said() == said
    assert len(await stage.history()) == (6 if strategy == "interrupt" else 5)


@pytest.mark.parametrize("work", ["tools", "subgraph"])
async def test_a_question_is_stored_and_can_be_answered(stage: Stage, work: str) -> None:
    asks = ["tools:1" if work == "tools" else "quote:1"]
    await stage.join(await stage.create("A", "sf", probe={"version": 2, "work": work, "interrupt": asks}, **EXIT))
    (parked,) = await stage.history()
    assert [len(task["interrupts"]) for task in parked["tasks"]] == [1]
    config = stage.config("B", version=2, work=work, interrupt=asks)
    await stage.client.runs.wait(stage.thread, "agent", command={"resume": "yes"}, config=config, **EXIT)
    assert (await stage.said(), await stage.thread_status()) == ("HATA", "idle")
    assert len(await stage.history()) == 2


async def test_after_a_crash_a_run_that_stored_nothing_begins_again(stage: Stage) -> None:
    run = await stage.held("A", "sf", "tools:1/enter", **EXIT)
    stage.witness.release()
    assert (await stage.http.post("/_mock/restart")).is_success
    await stage.join(run)
    assert (await stage.said(), len(await stage.history())) == ("HATA", 1)
    assert sum(seen == "A/agent:1/enter" for seen in stage.witness.seen) == 2


async def test_the_stream_shows_every_checkpoint(stage: Stage) -> None:
    parts = stage.client.runs.stream(
        stage.thread,
        "agent",
        input=asking("sf"),
        config=stage.config("A"),
        stream_mode="checkpoints",
        durability="exit",
    )
    assert [part.event async for part in parts] == ["metadata", *["checkpoints"] * 5]


async def test_the_run_shows_how_it_stores(stage: Stage) -> None:
    for asked, shown in ((OLDER, ("exit", False)), (EXIT, ("exit", True)), ({}, ("async", True))):
        run: Any = await stage.client.runs.create(stage.thread, "agent", input=asking("sf"), **asked)
        assert (run["kwargs"]["durability"], run["kwargs"]["checkpoint_during"]) == shown
