"""The base class of every kind of move, and the properties of a kind that other parts of the suite read."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from conformance.api import Purpose


@dataclass(frozen=True, kw_only=True)
class Traits:
    """The properties of a kind of move that the driver, the judge and the reports read.

    No property has a default. A property that a new kind of move forgot would silently change verdicts and timelines.
    """

    passive: bool
    """Has a meaning when no run is in flight. False for a request whose answer depends on the run in flight."""

    quiet: bool
    """Creates no run and waits for none, so another play may use the workers meanwhile."""

    may_end: bool
    """Can end or delete a run, see `Kind.may_end`."""

    changes: Purpose | None
    """The purpose of its request if that changes something. None for a move that only reads or waits."""

    by_hand: bool
    """Its request belongs to the script that repeats a play by hand, without the suite."""


# A wait or a poll is passive, because it does not matter to a verdict whether a run was in flight during it. The other
# two are not: the answer to the request is judged against the run that was held at that moment.
PASSIVE = Traits(passive=True, quiet=False, may_end=False, changes=None, by_hand=False)
READS = Traits(passive=False, quiet=True, may_end=False, changes=None, by_hand=False)
AWAITS_REQUEST = Traits(passive=False, quiet=False, may_end=False, changes=None, by_hand=False)


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of move."""

    traits: ClassVar[Traits]

    @abstractmethod
    def describe(self) -> str:
        """Return the move in a few words, with its settings as JSON, for timelines and failure texts."""

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:  # noqa: ARG002 -- for others
        """Return True if the move can end run `label` on `thread` as `interrupted`, or delete it.

        `cancels_on_disconnect`: the run is cancelled when a client of the scenario disconnects.
        """
        return False


def setting(name: str, value: object) -> str | None:
    """Return `name: JSON`, or None for a field that the request does not carry: None or an empty tuple."""
    # Not `repr`: the readers of a report write JavaScript as often as Python.
    return None if value in (None, ()) else f"{name}: {msgspec.json.encode(value).decode()}"


def settings(*texts: str | None) -> str:
    """Return the texts that are not empty, in parentheses, or an empty string if there are none."""
    shown = [text for text in texts if text]
    return f" ({', '.join(shown)})" if shown else ""
