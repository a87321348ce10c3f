"""Script files: loading YAML, errors that name the line and the closest valid word, and the JSON Schema."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from mockserver.script.bounds import MAX_BYTES, RefusedError, check_aliases, check_keys, check_text
from mockserver.script.types import BuiltIn, Script

GUIDE: Final = Path(__file__).parent / "scripts" / "guide.yaml"
"""The conversation of the double-texting guides, with the guides' texts and call ids."""
SUFFIXES: Final = (".yaml", ".yml", ".json")
"""The ends of the names of script files."""

# libyaml's loader is several times as fast, but not every build of PyYAML has it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# msgspec appends ` - at `$.path`` to its messages, and ` - at `key in $.path`` for a wrong key.
_ERROR = re.compile(r"^(?P<text>.*?)(?: - at `(?P<key>key in )?\$?(?P<path>[^`]*)`)?$", re.DOTALL)


class ScriptError(Exception):
    """An invalid script. The text names the file, the line, and a correction."""


def load(path: Path = GUIDE) -> Script:
    """Return the script in a YAML or JSON file. Raises `ScriptError`."""
    return parse(_text(path), str(path))


def load_any(path: Path) -> Script | dict[str, Any]:
    """Return the script in a file or, for a file like `langgraph.json`, the graphs that it lists by their names.

    Raises `ScriptError`.
    """
    node, data = _document(_text(path), str(path))
    if not isinstance(data, dict) or "graphs" not in data or "turns" in data:
        return _converted(node, data, str(path), Script)
    graphs = data["graphs"]
    if not isinstance(graphs, dict) or not graphs or not all(isinstance(name, str) for name in graphs):
        line = _at(node, ".graphs").start_mark.line + 1
        raise ScriptError(f"{path}:{line}: `graphs` lists no graph. Write NAME: FILE for each")
    return graphs


def built_in() -> Script:
    """Return the built-in conversation."""
    return _converted(*_document(_text(GUIDE), str(GUIDE)), str(GUIDE), BuiltIn)


def _text(path: Path) -> str:
    """Return the text of a script file. Raises `ScriptError`."""
    try:
        with path.open("rb") as file:
            # One byte more than there may be, so that a script that is too large, or never ends, is refused below.
            return file.read(MAX_BYTES + 1).decode()
    except OSError as error:
        raise ScriptError(f"cannot read the script {path}: {error.strerror}. Check the path") from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path}: the file is not UTF-8 text. Save the script as UTF-8") from error


def parse(text: str, name: str = "script") -> Script:
    """Return the script in a text. `name` stands for it in errors. Raises `ScriptError`."""
    return _converted(*_document(text, name), name, Script)


def _document(text: str, name: str) -> tuple[yaml.Node, Any]:
    """Return the YAML in a text, as nodes and as data. Raises `ScriptError`."""
    loader = None
    try:
        loader = _Loader(text)
        check_text(text, _Loader)
        # The nodes are kept beside the data, because only they know lines.
        # msgspec names a path, and `_at` finds its line.
        node = loader.get_single_node()
        if node is None:
            raise ScriptError(f"{name}: the script is empty. Add `turns`")
        check_aliases(node)
        check_keys(node)
        return node, loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ScriptError(f"{name}{line}: invalid YAML: {error.problem or error.context}") from None
    except RefusedError as error:
        raise ScriptError(f"{name}{f':{error.line}' if error.line else ''}: {error}") from None
    except ScriptError:
        raise
    except Exception as error:  # noqa: BLE001
        # PyYAML reads `!!int ''`, `!!bool x` and the like with whatever exception its code happens to raise.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ScriptError(f"{name}: invalid YAML: {reason}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _converted(node: yaml.Node, data: Any, name: str, kind: type[Script]) -> Script:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ScriptError(_describe(error, node, name)) from None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of scripts, for editors."""
    found = msgspec.json.schema(Script)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A script of the mock deployment",
        **found,
    }


def _describe(error: msgspec.ValidationError, root: yaml.Node, name: str) -> str:
    """Return what is wrong with a script, where, and what may have been meant."""
    found = _ERROR.match(str(error))
    text, path = (found["text"], found["path"] or "") if found else (str(error), "")
    node = _at(root, path)
    unknown = re.search(r"unknown field `([^`]*)`", text)
    if unknown is not None:
        node = _key(node, unknown[1]) or node
        text = f"unknown key `{unknown[1]}`{_suggestion(unknown[1], _known_words(path))}"
    wrong = re.search(r"Invalid enum value '?([^']*)'?$", text)
    if wrong is not None:
        text = f"`{wrong[1]}` is not a valid value{_suggestion(wrong[1], _known_words(path))}"
    where = f" (at {path.lstrip('.')})" if path else ""
    return f"{name}:{node.start_mark.line + 1}: {text[:1].lower()}{text[1:]}{where}"


def _at(node: yaml.Node, path: str) -> yaml.Node:
    """Return the node at msgspec's path, or the deepest one that exists."""
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


def _known_words(path: str) -> list[str]:
    """Return the keys or words that the schema knows at a path."""
    known = schema()
    part: Any = known["$defs"]["Script"]
    for step in re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", path):
        part = _inner(part, step[0], known["$defs"])
        if part is None:
            return []
    return _listed(part, known["$defs"])


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


def _suggestion(word: str, known: list[str]) -> str:
    # Below the default of 0.6: keys are short, so two wrong letters already cost much of the similarity.
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f". Did you mean `{near[0]}`?"
    return f". It can be {', '.join(f'`{one}`' for one in known)}" if known else ""
