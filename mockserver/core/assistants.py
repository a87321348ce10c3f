"""Assistants: the graph under other names and settings, with the versions of each.

All assistants share the one graph that the script plays. An assistant adds the configuration that its nodes
receive.
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
from mockserver.core.json_text import as_json
from mockserver.schemas.assistants import AssistantCreate, AssistantPatch
from mockserver.schemas.common import Config, RunRequest

GRAPH: Final = "agent"
"""The graph that every assistant runs."""

BOTH: Final = "Cannot specify both configurable and context."


class AssistantError(Exception):
    """An assistant that cannot be created or changed. `missing`: because something does not exist."""

    def __init__(self, detail: str, *, missing: bool = False) -> None:
        super().__init__(detail)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Version:
    """An assistant after one of its changes."""

    number: int
    created_at: datetime
    name: str = GRAPH
    config: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    description: str | None = None

    @property
    def configurable(self) -> dict[str, Any]:
        """Return what the nodes receive, which the API shows as `configurable` and as `context`."""
        found: dict[str, Any] = self.config.get("configurable", {})
        return found


@dataclass(slots=True, eq=False)
class Assistant:
    """A graph under a name, with one version per change."""

    assistant_id: str
    updated_at: datetime
    current: Version
    versions: dict[int, Version]

    @property
    def graph_id(self) -> str:
        """Return the graph that it runs."""
        return GRAPH

    @property
    def name(self) -> str:
        """Return its current name."""
        return self.current.name

    @property
    def created_at(self) -> datetime:
        """Return the moment of its creation."""
        return self.versions[1].created_at

    def complete(self, request: RunRequest) -> RunRequest:
        """Return a request for a run, completed with the settings of the assistant."""
        if not self.current.config:
            return request
        own = msgspec.convert(self.current.config, Config)
        asked = request.config
        configurable = {**self.current.configurable, **(asked.configurable or request.context)}
        config = structs.replace(
            asked,
            configurable=configurable,
            tags=asked.tags or own.tags,
            metadata={**own.metadata, **asked.metadata},
            **{
                name: getattr(own, name)
                for name in ("recursion_limit", "max_concurrency", "run_name")
                if getattr(asked, name) is UNSET
            },
        )
        # `configurable` and `context` together are refused, so what the assistant adds goes into `configurable` only.
        return structs.replace(request, config=config, context={})


class Assistants:
    """The assistants of a server. From the start there is one that is named after the graph."""

    def __init__(self) -> None:
        self._by_id: dict[str, Assistant] = {}
        self.clear()

    def __iter__(self) -> Iterator[Assistant]:
        return iter(self._by_id.values())

    def clear(self) -> None:
        """Delete all assistants but the first."""
        first = Version(1, EPOCH, metadata={"created_by": "system"})
        self._by_id = {(key := named(f"graph:{GRAPH}")): Assistant(key, EPOCH, first, {1: first})}

    def get(self, assistant_id: str) -> Assistant | None:
        """Return the assistant with this id."""
        return self._by_id.get(assistant_id)

    def find(self, name: str) -> Assistant | None:
        """Return the assistant that a request names: by its id, or by the graph, which means the first one."""
        return next(iter(self), None) if name == GRAPH else self._by_id.get(canonical(name) or "")

    def create(self, assistant_id: str, request: AssistantCreate, moment: datetime) -> Assistant:
        """Create an assistant. Raises `AssistantError`."""
        _check_graph(request.graph_id)
        if request.config.configurable and request.context:
            raise AssistantError(BOTH)
        first = Version(
            1,
            moment,
            name="Untitled" if request.name is UNSET else request.name,
            config=_config(request.config, request.context or request.config.configurable),
            metadata=request.metadata,
            description=request.description,
        )
        self._by_id[assistant_id] = made = Assistant(assistant_id, moment, first, {1: first})
        return made

    def change(self, assistant: Assistant, request: AssistantPatch, moment: datetime) -> None:
        """Add a version and make it the current one. Raises `AssistantError`."""
        if request.graph_id is not UNSET:
            _check_graph(request.graph_id)
        before = assistant.current
        config = before.config
        if request.config is not UNSET:
            config = _config(request.config, request.config.configurable)
        if request.context is not UNSET:
            if request.config is not UNSET and request.config.configurable and request.context:
                raise AssistantError(BOTH)
            config = {**config, "configurable": request.context}
        assistant.current = replace(
            before,
            # Not the current number plus one: `set_latest` may have gone back
            # to an older version, and no version is overwritten.
            number=max(assistant.versions) + 1,
            created_at=moment,
            name=before.name if request.name is UNSET else request.name,
            config=config,
            metadata={**before.metadata, **request.metadata},
            description=before.description if request.description is UNSET else request.description,
        )
        assistant.versions[assistant.current.number] = assistant.current
        assistant.updated_at = moment

    def set_latest(self, assistant: Assistant, number: int, moment: datetime) -> None:
        """Make another version the current one. Raises `AssistantError`."""
        if number not in assistant.versions:
            raise AssistantError(
                f"Version {number} not found for assistant {assistant.assistant_id}. It has versions 1 to "
                f"{max(assistant.versions)}.",
                missing=True,
            )
        assistant.current = assistant.versions[number]
        assistant.updated_at = moment

    def remove(self, assistant: Assistant) -> None:
        """Delete an assistant with its versions."""
        self._by_id.pop(assistant.assistant_id, None)


def _check_graph(graph_id: str) -> None:
    if graph_id != GRAPH:
        raise AssistantError(f"Graph {as_json(graph_id)} not found. Expected one of: {as_json([GRAPH])}.", missing=True)


def _config(config: Config, configurable: dict[str, Any]) -> dict[str, Any]:
    """Return a config as the API shows it: as given, with the nodes' configuration as `configurable`."""
    shown: dict[str, Any] = msgspec.to_builtins(config)
    return {**shown, "configurable": configurable} if configurable else shown
