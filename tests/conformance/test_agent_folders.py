"""The folders of the probe agents: each is complete, because a vendor copies one of them alone."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys

import pytest

from conformance import AGENTS


def test_the_python_folder_imports_nothing_but_what_it_declares() -> None:
    imported: set[str] = set()
    for path in (AGENTS / "python").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(str(node.module).partition(".")[0])
    assert imported - sys.stdlib_module_names == {"doubletext_probe", "httpx", "langchain_core", "langgraph"}


def test_the_javascript_folder_imports_nothing_but_what_it_declares() -> None:
    folder = AGENTS / "javascript"
    declared = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    imported: set[str] = set()
    for path in (folder / "src").iterdir():
        imported |= set(re.findall(r'^import [^"]*"([^"]+)";$', path.read_text("utf-8"), re.MULTILINE))
    packages = {"/".join(name.split("/")[:2]) for name in imported if not name.startswith(("node:", "."))}
    assert packages == set(declared)
    assert all((folder / "src" / name).is_file() for name in imported if name.startswith("."))


TEXTS_IN_PYTHON = """
import dataclasses, json
from doubletext_probe.conversation import forecast
print(json.dumps([list(dataclasses.asdict(forecast(place)).values()) for place in ("sf", "nyc")]))
"""
TEXTS_IN_JAVASCRIPT = """
import { replyTo, resultFor } from "./src/conversation.mjs"
const texts = ["sf", "nyc"].map((place) => {
  const human = { type: "human", text: `weather in ${place}` }
  const { id, query } = replyTo([human]).call
  return [id, query, resultFor([human]), replyTo([human, { type: "ai" }]).tokens.join("")]
})
console.log(JSON.stringify(texts))
"""


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("python", [sys.executable, "-c", TEXTS_IN_PYTHON]),
        ("javascript", ["node", "--input-type=module", "-e", TEXTS_IN_JAVASCRIPT]),
    ],
)
def test_an_agent_has_the_texts_of_the_contract(folder: str, command: list[str]) -> None:
    written = json.loads((AGENTS / "texts.json").read_text("utf-8"))
    printed = subprocess.run(command, cwd=AGENTS / folder, capture_output=True, check=True).stdout
    assert json.loads(printed) == [list(written[place].values()) for place in ("sf", "nyc")]


def test_the_javascript_graph_is_served_under_the_name_agent() -> None:
    folder = AGENTS / "javascript"
    graphs = json.loads((folder / "langgraph.json").read_text("utf-8"))["graphs"]
    (path, _, name) = graphs.pop("agent").partition(":")
    assert graphs == {}
    assert f"export const {name} =" in (folder / path).read_text("utf-8")
