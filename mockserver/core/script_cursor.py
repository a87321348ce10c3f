"""The position of a thread in its script: the turn that was chosen, and the step that comes next.

Theory of operation. Input chooses a turn (`enter`). Each step that was played moves the cursor past it
(`follow`), and at the end of a turn a tool result may choose another turn. A resumed interrupt inserts the
steps of the case that matches the answer. A repetition is unrolled one round at a time, so `forever` needs no
endless list.

Everything here is pure. A cursor is immutable, and its successor depends only on the messages. Every checkpoint
keeps the cursor after it, so continuing, resuming and time travel find the right step without any other state.
A checkpoint without a cursor, such as one after a manual write to an empty thread, gets one from its messages
(`locate`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from mockserver.core import messages
from mockserver.core.json_text import as_json
from mockserver.core.messages import Message
from mockserver.script import patterns
from mockserver.script.actions import Failure
from mockserver.script.patterns import SlowPatternError
from mockserver.script.placeholders import ALONE, ALWAYS, CHANGES, PLACE, STATE, is_slip
from mockserver.script.tasks import in_order, node_of, sent_first
from mockserver.script.types import Interrupt, Script, Step, Turn, When
from mockserver.words import some

NO_TURN: Final = "NoMatchingTurnError"
"""The type of the exception that fails a run when no turn matches its last message."""
TOO_SLOW: Final = "SlowPatternError"
"""The type of the exception that fails a run when a regular expression takes too long on its message."""


class TurnContext(Struct, frozen=True):
    """The facts besides the messages that a turn may match."""

    assistants: tuple[str, ...] = ()
    """The id, graph and name of the assistant."""
    metadata: Mapping[str, Any] = {}
    """The thread's metadata."""
    values: Mapping[str, Any] = {}
    """The state."""
    configurable: Mapping[str, Any] = {}
    """The configurable of the run, which has its context as well."""


