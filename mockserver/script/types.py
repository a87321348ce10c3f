"""A script: the scripted agent's behaviour for each kind of message, as typed data.

A script is a list of *turns*. When input reaches the agent, it plays the first turn whose `when` matches the
last message, step by step. A step is one superstep of the graph. `docs/how-to/write-a-script.md` describes the
format for users. The descriptions of fields in this module become the JSON Schema, which editors show.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import UNSET, Meta

from mockserver.script import patterns
from mockserver.script.actions import Call as Call
from mockserver.script.actions import Failure as Failure
from mockserver.script.actions import Output
from mockserver.script.actions import Result as Result
from mockserver.script.shapes import (
    END,
    GRAPH_NAME,
    START,
    Channel,
    Graph,
    Name,
    Part,
    ProtocolChannel,
    Reducer,
    as_channels,
    check_graph_name,
)
from mockserver.script.tasks import tasks_of

AGENT: Final = "agent"
"""The node of the model, and the graph whose name nothing states."""
TOOLS: Final = "tools"
ABOUT_CHILDREN: Final = ("agent", "returns", "input", "then", "hidden")
"""The keys of a step, besides `state`, that are about its child graphs."""
OWN_WORK: Final = ("say", "tokens", "call", "result", "messages", "channels")
"""The keys of a step by which its node writes itself, after its child graphs."""
RESERVED: Final = ("messages",)
"""The channels of every script. Steps cannot write to them through `channels`."""
STEPS: Final = "steps"
"""The channel in which the built-in graph lists the steps that finished."""


class When(Part, frozen=True):
    """The condition of a turn on the last message. Every given field must match. Case is ignored in texts."""

    text: Annotated[str, Meta(description="the whole message, without surrounding white space")] | None = None
    contains: Annotated[str, Meta(description="a part of the message")] | None = None
    matches: (
        Annotated[str, Meta(description="a regular expression to search for. Its named groups fill {names} in texts")]
        | None
    ) = None
    tool_result: (
        Annotated[str, Meta(description="the message is a result of this tool, `*` for any. Default: a human message")]
        | None
    ) = None
    turn: Annotated[int, Meta(ge=1, description="the number of the human message on the thread, from 1")] | None = None
    assistant: Annotated[str, Meta(description="name, id or graph of the assistant")] | None = None
    metadata: Annotated[dict[str, Any], Meta(description="entries that the thread's metadata must contain")] = {}
    channels: Annotated[dict[Name, Any], Meta(description="values that channels of the state must have")] = {}
    context: Annotated[dict[str, Any], Meta(description="entries of the context or the configurable of the run")] = {}

    def __post_init__(self) -> None:
        if self.matches is not None:
            patterns.check(self.matches)


class Case(Part, frozen=True):
    """The steps after an interrupt, for one kind of answer. Without a condition it matches any answer."""

    equals: Any = UNSET
    matches: Annotated[str, Meta(description="a regular expression to search for in the answer")] | None = None
    steps: list[Step] = []

    def __post_init__(self) -> None:
        if self.matches is not None:
            patterns.check(self.matches)


class Interrupt(Part, frozen=True):
    """A question to a human: `interrupt(value)`. The rest of the step is played after the answer."""

    value: Any
    before: Annotated[
        list[Output], Meta(description="what the node does before it asks, again with each answer. Nothing is written")
    ] = []
    cases: Annotated[list[Case], Meta(description="the first case that matches is played after this step")] = []
    name: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z_]\w{0,63}$(?!\n)", description="texts have the answer as {name}, not only {resume}"
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if self.name in ("text", "resume"):
            raise ValueError(f"`{{{self.name}}}` has a meaning in every turn. Choose another `name` for the answer")


class Step(Output, frozen=True, dict=True):
    """One superstep: a node does its work, and its write becomes a checkpoint."""

    result: (
        Annotated[str | Result | list[str | Result], Meta(description="results of the last tool calls, in their order")]
        | None
    ) = None
    messages: Annotated[list[dict[str, Any]], Meta(description="messages of any kind, as a client writes them")] = []
    channels: Annotated[dict[Name, Any], Meta(description="writes to other channels of the state")] = {}
    interrupt: (
        Annotated[
            Interrupt | list[Interrupt],
            Meta(description="ask a human first, and continue with the answer. A list: one question after another"),
        ]
        | None
    ) = None
    breakpoint: Annotated[
        bool, Meta(description="pause before this step, as a graph compiled with `interrupt_before`")
    ] = False
    error: Annotated[str | Failure, Meta(description="fail at the end of the step. Nothing is written")] | None = None
    subgraph: Annotated[list[Step], Meta(description="the steps of a child graph that the node runs")] = []
    returns: (
        Annotated[
            Literal["result", "messages"],
            Meta(description="what the parent gets of `subgraph`: its last message as a tool result, or all messages"),
        ]
        | None
    ) = None
    input: (
        Annotated[str, Meta(description="the message that `subgraph` begins with. Default: a text of the tool call")]
        | None
    ) = None
    agent: (
        Annotated[
            str, Meta(description="the name of the agent that `subgraph` is. Default: `subagent_type` of its call")
        ]
        | None
    ) = None
    state: (
        Annotated[
            dict[Name, Reducer | Channel],
            Meta(
                description="the channels of `subgraph` besides messages, each with its reducer. Default: the parent's"
            ),
        ]
        | None
    ) = None
    then: Annotated[
        list[Step],
        Meta(description="more child graphs, one after another: `subgraph`, `input`, `agent` and `state`"),
    ] = []
    hidden: Annotated[
        bool, Meta(description="LangGraph does not find `subgraph` in the node, as where a tool keeps agents in a dict")
    ] = False
    parallel: Annotated[list[Step], Meta(description="steps of several nodes in the same superstep")] = []
    node: Annotated[Name, Meta(description="the node. Default: `tools` for results, else `agent`")] | None = None
    sent: Annotated[
        bool, Meta(description="the node was sent its tool call, as `create_agent` does, instead of the whole state")
    ] = False
    repeat: Annotated[int, Meta(ge=1)] | Literal["forever"] | None = None
    steps: Annotated[list[Step], Meta(description="the steps to repeat. The recursion limit ends them")] = []

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.given
        if ("repeat" in given) != ("steps" in given):
            raise ValueError("`repeat` and `steps` go together. Give both: how often, and which steps")
        if "repeat" in given and len(given) > 2:
            raise ValueError(f"a step with `repeat` has no other keys. Move {_listed(given)} into its `steps`")
        if "result" in given and given & {"say", "call", "tokens"}:
            raise ValueError("a step has either `say` and `call`, or `result`. Split it into two steps")
        if self.node in (START, END):
            raise ValueError(f"`{self.node}` is no node that a step can have. Leave `node` out, or choose another name")
        self._check_subgraph(given)
        if self.parallel:
            self._check_parallel(given)
        for name in RESERVED:
            if name in self.channels:
                raise ValueError(f"`{name}` cannot be in `channels`, because the step itself writes it. Remove it")

    def _check_subgraph(self, given: set[str]) -> None:
        if "subgraph" not in given:
            if about := given & {*ABOUT_CHILDREN, "state"}:
                raise ValueError(f"{_listed(about)} is about a child graph. Add `subgraph`, or remove it")
            return
        known = ("node", "sent", "breakpoint", *OWN_WORK, "state", *ABOUT_CHILDREN)
        if others := given - {"subgraph", *known}:
            keys = ", ".join(f"`{name}`" for name in known[:-1])
            raise ValueError(
                f"a step with `subgraph` has no other keys but {keys} and `{known[-1]}`. "
                f"Move {_listed(others)} into its `subgraph`"
            )
        if self.shares_messages and any(child.input is not None for child in self.children):
            raise ValueError("a child graph that `returns: messages` begins with the parent's. Remove its `input`")
        for child in self.then:
            if (
                not child.subgraph
                or child.node
                or child.sent
                or child.returns
                or child.hidden
                or child.breakpoint
                or child.then
                or child.writes_itself
            ):
                raise ValueError(
                    "a child graph in `then` has `subgraph`, `input`, `agent` and `state`. Move other keys to the step"
                )
        self._check_state()

    def _check_state(self) -> None:
        if self.state is None:
            return
        for name in RESERVED:
            if name in self.state:
                raise ValueError(f"the channel `{name}` always exists. Remove it from `state`")
        for name in written(every_step(self.subgraph)):
            if name not in self.state:
                raise ValueError(
                    f"a step of the child graph writes to `{name}`, which is not in its `state`. Add it there"
                )

    def _check_parallel(self, given: set[str]) -> None:
        if others := given - {"parallel", "breakpoint"}:
            raise ValueError(f"a step with `parallel` has no other keys. Move {_listed(others)} into its `parallel`")
        # The same node is meant only where a script says so: otherwise it is the default of two steps.
        unnamed = [part.at for part in self.parallel if part.node is None]
        if any(self.nodes.count(node) > 1 for node in unnamed) or len(self.parallel) < 2:
            raise ValueError("`parallel` needs two or more steps on different nodes. Give each its own `node`")
        for part in self.parallel:
            for name in ("parallel", "repeat"):
                if getattr(part, name):
                    raise ValueError(f"a step in `parallel` cannot have `{name}`. Put it into a step before or after")

    @property
    def parts(self) -> Sequence[Step]:
        """Return the steps that are played concurrently: those in `parallel`, else this one alone."""
        return self.parallel or (self,)

    # These are cached because every task of every run reads them, and a step never changes.
    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Return the nodes that play the step."""
        return tuple(part.at for part in self.parallel) if self.parallel else (self.at,)

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """Return the tasks that play the step, in the order of its `parts`. Two of them may play the same node."""
        return tasks_of(self.nodes, [part.sent for part in self.parts])

    @cached_property
    def may_answer(self) -> bool:
        """Return whether one of its parts may give results to tool calls."""
        return any(part.result is not None or part.subgraph for part in self.parts)

    @cached_property
    def at(self) -> str:
        """Return the node that plays the step, the first of several."""
        if self.parallel:
            return self.parallel[0].at
        if self.node is not None:
            return self.node
        if self.subgraph:
            return "subgraph"
        return TOOLS if self.result is not None else AGENT

    @property
    def children(self) -> Sequence[Step]:
        """Return the parts of it that have a child graph each, in the order in which the node runs them."""
        return (self, *self.then) if self.subgraph else ()

    @property
    def shares_messages(self) -> bool:
        """Return whether its child graph works on the parent's messages, instead of a conversation of its own."""
        return self.returns == "messages"

    @cached_property
    def results(self) -> list[Result]:
        """Return the results that it gives to tool calls."""
        if self.result is None:
            return []
        given = self.result if isinstance(self.result, list) else [self.result]
        return [one if isinstance(one, Result) else Result(content=one) for one in given]

    @property
    def questions(self) -> Sequence[Interrupt]:
        """Return the questions that it asks, one after another."""
        if self.interrupt is None:
            return ()
        return (self.interrupt,) if isinstance(self.interrupt, Interrupt) else self.interrupt

    @property
    def writes_messages(self) -> bool:
        """Return whether it writes to the channel `messages`."""
        return self.speaks or self.result is not None or bool(self.messages)

    @property
    def writes_itself(self) -> bool:
        """Return whether its node writes something beside what its child graphs return."""
        return self.writes_messages or bool(self.channels)


