"""The facts by which the conduct of a client is judged, and the form of a finding."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import msgspec

from mockserver.core.json_text import as_json
from mockserver.core.messages import deserialized
from mockserver.web.journal import JournalEntry


@dataclass(frozen=True)
class RunFacts:
    """The facts about one run that the checks use."""

    thread_id: str
    status: str
    dangling: tuple[str, ...] = ()
    """The ids of the tool calls that had no results when the input of the run was added."""


@dataclass(frozen=True)
class Facts:
    """The input of every check."""

    requests: Sequence[JournalEntry]
    runs: Mapping[str, RunFacts] = field(default_factory=dict)
    superseded: Mapping[str, str] = field(default_factory=dict)
    """The ids of superseded runs, each with the id of the run that superseded it."""
    strategy: str | None = None
    """The multitask strategy that the application is configured with, if the test states it."""

    # Each index is made once. A search through all requests for each request took seconds for a long journal, in which
    # the mock answers nobody.

    @cached_property
    def created(self) -> Mapping[str, JournalEntry]:
        """By the id of a run: the request that created it."""
        return {one.run_id: one for one in reversed(self.requests) if one.creates_run and one.run_id is not None}

    @cached_property
    def _accepted(self) -> Mapping[tuple[str | None, bytes], int]:
        """By thread and input: the number of the newest request that created a run."""
        return {text_key(one): one.number for one in self.requests if one.creates_run and one.outcome == 200}

    @cached_property
    def _said(self) -> Mapping[tuple[str | None, str], int]:
        """By thread and text of a message: the number of the newest request that created a run with it."""
        return {
            (one.thread_id, message_text(message)): one.number
            for one in self.requests
            if one.creates_run and one.outcome == 200
            for message in messages_of(one)
        }

    def is_accepted_later(self, entry: JournalEntry, messages: Sequence[Any]) -> bool:
        """Return whether these messages of a request, whatever their ids, or its whole input were accepted later."""
        texts = [self._said.get((entry.thread_id, message_text(message)), 0) for message in messages]
        again = bool(texts) and min(texts) > entry.number
        return again or self._accepted.get(text_key(entry), 0) > entry.number

    @cached_property
    def updated(self) -> Mapping[str | None, int]:
        """By thread: the number of the newest update of the state that was accepted."""
        return {one.thread_id: one.number for one in self.requests if one.is_state_update and one.outcome == 200}

    def has_had(self, run_id: str, thread_id: str | None) -> bool:
        """Return whether a thread has a run, or had it. Without a thread any may have it."""
        owner = self.runs.get(run_id) or self.created.get(run_id)
        # A request for a run without a thread does not show on which thread it was made.
        elsewhere = owner is not None and None not in (thread_id, owner.thread_id) and owner.thread_id != thread_id
        return (owner is not None or run_id in self.superseded) and not elsewhere

    @cached_property
    def _by_thread(self) -> Mapping[str | None, list[JournalEntry]]:
        found: dict[str | None, list[JournalEntry]] = {}
        for one in self.requests:
            if one.creates_run:
                found.setdefault(one.thread_id, []).append(one)
        return found

    def next_run(self, thread_id: str | None, number: int) -> JournalEntry | None:
        """Return the first request for a run on a thread after the request with a number, if there is one."""
        on_thread = self._by_thread.get(thread_id, [])
        index = bisect_right(on_thread, number, key=lambda one: one.number)
        return on_thread[index] if index < len(on_thread) else None

    @cached_property
    def in_a_row(self) -> list[tuple[JournalEntry, JournalEntry]]:
        """Return each two requests that created a run on the same thread, one right after the other."""
        pairs = [pair for found in self._by_thread.values() for pair in pairwise(found)]
        return [(one, other) for one, other in pairs if one.outcome == 200 and one.thread_id is not None]

    @cached_property
    def _sent(self) -> Mapping[str | None, dict[str, int]]:
        """By thread: each text of a message, with the number of the first request that sent it alone."""
        found: dict[str | None, dict[str, int]] = {}
        for one in self.requests:
            messages = messages_of(one) if one.creates_run and one.outcome == 200 else []
            if len(messages) == 1:
                found.setdefault(one.thread_id, {}).setdefault(message_text(messages[0]), one.number)
        return found

    def first_sent(self, entry: JournalEntry) -> Mapping[str, int]:
        """Return the texts that were sent to the thread of a request, each with its first request."""
        return self._sent.get(entry.thread_id, {})

    @staticmethod
    def as_text(value: Any) -> str:
        """Return a value for people, shortened."""
        text = as_json(value)
        return text if len(text) <= 60 else f"{text[:60]}..."


def message_text(message: Any) -> str:
    """Return the content of a message as a text."""
    content = message.get("content") if isinstance(message, dict) else message
    return content if isinstance(content, str) else as_json(content)


@dataclass(frozen=True)
class Finding:
    """One mistake of a client: the rule, a description, and the numbers of the requests that prove it."""

    rule: str
    text: str
    requests: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.rule}: {self.text} (requests {', '.join(map(str, self.requests))})"


def answer_of(entry: JournalEntry) -> Any:
    """Return the answer with which a request resumes a run, None if it does not."""
    command = entry.order.get("command")
    return command.get("resume") if isinstance(command, dict) else None


def text_key(entry: JournalEntry) -> tuple[str | None, bytes]:
    """Return what two requests have in common that send the same input to the same thread."""
    return entry.thread_id, msgspec.json.encode(input_of(entry), order="deterministic")


def nameless_key(entry: JournalEntry) -> tuple[str | None, bytes]:
    """Return what two requests have in common that want the same of the same thread, whatever the ids of messages."""
    said = [{**one, "id": None} if isinstance(one, dict) else one for one in messages_of(entry)]
    given = input_of(entry)
    others = {name: value for name, value in given.items() if name != "messages"} if isinstance(given, dict) else None
    where = [entry.order.get(name) for name in ("assistant_id", "checkpoint", "checkpoint_id")]
    return entry.thread_id, msgspec.json.encode([said, others, where], order="deterministic")


def stopped_by(entry: JournalEntry) -> list[str]:
    """Return the runs that a request is to cancel, as far as it names them."""
    if entry.method != "POST" or not entry.path.endswith("/cancel"):
        return []
    given = entry.body.get("run_ids") if isinstance(entry.body, dict) else None
    named = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
    return [entry.run_id] if entry.run_id is not None else named


def input_of(entry: JournalEntry) -> Any:
    """Return the input of the run that a request is to create."""
    return entry.order.get("input")


def messages_of(entry: JournalEntry) -> list[Any]:
    """Return the messages of that input, as the server reads them."""
    run_input = input_of(entry)
    given = run_input.get("messages") if isinstance(run_input, dict) else None
    found = given if isinstance(given, list) else [given] if given is not None else []
    return [deserialized(message) for message in found]


def quote(entry: JournalEntry) -> str:
    """Return the last message of a request, shortened, for people."""
    messages = messages_of(entry)
    last = messages[-1] if messages else None
    text = last.get("content") if isinstance(last, dict) else last
    if not isinstance(text, str):
        return f"request {entry.number}"
    return as_json(text if len(text) <= 60 else f"{text[:60]}...")
