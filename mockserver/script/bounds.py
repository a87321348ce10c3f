"""Limits on the text of a script, checked before anything is built from it.

A YAML alias takes a few bytes and represents a whole part of the document. Ten lines can therefore represent a
billion values, and a part that contains its own alias never ends. The parser shares such parts, but a script
copies them.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

MAX_BYTES: Final = 4 * 1024 * 1024
"""The maximum size of a script in bytes. A larger one takes seconds to parse, in which the mock answers nothing."""

MAX_DEPTH: Final = 100
"""The maximum nesting of lists and objects. The parser is recursive and would overflow the C stack."""

MAX_NUMBER: Final = 400
"""The maximum length of a number. Base 60, as in `1:59:59`, takes quadratic time to read in YAML 1.1."""

MAX_VALUES: Final = 100_000
"""The maximum number of values with every alias expanded. A recorded thread of 1000 messages has about 10,000."""


_NUMBER: Final = re.compile(r"[-+0-9a-fA-FxobOB_:.]+")
"""The signs of every number of YAML 1.1. A text of these signs only, such as a long id, may be refused as well."""


class RefusedError(Exception):
    """A script that exceeds a limit, or has a key that JSON has not.

    `line` counts from 1 and is None where no single line is the cause.
    """

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


def check_text(text: str, loader: Any) -> None:
    """Raise `RefusedError` for a text that is too long or too deep, and `yaml.YAMLError` for invalid YAML."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise RefusedError(f"a script has at most {MAX_BYTES // 1024**2} MB. Record a shorter thread, or split it")
    depth = values = 0
    for event in yaml.parse(text, Loader=loader):
        line = event.start_mark.line + 1 if event.start_mark else None
        values += isinstance(event, yaml.NodeEvent)
        if values > MAX_VALUES:
            # Counted here as well as with the aliases expanded: the nodes alone would take a gigabyte.
            raise RefusedError(f"a script has at most {MAX_VALUES} values. Record a shorter thread, or split it", line)
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > MAX_NUMBER and _is_number(event):
            raise RefusedError(f"a number has at most {MAX_NUMBER} digits. Put a longer one in quotes", line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            message = f"lists and objects are nested more than {MAX_DEPTH} deep. Flatten the value"
            raise RefusedError(message, line)


def _is_number(event: yaml.ScalarEvent) -> bool:
    """Return whether a scalar without quotes may be read as a number."""
    return bool(event.implicit[0]) and _NUMBER.fullmatch(event.value) is not None


def check_keys(root: yaml.Node) -> None:
    """Raise `RefusedError` for a key that is not text. JSON has no others, and no client could read the state."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        waiting.extend(_parts(node))
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
                shown = key.value if isinstance(key, yaml.ScalarNode) else "..."
                raise RefusedError(f"the key `{shown[:40]}` is not text. Put it in quotes", key.start_mark.line + 1)


def check_aliases(root: yaml.Node) -> None:
    """Raise `RefusedError` if a part contains its own alias, or if the aliases expand to too many values."""
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
            raise RefusedError(message, node.start_mark.line + 1)
        elif id(node) not in values:
            entered.add(id(node))
            waiting.append((node, True))
            waiting.extend((part, False) for part in _parts(node))
    if values[id(root)] > MAX_VALUES:
        raise RefusedError(f"its aliases expand to {values[id(root)]} values. Use fewer: the limit is {MAX_VALUES}")


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
