"""The comparison of one reading with one state of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from conformance.api import GONE
from conformance.histories import model
from conformance.histories.history import Reading
from conformance.histories.model import UPDATE, Plans, Thread


def explains(thread: Thread, reading: Reading, plans: Plans) -> bool:
    """Return whether a client can be shown this in this state."""
    return _SUBJECTS[reading.subject](thread, reading, plans)


def _run_status(thread: Thread, reading: Reading, _: Plans) -> bool:
    return bool(reading.shown == model.status_of(thread, reading.label))


def _thread_status(thread: Thread, reading: Reading, _: Plans) -> bool:
    statuses = model.thread_statuses(thread)
    if reading.shown.startswith("not "):  # from a search that did not find the thread
        return statuses != (reading.shown.removeprefix("not "),)
    return reading.shown in statuses


def _state(thread: Thread, reading: Reading, plans: Plans) -> bool:
    """`shown`: the messages, the finished steps and the next nodes in words, or `gone`."""
    if reading.shown == GONE or not thread.exists:
        return reading.shown == GONE and not thread.exists
    words, steps, following = reading.shown
    if (words, steps) != (model.conversation(thread, plans), _steps(thread, plans)):
        return False
    return thread.busy or thread.rest == "any" or (not following if thread.rest == "idle" else True)


def _steps(thread: Thread, plans: Plans) -> tuple[str, ...]:
    """Return the channel of the finished steps, which the conversation implies."""
    return tuple(
        f"{label}/{step}"
        for label, parts in thread.segments
        if label != UPDATE
        for step in plans[label].steps[: parts - plans[label].first]
    )


def _history(thread: Thread, reading: Reading, plans: Plans) -> bool:
    """`shown`: the distinct conversations of the checkpoints, oldest first, or `gone`."""
    if reading.shown == GONE or not thread.exists:
        return reading.shown == GONE and not thread.exists
    if thread.shaken:
        return True
    must, may = _checkpoints(thread, plans)
    shown = [words for words in reading.shown if words]
    return (
        all(words in may for words in shown)
        and all(words in shown for words in must)
        and shown == sorted(shown, key=len)
    )


def _checkpoints(thread: Thread, plans: Plans) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return the conversations that the history must show, and those that it may show."""
    must: list[tuple[str, ...]] = []
    may: list[tuple[str, ...]] = []
    words: tuple[str, ...] = ()
    for label, parts in thread.segments:
        added = ("update",) if label == UPDATE else plans[label].parts[:parts]
        for number, word in enumerate(added, start=1):
            words += (word,)
            may.append(words)
            if label == UPDATE or not plans[label].stored_at_end or number == len(added):
                must.append(words)
    return must, may


def _runs(thread: Thread, reading: Reading, _: Plans) -> bool:
    """`shown`: the filter, and the label and status of every run in the list, newest first, or `gone` for a 404."""
    if reading.shown == GONE or not thread.exists:
        return reading.shown == GONE and not thread.exists
    wanted, listed = reading.shown
    runs = [(run.label, run.shown) for run in reversed(thread.runs) if wanted in (None, run.shown)]
    return bool(list(listed) == runs)


def _over(thread: Thread, label: str) -> bool:
    run = thread.find(label)
    return run is None or not run.in_flight


def _result(thread: Thread, reading: Reading, plans: Plans) -> bool:
    """`shown`: the messages of the answer of a join or a wait, `error`, or None if the answer has neither."""
    run = thread.find(reading.label)
    if run is None or run.phase != "over" or not thread.exists:
        return run is None or not thread.exists
    if reading.shown == "refused" or run.status == "error":
        return bool(run.status == "error" and not isinstance(reading.shown, tuple))
    if run.status != "success" or thread.shaken:
        return bool(reading.shown != "error")
    # The answer of a wait is the result of the run. That of a join is the thread's state then, or when it was last at
    # rest: at the end of a run, or after an update.
    ends = [_conversation(thread, upto, plans) for upto in range(1, len(thread.segments) + 1)]
    # The place of a run that wrote nothing, such as the answer to no question, is forgotten.
    least = len(_until(thread, reading.label, plans)) if _wrote(thread, reading.label) else 0
    after = [words for words in ends if len(words) >= least]
    return reading.shown in (*after, model.conversation(thread, plans))


