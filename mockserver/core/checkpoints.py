"""The checkpoints of one thread: what every step left behind, and which checkpoint it went on from.

A checkpoint is never changed. What became of its tasks (a result, an error, a question to a human) is kept
beside it as *marks*, each with the run that left it, so that a run can be taken out without a trace. So is what
a command wrote to the state before its run went on from there.

A node that runs a child graph has a history of its own for it, under the namespace `NODE:TASK`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from mockserver.core.script_cursor import Cursor

START: Final = "__start__"
END: Final = "__end__"

Values = dict[str, Any]
Source = Literal["input", "loop", "update", "fork"]
MarkKind = Literal["result", "error", "interrupt", "values"]


class Checkpoint(Struct, frozen=True):
    """The state of a thread after a step; `next` names the nodes that are to run now."""

    checkpoint_id: str
    parent_id: str | None
    run_id: str | None
    values: Values
    next: tuple[str, ...]
    step: int
    source: Source
    written_by: str
    """The node whose write this is; `__start__` for an input."""
    created_at: datetime
    metadata: dict[str, Any]
    task_ids: tuple[str, ...]
    """The ids of the tasks that run the next nodes, in their order."""
    cursor: Cursor | None = None
    """Where the script goes on from here; None: as the messages tell."""

    def task_id(self, node: str) -> str:
        """The id of the task that runs `node`, one of the next."""
        return self.task_ids[self.next.index(node)]

    def namespace(self, node: str) -> str:
        """Where the child graph of `node`, one of the next, keeps its checkpoints."""
        return f"{node}:{self.task_id(node)}"


class Mark(Struct, frozen=True):
    """What a run left on a checkpoint: on the task of `node`, or on its state, which has no node."""

    run_id: str
    kind: MarkKind
    value: Any
    node: str = ""


class History:
    """All checkpoints of a thread, oldest first; the newest is the state of the thread.

    `children` are the histories of child graphs by namespace.
    """

    def __init__(self) -> None:
        self.children: dict[str, History] = {}
        self._chain: dict[str, Checkpoint] = {}
        self._marks: dict[str, list[Mark]] = {}

    def __len__(self) -> int:
        return len(self._chain)

    @property
    def head(self) -> Checkpoint | None:
        """The newest checkpoint, None before the first."""
        return next(reversed(self._chain.values()), None)

    def get(self, checkpoint_id: str) -> Checkpoint | None:
        """The checkpoint with this id."""
        return self._chain.get(checkpoint_id)

    def newest_first(self) -> Iterator[Checkpoint]:
        """Every checkpoint, newest first."""
        return reversed(self._chain.values())

    def append(self, checkpoint: Checkpoint) -> None:
        """Add the newest checkpoint. Raises ValueError when its id is taken or its parent is missing."""
        if checkpoint.checkpoint_id in self._chain:
            raise ValueError(f"checkpoint {checkpoint.checkpoint_id} exists")
        if checkpoint.parent_id is not None and checkpoint.parent_id not in self._chain:
            raise ValueError(f"checkpoint {checkpoint.parent_id} does not exist")
        self._chain[checkpoint.checkpoint_id] = checkpoint

    def mark(self, checkpoint_id: str, mark: Mark) -> None:
        """Note what became of the task of a checkpoint."""
        self._marks.setdefault(checkpoint_id, []).append(mark)

    def values(self, checkpoint: Checkpoint) -> Values:
        """The state at a checkpoint, with what a command wrote to it there."""
        commanded: Values | None = self.last_mark(checkpoint.checkpoint_id, "values")
        return checkpoint.values if commanded is None else commanded

    def last_mark(self, checkpoint_id: str, kind: MarkKind, node: str = "") -> Any:
        """The newest mark of a kind on the task of `node` (or on the state) of a checkpoint, None without one."""
        marks = reversed(self._marks.get(checkpoint_id, []))
        return next((mark.value for mark in marks if (mark.kind, mark.node) == (kind, node)), None)

    def waiting_interrupts(self) -> dict[str, dict[str, Any]]:
        """The questions that wait for a human to answer, by the node that asks."""
        head = self.head
        if head is None or head.checkpoint_id not in self._marks:
            return {}
        asked = {node: self.last_mark(head.checkpoint_id, "interrupt", node) for node in head.next}
        return {node: question for node, question in asked.items() if question is not None}

    def pending_writes(self, checkpoint: Checkpoint) -> dict[str, Values]:
        """What nodes of a superstep wrote that has not come to its end, by node."""
        head = self.head
        if head is None or checkpoint.checkpoint_id != head.checkpoint_id or START in checkpoint.next:
            return {}
        kept = {node: self.last_mark(checkpoint.checkpoint_id, "result", node) for node in checkpoint.next}
        return {node: write for node, write in kept.items() if write is not None}

    def child(self, namespace: str) -> History:
        """The history of a child graph; an empty one when it has none yet."""
        return self.children.setdefault(namespace, History())

    def remove_run(self, run_id: str) -> None:
        """Take out every checkpoint and mark of a run, those of child graphs, too."""
        for child in self.children.values():
            child.remove_run(run_id)
        self.children = {namespace: child for namespace, child in self.children.items() if len(child)}
        self._chain = {key: kept for key, kept in self._chain.items() if kept.run_id != run_id}
        self._marks = {
            key: [mark for mark in marks if mark.run_id != run_id]
            for key, marks in self._marks.items()
            if key in self._chain
        }

    def keep_newest(self) -> None:
        """Take out every checkpoint but the newest, with what hangs on them."""
        head = self.head
        if head is not None:
            kept = {head.namespace(node) for node in head.next}
            self._chain = {head.checkpoint_id: replace(head, parent_id=None)}
            self._marks = {key: marks for key, marks in self._marks.items() if key in self._chain}
            self.children = {namespace: child for namespace, child in self.children.items() if namespace in kept}

    def weigh(self) -> list[tuple[Checkpoint, list[Mark]]]:
        """Every checkpoint with what hangs on it, oldest first, and then those of child graphs."""
        own = [(checkpoint, self._marks.get(key, [])) for key, checkpoint in self._chain.items()]
        return own + [one for child in self.children.values() for one in child.weigh()]

    def copied(self, thread_id: str) -> History:
        """The same history for another thread."""
        copy = History()
        copy._chain = {
            key: replace(checkpoint, metadata={**checkpoint.metadata, "thread_id": thread_id})
            for key, checkpoint in self._chain.items()
        }
        copy._marks = {key: list(marks) for key, marks in self._marks.items()}
        copy.children = {namespace: child.copied(thread_id) for namespace, child in self.children.items()}
        return copy

    def is_built_upon(self, run_id: str) -> bool:
        """Whether a checkpoint of another run goes on from one of this run's."""
        own = {key for key, checkpoint in self._chain.items() if checkpoint.run_id == run_id}
        return any(checkpoint.parent_id in own and checkpoint.run_id != run_id for checkpoint in self._chain.values())
