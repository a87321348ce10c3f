"""Broken twins of the requirements FRM."""

from __future__ import annotations

import copy

from conformance.api import Need, Purpose
from tests.conformance.plays import Edit, Json, requests
from tests.conformance.twins.edits import TOOLS, twin

DELAYED = "none/delayed/create/unwatched"
DELETED = "delete/during-tools/run/unwatched"


def refused_first(purpose: Purpose, about: str, need: Need, status: int = 422) -> Edit:
    """Let the first request with this purpose be another form of one that was refused."""

    def edit(raw: Json) -> None:
        request, response = next(requests(raw, purpose, about))
        position = raw["moments"].index(request)
        refused = {**copy.deepcopy(request), "exchange": 9000}
        refusal = {**copy.deepcopy(response), "exchange": 9000, "status": status, "body": {"detail": "refused"}}
        adapted = {"kind": "adapted", "seq": 0, "t": request["t"], "exchange": 9000, "needs": [need], "how": "again"}
        raw["moments"][position:position] = [refused, refusal, adapted]

    return edit


TWINS = [
    twin("FRM-01", "a text is no list of modes", TOOLS, refused_first("submit", "A", "stream_mode"), fact="HTTP 422"),
    twin("FRM-02", "a limit of 1000 is too many", TOOLS, refused_first("final history", "main", "limit"),
         fact="HTTP 422"),
    twin("FRM-03", "a create is redirected", TOOLS, refused_first("submit", "A", "redirect", 307),
         fact="HTTP 307, a redirect"),
    twin("FRM-04", "a graph is no assistant", TOOLS, refused_first("submit", "A", "assistant"), fact="HTTP 422"),
    twin("FRM-05", "threads have no metadata", TOOLS, refused_first("create thread", "main", "metadata"),
         fact="HTTP 422"),
    twin("FRM-06", "defaults are refused", TOOLS, refused_first("submit", "B", "defaults"), fact="HTTP 422"),
    twin("FRM-07", "a delay has whole seconds", DELAYED, refused_first("submit", "A", "after_seconds"),
         fact="HTTP 422"),
    twin("FRM-08", "a run in flight cannot be deleted", DELETED, refused_first("delete", "run A", "delete", 409),
         fact="HTTP 409"),
    twin("FRM-09", "a create is put off", TOOLS, refused_first("submit", "A", "retry", 503), fact="HTTP 503"),
]  # fmt: skip
