"""Mistakes in data of a known type, with the nearest right word from the JSON Schema of the type."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from mockserver.words import nearest, quoted, some

# msgspec appends ` - at `$.path`` to its messages, and ` - at `key in $.path`` for a wrong key.
_ERROR: Final = re.compile(r"^(?P<text>.*?)(?: - at `(?P<key>key in )?\$?(?P<path>[^`]*)`)?$", re.DOTALL)


class Mistake(msgspec.Struct, frozen=True):
    """A mistake in data: the text with the nearest right word, its path, and the unknown key if it is one."""

    text: str
    path: str
    key: str | None = None

    def __str__(self) -> str:
        where = self.path.lstrip(".")
        return f"{self.text[:1].lower()}{self.text[1:]}" + (f" (at {where})" if where else "")


def explained(error: str, kind: Any, *meant: Mapping[str, str]) -> Mistake:
    """Return what is wrong with data of a type, from the text of a `ValidationError` of msgspec.

    `meant` maps words of other tools to known ones, where these can be meant.
    """
    found = _ERROR.match(error)
    text, path = (found["text"], found["path"] or "") if found else (error, "")
    unknown = re.search(r"unknown field `([^`]*)`", text)
    if unknown is not None:
        key = unknown[1]
        return Mistake(f"unknown key `{key}`{_suggestion(key, _words(kind, path), meant)}", path, key)
    wrong = re.search(r"Invalid enum value '?([^']*?)'?$", text)
    if wrong is not None:
        text = f"{quoted(wrong[1])} is not a valid value{_suggestion(wrong[1], _words(kind, path), meant)}"
    if text == "Expected `bool`, got `str`":
        text += ". Write true or false: `yes` and `on` are texts"
    return Mistake(text, path)


def _words(kind: Any, path: str) -> list[str]:
    """Return the keys or words that a type knows at a path."""
    part, defs = _schema(kind)
    for step in re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", path):
        part = _inner(part, step[0], defs)
        if part is None:
            return []
    return _listed(part, defs)


@cache
def _schema(kind: Any) -> tuple[Any, Any]:
    (part,), defs = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return part, defs


def _inner(part: Any, name: str, defs: Any) -> Any:
    """Return the part of a schema under a key, or under the items if there is no key."""
    for one in _branches(part, defs):
        if name and name in one.get("properties", {}):
            return one["properties"][name]
        inner = one.get("items", one.get("additionalProperties"))
        if not name and isinstance(inner, dict):
            return inner
    return None


def _listed(part: Any, defs: Any) -> list[str]:
    return [str(word) for one in _branches(part, defs) for word in (*one.get("properties", {}), *one.get("enum", ()))]


def _branches(part: Any, defs: Any) -> list[Any]:
    if "$ref" in part:
        return _branches(defs[part["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in part:
        return [branch for one in part["anyOf"] for branch in _branches(one, defs)]
    return [part]


def _suggestion(word: str, known: list[str], meant: Sequence[Mapping[str, str]]) -> str:
    near = nearest(word, known, {one: other for words in meant for one, other in words.items() if other in known})
    listed = f" It can be {some([f'`{one}`' for one in known], 30)}" if known else ""
    return f". Did you mean `{near}`?{listed}" if near is not None else f".{listed}" if known else ""
