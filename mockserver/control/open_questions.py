"""Checks of a client's conduct while a question to a human is open, and of its answers."""

from __future__ import annotations

from collections.abc import Iterator

from mockserver.control.facts import Facts, Finding, answer_of, input_of, message_text, messages_of, quote
from mockserver.web.journal import JournalEntry


def text_over_question(facts: Facts) -> Iterator[Finding]:
    """Report a new text while a question was open. It drops the question, whose tool call stays without a result."""
    for entry in _over_question(facts):
        if messages_of(entry) and not _repeats(facts, entry) and not _forks(entry):
            text = f"{quote(entry)} was sent while {_question(entry)} was open, which it drops. Answer with"
            yield Finding(
                "text-over-question", f'{text} "command": {{"resume": ...}}, or cancel first', (entry.number,)
            )


def empty_over_question(facts: Facts) -> Iterator[Finding]:
    """Report a run without input and without an answer while a question was open, which only asks it again."""
    for entry in _over_question(facts):
        if not _has_input(entry) and not _forks(entry) and not _has_command(entry):
            text = f"a run without input was created while {_question(entry)} was open. Send the answer as"
            yield Finding("empty-over-question", f'{text} "command": {{"resume": ...}}', (entry.number,))


def fork_over_question(facts: Facts) -> Iterator[Finding]:
    """Report a run from an earlier checkpoint while a question was open, which the fork leaves behind."""
    for entry in _over_question(facts):
        if _forks(entry):
            text = f"a run from a checkpoint was created while {_question(entry)} was open, which it leaves behind"
            yield Finding("fork-over-question", f"{text}. Answer or cancel first", (entry.number,))


def whole_conversation(facts: Facts) -> Iterator[Finding]:
    """Report a client that sends the whole conversation again over an open question, in place of an answer."""
    for entry in _over_question(facts):
        if not _forks(entry) and (first := _repeats(facts, entry)):
            text = f"the conversation was sent again while {_question(entry)} was open, and is now there twice. Send"
            yield Finding(
                "whole-conversation", f'{text} the answer alone as "command": {{"resume": ...}}', (first, entry.number)
            )


def input_and_resume(facts: Facts) -> Iterator[Finding]:
    """Report `input` beside `command.resume` in one request. A run has one of the two, and the other has no effect."""
    for entry in facts.requests:
        if answer_of(entry) is not None and input_of(entry) not in (None, {}):
            text = "`input` and `command.resume` were sent in one request, and a run takes one of them. Send only the"
            yield Finding("input-and-resume", f"{text} answer, and the text after it", (entry.number,))


def answered_twice(facts: Facts) -> Iterator[Finding]:
    """Report the same answer that was sent twice in a row, as by a button that is clicked twice."""
    for earlier, entry in facts.in_a_row:
        if is_answered_twice(earlier, entry):
            text = (
                f"the answer {facts.as_text(answer_of(entry))} was sent twice. Disable the button after the first click"
            )
            yield Finding("answered-twice", text, (earlier.number, entry.number))


def is_answered_twice(earlier: JournalEntry | None, entry: JournalEntry) -> bool:
    """Return whether two runs in a row carry the same answer, of which the second found no other question."""
    if earlier is None or answer_of(entry) is None or answer_of(entry) != answer_of(earlier):
        return False
    # Two questions may well get the same answer: then the second one was open when its answer came.
    return bool(earlier.asks) and (not entry.asks or entry.asks == earlier.asks)


def _over_question(facts: Facts) -> Iterator[JournalEntry]:
    for entry in facts.requests:
        if entry.creates_run and entry.asks and entry.outcome == 200 and answer_of(entry) is None:
            yield entry


def _question(entry: JournalEntry) -> str:
    return "a question" if len(entry.asks) == 1 else f"{len(entry.asks)} questions"


def _forks(entry: JournalEntry) -> bool:
    return bool(entry.order.get("checkpoint_id") or entry.order.get("checkpoint"))


def _has_input(entry: JournalEntry) -> bool:
    given = input_of(entry)
    return any(given.values()) if isinstance(given, dict) else given is not None


def _has_command(entry: JournalEntry) -> bool:
    command = entry.order.get("command")
    # A command of nulls has no effect.
    return isinstance(command, dict) and any(command.get(name) for name in ("resume", "goto", "update"))


def _repeats(facts: Facts, entry: JournalEntry) -> int | None:
    """Return the request whose text an input of several messages repeats."""
    messages = messages_of(entry)
    if len(messages) < 2:
        return None
    sent = facts.first_sent(entry)
    return next((sent[key] for key in map(message_text, messages) if sent.get(key, entry.number) < entry.number), None)
