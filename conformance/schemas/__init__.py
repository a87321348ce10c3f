"""The published JSON Schemas of the suite's files and of profiles, generated from the types.

`python -m conformance schemas` writes them. With `--check` it prints the names of those that are out of date.
"""

from __future__ import annotations

import inspect
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from conformance.explore.kept import KeptHistory
from conformance.judge.profiles import Profile
from conformance.report.comparison import Comparison
from conformance.report.report import Report
from conformance.snapshots.record import ThreadState
from conformance.transcript.transcript import Transcript

PUBLISHED: dict[str, tuple[type[msgspec.Struct], str]] = {
    "comparison-1.schema.json": (Comparison, "doubletext comparison, version 1"),
    "history-1.schema.json": (KeptHistory, "doubletext history, version 1"),
    "profile-1.schema.json": (Profile, "doubletext profile, version 1"),
    "report-1.schema.json": (Report, "doubletext report, version 1"),
    "thread-state-1.schema.json": (ThreadState, "doubletext thread state, version 1"),
    "transcript-1.schema.json": (Transcript, "doubletext transcript, version 1"),
}
"""The type and the title of each schema, by file name."""


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the present types. Raise KeyError for an unknown name."""
    kind, title = PUBLISHED[name]
    made = msgspec.json.schema(kind)
    for definition in made["$defs"].values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    if "format" in kind.__struct_fields__:
        # The types have defaults for these two, so msgspec takes them for optional. But a reader recognises a file by
        # them.
        made["$defs"][kind.__name__]["required"] += ["format", "version"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:doubletext:{name.removesuffix('.schema.json')}",
        "title": title,
        **made,
    }


def render(name: str) -> str:
    """Return the text of the schema's file."""
    return msgspec.json.format(msgspec.json.encode(schema(name), order="sorted"), indent=2).decode() + "\n"


def published(name: str) -> str:
    """Return the text of the shipped file. Raise FileNotFoundError."""
    return files("conformance").joinpath("schemas", name).read_text("utf-8")


def out_of_date() -> list[str]:
    """Return the names of the shipped files that differ from the schemas of the present types."""
    stale = []
    for name in PUBLISHED:
        try:
            current = published(name)
        except FileNotFoundError:
            current = ""
        if current != render(name):
            stale.append(name)
    return stale


def write() -> list[Path]:
    """Write every schema next to this module and return the paths. Raise OSError."""
    written = []
    for name in PUBLISHED:
        path = Path(__file__).with_name(name)
        path.write_text(render(name), "utf-8")
        written.append(path)
    return written
