"""The JSON form of records in the API.

Every function returns a new object, so that interceptors may change a response without changing a record. Statuses,
values and interrupts are read through the policy, which defects replace.
"""

from __future__ import annotations

from typing import Any

import msgspec

from mockserver.agent.graph import apply_write, hides, known_values, nodes, shows_child
from mockserver.core.assistants import Assistant, Version
from mockserver.core.checkpoints import START, Checkpoint, History, MarkKind, Values
from mockserver.core.clock import iso
from mockserver.core.crons import Cron
from mockserver.core.policy import policy_of
from mockserver.core.records import Run, Thread
from mockserver.core.store import Item
from mockserver.script.states import State, state_of
from mockserver.script.tasks import node_of, path_of

Shown = dict[str, Any]
_encode = msgspec.json.Encoder().encode


def assistant(record: Assistant) -> Shown:
    """Return an assistant."""
    return {
        "assistant_id": record.assistant_id,
        "graph_id": record.graph_id,
        **_settings(record.current),
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
    }


def assistant_version(record: Assistant, version: Version) -> Shown:
    """Return one version of an assistant."""
    return {
        "assistant_id": record.assistant_id,
        "graph_id": version.graph_id,
        **_settings(version),
        "created_at": iso(version.created_at),
    }


def _settings(version: Version) -> Shown:
    return {
        "version": version.number,
        "name": version.name,
        "description": version.description,
        "config": version.config,
        "context": version.configurable,
        "metadata": version.metadata,
    }


def thread(record: Thread) -> Shown:
    """Return a thread. `error` and `interrupts` are present once a run or an update of its state has ended."""
    shown: Shown = {
        "thread_id": record.thread_id,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
        "state_updated_at": iso(record.state_updated_at),
        "metadata": record.metadata,
        "status": policy_of(record).thread_status(record),
        "config": record.config,
        "values": policy_of(record).thread_values(record),
    }
    if record.rested:
        shown["error"] = record.failure or record.interruption
        shown["interrupts"] = policy_of(record).thread_interrupts(record)
    return shown


def ttl(record: Thread) -> Shown:
    """Return the time to live of a thread, or an empty object if it has none."""
    left = record.ttl
    if left is None:
        return {}
    return {"ttl": {"strategy": left.strategy, "ttl_minutes": left.minutes, "expires_at": iso(left.expires_at)}}


def storage(record: Thread) -> Shown:
    """Return the size of a thread's checkpoints in bytes: records, channel values and pending writes."""
    # A set, because a database stores a channel value once for all checkpoints that share it.
    channels: dict[str, set[bytes]] = {}
    records: list[int] = []
    writes: list[int] = []
    for checkpoint, marks in record.visible.with_marks():
        records.append(len(_encode([checkpoint.checkpoint_id, checkpoint.next, checkpoint.metadata])))
        writes += [len(_encode(mark.value)) for mark in marks]
        for name, value in checkpoint.values.items():
            channels.setdefault(name, set()).add(_encode(value))
    by_channel = {name: {"versions": len(kept), "bytes": sum(map(len, kept))} for name, kept in channels.items()}
    sizes = [size for kept in channels.values() for size in map(len, kept)]
    return {
        "thread_id": record.thread_id,
        "total_bytes": sum((*records, *writes, *sizes)),
        "checkpoints": {"count": len(records), "bytes": sum(records)},
        "channel_values": {"count": len(sizes), "bytes": sum(sizes), "by_channel": by_channel},
        "pending_writes": {"count": len(writes), "bytes": sum(writes)},
    }


def run(record: Run) -> Shown:
    """Return a run."""
    created = iso(record.created_at)
    return {
        "run_id": record.run_id,
        "thread_id": record.thread.thread_id,
        "assistant_id": record.assistant.assistant_id,
        "metadata": record.metadata,
        "status": policy_of(record.thread).run_status(record),
        "kwargs": record.kwargs,
        "multitask_strategy": record.strategy,
        "created_at": created,
        # Most runs are shown once, when they are created, and a moment takes a microsecond to format.
        "updated_at": created if record.updated_at is record.created_at else iso(record.updated_at),
        "langsmith_session_name": None,
    }


def cron(record: Cron) -> Shown:
    """Return a cron."""
    # The runs of a cron have its id in their config, and the payload shows the config that they will have.
    configurable = {**(record.payload.get("config") or {}).get("configurable", {}), "cron_id": record.cron_id}
    config = {**(record.payload.get("config") or {}), "configurable": configurable}
    return {
        "cron_id": record.cron_id,
        "assistant_id": record.assistant.assistant_id,
        "thread_id": None if record.thread is None else record.thread.thread_id,
        # The mock has no authentication and so no users.
        "user_id": "",
        "end_time": None if record.end_time is None else iso(record.end_time),
        "schedule": record.schedule,
        "timezone": record.timezone,
        "payload": {**record.payload, "assistant_id": record.assistant.assistant_id, "config": config},
        "next_run_date": None if record.next_run is None else iso(record.next_run),
        "metadata": record.metadata,
        "on_run_completed": record.on_run_completed,
        "enabled": record.enabled,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
    }


def item(record: Item) -> Shown:
    """Return an item of the store."""
    return {
        "namespace": record.namespace,
        "key": record.key,
        "value": record.value,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
    }


