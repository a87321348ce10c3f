"""The folder of the JavaScript probe agent is complete: a vendor copies it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from conformance import probe

FOLDER = Path(probe.__file__).parent / "agents" / "javascript"


def test_the_folder_imports_nothing_but_what_it_declares() -> None:
    declared = json.loads((FOLDER / "package.json").read_text("utf-8"))["dependencies"]
    imported: set[str] = set()
    for path in (FOLDER / "src").iterdir():
        imported |= set(re.findall(r'^import [^"]*"([^"]+)";$', path.read_text("utf-8"), re.MULTILINE))
    packages = {"/".join(name.split("/")[:2]) for name in imported if not name.startswith(("node:", "."))}
    assert packages == set(declared)
    assert all((FOLDER / "src" / name).is_file() for name in imported if name.startswith("."))


def test_the_graph_is_served_under_the_name_agent() -> None:
    graphs = json.loads((FOLDER / "langgraph.json").read_text("utf-8"))["graphs"]
    (path, _, name) = graphs.pop("agent").partition(":")
    assert graphs == {}
    assert f"export const {name} =" in (FOLDER / path).read_text("utf-8")
