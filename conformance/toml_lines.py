"""Where something stands in a TOML file, for errors: `tomllib` does not tell."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]\]?\s*(#.*)?")
_PATH = re.compile(r"`\$((?:\.\w+|\[[^\]]*\])*)`")
_SEGMENT = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_AT_LINE = re.compile(r"\(at line (\d+)")


def line_of(text: str, table: str = "", index: int = 0, key: str = "") -> int:
    """The number of the line of `key` in the `index`th table of this name ("" is what stands before all tables).

    The line of the table's header where the key is not there, or of the table's own key where it is written inline.
    """
    found, current, counted = 1, "", -1
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.fullmatch(line)
        if header:
            current = header[2]
            counted += current == table
            if current == table and counted == index:
                found = number
        elif current == table and (not table or counted == index):
            if re.match(rf"\s*[\"']?{re.escape(key or table)}[\"']?\s*=", line):
                return number
        elif not current and table and re.match(rf"\s*{re.escape(table)}\s*=", line):
            found = number
    return found


def line_of_error(text: str, error: str) -> int:
    """The line that an error of tomllib or msgspec speaks of, as far as it tells."""
    if at := _AT_LINE.search(error):
        return int(at[1])
    path = _PATH.search(error)
    segments = _SEGMENT.findall(path[1]) if path else []
    names = [name for name, _ in segments if name]
    index = next((int(number) for _, number in segments if number.isdigit()), 0)
    unknown = re.search(r"unknown field `([^`]+)`", error)
    if unknown:
        names.append(unknown[1])
    if len(names) > 1 or (names and segments and segments[-1][1]):
        return line_of(text, names[0], index, names[1] if len(names) > 1 else "")
    return line_of(text, key=names[0]) if names else 1
