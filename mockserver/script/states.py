"""The states of the graphs of a script: which channels each graph has, with their reducers and initial values.

A child graph has the channels of the graph around it unless its step states others. Where several steps of one node run
child graphs, the state of that node's child graphs is that of all of them, as one namespace may be any of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

from msgspec import UNSET, Struct

from mockserver.script.shapes import Channel, Reducer, as_channels
from mockserver.script.types import Script, Step, every_step


class State(Protocol):
    """The state of a graph: the channel `messages` and others. A script is that of its own graph."""

    @property
    def messages(self) -> bool:
        """Return whether it has the channel `messages`."""

    @property
    def built_in(self) -> bool:
        """Return whether it is that of the built-in graph."""

    @property
    def reducers(self) -> Mapping[str, Reducer]:
        """Return every channel besides messages, with its reducer."""

    @property
    def initial(self) -> Mapping[str, Any]:
        """Return the values of channels before the first write."""

    def every_channel(self) -> dict[str, Channel]:
        """Return every channel besides messages."""


class ChildState(Struct, frozen=True):
    """The state of a child graph."""

    channels: Mapping[str, Channel]
    messages: bool = True
    built_in: ClassVar[bool] = False

    @property
    def reducers(self) -> Mapping[str, Reducer]:
        """Return every channel besides messages, with its reducer."""
        return {name: channel.reducer for name, channel in self.channels.items()}

    @property
    def initial(self) -> Mapping[str, Any]:
        """Return the values of channels before the first write."""
        begins = {name: channel.begins for name, channel in self.channels.items()}
        return {name: value for name, value in begins.items() if value is not UNSET}

    def every_channel(self) -> dict[str, Channel]:
        """Return every channel besides messages."""
        return dict(self.channels)


def begun(child: Step, around: State) -> State:
    """Return the state of one child graph, `child`, in a graph with the state `around`."""
    return around if child.state is None else ChildState(as_channels(child.state), around.messages)


def state_of(script: Script, namespace: str) -> State:
    """Return the state of the graph with a namespace, or with the path of its nodes: `""`, `tools:ID|tools:ID`."""
    path = nodes_of(namespace) if namespace else ""
    if not path:
        return script
    if "_states" not in script.__dict__:
        found: dict[str, dict[str, Channel]] = {}
        for one, channels in _states(script.every_step(), "", script.every_channel()):
            found.setdefault(one, {}).update(channels)
        script.__dict__["_states"] = {one: ChildState(channels, script.messages) for one, channels in found.items()}
    known: dict[str, State] = script.__dict__["_states"]
    # Without a step there, a graph of the probe, or one that the script states but does not play.
    return known.get(path, script)


def nodes_of(namespace: str) -> str:
    """Return the nodes of a namespace, without the ids of tasks and the numbers of further child graphs of a task."""
    return "|".join(part.partition(":")[0] for part in namespace.split("|") if not part.isdigit())


def twice(script: Script) -> Iterator[tuple[str, str]]:
    """Yield the path of nodes and the channel where child graphs give one channel two reducers."""
    found: dict[tuple[str, str], Reducer] = {}
    for path, channels in _states(script.every_step(), "", script.every_channel()):
        for name, channel in channels.items():
            if found.setdefault((path, name), channel.reducer) != channel.reducer:
                yield path, name


def _states(
    steps: Iterable[Step], outer: str, around: Mapping[str, Channel]
) -> Iterator[tuple[str, Mapping[str, Channel]]]:
    for step in steps:
        for child in step.children:
            channels = around if child.state is None else as_channels(child.state)
            yield f"{outer}{step.at}", channels
            yield from _states(every_step(child.subgraph), f"{outer}{step.at}|", channels)
