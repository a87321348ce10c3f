"""AGR: the tasks of a state, compared with its next steps and with what the steps wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from conformance.api import checkpoint_id, objects
from conformance.checks.agreement.contradictions import Contradiction, expect_none
from conformance.judge.check import check
from conformance.judge.expect import Unproven
from conformance.judge.objects import Shown, shown
from conformance.judge.play import Play
from conformance.transcript.text import snippet


@check("AGR-10", premises=())
def next_steps_are_the_open_tasks(play: Play) -> None:
    """AGR-10: compare the `next` of every state with its tasks, and both with the step that followed."""
    states = [one for one in shown(play, "state") if isinstance(one.value, dict) and isinstance(one.get("next"), list)]
    if not states:
        raise Unproven("no answer contained a state with `next`")
    found = _of_all(states, _resumes(play), _skips(play))
    expect_none(found, "`next` and `tasks` to show the steps and what they wrote")


def _of_all(states: list[Shown], resumes: bool, skips: bool) -> Iterator[Contradiction]:
    yield from _of_next(states, skips)
    yield from _of_ids(states)
    yield from _of_finished(states, resumes, skips)


def _resumes(play: Play) -> bool:
    """Return whether a run answers a question. The step that asked it may show the question afterwards."""
    return any(submit.answers is not None for submit in play.scenario.all_submits)


def _skips(play: Play) -> bool:
    """Return whether a run stores its last step only (durability `exit`), so that steps are missing before it."""
    return any(submit.durability == "exit" for submit in play.scenario.all_submits)


def _is_next(before: Shown, after: Shown, skips: bool) -> bool:
    """Return whether a checkpoint is that of the step after another one, where steps may be missing."""
    if not skips:
        return True
    first, second = _metadata(before).get("step"), _metadata(after).get("step")
    return isinstance(first, int) and second == first + 1


def _of_ids(states: list[Shown]) -> Iterator[Contradiction]:
    """Yield every id that tasks of two checkpoints have."""
    first: dict[str, tuple[str, Shown]] = {}
    for one in states:
        place = str(checkpoint_id(one.value))
        for task in objects(one.get("tasks")):
            if isinstance(task.get("id"), str):
                before, shown_before = first.setdefault(task["id"], (place, one))
                if before != place:
                    yield Contradiction(
                        f"the task with the id of {snippet(task.get('name'))} in {one.place}",
                        f"in checkpoint {before}, as before",
                        f"checkpoint {place}",
                        (shown_before.received, one.received),
                    )


def _of_finished(states: list[Shown], resumes: bool, skips: bool) -> Iterator[Contradiction]:
    """Yield what a history shows wrongly of the tasks of a step that another step followed."""
    for _, together in groupby(states, lambda one: one.received):
        entries = list(together)
        following = {
            checkpoint_id(one.value, "parent_"): one for one in entries if _metadata(one).get("source") == "loop"
        }
        for entry in entries:
            after = following.get(checkpoint_id(entry.value))
            if after is not None and isinstance(entry.get("tasks"), list) and _is_next(entry, after, skips):
                for what, due, found in _wrong_in(entry, after, resumes):
                    yield Contradiction(f"{what} of {entry.place}", due, found, (entry.sent, after.received))


def _wrong_in(entry: Shown, after: Shown, resumes: bool) -> Iterator[tuple[str, str, str]]:
    tasks = objects(entry.get("tasks"))
    if not tasks:
        yield "the tasks", f"those of `next`, `{snippet(entry.get('next'))}`", "`[]`"
    written = {snippet(message.get("id")) for message in _messages(after.get("values"))}
    for task in tasks:
        name = f"of the task {snippet(task.get('name'))}"
        # The published description has no `result`, so a server may leave it out.
        if "result" in task and task["result"] is None:
            yield f"the `result` {name}", "what the step wrote, because another step followed", "`null`"
        if task.get("error"):
            yield f"the `error` {name}", "`null`, because another step followed", f"`{snippet(task['error'])}`"
        if task.get("interrupts") and not resumes:
            yield (
                f"the `interrupts` {name}",
                "`[]`, because no question was answered",
                f"`{snippet(task['interrupts'])}`",
            )
        for message in _messages(task.get("result")):
            # The id of a message that was written without one is given to it later.
            if message.get("id") is not None and snippet(message["id"]) not in written:
                yield (
                    f"the message in the `result` {name}",
                    f"one of the entry that followed, {checkpoint_id(after.value)}",
                    f"`{snippet(message['id'])}`",
                )


def _messages(values: Any) -> list[dict[str, Any]]:
    return objects(values.get("messages")) if isinstance(values, dict) else []


def _metadata(one: Shown) -> dict[str, Any]:
    metadata = one.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _of_next(states: list[Shown], skips: bool) -> Iterator[Contradiction]:
    by_id = {found: one for one in states if (found := checkpoint_id(one.value)) is not None}
    for one in states:
        named, tasks = one.get("next"), objects(one.get("tasks"))
        see = (one.sent, one.received)
        # A server need not show tasks.
        if tasks:
            names = [task.get("name") for task in tasks]
            # A task that failed is finished or will be tried again, as the server likes.
            left = [task.get("name") for task in tasks if not task.get("result") and not task.get("error")]
            if not (Counter(map(snippet, left)) <= Counter(map(snippet, named)) <= Counter(map(snippet, names))):
                due = f"the names of its tasks, `{snippet(names)}`"
                yield Contradiction(f"`next` of {one.place}", due, f"`{snippet(named)}`", see)
            ids = [snippet(task["id"]) for task in tasks if task.get("id") is not None]
            if len(set(ids)) < len(ids):
                yield Contradiction(f"the ids of the tasks of {one.place}", "one for each", f"`{', '.join(ids)}`", see)
        # A thread without a checkpoint has no id, and the first checkpoint has no parent.
        parent = checkpoint_id(one.value, "parent_")
        before = None if parent is None else by_id.get(parent)
        followed = _metadata(one).get("source") == "loop"
        if followed and before is not None and not before.get("next") and _is_next(before, one, skips):
            yield Contradiction(
                f"`next` of {before.place}",
                f"the step that wrote checkpoint {checkpoint_id(one.value)}, which follows it",
                f"`{snippet(before.get('next'))}`",
                (before.received, one.received),
            )
