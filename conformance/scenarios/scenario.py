"""A scenario: the runs that are created on a thread, when each is created, and where it is held, move by move.

The scenarios themselves are in `catalogue`.
"""

from __future__ import annotations

from functools import cached_property

import msgspec

from conformance.scenarios.moves import MAIN, Move, Submit, parts

# Nothing holds the first run here at the moment that decides, so a deployment may legally do one thing or another.
# A new phase without a hold belongs in this set, or checks that need one exact outcome will fail now and then.
RACES = frozenset({"at-once", "finishing", "thrice", "burst"})
"""The phases (second part of an id) that are races."""


# `dict=True` lets a scenario keep what is derived from its moves: the judge needs it a thousand times for one play.
class Scenario(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One double text, move by move. `about` describes it to a reader in one sentence."""

    id: str
    about: str
    moves: tuple[Move, ...]

    @property
    def race(self) -> bool:
        """True if no hold fixes the moment at which the second run arrives, so that several outcomes are legal."""
        return self.id.split("/")[1] in RACES

    @property
    def family(self) -> str:
        """The first part of the id, which is the strategy of the second run in most scenarios."""
        return self.id.partition("/")[0]

    @cached_property
    def requests(self) -> tuple[Move, ...]:
        """The moves, with each move of a `Together` by itself."""
        return tuple(one for move in self.moves for one in parts(move))

    @cached_property
    def all_submits(self) -> tuple[Submit, ...]:
        """The runs that are created on any thread, in order."""
        return tuple(move for move in self.requests if isinstance(move, Submit))

    @property
    def steered(self) -> bool:
        """True if a run has to do something that only the probe agent can do."""
        return any(submit.steered for submit in self.all_submits)

    def submits(self, thread: str = MAIN) -> tuple[Submit, ...]:
        """Return the runs that are created on `thread`, in order."""
        return tuple(submit for submit in self.all_submits if submit.thread == thread)

    def submit(self, label: str) -> Submit:
        """Return the move that creates run `label`. Raise KeyError if the scenario has no such run."""
        for submit in self.all_submits:
            if submit.label == label:
                return submit
        raise KeyError(label)
