"""The regular expressions of scripts, with a bound on the time that a match takes.

`(a+)+$` needs longer than the universe is old for forty letters, and the server answers nobody meanwhile. The library
`regex` reads the expressions of Python's `re`, and gives up after a while.
"""

from __future__ import annotations

import re
from typing import Final

import regex

SECONDS: Final = 0.5
"""Of the processor's time, so that a busy machine makes no difference. An ordinary match takes a few microseconds."""

MAX_SIZE: Final = 10_000
"""Characters, classes and the like that an expression stands for, with `{n}` written out, as the library compiles it.

`((a{100}){100}){100}` is short, and takes 400 MB.
"""

_PIECE: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<counts>\{\d*,?\d*\})|\((?:\?[^:)]*:?)?|.", re.DOTALL)
"""One piece of an expression: an escape, a class, a count, the beginning of a group, or a character."""


class SlowPatternError(Exception):
    """A match that was given up; the text names the expression."""


def check(expression: str) -> None:
    """Raise ValueError if a text is not a regular expression, or too large a one."""
    if _size(expression) > MAX_SIZE:
        raise ValueError(f"`matches` stands for more than {MAX_SIZE} characters; use smaller counts in its {{}}")
    try:
        regex.compile(expression, regex.IGNORECASE)
    except regex.error as error:
        raise ValueError(f"`matches` is not a regular expression: {error}") from None
    except RecursionError:
        raise ValueError("`matches` has too many groups inside of each other") from None


def search(expression: str, text: str) -> regex.Match[str] | None:
    """Return the first place in a text that matches, in whatever case. Raises `SlowPatternError`."""
    try:
        return regex.search(expression, text, regex.IGNORECASE, timeout=SECONDS)
    except TimeoutError:
        raise SlowPatternError(
            f"`matches: {expression}` was given up after {SECONDS} seconds on a text of {len(text)} characters; "
            "avoid a repetition inside of a repetition, such as (a+)+"
        ) from None


def _size(expression: str) -> int:
    """Return about how many pieces an expression has with its counts written out."""
    # One sum for each group that is open; `last` is the size of what a count would repeat.
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
