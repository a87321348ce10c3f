"""One thread as a state machine: its runs, its queue, its conversation, and everything that can change them.

Theory of operation
-------------------

`Thread` is an immutable state. Three kinds of events change it:

* An *operation* of a client takes effect (`apply`). The answer that the server gave is part of the operation, so an
  answer that is impossible in a state leads to no state.
* The agent *reports* a step to the witness (`report`). The step is really at this point when the report arrives.
* The server does something that no client sees (`internal`). It starts the next run, persists what a finished step
  wrote, settles a run that was asked to stop, or ends a run whose last step is over.

A run goes this way:

    absent --submit--> pending --start--> running --finish--> success | error
                          |                  |
                          `--- asked to stop -+--- settle ---> interrupted (keeps its writes) | gone (without a trace)

The machine states its laws by the events that it does *not* offer. Two runs never execute at once. The queue is in the
order of creation. A run that was superseded before it began executes nothing. No step starts once its run has noticed
that it is being stopped. A run that has ended never changes. The conversation consists of the writes of the runs that
remain.

The conversation is a tuple of segments, one for each run that wrote: the run's label and the number of its parts. The
first part is the input, and each finished step adds one.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from conformance.api import GONE
from conformance.histories.freedoms import Freedoms

Phase = Literal["pending", "running", "over"]
Fate = Literal["", "interrupt", "rollback", "delete"]
Outcome = Literal["", "returned", "raised", "interrupted", "cancelled"]
Rest = Literal["idle", "interrupted", "error", "any"]

UPDATE = "*"
"""The label of the segment of a manual update of the state."""


@dataclass(frozen=True)
class Plan:
    """The constant facts of one run: its request, and what it writes if nothing stops it.

    `steps` are entered in this order, and each writes the part behind it in `parts`. The first part is the input.
    `unreported` are the steps whose end the witness never received. `stored_at_end`: durability `exit`.
    """

    label: str
    strategy: str
    steps: tuple[str, ...]
    parts: tuple[str, ...]
    answers: str | None = None
    unreported: frozenset[str] = frozenset()
    stored_at_end: bool = False

    @property
    def first(self) -> int:
        """The number of parts that the run writes before its first step: its input, which a resumed run has not."""
        return 0 if self.answers is not None else 1


class Run(NamedTuple):
    """The state of one run. `entered` counts its steps, `finished` those that returned, `kept` its persisted parts."""

    label: str
    phase: Phase = "pending"
    status: str = ""
    fate: Fate = ""
    noticed: bool = False
    entered: int = 0
    finished: int = 0
    open: bool = False
    outcome: Outcome = ""
    kept: int = 0

    @property
    def in_flight(self) -> bool:
        """True while the run is pending or running."""
        return self.phase != "over"

    @property
    def shown(self) -> str:
        """The status of the run as a client reads it."""
        return self.status if self.phase == "over" else self.phase

    def ending(self, kept: int) -> Run:
        """Return the run at its end, without what no longer matters. So states that differ in nothing else are one."""
        return self._replace(phase="over", fate="", noticed=False, entered=0, open=False, outcome="", kept=kept)


class Thread(NamedTuple):
    """The state of the thread. `runs` are in the order of their creation, without those that are gone."""

    runs: tuple[Run, ...] = ()
    segments: tuple[tuple[str, int], ...] = ()
    rest: Rest = "idle"
    exists: bool = True
    shaken: bool = False
    """True once a run was deleted, whose checkpoints may remain or not."""

    def find(self, label: str) -> Run | None:
        """Return a run, or None when it is absent or gone."""
        return next((run for run in self.runs if run.label == label), None)

    @property
    def in_flight(self) -> tuple[Run, ...]:
        """The runs that are pending or running."""
        return tuple(run for run in self.runs if run.phase != "over")

    @property
    def busy(self) -> bool:
        """True while a run is in flight."""
        return any(run.phase != "over" for run in self.runs)

    def put(self, run: Run) -> Thread:
        """Return the thread with this state of one run."""
        return self._replace(runs=tuple(run if one.label == run.label else one for one in self.runs))

    def without(self, label: str) -> Thread:
        """Return the thread without a run and everything that it wrote."""
        return self._replace(
            runs=tuple(run for run in self.runs if run.label != label),
            segments=tuple(segment for segment in self.segments if segment[0] != label),
        )

    def writing(self, label: str, parts: int) -> Thread:
        """Return the thread in whose conversation a run has this number of parts."""
        if parts == 0:
            return self
        kept = tuple(segment for segment in self.segments if segment[0] != label)
        if len(kept) < len(self.segments):
            return self._replace(segments=tuple((label, parts) if s[0] == label else s for s in self.segments))
        return self._replace(segments=(*kept, (label, parts)))


class Change(NamedTuple):
    """One internal event, in words, with the state that it leads to."""

    text: str
    thread: Thread


Plans = dict[str, Plan]


def internal(
    thread: Thread,
    plans: Plans,
    freedoms: Freedoms,
    superseded: Container[str] | None = None,
    silent: Container[str] = (),
) -> Iterator[Change]:
    """Yield everything that the server can do by itself.

    `superseded` are the runs that may be settled although they have not started, None for all of them. Nothing shows
    that a `silent` run began. So it only matters that the thread may rest in any status when such a run is stopped.
    """
    if not any(run.phase == "running" for run in thread.runs):
        ready = next((run for run in thread.runs if run.phase == "pending" and not run.fate), None)
        if ready is not None and (ready.label not in silent or thread.rest != "any"):
            yield Change(f"run {ready.label} starts", thread.put(ready._replace(phase="running")))
    for run in thread.runs:
        if run.fate and run.phase == "pending":
            if superseded is None or run.label in superseded:
                yield from _settled(thread, run, plans, freedoms)
        elif run.phase == "running":
            yield from _progress(thread, run, plans, freedoms, writes=run.label not in silent)


def _progress(thread: Thread, run: Run, plans: Plans, freedoms: Freedoms, *, writes: bool) -> Iterator[Change]:
    plan = plans[run.label]
    first = plan.first
    if writes and run.kept < first + run.finished and not plan.stored_at_end:
        kept = run._replace(kept=run.kept + 1)
        what = "its input" if run.kept == 0 and first else f"the writes of {plan.steps[run.kept - first]}"
        yield Change(f"run {run.label} persists {what}", thread.put(kept).writing(run.label, kept.kept))
    unreported = run.open and plan.steps[run.entered - 1] in plan.unreported
    if run.fate and (not run.open or unreported):
        yield from _settled(thread, run, plans, freedoms)
    if not run.open and (not run.fate or freedoms.late_stop):
        yield from _finished(thread, run, plan, first, freedoms)


def _finished(thread: Thread, run: Run, plan: Plan, first: int, freedoms: Freedoms) -> Iterator[Change]:
    """Yield the ordinary end of a run: all of its steps returned, one raised an exception, or one asked a human."""
    kept = first + run.finished if plan.stored_at_end else run.kept
    if kept < first + run.finished:
        return
    ended = run.ending(kept)
    written = thread.writing(run.label, kept)
    if run.outcome == "raised":
        yield Change(f"run {run.label} fails", written.put(ended._replace(status="error"))._replace(rest="error"))
    elif run.outcome == "interrupted":
        for status in ("success", "interrupted") if freedoms.parked_is_interrupted else ("success",):
            parked = written.put(ended._replace(status=status))._replace(rest="interrupted")
            yield Change(f"run {run.label} waits for a human", parked)
    elif plan.answers is not None and not run.entered and thread.rest != "interrupted":
        # A resume without an open question executes nothing (HIL-10).
        for status in ("success", "error"):
            yield Change(
                f"run {run.label} finds no question", written.put(ended._replace(status=status))._replace(rest="any")
            )
    elif run.finished == len(plan.steps) and run.outcome != "cancelled":
        yield Change(f"run {run.label} ends", written.put(ended._replace(status="success"))._replace(rest="idle"))


def _settled(thread: Thread, run: Run, plans: Plans, freedoms: Freedoms) -> Iterator[Change]:
    """Yield the end of a run that was asked to stop."""
    began = run.phase == "running"
    thread = thread._replace(rest="any" if began else thread.rest)
    if run.fate == "rollback":
        yield Change(f"run {run.label} is rolled back", thread.without(run.label))
        return
    plan = plans[run.label]
    first = plan.first
    kept = run.kept
    if plan.stored_at_end and began:
        kept = first + run.finished
    elif freedoms.late_commit and run.entered:
        # A step reads the writes of the steps before it, so entering it proves that these are not lost.
        kept = max(kept, first + run.entered - 1)
    if run.fate == "delete":
        # The documents do not say whether the checkpoints of a run are deleted with it.
        gone = thread._replace(runs=tuple(one for one in thread.runs if one.label != run.label))
        yield Change(f"run {run.label} is deleted", thread.without(run.label))
        if kept:
            yield Change(f"run {run.label} is deleted, its writes remain", gone.writing(run.label, kept))
        return
    # With durability `exit`, the write of a step that returned when it was being stopped is stored or dropped.
    least = first + max(run.entered - 1, 0) if plan.stored_at_end and began else kept
    for stored in range(min(least, kept), kept + 1):
        stopped = run.ending(stored)._replace(status="interrupted")
        yield Change(f"run {run.label} stops", thread.put(stopped).writing(run.label, stored))


# -- reports of the agent ----------------------------------------------------------------------------------------------


def report(
    thread: Thread, label: str, step: str, event: str, outcome: Outcome, plans: Plans, freedoms: Freedoms
) -> Iterator[Thread]:
    """Yield the state in which the agent can have sent this report, if there is one."""
    run, plan = thread.find(label), plans[label]
    if run is None or run.phase != "running":
        return
    index = plan.steps.index(step) if step in plan.steps else -1
    if event == "enter":
        first = plan.first
        persisted = run.kept >= first + run.finished - freedoms.late_commit or plan.stored_at_end
        follows = index == run.entered and not run.open and run.outcome in ("", "returned")
        if follows and persisted and not run.noticed:
            yield thread.put(run._replace(entered=index + 1, open=True, outcome=""))
        return
    if run.fate and not run.open and index == run.entered and event in ("cancelled", "exit"):
        # A step that is stopped while it reports its beginning abandons that report.
        run = run._replace(entered=index + 1, open=True, outcome="")
    if not run.open or index != run.entered - 1:
        return
    if event == "token":
        yield thread
    elif event == "cancelled" and run.fate:
        yield thread.put(run._replace(noticed=True))
    elif event == "exit":
        finished = run.finished + (outcome == "returned")
        yield thread.put(run._replace(open=False, outcome=outcome, finished=finished))


# -- operations of clients ---------------------------------------------------------------------------------------------


def submit(thread: Thread, plan: Plan, *, accepted: bool, freedoms: Freedoms) -> Iterator[Thread]:
    """Yield the states after a request for a run that was accepted, or refused."""
    if not thread.exists:
        if not accepted:
            yield thread
        return
    executing = [run for run in thread.in_flight if not run.fate]
    some_stop = len(executing) < len(thread.in_flight)
    if plan.strategy == "reject":
        must_refuse = bool(executing) or (some_stop and not freedoms.stopping_is_idle)
        may_refuse = bool(executing) or some_stop
        if not accepted:
            if may_refuse:
                yield thread
            return
        if must_refuse:
            return
    if not accepted:
        return
    if plan.strategy in ("interrupt", "rollback"):
        for run in executing:
            thread = stopping(thread, run.label, plan.strategy)
    yield thread._replace(runs=(*thread.runs, Run(plan.label)))


def stopping(thread: Thread, label: str, action: str) -> Thread:
    """Return the thread in which a run in flight was asked to stop. The first request decides."""
    run = thread.find(label)
    if run is None or not run.in_flight or run.fate:
        return thread
    fate: Fate = "rollback" if action == "rollback" else "interrupt"
    return thread.put(run._replace(fate=fate))


def cancel(thread: Thread, label: str, action: str, *, accepted: bool) -> Iterator[Thread]:
    """Yield the states after a cancel. Only a run that is not in flight, or is being stopped, may be refused one."""
    run = thread.find(label)
    if accepted:
        # The cancel of a run that has ended changes nothing, and a server may accept it.
        yield stopping(thread, label, action)
    elif run is None or not run.in_flight or run.fate or not thread.exists:
        yield thread


def delete_run(thread: Thread, label: str, *, accepted: bool) -> Iterator[Thread]:
    """Yield the states after the deletion of a run. The writes of a run that had ended may remain."""
    run = thread.find(label)
    if not accepted:
        # A server may insist on a cancel first. FRM-08 judges that.
        if run is None or run.in_flight or not thread.exists:
            yield thread
        return
    if run is None or not thread.exists:
        return
    thread = thread._replace(shaken=True)
    if run.in_flight:
        yield thread.put(run._replace(fate=run.fate or "delete"))
        return
    gone = thread._replace(runs=tuple(one for one in thread.runs if one.label != label), rest="any")
    yield gone
    if thread.segments and thread.segments[-1][0] == label:
        yield gone._replace(segments=thread.segments[:-1])


def delete_thread(thread: Thread, *, accepted: bool) -> Iterator[Thread]:
    """Yield the states after the deletion of the thread. Its runs are stopped."""
    if not accepted:
        if not thread.exists or thread.busy:
            yield thread
        return
    if thread.exists:
        for run in thread.in_flight:
            thread = thread.put(run._replace(fate=run.fate or "delete"))
        yield thread._replace(exists=False)


def update_state(thread: Thread, *, accepted: bool, freedoms: Freedoms) -> Iterator[Thread]:
    """Yield the states after a manual update of the state, which is refused while a run is in flight."""
    stopping_only = thread.busy and all(run.fate for run in thread.in_flight)
    if not accepted:
        if thread.busy or not thread.exists:
            yield thread
    elif not thread.busy or (stopping_only and freedoms.stopping_is_idle):
        yield thread._replace(segments=(*thread.segments, (UPDATE, 1)), rest="any")


def status_of(thread: Thread, label: str) -> str:
    """Return the status of a run as a client reads it, `gone` for a 404."""
    run = thread.find(label)
    return GONE if run is None or not thread.exists else run.shown


def thread_statuses(thread: Thread) -> tuple[str, ...]:
    """Return the statuses that the thread may show."""
    if not thread.exists:
        return (GONE,)
    if thread.busy:
        return ("busy",)
    return ("idle", "interrupted", "error") if thread.rest == "any" else (thread.rest,)


def conversation(thread: Thread, plans: Plans) -> tuple[str, ...]:
    """Return the messages of the thread's state, in words."""
    words: list[str] = []
    for label, parts in thread.segments:
        words += ["update"] if label == UPDATE else plans[label].parts[:parts]
    return tuple(words)
