"""Checks of a client's conduct: mistakes in double texting that only the client can avoid, judged from its requests.

Each check is a pure function of `Facts`, and each finding names the requests that prove it. An application may have
reasons for what a check reports. Its test then skips that check with `without`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from mockserver.control import open_questions, readers, refusals
from mockserver.control.conduct import Conduct as Conduct
from mockserver.control.facts import Facts as Facts
from mockserver.control.facts import Finding as Finding
from mockserver.control.facts import RunFacts as RunFacts
from mockserver.control.facts import answer_of, messages_of, nameless_key, quote, stopped_by, text_key
from mockserver.control.open_questions import is_answered_twice
from mockserver.core.checkpoints import START, Checkpoint, Values
from mockserver.core.policy import policy_of
from mockserver.core.records import Thread
from mockserver.web.journal import JournalEntry
from mockserver.words import unknown

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
                f"{quote(entry)} was sent with `{named}`{default} instead of `{facts.strategy}`; set "
                "`multitask_strategy` in every request that creates a run",
                (entry.number,),
            )


def resumed_gone(facts: Facts) -> Iterator[Finding]:
    """Report an answer to an interrupt that was not pending."""
    twice = {entry.number for earlier, entry in facts.in_a_row if is_answered_twice(earlier, entry)}
    for entry in facts.requests:
        answer = answer_of(entry)
        if answer is None or entry.number in twice:
            # `answered-twice` reports the second one.
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
        answer = answer_of(entry)
        by_id = isinstance(answer, dict) and all(map(_is_id, answer))
        if answer is not None and not by_id and len(entry.asks) > 1:
            yield Finding(
                "resumed-unclear",
                f"one answer was sent while {len(entry.asks)} interrupts were pending. Name the interrupt, as in "
                f'{{"resume": {{"{entry.asks[0]}": ...}}}}',
                (entry.number,),
            )


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
                f"{quote(entry)} was rejected with 409 and sent again while the thread was still busy; wait until it "
                "is idle",
                proof,
            )
        elif earlier.outcome in (400, 404, 422):
            yield Finding(
                "retried",
                f"{quote(entry)} was rejected with {earlier.outcome} and sent again unchanged; such a response is "
                "final",
                proof,
            )
        # A user may well send the same text twice. A cut response or the same message id shows that it was a retry.
        elif (earlier.cut and earlier.run_id is not None) or (earlier.outcome == 200 and _has_ids(entry)):
            yield Finding(
                "retried",
                f"{quote(entry)} had already created run {earlier.run_id} when it was sent again; look up the run "
                "before a retry",
                proof,
            )


def sent_twice(facts: Facts) -> Iterator[Finding]:
    """Report the same text that was sent twice in a row, the second time while the run of the first was in flight."""
    for earlier, entry in facts.in_a_row:
        # A client may give each request a new id for its message.
        same = messages_of(entry) and nameless_key(entry) == nameless_key(earlier)
        # With the same id, or unchanged after a cut, it is a retry, which `retried` reports.
        again = text_key(entry) == text_key(earlier) and (earlier.cut or _has_ids(entry))
        if same and earlier.run_id in entry.in_flight and not again:
            yield Finding(
                "sent-twice",
                f"{quote(entry)} was sent twice while the first run was in flight. Send it once: disable the button "
                "after the first click, or drop a message that was delivered twice",
                (earlier.number, entry.number),
            )


def stopped_stale(facts: Facts) -> Iterator[Finding]:
    """Report a stop of a run that is over while another one is in flight: the client knows the wrong run."""
    for entry in facts.requests:
        named = stopped_by(entry) if entry.in_flight else []
        stale = [run_id for run_id in named if run_id not in entry.in_flight and not _is_unknown(facts, entry, run_id)]
        if named and len(stale) == len(named):
            yield Finding(
                "stopped-stale",
                f"run {stale[0]} was cancelled, which is over, while run {entry.in_flight[-1]} was in flight. Cancel "
                "the newest run",
                (entry.number,),
            )


def stopped_unknown(facts: Facts) -> Iterator[Finding]:
    """Report a stop of a run that the server has never had: the client kept the id of another server or thread."""
    for entry in facts.requests:
        for run_id in (one for one in stopped_by(entry) if _is_unknown(facts, entry, one)):
            yield Finding(
                "stopped-unknown",
                f"run {run_id} was cancelled, and no such run was ever created on the thread. Cancel the run whose "
                "id the server returned",
                (entry.number,),
            )


def _is_unknown(facts: Facts, entry: JournalEntry, run_id: str) -> bool:
    """Return whether the thread never had a run with an id, not even one that was deleted meanwhile."""
    # Only the status proves it: the journal does not have the requests of long ago.
    return entry.outcome == 404 and not facts.has_had(run_id, entry.thread_id)


def stop_refused(facts: Facts) -> Iterator[Finding]:
    """Report a stop that was refused for its form: the client shows a stopped run, and the run continues."""
    for entry in facts.requests:
        # A 404 is a run that is over, or one that never was, and a 409 one that cannot be stopped.
        if entry.method == "POST" and entry.path.endswith("/cancel") and entry.outcome in (400, 422):
            yield Finding(
                "stop-refused",
                f"a stop was refused with {entry.outcome}, so no run was stopped: {entry.reason or 'no reason given'}. "
                "Correct the request",
                (entry.number,),
            )


def created_again(facts: Facts) -> Iterator[Finding]:
    """Report a thread that was created with an id that existed already, without saying what is to happen then."""
    for entry in facts.requests:
        if entry.method == "POST" and entry.path == "/threads" and entry.outcome == 409:
            yield Finding(
                "created-again",
                "a thread was created with the id of one that existed. Send `if_exists` with `do_nothing`, or no id",
                (entry.number,),
            )


def late_result(facts: Facts) -> Iterator[Finding]:
    """Report the result of a tool whose call is no longer waiting, as after an interrupt. Many models reject it."""
    for entry in facts.requests:
        for call in entry.late_results:
            yield Finding(
                "late-result",
                f"the result of the tool call {call} was sent, which is not waiting for one. Drop the result if the "
                "run of its call is over, or if another message followed the call",
                (entry.number,),
            )


def left_dangling(facts: Facts) -> Iterator[Finding]:
    """Report a message that follows a tool call without a result. Many models reject such a conversation."""
    for entry in facts.requests:
        run = facts.runs.get(entry.run_id or "")
        if entry.creates_run and run is not None and run.dangling:
            yield Finding(
                "left-dangling",
                f"{quote(entry)} follows the tool call {', '.join(run.dangling)}, which has no result; add a tool "
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
    "joined-unknown": readers.joined_unknown,
    "kept-reading": kept_reading,
    "ignored-conflict": refusals.ignored_conflict,
    "ignored-refusal": refusals.ignored_refusal,
    "other-strategy": other_strategy,
    "resumed-gone": resumed_gone,
    "resumed-unclear": resumed_unclear,
    "answered-twice": open_questions.answered_twice,
    "input-and-resume": open_questions.input_and_resume,
    "text-over-question": open_questions.text_over_question,
    "empty-over-question": open_questions.empty_over_question,
    "fork-over-question": open_questions.fork_over_question,
    "whole-conversation": open_questions.whole_conversation,
    "retried": retried,
    "sent-twice": sent_twice,
    "stopped-stale": stopped_stale,
    "stopped-unknown": stopped_unknown,
    "stop-refused": stop_refused,
    "created-again": created_again,
    "unknown-thread": refusals.unknown_thread,
    "late-result": late_result,
    "left-running": readers.left_running,
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
    rules = {name: rule for name, rule in RULES.items() if name not in without}
    found = [finding for rule in rules.values() for finding in rule(facts)]
    # Ordered by the last request of each finding, the one with which the mistake became one.
    ordered = sorted(found, key=lambda finding: finding.requests[-1])
    return Conduct(ordered, facts.requests, {name: _description(rule) for name, rule in rules.items()})


def _description(rule: ClientCheck) -> str:
    """Return the mistake that a rule reports, from its docstring."""
    text = " ".join((rule.__doc__ or "").split()).removeprefix("Report ")
    return f"{text[:1].upper()}{text[1:]}"


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


def _has_ids(entry: JournalEntry) -> bool:
    return any(isinstance(message, dict) and message.get("id") for message in messages_of(entry))


def _is_id(key: object) -> bool:
    # Interrupt ids are 128-bit hashes in hexadecimal.
    return isinstance(key, str) and len(key) == 32 and all(digit in "0123456789abcdef" for digit in key)
