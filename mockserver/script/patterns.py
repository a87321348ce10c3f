"""The regular expressions of scripts, with a limit on the time of a match.

`(a+)+$` takes longer than the age of the universe on forty letters, and the server could not respond meanwhile.
The library `regex` reads the expressions of Python's `re`, and supports a timeout.
"""

from __future__ import annotations

import re
from functools import lru_cache
from time import process_time
from typing import Final

import regex

SECONDS: Final = 0.5
"""The limit in processor time, so that a busy machine makes no difference. An ordinary match takes microseconds."""

MAX_SIZE: Final = 10_000
"""The maximum size of an expression: its characters, classes and so on, with `{n}` expanded as the library compiles it.

`((a{100}){100}){100}` is short, and takes 400 MB.
"""

_PIECE: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<counts>\{\d*,?\d*\})|\((?:\?[^:)]*:?)?|.", re.DOTALL)
"""One piece of an expression: an escape, a class, a count, the start of a group, or a character."""


_RECURSION: Final = re.compile(r"\(\?(?:R|[-+]?\d+|&|P>)")
"""A call of a group or of the whole expression, which takes hundreds of megabytes before it takes half a second."""


_IN_SLASHES: Final = re.compile(r"/(.+)/(?:[gimu]{1,2}|gi[mu])")
"""An expression as JavaScript writes it, with flags. Without them it may be one that begins and ends with a slash."""


class SlowPatternError(Exception):
    """A match that exceeded the time limit. The text names the expression."""


def check(expression: str) -> None:
    """Raise ValueError if a text is not a regular expression, or is too large a one."""
    if (slashes := _IN_SLASHES.fullmatch(expression)) is not None:
        raise ValueError(
            f"`matches` is an expression in slashes, as in JavaScript. Write `{slashes[1]}`: case is ignored already"
        )
    if _RECURSION.search(expression):
        raise ValueError("`matches` refers to itself, as in (?R). Write the repetition out")
    if _size(expression) > MAX_SIZE:
        raise ValueError(f"`matches` expands to more than {MAX_SIZE} characters. Use smaller counts in its {{}}")
    try:
        regex.compile(expression, regex.IGNORECASE)
    except regex.error as error:
        raise ValueError(f"`matches` is not a regular expression: {error}") from None
    except RecursionError:
        raise ValueError("`matches` has too many nested groups. Flatten it") from None
    if _explodes(expression):
        raise ValueError(
            f"`matches` takes too long on a text of {TRIED} characters, because a repeated part fits it in many ways, "
            "as in (a|aa)+. Write one way"
        )


TRIED: Final = 48
"""The length of the texts on which an expression is tried. An exponential one takes days, others microseconds."""

_REPEATED_GROUP: Final = re.compile(r"\)[*+{]")


def _explodes(expression: str) -> bool:
    """Return whether a match of a short text takes very long. Only a group that is repeated can."""
    if _REPEATED_GROUP.search(expression) is None:
        return False
    letters = {"a", "0", " ", *re.findall(r"[A-Za-z0-9 .,_-]", expression)}
    # The last sign fits nothing, so that every way to match the others is tried.
    texts = [letter * TRIED + "\0" for letter in sorted(letters)]
    return any(all(_is_slow(expression, text) for _ in range(3)) for text in texts)


def _is_slow(expression: str, text: str) -> bool:
    try:
        search(expression, text, 0.05)
    except SlowPatternError:
        # Tried again by the caller: a busy machine may interrupt an ordinary match once.
        return True
    return False


class Budget:
    """The processor time that all expressions of a script may take for one message."""

    def __init__(self) -> None:
        self._left = SECONDS

    def search(self, expression: str, text: str) -> regex.Match[str] | None:
        """Return the first match in a text, ignoring case. Raises `SlowPatternError` once the budget is spent."""
        began = process_time()
        try:
            return search(expression, text, max(self._left, 0.001))
        finally:
            self._left -= process_time() - began


def search(expression: str, text: str, seconds: float = SECONDS) -> regex.Match[str] | None:
    """Return the first match in a text, ignoring case. Raises `SlowPatternError`."""
    try:
        return _compiled(expression).search(text, timeout=seconds)
    except (TimeoutError, MemoryError):
        raise SlowPatternError(
            f"`matches: {expression}` exceeded the time for a text of {len(text)} characters: {SECONDS} seconds "
            "for all turns. Avoid nested repetitions such as (a+)+"
        ) from None


@lru_cache(maxsize=256)
def _compiled(expression: str) -> regex.Pattern[str]:
    """Return an expression ready to match. The library's own cache costs as much as a short match."""
    return regex.compile(expression, regex.IGNORECASE)


def _size(expression: str) -> int:
    """Return the approximate number of pieces of an expression with its counts expanded."""
    # One sum per open group. `last` is the size of the part that a count repeats.
    sums, last = [0], 0
    for piece in _PIECE.finditer(expression):
        text = piece.group()
        if piece["counts"]:
            times = max((int(number) for number in re.findall(r"\d+", text)), default=1)
            sums[-1] += last * (max(times, 1) - 1)
            last *= max(times, 1)
        elif text.startswith("("):
            sums.append(0)
        elif text == ")" and len(sums) > 1:
            last = sums.pop()
            sums[-1] += last
        else:
            last = 1
            sums[-1] += 1
    return sum(sums)
