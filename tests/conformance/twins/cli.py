"""Broken twins of the requirements CLI."""

from __future__ import annotations

from conformance.api import Purpose
from tests.conformance.plays import Edit, Json, messages, requests, status_code, without
from tests.conformance.twins.edits import drop_header, header, sent_to, shown_ids, twin

STREAMED = "interrupt/during-tools/create/streamed"
PAGE = "none/finished/create/unwatched/other-origin"


def page_header(purpose: Purpose, name: str, value: str) -> Edit:
    """Set a header of every answer to the page, or to its preflight request."""

    def edit(raw: Json) -> None:
        for _, response in requests(raw, purpose):
            response["headers"][name] = value

    return edit


TWINS = [
    twin("CLI-04", "what was shown vanishes", STREAMED,
         messages(without("toolu_01MjNtVJwEcpujRGrf3x6Pih")), fact="no A.call"),
    twin("CLI-04", "what was shown gets other ids", STREAMED, sent_to("A", shown_ids("other")), fact="no A.human"),
    twin("CLI-10", "no Location", STREAMED, drop_header("location"), fact="no such header"),
    twin("CLI-10", "the Location of a join", STREAMED, header("location", "/threads/1/runs/2/join"), fact="/join"),
    twin("CLI-11", "the preflight is refused", PAGE, status_code("preflight", "preflight", 405), fact="HTTP 405"),
    twin("CLI-11", "JSON is not allowed", PAGE, page_header("preflight", "access-control-allow-headers", "accept"),
         fact="headers `accept`"),
    twin("CLI-12", "nothing is exposed", PAGE, page_header("page", "access-control-expose-headers", ""), fact="``"),
    twin("CLI-12", "one answer is not for pages", PAGE, page_header("page", "access-control-allow-origin", "null"),
         fact="`null`"),
]  # fmt: skip
