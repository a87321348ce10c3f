"""Bounds on the text of a script, checked before anything is made of it.

An alias of YAML costs a few bytes and stands for a whole part of the document, so ten lines can stand for a billion
values, and a part that holds its own alias never ends. The parser shares such parts, but a script is made of copies.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

MAX_BYTES: Final = 8 * 1024 * 1024
"""Bytes of a script, the same as of a request's body."""

MAX_DEPTH: Final = 100
"""Lists and objects inside of each other. The parser calls itself for each, and would overflow the stack of C."""

MAX_VALUES: Final = 250_000
"""Values of a script with every alias written out. A recorded thread of a thousand messages has some ten thousand."""


class TooLargeError(Exception):
    """A script beyond a bound; `line` counts from 1 where there is one line to show."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


def check_text(text: str, loader: Any) -> None:
    """Raise `TooLargeError` if a text is too long or too deep, and `yaml.YAMLError` if it is not YAML."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise TooLargeError(f"a script has at most {MAX_BYTES // 1024**2} MB; record a shorter thread, or split it")
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            message = f"lists and objects are nested more than {MAX_DEPTH} deep; give the value a flatter form"
            raise TooLargeError(message, event.start_mark.line + 1 if event.start_mark else None)


def check_aliases(root: yaml.Node) -> None:
    """Raise `TooLargeError` if a part holds its own alias, or if the aliases stand for too many values."""
    # Iterative, and each shared part counted once: the tree that the aliases stand for may be astronomically large.
    values: dict[int, int] = {}
    entered: set[int] = set()
    waiting: list[tuple[yaml.Node, bool]] = [(root, False)]
    while waiting:
        node, counted = waiting.pop()
        if counted:
            values[id(node)] = 1 + sum(values[id(part)] for part in _parts(node))
            entered.discard(id(node))
        elif id(node) in entered:
            message = "an alias stands inside of the part that it stands for; write the part out, without its anchor"
            raise TooLargeError(message, node.start_mark.line + 1)
        elif id(node) not in values:
            entered.add(id(node))
            waiting.append((node, True))
            waiting.extend((part, False) for part in _parts(node))
    if values[id(root)] > MAX_VALUES:
        raise TooLargeError(f"its aliases stand for {values[id(root)]} values, and a script has at most {MAX_VALUES}")


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
