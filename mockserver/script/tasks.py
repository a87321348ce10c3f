"""The tasks of a superstep.

A node is played by one task, which has the name of the node. Parallel steps may also play the same node, as with
LangGraph's `Send`, and a step may state that its task was sent. Such tasks are called `tools#0`, `tools#1` and so on
inside the mock, and `tools` by clients. So is a task that a command sends an input. The numbers count all such tasks of
a superstep, whatever their nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final

_SENT = "#"
PUSHED: Final = "__pregel_push"
"""The word of LangGraph for tasks that were sent, in their paths and triggers."""


def tasks_of(nodes: Sequence[str], sent: Sequence[bool]) -> tuple[str, ...]:
    """Return the tasks that play these nodes in one superstep. `sent` states for each whether it is always sent."""
    uses, number, tasks = Counter(nodes), 0, []
    for node, always in zip(nodes, sent, strict=True):
        is_sent = always or uses[node] > 1
        tasks.append(sent_task(node, number) if is_sent else node)
        number += is_sent
    return tuple(tasks)


def sent_task(node: str, number: int) -> str:
    """Return the task of a node that was sent to it, by the number of sent tasks before it in the superstep."""
    return f"{node}{_SENT}{number}"


def is_sent(task: str) -> bool:
    """Return whether a task was sent to its node."""
    return _SENT in task


def nodes_pulled(tasks: Iterable[str]) -> tuple[str, ...]:
    """Return the nodes that tasks play without having been sent."""
    return tuple(task for task in tasks if _SENT not in task)


def node_of(task: str) -> str:
    """Return the node that a task plays."""
    return task.partition(_SENT)[0] if _SENT in task else task


def path_of(task: str) -> list[str | int | bool]:
    """Return the path of a task, as LangGraph describes how it was started."""
    node, sent, number = task.partition(_SENT)
    return [PUSHED, int(number), False] if sent else ["__pregel_pull", node]


def triggers_of(task: str) -> list[str]:
    """Return the triggers of a task."""
    return [PUSHED] if _SENT in task else [f"branch:to:{task}"]


def in_order(tasks: Collection[str]) -> list[str]:
    """Return tasks in the order in which LangGraph applies their writes: by their names, and sent ones last."""
    # Nearly every superstep has one task.
    if len(tasks) < 2:
        return list(tasks)

    def position(task: str) -> tuple[bool, int, str]:
        node, sent, number = task.partition(_SENT)
        return bool(sent), int(number or 0), node

    return sorted(tasks, key=position)


def as_started(tasks: Collection[str]) -> list[str]:
    """Return tasks in the order in which LangGraph starts them: sent ones first."""
    if len(tasks) < 2:
        return list(tasks)
    return list(sent_first(in_order(tasks)))


def sent_first(tasks: Sequence[str]) -> tuple[str, ...]:
    """Return tasks with the sent ones first, as LangGraph lists them."""
    if len(tasks) < 2:
        return tuple(tasks)
    return (*(task for task in tasks if _SENT in task), *(task for task in tasks if _SENT not in task))
