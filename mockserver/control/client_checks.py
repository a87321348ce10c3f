"""Checks of a client's conduct: mistakes in double texting that only the client can avoid, judged from its requests.

Each check is a pure function of `Facts`, and each finding names the requests that prove it. An application may have
reasons for what a check reports. Its test then skips that check with `without`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import msgspec

from mockserver.core.checkpoints import START, Checkpoint, Values
from mockserver.core.json_text import as_json
from mockserver.core.messages import deserialized
from mockserver.core.policy import policy_of
from mockserver.core.records import Thread
from mockserver.web.journal import JournalEntry
from mockserver.words import unknown


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
    def accepted(self) -> Mapping[tuple[str | None, bytes], int]:
        """By thread and input: the number of the newest request that created a run."""
        return {_text_key(one): one.number for one in self.requests if one.creates_run and one.outcome == 200}

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


@dataclass(frozen=True)
class Finding:
    """One mistake of a client: the rule, a description, and the numbers of the requests that prove it."""

    rule: str
    text: str
    requests: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.rule}: {self.text} (requests {', '.join(map(str, self.requests))})"


class Conduct(list[Finding]):
    """The findings about the clients of a deployment, in the order of their requests."""

    def assert_clean(self) -> None:
        """Raise AssertionError with the findings, if there are any."""
        __tracebackhide__ = True
        if self:
            count = f"{len(self)} mistake{'s' if len(self) > 1 else ''} of the client"
            lines = "\n".join(f"  {finding}" for finding in self)
            raise AssertionError(
                f"{count}:\n{lines}\nSkip a rule that your application breaks on purpose: without=[RULE]"
            )


ClientCheck = Callable[[Facts], Iterator[Finding]]


def joined_superseded(facts: Facts) -> Iterator[Finding]:
    """Report a join of a run that had already been superseded. The client should join the run that superseded it."""
    for entry, new_run in _after_supersession(facts):
        if entry.path.endswith("/join"):
            yield Finding(
                "joined-superseded",
                f"run {entry.run_id} was joined after run {new_run.run_id} had superseded it; join the newer run",
                (new_run.number, entry.number),
            )


def kept_reading(facts: Facts) -> Iterator[Finding]:
    """Report a stream of a superseded run that was opened afterwards, or still open two runs later."""
    for entry, new_run in _after_supersession(facts):
        if entry.path.endswith("/stream") and entry.method == "GET":
            yield Finding(
                "kept-reading",
                f"the stream of run {entry.run_id} was opened after run {new_run.run_id} had superseded it; stream the "
                "newer run",
                (new_run.number, entry.number),
            )
    for entry in facts.requests:
        superseding = _new_run(facts, entry)
        if superseding is None or not entry.path.endswith("/stream") or entry.number > superseding.number:
            continue
        # One run later is too early to judge: the server ends the stream, and the client may not have noticed yet.
        next_run = facts.next_run(entry.thread_id, superseding.number)
        if next_run is not None and (entry.ended is None or entry.ended >= next_run.number):
            yield Finding(
                "kept-reading",
                f"the stream of run {entry.run_id} was still open two runs later, although run {superseding.run_id} "
                "had superseded it; close the stream of a superseded run",
                (entry.number, superseding.number, next_run.number),
            )


def ignored_conflict(facts: Facts) -> Iterator[Finding]:
    """Report a message that was rejected with 409 and not accepted later: the user's text is lost."""
    for entry in facts.requests:
        if not entry.creates_run or entry.outcome != 409:
            continue
        if facts.accepted.get(_text_key(entry), 0) < entry.number:
            yield Finding(
                "ignored-conflict",
                f"{_quoted(entry)} was rejected with 409 and not accepted later; send it again once the thread is idle",
                (entry.number,),
            )


def other_strategy(facts: Facts) -> Iterator[Finding]:
    """Report a double text whose strategy differs from the one that the application is configured with."""
    for entry in facts.requests:
        # A request without a strategy means `enqueue`, the default of the official server.
        named = entry.strategy or "enqueue"
        # On an idle thread every strategy has the same effect.
        if facts.strategy is not None and entry.creates_run and entry.busy and named != facts.strategy:
            default = "" if entry.strategy else " (the default, because it named none)"
            yield Finding(
                "other-strategy",
                f"{_quoted(entry)} was sent with `{named}`{default} instead of `{facts.strategy}`; set "
                "`multitask_strategy` in every request that creates a run",
                (entry.number,),
            )


