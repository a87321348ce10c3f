"""Scripts: loading them from files and texts, the built-in one, and the JSON Schema."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from mockserver.script.files import SUFFIXES as SUFFIXES
from mockserver.script.files import ScriptError as ScriptError
from mockserver.script.files import text_of
from mockserver.script.sense import mistakes
from mockserver.script.types import BuiltIn, Script

# Hides the frames of this module in the tracebacks of pytest, which then show the line of the test.
__tracebackhide__ = True

GUIDE: Final = Path(__file__).parent / "scripts" / "guide.yaml"
"""The conversation of the double-texting guides, with the guides' texts and call ids."""
GUIDE_AS_JSON: Final = GUIDE.with_suffix(".json")
"""The same conversation, which is read without PyYAML. A test compares the two files."""


def load(path: Path = GUIDE) -> Script:
    """Return the script in a YAML or JSON file. Raises `ScriptError`."""
    return parse(text_of(path), str(path))


def load_any(path: Path) -> Script | dict[str, Any]:
    """Return the script in a file or, for a file like `langgraph.json`, the graphs that it lists by their names.

    Raises `ScriptError`.
    """
    # Imported here, as in `parse`: the import of PyYAML is slow, and the built-in conversation does not need it.
    from mockserver.script.document import converted, document, place_of

    node, data = document(text_of(path), str(path))
    if not isinstance(data, dict) or "graphs" not in data or "turns" in data:
        return converted(node, data, str(path))
    graphs = data["graphs"]
    if not isinstance(graphs, dict) or not graphs or not all(isinstance(name, str) for name in graphs):
        raise ScriptError(f"{path}:{place_of(node, '.graphs')}: `graphs` lists no graph. Write NAME: FILE for each")
    return graphs


@cache
def built_in() -> Script:
    """Return the built-in conversation."""
    return msgspec.json.decode(GUIDE_AS_JSON.read_bytes(), type=BuiltIn)


@lru_cache(maxsize=64)
def parse(text: str, name: str = "script") -> Script:
    """Return the script in a text. `name` stands for it in errors. Raises `ScriptError`."""
    # Kept, because a script is immutable and every test of a file may load the same one.
    from mockserver.script.document import parsed

    return parsed(text, name)


def check(script: Script, name: str) -> None:
    """Raise `ScriptError` for a script that Python code has created with values that no script has."""
    # Imported here: only scripts that are made in Python are checked here.
    from mockserver.script.suggestions import MEANT, explained

    try:
        # msgspec checks what it reads and not what is created.
        msgspec.convert(msgspec.to_builtins(script), type(script))
    except msgspec.ValidationError as error:
        raise ScriptError(f"{name}: {explained(str(error), Script, MEANT)}") from None
    except TypeError as error:
        raise ScriptError(f"{name}: a value is not JSON: {error}") from None
    for path, text in mistakes(script):
        raise ScriptError(f"{name}: {text} (at {path.lstrip('.')})")


def schema() -> dict[str, Any]:
    """Return the JSON Schema of scripts, for editors."""
    found = msgspec.json.schema(Script)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A script of the mock deployment",
        **found,
    }
