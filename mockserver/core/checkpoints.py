"""The checkpoints of one thread: the state after every step, each linked to the checkpoint it continued from.

Theory of operation. A checkpoint is immutable. What happens to its tasks later (a result, an error, an
interrupt) is kept beside it as *marks*, as LangGraph keeps pending writes. Each mark names the run that left
it. Rollback can therefore remove a run's checkpoints and marks, and leaves those of other runs untouched, with
their ids. The values that a command writes before its run continues are a mark on the checkpoint as well.

The history is a list in the order of writing, and its newest checkpoint is the state of the thread. Time travel
adds a checkpoint whose parent is older. It removes nothing.

A node that runs a child graph has its own history under the namespace `NODE:TASK`. A child graph of that one has its
history there, under both names: `NODE:TASK|NODE:TASK`. Further child graphs of the same task have theirs in that of the
first one, under their numbers: `NODE:TASK|1`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import UNSET, Struct
from msgspec.structs import replace

from mockserver.core.script_cursor import Cursor
from mockserver.script.shapes import END as END
from mockserver.script.shapes import START as START
from mockserver.script.tasks import node_of, sent_first

INPUT: Final = "__input__"
"""The node in whose role an update stores an input that the graph has not taken yet."""
COPY: Final = "__copy__"
"""The node in whose role an update copies a checkpoint, so that a run can branch from there."""

Values = dict[str, Any]
Source = Literal["input", "loop", "update", "fork"]
MarkKind = Literal["result", "error", "interrupt", "resume", "values", "goto", "input"]
"""`goto` holds the tasks that a command has added, `interrupt` the questions of a task that are open, `resume` the
answers to those before them, and `input` what an update has stored as an input.
"""


class Checkpoint(Struct, frozen=True):
    """The state of a thread after a step. `next` are the tasks that run next, in the names of `script.tasks`."""

    checkpoint_id: str
    parent_id: str | None
    run_id: str | None
    values: Values
    next: tuple[str, ...]
    step: int
    source: Source
    written_by: str
    """The node whose write this is, `__start__` for an input."""
    created_at: datetime
    metadata: dict[str, Any]
    task_ids: tuple[str, ...]
    """The ids of the tasks that run the next nodes, in the order of `next`."""
    cursor: Cursor | None = None
    """The position in the script from here on. None: it follows from the messages."""
    played: tuple[str, ...] = ()
    """The nodes of the last superstep that ran before it. Updates by a client do not run, and are not among them."""

    def task_id(self, node: str) -> str:
        """Return the id of the task that runs `node`, which is one of `next`."""
        return self.task_ids[self.next.index(node)]

    def namespace(self, node: str, outer: str = "") -> str:
        """Return the namespace of the child graph of `node`, which is one of `next`.

        `outer` is the namespace of the graph that the checkpoint belongs to.
        """
        own = f"{node_of(node)}:{self.task_id(node)}"
        return f"{outer}|{own}" if outer else own


def of_task(namespace: str) -> str:
    """Return the namespace of the task that runs the child graph with a namespace, which may end with a number."""
    task, _, last = namespace.rpartition("|")
    return task if last.isdigit() else namespace


class Mark(Struct, frozen=True):
    """A trace of a run on a checkpoint: on the task of `node`, or without a node on the state."""

    run_id: str
    kind: MarkKind
    value: Any
    node: str = ""


class Extra(Struct, frozen=True):
    """A task that the `goto` of a command adds to the superstep after a checkpoint. It is in no checkpoint's `next`."""

    key: str
    """The name of the task, as in `script.tasks`."""
    task_id: str
    input: Any = UNSET
    """The input that the node is sent in place of the state."""

    @property
    def node(self) -> str:
        """Return the node that the task plays."""
        return node_of(self.key)

    @property
    def is_sent(self) -> bool:
        """Return whether the node has an input of its own."""
        return self.input is not UNSET


