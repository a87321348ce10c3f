"""Checks of a client's conduct: mistakes in double texting that only the client can avoid, judged from its requests.

Each check is a pure function of `Facts`, and each finding names the requests that prove it. An application may have
reasons for what a check reports. Its test then skips that check with `without`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mockserver.core.checkpoints import START, Values
from mockserver.core.policy import policy_of
from mockserver.core.records import Run, Thread
from mockserver.web.http import as_json
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


@dataclass(frozen=True)
class Finding:
    """One mistake of a client: the rule, a description, and the numbers of the requests that prove it."""

    rule: str
    text: str
    requests: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.rule}: {self.text} (requests {', '.join(map(str, self.requests))})"


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
        later = [one for one in facts.requests if one.creates_run and one.thread_id == entry.thread_id]
        next_run = next((one for one in later if one.number > superseding.number), None)
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
        again = [one for one in facts.requests if one.number > entry.number and _input(one) == _input(entry)]
        if not any(one.thread_id == entry.thread_id and one.outcome == 200 for one in again):
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
        command = entry.order.get("command")
        answer = command.get("resume") if isinstance(command, dict) else None
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


def retried(facts: Facts) -> Iterator[Finding]:
    """Report a repeated request that could not succeed, or whose first attempt had already created a run."""
    for index, entry in enumerate(facts.requests):
        earlier = _same_before(facts.requests[:index], entry) if entry.creates_run else None
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
    """Return the findings of all rules except `without`, in the order of the requests.

    Raises ValueError for an unknown rule.
    """
    for name in without:
        if name not in RULES:
            raise ValueError(f"{as_json(name)} is not a rule; the rules are {', '.join(RULES)}")
    found = [finding for name, rule in RULES.items() if name not in without for finding in rule(facts)]
    # Ordered by the last request of each finding, the one with which the mistake became one.
    return sorted(found, key=lambda finding: finding.requests[-1])


def run_facts(run: Run) -> RunFacts:
    """Return the facts about a run."""
    thread = run.thread
    return RunFacts(thread.thread_id, policy_of(thread).run_status(run), _dangling(thread, run.run_id))


def _dangling(thread: Thread, run_id: str) -> tuple[str, ...]:
    """Return the tool calls that had no results when the input of a run was added."""
    written = [one for one in thread.history.newest_first() if one.run_id == run_id and one.written_by == START]
    # An input has two checkpoints: one of source `input` before it is added, and the newer of source `loop` with it.
    return _unanswered(written[0].values) if written and written[0].source == "loop" else ()


def _unanswered(values: Values) -> tuple[str, ...]:
    """Return the tool calls that had no results at the last human message."""
    found: list[str] = []
    waiting: dict[str, None] = {}
    for message in values.get("messages", ()):
        # A result that arrives after the message does not help: the model has already seen the open call.
        if message["type"] == "human":
            found, waiting = list(waiting), {}
        elif message["type"] == "tool":
            waiting.pop(message["tool_call_id"], None)
        else:
            waiting |= dict.fromkeys(call["id"] for call in message.get("tool_calls", ()))
    return tuple(found)


def _after_supersession(facts: Facts) -> Iterator[tuple[JournalEntry, JournalEntry]]:
    """Yield each request for a superseded run, with the earlier request that created the superseding run."""
    for entry in facts.requests:
        new_run = _new_run(facts, entry)
        if new_run is not None and not entry.creates_run and entry.number > new_run.number:
            yield entry, new_run


def _new_run(facts: Facts, entry: JournalEntry) -> JournalEntry | None:
    """Return the request that created the run that superseded an entry's run, if any."""
    by = facts.superseded.get(entry.run_id or "")
    return None if by is None else next((one for one in facts.requests if one.creates_run and one.run_id == by), None)


def _same_before(earlier: Sequence[JournalEntry], entry: JournalEntry) -> JournalEntry | None:
    # Compared byte by byte, because a retry repeats the body exactly. An empty body proves nothing.
    return next((one for one in reversed(earlier) if (one.path, one.raw) == (entry.path, entry.raw) and one.raw), None)


def _input(entry: JournalEntry) -> Any:
    return entry.order.get("input")


def _messages(entry: JournalEntry) -> list[Any]:
    run_input = _input(entry)
    given = run_input.get("messages") if isinstance(run_input, dict) else None
    return given if isinstance(given, list) else [given] if given is not None else []


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
