"""Drawn calls of Python's SDK, played to `langgraph dev` and to the mock. What differs is named, with its reason."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.reference.drawn import drawn, server, shape

CALLS = 90
"""Each method at least once, and some of them again."""
SEED = 14

NAMED: list[tuple[str, Any, Any, str]] = [
    # The call, the answers of `langgraph dev` and of the mock (`ok` or a status), and the reason.
    (r"threads\.copy\(", "ok", "ok", "The copy has no `values`. The field is optional, and the mock shows them."),
    (r"threads\.get_state\(.*checkpoint_id", "ok", "ok", "A checkpoint in the path is shown without `checkpoint_ns`."),
    (r"threads\.get_state\(.*select", "ok", "ok", "GET does not select fields. The SDK has the parameter."),
    (r"threads\.get_history\(.*1001", 422, "ok", "A limit of the description that the GET route does not have."),
    (r"(runs\.|threads\.copy).*malformed", 400, 422, "The description has 422 for a malformed id."),
    (r"threads\.update_state\(.*nobody", 400, 422, "The description has 422 for an update that is refused."),
    (r"runs\.(create|stream|wait)\(.*dead", "ok", 404, "A checkpoint that does not exist fails the run later."),
    (r"runs\.wait\(.*dead", "Exception", 404, "A checkpoint that does not exist fails the run later."),
    (r"assistants\.get_versions\(", 404, "ok", "An empty page of a list is answered with 404."),
    (r"threads\.copy\(.*dead", 409, 404, "The description has 404 for a thread that does not exist."),
    (r"threads\.get_state\(.*dead", "ok", 404, "A state that does not exist is shown as an empty one."),
    (r"threads\.get_history\(.*select", "ok", "ok", "The JSON body selects fields, and the parameter is accepted."),
    (r"threads\.(search|count)\(.*values=", 500, "ok", "A value that is a list breaks the search."),
    (r"threads\.create\(.*supersteps", "ok", "ok", "A superstep that fails is answered with 200 and the reason."),
    (r"assistants\.(search|count)\(.*nobody", 404, "ok", "A search that can find nothing is answered with 404."),
    (r"runs\..*feedback_keys=\['a'\]", "ok", "ok", "Feedback needs LangSmith, which the tests do without."),
    (r"threads\.update_state\(.*dead", "ok", 404, "A checkpoint that does not exist is updated as an empty one."),
    (r"runs\.list\(.*status='bogus'", "ok", 422, "A status that is not listed finds no run."),
    (r"store\.list_namespaces\(", "ok", "ok", "A look-up of an item that is not there creates its namespace."),
    (
        r"crons\.create.*configurable.*context=\{'a'",
        "ok",
        400,
        "A cron with both never runs. A run with both is refused.",
    ),
    (r"crons\.update\(cron_id='cron_id'\)", 400, "ok", "The description allows an update of nothing."),
    (r"crons\.update\(.*dead", 400, 404, "An update of nothing is refused before the cron is looked up."),
]


def reason(call: str, official: Any, ours: Any) -> str | None:
    """Return why two statuses, or two shapes of the same status, differ for a call."""
    return next((why for form, *both, why in NAMED if re.match(form, call) and both == [official, ours]), None)


@pytest.mark.reference
async def test_drawn_calls_are_answered_alike(urls: tuple[str, str]) -> None:
    reference, mock = urls
    unexplained, accepted = [], 0
    async with server(reference) as theirs, server(mock) as ours:
        # All before the first call, so that no call finds a run that executes.
        await asyncio.gather(theirs.prepare(CALLS), ours.prepare(CALLS))
        for request in drawn(SEED, CALLS):
            expected, found = await asyncio.gather(theirs.answer(request), ours.answer(request))
            accepted += expected[0] == "ok"
            if expected != found and reason(str(request), expected[0], found[0]) is None:
                unexplained.append(f"{request}\n  langgraph dev: {expected}\n  mock: {found}")
    assert unexplained == [], "\n".join(unexplained)
    # Most draws have one mistake at most, so a good part of them must be accepted.
    assert accepted > CALLS // 3


def test_the_same_seed_draws_the_same_calls() -> None:
    calls = [str(one) for one in drawn(1, 120)]
    assert calls == [str(one) for one in drawn(1, 120)] != [str(one) for one in drawn(2, 120)]
    assert {one.partition(".")[0] for one in calls} == {"assistants", "threads", "runs", "crons", "store"}


def test_shapes_compare_names_and_kinds() -> None:
    mine = {"a": "x", "id": "01a21fab-fc66-7c21-a6cd-8f3a7f0ed2a1", "b": [1, 2], "metadata": {"c": 1}, "d": None}
    other: dict[str, Any] = {
        "a": "y",
        "id": "01a21fab-fc66-7c21-a6cd-8f3a7f0ed2a2",
        "b": [3],
        "metadata": {},
        "d": None,
    }
    assert shape(mine) == shape(other) == {"a": "text", "id": "id", "b": ["number"], "metadata": "object", "d": "null"}
    assert shape({"a": True}) != shape({"a": 1}) != shape({"a": None})
