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
7. A cancel does to one run what `interrupt`, or with its action `rollback`, does to all.
8. Of several that would stop one run the first decides; whether it still counts for `reject` until it has stopped is
   left open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

from conformance.scenarios.moves import Strategy

Ending = Literal["success", "error"]
Action = Literal["interrupt", "rollback"]


@dataclass(frozen=True)
class Turn:
    """One run as it was asked for and seen; turns are given in the order of their requests.

    `parts`: what a complete pass writes, in order, the input first (`("A.human", "A.call", …)`).
    `alone`: how many of these it leaves, and `ending` the status it gets, if nobody supersedes it.
    `least`, `most`: how many had certainly, had possibly been written when it was superseded.
    `in_flight`: for each later turn, whether this one was in flight when that was asked for: True, False, or None
    when it cannot be told.
    """

    label: str
    strategy: Strategy
    parts: tuple[str, ...]
    alone: int
    least: int
    most: int
    in_flight: tuple[bool | None, ...] = ()
    ending: Ending = "success"

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most <= len(self.parts):
            raise ValueError(f"turn {self.label}: 0 <= {self.least} <= {self.most} <= {len(self.parts)} is not so")


@dataclass(frozen=True)
class Cancelled:
    """An accepted cancel of turn `label`, sent when `after` turns had been asked for.

    `in_flight`: whether the turn was in flight then; None when it cannot be told.
    """

    label: str
    action: Action
    after: int
    in_flight: bool | None


@dataclass(frozen=True)
class Outcome:
    """One legal end: a status for every turn (`gone`, `refused` included) and the conversation in words."""

    statuses: tuple[tuple[str, str], ...]
    conversation: tuple[str, ...]

    def status(self, label: str) -> str:
        """The status of one turn; raises KeyError for a label that was not asked for."""
        return dict(self.statuses)[label]


class _Fate(NamedTuple):
    status: str
    kept: int


def legal_outcomes(turns: Sequence[Turn], cancels: Sequence[Cancelled] = ()) -> frozenset[Outcome]:
    """Every outcome that the four strategies and cancel allow for these turns; never empty.

    `cancels` are given in the order in which they were sent. Raises ValueError when a turn's `in_flight` has not one
    entry for each later turn, and KeyError for the cancel of a turn that there is not.
    """
    for index, turn in enumerate(turns):
        if len(turn.in_flight) != len(turns) - index - 1:
            raise ValueError(
                f"turn {turn.label}: {len(turn.in_flight)} entries for {len(turns) - index - 1} later turns"
            )
    positions = {turn.label: index for index, turn in enumerate(turns)}
    stops = [(cancel, positions[cancel.label]) for cancel in cancels]
    outcomes: set[Outcome] = set()
    for world in product(*(list(_flights(turn)) for turn in turns)):
        for hits in product(*(_hits(cancel, world[of], of) for cancel, of in stops)):
            hit = [(cancel.after, of, cancel.action) for (cancel, of), was in zip(stops, hits, strict=True) if was]
            for counts in (True, False):
                endings = _endings(turns, world, hit, stopping_counts=counts)
                fates = [list(_fates(turn, ending)) for turn, ending in zip(turns, endings, strict=True)]
                outcomes |= {_outcome(turns, chosen) for chosen in product(*fates)}
    return frozenset(outcomes)


_Flight = tuple[bool, ...]
_Hit = tuple[int, int, str]
"""A cancel that found its turn in flight: how many turns had been asked for, the turn's position, the action."""


def _flights(turn: Turn) -> Iterator[_Flight]:
    """Every way in which the untold entries of `in_flight` can have been; what is over stays over."""
    ways = product(*([told] if told is not None else [True, False] for told in turn.in_flight))
    return (way for way in ways if tuple(sorted(way, reverse=True)) == way)


def _hits(cancel: Cancelled, flight: _Flight, position: int) -> list[bool]:
    """Whether the cancel can have found its turn in flight: not when it was over already for an earlier newcomer.

    A turn that a later newcomer found in flight was so for the cancel, too.
    """
    asked_before = flight[: cancel.after - position - 1]
    asked_after = flight[cancel.after - position - 1 :]
    if not all(asked_before):
        return [False]
    if any(asked_after):
        return [True]
    return [True, False] if cancel.in_flight is None else [cancel.in_flight]


def _endings(
    turns: Sequence[Turn], world: Sequence[_Flight], hits: Sequence[_Hit], *, stopping_counts: bool
) -> list[str]:
    """For each turn what ended it: `itself`, `refused`, or what stopped it, `interrupt` or `rollback`.

    `stopping_counts`: whether a run that is being stopped counts for `reject`.
    """
    endings = ["itself"] * len(turns)
    for index, turn in enumerate(turns):
        in_flight = [earlier for earlier in range(index) if world[earlier][index - earlier - 1]]
        going_on = [earlier for earlier in in_flight if endings[earlier] == "itself"]
        stopping = [earlier for earlier in in_flight if endings[earlier] in ("interrupt", "rollback")]
        if turn.strategy == "reject" and (going_on or (stopping and stopping_counts)):
            endings[index] = "refused"
        elif turn.strategy in ("interrupt", "rollback"):
            for earlier in going_on:
                endings[earlier] = turn.strategy
        for after, position, action in hits:
            if after == index + 1 and endings[position] == "itself":
                endings[position] = action
    return endings


def _fates(turn: Turn, ending: str) -> Iterator[_Fate]:
    """What can have become of one turn that ended like this."""
    match ending:
        case "refused":
            yield _Fate("refused", 0)
        case "rollback":
            yield _Fate("gone", 0)
        case "interrupt":
            for kept in range(turn.least, turn.most + 1):
                yield _Fate("interrupted", kept)
        case _:
            yield _Fate(turn.ending, turn.alone)


def _outcome(turns: Sequence[Turn], fates: Sequence[_Fate]) -> Outcome:
    pairs = list(zip(turns, fates, strict=True))
    return Outcome(
        statuses=tuple((turn.label, fate.status) for turn, fate in pairs),
        conversation=tuple(part for turn, fate in pairs for part in turn.parts[: fate.kept]),
    )
