"""Limits on the text of a script, checked before anything is built from it.

A YAML alias takes a few bytes and represents a whole part of the document. Ten lines can therefore represent a
billion values, and a part that contains its own alias never ends. The parser shares such parts, but a script
copies them.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

MAX_BYTES: Final = 8 * 1024 * 1024
"""The maximum size of a script in bytes, equal to that of a request's body."""

MAX_DEPTH: Final = 100
"""The maximum nesting of lists and objects. The parser is recursive and would overflow the C stack."""

MAX_VALUES: Final = 250_000
"""The maximum number of values with every alias expanded. A recorded thread of 1000 messages has about 10,000."""


class TooLargeError(Exception):
    """A script that exceeds a limit. `line` counts from 1 and is None where no single line is the cause."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


def check_text(text: str, loader: Any) -> None:
    """Raise `TooLargeError` for a text that is too long or too deep, and `yaml.YAMLError` for invalid YAML."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise TooLargeError(f"a script has at most {MAX_BYTES // 1024**2} MB. Record a shorter thread, or split it")
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            message = f"lists and objects are nested more than {MAX_DEPTH} deep. Flatten the value"
            raise TooLargeError(message, event.start_mark.line + 1 if event.start_mark else None)


def check_aliases(root: yaml.Node) -> None:
    """Raise `TooLargeError` if a part contains its own alias, or if the aliases expand to too many values."""
    # Iterative, and each shared part is counted once: the expanded tree may be astronomically large.
    values: dict[int, int] = {}
    entered: set[int] = set()
    waiting: list[tuple[yaml.Node, bool]] = [(root, False)]
    while waiting:
        node, counted = waiting.pop()
        if counted:
            values[id(node)] = 1 + sum(values[id(part)] for part in _parts(node))
            entered.discard(id(node))
        elif id(node) in entered:
            message = "an alias refers to the part that contains it. Write the part out, without its anchor"
            raise TooLargeError(message, node.start_mark.line + 1)
        elif id(node) not in values:
            entered.add(id(node))
            waiting.append((node, True))
            waiting.extend((part, False) for part in _parts(node))
    if values[id(root)] > MAX_VALUES:
        raise TooLargeError(f"its aliases expand to {values[id(root)]} values. Use fewer: the limit is {MAX_VALUES}")


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
