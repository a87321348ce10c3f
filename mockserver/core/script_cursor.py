"""Where a thread stands in its script: which turn was chosen, which of its steps comes next.

All pure: a cursor never changes, and what follows from it depends on nothing but the messages. Every checkpoint
keeps the cursor behind it, so that going on, resuming and time travel find the right step again. Where there is
none, as after a write by hand to an empty thread, the messages themselves tell how far the turn has come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from mockserver.core import messages
from mockserver.core.messages import Message
from mockserver.script import patterns
from mockserver.script.patterns import SlowPatternError
from mockserver.script.types import Failure, Interrupt, Script, Step, When

NO_TURN: Final = "NoMatchingTurnError"
"""The class of the exception with which a run fails whose last message no turn is for."""
TOO_SLOW: Final = "SlowPatternError"
"""The class of the exception with which a run fails when a regular expression takes too long on its message."""
ALWAYS: Final = ("text", "resume")
"""The names that texts may use in every turn."""


class Circumstances(Struct, frozen=True):
    """What a turn may ask about beside the messages: who is asked, and on which thread."""

    assistants: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = {}


class Cursor(Struct, frozen=True):
    """The steps of a turn as far as they are known, and the number of the one that comes next."""

    steps: tuple[Step, ...] = ()
    index: int = 0
    fills: Mapping[str, str] = {}
    """What stands for {names} in the texts."""
    visits: Mapping[str, int] = {}
    """How often each node was at work in this turn."""

    @property
    def step(self) -> Step | None:
        """The step that comes next, None at the end of the turn."""
        return self.steps[self.index] if self.index < len(self.steps) else None

    def at_step(self, node: str) -> Step | None:
        """The step, or the part of it, that `node` plays next."""
        parts = () if self.step is None else self.step.parts
        return next((part for part in parts if part.at == node), None)

    @property
    def next(self) -> tuple[str, ...]:
        """The nodes that play the next step, as a checkpoint names them."""
        return () if self.step is None else self.step.nodes

    def visit(self, node: str) -> int:
        """The number of the next visit of a node within the turn."""
        return self.visits.get(node, 0) + 1

    def answered(self, answer: Any) -> Cursor:
        """The cursor, when a human answered what its step asks: the steps of the case that fits come behind it."""
        step = self.step
        if step is None or step.interrupt is None:
            return self
        steps = (*self.steps[: self.index + 1], *_case(step.interrupt, answer), *self.steps[self.index + 1 :])
        return replace(self, steps=steps, fills={**self.fills, "resume": as_text(answer)})

    def passed(self) -> Cursor:
        """The cursor behind the next step."""
        step = self.step
        if step is None:
            return self
        visits = {**self.visits, **{node: self.visit(node) for node in step.nodes}}
        return _unrolled(replace(self, index=self.index + 1, visits=visits))

    def unrolled(self) -> Cursor:
        """The same cursor with a repetition, if one comes next, written out by one round."""
        return _unrolled(self)

    def at_node(self, node: str) -> Cursor:
        """The cursor whose next step is one of `node`'s: the nearest, first looking on, then back."""
        found = _nearest(self.steps, node, range(self.index, len(self.steps)), range(self.index - 1, -1, -1))
        return self if found is None else replace(self, index=found)

    def after_node(self, node: str) -> Cursor | None:
        """The cursor behind a step of `node`'s, as if it had been played by hand; None if the turn has none."""
        here = range(self.index, min(self.index + 1, len(self.steps)))
        found = _nearest(self.steps, node, here, range(self.index - 1, -1, -1), range(self.index + 1, len(self.steps)))
        return None if found is None else _unrolled(replace(self, index=found + 1))


def enter(script: Script, said: Sequence[Message], around: Circumstances) -> Cursor:
    """The cursor at which new input begins, after the messages of the thread with that input; it has a next step.

    Input that brings no message of a human or a tool goes on where the turn stands, or plays its last step again.
    """
    last = said[-1] if said else None
    if last is not None and last["type"] == "human":
        return _begun(script, last, said, around) or _lost(last)
    found = locate(script, said, around)
    begun = _begun(script, last, said, around) if last is not None and last["type"] == "tool" else None
    if begun is not None:
        return replace(begun, visits=found.visits)
    return found if found.step is not None else replace(found, index=len(found.steps) - 1)


def locate(script: Script, said: Sequence[Message], around: Circumstances) -> Cursor:
    """The cursor as the messages tell it: the turn of the last human message, behind what was said since."""
    start = max((number for number, message in enumerate(said) if message["type"] == "human"), default=-1)
    human = said[start] if start >= 0 else messages.human("", "")
    cursor = _begun(script, human, said[: start + 1], around) or _lost(human)
    for kind in _kinds(said[start + 1 :]):
        cursor = _behind(cursor, kind)
    return cursor


def follow(script: Script, cursor: Cursor, said: Sequence[Message], around: Circumstances) -> Cursor:
    """The cursor after a step was played: at the end of a turn, the turn that is for the last tool result."""
    if cursor.step is not None or not said or said[-1]["type"] != "tool":
        return cursor
    found = _begun(script, said[-1], said, around)
    return cursor if found is None else replace(found, visits=cursor.visits)


def fill(content: Any, fills: Mapping[str, str]) -> Any:
    """Texts with what stands for {names}, also inside of lists and objects; other braces stay as they are.

    {name:lower} is in lower case, and {name:slug} has each run of other characters than a-z and 0-9 as one _.
    Of {{name}} the outer braces go, and nothing is filled in.
    """
    if isinstance(content, str):
        return _FILL.sub(lambda found: _filled(found, fills), content) if "{" in content else content
    if isinstance(content, list):
        return [fill(one, fills) for one in content]
    if isinstance(content, dict):
        return {key: fill(value, fills) for key, value in content.items()}
    return content


