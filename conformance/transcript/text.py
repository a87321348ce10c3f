"""Safe, short text from values that a deployment sent, for terminals, reports and one-line reasons."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

import msgspec

_SUSPECT: Final = re.compile(r"[^\n\t -~]")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Categories of Unicode: control and format characters, private use, surrogates, separators of lines and paragraphs."""


def visible(text: object) -> str:
    """Return a text with control characters, and those that reorder or hide text, as their escapes."""
    return _SUSPECT.sub(_escaped, str(text))


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return f"\\u{ord(character):04x}" if unicodedata.category(character) in _INVISIBLE else character


def one_line(text: str, length: int = 900) -> str:
    """Return `text` on one line, with control characters replaced, and cut to `length` characters."""
    # Most texts are words and ids. A space is the only white space that is printable.
    if len(text) <= length and text.isprintable() and " " not in text:
        return text
    # Cut first: the text may be megabytes long. Control characters could repaint the reader's terminal.
    cut = text[: length + 1]
    # Most texts are printable as a whole, which is much quicker to find out than character by character.
    shown = cut if cut.isprintable() else "".join(c if c.isprintable() or c.isspace() else "�" for c in cut)
    line = " ".join(shown.split())
    return line if len(text) <= length else line[:length] + " …"


def difference(first: object, second: object, path: str = "") -> str:
    """Return the path of the first difference between two JSON values, with both values. Return "" when equal."""
    if first == second:
        return ""
    if isinstance(first, dict) and isinstance(second, dict):
        pairs = [(f"{path}.{key}".lstrip("."), first.get(key), second.get(key)) for key in {**first, **second}]
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        pairs = [(f"{path}[{at}]", *both) for at, both in enumerate(zip(first, second, strict=True))]
    else:
        # Lists of different lengths are shown whole: after a missing item, every index would differ.
        return f"{path}: {snippet(first, 80)} and {snippet(second, 80)}"
    return next((found for at, one, other in pairs if (found := difference(one, other, at))), "")


def common_start(first: Sequence[object], second: Sequence[object]) -> int:
    """Return the number of equal items at the beginning of two lists or texts."""
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def mentions(value: object, text: str) -> bool:
    """Return whether a JSON value is a string that contains this text, or has one at any depth. Keys do not count."""
    if isinstance(value, str):
        return text in value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(mentions(one, text) for one in inner)


def snippet(value: object, length: int = 160) -> str:
    """Return a JSON value as one short line. A string is returned as it is, without quotes."""
    return one_line(value if isinstance(value, str) else msgspec.json.encode(value).decode(), length)


def same_json(one: object, other: object) -> bool:
    """Return whether two JSON values are equal. `1` and `1.0` are, and `1` and `true` are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_json, one, other))
    # Python calls `1` and `True` equal.
    return isinstance(one, bool) == isinstance(other, bool) and one == other
