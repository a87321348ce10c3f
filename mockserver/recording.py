"""`python -m mockserver record`: conversion of a real deployment's thread into a script.

1. `thread_history.fetch` reads the history of the thread, page by page, and the histories of its child graphs.
2. `_line` follows the parents from the newest checkpoint to the first, so abandoned branches are omitted.
3. Each checkpoint of source `input` starts a turn. Each superstep after it becomes a step: the difference between two
   checkpoints, or a step with `parallel` if several nodes ran.
4. A task that ran child graphs becomes a step with `subgraph`, made in the same way from their own checkpoints. It has
   the channels that only a child graph has in `state`, and what its node said beside a child graph as words of its own.
   Where the server does not find a child graph, unknown nodes are called like those of `create_agent`.
5. Where a run was stopped, the step is a hold. The next message of the client then meets a run that is still in
   flight, as it did when the thread was recorded.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
import yaml

from mockserver.core.checkpoints import START
from mockserver.core.script_cursor import literal
from mockserver.script.tasks import PUSHED
from mockserver.script.types import AGENT, RESERVED, STEPS, Script, needs_messages, with_inner
from mockserver.script.yaml_12 import add_rules
from mockserver.thread_history import RecordingError, State, fetch, written


class Known(NamedTuple):
    """The names of a graph's channels besides messages, and of the nodes of the thread's own graph."""

    channels: frozenset[str]
    nodes: frozenset[str]


HEADER: Final = "# Recorded from thread {thread}.\n"


def main(arguments: Sequence[str], program: str) -> int:
    """Write the script to standard output. Return 0, or 1 if the thread cannot be recorded."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Read the history of a thread from a real deployment and print a script that replays it.",
        epilog="Save the output to a file and pass that file to --script.",
    )
    parser.add_argument("--from", dest="source", metavar="URL", required=True, help="base URL of the deployment")
    parser.add_argument("--thread", metavar="ID", required=True, help="id of the thread to record")
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="header to send with every request, for example an API key; repeatable",
    )
    options = parser.parse_args(arguments)
    headers = {}
    for header in options.header:
        name, colon, value = header.partition(":")
        if not colon:
            parser.error(f"--header \"{name}\": expected 'NAME: VALUE'")
        headers[name.strip()] = value.strip()
    try:
        history = asyncio.run(fetch(options.source, options.thread, headers))
        text = to_yaml(script_of(history))
    except RecordingError as error:
        sys.stderr.write(f"{program.removeprefix('python -m ')}: {error}\n")
        return 1
    sys.stdout.write(HEADER.format(thread=options.thread) + text)
    return 0


def script_of(history: Sequence[State]) -> dict[str, Any]:
    """Return a script as data, given the checkpoints of a thread, newest first. Raises `RecordingError`."""
    line = list(_line(history))
    if not line:
        raise RecordingError("the thread has no checkpoints, so there is nothing to record; run something on it first")
    turns: list[dict[str, Any]] = []
    known = Known(_names(line), frozenset(node for state in line for node in state["next"] or ()))
    for number, state in enumerate(line):
        later = line[number + 1] if number + 1 < len(line) else None
        if (state.get("metadata") or {}).get("source") == "input":
            # An input that is the newest checkpoint has not been taken up, so its messages are not known yet.
            if later is not None:
                turns.append({"when": _when(state, later, known), "steps": []})
        elif turns:
            turns[-1]["steps"] += _steps(state, later, known)
    # A turn without steps was stopped before its first node ran. A script needs a step, and a hold only waits.
    for number, turn in enumerate(turns, start=1):
        turn["steps"] = literal(turn["steps"]) or [{"node": "agent", "hold": f"stopped-{number}"}]
    given = {name for turn in turns for name in turn["when"].get("channels", ())}
    # A graph without a conversation takes any input if there is no other turn to distinguish.
    if len(turns) == 1 and "turn" not in turns[0]["when"]:
        del turns[0]["when"]
    # Those that only a child graph has are in its step.
    channels = sorted(known.channels & {*given, *(name for turn in turns for name in _channels(turn["steps"]))})
    # The history shows whole values and not what a node wrote, so replacing is the only reducer that reproduces them.
    begins = line[0]["values"]
    reducers = {"channels": _declared(channels, begins)} if channels else {}
    script = {"version": 1, **reducers, "turns": turns}
    try:
        made = msgspec.convert(script, Script)
    except msgspec.ValidationError as error:
        raise RecordingError(f"the thread contains something that a script cannot express: {error}") from error
    converses = not known.channels or any("messages" in state["values"] for state in line)
    if converses or any(needs_messages(step) for step in with_inner(made.every_step())):
        return script
    return {"version": 1, "messages": False, **script}