def resumed_gone(facts: Facts) -> Iterator[Finding]:
    """Report an answer to an interrupt that was not pending."""
    for entry in facts.requests:
        answer = _answer(entry)
        if answer is None:
            continue
        # An object may map interrupt ids to answers, or be the answer itself. Only its keys can distinguish the two.
        gone = [key for key in answer if _is_id(key) and key not in entry.asks] if isinstance(answer, dict) else []
        if not entry.asks or gone:
            which = f"interrupt {gone[0]}" if gone else "an interrupt"
            yield Finding(
                "resumed-gone",
                f"{which} was resumed that was not pending on the thread; read the thread's interrupts first",
                (entry.number,),
            )


def resumed_unclear(facts: Facts) -> Iterator[Finding]:
    """Report an answer that does not name its interrupt while several were pending."""
    for entry in facts.requests:
        answer = _answer(entry)
        by_id = isinstance(answer, dict) and all(map(_is_id, answer))
        if answer is not None and not by_id and len(entry.asks) > 1:
            yield Finding(
                "resumed-unclear",
                f"one answer was sent while {len(entry.asks)} interrupts were pending. Name the interrupt, as in "
                f'{{"resume": {{"{entry.asks[0]}": ...}}}}',
                (entry.number,),
            )


def _answer(entry: JournalEntry) -> Any:
    """Return the answer with which a request resumes a run, None if it does not."""
    command = entry.order.get("command")
    return command.get("resume") if isinstance(command, dict) else None


def retried(facts: Facts) -> Iterator[Finding]:
    """Report a repeated request that could not succeed, or whose first attempt had already created a run."""
    newest: dict[tuple[str, bytes], JournalEntry] = {}
    for entry in facts.requests:
        key = (entry.path, entry.raw)
        earlier = newest.get(key) if entry.creates_run and entry.raw else None
        newest[key] = entry
        if earlier is None or earlier.outcome is None:
            continue
        proof = (earlier.number, entry.number)
        if earlier.outcome == 409 and entry.busy:
            yield Finding(
                "retried",
                f"{_quoted(entry)} was rejected with 409 and sent again while the thread was still busy; wait until it "
                "is idle",
                proof,
            )
        elif earlier.outcome in (400, 404, 422):
            yield Finding(
                "retried",
                f"{_quoted(entry)} was rejected with {earlier.outcome} and sent again unchanged; such a response is "
                "final",
                proof,
            )
        # A user may well send the same text twice. A cut response or the same message id shows that it was a retry.
        elif earlier.outcome == 200 and (earlier.cut or _has_ids(entry)):
            yield Finding(
                "retried",
                f"{_quoted(entry)} had already created run {earlier.run_id} when it was sent again; look up the run "
                "before a retry",
                proof,
            )


def left_dangling(facts: Facts) -> Iterator[Finding]:
    """Report a message that follows a tool call without a result. Many models reject such a conversation."""
    for entry in facts.requests:
        run = facts.runs.get(entry.run_id or "")
        if entry.creates_run and run is not None and run.dangling:
            yield Finding(
                "left-dangling",
                f"{_quoted(entry)} follows the tool call {', '.join(run.dangling)}, which has no result; add a tool "
                "message or remove the call",
                (entry.number,),
            )