def as_text(value: Any) -> str:
    """A value as the texts of a script show it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def literal(content: Any) -> Any:
    """A content of which `fill` makes this content, in a turn that names no groups."""
    if isinstance(content, str):
        return _FILL.sub(lambda found: f"{{{found.group()}}}" if found["name"] in ALWAYS else found.group(), content)
    if isinstance(content, list):
        return [literal(one) for one in content]
    if isinstance(content, dict):
        return {key: literal(value) for key, value in content.items()}
    return content


_FILL = re.compile(r"(?P<before>{*){(?P<name>[A-Za-z_]\w*)(?::(?P<change>lower|slug))?}(?P<behind>}*)")


def _filled(found: re.Match[str], fills: Mapping[str, str]) -> str:
    before, name, change, behind = found.group("before", "name", "change", "behind")
    if before and behind and (name in fills or name in ALWAYS):
        return found.group()[1:-1]
    if name not in fills:
        return found.group()
    text = fills[name]
    if change == "lower":
        text = text.lower()
    elif change == "slug":
        text = re.sub(r"[^a-z0-9]+", "_", text.lower())
    return f"{before}{text}{behind}"


def _begun(script: Script, last: Message, said: Sequence[Message], around: Circumstances) -> Cursor | None:
    """The beginning of the first turn that is for the last message, None if there is none."""
    number = sum(1 for message in said if message["type"] == "human")
    for turn in script.turns:
        try:
            fills = _fitting(turn.when, last, number, around)
        except SlowPatternError as error:
            # The run fails, and the turns behind, which may be as slow, are not tried.
            return Cursor((_too_slow(error),))
        if fills is not None:
            return _unrolled(Cursor(tuple(turn.steps), fills=fills))
    return None


def _fitting(when: When, last: Message, number: int, around: Circumstances) -> dict[str, str] | None:
    """What stands for {names} if the turn is for this message, None if it is not."""
    text = messages.text_of(last)
    if (last["type"] == "tool") != (when.tool_result is not None):
        return None
    if when.tool_result not in (None, "*", last.get("name")):
        return None
    folded = text.casefold()
    if when.text is not None and when.text.strip().casefold() != folded.strip():
        return None
    if when.contains is not None and when.contains.casefold() not in folded:
        return None
    if when.turn not in (None, number) or (when.assistant is not None and when.assistant not in around.assistants):
        return None
    if any(key not in around.metadata or around.metadata[key] != value for key, value in when.metadata.items()):
        return None
    found = patterns.search(when.matches, text) if when.matches is not None else None
    if when.matches is not None and found is None:
        return None
    named = {} if found is None else {name: value or "" for name, value in found.groupdict().items()}
    return {"text": text, **named}


def _lost(last: Message) -> Cursor:
    """The cursor of a message that no turn is for: a step that fails and says so."""
    text = messages.text_of(last)
    shown = text if len(text) <= 80 else f"{text[:80]}..."
    message = f"no turn of the script is for the message {shown!r}; add one without `when` for all others"
    return Cursor((Step(error=Failure(message=message, type=NO_TURN)),))


def _too_slow(error: SlowPatternError) -> Step:
    """Return the step that a run fails at whose turn could not be found in a reasonable time."""
    return Step(error=Failure(message=str(error), type=TOO_SLOW))


def _case(interrupt: Interrupt, answer: Any) -> Sequence[Step]:
    for case in interrupt.cases:
        if case.equals is not UNSET and case.equals != answer:
            continue
        try:
            if case.matches is not None and patterns.search(case.matches, as_text(answer)) is None:
                continue
        except SlowPatternError as error:
            return (_too_slow(error),)
        return case.steps
    return ()


def _unrolled(cursor: Cursor) -> Cursor:
    """The same cursor with a repetition, if one comes next, written out by one round."""
    step = cursor.step
    while step is not None and step.repeat is not None:
        rounds = step.repeat if step.repeat == "forever" else step.repeat - 1
        again = [replace(step, repeat=rounds)] if rounds else []
        steps = (*cursor.steps[: cursor.index], *step.steps, *again, *cursor.steps[cursor.index + 1 :])
        cursor = replace(cursor, steps=steps)
        step = cursor.step
    return cursor


def _nearest(steps: Sequence[Step], node: str, *ways: Iterable[int]) -> int | None:
    return next((index for way in ways for index in way if node in steps[index].nodes), None)


def _behind(cursor: Cursor, kind: str) -> Cursor:
    """The cursor behind the next step that writes a message of this kind; the same cursor where none is near."""
    found = cursor
    for _ in range(len(cursor.steps) + 1):
        step, found = found.step, found.passed()
        if step is None or _writes(step) == kind:
            return cursor if step is None else found
    return cursor


def _writes(step: Step) -> str | None:
    """The kind of message by which a step that was played can be told."""
    if step.parallel:
        return next((kind for part in reversed(step.parallel) if (kind := _writes(part)) is not None), None)
    if step.messages:
        return str(step.messages[-1].get("type", step.messages[-1].get("role")))
    if step.speaks:
        return "ai"
    return "tool" if step.result is not None else None


def _kinds(said: Sequence[Message]) -> list[str]:
    """The kinds of messages, several results in a row as one: one step gives them all."""
    kinds = [message["type"] for message in said]
    return [kind for cursor, kind in enumerate(kinds) if kind != "tool" or kinds[cursor - 1 : cursor] != ["tool"]]
