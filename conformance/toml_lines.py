"""Line numbers in TOML files for error messages. `tomllib` returns plain values without their positions."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]\]?\s*(#.*)?")
_PATH = re.compile(r"`\$((?:\.\w+|\[[^\]]*\])*)`")
_SEGMENT = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_AT_LINE = re.compile(r"\(at line (\d+)")


def line_of(text: str, table: str = "", index: int = 0, key: str = "") -> int:
    """Return the line number of `key` in the table number `index` with this name ("": the keys before all tables).

    Without the key, return the line of the table's header. For an inline table, return the line of the table's own key.
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
    """Return the line number of an error of tomllib or msgspec, or 1 when the error names no position."""
    # tomllib states the line itself. msgspec states a path such as `$.known[2].reason`.
    if at := _AT_LINE.search(error):
        return int(at[1])
    path = _PATH.search(error)
    segments = _SEGMENT.findall(path[1]) if path else []
    names = [name for name, _ in segments if name]
    index = next((int(number) for _, number in segments if number.isdigit()), 0)
    # For an unknown field, the path ends at the table that contains it.
    unknown = re.search(r"unknown field `([^`]+)`", error)
    if unknown:
        names.append(unknown[1])
    if len(names) > 1 or (names and segments and segments[-1][1]):
        return line_of(text, names[0], index, names[1] if len(names) > 1 else "")
    return line_of(text, key=names[0]) if names else 1
