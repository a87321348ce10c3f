"""The names of the points at which runs can be held, by the scripts of a deployment.

A name that no run can ever reach is refused where it is written. A visit or an event that this conversation happens not
to have is not a mistake that can be seen, so only the parts of a name are checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mockserver.agent.gates import START_POINT
from mockserver.agent.graph import CHILD_NODES, nodes
from mockserver.control.errors import UsageError
from mockserver.script.types import TOOLS, Script, Step, every_step
from mockserver.words import quoted, unknown

EVENTS: Final = ("enter", "token", "exit")
MEANT: Final = {
    **dict.fromkeys(("start", "begin", "before", "entry", "in"), "enter"),
    **dict.fromkeys(("end", "finish", "done", "after", "leave", "out", "return"), "exit"),
    **dict.fromkeys(("tokens", "stream", "half", "middle", "chunk", "message"), "token"),
}
"""The words of other tools for events."""

_POINT: Final = re.compile(r"(?P<node>[^:/]+)(?::(?P<visit>[^/]*))?/(?P<event>.*)", re.DOTALL)


def names_of_holds(scripts: Iterable[Script]) -> list[str]:
    """Return the points that the scripts name with `hold`, where runs are held without a call of `hold`."""
    return list(dict.fromkeys(step.hold for script in scripts for step in _steps(script) if step.hold is not None))


def check_point(point: object, scripts: Iterable[Script]) -> None:
    """Raise `UsageError` for a text that is not the name of a point in any of the scripts."""
    known = list(scripts)
    holds = names_of_holds(known)
    if point == START_POINT or point in holds:
        return
    found = _POINT.fullmatch(point) if isinstance(point, str) else None
    every = list(dict.fromkeys(name for script in known for name in _nodes(script)))
    probes = [name for script in known if script.built_in for name in (*nodes(script), *CHILD_NODES)]
    if found is None:
        raise UsageError(_not_a_point(point, every, holds))
    node, visit, event = found.group("node", "visit", "event")
    if node == "run":
        raise UsageError(f"there is no point {quoted(point)}. Did you mean `{START_POINT}`?")
    if node not in every and node not in probes:
        if node in {call.tool for script in known for step in _steps(script) for call in step.calls} and TOOLS in every:
            raise UsageError(f"`{node}` is a tool, and the node of all tools is `{TOOLS}`. Write `{TOOLS}:1/{event}`")
        text = unknown("node", node, every)
        raise UsageError(f"{text}. In the point {quoted(point)}. If a script has it, load the script first")
    if "," in event:
        raise UsageError(f"{quoted(point)} is more than one point. Hold each with a call of its own")
    if event not in EVENTS:
        text = unknown("event", event, EVENTS, meant=MEANT)
        raise UsageError(f"{text}. In the point {quoted(point)}")
    if visit is None:
        raise UsageError(f"the point {quoted(point)} names no visit. Did you mean `{node}:1/{event}`?")
    if not re.fullmatch(r"[1-9][0-9]{0,8}", visit):
        text = f"the visit {quoted(visit)} in the point {quoted(point)} is not a number from 1"
        raise UsageError(f"{text}. Write it, as in `{node}:1/{event}`")
    if event == "token" and not any(_speaks(script, node) for script in known):
        raise UsageError(f"the node `{node}` streams no text, so no run reaches {quoted(point)}. Use `enter` or `exit`")


def _not_a_point(point: object, every: list[str], holds: list[str]) -> str:
    examples = [*holds, *(f"{node}:1/enter" for node in every), START_POINT]
    text = unknown("point", point, examples)
    return f"{text}. A point is NODE:VISIT/EVENT with the event enter, token or exit"


def _nodes(script: Script) -> Iterable[str]:
    yield from script.nodes
    for inner in script.subgraphs.values():
        yield from inner
    for child in script.graph.children.values():
        yield from child.nodes


def _speaks(script: Script, node: str) -> bool:
    # A step of messages only, or of a node that a command is sent to, streams nothing either.
    return any(step.speaks and step.at == node for step in _steps(script))


def _steps(script: Script) -> list[Step]:
    return [
        inner
        for step in script.every_step()
        for inner in (step, *(one for child in step.children for one in every_step(child.subgraph)))
    ]
