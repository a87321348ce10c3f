"""Broken twins of the requirements CLI."""

from __future__ import annotations

from conformance.api import Purpose
from tests.conformance.plays import Edit, Json, messages, requests, status_code, without
from tests.conformance.twins.edits import drop_header, header, sent_to, shown_ids, twin

STREAMED = "interrupt/during-tools/create/streamed"
PAGES = "none/finished/create/unwatched/threads"
PAGE = "none/finished/create/unwatched/other-origin"


def page_header(purpose: Purpose, name: str, value: str) -> Edit:
    """Set a header of every answer to the page, or to its preflight request."""

    def edit(raw: Json) -> None:
        for _, response in requests(raw, purpose):
            response["headers"][name] = value

    return edit


def page_number(name: str, value: str) -> Edit:
    """Set a header of every answer to a search that has it."""

    def edit(raw: Json) -> None:
        for purpose in ("list threads", "filter crons"):
            for _, response in requests(raw, purpose):
                for key in [one for one in response["headers"] if one.lower() == name.lower()]:
                    response["headers"][key] = value

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
    twin("CLI-14", "no Location", "interrupt/during-tools/wait/unwatched", drop_header("location"),
         fact="no such header"),
    twin("CLI-14", "the Location of a stream", "stateless/wait", header("location", "/threads/1/runs/2/stream"),
         fact="/stream"),
    twin("CLI-15", "the page itself as the next", PAGES, page_number("X-Pagination-Next", "0"), fact="`0`"),
    twin("CLI-15", "a page without the next one", PAGES, page_number("X-Pagination-Next", ""), fact=", and no next"),
    twin("CLI-15", "a total of more than there are", PAGES, page_number("X-Pagination-Total", "99"), fact="`99`"),
    twin("CLI-15", "a total that is no number", "cron/listed", page_number("X-Pagination-Total", "many"), fact="`-1`"),
    twin("CLI-12", "one answer is not for pages", PAGE, page_header("page", "access-control-allow-origin", "null"),
         fact="`null`"),
]  # fmt: skip
