"""`python -m mockserver record`: a script that plays the history of a real deployment's thread again.

It follows the checkpoints from the first to the newest, with the parents of each, so branches that were left are
left out. A superstep becomes a step, one of several nodes a step with `parallel`. Where a run was stopped the script
holds, so that the client's next message finds the run as it found it then.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import aiohttp
import msgspec
import yaml

from mockserver.core.checkpoints import START
from mockserver.core.script_cursor import literal
from mockserver.script.types import RESERVED, Script

PAGE: Final = 100
HEADER: Final = "# Recorded from thread {thread}.\n"
_State = dict[str, Any]


class RecordingError(Exception):
    """A thread that cannot be recorded; the text says why."""


def main(arguments: Sequence[str], program: str) -> int:
    """Write the script to standard output; the exit code is 1 when the thread cannot be recorded."""
    parser = argparse.ArgumentParser(
        prog=program, description="Make a script that plays a real deployment's thread again."
    )
    parser.add_argument("--from", dest="source", metavar="URL", required=True, help="the deployment")
    parser.add_argument("--thread", metavar="ID", required=True, help="the thread")
    parser.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'", help="sent with every request; repeatable"
    )
    options = parser.parse_args(arguments)
    headers = {}
    for header in options.header:
        name, colon, value = header.partition(":")
        if not colon:
            parser.error(f"--header {name!r}: write it as 'NAME: VALUE'")
        headers[name.strip()] = value.strip()
    try:
        history = asyncio.run(fetch(options.source, options.thread, headers))
        text = written(script_of(history))
    except RecordingError as error:
        sys.stderr.write(f"{program.removeprefix('python -m ')}: {error}\n")
        return 1
    sys.stdout.write(HEADER.format(thread=options.thread) + text)
    return 0


async def fetch(url: str, thread_id: str, headers: dict[str, str] | None = None) -> list[_State]:
    """Every checkpoint of a thread, newest first. Raises `RecordingError`."""
    found: list[_State] = []
    page: list[_State] = []
    address = f"{url.rstrip('/')}/threads/{thread_id}/history"
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            while not found or len(page) == PAGE:
                before = {"before": found[-1]["checkpoint"]} if found else {}
                async with session.post(address, json={"limit": PAGE, **before}) as answer:
                    if answer.status != 200:
                        raise RecordingError(f"{address}: HTTP {answer.status}: {(await answer.text())[:200]}")
                    page = await answer.json()
                if not page:
                    break
                found += page
    except (aiohttp.ClientError, ValueError, OSError) as error:
        raise RecordingError(f"{address}: {error}") from error
    return found


def script_of(history: Sequence[_State]) -> dict[str, Any]:
    """A script, as data, from the checkpoints of a thread, newest first. Raises `RecordingError`."""
    line = list(_line(history))
    if not line:
        raise RecordingError("the thread has no checkpoints: there is nothing to play")
    turns: list[dict[str, Any]] = []
    for number, state in enumerate(line):
        later = line[number + 1] if number + 1 < len(line) else None
        if (state.get("metadata") or {}).get("source") == "input":
            if later is not None:
                turns.append({"when": _when(state, later, len(turns) + 1), "steps": []})
        elif turns:
            turns[-1]["steps"] += _steps(state, later)
    # A turn without steps was stopped before its first; so it does nothing but wait.
    for place, turn in enumerate(turns, start=1):
        turn["steps"] = literal(turn["steps"]) or [{"node": "agent", "hold": f"stopped-{place}"}]
    channels = sorted({name for turn in turns for step in turn["steps"] for name in step.get("channels", ())})
    made = {"version": 1, **({"channels": dict.fromkeys(channels, "replace")} if channels else {}), "turns": turns}
    try:
        msgspec.convert(made, Script)
    except msgspec.ValidationError as error:
        raise RecordingError(f"the thread has what no script can play: {error}") from error
    return made


def written(script: dict[str, Any]) -> str:
    """A script as YAML."""
    return yaml.dump(script, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and no references."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature of the library
        return True


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _text)


def _line(history: Sequence[_State]) -> Iterator[_State]:
    """The checkpoints that led to the newest, oldest first."""
    by_id = {_id(state["checkpoint"]): state for state in history}
    found: list[_State] = []
    state = history[0] if history else None
    while state is not None:
        found.append(state)
        state = by_id.get(_id(state.get("parent_checkpoint")))
    return reversed(found)


def _id(reference: Any) -> str:
    return str((reference or {}).get("checkpoint_id"))


def _when(state: _State, later: _State, number: int) -> dict[str, Any]:
    """The condition for a turn: the text of its last human message, at the same place in the conversation."""
    said = [message for message in _new_messages(state, later) if message.get("type") == "human"]
    turn = sum(1 for message in later["values"].get("messages", ()) if message.get("type") == "human")
    text = _content_text(said[-1]) if said else None
    return {**({"text": text} if text else {}), "turn": turn or number}


def _steps(state: _State, later: _State | None) -> Iterator[dict[str, Any]]:
    """What the nodes did that a checkpoint names as next."""
    if not state.get("next") or START in state["next"]:
        return
    tasks = state.get("tasks") or []
    asked = [interrupt for task in tasks for interrupt in task.get("interrupts") or ()]
    failed = [task["error"] for task in tasks if task.get("error")]
    goes_on = later is not None and (later.get("metadata") or {}).get("source") == "loop"
    node = state["next"][0]
    if asked:
        did = _did(state, later) if goes_on else {}
        yield _shortened({"node": node, "interrupt": {"value": asked[0].get("value")}, **did, "takes": 0})
    elif goes_on and later is not None:
        if _is_parallel(tasks):
            took = _took(state, later)
            yield {"parallel": [_part(task["name"], task["result"], took) for task in tasks]}
        else:
            yield _shortened({"node": node, **_did(state, later), "takes": _took(state, later)})
    elif failed:
        kind, _, text = str(failed[0]).partition("(")
        yield {"node": node, "error": {"type": kind, "message": text.removesuffix(")").strip("'\"")}}
    else:
        yield {"node": node, "hold": f"stopped-{(state.get('metadata') or {}).get('step', 0)}"}


def _is_parallel(tasks: Sequence[_State]) -> bool:
    """Whether several nodes did something in a superstep. Several tasks of one node are told as one step."""
    names = {task["name"] for task in tasks}
    return len(tasks) > 1 and len(names) == len(tasks) and all(isinstance(task.get("result"), dict) for task in tasks)


def _part(node: str, write: dict[str, Any], took: float) -> dict[str, Any]:
    """One of several steps at the same time; a result names its call, for each answers only its own."""
    did = _of_write(write)
    if "result" in did:
        del did["result"]
        did["messages"] = _plain(write["messages"] if isinstance(write["messages"], list) else [write["messages"]])
    return {"node": node, **did, **({"takes": took} if took else {})}


def _did(state: _State, later: _State | None) -> dict[str, Any]:
    """What was written between two checkpoints."""
    if later is None:
        return {}
    known, now = state["values"], later["values"]
    channels = {name: value for name, value in now.items() if name not in RESERVED and known.get(name) != value}
    return _of_write({"messages": _new_messages(state, later), **channels})


def _of_write(write: dict[str, Any]) -> dict[str, Any]:
    """A node's write as a step says it."""
    given = write.get("messages") or []
    said: list[dict[str, Any]] = given if isinstance(given, list) else [given]
    channels = {name: value for name, value in write.items() if name not in RESERVED}
    others = {"channels": channels} if channels else {}
    kinds = [message.get("type") for message in said]
    if kinds == ["ai"]:
        return {**_spoken(said[0]), **others}
    if kinds and set(kinds) == {"tool"}:
        return {"result": [_result(message) for message in said], **others}
    return {**({"messages": _plain(said)} if said else {}), **others}


def _plain(said: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages as a client writes them."""
    return [
        {key: value for key, value in message.items() if key != "id" and value not in (None, [], {})}
        for message in said
    ]


def _spoken(message: dict[str, Any]) -> dict[str, Any]:
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
    """The step without what goes without saying."""
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


def _took(state: _State, later: _State) -> float:
    """The seconds between two checkpoints."""
    try:
        moments = [datetime.fromisoformat(one["created_at"]) for one in (state, later)]
    except (TypeError, ValueError, KeyError):
        return 0.0
    return max(0.0, round((moments[1] - moments[0]).total_seconds(), 2))


def _new_messages(state: _State, later: _State) -> list[dict[str, Any]]:
    """The messages of the later of two checkpoints that the earlier has not, or has otherwise."""
    known = {message.get("id"): message for message in state["values"].get("messages") or ()}
    return [one for one in later["values"].get("messages") or () if known.get(one.get("id")) != one]


def _content_text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    blocks: Iterable[Any] = content or ()
    return "".join(itertools.chain(one if isinstance(one, str) else one.get("text", "") for one in blocks))
