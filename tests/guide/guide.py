"""Reads a guide: its code blocks, by language, in the order in which the page shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Language = Literal["python", "js", "bash", "text"]

GUIDES = Path(__file__).parents[2] / "fixtures" / "guides"
NAMES = ("interrupt", "rollback", "reject", "enqueue")

_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Guide:
    """One page. `blocks` are pairs of a language and the text of a block."""

    name: str
    blocks: tuple[tuple[str, str], ...]

    def code(self, language: Language) -> list[str]:
        """Return the blocks in `language`. Those in `text` are the outputs that the page prints."""
        return [code for found, code in self.blocks if found == language]


def read_guide(name: str) -> Guide:
    """Return the guide for the strategy `name`. Raise FileNotFoundError for another name."""
    page = (GUIDES / f"{name}-concurrent.md").read_text("utf-8")
    return Guide(name, tuple((b["language"], b["code"]) for b in _BLOCK.finditer(page)))
