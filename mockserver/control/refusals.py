"""Checks of what a client does with a request that was refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mockserver.control.facts import Facts, Finding, messages_of, quote
from mockserver.core.ids import canonical
from mockserver.web.journal import JournalEntry

_UNDER_THREADS: Final = ("search", "count", "prune")
"""The names in place of an id in the paths of threads."""


def ignored_conflict(facts: Facts) -> Iterator[Finding]:
    """Report what was rejected with 409 while the client continued with other texts: the user's text is lost."""
    for entry in facts.requests:
        if entry.outcome != 409 or not _continued(facts, entry.thread_id, entry.number):
            continue
        if entry.creates_run and not facts.is_accepted_later(entry, messages_of(entry)):
            yield Finding(
                "ignored-conflict",
                f"{quote(entry)} was rejected with 409 and not accepted later; send it again once the thread is idle",
                (entry.number,),
            )
        updated = facts.updated.get(entry.thread_id, 0) > entry.number
        if entry.is_state_update and not updated and not facts.is_accepted_later(entry, _written(entry)):
            yield Finding(
                "ignored-conflict",
                "an update of the state was rejected with 409 and none was accepted later. Cancel the run in flight, "
                "or wait for its end, and send the update again",
                (entry.number,),
            )


def ignored_refusal(facts: Facts) -> Iterator[Finding]:
    """Report a text that met a server or a proxy in trouble while the client continued with others: it is lost."""
    for entry in facts.requests:
        # Any other refusal is for good, and the user may well have changed the text.
        lost = entry.creates_run and entry.outcome is not None and (entry.outcome >= 500 or entry.outcome == 429)
        # Of a run that was created all the same only the answer is lost.
        if not lost or entry.run_id is not None or not _continued(facts, entry.thread_id, entry.number):
            continue
        if messages_of(entry) and not facts.is_accepted_later(entry, messages_of(entry)):
            yield Finding(
                "ignored-refusal",
                f"{quote(entry)} was refused with {entry.outcome} and not accepted later. Send it again, because the "
                "trouble may be over",
                (entry.number,),
            )


def unknown_thread(facts: Facts) -> Iterator[Finding]:
    """Report a thread id that no server gives out, such as the `new` of a page that has no thread yet."""
    for entry in facts.requests:
        _, first, *rest = entry.path.split("/")
        if first != "threads" or not rest or rest[0] in _UNDER_THREADS or entry.outcome not in (404, 422):
            continue
        if entry.thread_id is None and rest[0] and canonical(rest[0]) is None:
            yield Finding(
                "unknown-thread",
                f"`{rest[0]}` was sent as the id of a thread. Create the thread first, and use the id of the answer",
                (entry.number,),
            )


def _written(entry: JournalEntry) -> list[Any]:
    """Return the messages that an update of the state adds."""
    values = entry.body.get("values") if isinstance(entry.body, dict) else None
    given = values.get("messages") if isinstance(values, dict) else None
    return given if isinstance(given, list) else []


def _continued(facts: Facts, thread_id: str | None, number: int) -> bool:
    """Return whether the client created another run on a thread later.

    A client that sends nothing more may have shown the refusal to its user, who decides.
    """
    return thread_id is not None and facts.next_run(thread_id, number) is not None
