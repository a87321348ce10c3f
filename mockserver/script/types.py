"""A script: what the scripted agent does about which messages, as typed data.

A script is a list of *turns*. When input reaches the agent, the first turn whose `when` fits the last message is
played, step by step; a step is one superstep of the graph. `docs/how-to/write-a-script.md` is for its users, and the
texts here that describe a field are what editors show of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta

from mockserver.script import patterns

AGENT: Final = "agent"
TOOLS: Final = "tools"
RESERVED: Final = ("messages", "steps")
"""Channels that every script has, and that steps do not write to by hand."""

Seconds = Annotated[float, Meta(ge=0, le=86400)]
Reducer = Literal["replace", "append", "merge"]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$(?!\n)")]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A part of a script. What does not go together raises ValueError as soon as it is made."""


class When(Part, frozen=True):
    """Which last message a turn is for; all that is given must hold. Texts are compared without regard to case."""

    text: Annotated[str, Meta(description="the whole message, white space around it aside")] | None = None
    contains: Annotated[str, Meta(description="a part of the message")] | None = None
    matches: (
        Annotated[str, Meta(description="a regular expression found in it; its named groups are {names} in texts")]
        | None
    ) = None
    tool_result: (
        Annotated[str, Meta(description="the message is the result of this tool, `*` for any; else it is a human's")]
        | None
    ) = None
    turn: (
        Annotated[int, Meta(ge=1, description="it is the human's first, second, ... message on the thread")] | None
    ) = None
    assistant: Annotated[str, Meta(description="name, id or graph of the assistant that is asked")] | None = None
    metadata: Annotated[dict[str, Any], Meta(description="what the thread's metadata must have")] = {}

    def __post_init__(self) -> None:
        if self.matches is not None:
            patterns.check(self.matches)


class Call(Part, frozen=True):
    """A tool call of the model."""

    tool: Annotated[str, Meta(min_length=1, description="name of the tool")]
    args: Annotated[dict[str, Any], Meta(description="its arguments")] = {}
    id: Annotated[str, Meta(description="id of the call; one is made where it is left out")] | None = None


class Result(Part, frozen=True):
    """A tool's answer to a call."""

    content: Annotated[str | list[Any], Meta(description="text, or content blocks")] = ""
    status: Literal["success", "error"] = "success"
    artifact: Any = None


class Failure(Part, frozen=True):
    """An exception that a node raises."""

    message: str = ""
    type: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)", description="class of the exception")] = (
        "RuntimeError"
    )


class Case(Part, frozen=True):
    """What follows when an interrupt was resumed with a value; without a condition, with any value."""

    equals: Any = UNSET
    matches: Annotated[str, Meta(description="a regular expression found in the value's text")] | None = None
    steps: list[Step] = []

    def __post_init__(self) -> None:
        if self.matches is not None:
            patterns.check(self.matches)


class Interrupt(Part, frozen=True):
    """A question to a human: `interrupt(value)`. The rest of the step is played once it was resumed."""

    value: Any
    cases: Annotated[list[Case], Meta(description="the first that fits the answer is played after this step")] = []


