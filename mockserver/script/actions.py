"""The parts of steps: the output of a node, tool calls, their results, and exceptions."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from mockserver.script.shapes import Name, Part

Seconds = Annotated[float, Meta(ge=0, le=86400)]
RESERVED_ROOT: Final = "langgraph"
"""The first part of the namespaces of the store that are reserved."""
_FILLED: Final = re.compile("{[^{}]*}")


class Call(Part, frozen=True):
    """A tool call of the model."""

    tool: Annotated[str, Meta(min_length=1, description="name of the tool")]
    args: Annotated[dict[str, Any], Meta(description="its arguments")] = {}
    id: Annotated[str, Meta(description="id of the call. Default: a generated one")] | None = None


class Result(Part, frozen=True):
    """A tool's result."""

    content: Annotated[str | list[Any], Meta(description="text, or content blocks")] = ""
    status: Literal["success", "error"] = "success"
    artifact: Any = None


class Failure(Part, frozen=True):
    """An exception that a node raises."""

    message: str = ""
    type: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)", description="class of the exception")] = (
        "RuntimeError"
    )


class StoreWrite(Part, frozen=True):
    """An item that a node puts into the store, or deletes from it."""

    namespace: Annotated[
        list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1, description="its parts, such as [users, ada]")
    ]
    key: str
    value: Annotated[dict[str, Any] | None, Meta(description="the fields of the item. `null` deletes it")]
    ttl: Annotated[float, Meta(gt=0, le=1e9, description="minutes after which the item expires")] | None = None

    def __post_init__(self) -> None:
        # What fills the braces is known only when the step is played.
        plain = [_FILLED.sub("", part) for part in self.namespace]
        if any("." in part for part in plain):
            raise ValueError("a part of a `namespace` has no dots. Make it several parts, such as [users, ada]")
        if plain[0] == RESERVED_ROOT:
            raise ValueError(f"a `namespace` cannot begin with `{RESERVED_ROOT}`, which is reserved. Choose another")
        if self.value is None and self.ttl is not None:
            raise ValueError("an item that is deleted has no `ttl`. Remove it, or give the item a `value`")


class Output(Part, frozen=True):
    """The output of a node while it works. Clients receive it at once, and it is not in the state."""

    say: Annotated[str | list[Any], Meta(description="the model's text, or its content blocks")] | None = None
    tokens: (
        Annotated[list[str], Meta(description="the pieces in which `say` is streamed. Default: its words")] | None
    ) = None
    call: Annotated[Call | list[Call], Meta(description="tool calls of the model, with or without `say`")] | None = None
    custom: Annotated[list[Any], Meta(description="events for the stream mode `custom`")] = []
    store: Annotated[
        list[StoreWrite], Meta(description="items that it puts into the store, or deletes, after it has spoken")
    ] = []
    takes: Annotated[Seconds, Meta(description="seconds of scripted time. `say` is spread over them")] = 0.0
    hold: Annotated[Name, Meta(description="wait here until a test releases this point")] | None = None

    def __post_init__(self) -> None:
        if not self.given:
            raise ValueError("the step does nothing. Give it `say`, `call`, `custom` or another action")
        if self.tokens is not None and "".join(self.tokens) != self.say:
            raise ValueError("the `tokens` must join to the text of `say`. Correct one of them")

    @property
    def given(self) -> set[str]:
        """Return the keys that it has."""
        return {name for name in self.__struct_fields__ if getattr(self, name) not in (None, [], {}, 0.0, False)}

    @property
    def calls(self) -> list[Call]:
        """Return the tool calls that it makes."""
        if self.call is None:
            return []
        return [self.call] if isinstance(self.call, Call) else self.call

    @property
    def speaks(self) -> bool:
        """Return whether it has a message of the model."""
        return self.say is not None or self.call is not None
