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
_VERSION, _VARIANT = 76, 62  # bit offsets of the two fixed fields of a UUID


class IdSource:
    """The sequence of ids of one scope."""

    def __init__(self, seed: int, scope: str = "") -> None:
        self._seed = seed
        self._scope = scope
        self._count = 0

    def scoped(self, scope: str) -> IdSource:
        """Return an independent source for an object inside this scope."""
        return IdSource(self._seed, f"{self._scope}/{scope}")

    def uuid4(self) -> str:
        """Return an id without a time, as messages have."""
        return _stamp(self._bits(), version=4)

    def uuid7(self, moment: datetime) -> str:
        """Return an id that sorts by its millisecond, as threads and runs have."""
        return _stamp((milliseconds(moment) << 80) | (self._bits() & ((1 << 80) - 1)), version=7)

    def uuid6(self, moment: datetime, step: int) -> str:
        """Return an id that sorts by its moment, as checkpoints have.

        `step` is the clock sequence of the id, as on the real server.
        """
        # Integers only: a float cannot hold the number of 100 ns intervals since 1582 exactly.
        time = (moment - _GREGORIAN) // _MICROSECOND * 10
        high, low = time >> 12, time & 0xFFF
        sequence = step & 0x3FFF
        node = self._bits() & ((1 << 48) - 1)
        return _stamp((high << 80) | (low << 64) | (sequence << 48) | node, version=6)

    def hex(self) -> str:
        """Return 32 hexadecimal digits, as interrupts have."""
        return f"{self._bits():032x}"

    def _bits(self) -> int:
        self._count += 1
        text = f"{self._seed}|{self._scope}|{self._count}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())


def derived_seed(seed: int, number: int) -> int:
    """Return another seed for each number. The same two numbers give the same one in every process."""
    return int.from_bytes(hashlib.blake2b(f"{seed}#{number}".encode(), digest_size=8).digest())


def named(name: str) -> str:
    """Return the id of an object that has the same name on every server, such as an assistant."""
    return _stamp(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest()), version=5)


def canonical(text: str) -> str | None:
    """Return a UUID in the server's spelling, None if the text is not a UUID."""
    # The fast path: almost every request carries ids that this server formatted.
    if _SPELLED.fullmatch(text):
        return text
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _stamp(bits: int, *, version: int) -> str:
    bits &= ~((0xF << _VERSION) | (0x3 << _VARIANT))
    # Formatted by hand: `str(UUID(int=...))` takes several times as long, and a run has a dozen ids.
    text = f"{bits | (version << _VERSION) | (0x2 << _VARIANT):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