def ignored_field(facts: Facts) -> Iterator[Finding]:
    """Report a part of a request that had no effect, such as an unknown field or parameter."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for entry in facts.requests:
        for reason in entry.ignored:
            found.setdefault((entry.method, entry.path, reason), []).append(entry.number)
    for (method, path, reason), numbers in found.items():
        text = f"{method} {path} has a part without effect: {reason.rstrip('.')}. Correct or remove it"
        yield Finding("ignored-field", text, tuple(numbers))


RULES: Final[Mapping[str, ClientCheck]] = {
    "joined-superseded": joined_superseded,
    "kept-reading": kept_reading,
    "ignored-conflict": ignored_conflict,
    "other-strategy": other_strategy,
    "resumed-gone": resumed_gone,
    "resumed-unclear": resumed_unclear,
    "retried": retried,
    "left-dangling": left_dangling,
    "ignored-field": ignored_field,
}


def judge(facts: Facts, *, without: Sequence[str] = ()) -> Conduct:
    """Return the findings of all rules except `without`, in the order of the requests.

    Raises ValueError for an unknown rule.
    """
    for name in without:
        if name not in RULES:
            raise ValueError(unknown("rule", name, RULES))
    found = [finding for name, rule in RULES.items() if name not in without for finding in rule(facts)]
    # Ordered by the last request of each finding, the one with which the mistake became one.
    return Conduct(sorted(found, key=lambda finding: finding.requests[-1]))


def run_facts(thread: Thread) -> dict[str, RunFacts]:
    """Return the facts about every run of a thread, by its id."""
    inputs: dict[str, Checkpoint] = {}
    for checkpoint in thread.history.newest_first():
        run = thread.runs.get(checkpoint.run_id or "")
        # A run that stores only its newest checkpoint has none of its input alone, but this one has the input as well.
        stores_one = run is not None and run.request.storing == "exit" and run.request.given_input is not None
        if run is not None and (checkpoint.written_by == START or stores_one):
            inputs.setdefault(run.run_id, checkpoint)
    return {
        run.run_id: RunFacts(thread.thread_id, policy_of(thread).run_status(run), _dangling(inputs.get(run.run_id)))
        for run in thread.runs.values()
    }


def _dangling(written: Checkpoint | None) -> tuple[str, ...]:
    """Return the tool calls that had no results when the input of a run was added, from its newest checkpoint."""
    # An input has two checkpoints: one of source `input` before it is added, and the newer of source `loop` with it.
    return _unanswered(written.values) if written is not None and written.source == "loop" else ()


def _unanswered(values: Values) -> tuple[str, ...]:
    """Return the tool calls that had no results at the last human message."""
    said = values.get("messages", ())
    humans = (index for index in range(len(said) - 1, -1, -1) if said[index]["type"] == "human")
    last, before = next(humans, 0), next(humans, -1)
    # Only what was said since the human message before: a state of thousands of messages is not read for each run.
    waiting: dict[str, None] = {}
    for message in said[before + 1 : last]:
        if message["type"] == "tool":
            waiting.pop(message["tool_call_id"], None)
        else:
            waiting |= dict.fromkeys(call["id"] for call in message.get("tool_calls", ()))
    return tuple(waiting)


def _after_supersession(facts: Facts) -> Iterator[tuple[JournalEntry, JournalEntry]]:
    """Yield each request for a superseded run, with the earlier request that created the superseding run."""
    for entry in facts.requests:
        new_run = _new_run(facts, entry)
        if new_run is not None and not entry.creates_run and entry.number > new_run.number:
            yield entry, new_run


def _new_run(facts: Facts, entry: JournalEntry) -> JournalEntry | None:
    """Return the request that created the run that superseded an entry's run, if any."""
    by = facts.superseded.get(entry.run_id or "")
    return None if by is None else facts.created.get(by)


def _text_key(entry: JournalEntry) -> tuple[str | None, bytes]:
    """Return what two requests have in common that send the same input to the same thread."""
    return entry.thread_id, msgspec.json.encode(_input(entry), order="deterministic")


def _input(entry: JournalEntry) -> Any:
    return entry.order.get("input")


def _messages(entry: JournalEntry) -> list[Any]:
    run_input = _input(entry)
    given = run_input.get("messages") if isinstance(run_input, dict) else None
    found = given if isinstance(given, list) else [given] if given is not None else []
    return [deserialized(message) for message in found]


def _has_ids(entry: JournalEntry) -> bool:
    return any(isinstance(message, dict) and message.get("id") for message in _messages(entry))


def _quoted(entry: JournalEntry) -> str:
    """Return the last message of a request, shortened, for people."""
    messages = _messages(entry)
    last = messages[-1] if messages else None
    text = last.get("content") if isinstance(last, dict) else last
    if not isinstance(text, str):
        return f"request {entry.number}"
    return as_json(text if len(text) <= 60 else f"{text[:60]}...")


def _is_id(key: object) -> bool:
    # Interrupt ids are 128-bit hashes in hexadecimal.
    return isinstance(key, str) and len(key) == 32 and all(digit in "0123456789abcdef" for digit in key)
