"""The course of a calibration run that did not work: what was waited for, what the suite did, what the server said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.judge.play import Play
from conformance.transcript.text import snippet

MESSAGE = 2000
"""The number of characters of a server's message that are quoted. The transcript has all."""

SLOWER = "Give a slow deployment more time with --conformance-deadline-scale=3"


def course(play: Play) -> str:
    """Return sentences on what happened in this run beside its status. Return "" when there is nothing to say."""
    missed = [f"waited {missed.seconds:g} s for {missed.awaited}" for missed in play.missed()]
    # The suite ends what never began, so that the next run does not wait for it.
    own = [f"cancelled the run itself ({exchange.outcome()})" for exchange in play.exchanges_for("cancel", "A")]
    did = ", and then ".join([*missed, *own])
    said = next(_messages(play), None)
    sentences = [
        *([f"doubletext {did}"] if did else []),
        *([f"The server reports: {said}"] if said else []),
        *([SLOWER] if missed else []),
    ]
    return ". ".join(sentences)


def _messages(play: Play) -> Iterator[str]:
    """Yield the message of the server about a failure, the most precise message first."""
    bodies = [exchange.body for exchange in reversed(play.exchanges) if exchange.ok and isinstance(exchange.body, dict)]
    for body in bodies:
        tasks = body.get("tasks")
        for task in tasks if isinstance(tasks, list) else ():
            yield from _text(task.get("error") if isinstance(task, dict) else None)
    for body in bodies:
        for key in ("error", "__error__", "exception"):
            yield from _text(body.get(key))


def _text(value: Any) -> Iterator[str]:
    if value:
        yield snippet(value, MESSAGE)
