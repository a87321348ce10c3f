"""Commands: the nodes that a run plays besides the next ones, and the answer that resumes an interrupt."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from mockserver.core.checkpoints import END, Extra, History
from mockserver.schemas.common import Command, Send
from mockserver.script.tasks import is_sent, sent_task

# The form of `IdSource.hex`. Only keys of this form are taken for
# interrupt ids, because an answer may be any JSON object.
_INTERRUPT_ID: Final = re.compile(r"[0-9a-f]{32}")


class UnknownInterruptError(Exception):
    """An answer under `strict_resume` to an interrupt that is not pending."""


def added_by(
    command: Command, planned: Sequence[str], nodes: Collection[str], new_id: Callable[[], str]
) -> list[Extra]:
    """Return the tasks that `goto` adds to those that are next anyway, or that earlier commands have added.

    As in LangGraph, a target that is not among the nodes of the graph adds none.
    """
    planned = [*planned, END]
    added: list[Extra] = []
    for target in command.targets:
        if (target.node if isinstance(target, Send) else target) not in nodes:
            continue
        if isinstance(target, Send):
            task = sent_task(target.node, sum(map(is_sent, planned)))
            added.append(Extra(task, new_id(), target.input))
        elif target not in planned:
            added.append(Extra(target, new_id()))
        else:
            continue
        planned.append(added[-1].key)
    return added


def check_answer(answer: Any, history: History, *, strict: bool) -> None:
    """Check that an answer, if there is one, says which pending interrupt it belongs to.

    Raises RuntimeError if it is for one of several, and with `strict` `UnknownInterruptError` if it is for none.
    """
    if answer is None:
        return
    waiting = {question["id"] for questions in history.waiting_interrupts().values() for question in questions}
    by_id = _is_by_id(answer)
    if len(waiting) > 1 and not by_id:
        raise RuntimeError(
            "When there are multiple pending interrupts, you must specify the interrupt id when resuming. "
            f"Send an object with answers under {', '.join(sorted(waiting))}."
        )
    unknown = set(answer) - waiting if by_id else set()
    if strict and (not waiting or unknown):
        raise UnknownInterruptError(
            f"No interrupt is pending for {', '.join(sorted(unknown)) or 'this answer'}. "
            "Read the pending interrupts from the thread, or leave out `strict_resume`."
        )


def answers_to(answer: Any, question: str | None) -> tuple[Any, ...]:
    """Return the answer to the interrupt with the id `question`, or to one that has no id yet, empty if it has none.

    An object whose keys all are ids of interrupts answers only these, so an empty one answers none, as on LangGraph.
    Any other answer is the answer itself.
    """
    if answer is None or (_is_by_id(answer) and question not in answer):
        return ()
    return (answer[question],) if _is_by_id(answer) else (answer,)


def _is_by_id(answer: Any) -> bool:
    return isinstance(answer, dict) and all(map(_INTERRUPT_ID.fullmatch, answer))