class Step(Part, frozen=True):
    """One superstep: a node does its work, and what it wrote becomes a checkpoint."""

    say: Annotated[str | list[Any], Meta(description="text of the model, or its content blocks")] | None = None
    tokens: (
        Annotated[list[str], Meta(description="the pieces in which `say` is streamed; default: its words")] | None
    ) = None
    call: Annotated[Call | list[Call], Meta(description="tool calls of the model, with or without `say`")] | None = None
    result: (
        Annotated[str | Result | list[str | Result], Meta(description="answers to the last tool calls, in their order")]
        | None
    ) = None
    messages: Annotated[list[dict[str, Any]], Meta(description="messages of any kind, as a client writes them")] = []
    channels: Annotated[dict[Name, Any], Meta(description="what is written to other channels of the state")] = {}
    custom: Annotated[list[Any], Meta(description="events for the stream mode `custom`")] = []
    interrupt: Annotated[Interrupt, Meta(description="ask a human before anything is done")] | None = None
    error: Annotated[str | Failure, Meta(description="fail, after all else was done; nothing is written")] | None = None
    takes: Annotated[Seconds, Meta(description="seconds of scripted time; `say` is spread over them")] = 0.0
    hold: Annotated[Name, Meta(description="stop here until a test releases this point")] | None = None
    subgraph: Annotated[list[Step], Meta(description="the steps of a child graph that the node runs")] = []
    parallel: Annotated[list[Step], Meta(description="steps of several nodes, played in the same superstep")] = []
    node: Annotated[Name, Meta(description="the node that does it (`tools` for results, else `agent`)")] | None = None
    repeat: Annotated[int, Meta(ge=1)] | Literal["forever"] | None = None
    steps: Annotated[list[Step], Meta(description="what `repeat` repeats; the recursion limit ends it")] = []

    def __post_init__(self) -> None:
        given = {name for name in self.__struct_fields__ if getattr(self, name) not in (None, [], {}, 0.0)}
        if not given:
            raise ValueError("the step does nothing: give it `say`, `call`, `result`, or another thing to do")
        if ("repeat" in given) != ("steps" in given):
            raise ValueError("`repeat` and `steps` go together: how often, and what")
        if "repeat" in given and len(given) > 2:
            raise ValueError(f"a step that repeats others does nothing itself: move {_listed(given)} into its `steps`")
        if "result" in given and given & {"say", "call", "tokens"}:
            raise ValueError("a step either speaks (`say`, `call`) or gives a `result`; make it two steps")
        if "subgraph" in given and given - {"subgraph", "node"}:
            others = _listed(given - {"subgraph", "node"})
            raise ValueError(f"a step that runs a child graph does nothing else: move {others} into its `subgraph`")
        if self.parallel:
            self._check_parallel(given)
        if any(inner.subgraph for inner in every_step(self.subgraph)):
            raise ValueError("a child graph has no child graphs of its own")
        if self.tokens is not None and "".join(self.tokens) != self.say:
            raise ValueError("`tokens`, joined, must be the text of `say`")
        for name in RESERVED:
            if name in self.channels:
                raise ValueError(f"`{name}` is written by the step itself; `channels` is for others")

    def _check_parallel(self, given: set[str]) -> None:
        if given != {"parallel"}:
            raise ValueError(
                f"a step of several nodes does nothing itself: move {_listed(given - {'parallel'})} into its `parallel`"
            )
        if len(set(self.nodes)) != len(self.parallel) or len(self.parallel) < 2:
            raise ValueError("the steps in `parallel` are two or more, each with a `node` of its own")
        for part in self.parallel:
            for name in ("parallel", "repeat", "subgraph", "interrupt"):
                if getattr(part, name):
                    raise ValueError(f"a step in `parallel` has no `{name}`; put that into a step before or after")

    @property
    def parts(self) -> Sequence[Step]:
        """The steps that are played at the same time: those in `parallel`, else this one alone."""
        return self.parallel or (self,)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that play the step."""
        return tuple(part.at for part in self.parallel) if self.parallel else (self.at,)

    @property
    def at(self) -> str:
        """The node that plays the step, the first of several."""
        if self.parallel:
            return self.parallel[0].at
        if self.node is not None:
            return self.node
        if self.subgraph:
            return "subgraph"
        return TOOLS if self.result is not None else AGENT

    @property
    def calls(self) -> list[Call]:
        """The tool calls that it makes."""
        if self.call is None:
            return []
        return [self.call] if isinstance(self.call, Call) else self.call

    @property
    def results(self) -> list[Result]:
        """The answers to tool calls that it gives."""
        if self.result is None:
            return []
        given = self.result if isinstance(self.result, list) else [self.result]
        return [one if isinstance(one, Result) else Result(content=one) for one in given]

    @property
    def writes_messages(self) -> bool:
        """Whether it writes to the channel `messages`."""
        return self.speaks or self.result is not None or bool(self.messages)

    @property
    def speaks(self) -> bool:
        """Whether it writes a message of the model."""
        return self.say is not None or self.call is not None


class Turn(Part, frozen=True):
    """What the agent does about one kind of message."""

    steps: Annotated[list[Step], Meta(min_length=1)]
    when: Annotated[When, Meta(description="left out: any message of a human")] = When()
    name: Annotated[str, Meta(description="for readers, and for error messages")] = ""


class Script(Part, frozen=True, dict=True):
    """What the agent does: the first of the turns that fits is played."""

    turns: Annotated[list[Turn], Meta(min_length=1)]
    version: Literal[1] = 1
    content: Annotated[
        Literal["text", "blocks"],
        Meta(description="how a message with tool calls is written: text, or a list of blocks"),
    ] = "text"
    channels: Annotated[
        dict[Name, Reducer], Meta(description="how other channels take up what is written; default: replace")
    ] = {}

    def __post_init__(self) -> None:
        for name in RESERVED:
            if name in self.channels:
                raise ValueError(f"the channel `{name}` is always there; `channels` is for others")

    @property
    def reducers(self) -> Mapping[str, Reducer]:
        """Every channel beside the messages and the finished steps, and how it takes up a write."""
        if "_reducers" not in self.__dict__:
            steps = [inner for step in self.every_step() for inner in (step, *every_step(step.subgraph))]
            found: dict[str, Reducer] = {name: "replace" for step in steps for name in step.channels}
            self.__dict__["_reducers"] = found | self.channels
        known: Mapping[str, Reducer] = self.__dict__["_reducers"]
        return known

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes of the graph: `agent`, `tools`, and those that steps name."""
        if "_nodes" not in self.__dict__:
            self.__dict__["_nodes"] = tuple(dict.fromkeys((AGENT, TOOLS, *(step.at for step in self.every_step()))))
        known: tuple[str, ...] = self.__dict__["_nodes"]
        return known

    @property
    def subgraphs(self) -> dict[str, tuple[str, ...]]:
        """The nodes that run a child graph, each with the nodes of that."""
        found = {
            step.at: [inner.at for inner in every_step(step.subgraph)] for step in self.every_step() if step.subgraph
        }
        return {node: tuple(dict.fromkeys(inner)) for node, inner in found.items()}

    def every_step(self) -> list[Step]:
        """All steps, those inside of repetitions and cases too, but not those of child graphs."""
        return every_step([step for turn in self.turns for step in turn.steps])


def every_step(steps: Sequence[Step]) -> list[Step]:
    """These steps, with those inside of repetitions, cases and `parallel`, but not those of child graphs."""
    found: list[Step] = []
    waiting = list(steps)
    while waiting:
        step = waiting.pop(0)
        inner = [one for case in (step.interrupt.cases if step.interrupt else ()) for one in case.steps]
        waiting[:0] = [*step.steps, *inner, *step.parallel]
        if step.repeat is None and not step.parallel:
            found.append(step)
    return found


def tokens(text: str) -> list[str]:
    """A text in the pieces in which it is streamed; each keeps its trailing white space, and joined they are it."""
    return re.findall(r"\s*\S+\s*", text) or [text]


def _listed(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names - {"repeat", "steps"}))


__all__ = [
    *("UNSET", "Call", "Case", "Failure", "Interrupt", "Part", "Result", "Script", "Step", "Turn", "UnsetType", "When"),
    "tokens",
]
