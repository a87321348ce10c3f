"""A scenario: the runs that are created on a thread, when, and where each is held, move by move.

The scenarios themselves are in `catalogue`.
"""

from __future__ import annotations

import msgspec

from conformance.scenarios.moves import MAIN, Move, Submit, parts

RACES = frozenset({"at-once", "finishing", "thrice", "burst"})
"""The phases (second part of an id) that are races."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One double text, told move by move; `about` is one sentence for a reader."""

    id: str
    about: str
    moves: tuple[Move, ...]

    @property
    def race(self) -> bool:
        """Whether the moment of the second run is not made, so that several outcomes are legal."""
        return self.id.split("/")[1] in RACES

    @property
    def family(self) -> str:
        """The first part of the id: the second run's strategy."""
        return self.id.partition("/")[0]

    @property
    def requests(self) -> tuple[Move, ...]:
        """The moves, with those that are made at the same time one by one."""
        return tuple(one for move in self.moves for one in parts(move))

    @property
    def all_submits(self) -> tuple[Submit, ...]:
        """The runs asked for on any thread, in order."""
        return tuple(move for move in self.requests if isinstance(move, Submit))

    @property
    def steered(self) -> bool:
        """Whether a run must do what only the probe agent does."""
        return any(submit.steered for submit in self.all_submits)

    def submits(self, thread: str = MAIN) -> tuple[Submit, ...]:
        """The runs asked for on `thread`, in order."""
        return tuple(submit for submit in self.all_submits if submit.thread == thread)

    def submit(self, label: str) -> Submit:
        """How run `label` was asked for; raises KeyError when the scenario has no such run."""
        for submit in self.all_submits:
            if submit.label == label:
                return submit
        raise KeyError(label)
