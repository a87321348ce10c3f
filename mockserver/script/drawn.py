"""The graph of a script, complete: what the script does not state follows from its steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec.structs import replace

from mockserver.script.shapes import END, START, Edge, Graph
from mockserver.script.types import Script, Step, every_step


def drawn(script: Script) -> Graph:
    """Return the graph of a script with all of its nodes, edges and child graphs."""
    edges = script.graph.edges or _edges(_ways(script))
    children = _children(script.graph, script.every_step())
    return replace(script.graph, nodes=list(script.nodes), edges=edges, children=children)


def chain(nodes: Sequence[str]) -> list[Edge]:
    """Return the edges of nodes that run one after the other."""
    return [Edge(source=one, target=two) for one, two in pairwise((START, *nodes, END))]


def _children(stated: Graph, steps: Sequence[Step]) -> dict[str, Graph]:
    """Return the child graphs that steps run, and those that are stated, by the nodes that run them."""
    # One node may run several child graphs. Then its child graph is shown with the ways of all.
    runs: dict[str, list[Sequence[Step]]] = {}
    for step in steps:
        if step.subgraph and not step.hidden:
            runs.setdefault(step.at, []).extend(child.subgraph for child in step.children)
    names = dict.fromkeys((*runs, *stated.children))
    return {node: _child(stated.children.get(node, Graph()), runs.get(node, ())) for node in names}


def _child(stated: Graph, runs: Sequence[Sequence[Step]]) -> Graph:
    ways = _Ways()
    for steps in runs:
        ways.link(ways.follow(steps, [START]), [END])
    nodes = stated.nodes or list(ways.nodes)
    edges = stated.edges or (_edges(ways) if runs else chain(nodes))
    inner = [step for steps in runs for step in every_step(steps)]
    return replace(stated, nodes=nodes, edges=edges, children=_children(stated, inner))


class _Ways:
    """The pairs of nodes that may run one after the other, in the order in which they were found."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str], None] = {}

    @property
    def nodes(self) -> dict[str, None]:
        """Return the nodes, without the start and the end."""
        return {name: None for pair in self.pairs for name in pair if name not in (START, END)}

    def link(self, sources: Iterable[str], targets: Iterable[str]) -> None:
        """Add a way from each source to each target."""
        for source in sources:
            self.pairs |= {(source, target): None for target in targets}

    def follow(self, steps: Sequence[Step], before: Iterable[str]) -> list[str]:
        """Add the ways of steps that follow the nodes `before`, and return the nodes that may be the last ones."""
        last = list(before)
        for step in steps:
            if step.repeat is not None:
                begin = len(self.pairs)
                entered = list(last)
                last = self.follow(step.steps, entered)
                # From the last node of a round to the first ones of the next.
                firsts = [target for source, target in list(self.pairs)[begin:] if source in entered]
                self.link(last, firsts or step.steps[0].nodes)
                continue
            self.link(last, step.nodes)
            last = list(step.nodes)
            # An answer that no case matches continues behind the step.
            for case in (case for part in step.parts for question in part.questions for case in question.cases):
                last += self.follow(case.steps, step.nodes)
        return list(dict.fromkeys(last))


def _ways(script: Script) -> _Ways:
    """Return the ways that the turns of a script take."""
    ways, after_tools, last = _Ways(), [], []
    for turn in script.turns:
        if turn.when.tool_result is None:
            ends = ways.follow(turn.steps, [START])
            last += ends
            final = turn.steps[-1]
            answers = final.result is not None or (
                bool(final.subgraph) and not final.shares_messages and not final.writes_messages
            )
            after_tools += ends if answers else []
    for turn in script.turns:
        if turn.when.tool_result is not None:
            # The result of a tool is that of a turn before or, without one, an input of the client.
            last += ways.follow(turn.steps, after_tools or [START])
    ways.link(last, [END])
    return ways


def _edges(ways: _Ways) -> list[Edge]:
    sources = [source for source, _ in ways.pairs]
    return [Edge(source=source, target=target, conditional=sources.count(source) > 1) for source, target in ways.pairs]
