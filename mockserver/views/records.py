"""Records as the JSON that the API shows of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import msgspec

from mockserver.agent.graph import CHILD, CHILD_NODES, apply_write, nodes
from mockserver.core.assistants import GRAPH, Assistant, Version
from mockserver.core.checkpoints import END, START, Checkpoint, History, MarkKind
from mockserver.core.clock import iso
from mockserver.core.crons import Cron
from mockserver.core.policy import policy_of
from mockserver.core.records import Run, Thread
from mockserver.core.store import Item
from mockserver.script.types import AGENT, Script

Shown = dict[str, Any]
_encode = msgspec.json.Encoder().encode


def assistant(record: Assistant) -> Shown:
    """An assistant."""
    return {
        "assistant_id": record.assistant_id,
        "graph_id": record.graph_id,
        **_settings(record.current),
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
    }


def assistant_version(record: Assistant, version: Version) -> Shown:
    """One version of an assistant."""
    return {
        "assistant_id": record.assistant_id,
        "graph_id": record.graph_id,
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


def graph(script: Script, *, xray: bool) -> Shown:
    """The graph of the assistant, drawn: every other node lies behind the agent.

    With `xray` a child graph is drawn in place of its node.
    """
    children = _children(script) if xray else {}
    inside = {name: [f"{name}:{inner}" for inner in within] for name, within in children.items()}
    drawn = {name: inside.get(name, [name]) for name in nodes(script)}
    names = [START, *(name for parts in drawn.values() for name in parts)]
    workers = sorted(name for name in drawn if name != AGENT)
    return {
        "nodes": [*({"id": name, "type": "runnable", "data": {"name": name}} for name in names), {"id": END}],
        "edges": [
            {"source": START, "target": AGENT},
            {"source": AGENT, "target": END, "conditional": True},
            *({"source": AGENT, "target": drawn[name][0], "conditional": True} for name in workers),
            *({"source": drawn[name][-1], "target": AGENT} for name in workers),
            *({"source": one, "target": two} for parts in drawn.values() for one, two in pairwise(parts)),
        ],
    }


def _children(script: Script) -> dict[str, tuple[str, ...]]:
    return {CHILD: CHILD_NODES, **script.subgraphs}


_STEPS: Final = {"type": "array", "items": {"type": "string"}, "title": "Steps"}


def subgraphs(script: Script) -> Shown:
    """The child graphs of the assistant, described by the nodes that run them."""
    properties = {"call": {"type": "object"}, "visit": {"type": "integer", "title": "Visit"}, "steps": _STEPS}
    states = {name: _state(script, f"{name}_state") for name in script.subgraphs}
    states[CHILD] = {"type": "object", "title": f"{CHILD}_state", "properties": properties}
    return {
        name: {
            **{f"{kind}_schema": state for kind in ("input", "output", "state")},
            "config_schema": {},
            "context_schema": None,
        }
        for name, state in states.items()
    }


def _state(script: Script, title: str) -> Shown:
    kinds = {"append": {"type": "array"}, "merge": {"type": "object"}, "replace": {}}
    properties = {
        "messages": {"type": "array", "items": {"type": "object"}, "title": "Messages"},
        "steps": _STEPS,
        **{name: {**kinds[reducer], "title": name.title()} for name, reducer in script.reducers.items()},
    }
    return {"type": "object", "title": title, "properties": properties}


def graph_schemas(script: Script) -> Shown:
    """What the graph of an assistant takes and gives, as JSON Schemas."""
    state = _state(script, "State")
    return {
        "graph_id": GRAPH,
        "input_schema": state,
        "output_schema": state,
        "state_schema": state,
        "config_schema": {},
        "context_schema": None,
    }


def thread(record: Thread) -> Shown:
    """A thread. `error` and `interrupts` are there once its state has come to rest for the first time."""
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
    """When a thread may be swept, if a client wished it."""
    left = record.ttl
    if left is None:
        return {}
    return {"ttl": {"strategy": left.strategy, "ttl_minutes": left.minutes, "expires_at": iso(left.expires_at)}}


def storage(record: Thread) -> Shown:
    """How many bytes the checkpoints of a thread take up: records, channels (each version once), pending writes."""
    channels: dict[str, set[bytes]] = {}
    records: list[int] = []
    writes: list[int] = []
    for checkpoint, marks in record.history.with_marks():
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
    """A run."""
    return {
        "run_id": record.run_id,
        "thread_id": record.thread.thread_id,
        "assistant_id": record.assistant.assistant_id,
        "metadata": record.metadata,
        "status": policy_of(record.thread).run_status(record),
        "kwargs": record.kwargs,
        "multitask_strategy": record.strategy,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
        "langsmith_session_name": None,
    }


def cron(record: Cron) -> Shown:
    """A cron."""
    configurable = {**(record.payload.get("config") or {}).get("configurable", {}), "cron_id": record.cron_id}
    config = {**(record.payload.get("config") or {}), "configurable": configurable}
    return {
        "cron_id": record.cron_id,
        "assistant_id": record.assistant.assistant_id,
        "thread_id": None if record.thread is None else record.thread.thread_id,
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
    """An item of the store."""
    return {
        "namespace": record.namespace,
        "key": record.key,
        "value": record.value,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
    }


def notice(record: Run, status: str) -> Shown:
    """What a webhook tells of a run that is over: the run, what it left, and when it was."""
    shown = run(record) | {
        "status": status,
        "run_started_at": None if record.started_at is None else iso(record.started_at),
        "run_ended_at": iso(record.updated_at),
        "webhook_sent_at": iso(record.updated_at),
        "values": None if record.fate == "erase" else record.output,
    }
    if record.error or record.interruption:
        shown["error"] = record.error or record.interruption
    return shown


def newest_state(record: Thread, *, namespace: str = "", subgraphs: bool = False) -> Shown:
    """The state of a thread (or of a child graph) as it is: with what an unfinished superstep has written so far."""
    history = record.history.children.get(namespace, History()) if namespace else record.history
    shown = state(record, history.head, namespace=namespace, subgraphs=subgraphs)
    if history.head is not None and (pending := history.pending_writes(history.head)):
        for write in pending.values():
            shown["values"] = apply_write(shown["values"], write, record.script.reducers)
        shown["next"] = [node for node in history.head.next if node not in pending]
    return shown


def state(record: Thread, checkpoint: Checkpoint | None, *, namespace: str = "", subgraphs: bool = False) -> Shown:
    """The state of a thread at a checkpoint; an empty one before the first.

    `namespace`: of the child graph whose checkpoint it is. `subgraphs`: with the states of child graphs inside.
    """
    history = record.history.children.get(namespace, History()) if namespace else record.history
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
    tasks = [_task(record, history, checkpoint, node, subgraphs=subgraphs) for node in checkpoint.next]
    parent = checkpoint.parent_id
    return {
        "values": history.values(checkpoint),
        "next": checkpoint.next,
        "tasks": tasks,
        "metadata": checkpoint.metadata,
        "created_at": iso(checkpoint.created_at),
        "checkpoint": _reference(record, checkpoint, checkpoint.checkpoint_id, namespace),
        "parent_checkpoint": None if parent is None else _reference(record, checkpoint, parent, namespace),
        "interrupts": [interrupt for task in tasks for interrupt in task["interrupts"]],
        "checkpoint_id": checkpoint.checkpoint_id,
        "parent_checkpoint_id": checkpoint.parent_id,
    }


def updated_state(record: Thread, checkpoint: Checkpoint) -> Shown:
    """The answer to an update of the state by hand."""
    reference = {
        "thread_id": record.thread_id,
        "checkpoint_ns": "",
        "checkpoint_id": checkpoint.checkpoint_id,
    }
    return {"checkpoint": reference, "configurable": reference, "checkpoint_id": checkpoint.checkpoint_id}


def _reference(record: Thread, checkpoint: Checkpoint, checkpoint_id: str, namespace: str) -> Shown:
    """What names a checkpoint, or its parent; in a child graph with the checkpoint of the graph around it."""
    shown: Shown = {"checkpoint_id": checkpoint_id, "thread_id": record.thread_id, "checkpoint_ns": namespace}
    if namespace:
        shown["checkpoint_map"] = {**checkpoint.metadata["parents"], namespace: checkpoint_id}
    return shown


def _task(record: Thread, history: History, checkpoint: Checkpoint, node: str, *, subgraphs: bool) -> Shown:
    def mark(kind: MarkKind) -> Any:
        return history.last_mark(checkpoint.checkpoint_id, kind, node)

    interrupt, namespace = mark("interrupt"), checkpoint.namespace(node)
    child = namespace if namespace in history.children else None
    return {
        "id": checkpoint.task_id(node),
        "name": node,
        "path": ["__pregel_pull", node],
        "error": mark("error"),
        "interrupts": [] if interrupt is None else [interrupt],
        "checkpoint": {"thread_id": record.thread_id, "checkpoint_ns": child} if child and not subgraphs else None,
        "state": newest_state(record, namespace=child) if child and subgraphs else None,
        "result": mark("result"),
    }
