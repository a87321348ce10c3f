"""Assistants: graphs under other names and settings, with the versions of each.

Every graph has a default assistant, which is found by the name of the graph. An assistant adds the configuration that
the nodes of its graph receive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, field, structs

from mockserver.core.clock import EPOCH
from mockserver.core.ids import canonical, named
from mockserver.core.json_text import as_json
from mockserver.schemas.assistants import AssistantCreate, AssistantPatch
from mockserver.schemas.common import Config, RunRequest

SYSTEM: Final = {"created_by": "system"}
"""The metadata of the default assistants."""
BOTH: Final = "Cannot specify both configurable and context."


class AssistantError(Exception):
    """An assistant that cannot be created or changed. `missing`: because something does not exist."""

    def __init__(self, detail: str, *, missing: bool = False) -> None:
        super().__init__(detail)
        self.missing = missing


class Version(Struct, frozen=True):
    """An assistant after one of its changes."""

    number: int
    created_at: datetime
    graph_id: str
    name: str
    config: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    description: str | None = None

    @property
    def configurable(self) -> dict[str, Any]:
        """Return what the nodes receive, which the API shows as `configurable` and as `context`."""
        found: dict[str, Any] = self.config.get("configurable", {})
        return found


class Assistant(Struct, eq=False):
    """A graph under a name, with one version per change."""

    assistant_id: str
    updated_at: datetime
    current: Version
    versions: dict[int, Version]

    @property
    def graph_id(self) -> str:
        """Return the graph that it runs."""
        return self.current.graph_id

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
    """The assistants of a server. From the start there is one for each graph, with its name."""

    def __init__(self, graphs: Collection[str]) -> None:
        self._by_id: dict[str, Assistant] = {}
        self._graphs: dict[str, str] = {}
        """The graphs, each with the id of its default assistant."""
        self.clear(graphs)

    def __iter__(self) -> Iterator[Assistant]:
        return iter(self._by_id.values())

    def clear(self, graphs: Collection[str]) -> None:
        """Delete all assistants but the default ones of some graphs."""
        self._by_id.clear()
        self._graphs = {}
        self.set_graphs(graphs)

    def set_graphs(self, graphs: Collection[str]) -> None:
        """Add the default assistants of new graphs, and delete those of graphs that are gone."""
        for name, key in self._graphs.items():
            if name not in graphs:
                self._by_id.pop(key, None)
        for name in graphs:
            # Not for a graph that was there before: a client may have deleted its default assistant.
            if name not in self._graphs:
                first = Version(1, EPOCH, name, name, metadata=SYSTEM)
                key = _default_id(name)
                self._by_id[key] = Assistant(key, EPOCH, first, {1: first})
        self._graphs = {name: _default_id(name) for name in graphs}

    def get(self, assistant_id: str) -> Assistant | None:
        """Return the assistant with this id."""
        return self._by_id.get(assistant_id)

    def find(self, name: str) -> Assistant | None:
        """Return the assistant that a request names: by its id, or by its graph, which means the first of them."""
        key = self._graphs.get(name)
        if key is None:
            return self._by_id.get(canonical(name) or "")
        return self._by_id.get(key) or next((one for one in self if one.graph_id == name), None)

    def check_graph(self, graph_id: str) -> None:
        """Raise `AssistantError` for a graph that does not exist."""
        if graph_id not in self._graphs:
            known = as_json(list(self._graphs))
            raise AssistantError(f"Graph {as_json(graph_id)} not found. Expected one of: {known}.", missing=True)

    def create(self, assistant_id: str, request: AssistantCreate, moment: datetime) -> Assistant:
        """Create an assistant. Raises `AssistantError`."""
        self.check_graph(request.graph_id)
        if request.config.configurable and request.context:
            raise AssistantError(BOTH)
        first = Version(
            1,
            moment,
            graph_id=request.graph_id,
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
            self.check_graph(request.graph_id)
        before = assistant.current
        config = before.config
        if request.config is not UNSET:
            config = _config(request.config, request.config.configurable)
        if request.context is not UNSET:
            if request.config is not UNSET and request.config.configurable and request.context:
                raise AssistantError(BOTH)
            config = {**config, "configurable": request.context}
        assistant.current = structs.replace(
            before,
            # Not the current number plus one: `set_latest` may have gone back
            # to an older version, and no version is overwritten.
            number=max(assistant.versions) + 1,
            created_at=moment,
            graph_id=before.graph_id if request.graph_id is UNSET else request.graph_id,
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


def _default_id(graph: str) -> str:
    """Return the id of the default assistant of a graph, the same on every server."""
    return named(f"graph:{graph}")


def _config(config: Config, configurable: dict[str, Any]) -> dict[str, Any]:
    """Return a config as the API shows it: as given, with the nodes' configuration as `configurable`."""
    shown: dict[str, Any] = msgspec.to_builtins(config)
    return {**shown, "configurable": configurable} if configurable else shown
