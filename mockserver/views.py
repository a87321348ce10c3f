"""Records as the JSON that the API shows of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from mockserver.agent import ENTRY, NODES
from mockserver.checkpoints import END, START, Checkpoint, History
from mockserver.clock import iso, milliseconds
from mockserver.records import Assistant, Run, Thread
from mockserver.schemas import RunRequest

Shown = dict[str, Any]


def assistant(record: Assistant) -> Shown:
    """An assistant."""
    return {
        "assistant_id": record.assistant_id,
        "graph_id": record.graph_id,
        "config": {},
        "context": {},
        "metadata": {"created_by": "system"},
        "name": record.name,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.created_at),
        "version": 1,
        "description": None,
    }


def graph() -> Shown:
    """The graph of the assistant, drawn."""
    ends = [{"id": END}]
    return {
        "nodes": [{"id": name, "type": "runnable", "data": {"name": name}} for name in (START, *NODES)] + ends,
        "edges": [
            {"source": START, "target": ENTRY},
            {"source": "agent", "target": END, "conditional": True},
            {"source": "agent", "target": "tools", "conditional": True},
            {"source": "tools", "target": "agent"},
        ],
    }


def graph_schemas(record: Assistant) -> Shown:
    """What the graph of an assistant takes and gives, as JSON Schemas."""
    properties = {
        "messages": {"type": "array", "items": {"type": "object"}, "title": "Messages"},
        "steps": {"type": "array", "items": {"type": "string"}, "title": "Steps"},
    }
    state: Shown = {"type": "object", "title": "State", "properties": properties}
    return {
        "graph_id": record.graph_id,
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
        "status": record.rules.thread_status(record),
        "config": {"configurable": {}} if record.was_run else {},
        "values": record.rules.thread_values(record),
    }
    if record.rested:
        shown |= {"error": record.failure, "interrupts": record.rules.thread_interrupts(record)}
    return shown


def run(record: Run) -> Shown:
    """A run."""
    return {
        "run_id": record.run_id,
        "thread_id": record.thread.thread_id,
        "assistant_id": record.assistant.assistant_id,
        "metadata": record.metadata,
        "status": record.thread.rules.run_status(record),
        "kwargs": record.kwargs,
        "multitask_strategy": record.strategy,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
        "langsmith_session_name": None,
    }


def stored_kwargs(
    request: RunRequest,
    metadata: Shown,
    run_id: str,
    thread_id: str,
    request_id: str,
    moment: datetime,
    *,
    temporary: bool,
) -> Shown:
    """What a run keeps of the request that created it; `input` stays as the client spelled it."""
    told = request.config.configurable or request.context
    configurable = {
        **told,
        "langgraph_auth_user": None,
        "langgraph_auth_user_id": "",
        "langgraph_auth_permissions": [],
        "langgraph_request_id": request_id,
        "__request_start_time_ms__": milliseconds(moment),
        "__after_seconds__": request.after_seconds,
        "run_id": run_id,
        "thread_id": thread_id,
        "graph_id": metadata["graph_id"],
        "assistant_id": metadata["assistant_id"],
        "user_id": "",
    }
    config: Shown = {"configurable": configurable, "metadata": dict(metadata)}
    if request.config.tags:
        config["tags"] = request.config.tags
    for name in ("recursion_limit", "max_concurrency", "run_name"):
        if (value := getattr(request.config, name)) is not UNSET:
            config[name] = value
    return {
        "input": request.input,
        "command": None if request.command is None else msgspec.to_builtins(request.command),
        "config": config,
        "context": dict(told),
        "stream_mode": list(request.modes),
        "interrupt_before": request.interrupt_before,
        "interrupt_after": request.interrupt_after,
        "webhook": None,
        "feedback_keys": None,
        "temporary": temporary,
        "subgraphs": request.stream_subgraphs,
        "resumable": request.stream_resumable,
        "checkpoint_during": request.durability != "exit",
        "durability": request.durability,
    }


def state(record: Thread, checkpoint: Checkpoint | None) -> Shown:
    """The state of a thread at a checkpoint; an empty one before the first."""
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
    tasks = [_task(record.history, checkpoint, node) for node in checkpoint.next]
    return {
        "values": record.history.values(checkpoint),
        "next": checkpoint.next,
        "tasks": tasks,
        "metadata": checkpoint.metadata,
        "created_at": iso(checkpoint.created_at),
        "checkpoint": _reference(record, checkpoint.checkpoint_id),
        "parent_checkpoint": None if checkpoint.parent_id is None else _reference(record, checkpoint.parent_id),
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


def _reference(record: Thread, checkpoint_id: str) -> Shown:
    return {"checkpoint_id": checkpoint_id, "thread_id": record.thread_id, "checkpoint_ns": ""}


def _task(history: History, checkpoint: Checkpoint, node: str) -> Shown:
    interrupt = history.last_mark(checkpoint.checkpoint_id, "interrupt")
    return {
        "id": checkpoint.task_id,
        "name": node,
        "path": ["__pregel_pull", node],
        "error": history.last_mark(checkpoint.checkpoint_id, "error"),
        "interrupts": [] if interrupt is None else [interrupt],
        "checkpoint": None,
        "state": None,
        "result": history.last_mark(checkpoint.checkpoint_id, "result"),
    }
