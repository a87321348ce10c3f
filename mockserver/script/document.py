"""Scripts in YAML: parsing, and errors that name the line and the closest valid word."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml

from mockserver.script.bounds import RefusedError, check_aliases, check_text, check_values, place
from mockserver.script.files import PATHS, ScriptError
from mockserver.script.sense import mistakes
from mockserver.script.suggestions import MEANT, explained
from mockserver.script.types import Script
from mockserver.script.yaml_12 import Loader

# Hides the frames of this module in the tracebacks of pytest, which then show the line of the test.
__tracebackhide__ = True


def parsed(text: str, name: str) -> Script:
    """Return the script in a text. Raises `ScriptError`."""
    return converted(*document(text, name), name)


def document(text: str, name: str) -> tuple[yaml.Node, Any]:
    """Return the YAML in a text, as nodes and as data. Raises `ScriptError`."""
    loader = None
    try:
        loader = Loader(text)
        check_text(text, Loader)
        # The nodes are kept beside the data, because only they know lines.
        # msgspec names a path, and `_at` finds its line.
        node = loader.get_single_node()
        if node is None:
            raise ScriptError(f"{name}: the script is empty. Add `turns`")
        check_aliases(node)
        check_values(node)
        return node, loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = str(error.problem or error.context)
        raise ScriptError(f"{name}{where}: invalid YAML: {problem}{_advice(problem, mark, text)}") from None
    except RefusedError as error:
        raise ScriptError(f"{name}{f':{error.place}' if error.place else ''}: {error}") from None
    except ScriptError:
        raise
    except Exception as error:  # noqa: BLE001
        # PyYAML reads `!!int ''`, `!!bool x` and the like with whatever exception its code happens to raise.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ScriptError(f"{name}: invalid YAML: {reason}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _advice(problem: str, mark: yaml.Mark | None, text: str) -> str:
    """Return the frequent cause of an error of PyYAML, which does not name it, as the next sentence."""
    line = text.splitlines()[mark.line] if mark is not None and mark.line < len(text.splitlines()) else ""
    if "cannot start any token" in problem:
        is_tab = mark is not None and line[mark.column : mark.column + 1] == "\t"
        return (
            ". Indent with spaces and not with tabs" if is_tab else ". Put a text that begins with this sign in quotes"
        )
    if "unknown escape character" in problem:
        return ". Put a text with `\\` in single quotes"
    if "another document" in problem:
        return ". A file has one script: remove the line `---`"
    if "mapping values are not allowed" in problem:
        return ". Put a text with `: ` in quotes, and indent all keys of an object alike"
    if "unexpected end of stream" in problem:
        return ". Close the quote"
    if "undefined alias" in problem:
        return ". Put a text that begins with `*` in quotes"
    if "alphabetic or numeric character" in problem:
        return ". Put a text that begins with `*` or `&` in quotes"
    if "did not find expected key" in problem and line.lstrip().startswith("- "):
        return ". Indent all items of a list alike"
    if "did not find expected" in problem:
        return ". Close every bracket and quote, and put a text with `: ` or ` #` in quotes"
    return ""


def converted(node: yaml.Node, data: Any, name: str) -> Script:
    """Return the script in a parsed text. Raises `ScriptError`."""
    try:
        script = msgspec.convert(data, Script)
    except msgspec.ValidationError as error:
        if isinstance(data, str):
            raise ScriptError(f"{name}: `{data[:80]}` is neither a script nor the path of one, {PATHS}") from None
        raise ScriptError(_describe(error, node, name)) from None
    for path, text in mistakes(script):
        raise ScriptError(f"{name}:{place(_at(node, path))}: {text} (at {path.lstrip('.')})")
    return script


def place_of(node: yaml.Node, path: str) -> str:
    """Return the place of the part of a document at msgspec's path, as `LINE:COLUMN`."""
    return place(_at(node, path))


def _describe(error: msgspec.ValidationError, root: yaml.Node, name: str) -> str:
    """Return what is wrong with a script, where, and what may have been meant."""
    mistake = explained(str(error), Script, MEANT)
    node = _at(root, mistake.path)
    if isinstance(root, yaml.SequenceNode):
        return f"{name}:{place(node)}: expected an object, got a list. A script begins with `turns:`, above the list"
    if mistake.key is not None:
        text, node = _instead(mistake.key, node), _key(node, mistake.key) or node
        if text is not None:
            return f"{name}:{place(node)}: {text}"
    # `{text}` without quotes is an object of YAML.
    quotes = (
        ". Put a text that begins with `{` in quotes"
        if re.match(r"expected a text.*got an object", str(mistake))
        else ""
    )
    return f"{name}:{place(node)}: {mistake}{quotes}"


def _instead(key: str, node: yaml.Node) -> str | None:
    """Return the text for a key that no similar word explains, None for another one."""
    if key.startswith("//"):
        return f"`{key[:40]}` is no comment. A comment begins with `#`"
    value = _at(node, f".{key}")
    if isinstance(value, yaml.MappingNode) and _key(value, "turns") is not None:
        return f"`{key}` contains the script. Write its keys at the top, and the name of its graph as `name: {key}`"
    return None


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
