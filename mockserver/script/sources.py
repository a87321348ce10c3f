"""The sources of scripts: one or several objects, files and texts, folders, and files that list graphs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mockserver.script.graphs import Graphs
from mockserver.script.load import SUFFIXES, ScriptError, built_in, check, load, load_any, parse
from mockserver.script.shapes import check_graph_name
from mockserver.script.types import AGENT, Script, Step, Turn
from mockserver.words import nearest

Source = Script | Path | str
"""A script, a text or a file of one, a folder of files, or a file that lists graphs."""
Sources = Source | Mapping[str, Source] | Sequence[Source | Mapping[str, Source]]
"""The value of a setting: a source, sources by the names of their graphs, or a list of both."""

# Hides the frames of this module in the tracebacks of pytest, which then show the line of the test.
__tracebackhide__ = True

_Found = tuple[str, Script, str]
"""The name of a graph, its script, and a text for people that states the source."""


def read_graphs(sources: Sources | None, built_in_name: str | None = None) -> Graphs:
    """Return the graphs of a deployment: those of the sources, or without any the built-in one.

    `built_in_name` is the name of the built-in graph. Raises `ScriptError`.
    """
    if sources is None:
        return Graphs({_checked(built_in_name or AGENT): built_in()})
    if built_in_name is not None:
        raise ScriptError(
            f"`{built_in_name}` cannot name the built-in graph, which is there only without a script. "
            "Give the script that name, or leave out the script"
        )
    return read_scripts(sources)


def read_scripts(sources: Sources, unnamed: str = AGENT) -> Graphs:
    """Return the graphs of some sources. `unnamed` is the name of a graph to which nothing gives one.

    Raises `ScriptError`, also for two graphs with the same name.
    """
    found: dict[str, tuple[Script, str]] = {}
    for name, script, where in _every(sources, unnamed):
        if name in found:
            raise ScriptError(
                f"two scripts have the graph `{name}`: {found[name][1]} and {where}. Give each a `name` of its own"
            )
        found[name] = (script, where)
    if not found:
        raise ScriptError("the list of scripts is empty. Leave it out to get the built-in conversation")
    return Graphs({name: script for name, (script, _) in found.items()})


def beside(folder: Path | None, script: Any) -> Any:
    """Return sources with the names of files as paths: in a folder, else in the working directory.

    Raises `ScriptError` for the name of a file that is in neither.
    """
    if isinstance(script, Mapping) and not isinstance(script, Graphs):
        return {name: beside(folder, one) for name, one in script.items()}
    if isinstance(script, (list, tuple)):
        return [beside(folder, one) for one in script]
    if not isinstance(script, (str, Path)) or not script or (isinstance(script, str) and "\n" in script):
        return script
    # Not relative to the working directory first, because a test must not depend on where pytest was started.
    found = next((one / script for one in (folder, Path()) if one is not None and (one / script).exists()), None)
    named = isinstance(script, Path) or script.endswith(SUFFIXES)
    if found is None and named and not (isinstance(script, str) and ":" in script):
        places = list(dict.fromkeys(one for one in (folder, Path.cwd()) if one is not None))
        raise ScriptError(f"there is no file {script} in {' or '.join(map(str, places))}{_instead(script, places)}")
    return script if found is None else found


def _instead(script: Path | str, folders: Sequence[Path]) -> str:
    """Return the name of a file that may have been meant, as the next sentence of an error."""
    there = [
        one.relative_to(folder).as_posix()
        for folder in folders
        for one in (folder / script).parent.glob("*")
        if one.suffix in SUFFIXES
    ]
    near = nearest(Path(script).as_posix(), there)
    return f". Did you mean {near}?" if near is not None else ". Check the path"


def named_source(text: str) -> Path | dict[str, Path]:
    """Return the source in an option `FILE` or `NAME=FILE`. Raises `ScriptError`."""
    name, equals, path = text.partition("=")
    # A path may contain `=` as well.
    if not equals or "/" in name or Path(text).exists():
        return Path(text)
    if not path:
        raise ScriptError(f"`{text}` names no file. Write NAME=FILE")
    return {_checked(name): Path(path)}


def _every(sources: Sources, unnamed: str) -> Iterator[_Found]:
    if isinstance(sources, Mapping):
        for name, source in sources.items():
            yield _under(_checked(name), source)
    elif isinstance(sources, (Script, Path, str)):
        yield from _in(sources, unnamed, "the script")
    elif isinstance(sources, Sequence) and not isinstance(sources, (bytes, bytearray)):
        for number, one in enumerate(sources, start=1):
            if isinstance(one, Mapping):
                yield from _every(one, unnamed)
            else:
                yield from _in(one, unnamed, f"script {number}")
    else:
        raise ScriptError(_no_script("the script", sources))


def _under(name: str, source: Source) -> _Found:
    """Return the one script of a source, under a name that the source does not choose."""
    path = _path(source)
    if path is None:
        return name, _inline(source, f"script `{name}`"), f"script `{name}`"
    found = None if path.is_dir() else load_any(path)
    if not isinstance(found, Script):
        raise ScriptError(f"`{name}` is one name, and {path} may have several graphs. Leave the name out")
    return name, found, str(path)


def _in(source: Source, unnamed: str, where: str) -> Iterator[_Found]:
    """Yield the scripts of a source under the names that they give themselves."""
    path = _path(source)
    if path is not None:
        yield from _in_folder(path) if path.is_dir() else _in_file(path, unnamed)
        return
    script = _inline(source, where)
    yield script.name or unnamed, script, where


def _in_folder(folder: Path) -> Iterator[_Found]:
    files = sorted(one for one in folder.iterdir() if one.suffix in SUFFIXES and one.is_file())
    if not files:
        raise ScriptError(f"the folder {folder} has no scripts. Their names end with {', '.join(SUFFIXES)}")
    for path in files:
        script = load(path)
        # Otherwise every file without a name would be the graph `agent`.
        yield script.name or _checked(path.stem, f"{path}: "), script, str(path)


def _in_file(path: Path, unnamed: str) -> Iterator[_Found]:
    found = load_any(path)
    if isinstance(found, Script):
        yield found.name or unnamed, found, str(path)
        return
    for name, value in found.items():
        target = _target(value, f"{path}: the graph `{name}`")
        yield _checked(name, f"{path}: "), load(path.parent / target), f"`{name}` in {path}"


def _target(value: Any, where: str) -> str:
    """Return the file of a script that a list of graphs names. Raises `ScriptError` for one of code."""
    # The official `langgraph.json` has both forms.
    given = value.get("path") if isinstance(value, dict) else value
    if not isinstance(given, str) or not given:
        raise ScriptError(f"{where} has no file. Write the path of a script")
    if re.search(r"\.(py|[cm]?[jt]sx?)(:\w+)?$", given):
        raise ScriptError(f"{where} is code, {given}, which the mock does not run. Name a script, see --from-graph")
    return given


def _path(source: Source) -> Path | None:
    """Return the path that a source is, None for a script or the text of one."""
    if isinstance(source, Path):
        return source
    # A text is a path only if it has one line, and a suffix of a script or the name of a folder: a script of one line
    # could otherwise be taken for a path.
    if isinstance(source, str) and "\n" not in source and (source.endswith(SUFFIXES) or _is_folder(source)):
        return Path(source)
    return None


def _is_folder(text: str) -> bool:
    # Every script has a colon, and a folder seldom has.
    return bool(text) and ":" not in text and Path(text).is_dir()


def _inline(source: Source, where: str) -> Script:
    if isinstance(source, str):
        return parse(source, "script" if where == "the script" else where)
    if isinstance(source, Script):
        check(source, where)
        return source
    raise ScriptError(
        f"{_no_script(where, source)}. An object maps the names of graphs to scripts, and a script that is an object "
        "is given as its JSON text"
    )


def _no_script(where: str, given: object) -> str:
    """Return the text that refuses what is no script, with what was probably meant."""
    if isinstance(given, Turn):
        return f"{where} is a Turn. Write Script(turns=[...]) around it"
    if isinstance(given, Step):
        return f"{where} is a Step. Write Script(turns=[Turn(steps=[...])]) around it"
    if isinstance(given, (bytes, bytearray)):
        return f"{where} is bytes. Decode it to a text"
    if hasattr(given, "read"):
        return f"{where} is an open file. Give its path"
    return f"{where} is a {type(given).__name__}. Give a Script, a path or a text"


def _checked(name: str, where: str = "") -> str:
    try:
        # Only mypy knows that the keys of a mapping are texts.
        check_graph_name(str(name))
    except ValueError as error:
        raise ScriptError(f"{where}{error}") from None
    return name
