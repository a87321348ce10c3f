"""Mistakes in a script that has the right form: parts that can never do what they say.

Each check returns the path of the part and a text, so that the caller can name its line. A check speaks only where it
is certain: what depends on a message, on an answer or on a client is no mistake of the script.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import UNSET

from mockserver.script.placeholders import is_slip, misspelled
from mockserver.script.states import twice
from mockserver.script.types import Case, Interrupt, Script, Step, Turn, When, every_step
from mockserver.words import nearest

Found = tuple[str, str]
"""The path of a part, such as `.turns[0].steps[1]`, and the mistake."""


def mistakes(script: Script) -> Iterator[Found]:
    """Yield every mistake of a script, in the order of the file."""
    for number, turn in enumerate(script.turns):
        yield from _unreachable(script.turns, number)
        if any(_covers(earlier.when, turn.when) for earlier in script.turns[:number]):
            # It is there for commands with `goto`, whose input may have calls.
            continue
        # After a tool result, and on a thread of a client, calls may be open that the turn did not make.
        yield from _Calls(f".turns[{number}].steps", known=turn.when.tool_result is None).follow(turn.steps)
        yield from _inner(turn.steps, f".turns[{number}].steps")
    yield from _cases(script)
    yield from _channels(script)
    yield from misspelled(script)


def _cases(script: Script) -> Iterator[Found]:
    """Report a case behind one that matches every answer that it matches."""
    for at, step in _placed(script):
        for path, question in _questions(step, at):
            for number, case in enumerate(question.cases):
                before = question.cases[:number]
                nodes = {node for one in before for inner in every_step(one.steps) for node in inner.nodes}
                if {node for inner in every_step(case.steps) for node in inner.nodes} - nodes:
                    # A command with `goto` reaches the steps of a case that no answer has chosen.
                    continue
                covering = [place for place, one in enumerate(before) if _takes(one, case)]
                if covering:
                    text = f"this case is never chosen: case {covering[0] + 1} matches all of its answers. Move it up"
                    yield f"{path}.cases[{number}]", text


def _takes(one: Case, other: Case) -> bool:
    if one.equals is UNSET and one.matches is None:
        return True
    return (one.equals, one.matches) == (other.equals, other.matches)


def _questions(step: Step, at: str) -> Iterator[tuple[str, Interrupt]]:
    if isinstance(step.interrupt, Interrupt):
        yield f"{at}.interrupt", step.interrupt
    for number, question in enumerate(step.interrupt if isinstance(step.interrupt, list) else ()):
        yield f"{at}.interrupt[{number}]", question


def _channels(script: Script) -> Iterator[Found]:
    """Report a write to a channel whose name is one slip away from one that the script lists, and two reducers."""
    for path, name in twice(script):
        yield ".turns", f"the child graphs of `{path}` have the channel `{name}` with two reducers. Rename one of them"
    inner = {name for _, step in _placed(script) for name in step.state or ()}
    for at, step in _placed(script):
        for name in step.channels:
            if name not in inner and is_slip(name, script.channels):
                near = nearest(name, script.channels)
                text = f"the channel `{name}` is not among `channels`. Did you mean `{near}`? If not, list it there"
                yield f"{at}.channels.{name}", text


def _placed(script: Script) -> Iterator[tuple[str, Step]]:
    """Yield every step with its path, those of child graphs as well."""
    waiting = deque(
        (f".turns[{turn}].steps[{number}]", step)
        for turn, one in enumerate(script.turns)
        for number, step in enumerate(one.steps)
    )
    while waiting:
        at, step = waiting.popleft()
        yield at, step
        groups = [(f"{at}.{key}", getattr(step, key)) for key in ("steps", "parallel", "subgraph", "then")]
        for path, question in _questions(step, at):
            groups += [(f"{path}.cases[{number}].steps", case.steps) for number, case in enumerate(question.cases)]
        waiting.extendleft(
            reversed([(f"{path}[{number}]", inner) for path, steps in groups for number, inner in enumerate(steps)])
        )


def _unreachable(turns: Sequence[Turn], number: int) -> Iterator[Found]:
    """Report a turn behind one that matches everything that it matches."""
    if _nodes(turns[number]) - {node for earlier in turns[:number] for node in _nodes(earlier)}:
        # A command with `goto` finds a node in any turn.
        return
    for before, earlier in enumerate(turns[:number]):
        if _covers(earlier.when, turns[number].when):
            name = f" `{earlier.name}`" if earlier.name else ""
            every = " has no `when` and" if earlier.when == When() else ""
            text = f"this turn is never played: turn {before + 1}{name}{every} matches all of its messages. Move it up"
            yield f".turns[{number}]", text
            return


def _nodes(turn: Turn) -> set[str]:
    return {node for step in every_step(turn.steps) for node in step.nodes}


def _covers(one: When, other: When) -> bool:
    """Return whether a condition holds wherever another one does, as far as that is certain."""
    if (one.tool_result is None) != (other.tool_result is None) or one.tool_result not in (
        None,
        "*",
        other.tool_result,
    ):
        return False
    texts = (
        one.text in (None, other.text) or (other.text is not None and _same(one.text, other.text)),
        one.contains is None or any(_within(one.contains, text) for text in (other.contains, other.text)),
        one.matches in (None, other.matches),
    )
    others = (one.turn in (None, other.turn), one.assistant in (None, other.assistant))
    kept = ((one.metadata, other.metadata), (one.channels, other.channels), (one.context, other.context))
    return all(texts) and all(others) and all(_holds(few, many) for few, many in kept)


def _holds(few: dict[str, Any], many: dict[str, Any]) -> bool:
    return all(name in many and many[name] == value for name, value in few.items())


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.strip().casefold() == other.strip().casefold()


def _within(part: str, text: str | None) -> bool:
    return text is not None and part.casefold() in text.strip().casefold()


def _inner(steps: Sequence[Step], path: str) -> Iterator[Found]:
    """Yield the mistakes of child graphs, whose conversation begins with one message of a human."""
    for number, step in enumerate(steps):
        at = f"{path}[{number}]"
        for place, child in enumerate(() if step.shares_messages else step.children):
            inside = f"{at}.then[{place - 1}].subgraph" if place else f"{at}.subgraph"
            yield from _Calls(inside, known=True).follow(child.subgraph)
        yield from _inner(step.steps, f"{at}.steps")
        yield from _inner(step.parallel, f"{at}.parallel")


class _Calls:
    """The tool calls without a result while steps are followed, as many as each message of the model has left open."""

    def __init__(self, path: str, *, known: bool) -> None:
        self._path = path
        self._open: list[int] | None = [] if known else None
        """The newest calls last. None: they are not known."""
        self._answered = False
        """True once a result was given since the last call."""

    def follow(self, steps: Sequence[Step]) -> Iterator[Found]:
        """Yield the results that have no call, and those that are too many."""
        for number, step in enumerate(steps):
            if step.repeat is not None or step.parallel or step.subgraph or step.messages or step.questions:
                # What is open behind these depends on rounds, on the order of tasks, on messages or on an answer.
                self._open = None
            elif step.calls:
                self._open, self._answered = [*(self._open or ()), len(step.calls)], False
            elif step.result is not None and self._open is not None:
                yield from self._result(step, f"{self._path}[{number}]", self._open)
                self._answered = True

    def _result(self, step: Step, path: str, waiting: list[int]) -> Iterator[Found]:
        given = len(step.results)
        if not waiting and self._answered:
            yield path, "a second `result` for the same calls. Give all results in one step: result: [ONE, OTHER]"
        elif not waiting:
            yield path, "a `result` without a `call` before it in this turn. Add a step with `call`, or use `say`"
        elif given > waiting[-1]:
            calls = "1 call" if waiting[-1] == 1 else f"{waiting[-1]} calls"
            yield path, f"{given} results for {calls}. Remove the others, or add the calls"
        # A single result is that of all calls. Fewer than there are calls leave the rest open.
        left = waiting[-1] - given if waiting and given > 1 else 0
        self._open = [*waiting[:-1], left] if left > 0 else waiting[:-1]