class Cursor(Struct, frozen=True, dict=True):
    """The steps of a turn as far as they are known, and the index of the next one."""

    steps: tuple[Step, ...] = ()
    index: int = 0
    fills: Mapping[str, Any] = {}
    """The values of {names} in texts."""
    visits: Mapping[str, int] = {}
    """The number of visits of each node in this turn."""

    @property
    def step(self) -> Step | None:
        """Return the next step, None at the end of the turn."""
        return self.steps[self.index] if self.index < len(self.steps) else None

    def at_step(self, task: str) -> Step | None:
        """Return the step, or the part of it, that `task` plays next."""
        found = self._parts.get(task)
        return self._parts.get(self.playing(task)) if found is None else found

    def playing(self, task: str) -> str:
        """Return the name by which the next step knows a task: its own, or that of its node's if a command sent it."""
        known = self._parts
        if task in known:
            return task
        node = node_of(task)
        return next((one for one in known if node_of(one) == node), node)

    # Cached: it is read for every task and every tool call, and a cursor never changes.
    @cached_property
    def _parts(self) -> dict[str, Step]:
        """Return the parts of the next step by the tasks that play them."""
        step = self.step
        return {} if step is None else dict(zip(step.tasks, step.parts, strict=True))

    def answers_calls(self, task: str) -> bool:
        """Return whether `task` gives results to tool calls: with a `result`, or as the caller of a child graph.

        A `result` in the step behind a child graph replaces what the child graph returns.
        """
        step = self.at_step(task)
        if step is None or not step.subgraph or step.shares_messages or step.writes_messages:
            return step is not None and step.result is not None
        following = self.passed().step
        return following is None or all(part.result is None for part in following.parts)

    @property
    def next(self) -> tuple[str, ...]:
        """Return the tasks that play the next step, as a checkpoint names them."""
        step = self.step
        if step is None:
            return ()
        return sent_first(step.tasks) if step.parallel else step.tasks

    def visit(self, task: str) -> int:
        """Return the number of the visit of its node that a task makes next in this turn."""
        node = node_of(task)
        number = self.visits.get(node, 0) + 1
        if task == node:
            # Most nodes have one task, so the others are not asked.
            return number
        before = itertools.takewhile(lambda one: one != task, self.next) if task in self.next else ()
        return number + sum(node_of(one) == node for one in before)

    def heard(self, task: str, answers: Sequence[Any]) -> Cursor:
        """Return the cursor for a task whose first questions have these answers, which its texts may use."""
        step = self.at_step(task) if answers else None
        questions = () if step is None else step.questions
        return replace(self, fills={**self.fills, **_heard(questions, answers)}) if questions else self

    def answered(self, answers: Mapping[str, Sequence[Any]]) -> Cursor:
        """Return the cursor after answers to the questions of tasks, with the steps of the matching cases inserted."""
        parts = self._parts
        if not any(part.interrupt is not None for part in parts.values()):
            return self
        inserted: list[Step] = []
        fills = dict(self.fills)
        for task in in_order(parts):
            part, given = parts[task], answers.get(task, ())
            for question, answer in zip(part.questions, given, strict=False):
                inserted += _case(question, answer)
            fills |= _heard(part.questions, given)
        steps = (*self.steps[: self.index + 1], *inserted, *self.steps[self.index + 1 :])
        return replace(self, steps=steps, fills=fills) if fills != self.fills or inserted else self

    def passed(self) -> Cursor:
        """Return the cursor after the next step."""
        step = self.step
        if step is None:
            return self
        visits = {**self.visits, **{node_of(task): self.visit(task) for task in step.tasks}}
        return _unrolled(replace(self, index=self.index + 1, visits=visits))

    def unrolled(self) -> Cursor:
        """Return the same cursor with one round of a repetition written out, if one comes next."""
        return _unrolled(self)

    def at_node(self, node: str) -> Cursor:
        """Return the cursor at the nearest step of `node`, searching forward and then backward."""
        if (step := self.step) is not None and _plays(step, node_of(node)):
            # Nearly always, as only an interruption between two steps leaves it elsewhere.
            return self
        here = range(self.index, len(self.steps))
        found = _nearest(self.steps, node_of(node), here, range(self.index - 1, -1, -1))
        return self if found is None else replace(self, index=found)

    def sent_to(self, node: str, script: Script) -> Cursor:
        """Return the cursor at a step of `node`: the nearest in this turn, else the first in the script.

        A step in a repetition or in the case of an answer counts as well, and the steps around it follow. A node that
        no turn plays gets a step that does nothing.
        """
        index = _nearest(self.steps, node, range(self.index, len(self.steps)), range(self.index - 1, -1, -1))
        # Not inside the steps of this turn: the case of an answer that was given is among them already.
        reached = (self.steps, index) if index is not None else None
        for turn in script.turns:
            reached = reached or _reached(turn.steps, node)
        if reached is None:
            return replace(self, steps=(Step(node=node),), index=0)
        steps, index = reached
        # Of a step with parallel parts it plays one.
        part = next(part for part in steps[index].parts if part.at == node)
        return replace(self, steps=(*steps[:index], part, *steps[index + 1 :]), index=index)

    def with_visits(self, others: Iterable[Mapping[str, int]]) -> Cursor:
        """Return the cursor with the visits that tasks beside it have made as well."""
        visits = dict(self.visits)
        for other in others:
            visits |= {node: max(number, visits.get(node, 0)) for node, number in other.items()}
        return replace(self, visits=visits) if visits != self.visits else self

    def with_input(self, given: Any) -> Cursor:
        """Return the cursor of a node that is sent an input. Its texts may use the fields of the input."""
        fields = given if isinstance(given, dict) else {}
        return replace(self, fills={**self.fills, **fields})

    def after_node(self, node: str) -> Cursor | None:
        """Return the cursor after a step of `node`, as if a client had played it, None if the turn has none."""
        # The next step first: a write in the role of the node that waits replaces its step. Otherwise the write
        # corrects a step that was played, so the search goes backward before it goes forward.
        here = range(self.index, min(self.index + 1, len(self.steps)))
        found = _nearest(self.steps, node, here, range(self.index - 1, -1, -1), range(self.index + 1, len(self.steps)))
        return None if found is None else _unrolled(replace(self, index=found + 1))


