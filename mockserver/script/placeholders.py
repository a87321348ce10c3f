"""The names in braces that texts of scripts may have, and misspelled ones.

A text may have any other braces, such as JSON, and a client may send fields of any name with `goto`. So only a name
that is one slip away from a known one is a mistake, and `{{name}}` writes it where it is meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec

from mockserver.script.types import Script, Step, every_step, with_inner
from mockserver.words import nearest, some

ALWAYS: Final = ("text", "resume")
"""The names that every turn has."""

STATE: Final = "state."
"""The begin of the names for the channels of the state."""

CHANGES: Final = ("lower", "slug")
"""The words that may follow a name, after a colon."""

PLACE: Final = re.compile(r"(?P<before>{*){(?P<name>(?:state\.)?[A-Za-z_]\w*)(?::(?P<change>[a-z]\w*))?}(?P<behind>}*)")

ALONE: Final = re.compile(r"{(?P<name>(?:state\.)?[A-Za-z_]\w*)}")
"""A text that is nothing but a name in braces, if it matches whole."""

LOOSE: Final = re.compile(
    r"(?<!{){(?P<left> *)(?P<name>(?:state\.)?[A-Za-z_]\w*)"
    r"(?: *[.|!] *(?P<change>[A-Za-z]\w*)(?:\(\))?)?(?P<right> *)}(?!})"
)
"""A name in braces as other templates write it: with spaces, or with a change after a dot, a bar or a mark."""

_CHANGED: Final = {"downcase": "lower", "lowercase": "lower", "slugify": "slug"}
"""The words of other templates for `CHANGES`."""

_PLAIN: Final = ("node", "hold", "tool", "type", "status", "role", "matches", "equals", "name")
"""The keys of steps whose texts are not filled."""

_SHORTEST: Final = 4
"""The length from which a name is taken for another one with a letter more or less. Short names resemble many."""


def is_slip(name: str, known: Collection[str]) -> bool:
    """Return whether a name that is not known is one slip of the hand away from a known one."""
    return name not in known and any(_is_slip(name, one) for one in known)


def _is_slip(name: str, known: str) -> bool:
    one, other = sorted((name.casefold(), known.casefold()), key=len)
    if len(one) == len(other):
        different = [at for at, (letter, right) in enumerate(zip(one, other, strict=True)) if letter != right]
        swapped = (
            len(different) == 2 and one[different[0]] + one[different[1]] == other[different[1]] + other[different[0]]
        )
        # `{next}` and `{test}` are other words, and a longer word with one wrong letter is seldom another one.
        replaced = len(different) == 1 and len(one) > _SHORTEST
        return not different or (swapped and different[1] == different[0] + 1) or replaced
    shorter = len(one) >= _SHORTEST - 1 and len(other) == len(one) + 1
    return shorter and any(one == other[:at] + other[at + 1 :] for at in range(len(other)))


def misspelled(script: Script) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each name in braces that is one slip away from a known one."""
    names = [*ALWAYS, *_names(script)]
    inner = (name for step in _every(script) for child in step.children for name in child.state or ())
    channels = list(dict.fromkeys(("messages", *script.every_channel(), *inner)))
    for number, turn in enumerate(script.turns):
        for path, text in _texts(msgspec.to_builtins(turn.steps), f".turns[{number}].steps"):
            for found in PLACE.finditer(text):
                if found["before"] and found["behind"]:
                    continue
                problem = _problem(found["name"], found["change"], names, channels)
                if problem is not None:
                    yield path, f"{problem}. Where the braces are meant, write `{{{found.group()}}}`"
            for found in LOOSE.finditer(text):
                problem = _loose(found, names, channels)
                if problem is not None:
                    yield path, f"{problem}. Where the braces are meant, write `{{{found.group()}}}`"


def _problem(name: str, change: str | None, names: list[str], channels: list[str]) -> str | None:
    if name.startswith(STATE):
        channel = name.removeprefix(STATE)
        if channel in channels:
            return None
        near = nearest(channel, channels)
        suggestion = f" Did you mean `{{{STATE}{near}}}`?" if near is not None else ""
        return f"no channel fills `{{{name}}}`.{suggestion} The channels are {some(channels)}"
    if name in names:
        if change in (None, *CHANGES):
            return None
        return f"`{{{name}:{change}}}` is not filled. After the colon it can be {' or '.join(CHANGES)}"
    if is_slip(name, names):
        return f"nothing fills `{{{name}}}`. Did you mean `{{{nearest(name, names)}}}`? The names are {some(names)}"
    return None


def _loose(found: re.Match[str], names: list[str], channels: list[str]) -> str | None:
    """Return what is wrong with a name in braces that is written as in other templates, None if it is no name."""
    name, change = found["name"], found["change"]
    known = name in names or (name.startswith(STATE) and name.removeprefix(STATE) in channels)
    if not known or not (found["left"] or found["right"] or change):
        return None
    right = _CHANGED.get(change.casefold(), change.casefold()) if change else None
    if right is not None and right not in CHANGES:
        return (
            f"`{found.group()}` is not filled. After a colon it can be {' or '.join(CHANGES)}, as in `{{{name}:lower}}`"
        )
    return f"`{found.group()}` is not filled. Write `{{{name}{f':{right}' if right else ''}}}`"


def _every(script: Script) -> Iterator[Step]:
    return with_inner(every_step([step for turn in script.turns for step in turn.steps]))


def _names(script: Script) -> Iterator[str]:
    """Yield the names that some turn has: the groups of its expression, and its answers."""
    for turn in script.turns:
        yield from re.findall(r"\(\?P<(\w+)>", turn.when.matches or "")
    for step in _every(script):
        for part in step.parts:
            yield from (question.name for question in part.questions if question.name is not None)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _texts(one, f"{path}[{number}]")
    elif isinstance(value, dict):
        for key, one in value.items():
            if key not in _PLAIN or not isinstance(one, str):
                yield from _texts(one, f"{path}.{key}")
