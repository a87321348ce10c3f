"""The types of a history: the operations, readings and reports of one play, in the order of their moments.

An operation or a reading is an interval from its request to its answer. It takes effect, or is true, at one moment
within it. A report of the agent is a point. `seq` and `t` are those of the transcript.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from conformance.histories.model import Outcome, Plan

Answer = Literal["accepted", "refused", "failed", "unknown"]
"""`accepted`: 2xx. `refused`: 4xx. `failed`: 5xx, which nothing explains. `unknown`: the client got no answer."""

Act = Literal["submit", "cancel", "delete run", "delete thread", "update state", "disconnect"]
Subject = Literal["run status", "thread status", "state", "history", "runs", "stream", "result", "stopped", "progress"]


@dataclass(frozen=True)
class Operation:
    """A request that changes the thread. `closes` is None for one without an answer, which may take effect any time."""

    act: Act
    label: str
    answer: Answer
    opens: int
    closes: int | None
    text: str
    action: str = "interrupt"


@dataclass(frozen=True)
class Reading:
    """A fact that a client was shown, which has to be true at a moment between `opens` and `closes`.

    `shown` depends on the subject. See `readings`. `again` is a further fact that the same answer requires.
    """

    subject: Subject
    label: str
    shown: Any
    opens: int
    closes: int
    text: str


@dataclass(frozen=True)
class Report:
    """A report of a step to the witness, at the seq `at`."""

    label: str
    step: str
    event: str
    outcome: Outcome
    at: int
    text: str


@dataclass(frozen=True)
class History:
    """The events of one thread. `times` has the time of every seq, and `outside` the reasons why it is not judged."""

    plans: dict[str, Plan]
    operations: tuple[Operation, ...] = ()
    readings: tuple[Reading, ...] = ()
    reports: tuple[Report, ...] = ()
    times: tuple[float, ...] = ()
    outside: tuple[str, ...] = field(default=())

    def time(self, seq: int) -> float:
        """Return the time of a moment in seconds since the start of the play."""
        return self.times[seq] if seq < len(self.times) else float(seq)
