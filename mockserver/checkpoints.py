"""The checkpoints of one thread: what every step left behind, and which checkpoint it went on from.

A checkpoint is never changed. What became of its tasks (a result, an error, a question to a human) is kept
beside it as *marks*, each with the run that left it, so that a run can be taken out without a trace. So is what
a command wrote to the state before its run went on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

START: Final = "__start__"
END: Final = "__end__"

Values = dict[str, Any]
Source = Literal["input", "loop", "update", "fork"]
MarkKind = Literal["result", "error", "interrupt", "values"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
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
    task_id: str
    """The id of the task that runs the next node."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a run left on the task of a checkpoint."""

    run_id: str
    kind: MarkKind
    value: Any


class History:
    """All checkpoints of a thread, oldest first; the newest is the state of the thread."""

    def __init__(self) -> None:
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

    def last_mark(self, checkpoint_id: str, kind: MarkKind) -> Any:
        """The newest mark of a kind on a checkpoint's task, None without one."""
        marks = reversed(self._marks.get(checkpoint_id, []))
        return next((mark.value for mark in marks if mark.kind == kind), None)

    def waiting_interrupt(self) -> dict[str, Any] | None:
        """The question that the thread waits for a human to answer, None without one."""
        head = self.head
        return None if head is None else self.last_mark(head.checkpoint_id, "interrupt")

    def remove_run(self, run_id: str) -> None:
        """Take out every checkpoint and mark of a run."""
        self._chain = {key: kept for key, kept in self._chain.items() if kept.run_id != run_id}
        self._marks = {
            key: [mark for mark in marks if mark.run_id != run_id]
            for key, marks in self._marks.items()
            if key in self._chain
        }

    def copied(self, thread_id: str) -> History:
        """The same history for another thread."""
        copy = History()
        copy._chain = {
            key: replace(checkpoint, metadata={**checkpoint.metadata, "thread_id": thread_id})
            for key, checkpoint in self._chain.items()
        }
        copy._marks = {key: list(marks) for key, marks in self._marks.items()}
        return copy

    def is_built_upon(self, run_id: str) -> bool:
        """Whether a checkpoint of another run goes on from one of this run's."""
        own = {key for key, checkpoint in self._chain.items() if checkpoint.run_id == run_id}
        return any(checkpoint.parent_id in own and checkpoint.run_id != run_id for checkpoint in self._chain.values())
