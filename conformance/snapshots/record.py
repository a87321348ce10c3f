"""The record of one thread: everything that a deployment reports about it, unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from conformance.judge.play import Play
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Transcript

if TYPE_CHECKING:
    from langgraph_sdk.client import LangGraphClient

FORMAT: Literal["doubletext-thread-state"] = "doubletext-thread-state"
VERSION: Literal[1] = 1
LIMIT = 1000
"""The number of checkpoints that are read. A snapshot of more could not be reviewed."""


class ThreadState(msgspec.Struct, frozen=True, kw_only=True):
    """A thread with its state, history and runs, each as the deployment returned it. The lists are newest first.

    `server` is the name and version of the deployment, where they are known.
    """

    format: Literal["doubletext-thread-state"] = FORMAT
    version: Literal[1] = VERSION
    server: str | None = None
    thread: dict[str, Any]
    state: dict[str, Any]
    history: list[dict[str, Any]]
    runs: list[dict[str, Any]]


async def read_thread(client: LangGraphClient, thread_id: str) -> ThreadState:
    """Read a thread through the official client, and return its state. Errors of the client pass through."""
    return _checked(
        None,
        await client.threads.get(thread_id),
        await client.threads.get_state(thread_id),
        await client.threads.get_history(thread_id, limit=LIMIT),
        await client.runs.list(thread_id, limit=100),
    )


def from_transcript(transcript: Transcript, thread: str = s.MAIN) -> ThreadState:
    """Return the state of a thread at the end of a scenario. Raise Unproven when the transcript does not contain it."""
    play, target = Play(transcript), transcript.target
    return _checked(
        " ".join(part for part in (target.server, target.version) if part) or None,
        play.final_thread(thread),
        play.state(name=thread),
        play.body("final history", thread, list),
        play.body("final runs", thread, list),
    )


def _checked(server: str | None, thread: Any, state: Any, history: Any, runs: Any) -> ThreadState:
    # Converted and not constructed, so that an answer of another type raises an error here, and not in `render`.
    raw = {
        "format": FORMAT,
        "version": VERSION,
        "server": server,
        "thread": thread,
        "state": state,
        "history": history,
        "runs": runs,
    }
    return msgspec.convert(raw, ThreadState)
