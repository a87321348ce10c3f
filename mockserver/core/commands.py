"""Commands: the node at which a run continues, and the answer that resumes an interrupt."""

from __future__ import annotations

import re
from typing import Any, Final

from mockserver.core.checkpoints import END, Checkpoint, History
from mockserver.schemas.common import Command

# The form of `IdSource.hex`. Only keys of this form are taken for
# interrupt ids, because an answer may be any JSON object.
_INTERRUPT_ID: Final = re.compile(r"[0-9a-f]{32}")


class GotoError(Exception):
    """A `goto` to one node while the thread waits at another."""


class UnknownInterruptError(Exception):
    """An answer under `strict_resume` to an interrupt that is not pending."""


def target_of(command: Command, base: Checkpoint | None) -> tuple[str, ...]:
    """Return the nodes that `goto` adds, empty if they are next anyway. Raises `GotoError`."""
    target = tuple(name for name in command.targets if isinstance(name, str) and name != END)
    waiting = () if base is None else base.next
    # LangGraph would run the waiting node and the target in one superstep. The mock's cursor knows one next step, so
    # it refuses instead of running only one of them.
    if target and waiting and waiting != target:
        raise GotoError(
            f"`goto` {target[0]} would run beside the next step {', '.join(waiting)}, which the mock does not support. "
            "Resume that step first, or update the state as that node."
        )
    return () if waiting == target else target


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

    An object whose keys all are ids of interrupts answers only these. Any other answer is the answer itself.
    """
    if answer is None or (_is_by_id(answer) and question not in answer):
        return ()
    return (answer[question],) if _is_by_id(answer) else (answer,)


def _is_by_id(answer: Any) -> bool:
    return isinstance(answer, dict) and all(_INTERRUPT_ID.fullmatch(name) for name in answer)
