"""The demands of the rest of a history, which a state of the thread can meet or not.

A run that has ended never changes, and one that has started is never pending again. So if a run is further than a
later reading or report shows it, nothing explains the history from here. The checker leaves out such states at once.
Without this, one early mistake costs a search through everything that could follow it.

Only facts about single runs are compared, because they can be decided without a search. A state that is left out is
always a dead end. A state that is not may be one, too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from conformance.api import GONE
from conformance.histories.history import Operation, Reading, Report
from conformance.histories.model import Plan, Run, Thread

Item = Operation | Reading | Report
Moment = tuple[int, str, int, Item]
"""The seq, `open`, `close` or `report`, the number of the item in its list, and the item."""

Fact = Run | tuple[str, int]
"""A run, or the label of one that is gone and the number of its messages that remain."""

ORDER: Final = ("pending", "running")
"""The statuses before the end of a run, in the order in which it has them."""

BEFORE_THE_END: Final = {None, GONE, *ORDER}

WITH_MESSAGES: Final = ("state", "history", "stream", "result")

NEVER: Final = -1
UNANSWERED: Final = 10**9


class _Lasts(NamedTuple):
    """The numbers of the last moments at which a run can still report, enter a step, or be deleted."""

    report: int
    enter: int
    deletion: int


class Outlook:
    """The demands of a list of moments. `taken` is the number of them that are over."""

    def __init__(self, moments: Sequence[Moment], plans: Mapping[str, Plan]) -> None:
        self.created_before = _creation_order(moments)
        """For each run those that were created before it, as far as reports and lists of runs show it."""
        self.hopeless = min(
            filter(None, (_failed(moments), *(_absurd(moments, plan) for plan in plans.values()))), default=None
        )
        """The number of moments up to an answer or a run that no order explains. None if a search has to decide.

        The answer is an error of the server, or the run was shown what no single run does.
        """
        self._plans = plans
        self._parking = {i.label for _, _, _, i in moments if isinstance(i, Report) and i.outcome == "interrupted"}
        self._lasts = {label: _lasts(moments, label) for label in plans}
        self._erasable = {label for label in plans if _is_erasable(moments, label, plans)}
        opened = [
            (taken, item)
            for taken, (_, kind, _, item) in enumerate(moments)
            if kind == "open" and isinstance(item, Reading)
        ]
        # Most readings are statuses of one run, and there are as many runs to compare with.
        self._readings = {label: [one for one in opened if _concerns(one[1], label)] for label in plans}
        """The readings that can say something about a run, and the moments at which they open."""
        self._sharing = _sharing(plans)
        self.silent = {label for label, plan in plans.items() if _is_silent(moments, plan)}
        """The runs of which nothing shows that they began."""
        # What the history shows after the deletion of a run is not defined.
        self._shaken = any(isinstance(item, Operation) and item.act == "delete run" for _, _, _, item in moments)
        self._allowed: dict[tuple[Fact, bool], int] = {}
        """The first moment at which a fact was found to be possible, before and after the last deletion of its run."""
        self._counts: dict[tuple[str, int], int | None] = {}

    def allows(self, thread: Thread, taken: int, waiting: Sequence[Reading], created: Iterable[str]) -> bool:
        """Return False if nothing explains the rest of the history from this state.

        `waiting` are the open readings that were not true yet. `created` are the runs whose creation was accepted.
        """
        if not thread.exists:
            return True  # its runs are not found, although they may still be stopping
        present = {run.label for run in thread.runs}
        parts = dict(thread.segments)
        gone: list[Fact] = [(label, parts.get(label, 0)) for label in created if label not in present]
        for fact in [*gone, *thread.runs]:
            # The later the moment, the fewer demands remain, but for those that need the last deletion to be over.
            key = fact, self._lasts[str(fact[0])].deletion < taken
            if self._allowed.get(key, taken + 1) > taken:
                if not self._allows_later(fact, taken):
                    return False
                self._allowed[key] = taken
            label = str(fact[0])
            if any(_concerns(reading, label) and self._contradicts(fact, reading, taken) for reading in waiting):
                return False
        return True

    def is_early(self, reading: Reading, taken: int) -> bool:
        """Return whether a list shows the end of a run that still reports, so that it cannot be true yet."""
        return reading.shown != GONE and any(
            status not in ORDER and label in self._lasts and self._lasts[label].report >= taken
            for label, status in reading.shown[1]
        )

    def _allows_later(self, fact: Fact, taken: int) -> bool:
        """Return whether the reports and readings that have not begun can agree with a fact."""
        lasts = self._lasts[fact[0]]
        over = not isinstance(fact, Run) or not fact.in_flight
        if (over and lasts.report >= taken) or (isinstance(fact, Run) and fact.noticed and lasts.enter >= taken):
            return False
        readings = self._readings[str(fact[0])]
        later = [reading for _, reading in readings[bisect_left(readings, taken, key=_opening) :]]
        if not over and len({status_in(reading, str(fact[0])) for reading in later} - BEFORE_THE_END) > 1:
            return False  # a run has one end
        return not any(self._contradicts(fact, reading, taken) for reading in later)

    def _contradicts(self, fact: Fact, reading: Reading, taken: int) -> bool:
        """Return whether a reading can never be true, now that this is a fact."""
        return self._contradicts_run(fact, reading, taken) if isinstance(fact, Run) else self._shows(fact, reading)

    def _shows(self, gone: tuple[str, int], reading: Reading) -> bool:
        """Return whether a reading shows a run that is gone, or other messages than those that are left of it."""
        label, parts = gone
        if reading.shown == GONE:
            return False
        return status_in(reading, label) not in (None, GONE) or self._parts(label, reading) not in (None, parts)

    def _contradicts_run(self, run: Run, reading: Reading, taken: int) -> bool:
        # Nothing deletes the run any more. It has ended, or will be `interrupted`.
        stays = self._lasts[run.label].deletion < taken and (not run.in_flight or run.fate == "interrupt")
        if reading.shown == GONE:
            return stays and (reading.subject != "run status" or reading.label == run.label)
        match reading.subject:
            case "run status" | "runs":
                shown = status_in(reading, run.label)
                return (stays and shown == GONE) or (shown not in (None, GONE) and self._is_past(run, str(shown)))
            case "state" | "history":
                parts = self._parts(run.label, reading)
                if parts is None:
                    return False
                if run.in_flight:
                    return (stays or run.label not in self._erasable) and run.kept > parts
                return stays and run.kept != parts
            case "stream" | "result" if reading.label == run.label and stays and not run.in_flight:
                return _ended_otherwise(run, reading)
            case _:
                return False

    def _is_past(self, run: Run, shown: str) -> bool:
        """Return whether a run will never have this status again."""
        if not run.in_flight:
            return shown != run.status
        if shown in ORDER:
            return ORDER.index(shown) < ORDER.index(run.phase)
        # Only a run that waits for a human can be `interrupted` although it was to vanish.
        return shown == "interrupted" and run.fate in ("rollback", "delete") and run.label not in self._parking

    def _parts(self, label: str, reading: Reading) -> int | None:
        """Return the number of messages of a run that a reading shows, None if it proves nothing about them."""
        key = label, id(reading)
        if key not in self._counts:
            silent = label in self._sharing or (reading.subject == "history" and self._shaken)
            self._counts[key] = None if silent else _count(self._plans[label], reading)
        return self._counts[key]


def _opening(one: tuple[int, Reading]) -> int:
    return one[0]


def _concerns(reading: Reading, label: str) -> bool:
    """Return whether a reading can contradict a fact about a run. The status of another run cannot."""
    return reading.subject != "run status" or reading.label == label


def status_in(reading: Reading, label: str) -> str | None:
    """Return the status in which a reading shows a run, `gone` if it shows its absence, None if it shows nothing."""
    if reading.subject == "run status":
        return str(reading.shown) if reading.label == label else None
    if reading.subject != "runs":
        return None
    if reading.shown == GONE:
        return GONE
    wanted, listed = reading.shown
    return dict(listed).get(label, GONE if wanted is None else None)


def _count(plan: Plan, reading: Reading) -> int | None:
    if reading.subject == "state":
        return sum(word in plan.parts for word in reading.shown[0])
    if reading.subject == "history":
        return sum(word in plan.parts for word in reading.shown[-1]) if reading.shown else 0
    return None


def _ended_otherwise(run: Run, reading: Reading) -> bool:
    """Return whether a stream or an answer shows another end than that of this run."""
    failed = run.status == "error"
    if reading.subject == "stream":
        return bool(reading.shown["error"] and not failed) or bool(
            failed and reading.shown["whole"] and not reading.shown["error"]
        )
    if failed:
        return isinstance(reading.shown, tuple)
    return reading.shown in ("error", "refused")


def _failed(moments: Sequence[Moment]) -> int | None:
    """Return the number of moments up to the first answer that is an error of the server, or None."""
    return next(
        (
            length
            for length, (_, kind, _, item) in enumerate(moments, start=1)
            if kind == "close" and isinstance(item, Operation) and item.answer == "failed"
        ),
        None,
    )


def _absurd(moments: Sequence[Moment], plan: Plan) -> int | None:
    """Return the number of moments in which a run has two ends, an end without a cause, or an earlier status again.

    Return None if it has not.
    """
    reached, ends, opened = 0, set[str](), dict[int, int]()
    causes = {"interrupted"} if plan.answers is None else {"interrupted", "success", "error"}
    for length, (_, kind, number, item) in enumerate(moments, start=1):
        if isinstance(item, Report) and item.label == plan.label:
            if reached > ORDER.index("running"):
                return length
            reached = ORDER.index("running")
            causes |= _causes(item, plan)
        elif isinstance(item, Reading) and (status := status_in(item, plan.label)) not in (None, GONE):
            if kind == "open":
                opened[number] = reached
                continue
            rank = ORDER.index(str(status)) if status in ORDER else len(ORDER)
            ends |= {str(status)} - BEFORE_THE_END
            if opened[number] > rank or len(ends) > 1 or not ends <= causes:
                return length
            reached = max(reached, rank)
    return None


def _causes(report: Report, plan: Plan) -> set[str]:
    """Return the ends of a run that a report makes possible."""
    if report.outcome == "returned":
        return {"success"} if plan.steps[-1:] == (report.step,) else set()
    return {"raised": {"error"}, "interrupted": {"success"}}.get(report.outcome, set())


def _is_silent(moments: Sequence[Moment], plan: Plan) -> bool:
    """Return whether every moment can be explained without the start of a run."""
    if plan.answers is not None:
        return False  # a resume without an open question ends by itself
    for _, _, _, item in moments:
        if isinstance(item, Report) and item.label == plan.label:
            return False
        if isinstance(item, Reading):
            status = status_in(item, plan.label)
            # A list of the pending runs may lack the run because it is running.
            may_run = item.subject == "runs" and item.shown != GONE and item.shown[0] == "pending"
            if status == "running" or (may_run and status is None):
                return False
            if item.subject in WITH_MESSAGES and any(part in _words(item.shown) for part in plan.parts):
                return False
    return True


def _words(shown: Any) -> Iterator[Any]:
    """Yield everything in a reading, at any depth."""
    if isinstance(shown, dict):
        shown = shown.values()
    elif isinstance(shown, str) or not isinstance(shown, Iterable):
        yield shown
        return
    for one in shown:
        yield from _words(one)


def _sharing(plans: Mapping[str, Plan]) -> set[str]:
    """Return the runs whose messages may be those of another run: questions, and the answers to them."""
    owners = Counter(part for plan in plans.values() for part in plan.parts)
    return {label for label, plan in plans.items() if any(owners[part] > 1 for part in plan.parts)}


def _lasts(moments: Sequence[Moment], label: str) -> _Lasts:
    report = enter = deletion = NEVER
    for taken, (_, _, _, item) in enumerate(moments):
        if isinstance(item, Report) and item.label == label:
            report, enter = taken, (taken if item.event == "enter" else enter)
        elif _deletes(item, label):
            deletion = taken
    waiting = any(_deletes(item, label) for item in _unanswered(moments))
    return _Lasts(report, enter, UNANSWERED if waiting else deletion)


def _unanswered(moments: Sequence[Moment]) -> Iterator[Operation]:
    """Yield the operations that do not close, and can take effect at any time."""
    closed = {number for _, kind, number, item in moments if kind == "close" and isinstance(item, Operation)}
    for _, kind, number, item in moments:
        if kind == "open" and isinstance(item, Operation) and number not in closed:
            yield item


def _deletes(item: Item, label: str) -> bool:
    return isinstance(item, Operation) and (
        item.act == "delete thread" or (item.act == "delete run" and item.label == label)
    )


def _is_erasable(moments: Sequence[Moment], label: str, plans: Mapping[str, Plan]) -> bool:
    """Return whether anything can remove what a run wrote."""
    for _, _, _, item in moments:
        if isinstance(item, Operation) and (
            (item.act == "submit" and plans[item.label].strategy == "rollback")
            or (item.act == "cancel" and item.label == label and item.action == "rollback")
            or _deletes(item, label)
        ):
            return True
    return False


def _creation_order(moments: Sequence[Moment]) -> dict[str, set[str]]:
    """Return for each run the runs that were created before it.

    Runs start in the order of their creation, and a list shows the newest first.
    """
    accepted = {
        i.label for _, _, _, i in moments if isinstance(i, Operation) and (i.act, i.answer) == ("submit", "accepted")
    }
    reported = list(dict.fromkeys(item.label for _, _, _, item in moments if isinstance(item, Report)))
    lists = [
        [label for label, _ in reversed(item.shown[1])]
        for _, kind, _, item in moments
        if kind == "close" and isinstance(item, Reading) and item.subject == "runs" and item.shown != GONE
    ]
    before: dict[str, set[str]] = {}
    for order in (reported, *lists):
        for earlier, later in pairwise([label for label in order if label in accepted]):
            before.setdefault(later, set()).add(earlier)
    return before