class History:
    """All checkpoints of a thread, oldest first. The newest is the state of the thread.

    `children` are the histories of child graphs by the last parts of their namespaces.
    """

    def __init__(self) -> None:
        self.children: dict[str, History] = {}
        self._chain: dict[str, Checkpoint] = {}
        self._marks: dict[str, list[Mark]] = {}

    def __len__(self) -> int:
        return len(self._chain)

    @property
    def head(self) -> Checkpoint | None:
        """Return the newest checkpoint, None before the first."""
        return next(reversed(self._chain.values()), None)

    def get(self, checkpoint_id: str) -> Checkpoint | None:
        """Return the checkpoint with this id."""
        return self._chain.get(checkpoint_id)

    def newest_first(self) -> Iterator[Checkpoint]:
        """Yield every checkpoint, newest first."""
        return reversed(self._chain.values())

    def append(self, checkpoint: Checkpoint) -> None:
        """Append a checkpoint. Raises ValueError if its id exists or its parent does not."""
        if checkpoint.checkpoint_id in self._chain:
            raise ValueError(f"checkpoint {checkpoint.checkpoint_id} already exists")
        if checkpoint.parent_id is not None and checkpoint.parent_id not in self._chain:
            raise ValueError(f"parent checkpoint {checkpoint.parent_id} does not exist")
        self._chain[checkpoint.checkpoint_id] = checkpoint

    def mark(self, checkpoint_id: str, mark: Mark) -> None:
        """Record the outcome of a task of a checkpoint."""
        self._marks.setdefault(checkpoint_id, []).append(mark)

    def values(self, checkpoint: Checkpoint) -> Values:
        """Return the state at a checkpoint, including the values that a command wrote to it."""
        commanded: Values | None = self.last_mark(checkpoint.checkpoint_id, "values")
        return checkpoint.values if commanded is None else commanded

    def last_mark(self, checkpoint_id: str, kind: MarkKind, node: str = "") -> Any:
        """Return the newest mark of a kind on the task of `node`, or on the state, None without one."""
        marks = reversed(self._marks.get(checkpoint_id, []))
        return next((mark.value for mark in marks if (mark.kind, mark.node) == (kind, node)), None)

    def failed_step(self, run_id: str) -> str | None:
        """Return the step in which a run failed, as `NODE:VISIT`, None if no step of it did."""
        for checkpoint in self.newest_first():
            for mark in self._marks.get(checkpoint.checkpoint_id, ()):
                if (mark.kind, mark.run_id) == ("error", run_id):
                    visit = 1 if checkpoint.cursor is None else checkpoint.cursor.visit(mark.node)
                    return f"{node_of(mark.node)}:{visit}"
        return None

    def extras(self, checkpoint: Checkpoint | None) -> list[Extra]:
        """Return the tasks that commands have added to the superstep after a checkpoint, in their order."""
        marks = [] if checkpoint is None else self._marks.get(checkpoint.checkpoint_id, [])
        return [extra for mark in marks if mark.kind == "goto" for extra in mark.value]

    def with_extras(self, checkpoint: Checkpoint) -> Checkpoint:
        """Return a checkpoint with the tasks that commands have added among those that are next."""
        extras = self.extras(checkpoint)
        if not extras:
            return checkpoint
        ids = dict(zip(checkpoint.next, checkpoint.task_ids, strict=True))
        ids |= {extra.key: extra.task_id for extra in extras}
        tasks = sent_first(tuple(ids))
        return replace(checkpoint, next=tasks, task_ids=tuple(ids[task] for task in tasks))

    def waiting_interrupts(self) -> dict[str, list[dict[str, Any]]]:
        """Return the interrupts that are pending, by task."""
        head = self.head
        if head is None or head.checkpoint_id not in self._marks:
            return {}
        # Only on the newest checkpoint: new input on a waiting thread adds
        # a checkpoint, and the interrupt behind it is no longer pending.
        planned = self.with_extras(head)
        asked = {task: self.last_mark(head.checkpoint_id, "interrupt", task) for task in planned.next}
        # A node beside it may still wait when a node has its answer and is finished.
        done = self.pending_writes(planned)
        return {task: questions for task, questions in asked.items() if questions and task not in done}

    def pending_writes(self, checkpoint: Checkpoint) -> dict[str, Values]:
        """Return the writes of finished tasks in a superstep that has not ended, by task.

        Those of tasks that a command added are among them for a checkpoint `with_extras`.
        """
        head = self.head
        # A write belongs to the state once its superstep is over. At `__start__`
        # the mark is the raw input, which the next checkpoint already contains.
        if head is None or checkpoint.checkpoint_id != head.checkpoint_id or START in checkpoint.next:
            return {}
        kept = {node: self.last_mark(checkpoint.checkpoint_id, "result", node) for node in checkpoint.next}
        return {node: write for node, write in kept.items() if write is not None}

    def child(self, name: str) -> History:
        """Return the history of a child graph by the last part of its namespace, and create it on first use."""
        return self.children.setdefault(name, History())

    def find(self, namespace: str) -> History:
        """Return the history of the child graph with a namespace, this one for "", empty for an unknown graph."""
        if not namespace:
            return self
        name, _, rest = namespace.partition("|")
        return self.children.get(name, History()).find(rest)

    def remove_run(self, run_id: str) -> None:
        """Remove every checkpoint and mark of a run, including those of child graphs."""
        for child in self.children.values():
            child.remove_run(run_id)
        # Another run may have continued in the same child graph, so only an empty history disappears with the run.
        self.children = {namespace: child for namespace, child in self.children.items() if len(child)}
        self._chain = {key: kept for key, kept in self._chain.items() if kept.run_id != run_id}
        self._marks = {
            key: [mark for mark in marks if mark.run_id != run_id]
            for key, marks in self._marks.items()
            if key in self._chain
        }

    def keep_newest_of(self, run_id: str) -> None:
        """Remove every checkpoint of a run but its newest, with their marks and child graphs."""
        own = [checkpoint for checkpoint in self._chain.values() if checkpoint.run_id == run_id]
        removed = {checkpoint.checkpoint_id for checkpoint in own[:-1]}
        if not removed:
            return
        # Before the marks are removed, which hold the tasks that commands added.
        gone = {namespace for checkpoint in own[:-1] for namespace in self._namespaces(checkpoint)}
        self._chain = {key: kept for key, kept in self._chain.items() if key not in removed}
        # In its place in the chain, after the checkpoint that the run continued from.
        self._chain[own[-1].checkpoint_id] = replace(own[-1], parent_id=own[0].parent_id)
        self._marks = {key: marks for key, marks in self._marks.items() if key in self._chain}
        self.children = {namespace: child for namespace, child in self.children.items() if namespace not in gone}
        for child in self.children.values():
            child.keep_newest_of(run_id)

    def keep_newest(self) -> None:
        """Remove every checkpoint but the newest, with their marks and child graphs."""
        head = self.head
        if head is not None:
            kept = self._namespaces(head)
            # Its parent is removed, and `parent_id` must not name a checkpoint that does not exist.
            self._chain = {head.checkpoint_id: replace(head, parent_id=None)}
            self._marks = {key: marks for key, marks in self._marks.items() if key in self._chain}
            self.children = {namespace: child for namespace, child in self.children.items() if namespace in kept}

    def _namespaces(self, checkpoint: Checkpoint) -> set[str]:
        """Return the namespaces of the child graphs that the tasks after a checkpoint may have."""
        planned = self.with_extras(checkpoint)
        return {planned.namespace(task) for task in planned.next}

    def with_marks(self) -> list[tuple[Checkpoint, list[Mark]]]:
        """Return every checkpoint with its marks, oldest first, followed by those of child graphs."""
        own = [(checkpoint, self._marks.get(key, [])) for key, checkpoint in self._chain.items()]
        return own + [one for child in self.children.values() for one in child.with_marks()]

    def copied(self, thread_id: str) -> History:
        """Return the same history for another thread."""
        copy = History()
        copy._chain = {
            key: replace(checkpoint, metadata={**checkpoint.metadata, "thread_id": thread_id})
            for key, checkpoint in self._chain.items()
        }
        copy._marks = {key: list(marks) for key, marks in self._marks.items()}
        copy.children = {namespace: child.copied(thread_id) for namespace, child in self.children.items()}
        return copy

    def is_built_upon(self, run_id: str) -> bool:
        """Return whether a checkpoint of another run continues from one of this run's."""
        own = {key for key, checkpoint in self._chain.items() if checkpoint.run_id == run_id}
        return any(checkpoint.parent_id in own and checkpoint.run_id != run_id for checkpoint in self._chain.values())
