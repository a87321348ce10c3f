"""A small pure model of one thread under the four multitask strategies.

Given which runs were asked for, in which order, and how far each was *seen* to get, it says the set of legal
outcomes: for every run its status, and the conversation that the thread holds at the end. Where the record leaves
room (a step that had finished but may not have been committed when the run was superseded), the set has more
than one member; where it does not, it has exactly one.

The rules, from the double-texting guides:

1. `interrupt` stops every run in flight, keeps it as `interrupted`, and keeps what its finished steps wrote.
2. `rollback` deletes every run in flight, with everything it wrote.
3. `reject` refuses the newcomer while a run is in flight.
4. `enqueue` starts the newcomer when the run before it is over.
5. A run that had ended before the newcomer came keeps its status and its data.
6. A run that may have ended by itself just then either was superseded or was not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

Strategy = Literal["enqueue", "reject", "interrupt", "rollback"]
Ending = Literal["success", "error"]


@dataclass(frozen=True)
class Turn:
    """One run as it was asked for and seen; turns are given in the order of their requests.

    `parts`: what a complete pass writes, in order, the input first (`("A.human", "A.call", …)`).
    `least`, `most`: how many of these had certainly, had possibly been written when the run was superseded; `most`
    is also what it leaves when it ends by itself. `in_flight`: whether it was when the next run that is not
    `enqueue` was asked for: True, False, or None when that cannot be told. `ending`: the status it gets if nobody
    supersedes it.
    """

    label: str
    strategy: Strategy
    parts: tuple[str, ...]
    least: int
    most: int
    in_flight: bool | None
    ending: Ending = "success"

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most <= len(self.parts):
            raise ValueError(f"turn {self.label}: 0 <= {self.least} <= {self.most} <= {len(self.parts)} is not so")


@dataclass(frozen=True)
class Outcome:
    """One legal end: a status for every turn (`gone`, `refused` included) and the conversation in words."""

    statuses: tuple[tuple[str, str], ...]
    conversation: tuple[str, ...]

    def status(self, label: str) -> str:
        """The status of one turn; raises KeyError for a label that was not asked for."""
        return dict(self.statuses)[label]


@dataclass(frozen=True)
class _Fate:
    status: str
    kept: int


def legal_outcomes(turns: Sequence[Turn]) -> frozenset[Outcome]:
    """Every outcome that the four strategies allow for these turns; never empty."""
    outcomes: set[Outcome] = set()
    for busy in _worlds(turns):
        admitted = _admitted(turns, busy)
        fates = [
            list(_fates(turns, index, admitted, busy)) if index in admitted else [_Fate("refused", 0)]
            for index in range(len(turns))
        ]
        for chosen in product(*fates):
            outcomes.add(
                Outcome(
                    statuses=tuple((turn.label, fate.status) for turn, fate in zip(turns, chosen, strict=True)),
                    conversation=tuple(
                        part for turn, fate in zip(turns, chosen, strict=True) for part in turn.parts[: fate.kept]
                    ),
                )
            )
    return frozenset(outcomes)


def _worlds(turns: Sequence[Turn]) -> Iterator[tuple[bool, ...]]:
    """Every way in which the untold `in_flight` can have been."""
    return product(*([turn.in_flight] if turn.in_flight is not None else [True, False] for turn in turns))


def _admitted(turns: Sequence[Turn], busy: tuple[bool, ...]) -> frozenset[int]:
    """The turns that were not refused: only `reject` refuses, and only while an admitted run is in flight."""
    admitted: set[int] = set()
    in_flight: set[int] = set()
    for index, turn in enumerate(turns):
        if turn.strategy == "reject" and in_flight:
            continue
        if turn.strategy in ("interrupt", "rollback"):
            in_flight.clear()
        admitted.add(index)
        if busy[index]:
            in_flight.add(index)
    return frozenset(admitted)


def _fates(turns: Sequence[Turn], index: int, admitted: frozenset[int], busy: tuple[bool, ...]) -> Iterator[_Fate]:
    """What can have become of one admitted turn."""
    turn = turns[index]
    superseding = next(
        (
            later.strategy
            for position, later in enumerate(turns)
            if position > index and position in admitted and later.strategy in ("interrupt", "rollback")
        ),
        None,
    )
    if superseding is None or not busy[index]:
        yield _Fate(turn.ending, turn.most)
    elif superseding == "rollback":
        yield _Fate("gone", 0)
    else:
        for kept in range(turn.least, turn.most + 1):
            yield _Fate("interrupted", kept)
