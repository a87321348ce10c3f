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


MEANT: Final = {
    **dict.fromkeys(("text", "message", "answer", "reply", "respond", "response", "output", "content", "role"), "say"),
    **dict.fromkeys(("tool_call", "tool_calls", "calls", "invoke"), "call"),
    **dict.fromkeys(("tool_result", "results", "return"), "result"),
    **dict.fromkeys(("delay", "sleep", "wait", "duration", "seconds", "latency"), "takes"),
    **dict.fromkeys(("fail", "raise", "exception"), "error"),
    **dict.fromkeys(("memory", "memories", "remember", "items"), "store"),
    **dict.fromkeys(("ask", "human", "question", "approve"), "interrupt"),
    **dict.fromkeys(("match", "if", "on", "trigger"), "when"),
    **dict.fromkeys(("regex", "pattern", "re"), "matches"),
    **dict.fromkeys(("arguments", "input", "params"), "args"),
    **dict.fromkeys(("name", "function"), "tool"),
    **dict.fromkeys(("loop", "times"), "repeat"),
    **dict.fromkeys(("responses", "conversation", "scenarios", "steps"), "turns"),
}
"""The words of other tools for the keys of a script."""

INSIDE: Final = {
    **dict.fromkeys(("say", "call", "result", "interrupt", "error", "takes", "step"), "steps"),
    **dict.fromkeys(("question", "ask", "prompt", "text", "message", "payload"), "value"),
    **dict.fromkeys(("options", "answers", "choices", "then"), "cases"),
    **dict.fromkeys(("value", "is", "eq", "answer"), "equals"),
    **dict.fromkeys(("text", "value", "output", "message"), "content"),
    **dict.fromkeys(("ok", "done", "completed", "succeeded"), "success"),
    **dict.fromkeys(("failed", "failure", "exception"), "error"),
    **dict.fromkeys(("add", "list", "extend", "concat"), "append"),
    **dict.fromkeys(("update", "dict"), "merge"),
    **dict.fromkeys(("overwrite", "last", "last_value", "set"), "replace"),
    "equals": "text",
    "when": "equals",
    "from": "source",
    "to": "target",
}
"""The same where a key of another place has a meaning of its own. A word counts only where it is known."""


PLACES: Final = {
    "Script": "of a script, at its top",
    "Turn": "of a turn, beside `steps`",
    "Step": "of a step, in the list `steps` of a turn",
    "When": "of a condition, inside `when`",
    "Call": "of a tool call, inside `call`",
    "Result": "of a tool result, inside `result`",
    "Interrupt": "of a question, inside `interrupt`",
    "Case": "of a case, in the list `cases` of an `interrupt`",
    "StoreWrite": "of an item, in the list `store` of a step",
}
"""The places of keys, by the types of a script. The first that has a key is the one that is named."""

UNITS: Final = {"takes": "seconds", "seconds": "seconds", "deadline": "seconds"}
"""The units of numbers, by their keys."""


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
        return Mistake(
            f"unknown key `{key}`{_suggestion(key, _words(kind, path), meant, _place(kind, key))}", path, key
        )
    wrong = re.search(r"Invalid enum value '?([^']*?)'?$", text)
    if wrong is not None:
        text = f"{quoted(wrong[1])} is not a valid value{_suggestion(wrong[1], _words(kind, path), meant)}"
    unit = UNITS.get(path.rpartition(".")[2])
    said = _in_words(text, _words(kind, path))
    return Mistake(f"{said}. Write {unit}, such as 2 or 0.5" if unit and "a number" in said else said, path)


_KINDS: Final = {
    "object": "an object",
    "array": "a list",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
}
"""The words of msgspec for the types of JSON, with those of people."""

_EXPECTED: Final = re.compile(
    r"Expected `(?P<kinds>[^`]+)`(?P<bound> (?:>=|<=|>|of length >=|matching regex) .+?)?(?:, got `(?P<got>\w+)`)?$"
)

_BOUNDS: Final = {">=": "from", "<=": "up to", ">": "above"}


def _in_words(text: str, known: Sequence[str]) -> str:
    """Return the text of an error of msgspec in the words of people, with the keys that an object may have."""
    found = _EXPECTED.match(text)
    if found is None:
        missing = re.match(r"Object missing required field `(.+)`$", text)
        return f"the key `{missing[1]}` is missing. Add it" if missing else text
    kinds = [one for one in found["kinds"].split(" | ") if one != "null"] or ["null"]
    said = f"expected {' or '.join(_KINDS.get(one, one) for one in kinds)}"
    sign, _, bound = (found["bound"] or "").strip().rpartition(" ")
    if sign.startswith("matching"):
        return "expected a name: letters, digits and `_`, and no digit at its start"
    if sign == "of length >=":
        return f"expected {_KINDS[kinds[0]]} that is not empty"
    if bound:
        said += f" {_BOUNDS[sign]} {float(bound):g}"
    if found["got"] is None:
        return said
    said += f", got {_KINDS.get(found['got'], found['got'])}"
    if kinds == ["bool"] and found["got"] == "str":
        return f"{said}. Write true or false: `yes` and `on` are texts"
    if "str" in kinds and found["got"] in ("int", "float", "bool"):
        return f"{said}. Put it in quotes"
    if "object" in kinds and known and found["got"] != "object":
        return f"{said}. An object has the keys {some([f'`{one}`' for one in known])}"
    if kinds == ["object"]:
        return f"{said}. Write it as an object, in `{{}}`"
    if kinds == ["array"]:
        return f"{said}. Write it as a list, in `[]`"
    return said


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


def _place(kind: Any, key: str) -> str | None:
    """Return where a script has a key, None if no part of it has one."""
    defs = _schema(kind)[1]
    return next((where for name, where in PLACES.items() if key in defs.get(name, {}).get("properties", {})), None)


def _suggestion(word: str, known: list[str], meant: Sequence[Mapping[str, str]], place: str | None = None) -> str:
    words_here = {one: other for words in (INSIDE, *meant) for one, other in words.items() if other in known}
    # Imported here: only the text of a mistake needs it, and every start would pay for it.
    import difflib

    slips = difflib.get_close_matches(word, known, n=1, cutoff=0.85)
    if place is not None and word not in words_here and not slips:
        # It is spelled right, so a word that resembles it a little is not what is meant.
        return f". It is a key {place}"
    near = nearest(word, known, words_here)
    listed = f" It can be {some([f'`{one}`' for one in known], 30)}" if known else ""
    return f". Did you mean `{near}`?{listed}" if near is not None else f".{listed}" if known else ""