def _wrote(thread: Thread, label: str) -> bool:
    return any(writer == label for writer, _ in thread.segments)


def _before(thread: Thread, label: str, plans: Plans) -> tuple[str, ...]:
    """Return the conversation that a run continued."""
    index = next((n for n, segment in enumerate(thread.segments) if segment[0] == label), len(thread.segments))
    return _conversation(thread, index, plans)


def _conversation(thread: Thread, upto: int, plans: Plans) -> tuple[str, ...]:
    """Return the conversation that so many segments of the thread make."""
    return model.conversation(thread._replace(segments=thread.segments[:upto]), plans)


def _until(thread: Thread, label: str, plans: Plans) -> tuple[str, ...]:
    """Return the conversation with which a run ended."""
    kept = next((parts for writer, parts in thread.segments if writer == label), 0)
    return _before(thread, label, plans) + plans[label].parts[:kept]


def _stream(thread: Thread, reading: Reading, plans: Plans) -> bool:
    """`shown`: the events of a whole stream from its beginning to its clean end, see `transcribe`."""
    run = thread.find(reading.label)
    if run is None or not thread.exists:
        return True
    if run.phase != "over":
        return False
    seen: Mapping[str, Any] = reading.shown
    # A client that joins late may have missed the error.
    failed = run.status == "error"
    if (seen["error"] and not failed) or (failed and seen["whole"] and not seen["error"]) or not seen["named"]:
        return False
    # The stream of a run that never began may end without an event. Whether a run began before its first step ended is
    # forgotten.
    if seen["whole"] and not seen["begins"] and (run.status != "interrupted" or run.finished):
        return False
    if thread.shaken:
        return True
    whole = seen["whole"] and run.status == "success"
    nodes = [step.partition(":")[0] for step in plans[reading.label].steps[: run.finished]]
    if seen["nodes"] is not None and not _is_part(seen["nodes"], nodes, whole=whole, begins=seen["whole"]):
        return False
    if run.status == "success" and not _wrote(thread, reading.label):
        return True
    versions = list(_versions(thread, reading.label, plans))
    return seen["values"] is None or _values(seen["values"], versions, whole=whole)


def _is_part(seen: list[str], nodes: list[str], *, whole: bool, begins: bool) -> bool:
    """Return whether a stream showed these nodes: all of them, the first ones, or some in a row."""
    if whole or begins:
        return seen == nodes if whole else seen == nodes[: len(seen)]
    return any(seen == nodes[at : at + len(seen)] for at in range(len(nodes) + 1))


def _versions(thread: Thread, label: str, plans: Plans) -> Iterator[tuple[str, ...]]:
    """Yield the conversations that a run went through, its input first."""
    run, before = thread.find(label), _before(thread, label, plans)
    if run is not None:
        plan = plans[label]
        for kept in range(plan.first + run.finished + 1):
            yield before + plan.parts[:kept]


def _values(shown: list[tuple[str, ...]], versions: list[tuple[str, ...]], *, whole: bool) -> bool:
    """Return whether a stream showed these conversations: each is one of the run's, and they only grow."""
    if any(words not in versions for words in shown):
        return False
    order = [versions.index(words) for words in shown]
    return order == sorted(order) and (not whole or set(versions[1:]) <= set(shown))


def _stopped(thread: Thread, reading: Reading, _: Plans) -> bool:
    """Return whether there is a reason for a run not to stop, when the deadline of its stop passed."""
    run = thread.find(reading.label)
    return run is None or not run.in_flight or run.noticed or not run.fate


def _progress(thread: Thread, reading: Reading, _: Plans) -> bool:
    """Return whether nothing was left to happen at the end of the play, when nothing is held.

    `shown` is `rest` for the whole thread, and `open` for an answer that never came to its end.
    """
    if reading.shown == "rest":
        return not thread.busy
    run = thread.find(reading.label)
    return run is not None and run.in_flight


_SUBJECTS: Final[Mapping[str, Callable[[Thread, Reading, Plans], bool]]] = {
    "run status": _run_status,
    "thread status": _thread_status,
    "state": _state,
    "history": _history,
    "runs": _runs,
    "result": _result,
    "stream": _stream,
    "stopped": _stopped,
    "progress": _progress,
}
