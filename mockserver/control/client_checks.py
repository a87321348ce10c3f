"""The conduct of a client: what it did that a deployment cannot make good, from what it requested.

Each rule is a pure function of `Facts`, and each finding names the requests that show it. A client may have its
reasons; a test that knows them leaves a rule out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mockserver.core.checkpoints import START, Values
from mockserver.core.policy import policy_of
from mockserver.core.records import Run, Thread
from mockserver.web.journal import JournalEntry


@dataclass(frozen=True)
class RunFacts:
    """What became of a run."""

    thread_id: str
    status: str
    dangling: tuple[str, ...] = ()
    """The tool calls without results over which its input was said."""


@dataclass(frozen=True)
class Facts:
    """All that conduct is judged by."""

    requests: Sequence[JournalEntry]
    runs: Mapping[str, RunFacts] = field(default_factory=dict)
    superseded: Mapping[str, str] = field(default_factory=dict)
    """Runs that were stopped for a new run, each with the run that came."""
    strategy: str | None = None
    """The multitask strategy that the application is configured with, where a test says so."""


@dataclass(frozen=True)
class Finding:
    """One misconduct: the rule, what happened, and the numbers of the requests that show it."""

    rule: str
    text: str
    requests: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.rule}: {self.text} (requests {', '.join(map(str, self.requests))})"


ClientCheck = Callable[[Facts], Iterator[Finding]]


def joined_superseded(facts: Facts) -> Iterator[Finding]:
    """It joined a run that had been superseded, instead of the one that took its place."""
    for entry, new_run in _after_supersession(facts):
        if entry.path.endswith("/join"):
            yield Finding(
                "joined-superseded",
                f"run {entry.run_id} had been superseded by {new_run.run_id} when it was joined",
                (new_run.number, entry.number),
            )


def kept_reading(facts: Facts) -> Iterator[Finding]:
    """It went on reading the stream of a run that was superseded: it opened it again, or never closed it."""
    for entry, new_run in _after_supersession(facts):
        if entry.path.endswith("/stream") and entry.method == "GET":
            yield Finding(
                "kept-reading",
                f"the stream of run {entry.run_id} was opened after {new_run.run_id} had superseded it",
                (new_run.number, entry.number),
            )
    for entry in facts.requests:
        came = _new_run(facts, entry)
        if came is None or not entry.path.endswith("/stream") or entry.number > came.number:
            continue
        later = [one for one in facts.requests if one.creates_run and one.thread_id == entry.thread_id]
        beyond = next((one for one in later if one.number > came.number), None)
        if beyond is not None and (entry.ended is None or entry.ended >= beyond.number):
            yield Finding(
                "kept-reading",
                f"the stream of run {entry.run_id} was still read two runs after {came.run_id} had superseded it",
                (entry.number, came.number, beyond.number),
            )


def ignored_conflict(facts: Facts) -> Iterator[Finding]:
    """It was answered 409 and went on as if its text had been taken: that text was never sent again."""
    for entry in facts.requests:
        if not entry.creates_run or entry.outcome != 409:
            continue
        again = [one for one in facts.requests if one.number > entry.number and _said(one) == _said(entry)]
        if not any(one.thread_id == entry.thread_id and one.outcome == 200 for one in again):
            yield Finding(
                "ignored-conflict", f"{_quoted(entry)} was refused with 409 and never taken later", (entry.number,)
            )


def other_strategy(facts: Facts) -> Iterator[Finding]:
    """It sent a double text under another strategy than the application is configured with."""
    for entry in facts.requests:
        named = entry.strategy or "enqueue"
        if facts.strategy is not None and entry.creates_run and entry.busy and named != facts.strategy:
            left_out = "" if entry.strategy else ", which it left out"
            yield Finding(
                "other-strategy",
                f"{_quoted(entry)} was sent under `{named}`{left_out}, and not under `{facts.strategy}`",
                (entry.number,),
            )


def resumed_gone(facts: Facts) -> Iterator[Finding]:
    """It resumed a question that nobody asked any more."""
    for entry in facts.requests:
        command = entry.order.get("command")
        answer = command.get("resume") if isinstance(command, dict) else None
        if answer is None:
            continue
        gone = [key for key in answer if _is_id(key) and key not in entry.asks] if isinstance(answer, dict) else []
        if not entry.asks or gone:
            which = f"interrupt {gone[0]}" if gone else "an interrupt"
            yield Finding("resumed-gone", f"{which} was resumed that the thread did not wait with", (entry.number,))


def retried(facts: Facts) -> Iterator[Finding]:
    """It sent a request again that must not be: one that was refused for good, or that had created a run."""
    for place, entry in enumerate(facts.requests):
        earlier = _same_before(facts.requests[:place], entry) if entry.creates_run else None
        if earlier is None or earlier.outcome is None:
            continue
        shown = (earlier.number, entry.number)
        if earlier.outcome == 409 and entry.busy:
            yield Finding("retried", f"{_quoted(entry)} was refused with 409 and sent again to a busy thread", shown)
        elif earlier.outcome in (400, 404, 422):
            yield Finding(
                "retried", f"{_quoted(entry)} was refused with {earlier.outcome} and sent again as it was", shown
            )
        elif earlier.outcome == 200 and (earlier.cut or _has_ids(entry)):
            yield Finding("retried", f"{_quoted(entry)} had created run {earlier.run_id} and was sent again", shown)


def left_dangling(facts: Facts) -> Iterator[Finding]:
    """It said its next text over a tool call without a result, which many models refuse."""
    for entry in facts.requests:
        run = facts.runs.get(entry.run_id or "")
        if entry.creates_run and run is not None and run.dangling:
            yield Finding(
                "left-dangling",
                f"{_quoted(entry)} was said over the tool call {', '.join(run.dangling)} without a result",
                (entry.number,),
            )


RULES: Final[Mapping[str, ClientCheck]] = {
    "joined-superseded": joined_superseded,
    "kept-reading": kept_reading,
    "ignored-conflict": ignored_conflict,
    "other-strategy": other_strategy,
    "resumed-gone": resumed_gone,
    "retried": retried,
    "left-dangling": left_dangling,
}


def judge(facts: Facts, *, without: Sequence[str] = ()) -> list[Finding]:
    """Every finding, in the order of the requests; `without` these rules. Raises ValueError for an unknown rule."""
    for name in without:
        if name not in RULES:
            raise ValueError(f"there is no rule {name!r}; there are {', '.join(RULES)}")
    found = [finding for name, rule in RULES.items() if name not in without for finding in rule(facts)]
    return sorted(found, key=lambda finding: finding.requests[-1])


def run_facts(run: Run) -> RunFacts:
    """What became of a run, as the server knows it."""
    thread = run.thread
    return RunFacts(thread.thread_id, policy_of(thread).run_status(run), _dangling(thread, run.run_id))


def _dangling(thread: Thread, run_id: str) -> tuple[str, ...]:
    """The tool calls without results that the input of a run left behind it."""
    taken = [one for one in thread.history.newest_first() if one.run_id == run_id and one.written_by == START]
    # The newest of the two checkpoints of an input is the one that holds it.
    return _unanswered(taken[0].values) if taken and taken[0].source == "loop" else ()


def _unanswered(values: Values) -> tuple[str, ...]:
    """The tool calls over which the last human message was said."""
    found: list[str] = []
    waiting: dict[str, None] = {}
    for message in values.get("messages", ()):
        if message["type"] == "human":
            found, waiting = list(waiting), {}
        elif message["type"] == "tool":
            waiting.pop(message["tool_call_id"], None)
        else:
            waiting |= dict.fromkeys(call["id"] for call in message.get("tool_calls", ()))
    return tuple(found)


def _after_supersession(facts: Facts) -> Iterator[tuple[JournalEntry, JournalEntry]]:
    """The requests that name a superseded run, each with the request for the run that had taken its place."""
    for entry in facts.requests:
        new_run = _new_run(facts, entry)
        if new_run is not None and not entry.creates_run and entry.number > new_run.number:
            yield entry, new_run


def _new_run(facts: Facts, entry: JournalEntry) -> JournalEntry | None:
    """The request for the run that superseded an entry's run."""
    by = facts.superseded.get(entry.run_id or "")
    return None if by is None else next((one for one in facts.requests if one.creates_run and one.run_id == by), None)


def _same_before(earlier: Sequence[JournalEntry], entry: JournalEntry) -> JournalEntry | None:
    return next((one for one in reversed(earlier) if (one.path, one.raw) == (entry.path, entry.raw) and one.raw), None)


def _said(entry: JournalEntry) -> Any:
    return entry.order.get("input")


def _messages(entry: JournalEntry) -> list[Any]:
    said = _said(entry)
    given = said.get("messages") if isinstance(said, dict) else None
    return given if isinstance(given, list) else [given] if given is not None else []


def _has_ids(entry: JournalEntry) -> bool:
    return any(isinstance(message, dict) and message.get("id") for message in _messages(entry))


def _quoted(entry: JournalEntry) -> str:
    """What a request said, for people."""
    said = _messages(entry)
    last = said[-1] if said else None
    text = last.get("content") if isinstance(last, dict) else last
    if not isinstance(text, str):
        return f"request {entry.number}"
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def _is_id(key: object) -> bool:
    return isinstance(key, str) and len(key) == 32 and all(digit in "0123456789abcdef" for digit in key)
