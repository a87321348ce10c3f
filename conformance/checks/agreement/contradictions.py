"""The parts of the checks of agreement: two places of one fact that differ, and when they may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from conformance.api import GONE, TERMINAL, objects
from conformance.judge.expect import Broken, Unproven
from conformance.judge.play import Play

SHOWN = 3
"""The number of contradictions that a failure text names."""


class Contradiction(NamedTuple):
    """Two places of one fact: what the fact is, its value in both, and the seqs of both."""

    what: str
    first: str
    other: str
    see: tuple[int, int]


def expect_none(found: Iterator[Contradiction], of: str) -> None:
    """Raise Broken if there is a contradiction. It names several, because each may have its own cause."""
    each: dict[str, Contradiction] = {}
    for one in found:
        each.setdefault(one.what, one)
    if each:
        some = list(each.values())[:SHOWN]
        more = f", and {len(each) - SHOWN} more" if len(each) > SHOWN else ""
        raise Broken(
            f"{of}: " + ", ".join(f"{one.what} {one.first}" for one in some),
            ", ".join(f"{one.other} for {one.what}" for one in some) + more,
            *(seq for one in some for seq in one.see),
        )


def stated(value: Any) -> Any:
    """Return a value without its empty fields. A null, an empty text and a field that is left out state the same."""
    if isinstance(value, dict):
        return {name: found for name, each in value.items() if (found := stated(each)) is not None} or None
    if isinstance(value, list):
        return [stated(each) for each in value] or None
    return None if value == "" else value


def state_differently(one: Any, other: Any) -> bool:
    """Return whether two values differ in more than empty fields."""
    # Most answers repeat the one before, and equal values state the same.
    return bool(one != other) and stated(one) != stated(other)


def require_rest(play: Play) -> None:
    """Raise Unproven unless every run on the main thread was over when the thread was read at the end."""
    for submit in play.scenario.submits():
        if play.submission(submit.label).ok and play.final_status(submit.label) not in (*TERMINAL, GONE):
            raise Unproven(f"run {submit.label} never ended, so two answers about the thread may differ")


def may_have_results(state: dict[str, Any]) -> bool:
    """Return whether a task of the next superstep may have finished: its result may be shown in the values already."""
    # The description does not require `tasks`. Without them, a state that waits for a step may contain such a result.
    if not isinstance(state.get("tasks"), list):
        return bool(state.get("next"))
    return any(task.get("result") for task in objects(state["tasks"]))
