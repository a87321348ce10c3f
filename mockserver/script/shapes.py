"""The shape of a graph: its channels, nodes, edges, child graphs and schemas, as a script states them.

A script need not state any of it. What is missing follows from its steps, see `drawn`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

import msgspec
from msgspec import UNSET, Meta

from mockserver.arguments import Explained
from mockserver.script.suggestions import MEANT, explained

START: Final = "__start__"
END: Final = "__end__"
UUID: Final = "[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}"
# Not `Meta(pattern=...)`, whose error would state the regular expression.
GRAPH_NAME: Final = r"^(?!UUID$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$(?!\n)".replace("UUID", UUID)
"""The names that a graph can have. A UUID is always the id of an assistant, so no request would find such a graph."""

Reducer = Literal["replace", "append", "merge"]
ProtocolChannel = Literal["tools", "updates", "tasks", "checkpoints"]
OPTIONAL: Final = frozenset(get_args(ProtocolChannel))
"""The channels of the newer protocol that a graph need not have. On `langgraph dev` 0.16.7 it has none of itself."""
# `(?!\n)`: `$` alone also matches before a trailing newline.
Name = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$(?!\n)")]
JsonSchema = dict[str, Any]


class Part(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, metaclass=Explained
):
    """A part of a script. A combination that makes no sense raises ValueError on creation."""

    meant: ClassVar[Mapping[str, str]] = MEANT
    """The words of other tools for the fields."""

    def check_values(self) -> None:
        """Raise ValueError for a value that the field cannot have. Called on creation in Python."""
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        problem = None
        try:
            msgspec.convert(given, type(self))
        except msgspec.ValidationError as error:
            problem = f"{type(self).__name__}: {explained(str(error), type(self), MEANT)}"
        if problem is not None:
            # Outside the handler, which would print both errors.
            raise ValueError(problem)


class Channel(Part, frozen=True):
    """A channel of the state besides `messages`."""

    reducer: Annotated[Reducer, Meta(description="how a write changes it")] = "replace"
    initial: Annotated[
        Any, Meta(description="its value before the first write. Default: `[]` to append, `{}` to merge, else none")
    ] = UNSET
    schema: Annotated[JsonSchema, Meta(description="the JSON Schema of its value")] = {}

    def __post_init__(self) -> None:
        kind = {"append": list, "merge": dict}.get(self.reducer)
        if kind is not None and self.initial is not UNSET and not isinstance(self.initial, kind):
            wanted = "a list" if kind is list else "an object"
            raise ValueError(f"a channel with the reducer `{self.reducer}` begins with {wanted}. Change its `initial`")

    @property
    def begins(self) -> Any:
        """Return its value before the first write, UNSET if it has none."""
        if self.initial is not UNSET:
            return self.initial
        empty: dict[str, Any] = {"append": [], "merge": {}}
        return empty.get(self.reducer, UNSET)


def as_channels(stated: Mapping[str, Reducer | Channel]) -> dict[str, Channel]:
    """Return channels of which some are stated by their reducers alone."""
    return {name: one if isinstance(one, Channel) else Channel(reducer=one) for name, one in stated.items()}


class Edge(Part, frozen=True):
    """An edge of a graph."""

    source: Annotated[str, Meta(description="a node, or `__start__`")]
    target: Annotated[str, Meta(description="a node, or `__end__`")]
    conditional: Annotated[bool, Meta(description="drawn as one of several ways")] = False


class Schemas(Part, frozen=True, dict=True):
    """The JSON Schemas of a graph."""

    input: Annotated[
        JsonSchema | None, Meta(description="of the input. Other channels of an input are ignored. Default: `state`")
    ] = None
    output: Annotated[
        JsonSchema | None, Meta(description="of the output, which shows no other channels. Default: `state`")
    ] = None
    state: Annotated[JsonSchema | None, Meta(description="of the state. Default: from the channels")] = None
    config: Annotated[JsonSchema | None, Meta(description="of `config.configurable`. Default: `context`")] = None
    context: Annotated[JsonSchema | None, Meta(description="of the context")] = None

    # These are cached because every write needs them, and a script never changes.
    @cached_property
    def inputs(self) -> frozenset[str] | None:
        """Return the channels that an input may write to, None for all."""
        return _properties(self.input)

    @cached_property
    def outputs(self) -> frozenset[str] | None:
        """Return the channels that the output shows, None for all."""
        return _properties(self.output)


class Graph(Part, frozen=True):
    """The shape of a graph that the API shows. Everything that is missing follows from the steps of the script."""

    nodes: Annotated[list[Name], Meta(description="every node, in order. Default: the nodes of the steps")] = []
    edges: Annotated[list[Edge], Meta(description="every edge. Default: the ways that the steps take")] = []
    schemas: Schemas = Schemas()
    children: Annotated[dict[Name, Graph], Meta(description="the child graphs, by the nodes that run them")] = {}

    def __post_init__(self) -> None:
        if not self.nodes:
            return
        for edge in self.edges:
            for name in (edge.source, edge.target):
                if name not in (*self.nodes, START, END):
                    raise ValueError(f"an edge names the node `{name}`, which is not in `nodes`. Correct one of them")
        for name in self.children:
            if name not in self.nodes:
                raise ValueError(f"the node `{name}` of a child graph is not in `nodes`. Correct one of them")


def _properties(schema: JsonSchema | None) -> frozenset[str] | None:
    # A schema that lists no properties, such as a reference, restricts nothing.
    found = None if schema is None else schema.get("properties")
    return frozenset(found) if isinstance(found, dict) else None


def check_graph_name(name: str) -> None:
    """Raise ValueError for a text that cannot be the name of a graph."""
    if not re.search(GRAPH_NAME, name):
        raise ValueError(
            f"`{name}` cannot be the name of a graph. Use up to 64 letters, digits, `_`, `.` and `-`, and no UUID"
        )
