"""The base of every kind of move, and the properties that the other parts of the suite ask a move for."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from conformance.api import Purpose


@dataclass(frozen=True, kw_only=True)
class Traits:
    """The properties of a kind of move that the driver, the judge and the reports ask for."""

    looks_on: bool
    """Needs no run in flight. Any other is a deed, also a question whose answer depends on what is in flight."""

    quiet: bool
    """Starts no further run and waits for none, so that another play may use the workers."""

    may_end: bool
    """Can end or delete a run, see `may_end`."""

    changes: Purpose | None
    """The purpose of the request with which it changes something, None where it only looks or waits."""

    by_hand: bool
    """Its request is part of the script that repeats a play without the suite."""


LOOKS_ON = Traits(looks_on=True, quiet=False, may_end=False, changes=None, by_hand=False)
READS = Traits(looks_on=False, quiet=True, may_end=False, changes=None, by_hand=False)
ASKS = Traits(looks_on=False, quiet=False, may_end=False, changes=None, by_hand=False)


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of move."""

    traits: ClassVar[Traits]

    @abstractmethod
    def describe(self) -> str:
        """Return the move in a few words, with the settings that it has, for timelines and failure texts."""

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:  # noqa: ARG002 -- for others
        """Return whether it may end run `label` on `thread` as `interrupted`, or delete it.

        `cancels_on_disconnect`: the run is cancelled when a client of the scenario disconnects.
        """
        return False


def settings(*texts: str | int | None) -> str:
    """Return those of the texts that say something in parentheses, and nothing when none does."""
    said = [str(text) for text in texts if text]
    return f" ({', '.join(said)})" if said else ""
