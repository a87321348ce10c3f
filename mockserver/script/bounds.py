"""Limits on the text of a script, checked before anything is built from it.

A YAML alias takes a few bytes and represents a whole part of the document. Ten lines can therefore represent a
billion values, and a part that contains its own alias never ends. The parser shares such parts, but a script
copies them.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from mockserver.script.files import MAX_BYTES
from mockserver.script.yaml_12 import TAG, VALUES

MAX_DEPTH: Final = 100
"""The maximum nesting of lists and objects. The parser is recursive and would overflow the C stack."""

MAX_NUMBER: Final = 400
"""The maximum length of a number. Base 60, as in `1:59:59`, takes quadratic time to read in YAML 1.1."""

MAX_VALUES: Final = 100_000
"""The maximum number of values with every alias expanded. A recorded thread of 1000 messages has about 10,000."""


_NUMBER: Final = re.compile(r"[-+0-9a-fA-FxobOB_:.]+")
"""The signs of every number of YAML 1.1. A text of these signs only, such as a long id, may be refused as well."""


_SPACE: Final = re.compile(r"^[ \t-]*([\u00a0\u2000-\u200b\u3000])[\w -]*:", re.MULTILINE)
"""A space of a word processor or a web page, where an indentation or a dash of YAML is."""


class RefusedError(Exception):
    """A script that exceeds a limit, or has a key that JSON has not.

    `place` is `LINE:COLUMN`, and None where no single place is the cause.
    """

    def __init__(self, text: str, place: str | None = None) -> None:
        super().__init__(text)
        self.place = place


def place(node: yaml.Node | yaml.Event) -> str:
    """Return the place of a part of a document as `LINE:COLUMN`, both from 1."""
    mark = node.start_mark
    return "1:1" if mark is None else f"{mark.line + 1}:{mark.column + 1}"


def check_text(text: str, loader: Any) -> None:
    """Raise `RefusedError` for a text that is too long or too deep, and `yaml.YAMLError` for invalid YAML."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise RefusedError(f"a script has at most {MAX_BYTES // 1024**2} MB. Record a shorter thread, or split it")
    odd = _SPACE.search(text)
    if odd is not None:
        at = f"{text.count(chr(10), 0, odd.start()) + 1}:{odd.start(1) - odd.start() + 1}"
        raise RefusedError(f"a space that YAML does not know (U+{ord(odd[1]):04X}). Replace it by a plain one", at)
    depth = values = 0
    for event in yaml.parse(text, Loader=loader):
        line = place(event) if event.start_mark else None
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


def check_values(root: yaml.Node) -> None:
    """Raise `RefusedError` for a key that is not text or is there twice, and for a value that JSON does not have.

    No client could read a state with such a key or value.
    """
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        waiting.extend(reversed(_parts(node)))
        if node.tag not in VALUES:
            shown = node.tag.replace(TAG, "!!")
            raise RefusedError(f"JSON has no value of the type `{shown}`. Remove the tag", place(node))
        if node.tag == f"{TAG}float" and node.value.casefold().endswith(("inf", "nan")):
            raise RefusedError(f"JSON has no number `{node.value}`. Put it in quotes, or write a number", place(node))
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)


def _check_keys(node: yaml.MappingNode) -> None:
    first: dict[str, str] = {}
    for key, _ in node.value:
        if key.tag not in (f"{TAG}str", f"{TAG}merge"):
            shown = key.value if isinstance(key, yaml.ScalarNode) else "..."
            raise RefusedError(f"the key `{shown[:40]}` is not text. Put it in quotes", place(key))
        if key.value in first and key.tag == f"{TAG}str":
            # YAML forbids it, and PyYAML takes the last one in silence.
            text = f"the key `{key.value[:40]}` is there twice, first in {first[key.value]}. Remove one of them"
            raise RefusedError(f"{text}, or begin a new list item with `-`", place(key))
        first[key.value] = place(key)


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
            raise RefusedError(message, place(node))
        elif id(node) not in values:
            entered.add(id(node))
            waiting.append((node, True))
            waiting.extend((part, False) for part in _parts(node))
    if values[id(root)] > MAX_VALUES:
        # The smallest part that is too large shows where the aliases are.
        parts = {id(node): node for node in _every(root)}
        key = min((one for one in values if values[one] > MAX_VALUES), key=lambda one: values[one])
        text = f"its aliases expand to {values[id(root)]} values. Use fewer: the limit is {MAX_VALUES}"
        raise RefusedError(text, place(parts[key]))


def _every(root: yaml.Node) -> list[yaml.Node]:
    """Return each part of a document once."""
    found: dict[int, yaml.Node] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            found[id(node)] = node
            waiting.extend(_parts(node))
    return list(found.values())


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
