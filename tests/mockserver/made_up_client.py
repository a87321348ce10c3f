"""Requests that a client might send, without a client and a server."""

from __future__ import annotations

from typing import Any

import msgspec

from mockserver.control.client_checks import Facts, Finding, judge
from mockserver.web.journal import JournalEntry

ASKED = "0123456789abcdef" * 2


class Client:
    """Writes down what a client might have requested."""

    def __init__(self) -> None:
        self.entries: list[JournalEntry] = []

    def sends(self, method: str, path: str, body: Any = None, **more: Any) -> JournalEntry:
        number = len(self.entries) + 1
        given: dict[str, Any] = {"thread_id": "t", "run_id": None, "busy": False, "asks": (), "status": 200}
        raw = b"" if body is None else msgspec.json.encode(body)
        entry = JournalEntry(number, 0.0, method, path, {}, raw, **{**given, "ended": number, **more})
        self.entries.append(entry)
        return entry

    def says(self, text: str, run: str | None = None, *, by: str = "", **more: Any) -> JournalEntry:
        body = {"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": text}]}}
        if by:
            body["multitask_strategy"] = by
        return self.sends("POST", "/threads/t/runs/stream", body, run_id=run, **more)

    def found(self, **facts: Any) -> list[Finding]:
        return judge(Facts(self.entries, **facts))


def brief(findings: list[Finding]) -> list[tuple[str, tuple[int, ...]]]:
    return [(finding.rule, finding.requests) for finding in findings]


def resume(answer: Any) -> dict[str, Any]:
    return {"assistant_id": "agent", "command": {"resume": answer}}
