"""Requests drawn from the published description, played to `langgraph dev` and to the mock.

The answers of `langgraph dev` are recorded, so that the mock is compared with them without it. To renew the record:
`python -m tests.reference.recorded described > tests/reference/described.jsonl`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from mockserver import MockDeployment
from mockserver.web.openapi import describe
from mockserver.web.routes import ROUTES
from tests.clients.conftest import APPLICATION
from tests.reference.described import EACH, IDS, LEFT_OUT, SEED, Request, drawn, from_json, resolved, server, to_json
from tests.reference.drawn import filled

RECORD = Path(__file__).with_name("described.jsonl")

NAMED: list[tuple[str, Any, Any, str]] = [
    # The request, the status of `langgraph dev` and of the mock, and the reason.
    (r"GET /info", 200, 200, "The mock has a name, and a flag for `strict_resume`."),
    (r"GET .*query \w+ = unlisted", 200, 422, "A parameter that is no boolean, or not listed, is taken as another."),
    (r"GET \S+/state/{checkpoint_id}", 200, 200, "A checkpoint in the path is shown without `checkpoint_ns`."),
    (r"GET \S+/storage", 200, 200, "The channels of LangGraph's runtime are listed beside those of the graph."),
    (r"POST \S+/copy", 200, 200, "The copy has no `values`. The field is optional, and the mock shows them."),
    (r"POST /assistants/\S+/versions", 422, 200, "A body is required that the description does not have."),
    (r"POST /assistants/\S+/latest", 422, 404, "The version must be in a body, which the description does not have."),
    (r"POST /assistants/\S+/latest", 422, 200, "The version must be in a body, which the description does not have."),
    (r"GET /store/items", 422, 422, "The refusal is plain text. The description has an object."),
    (r"POST /store/items/search", 500, 200, "A search without a prefix fails, although it is optional."),
    (r"POST .*/cancel .*query action = unlisted", 404, 422, "A finished run is looked up before the action is read."),
    (r"POST \S*/runs/crons .*\.assistant_id missing", 500, 422, "A cron without an assistant fails."),
    (r"GET .*query (limit|offset) = unlisted", 400, 422, "The description has 422 for what is no number."),
]
OF_OTHER_SEEDS: list[tuple[str, Any, Any, str]] = [
    # The same for requests that the recorded seed does not draw.
    (r"DELETE .*query \w+ = unlisted", 204, 422, "A parameter that is no boolean is taken as another."),
    (r"POST .*/cancel .*query wait = unlisted", 404, 422, "A finished run is looked up before `wait` is read."),
    (r"POST /threads/(search|count) .*\"values\": {\"\w+\": \[", 500, 200, "A value that is a list breaks the search."),
    (r"POST \S+/history .*\"before\": {(?!.*configurable)", 500, 200, "The published form of `before` fails."),
    (r"POST /threads .*\"updates\": \[\]", 409, 422, "An existing thread is looked up before the supersteps are read."),
    (r"POST \S+/commands .*mistake \.id", 200, 400, "A command whose id is no number is executed."),
    (
        r"POST \S+/commands .*mistake \.id",
        400,
        400,
        "An id that is no number is repeated, which the description forbids.",
    ),
    (r"POST \S+/commands .*mistake \.id", 200, 200, "An id below zero is repeated, which the description forbids."),
    (
        r"POST /threads .*supersteps",
        201,
        200,
        "A thread whose graph is unknown is created, and only the reason is shown.",
    ),
    (r"POST \S+/state/checkpoint", 200, 200, "A checkpoint is shown as it was named, with all or few of its fields."),
    (r"(PATCH|POST) \S*/runs/crons.*\.end_time = \"", 200, 422, "An end that is no date is stored."),
    (r"POST \S*/runs/crons .*\.schedule missing", 500, 422, "A cron without a schedule fails."),
    (r"POST /threads .*\"updates\": \[\]", 201, 422, "A superstep without updates is answered with 201 and a reason."),
    (
        r"GET /store/items .*\"namespace\": \[",
        200,
        200,
        "A namespace whose parts are repeated parameters is not found.",
    ),
    (r"GET /ok", 400, 422, "A parameter that is no boolean is refused with another status than elsewhere."),
    (r"POST /store/namespaces", 200, 200, "A look-up of an item that is not there creates its namespace."),
    (
        r"POST /store/items/search",
        200,
        200,
        "The order of items is stated nowhere, and the first one has another value.",
    ),
]


def reason(request: Request, official: int, ours: int) -> str | None:
    """Return why two statuses, or two shapes of the same status, differ for a request."""
    both = [official, ours]
    return next(
        (why for form, *known, why in (*NAMED, *OF_OTHER_SEEDS) if re.match(form, str(request)) and known == both), None
    )


def different(request: Request, expected: tuple[int, Any], found: tuple[int, Any]) -> Iterator[str]:
    """Yield what differs, if no reason is known for it."""
    if expected != found and reason(request, expected[0], found[0]) is None:
        yield f"{request}\n  langgraph dev: {expected}\n  mock: {found}"


@pytest.mark.reference
async def test_described_requests_are_answered_alike(urls: tuple[str, str]) -> None:
    reference, mock = urls
    unexplained: list[str] = []
    async with server(reference) as theirs, server(mock) as ours:
        requests = list(drawn(await theirs.description(), SEED, EACH))
        # All before the first request, so that none finds a run that executes.
        await asyncio.gather(theirs.prepare(len(requests)), ours.prepare(len(requests)))
        for request in requests:
            expected, found = await asyncio.gather(theirs.answer(request), ours.answer(request))
            unexplained += different(request, expected, found)
    assert unexplained == [], "\n".join(unexplained)


@pytest.mark.patient
async def test_the_mock_answers_as_langgraph_dev_was_recorded() -> None:
    recorded = [from_json(line) for line in RECORD.read_text().splitlines()]
    unexplained: list[str] = []
    reasons = set()
    with MockDeployment(script=APPLICATION / "mock.json") as mock:
        async with server(mock.url) as ours:
            for request, expected in recorded:
                found = await ours.answer(request)
                unexplained += different(request, expected, found)
                reasons |= {reason(request, expected[0], found[0])} if expected != found else set()
    assert unexplained == [], "\n".join(unexplained)
    assert reasons == {why for *_, why in NAMED}
    # Most requests have no mistake, so most of them must be accepted.
    assert sum(status < 300 for _, (status, _) in recorded) > len(recorded) // 2


DOCUMENT = describe(ROUTES)


def test_a_description_is_drawn_whole_and_alike_for_a_seed() -> None:
    requests = list(drawn(DOCUMENT, 1, 3))
    assert requests == list(drawn(DOCUMENT, 1, 3)) != list(drawn(DOCUMENT, 2, 3))
    known = {(method.upper(), path) for path, one in DOCUMENT["paths"].items() for method in one}
    assert {(one.method, one.path) for one in requests} == {one for one in known if one[1] not in LEFT_OUT}
    assert [from_json(to_json(one, (200, []))) for one in requests] == [(one, (200, [])) for one in requests]


def test_a_body_breaks_its_schema_if_and_only_if_the_request_has_a_mistake() -> None:
    ids = dict.fromkeys(IDS, "00000000-0000-4000-8000-000000000000")
    mistakes = 0
    for request in drawn(DOCUMENT, 3, 6):
        if request.has_body:
            shown = DOCUMENT["paths"][request.path][request.method.lower()]["requestBody"]
            schema = resolved(DOCUMENT, shown["content"]["application/json"]["schema"])
            whole = {**schema, "components": DOCUMENT["components"]}
            wrong = bool(request.mistake) and not request.mistake.startswith("query")
            assert jsonschema.Draft202012Validator(whole).is_valid(filled(request.body, ids)) != wrong, request
            mistakes += wrong
    assert mistakes > 20, json.dumps(mistakes)