def notice(record: Run, status: str) -> Shown:
    """Return the body of a webhook call: the ended run with its times and its final values."""
    shown = run(record) | {
        "status": status,
        "run_started_at": None if record.started_at is None else iso(record.started_at),
        "run_ended_at": iso(record.updated_at),
        # The body is created once, at the end of the run, and repeated attempts send it unchanged.
        "webhook_sent_at": iso(record.updated_at),
        "values": None if record.fate == "erase" else record.output,
    }
    if record.error or record.interruption:
        shown["error"] = record.error or record.interruption
    return shown


def newest_state(record: Thread, *, namespace: str = "", subgraphs: bool = False) -> Shown:
    """Return the current state of a thread or child graph, including the writes of an unfinished superstep."""
    history = record.visible.find(namespace)
    shown = state(record, history.head, namespace=namespace, subgraphs=subgraphs)
    if history.head is not None and (pending := history.pending_writes(history.head)):
        for write in pending.values():
            shown["values"] = apply_write(shown["values"], write, _state(record, namespace))
        # A finished node has its answers. In the history its task keeps the question.
        planned = _planned(record, history.head, namespace)
        for name, task in zip(planned, shown["tasks"], strict=True):
            task["interrupts"] = [] if name in pending else task["interrupts"]
        shown["interrupts"] = [interrupt for task in shown["tasks"] for interrupt in task["interrupts"]]
        # A node whose write is pending has finished and does not run again when the superstep is resumed.
        shown["next"] = [node_of(task) for task in planned if task not in pending]
    return shown


def state(record: Thread, checkpoint: Checkpoint | None, *, namespace: str = "", subgraphs: bool = False) -> Shown:
    """Return the state of a thread at a checkpoint, or the state before the first one if it is None.

    `namespace` names the child graph that has written the checkpoint. `subgraphs` includes the states of child graphs.
    """
    history = record.visible.find(namespace)
    # The official server answers 200 with these values for a thread without runs, and not 404.
    if checkpoint is None:
        return {
            "values": {},
            "next": [],
            "tasks": [],
            "metadata": None,
            "created_at": None,
            "checkpoint": None,
            "parent_checkpoint": None,
            "interrupts": [],
            "checkpoint_id": None,
            "parent_checkpoint_id": None,
        }
    planned = _planned(record, checkpoint, namespace)
    tasks = [_task(record, history, checkpoint, node, namespace, subgraphs=subgraphs) for node in planned]
    parent = checkpoint.parent_id
    return {
        "values": _values(record, history, checkpoint, namespace),
        "next": tuple(node_of(task) for task in planned),
        "tasks": tasks,
        "metadata": checkpoint.metadata,
        "created_at": iso(checkpoint.created_at),
        "checkpoint": _reference(record, checkpoint, checkpoint.checkpoint_id, namespace),
        "parent_checkpoint": None if parent is None else _reference(record, checkpoint, parent, namespace),
        "interrupts": [interrupt for task in tasks for interrupt in task["interrupts"]],
        "checkpoint_id": checkpoint.checkpoint_id,
        "parent_checkpoint_id": checkpoint.parent_id,
    }


def _state(record: Thread, namespace: str) -> State:
    """Return the state of the graph that LangGraph reads the checkpoints of a namespace with.

    Where it does not find the child graph, it takes the thread's own graph, and shows its channels and nodes only.
    """
    return record.script if hides(record.script, namespace) else state_of(record.script, namespace)


def _values(record: Thread, history: History, checkpoint: Checkpoint, namespace: str) -> Values:
    values = history.values(checkpoint)
    return known_values(record.script, values) if hides(record.script, namespace) else values


def _planned(record: Thread, checkpoint: Checkpoint, namespace: str) -> tuple[str, ...]:
    if not hides(record.script, namespace):
        return checkpoint.next
    known = (START, *nodes(record.script))
    return tuple(task for task in checkpoint.next if node_of(task) in known)


def updated_state(record: Thread, checkpoint: Checkpoint, namespace: str = "") -> Shown:
    """Return the response to an update of the state, in a child graph with its namespace."""
    # The reference appears twice, because older clients read `configurable`.
    reference = _reference(record, checkpoint, checkpoint.checkpoint_id, namespace)
    return {"checkpoint": reference, "configurable": reference, "checkpoint_id": checkpoint.checkpoint_id}


def _reference(record: Thread, checkpoint: Checkpoint, checkpoint_id: str, namespace: str) -> Shown:
    """Return the reference to a checkpoint or its parent, in a child graph with the checkpoints of its parents."""
    shown: Shown = {"checkpoint_id": checkpoint_id, "thread_id": record.thread_id, "checkpoint_ns": namespace}
    if namespace:
        shown["checkpoint_map"] = {**checkpoint.metadata["parents"], namespace: checkpoint_id}
    return shown


def _task(record: Thread, history: History, checkpoint: Checkpoint, node: str, outer: str, *, subgraphs: bool) -> Shown:
    def mark(kind: MarkKind) -> Any:
        return history.last_mark(checkpoint.checkpoint_id, kind, node)

    # A node that runs a child graph has a reference to it also before it begins, as in LangGraph.
    shown = shows_child(record.script, history, checkpoint, node, outer)
    child = checkpoint.namespace(node, outer) if shown else None
    return {
        "id": checkpoint.task_id(node),
        "name": node_of(node),
        "path": path_of(node),
        "error": mark("error"),
        "interrupts": mark("interrupt") or [],
        # A task of a child graph has either a reference to its state or, on request, the state itself.
        "checkpoint": {"thread_id": record.thread_id, "checkpoint_ns": child} if child and not subgraphs else None,
        "state": newest_state(record, namespace=child, subgraphs=True) if child and subgraphs else None,
        "result": mark("result"),
    }
