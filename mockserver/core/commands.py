"""What a command says to a run: where to go on, and what a human answered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from mockserver.core.checkpoints import END, Checkpoint, History
from mockserver.schemas.common import Command

_INTERRUPT_ID: Final = re.compile(r"[0-9a-f]{32}")


class GotoError(Exception):
    """A run that was sent to a node while the thread waits at another."""


class UnknownInterruptError(Exception):
    """A strict answer to a question that nobody asks."""


def target_of(command: Command, base: Checkpoint | None) -> tuple[str, ...]:
    """The node that a run is sent to, if it is not next anyway. Raises `GotoError`."""
    target = tuple(name for name in command.targets if isinstance(name, str) and name != END)
    waiting = () if base is None else base.next
    if target and waiting and waiting != target:
        raise GotoError(
            f"`goto` {target[0]} on a thread whose next step is {', '.join(waiting)} would run both, which the mock "
            "does not do; resume or update that step first."
        )
    return () if waiting == target else target


def check_answer(answer: Any, history: History) -> None:
    """See that somebody waits for an answer, if there is one. Raises `UnknownInterruptError`."""
    if answer is None:
        return
    waiting = {question["id"] for question in history.waiting_interrupts().values()}
    named = {name for name in answer if _INTERRUPT_ID.fullmatch(name)} if isinstance(answer, dict) else set()
    if not waiting or named - waiting:
        raise UnknownInterruptError(f"No interrupt waits for {', '.join(sorted(named - waiting)) or 'this answer'}.")


def answer_to(answer: Any, questions: Iterable[str]) -> Any:
    """What a human answered to a question that waits; a client may give it under the question's id."""
    known = [question for question in questions if isinstance(answer, dict) and question in answer]
    return answer[known[0]] if known else answer
