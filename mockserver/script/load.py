"""Scripts as YAML files: reading one, with errors that name the line and the nearest right word, and its schema."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from mockserver.script.bounds import MAX_BYTES, TooLargeError, check_aliases, check_text
from mockserver.script.types import Script

GUIDE: Final = Path(__file__).parent / "scripts" / "guide.yaml"
"""The conversation of the double-texting guides, with the guides' own texts and call ids."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLACE = re.compile(r"^(?P<text>.*?)(?: - at `(?P<key>key in )?\$?(?P<path>[^`]*)`)?$", re.DOTALL)


class ScriptError(Exception):
    """A script that cannot be used; the text names the file, the line, and what to write instead."""


def load(path: Path = GUIDE) -> Script:
    """The script in a YAML file, or in a JSON file, which is YAML too. Raises `ScriptError`."""
    try:
        with path.open("rb") as file:
            # One byte more than there may be, so that a script that is too large, or never ends, is refused below.
            text = file.read(MAX_BYTES + 1).decode()
    except OSError as error:
        raise ScriptError(f"cannot read the script {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path}: a script is text in UTF-8, and this is not") from error
    return parse(text, str(path))


def parse(text: str, name: str = "script") -> Script:
    """The script in a text; `name` is what errors call it. Raises `ScriptError`."""
    loader = _Loader(text)
    try:
        check_text(text, _Loader)
        node = loader.get_single_node()
        if node is None:
            raise ScriptError(f"{name}: the script is empty; it needs `turns`")
        check_aliases(node)
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ScriptError(f"{name}{line}: not YAML: {error.problem or error.context}") from None
    except TooLargeError as error:
        raise ScriptError(f"{name}{f':{error.line}' if error.line else ''}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ScriptError(f"{name}: not YAML: {str(error).splitlines()[0]}") from None
    finally:
        loader.dispose()
    try:
        return msgspec.convert(data, Script)
    except msgspec.ValidationError as error:
        raise ScriptError(_explained(error, node, name)) from None


def read_script(script: Script | Path | str | None) -> Script | None:
    """Return the script that a setting names: made, in a file, or as text. Raises `ScriptError`."""
    if script is None or isinstance(script, Script):
        return script
    if isinstance(script, Path) or ("\n" not in script and script.endswith((".yaml", ".yml", ".json"))):
        return load(Path(script))
    return parse(script)


def schema() -> dict[str, Any]:
    """The JSON Schema of scripts, for editors."""
    found = msgspec.json.schema(Script)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A script of the mock deployment",
        **found,
    }


def _explained(error: msgspec.ValidationError, root: yaml.Node, name: str) -> str:
    """What is wrong with a script, where, and what may have been meant."""
    found = _PLACE.match(str(error))
    text, path = (found["text"], found["path"] or "") if found else (str(error), "")
    node = _at(root, path)
    unknown = re.search(r"unknown field `([^`]*)`", text)
    if unknown is not None:
        node = _key(node, unknown[1]) or node
        text = f"unknown key `{unknown[1]}`{_meant(unknown[1], _words(path))}"
    wrong = re.search(r"Invalid enum value '?([^']*)'?$", text)
    if wrong is not None:
        text = f"`{wrong[1]}` is none of the right words{_meant(wrong[1], _words(path))}"
    where = f" (at {path.lstrip('.')})" if path else ""
    return f"{name}:{node.start_mark.line + 1}: {text[:1].lower()}{text[1:]}{where}"


def _at(node: yaml.Node, path: str) -> yaml.Node:
    """The node of a file to which msgspec's path leads, as far as it can be followed."""
    for step in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path):
        name, index = step
        if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
            node = node.value[int(index)]
        elif name and isinstance(node, yaml.MappingNode):
            found = next((value for key, value in node.value if key.value == name), None)
            if found is None:
                break
            node = found
    return node


def _key(node: yaml.Node, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((key for key, _ in pairs if key.value == name), None)


def _words(path: str) -> list[str]:
    """The keys or words that the schema knows at a path."""
    known = schema()
    part: Any = known["$defs"]["Script"]
    for step in re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", path):
        part = _inner(part, step[0], known["$defs"])
        if part is None:
            return []
    return _listed(part, known["$defs"])


def _inner(part: Any, name: str, defs: Any) -> Any:
    """The part of a schema under a key, or under the items where there is no key."""
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


def _meant(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; it can be {', '.join(f'`{one}`' for one in known)}" if known else ""
