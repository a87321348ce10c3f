"""Assistants: the graph under names and with settings of its own, and the versions that each had.

All assistants share the one graph that the script plays; what they add is what its nodes are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, structs

from mockserver.core.clock import EPOCH
from mockserver.core.ids import canonical, named
from mockserver.schemas.assistants import AssistantCreate, AssistantPatch
from mockserver.schemas.common import Config, RunRequest

GRAPH: Final = "agent"
"""The graph that every assistant runs."""

BOTH: Final = "Cannot specify both configurable and context."


class AssistantError(Exception):
    """An assistant that cannot be made or changed as asked; `missing`: because something is not there."""

    def __init__(self, detail: str, *, missing: bool = False) -> None:
        super().__init__(detail)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Version:
    """An assistant as it is after one of its changes."""

    number: int
    created_at: datetime
    name: str = GRAPH
    config: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    description: str | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What the nodes are told, which the API shows as `configurable` and as `context`."""
        found: dict[str, Any] = self.config.get("configurable", {})
        return found


@dataclass(slots=True, eq=False)
class Assistant:
    """A graph under a name, in as many versions as it had changes."""

    assistant_id: str
    updated_at: datetime
    current: Version
    versions: dict[int, Version]

    @property
    def graph_id(self) -> str:
        """The graph that it runs."""
        return GRAPH

    @property
    def name(self) -> str:
        """Its name now."""
        return self.current.name

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        return self.versions[1].created_at

    def instructed(self, order: RunRequest) -> RunRequest:
        """The run that is asked for, with the settings of the assistant wherever it brings none of its own."""
        if not self.current.config:
            return order
        own = msgspec.convert(self.current.config, Config)
        asked = order.config
        told = {**self.current.told, **(asked.configurable or order.context)}
        config = structs.replace(
            asked,
            configurable=told,
            tags=asked.tags or own.tags,
            metadata={**own.metadata, **asked.metadata},
            **{
                name: getattr(own, name)
                for name in ("recursion_limit", "max_concurrency", "run_name")
                if getattr(asked, name) is UNSET
            },
        )
        return structs.replace(order, config=config, context={})


class Assistants:
    """The assistants of a server; from the beginning there is one that is named like its graph."""

    def __init__(self) -> None:
        self._by_id: dict[str, Assistant] = {}
        self.clear()

    def __iter__(self) -> Iterator[Assistant]:
        return iter(self._by_id.values())

    def clear(self) -> None:
        """Forget all but the first."""
        first = Version(1, EPOCH, metadata={"created_by": "system"})
        self._by_id = {(key := named(f"graph:{GRAPH}")): Assistant(key, EPOCH, first, {1: first})}

    def get(self, assistant_id: str) -> Assistant | None:
        """The assistant with this id."""
        return self._by_id.get(assistant_id)

    def find(self, name: str) -> Assistant | None:
        """The assistant that a request names: by its id, or by the graph, which means the first that runs it."""
        return next(iter(self), None) if name == GRAPH else self._by_id.get(canonical(name) or "")

    def create(self, assistant_id: str, order: AssistantCreate, moment: datetime) -> Assistant:
        """Make an assistant. Raises `AssistantError`."""
        _check_graph(order.graph_id)
        if order.config.configurable and order.context:
            raise AssistantError(BOTH)
        first = Version(
            1,
            moment,
            name="Untitled" if order.name is None else order.name,
            config=_config(order.config, order.context or order.config.configurable),
            metadata=order.metadata,
            description=order.description,
        )
        self._by_id[assistant_id] = made = Assistant(assistant_id, moment, first, {1: first})
        return made

    def change(self, assistant: Assistant, order: AssistantPatch, moment: datetime) -> None:
        """Add a version, and let it be the one that runs. Raises `AssistantError`."""
        if order.graph_id is not UNSET:
            _check_graph(order.graph_id)
        before = assistant.current
        config = before.config
        if order.config is not UNSET:
            config = _config(order.config, order.config.configurable)
        if order.context is not UNSET:
            if order.config is not UNSET and order.config.configurable and order.context:
                raise AssistantError(BOTH)
            config = {**config, "configurable": order.context}
        assistant.current = replace(
            before,
            number=max(assistant.versions) + 1,
            created_at=moment,
            name=before.name if order.name is UNSET else order.name,
            config=config,
            metadata={**before.metadata, **order.metadata},
            description=before.description if order.description is UNSET else order.description,
        )
        assistant.versions[assistant.current.number] = assistant.current
        assistant.updated_at = moment

    def set_latest(self, assistant: Assistant, number: int, moment: datetime) -> None:
        """Let another of its versions be the one that runs. Raises `AssistantError`."""
        if number not in assistant.versions:
            raise AssistantError(
                f"Version {number} not found for assistant {assistant.assistant_id}; it has 1 to "
                f"{max(assistant.versions)}",
                missing=True,
            )
        assistant.current = assistant.versions[number]
        assistant.updated_at = moment

    def remove(self, assistant: Assistant) -> None:
        """Forget an assistant with its versions."""
        self._by_id.pop(assistant.assistant_id, None)


def _check_graph(graph_id: str) -> None:
    if graph_id != GRAPH:
        raise AssistantError(f"Graph {graph_id!r} not found. Expected one of: [{GRAPH!r}]", missing=True)


def _config(config: Config, told: dict[str, Any]) -> dict[str, Any]:
    """A config as the API shows it: what was given, with what the nodes are told as `configurable`."""
    shown: dict[str, Any] = msgspec.to_builtins(config)
    return {**shown, "configurable": told} if told else shown
