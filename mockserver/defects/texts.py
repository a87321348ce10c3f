"""Texts: the text of a message is altered, or taken for something else."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import msgspec

from mockserver.core.checkpoints import Values
from mockserver.core.records import Run
from mockserver.core.streams import Event
from mockserver.defects.base import Defect

ESCAPED = re.compile(rb"\\\\u04[0-9a-f]{2}")
"""The escape of a Cyrillic letter in a text, as JSON has it."""


class EscapesDecoded(Defect):
    """An escape of a letter that a user wrote, as a part of a program, is decoded in the stream."""

    id = "D264"
    rule = "AGR-14"
    seen = ("https://github.com/aegra/aegra/pull/215",)
    client = "A program or a path in an answer is shown with other characters than it has."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        raw = event.encoded()
        if ESCAPED.search(raw) and self.strikes():
            event.put(msgspec.json.decode(ESCAPED.sub(lambda found: found[0][1:], raw)))
        return super().shows(event, modes)


class TextNormalized(Defect):
    """The text of a message is brought into a normal form of Unicode."""

    id = "D265"
    rule = "AGR-14"
    seen = ()
    client = "A file name in a message is another one than the user wrote, and no such file is found."

    def input(self, run: Run) -> Any:
        raw = super().input(run)
        found = raw.get("messages") if isinstance(raw, dict) else None
        given = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        texts = [one.get("content") for one in given]
        altered = any(isinstance(text, str) and not unicodedata.is_normalized("NFC", text) for text in texts)
        if not altered or not self.strikes(run):
            return raw
        messages = [{**one, "content": unicodedata.normalize("NFC", str(one.get("content")))} for one in given]
        return {**raw, "messages": messages}


class QuestionSeenInText(Defect):
    """The result of a run whose text contains `__interrupt__` is taken for a question."""

    id = "D266"
    rule = "STR-28"
    seen = ("https://docs.langchain.com/langsmith/agent-server-changelog",)
    client = "A wait for an answer about interrupts returns no message."

    def output(self, run: Run) -> Values:
        right = super().output(run)
        found = right.get("messages")
        texts = [one.get("content") for one in found] if isinstance(found, list) else []
        seen = any(isinstance(text, str) and "__interrupt__" in text for text in texts)
        return {"__interrupt__": []} if seen and self.strikes(run) else right