def _declared(channels: Iterable[str], begins: dict[str, Any]) -> dict[str, Any]:
    """Return channels as a script declares them, with their first values."""
    return {name: {"reducer": "replace", "initial": begins[name]} if name in begins else "replace" for name in channels}


def _names(line: Iterable[State]) -> frozenset[str]:
    """Return the channels that the graph of some checkpoints has, besides messages."""
    return frozenset(name for state in line for name, value in state["values"].items() if not _is_left_out(name, value))


def to_yaml(script: dict[str, Any]) -> str:
    """Return a script as YAML."""
    return yaml.dump(script, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """A dumper that writes multi-line strings as blocks and repeats values instead of using anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature of the library
        return True


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _text)
# Beside those of YAML 1.1: a text is put in quotes if the rules of either version read something else, such as `1e3`.
add_rules(_Dumper, keep=True)


CANCELLED: Final = "CancelledError()"
"""The error on the task of a step that was cancelled."""


def _line(history: Sequence[State]) -> Iterator[State]:
    """Return the checkpoints that led to the newest, oldest first."""
    by_id = {_id(state["checkpoint"]): state for state in history}
    found: list[State] = []
    state = history[0] if history else None
    while state is not None:
        found.append(state)
        state = by_id.get(_id(state.get("parent_checkpoint")))
    return reversed(found)


def _id(reference: Any) -> str:
    return str((reference or {}).get("checkpoint_id"))


def _when(state: State, later: State, known: Known) -> dict[str, Any]:
    """Return the condition for a turn: the text of its last human message and the number of human messages.

    Without such a message it is the input's channels, because a script counts turns by human messages.
    """
    turn = sum(1 for message in later["values"].get("messages", ()) if message.get("type") == "human")
    if not turn:
        before, after = state["values"], later["values"]
        given = {name: after[name] for name in sorted(known.channels) if _changed(before, after, name)}
        return {"channels": given} if given else {}
    new = [message for message in _new_messages(state, later) if message.get("type") == "human"]
    text = _content_text(new[-1]) if new else None
    # A turn that resumes adds no message. The number of the turn then distinguishes it.
    return {**({"text": text} if text else {}), "turn": turn}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> bool:
    return name in after and (name not in before or before[name] != after[name])


def _steps(state: State, later: State | None, known: Known) -> Iterator[dict[str, Any]]:
    """Yield the step that the `next` nodes of a checkpoint took, if any. It names the tasks that were sent."""
    tasks = state.get("tasks") or []
    counts = Counter(task["name"] for task in tasks)
    for step in _step(state, later, known):
        for part, task in zip(step.get("parallel", (step,)), tasks, strict=False):
            # Several tasks of one node are sent in any script.
            pushed = (task.get("path") or [""])[0] == PUSHED
            if pushed and counts[task["name"]] == 1 and part.get("node", task["name"]) == task["name"]:
                part["sent"] = True
        yield step


def _step(state: State, later: State | None, known: Known) -> Iterator[dict[str, Any]]:
    if not state.get("next") or START in state["next"]:
        return
    tasks = state.get("tasks") or []
    interrupts = [interrupt for task in tasks for interrupt in task.get("interrupts") or ()]
    # A cancelled step did not fail by itself: its run was stopped, or another step of the superstep failed.
    failed = [task["error"] for task in tasks if task.get("error") and task["error"] != CANCELLED]
    # A checkpoint of source `input` or `update` after this one belongs to another run: this superstep did not finish.
    finished = later is not None and (later.get("metadata") or {}).get("source") == "loop"
    node = state["next"][0]
    children = {task["id"]: _child_step(task, state, later if finished else None, known) for task in tasks}
    # Where a human was asked there is no duration: the time between the two checkpoints is that of the human.
    if any(children.values()):
        parts = [
            children[task["id"]] or _part(task["name"], task.get("result") or {}, 0, task.get("interrupts") or ())
            for task in tasks
        ]
        yield parts[0] if len(parts) == 1 else {"parallel": parts}
    elif interrupts and len(tasks) > 1:
        yield {"parallel": [_part(task["name"], task.get("result") or {}, 0, task["interrupts"]) for task in tasks]}
    elif interrupts:
        writes = _writes(state, later) if finished else {}
        yield _shortened({"node": node, **_questions(interrupts), **writes, "takes": 0})
    elif finished and later is not None:
        if _is_parallel(tasks):
            took = _duration(state, later)
            yield {"parallel": [_part(task["name"], task["result"], took) for task in tasks]}
        else:
            yield _shortened({"node": node, **_writes(state, later), "takes": _duration(state, later)})
    elif failed:
        # The error of a task is the repr of an exception: ValueError('no such city').
        kind, _, text = str(failed[0]).partition("(")
        yield {"node": node, "error": {"type": kind, "message": text.removesuffix(")").strip("'\"")}}
    else:
        yield {"node": node, "hold": f"stopped-{(state.get('metadata') or {}).get('step', 0)}"}


def _child_step(task: State, state: State, later: State | None, known: Known) -> dict[str, Any] | None:
    """Return the step of a task that ran child graphs, None if it ran none, or one that a script cannot express.

    `later` is the checkpoint after the superstep, if that has finished.
    """
    lines = [list(_line(child)) for child in task.get("children") or ()]
    # The questions of a task are those of the child graph that has not ended, or of the one that a later run continued.
    asked = list(task.get("interrupts") or ())
    waits = [bool(asked) and later is None and line is lines[-1] for line in lines]
    parts = [_child(line, state, known, asked, waits=one) for line, one in zip(lines, waits, strict=True)]
    if not parts or None in parts:
        return None
    first, *others = [part for part in parts if part is not None]
    step = {"node": task["name"], **first}
    if not task.get("checkpoint"):
        step["hidden"] = True
    if any(other.pop("returns", None) != first.get("returns") for other in others):
        return None
    if later is not None:
        step |= _own_words(task, lines, shares="returns" in first)
    step |= {"then": others} if others else {}
    _keep_channels(step, state, later, known.channels)
    return step


def _child(
    line: Sequence[State], state: State, known: Known, asked: Sequence[dict[str, Any]], *, waits: bool
) -> dict[str, Any] | None:
    """Return one child graph of a step, None for one that a script cannot express. `line` are its checkpoints."""
    own = known._replace(channels=_names(line))
    steps = list(_child_steps(line, own, asked, waits=waits))
    if not steps or len(line) < 2:
        return None
    begins, said = (one["values"].get("messages") or [] for one in (line[1], state))
    shares = bool(said) and [one.get("id") for one in begins[: len(said)]] == [one.get("id") for one in said]
    part: dict[str, Any] = {}
    if shares:
        part["returns"] = "messages"
    elif len(begins) == 1 and (text := _content_text(begins[0])):
        part["input"] = text
    elif begins or (said and "messages" not in line[-1]["values"]):
        # It was given several messages, or has none beside a parent that has.
        return None
    if own.channels != known.channels:
        # A script gives a child graph no other input than a message and the channels that it shares.
        given = {name: value for name, value in line[1]["values"].items() if name not in known.channels}
        part["state"] = _declared(sorted(own.channels), line[0]["values"] | given)
    return {**part, "subgraph": steps}


def _child_steps(
    line: Sequence[State], known: Known, asked: Sequence[dict[str, Any]], *, waits: bool
) -> Iterator[dict[str, Any]]:
    """Yield the steps of a child graph."""
    for one, two in itertools.pairwise((*line, None)):
        if one is not None and one.get("next"):
            yield from _steps(one, two, known)
        elif one is not None:
            yield from _step_of_unknown_node(one, two, known.nodes, asked if two or waits else ())


def _step_of_unknown_node(
    state: State, later: State | None, taken: frozenset[str], asked: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the step after a checkpoint of a child graph that the server does not find, as where a tool has a dict.

    The server reads it with the thread's own graph, and so shows only nodes that this graph has as well, `taken`. The
    others are called like those of `create_agent`: `model` speaks, and `tools` has results.
    """
    model, tools = (name if name not in taken else f"inner_{name}" for name in ("model", "tools"))
    if later is None:
        if asked:
            yield {"node": model, **_questions(asked)}
    elif (later.get("metadata") or {}).get("source") == "loop":
        resumed = _run_of(state) != _run_of(later)
        step = {"node": model, **(_questions(asked) if resumed else {}), **_writes(state, later), "takes": 0}
        yield _shortened({**step, "node": tools if "result" in step else model})


def _run_of(state: State) -> Any:
    return (state.get("metadata") or {}).get("run_id")


def _own_words(task: State, lines: Sequence[Sequence[State]], *, shares: bool) -> dict[str, Any]:
    """Return the fields of a step for what a task wrote beside the messages that come from its child graphs.

    With `shares` these are all that the child graphs have said, otherwise their last ones, as results of tool calls.
    """
    said = [line[-1]["values"].get("messages") or [] for line in lines]
    own = written(task)
    if shares:
        known = {message.get("id") for messages in said for message in messages}
        return _step_fields({"messages": [one for one in own if one.get("id") not in known]})
    results = [_result(one) for one in own if one.get("type") == "tool"]
    last = [{"content": _content_text(messages[-1])} for messages in said if messages]
    expected = last if len(results) >= len(last) > 1 else last[-1:] * len(results)
    return {} if len(results) == len(own) and results == expected else _step_fields({"messages": own})


def _keep_channels(step: dict[str, Any], state: State, later: State | None, names: frozenset[str]) -> None:
    """Leave only writes of child graphs that a superstep changed, or that stay in the child graph.

    What a child graph writes to a channel of the parent is written to the parent. The node writes what is missing.
    """
    now = {} if later is None else later["values"]
    before = state["values"]
    changed = {name: one for name, one in now.items() if not _is_left_out(name, one) and before.get(name) != one}
    passed_up: dict[str, Any] = {}
    for inner, shared in _inside(step, names):
        kept = {name: one for name, one in inner.pop("channels", {}).items() if name in changed or name not in shared}
        passed_up |= {name: one for name, one in kept.items() if name in shared}
        if kept:
            inner["channels"] = kept
        elif not inner:
            # It has written to channels of the child alone, and a script has no empty step.
            inner["node"] = AGENT
    missing = {name: value for name, value in changed.items() if name not in passed_up or passed_up[name] != value}
    if missing:
        step["channels"] = missing


def _inside(step: dict[str, Any], shared: frozenset[str]) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield the steps of child graphs, each with the channels that are passed up to the graph of `step`."""
    for child in (step, *step.get("then", ())):
        inside = shared & child["state"].keys() if "state" in child else shared
        for one in _alone(child.get("subgraph", ())):
            yield one, inside
            yield from _inside(one, inside)


def _alone(steps: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield steps, and those that are played in parallel."""
    for step in steps:
        yield from step.get("parallel", (step,))


def _every(steps: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield recorded steps, and those in child graphs and parallel steps."""
    for step in steps:
        yield step
        yield from _every((*step.get("parallel", ()), *step.get("subgraph", ()), *step.get("then", ())))


def _channels(steps: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the channels that steps write."""
    for step in _every(steps):
        yield from step.get("channels", ())


def _is_parallel(tasks: Sequence[State]) -> bool:
    """Return whether several tasks ran in a superstep and have written something."""
    return len(tasks) > 1 and all(isinstance(task.get("result"), dict) for task in tasks)


def _questions(interrupts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the questions of a step."""
    asked = [{"value": interrupt.get("value")} for interrupt in interrupts]
    return {"interrupt": asked[0] if len(asked) == 1 else asked} if asked else {}


def _part(node: str, write: dict[str, Any], took: float, interrupts: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Return one part of a parallel step.

    A tool result stays a message, which names its call: `result` answers the open calls in order, and each part
    answers only its own.
    """
    fields = _step_fields(write)
    if "result" in fields:
        del fields["result"]
        fields["messages"] = _plain(write["messages"] if isinstance(write["messages"], list) else [write["messages"]])
    return {"node": node, **_questions(interrupts), **fields, **({"takes": took} if took else {})}


def _writes(state: State, later: State | None) -> dict[str, Any]:
    """Return the fields of a step that writes the difference between two checkpoints."""
    if later is None:
        return {}
    known, now = state["values"], later["values"]
    channels = {
        name: value for name, value in now.items() if not _is_left_out(name, value) and known.get(name) != value
    }
    return _step_fields({"messages": _new_messages(state, later), **channels})


def _is_left_out(name: str, value: Any) -> bool:
    """Return whether `channels` of a step cannot write a channel, or need not because it is that of the probe."""
    # An application may have a channel `steps` as well. Entries of the contract are `LABEL/NODE:VISIT`.
    of_probe = (
        name == STEPS and isinstance(value, list) and all(re.search(r"^[^/]+/\w+:\d+$", str(one)) for one in value)
    )
    return name in RESERVED or of_probe


def _step_fields(write: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a step that makes the given write to the state."""
    given = write.get("messages") or []
    messages: list[dict[str, Any]] = given if isinstance(given, list) else [given]
    channels = {name: value for name, value in write.items() if not _is_left_out(name, value)}
    others = {"channels": channels} if channels else {}
    kinds = [message.get("type") for message in messages]
    if kinds == ["ai"]:
        return {**_ai_fields(messages[0]), **others}
    if kinds and set(kinds) == {"tool"}:
        return {"result": [_result(message) for message in messages], **others}
    return {**({"messages": _plain(messages)} if messages else {}), **others}


def _plain(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages without ids and empty fields, which the mock fills in again."""
    return [
        {key: value for key, value in message.items() if key != "id" and value not in (None, [], {})}
        for message in messages
    ]


def _ai_fields(message: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {"tool": call["name"], **({"args": call["args"]} if call.get("args") else {}), "id": call["id"]}
        for call in message.get("tool_calls") or ()
    ]
    content = message.get("content")
    return {**({"say": content} if content or not calls else {}), **({"call": calls} if calls else {})}


def _result(message: dict[str, Any]) -> dict[str, Any]:
    status, artifact = message.get("status", "success"), message.get("artifact")
    return {
        "content": message.get("content", ""),
        **({"status": status} if status != "success" else {}),
        **({"artifact": artifact} if artifact is not None else {}),
    }


def _shortened(step: dict[str, Any]) -> dict[str, Any]:
    """Return the step without its defaults: the usual node, no duration, and lists of one."""
    # The defaults of the script format: results come from `tools`, everything else from `agent`.
    usual = "tools" if "result" in step else "agent"
    alone = len(step) == 1 or set(step) == {"node", "takes"}
    left_out = {"takes"} if not step["takes"] else set()
    if step["node"] == usual and not alone:
        left_out.add("node")
    for name in ("call", "result"):
        if isinstance(step.get(name), list) and len(step[name]) == 1:
            step = {**step, name: step[name][0]}
    if (
        isinstance(step.get("result"), dict)
        and list(step["result"]) == ["content"]
        and isinstance(step["result"]["content"], str)
    ):
        step = {**step, "result": step["result"]["content"]}
    return {name: value for name, value in step.items() if name not in left_out}


def _duration(state: State, later: State) -> float:
    """Return the seconds between two checkpoints, 0 if their times are missing or unreadable."""
    try:
        moments = [datetime.fromisoformat(one["created_at"]) for one in (state, later)]
    except (TypeError, ValueError, KeyError):
        return 0.0
    # Two workers with different clocks may write times that run backwards.
    return max(0.0, round((moments[1] - moments[0]).total_seconds(), 2))


def _new_messages(state: State, later: State) -> list[dict[str, Any]]:
    """Return the messages of the later checkpoint that are new or changed since the earlier one."""
    known = {message.get("id"): message for message in state["values"].get("messages") or ()}
    return [one for one in later["values"].get("messages") or () if known.get(one.get("id")) != one]


def _content_text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    blocks: Iterable[Any] = content or ()
    return "".join(itertools.chain(one if isinstance(one, str) else one.get("text", "") for one in blocks))
