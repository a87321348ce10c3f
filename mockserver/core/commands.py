"""Commands: the nodes that a run plays besides the next ones, and the answer that resumes an interrupt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeGuard

from msgspec import UNSET

from mockserver.core.checkpoints import END, Checkpoint, Extra, History
from mockserver.schemas.common import Command, Send

# The form of `IdSource.hex`. Only keys of this form are taken for
# interrupt ids, because an answer may be any JSON object.
_INTERRUPT_ID: Final = re.compile(r"[0-9a-f]{32}")


class UnknownInterruptError(Exception):
    """An answer under `strict_resume` to an interrupt that is not pending."""


def added_by(
    command: Command, base: Checkpoint | None, known: Sequence[Extra], new_id: Callable[[], str]
) -> list[Extra]:
    """Return the tasks that `goto` adds to those that are next anyway, or that earlier commands have added."""
    planned = {*(() if base is None else base.next), *(extra.key for extra in known), END}
    added: list[Extra] = []
    for target in command.targets:
        if isinstance(target, Send):
            key = f"{target.node}#{len(known) + len(added)}"
            added.append(Extra(target.node, new_id(), key, target.input))
        elif target not in planned:
            added.append(Extra(target, new_id(), target))
    return added


def check_answer(answer: Any, history: History) -> None:
    """Check that a pending interrupt matches the answer, if there is an answer. Raises `UnknownInterruptError`."""
    if answer is None:
        return
    waiting = {question["id"] for question in history.waiting_interrupts().values()}
    named = set(answer) if _names_interrupts(answer) else set()
    if not waiting or named - waiting:
        raise UnknownInterruptError(
            f"No interrupt is pending for {', '.join(sorted(named - waiting)) or 'this answer'}. "
            "Read the pending interrupts from the thread, or leave out `strict_resume`."
        )


def answer_to(answer: Any, questions: Iterable[str]) -> Any:
    """Return the answer to one of the pending `questions`, UNSET if none of them is answered.

    An object whose keys are all ids of interrupts answers those and no other. Anything else answers whatever asks
    first, even a node that has not asked yet.
    """
    if not _names_interrupts(answer):
        return UNSET if answer is None else answer
    return next((answer[question] for question in questions if question in answer), UNSET)


def _names_interrupts(answer: Any) -> TypeGuard[dict[str, Any]]:
    """Return whether an answer is given under ids of interrupts. An empty object answers none, as on LangGraph."""
    return isinstance(answer, dict) and all(map(_INTERRUPT_ID.fullmatch, answer))
