"""The output of a client, and the conversation in it.

The three clients print the same messages in three formats. A conversation is what the formats have in common: the type
and the content of each message. What only one client adds is checked here, and left out.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MARK = "\x1e"
"""The line between the outputs of two blocks of a guide."""

# Not always at the start of a line: curl ends what it prints without a line break.
_HEADING = re.compile(r"={20,} (?P<title>[\w ]+?) ={20,}\n")
_PYTHON_TITLES = {"Human Message": "human", "Ai Message": "ai", "Tool Message": "tool"}
_TOOL = "tavily_search_results_json"


@dataclass(frozen=True)
class Printed:
    """The output of a guide's code: one text per block, and its standard error."""

    blocks: tuple[str, ...]
    errors: str

    @property
    def conversation_block(self) -> str:
        """Return the one block that prints messages. Raise AssertionError when it is not exactly one."""
        (block,) = (text for text in self.blocks if _HEADING.search(text))
        return block


def python_conversation(text: str) -> str:
    """Return the conversation that `pretty_print` of langchain-core printed."""
    return _conversation(text, _PYTHON_TITLES.__getitem__, _read_python)


def javascript_conversation(text: str) -> str:
    """Return the conversation that the guide's `prettyPrint` printed on Node."""
    return _conversation(text, str, _read_javascript)


def curl_conversation(text: str) -> str:
    """Return the conversation that the guide's `pretty_print` shell function printed."""
    return _conversation(text, str, _read_json)


def _conversation(text: str, type_of: Callable[[str], str], read: Callable[[str, str], Any]) -> str:
    """Return each message as its type in brackets and its content, with structured content as JSON."""
    lines: list[str] = []
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        message_type = type_of(heading["title"])
        content = read(message_type, text[heading.end() : end].strip("\n"))
        lines += [f"[{message_type}]", content if isinstance(content, str) else json.dumps(content), ""]
    return "\n".join(lines)


def _read_python(message_type: str, content: str) -> Any:
    if message_type == "tool":
        name, _, content = content.partition("\n\n")
        assert name == f"Name: {_TOOL}", name
    if message_type == "ai" and content.startswith("[{"):
        printed, _, calls = content.partition("\nTool Calls:\n")
        blocks = ast.literal_eval(printed)
        (block,) = blocks
        # The calls repeat the content, as the guide shows; the guide has lost their indentation.
        assert [line.strip() for line in calls.splitlines()] == [
            f"{block['name']} ({block['id']})",
            f"Call ID: {block['id']}",
            "Args:",
            f"query: {block['input']['query']}",
        ], calls
        return blocks
    return content


def _read_javascript(message_type: str, content: str) -> Any:
    if message_type == "ai" and content.startswith("["):
        # Node prints an object's keys without quotation marks.
        return ast.literal_eval(re.sub(r"(?<=[{\s])(\w+):", r"'\1':", content))
    return content


def _read_json(message_type: str, content: str) -> Any:
    if message_type == "ai" and content.startswith("["):
        return json.loads(content)
    return content
