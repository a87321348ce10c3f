"""A pure model of one thread under the four multitask strategies.

The oracle computes the set of legal final states of a thread. Its input is the list of runs in the order in which they
were created, the cancels, and the progress that the witness *saw* each run make. One legal final state, an `Outcome`,
is a status for every run and the conversation that the thread holds at the end.

The rules come from the double-texting guides (https://docs.langchain.com/langsmith/double-texting):

1. `interrupt` stops every run in flight. Each keeps the status `interrupted` and the writes of its finished steps.
2. `rollback` deletes every run in flight together with everything it wrote.
3. `reject` refuses the new run while another run is in flight.
4. `enqueue` starts the new run when the run before it is over.
5. A run that ended before the new run was created keeps its status and its data.
6. A run that may have ended by itself at that moment was either superseded or not. Both outcomes are legal.
7. A cancel does to one run what `interrupt` does to all. With `action=rollback` it does what `rollback` does.
8. When several requests would stop one run, the first one decides. The guides do not specify whether a run that is
   being stopped still counts as in flight for `reject`, so both answers are legal.

Theory of operation
-------------------

The record often leaves something open, so the oracle enumerates instead of deciding. There are four sources of freedom:

* `Turn.in_flight` holds one entry for each later run: was this run still in flight when that one was created? An entry
  is None when the record does not show it. Each way to fill in the None entries is a *world*. A run that is over stays
  over, so only worlds in which True never follows False exist (`_flights`).
* `Cancelled.in_flight` may be None for the same reason. The world limits the answer (`_possible_hits`).
* Rule 8 (`stopping_counts`).
* `Turn.least` and `Turn.most`: a step that returned was possibly committed before its run was stopped, and was
  certainly committed only when a later step of the same run was entered (`_fates`).

For every world, every combination of cancels that found their run in flight, and both readings of rule 8, `_endings`
replays the requests in order and notes what ended each run. `_fates` turns each ending into the possible statuses and
lengths, and the product of these is added to the set. A check then asks whether the observed state is in the set. When
the record leaves nothing open, the set has exactly one member.

The conversation is the concatenation of the parts that each run left, in the order of the requests. That is enough
because two runs of one thread never write at the same time on a correct server, which other checks verify.
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
    """One run as it was created and observed. Turns are listed in the order of their requests.

    `parts`: the messages that a complete pass writes, in order, the input first (`("A.human", "A.call", …)`).
    `alone`, `ending`: the number of parts that the run leaves, and its final status, if no request stops it.
    `least`, `most`: the number of parts that were certainly, and possibly, written when the run was superseded.
    `in_flight`: one entry for each later turn. It states whether this run was in flight when that one was created:
    True, False, or None when the record does not show it.
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
            raise ValueError(
                f"turn {self.label}: expected 0 <= least <= most <= len(parts), "
                f"got least {self.least}, most {self.most}, {len(self.parts)} parts"
            )


@dataclass(frozen=True)
class Cancelled:
    """An accepted cancel of turn `label`, sent when `after` turns had been created.

    `in_flight`: whether the turn was in flight at that moment, or None when the record does not show it.
    """

    label: str
    action: Action
    after: int
    in_flight: bool | None


@dataclass(frozen=True)
class Outcome:
    """One legal final state: a status for every turn, including `gone` and `refused`, and the conversation in words."""

    statuses: tuple[tuple[str, str], ...]
    conversation: tuple[str, ...]

    def status(self, label: str) -> str:
        """Return the status of one turn. Raise KeyError for an unknown label."""
        return dict(self.statuses)[label]


class _Fate(NamedTuple):
    status: str
    kept: int


def legal_outcomes(turns: Sequence[Turn], cancels: Sequence[Cancelled] = ()) -> frozenset[Outcome]:
    """Return every outcome that the four strategies and cancel allow for these turns. The set is never empty.

    `cancels` are listed in the order in which they were sent. Raise ValueError when a turn's `in_flight` does not have
    one entry for each later turn, and KeyError for the cancel of an unknown turn.
    """
    for index, turn in enumerate(turns):
        if len(turn.in_flight) != len(turns) - index - 1:
            raise ValueError(
                f"turn {turn.label}: expected one in_flight entry for each later turn ({len(turns) - index - 1}), "
                f"got {len(turn.in_flight)}"
            )
    positions = {turn.label: index for index, turn in enumerate(turns)}
    stops = [(cancel, positions[cancel.label]) for cancel in cancels]
    outcomes: set[Outcome] = set()
    for world in product(*(list(_flights(turn)) for turn in turns)):
        for found in product(*(_possible_hits(cancel, world[of], of) for cancel, of in stops)):
            hits = [(cancel.after, of, cancel.action) for (cancel, of), hit in zip(stops, found, strict=True) if hit]
            for counts in (True, False):
                endings = _endings(turns, world, hits, stopping_counts=counts)
                fates = [list(_fates(turn, ending)) for turn, ending in zip(turns, endings, strict=True)]
                outcomes |= {_outcome(turns, chosen) for chosen in product(*fates)}
    return frozenset(outcomes)


_Flight = tuple[bool, ...]
_Hit = tuple[int, int, str]
"""A cancel that found its turn in flight: the number of turns created by then, the turn's position, the action."""


def _flights(turn: Turn) -> Iterator[_Flight]:
    """Return every way to fill in the unknown entries of `in_flight`."""
    ways = product(*([known] if known is not None else [True, False] for known in turn.in_flight))
    # A run that is over stays over: True may not follow False.
    return (way for way in ways if tuple(sorted(way, reverse=True)) == way)


def _possible_hits(cancel: Cancelled, flight: _Flight, position: int) -> list[bool]:
    """Return whether the cancel found its turn in flight: one answer, or both where the record leaves it open."""
    created_before = flight[: cancel.after - position - 1]
    created_after = flight[cancel.after - position - 1 :]
    # The run was over before the cancel was sent, because an earlier request already found it over.
    if not all(created_before):
        return [False]
    # A later request still found the run in flight, so the cancel did, too.
    if any(created_after):
        return [True]
    return [True, False] if cancel.in_flight is None else [cancel.in_flight]


def _endings(
    turns: Sequence[Turn], world: Sequence[_Flight], hits: Sequence[_Hit], *, stopping_counts: bool
) -> list[str]:
    """Return for each turn the reason for its end: `itself`, `refused`, `interrupt` or `rollback`.

    `stopping_counts`: whether a run that is being stopped counts as in flight for `reject`.
    """
    endings = ["itself"] * len(turns)
    for index, turn in enumerate(turns):
        in_flight = [earlier for earlier in range(index) if world[earlier][index - earlier - 1]]
        executing = [earlier for earlier in in_flight if endings[earlier] == "itself"]
        stopping = [earlier for earlier in in_flight if endings[earlier] in ("interrupt", "rollback")]
        if turn.strategy == "reject" and (executing or (stopping and stopping_counts)):
            endings[index] = "refused"
        elif turn.strategy in ("interrupt", "rollback"):
            # Runs in `stopping` are left out: the request that came first decides (rule 8).
            for earlier in executing:
                endings[earlier] = turn.strategy
        # After the strategy of this turn: these cancels were sent when it had been created.
        for after, position, action in hits:
            if after == index + 1 and endings[position] == "itself":
                endings[position] = action
    return endings


def _fates(turn: Turn, ending: str) -> Iterator[_Fate]:
    """Yield every status, and number of parts kept, that is possible for a turn that ended like this."""
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
