"""The part of a request that its run keeps. The API shows it as the run's `kwargs` and `metadata`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from mockserver.core.assistants import Assistant
from mockserver.core.clock import milliseconds
from mockserver.core.records import Thread
from mockserver.schemas.common import RunRequest


def run_metadata(request: RunRequest, assistant: Assistant, thread: Thread) -> dict[str, Any]:
    """Return the metadata of a run. The source closest to the run takes precedence."""
    return {
        **assistant.current.metadata,
        **thread.metadata,
        **request.config.metadata,
        **request.metadata,
        "graph_id": assistant.graph_id,
        "assistant_id": assistant.assistant_id,
    }


def stored_kwargs(
    request: RunRequest,
    metadata: dict[str, Any],
    run_id: str,
    thread_id: str,
    request_id: str,
    moment: datetime,
    *,
    temporary: bool,
) -> dict[str, Any]:
    """Return the `kwargs` of a run. `input` keeps the form in which the client sent it."""
    # A request has at most one of them, and the official server shows it as both.
    given = request.config.configurable or request.context
    configurable = {
        **given,
        # The keys that the official server adds to every run. Clients and graphs read some of them.
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
        # The mock has no authentication and so no users of its own: it keeps the one that the client names.
        "user_id": given.get("user_id") or "",
    }
    if request.requested_checkpoint is not None:
        configurable |= {"checkpoint_id": request.requested_checkpoint, "checkpoint_ns": ""}
    config: dict[str, Any] = {"configurable": configurable, "metadata": dict(metadata)}
    if request.config.tags:
        config["tags"] = request.config.tags
    for name in ("recursion_limit", "max_concurrency", "run_name"):
        if (value := getattr(request.config, name)) is not UNSET:
            config[name] = value
    return {
        "input": request.input,
        "command": None if request.command is None else msgspec.to_builtins(request.command),
        "config": config,
        "context": dict(given),
        "stream_mode": list(request.modes),
        "interrupt_before": None if request.interrupt_before is UNSET else request.interrupt_before,
        "interrupt_after": None if request.interrupt_after is UNSET else request.interrupt_after,
        "webhook": request.webhook or None,
        "feedback_keys": None if request.feedback_keys is UNSET else request.feedback_keys,
        "temporary": temporary,
        "subgraphs": request.stream_subgraphs,
        "resumable": request.stream_resumable,
        # As the client sent it: `durability` does not change it.
        "checkpoint_during": request.checkpoint_during is not False,
        "durability": request.storing,
    }
