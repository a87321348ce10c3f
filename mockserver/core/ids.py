"""Deterministic ids that look random: each is derived from the seed, a scope and a counter.

A scope is a name such as a thread's id. Scopes do not share counters, so the requests on one thread never
change an id on another thread. The same requests to a server with the same seed produce the same ids.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from mockserver.core.clock import milliseconds

# The epoch of UUIDs with a Gregorian time (RFC 9562, section 5.6).
_GREGORIAN = datetime(1582, 10, 15, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SPELLED = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""Each digit with the two highest bits of the variant in it."""


class IdSource:
    """The sequence of ids of one scope."""

    def __init__(self, seed: int, scope: str = "") -> None:
        self._seed = seed
        self._scope = scope
        self._count = 0
        # A run has a dozen ids. What they begin with is hashed once.
        self._begun = hashlib.blake2b(f"{seed}|{scope}|".encode(), digest_size=16)

    def scoped(self, scope: str) -> IdSource:
        """Return an independent source for an object inside this scope."""
        return IdSource(self._seed, f"{self._scope}/{scope}")

    def uuid4(self) -> str:
        """Return an id without a time, as messages have."""
        return _stamp(self.hex(), "4")

    def uuid7(self, moment: datetime) -> str:
        """Return an id that sorts by its millisecond, as threads and runs have."""
        return _stamp(f"{milliseconds(moment):012x}{self.hex()[12:]}", "7")

    def uuid6(self, moment: datetime, step: int) -> str:
        """Return an id that sorts by its moment, as checkpoints have.

        `step` is the clock sequence of the id, as on the real server.
        """
        # Integers only: a float cannot hold the number of 100 ns intervals since 1582 exactly.
        time = (moment - _GREGORIAN) // _MICROSECOND * 10
        return _stamp(
            f"{time >> 12 & 0xFFFF_FFFF_FFFF:012x}{time & 0xFFF:04x}{step & 0x3FFF:04x}{self.hex()[20:]}", "6"
        )

    def hex(self) -> str:
        """Return 32 hexadecimal digits, as interrupts have."""
        self._count += 1
        found = self._begun.copy()
        found.update(b"%d" % self._count)
        return found.hexdigest()


def derived_seed(seed: int, number: int) -> int:
    """Return another seed for each number. The same two numbers give the same one in every process."""
    return int.from_bytes(hashlib.blake2b(f"{seed}#{number}".encode(), digest_size=8).digest())


def named(name: str) -> str:
    """Return the id of an object that has the same name on every server, such as an assistant."""
    return _stamp(hashlib.blake2b(name.encode(), digest_size=16).hexdigest(), "5")


def canonical(text: str) -> str | None:
    """Return a UUID in the server's spelling, None if the text is not a UUID."""
    # The fast path: almost every request carries ids that this server formatted.
    if _SPELLED.fullmatch(text):
        return text
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _stamp(digits: str, version: str) -> str:
    """Return a UUID with these 32 digits, of which the version and the variant replace six bits."""
    # Cut by hand: `str(UUID(hex=...))` takes several times as long, and a run has a dozen ids.
    return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"
