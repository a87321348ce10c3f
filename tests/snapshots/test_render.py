"""A change of one field in a state is one change in its snapshot, in the reader's terms."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from conformance.report.load import read_thread_state
from conformance.snapshots import RULES, ThreadState, render
from conformance.snapshots.noise import is_noise
from tests.snapshots.recordings import FOLDER, newest

Json = Any
Edit = Callable[[Json], object]
STATE = read_thread_state(FOLDER / newest("doubletext-mockserver") / "interrupt.json")
TOLD = render(STATE)


def diff(edit: Edit) -> list[str]:
    """Return the lines that an edit of the recorded state removes and adds."""
    raw = msgspec.json.decode(msgspec.json.encode(STATE))
    edit(raw)
    lines = difflib.unified_diff(
        TOLD.splitlines(), render(msgspec.convert(raw, ThreadState)).splitlines(), lineterm="", n=0
    )
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def head(raw: Json) -> Json:
    return raw["history"][0]


CASES: dict[str, tuple[Edit, list[str]]] = {
    "the first run's status": (
        lambda raw: raw["runs"][1].update(status="success"),
        ["-  run 1: interrupted, created with enqueue", "+  run 1: success, created with enqueue"],
    ),
    "the thread's status": (
        lambda raw: raw["thread"].update(status="busy"),
        ["-the thread is idle", "+the thread is busy"],
    ),
    "the run that wrote a checkpoint": (
        lambda raw: head(raw)["metadata"].update(run_id=raw["runs"][1]["run_id"]),
        [
            "-  checkpoint 8 of run 2: loop, step 6, on checkpoint 7, next: nothing",
            "+  checkpoint 8 of run 1: loop, step 6, on checkpoint 7, next: nothing",
        ],
    ),
    "a checkpoint's parent": (
        lambda raw: head(raw)["parent_checkpoint"].update(checkpoint_id="elsewhere"),
        [
            "-  checkpoint 8 of run 2: loop, step 6, on checkpoint 7, next: nothing",
            "+  checkpoint 8 of run 2: loop, step 6, on an unknown checkpoint, next: nothing",
        ],
    ),
    "a run that nobody knows": (
        lambda raw: head(raw)["metadata"].update(run_id="somebody's"),
        [
            "-  checkpoint 8 of run 2: loop, step 6, on checkpoint 7, next: nothing",
            "+  checkpoint 8 of an unknown run: loop, step 6, on checkpoint 7, next: nothing",
        ],
    ),
    "what comes next": (
        lambda raw: raw["state"].update(next=["tools"]),
        ["-  next: nothing", "+  next: tools"],
    ),
    "the order of two checkpoints": (
        lambda raw: head(raw).update(created_at="2001-01-01T00:00:00+00:00"),
        ["+  checkpoint 8 has an earlier time than the one before it"],
    ),
    "a message that is gone from a checkpoint": (
        lambda raw: raw["history"][1]["values"]["messages"].pop(),
        [
            "-    conversation: message 1, message 2, message 3, message 4, message 5",
            "+    conversation: message 1, message 2, message 3, message 4",
        ],
    ),
}


@pytest.mark.parametrize("what", list(CASES))
def test_one_change_is_told_in_one_place(what: str) -> None:
    edit, expected = CASES[what]
    assert diff(edit) == expected


def test_a_message_that_is_other_in_the_state_alone_is_told_there() -> None:
    assert diff(lambda raw: raw["state"]["values"]["messages"][0].update(content="what about la?")) == [
        "+  its values differ from those of the state",
        "+  conversation: message 1, message 2, message 3, message 4, message 5, message 6",
        '+  steps: ["A/agent:1", "B/agent:1", "B/tools:1", "B/agent:2"]',
        "+    here message 1, human: what about la?",
    ]


def leaves(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every scalar in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path
    else:
        for key, item in items:
            yield from leaves(item, (*path, key))


@pytest.mark.patient
def test_every_field_is_in_the_snapshot_or_named_as_noise() -> None:
    raw = msgspec.to_builtins(STATE)
    silent, loud = [], []
    for path in leaves({key: raw[key] for key in ("thread", "state", "history", "runs")}):

        def edit(raw: Json, path: tuple[Any, ...] = path) -> None:
            for key in path[:-1]:
                raw = raw[key]
            raw[path[-1]] = "changed" if raw[path[-1]] != "changed" else "again"

        pattern = ".".join("*" if isinstance(part, int) else str(part) for part in path)
        changed = diff(edit)
        if not changed and not is_noise(pattern):
            silent.append(pattern)
        if len(changed) > MOST_LINES:
            loud.append((pattern, len(changed)))
    assert sorted(set(silent)) == []
    assert loud == []


MOST_LINES = 14
"""Return the lines that one changed field may change: its own, and those that list the values around it."""


def test_other_ids_and_times_give_the_same_snapshot() -> None:
    raw = msgspec.json.encode(STATE).decode()
    for found in {STATE.thread["thread_id"], *(run["run_id"] for run in STATE.runs)}:
        raw = raw.replace(found, found[::-1])
    raw = raw.replace("2025-01-01T", "2031-07-01T")
    assert render(msgspec.json.decode(raw, type=ThreadState)) == render(STATE)


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_a_noise_rule_can_be_switched_off(rule: str) -> None:
    assert len(render(STATE, keep=[rule]).splitlines()) >= len(render(STATE).splitlines())
    if rule in ("times", "bookkeeping", "suite", "task-ids"):
        assert render(STATE, keep=[rule]) != render(STATE)


def test_a_rule_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no noise rule has the name noise; use one of times, bookkeeping"):
        render(STATE, keep=["noise"])


@pytest.mark.parametrize("junk", [{}, {"messages": 3}, {"messages": [3, None]}, [], "text", None])
def test_whatever_a_server_answers_can_be_told(junk: Json) -> None:
    entry = {"values": junk, "next": junk, "tasks": junk, "metadata": junk, "checkpoint": junk, "interrupts": junk}
    text = render(ThreadState(thread=entry, state=entry, history=[entry, {}], runs=[{"status": junk}, {}]))
    assert text.startswith("doubletext thread state, version 1\n")
