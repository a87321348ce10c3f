"""Broken twins of the requirements CLI."""

from __future__ import annotations

from tests.conformance.plays import messages, without
from tests.conformance.twins.edits import sent_to, shown_ids, twin

STREAMED = "interrupt/during-tools/create/streamed"

TWINS = [
    twin("CLI-04", "what was shown vanishes", STREAMED,
         messages(without("toolu_01MjNtVJwEcpujRGrf3x6Pih")), fact="no A.call"),
    twin("CLI-04", "what was shown gets other ids", STREAMED, sent_to("A", shown_ids("other")), fact="no A.human"),
]  # fmt: skip