class Turn(Part, frozen=True):
    """The steps for one kind of message."""

    steps: Annotated[list[Step], Meta(min_length=1)]
    when: Annotated[When, Meta(description="the message that the turn is for. Default: any human message")] = When()
    name: Annotated[str, Meta(description="a name for readers and error messages")] = ""


class Script(Part, frozen=True, dict=True):
    """The agent's behaviour: the first turn that matches is played."""

    turns: Annotated[list[Turn], Meta(min_length=1)]
    version: Literal[1] = 1
    name: (
        Annotated[
            str, Meta(description="the name of the graph. Default: `agent`", extra_json_schema={"pattern": GRAPH_NAME})
        ]
        | None
    ) = None
    content: Annotated[
        Literal["text", "blocks"],
        Meta(description="the content of a message with tool calls: a text, or a list of blocks"),
    ] = "text"
    channels: Annotated[
        dict[Name, Reducer | Channel], Meta(description="other channels, each with its reducer. Default: replace")
    ] = {}
    graph: Annotated[Graph, Meta(description="the nodes, edges and schemas that the API shows")] = Graph()
    messages: Annotated[
        bool, Meta(description="whether the state has the channel `messages`. Without it, steps write to `channels`")
    ] = True
    transformer: Annotated[
        bool,
        Meta(description="whether the graph has a stream transformer, by which custom events reach the newer protocol"),
    ] = False
    protocol_channels: Annotated[
        tuple[ProtocolChannel, ...],
        Meta(description="more channels of the newer protocol on which the graph is reported. Default: tools"),
    ] = ("tools",)

    built_in: ClassVar[bool] = False
    """True for the conversation that is there when no script is given."""

    def __post_init__(self) -> None:
        if self.name is not None:
            check_graph_name(self.name)
        for name in RESERVED:
            if name in self.channels:
                raise ValueError(f"the channel `{name}` always exists. Remove it from `channels`")
        if self.graph.nodes:
            self._check_nodes()
        if not self.messages and any(needs_messages(step) for step in with_inner(self.every_step())):
            raise ValueError(
                "a step writes a message, and the state has none (`messages: false`). Use `channels`, or remove one"
            )

    def _check_nodes(self) -> None:
        for node in dict.fromkeys(step.at for step in self.every_step()):
            if node not in self.graph.nodes:
                raise ValueError(f"a step has the node `{node}`, which is not in `graph.nodes`. Correct one of them")

    # These are cached because every write needs them, and a script never changes.
    @cached_property
    def reducers(self) -> Mapping[str, Reducer]:
        """Return every channel besides messages, with its reducer."""
        return {name: channel.reducer for name, channel in self.every_channel().items()}

    def every_channel(self) -> dict[str, Channel]:
        """Return every channel besides messages: those that the script lists, and those that steps write to."""
        return {name: Channel() for name in written(self.every_step())} | as_channels(self.channels)

    @cached_property
    def initial(self) -> Mapping[str, Any]:
        """Return the values of channels before the first write."""
        begins = {name: channel.begins for name, channel in self.every_channel().items()}
        return {name: value for name, value in begins.items() if value is not UNSET}

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Return the nodes of the graph: those that the script lists, else those of its steps."""
        return tuple(dict.fromkeys(self.graph.nodes or [step.at for step in self.every_step()]))

    @property
    def subgraphs(self) -> dict[str, tuple[str, ...]]:
        """Return the nodes that run a child graph, each with the nodes of that graph."""
        found: dict[str, list[str]] = {}
        for step in self.every_step():
            for child in step.children:
                found.setdefault(step.at, []).extend(inner.at for inner in every_step(child.subgraph))
        return {node: tuple(dict.fromkeys(inner)) for node, inner in found.items()}

    def every_step(self) -> list[Step]:
        """Return all steps, including those in repetitions and cases, without those of child graphs."""
        return every_step([step for turn in self.turns for step in turn.steps])


class BuiltIn(Script, frozen=True):
    """The conversation of the double-texting guides, which is there when no script is given.

    It is the graph that follows the probe contract, and its channel `steps` belongs to that contract.
    """

    built_in: ClassVar[bool] = True

    def every_channel(self) -> dict[str, Channel]:
        """Return `steps`, and the channels of the script."""
        return {STEPS: Channel(reducer="append"), **super().every_channel()}


def every_step(steps: Sequence[Step]) -> list[Step]:
    """Return these steps and those in repetitions, cases and `parallel`, without those of child graphs."""
    found: list[Step] = []
    waiting = deque(steps)
    while waiting:
        step = waiting.popleft()
        inner = [one for question in step.questions for case in question.cases for one in case.steps]
        # At the front, so that steps stay in the order of the file. The nodes of the graph are listed in that order.
        waiting.extendleft(reversed([*step.steps, *inner, *step.parallel]))
        if step.repeat is None and not step.parallel:
            found.append(step)
    return found


def needs_messages(step: Step) -> bool:
    """Return whether a step can be in no graph whose state is without `messages`."""
    return step.writes_messages or step.shares_messages or any(child.input is not None for child in step.children)


def with_inner(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield these steps, each followed by those of its child graph and of the child graphs in that one."""
    for step in steps:
        yield step
        for child in step.children:
            yield from with_inner(every_step(child.subgraph))


def written(steps: Sequence[Step]) -> Iterator[str]:
    """Yield the channels that steps write to, and those of child graphs that share the channels of their parent."""
    for step in steps:
        yield from step.channels
        for child in step.children:
            if child.state is None:
                yield from written(every_step(child.subgraph))


def tokens(text: str) -> list[str]:
    """Return the pieces in which a text is streamed. Each keeps its trailing white space, so they join to the text."""
    # An empty text is one empty piece, so that its message is still emitted.
    return re.findall(r"\s*\S+\s*", text) or [text]


def _listed(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names - {"repeat", "steps"}))


__all__ = [*("UNSET", "Case", "Interrupt", "Script", "Step", "Turn", "UnsetType", "When"), "tokens"]
