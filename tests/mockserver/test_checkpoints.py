from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from mockserver.core.checkpoints import Checkpoint, History, Mark
from mockserver.core.clock import EPOCH
from tests.mockserver.stage import Stage


def checkpoint(name: str, parent: str | None, run: str | None) -> Checkpoint:
    return Checkpoint(
        checkpoint_id=name,
        parent_id=parent,
        run_id=run,
        values={"messages": [name]},
        next=("agent",),
        step=0,
        source="loop",
        written_by="agent",
        created_at=EPOCH,
        metadata={"thread_id": "t"},
        task_ids=(f"task-{name}",),
    )


def two_runs() -> History:
    history = History()
    for name, parent, run in [("1", None, "A"), ("2", "1", "A"), ("3", "2", "B"), ("4", "3", "B")]:
        history.append(checkpoint(name, parent, run))
    history.mark("1", Mark("A", "result", "a1", "agent"))
    history.mark("2", Mark("B", "result", "b2", "agent"))
    history.mark("2", Mark("A", "interrupt", [{"id": "q"}], "agent"))
    return history


def ids(history: History) -> list[str]:
    return [one.checkpoint_id for one in history.newest_first()]


def test_a_run_is_taken_out_with_all_that_it_left_on_others() -> None:
    history = two_runs()
    assert history.is_built_upon("A")
    assert not history.is_built_upon("B")
    history.remove_run("B")
    assert ids(history) == ["2", "1"]
    assert history.last_mark("2", "result", "agent") is None
    assert history.last_mark("1", "result", "agent") == "a1"
    assert history.waiting_interrupts() == {"agent": [{"id": "q"}]}
    history.remove_run("A")
    assert (len(history), history.head, history.waiting_interrupts()) == (0, None, {})


def test_a_checkpoint_has_an_id_of_its_own_and_a_parent_that_exists() -> None:
    history = two_runs()
    with pytest.raises(ValueError, match="exists"):
        history.append(checkpoint("4", "3", "B"))
    with pytest.raises(ValueError, match="does not exist"):
        history.append(checkpoint("5", "unknown", "B"))
    assert history.get("unknown") is None


def test_a_copy_is_independent() -> None:
    history = two_runs()
    copy = history.copied("u")
    copy.append(checkpoint("5", "4", None))
    copy.mark("1", Mark("C", "error", "x"))
    assert ids(history) == ["4", "3", "2", "1"]
    assert history.last_mark("1", "error") is None
    first = copy.get("1")
    assert first == replace(checkpoint("1", None, "A"), metadata={"thread_id": "u"})


async def test_a_run_from_the_newest_checkpoint_branches_as_from_an_older_one(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    state = await stage.state()
    newest = state["checkpoint"]["checkpoint_id"]
    await stage.client.runs.wait(stage.thread, "agent", input=None, checkpoint_id=newest)
    forked = await stage.state()
    assert (forked["metadata"]["source"], forked["values"]) == ("fork", state["values"])
    assert forked["parent_checkpoint"]["checkpoint_id"] == newest
    # Without the name of a checkpoint there is nothing to branch from.
    await stage.client.runs.wait(stage.thread, "agent", input=None)
    assert (await stage.state())["checkpoint"] == forked["checkpoint"]


async def test_the_history_of_a_checkpoint_is_itself_alone(stage: Stage) -> None:
    """Measured on `langgraph dev` 0.16.7, for the graph of the thread and for a child graph."""
    await stage.join(await stage.create("A", "sf"))
    threads: Any = stage.client.threads
    _, named, *_ = await threads.get_history(stage.thread)
    assert await threads.get_history(stage.thread, checkpoint=named["checkpoint"]) == [named]
    unknown = {**named["checkpoint"], "checkpoint_id": str(uuid4())}
    assert await threads.get_history(stage.thread, checkpoint=unknown) == []


async def test_a_batch_has_at_least_one_run(stage: Stage) -> None:
    answer = await stage.http.post("/runs/batch", json=[])
    assert (answer.status_code, answer.json()["detail"][:31]) == (422, "A batch has at least one run, a")