def enter(script: Script, conversation: Sequence[Message], context: TurnContext) -> Cursor:
    """Return the cursor for new input, given the messages of the thread including that input. It has a next step.

    Other input enters at the node that begins the turn, wherever the thread waits or ended: at its next step if that
    node plays it, else at the newest step of that node again. A model answers the conversation as it is by now.
    """
    last = conversation[-1] if conversation else None
    if last is not None and last["type"] == "human":
        return _start_turn(script, last, conversation, context) or _unmatched(script, last)
    # The human turn is located even for a tool message: its visits continue, so
    # that hold points such as `tools:2/enter` count through the whole turn.
    found = locate(script, conversation, context)
    started = _start_turn(script, last, conversation, context) if last is not None and last["type"] == "tool" else None
    if started is not None:
        return replace(started, visits=found.visits)
    entry = _human_turn(script, conversation, context)[0].next
    # A finished turn has no next step, but a run executes at least one.
    newest = min(found.index, len(found.steps) - 1)
    played = (replace(found, index=index) for index in range(newest, -1, -1))
    return next(cursor for cursor in played if cursor.next == entry)


def locate(script: Script, conversation: Sequence[Message], context: TurnContext) -> Cursor:
    """Return the cursor that the messages imply: in the last human message's turn, after the later messages."""
    cursor, later = _human_turn(script, conversation, context)
    for kind in _kinds(later):
        cursor = _past(cursor, kind)
    return cursor


def follow(script: Script, cursor: Cursor, conversation: Sequence[Message], context: TurnContext) -> Cursor:
    """Return the cursor after a step. At the end of a turn, a turn for the last tool result follows."""
    if cursor.step is not None or not conversation or conversation[-1]["type"] != "tool":
        return cursor
    found = _start_turn(script, conversation[-1], conversation, context)
    return cursor if found is None else replace(found, visits=cursor.visits)


def fill(content: Any, fills: Mapping[str, Any], *, typed: bool = False) -> Any:
    """Return content with the {names} in its texts replaced, at any depth. Other braces stay unchanged.

    `typed`: a text that is nothing but a name becomes the value with that name, of whatever type it is.

    `{name:lower}` is converted to lower case. `{name:slug}` replaces each run of characters other than a-z and 0-9
    by one `_`. `{{name}}` stands for a literal `{name}`.
    """
    if isinstance(content, str):
        if typed and (alone := ALONE.fullmatch(content)) and alone["name"] in fills:
            return fills[alone["name"]]
        return PLACE.sub(lambda found: _filled(found, fills), content) if "{" in content else content
    if isinstance(content, list):
        return [fill(one, fills, typed=typed) for one in content]
    if isinstance(content, dict):
        return {key: fill(value, fills, typed=typed) for key, value in content.items()}
    return content


