"""Text that a deployment sent, or that quotes it, made fit for a terminal and a one-line reason."""

from __future__ import annotations

import msgspec


def one_line(text: str, length: int = 900) -> str:
    """`text` on one line, with control characters replaced, and cut to `length` characters."""
    # Cut first: the text may be megabytes. Control characters could repaint the reader's terminal.
    cut = text[: length + 1]
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "�" for c in cut).split())
    return line if len(text) <= length else line[:length] + " …"


def snippet(value: object, length: int = 160) -> str:
    """A JSON value, or text, as one short line."""
    return one_line(value if isinstance(value, str) else msgspec.json.encode(value).decode(), length)