class Fills(Mapping[str, Any]):
    """The values of {names} in the texts of a task: those of its turn, and its state as `{state.NAME}`.

    `{state.messages}` is the text of the last message. A channel is read when a text names it.
    """

    def __init__(self, named: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self._named = named
        self._values = values

    def __getitem__(self, name: str) -> Any:
        if name in self._named:
            return self._named[name]
        channel = name.removeprefix(STATE)
        if channel == name:
            raise KeyError(name)
        value = self._values[channel]
        if channel == "messages" and isinstance(value, list) and value:
            return messages.text_of(value[-1])
        return value

    def __iter__(self) -> Iterator[str]:
        yield from self._named
        yield from (f"{STATE}{name}" for name in self._values)

    def __len__(self) -> int:
        return len(self._named) + len(self._values)


def as_text(value: Any) -> str:
    """Return a value as the texts of a script show it."""
    return value if isinstance(value, str) else as_json(value)


def literal(content: Any) -> Any:
    """Return content that `fill` turns back into this content, in a turn without named groups."""
    if isinstance(content, str):
        return PLACE.sub(lambda found: f"{{{found.group()}}}" if _is_special(found["name"]) else found.group(), content)
    if isinstance(content, list):
        return [literal(one) for one in content]
    if isinstance(content, dict):
        return {key: literal(value) for key, value in content.items()}
    return content


def _is_special(name: str) -> bool:
    """Return whether a name may be replaced in the texts of every turn, or is refused as a slip of one that may."""
    return name in ALWAYS or name.startswith(STATE) or is_slip(name, ALWAYS)


def _filled(found: re.Match[str], fills: Mapping[str, Any]) -> str:
    before, name, change, behind = found.group("before", "name", "change", "behind")
    # Checked first, so that an escaped name is never replaced.
    if before and behind and (name in fills or _is_special(name) or is_slip(name, list(fills))):
        return found.group()[1:-1]
    if name not in fills or change not in (None, *CHANGES):
        return found.group()
    text = as_text(fills[name])
    if change == "lower":
        text = text.lower()
    elif change == "slug":
        text = re.sub(r"[^a-z0-9]+", "_", text.lower())
    return f"{before}{text}{behind}"


def _start_turn(script: Script, last: Message, conversation: Sequence[Message], context: TurnContext) -> Cursor | None:
    """Return the start of the first turn that matches the last message, None if no turn does."""
    # One budget for all turns: a hundred expressions that each stay below a limit would add up.
    budget = patterns.Budget()
    for turn in script.turns:
        try:
            fills = _match(turn.when, last, conversation, context, budget)
        except SlowPatternError as error:
            # The run fails. The turns that follow may be as slow, so they are not tried.
            return Cursor((_too_slow(error),))
        if fills is not None:
            return _unrolled(Cursor(tuple(turn.steps), fills=fills))
    return None


def _match(
    when: When, last: Message, conversation: Sequence[Message], context: TurnContext, budget: patterns.Budget
) -> dict[str, str] | None:
    """Return the replacements for {names} if the turn matches this message, None if it does not."""
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
    # Counted only where a turn needs the number: a conversation may be long.
    if when.turn is not None and when.turn != sum(1 for message in conversation if message["type"] == "human"):
        return None
    if when.assistant is not None and when.assistant not in context.assistants:
        return None
    for facts, wanted in (
        (context.metadata, when.metadata),
        (context.values, when.channels),
        (context.configurable, when.context),
    ):
        if any(key not in facts or facts[key] != value for key, value in wanted.items()):
            return None
    found = budget.search(when.matches, text) if when.matches is not None else None
    if when.matches is not None and found is None:
        return None
    named = {} if found is None else {name: value or "" for name, value in found.groupdict().items()}
    return {"text": text, **named}


def _human_turn(
    script: Script, conversation: Sequence[Message], context: TurnContext
) -> tuple[Cursor, Sequence[Message]]:
    """Return the start of the last human message's turn, and the messages after it."""
    start = max((number for number, message in enumerate(conversation) if message["type"] == "human"), default=-1)
    human = conversation[start] if start >= 0 else messages.human("", "")
    begun = _start_turn(script, human, conversation[: start + 1], context) or _unmatched(script, human)
    return begun, conversation[start + 1 :]


def _unmatched(script: Script, last: Message) -> Cursor:
    """Return the cursor for a message that no turn matches: a step that fails with the reason."""
    text = messages.text_of(last)
    shown = text if len(text) <= 80 else f"{text[:80]}..."
    turns = some([_condition(turn) for turn in script.turns], 10)
    message = (
        f"no turn of the script matches the message {as_json(shown)}. Add a turn without `when` for all others. "
        f"The turns are for: {turns}."
    )
    return Cursor((Step(error=Failure(message=message, type=NO_TURN)),))


def _condition(turn: Turn) -> str:
    """Return the condition of a turn as the script writes it."""
    given = {
        name: value for name in turn.when.__struct_fields__ if (value := getattr(turn.when, name)) not in (None, {})
    }
    condition = ", ".join(f"{name}: {as_json(value)}" for name, value in given.items()) or "any message"
    return f"{turn.name} ({condition})" if turn.name else condition


def _too_slow(error: SlowPatternError) -> Step:
    """Return the step with which a run fails when its turn could not be found in time."""
    return Step(error=Failure(message=str(error), type=TOO_SLOW))


def _heard(questions: Sequence[Interrupt], answers: Sequence[Any]) -> dict[str, Any]:
    """Return the values of {names} after the answers to the first of some questions."""
    found: dict[str, Any] = {}
    for question, answer in zip(questions, answers, strict=False):
        found["resume"] = answer
        if question.name is not None:
            found[question.name] = answer
    return found


def _case(interrupt: Interrupt, answer: Any) -> Sequence[Step]:
    budget = patterns.Budget()
    for case in interrupt.cases:
        if case.equals is not UNSET and case.equals != answer:
            continue
        try:
            if case.matches is not None and budget.search(case.matches, as_text(answer)) is None:
                continue
        except SlowPatternError as error:
            return (_too_slow(error),)
        return case.steps
    return ()


def _unrolled(cursor: Cursor) -> Cursor:
    """Return the same cursor with one round of a repetition written out, if one comes next."""
    step = cursor.step
    while step is not None and step.repeat is not None:
        steps = (*cursor.steps[: cursor.index], *step.steps, *_rounds_left(step), *cursor.steps[cursor.index + 1 :])
        cursor = replace(cursor, steps=steps)
        step = cursor.step
    return cursor


def _nearest(steps: Sequence[Step], node: str, *ways: Iterable[int]) -> int | None:
    found = (index for way in ways for index in way if _plays(steps[index], node))
    return next(found, None)


def _plays(step: Step, node: str) -> bool:
    """Return whether a step is one of `node`. A repetition is not a step, although it has a default node."""
    return step.repeat is None and node in step.nodes


def _reached(steps: Sequence[Step], node: str) -> tuple[tuple[Step, ...], int] | None:
    """Return steps and the index of the first one of `node`, None without one.

    The repetition or the case with that step is written out among the steps around it.
    """
    for index, step in enumerate(steps):
        if _plays(step, node):
            return tuple(steps), index
        cases = [case.steps for part in step.parts for question in part.questions for case in question.cases]
        for inner in (step.steps, *cases):
            found = _reached(inner, node)
            if found is not None:
                # A case is played behind its question, a round of a repetition in its place.
                before, again = (steps[:index], _rounds_left(step)) if step.repeat else (steps[: index + 1], [])
                return (*before, *found[0], *again, *steps[index + 1 :]), len(before) + found[1]
    return None


def _rounds_left(step: Step) -> list[Step]:
    """Return the repetition that follows the first round of one, empty after the last round."""
    rounds = step.repeat - 1 if isinstance(step.repeat, int) else step.repeat
    return [replace(step, repeat=rounds)] if rounds else []


def _past(cursor: Cursor, kind: str) -> Cursor:
    """Return the cursor after the next step that writes this kind of message, unchanged if no such step follows."""
    found = cursor
    # Bounded: a `forever` repetition unrolls new steps as fast as the search passes them.
    for _ in range(len(cursor.steps) + 1):
        step, found = found.step, found.passed()
        if step is None or _writes(step) == kind:
            return cursor if step is None else found
    return cursor


def _writes(step: Step) -> str | None:
    """Return the kind of message that shows that a step was played, None if it writes none."""
    if step.parallel:
        return next((kind for part in reversed(step.parallel) if (kind := _writes(part)) is not None), None)
    if step.subgraph and step.shares_messages and not step.writes_messages:
        inner = [one for child in step.children for one in child.subgraph]
        return next((kind for one in reversed(inner) if (kind := _writes(one)) is not None), None)
    if step.messages:
        return str(step.messages[-1].get("type", step.messages[-1].get("role")))
    if step.speaks:
        return "ai"
    return "tool" if step.result is not None or step.subgraph else None


def _kinds(conversation: Sequence[Message]) -> list[str]:
    """Return the kinds of messages. Consecutive tool results count once, because one step gives them all."""
    kinds = [message["type"] for message in conversation]
    return [kind for index, kind in enumerate(kinds) if kind != "tool" or kinds[index - 1 : index] != ["tool"]]
