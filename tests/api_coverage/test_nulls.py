"""A field may be null only where the published description says so. Clients that send null elsewhere are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import uuid4

import httpx
import pytest

from mockserver import MockDeployment
from mockserver.web.openapi import describe
from mockserver.web.routes import ROUTES
from tests.api_coverage import published

SEEN: Final = {"POST /threads/{thread_id}/stream/events": ["depth", "namespaces", "since"]}
"""Fields that `langgraph dev` 0.16.7 was seen to accept as null, beyond its description."""

PUBLISHED: Final = published.operations()
MOCK: Final = published.names_of(describe(ROUTES))
OPERATIONS: Final = sorted(name for name in PUBLISHED.keys() & MOCK.keys() if "body" in PUBLISHED[name])


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with MockDeployment() as deployment, httpx.Client(base_url=deployment.url) as found:
        yield found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_same_fields_may_be_null(operation: str) -> None:
    body = PUBLISHED[operation]["body"]
    mine = [name for name in MOCK[operation].get("nullable", ()) if name in body]
    assert mine == PUBLISHED[operation].get("nullable", SEEN.get(operation, []))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_null_is_refused_where_it_is_not_published(operation: str, http: httpx.Client) -> None:
    method, _, path = operation.partition(" ")
    path = path.format(**ids(http))
    may = PUBLISHED[operation].get("nullable", SEEN.get(operation, []))
    for name in PUBLISHED[operation]["body"]:
        if name not in may:
            batched = path.endswith("/batch")
            answer = http.request(method, path, json=[{name: None}] if batched else {name: None})
            expected = (400, 422) if path.endswith(("/events", "/commands")) else (422,)
            assert answer.status_code in expected, f"{name}: {answer.text}"
            assert name in answer.text, answer.text


@pytest.mark.parametrize("name", ["checkpoint_id", "checkpoint_map", "checkpoint_ns", "thread_id"])
@pytest.mark.parametrize("where", ["runs", "state", "state/checkpoint", "history"])
def test_a_reference_to_a_checkpoint_has_no_nulls(name: str, where: str, http: httpx.Client) -> None:
    thread = ids(http)["thread_id"]
    body = {"checkpoint": {name: None}, **({"assistant_id": "agent"} if where == "runs" else {})}
    answer = http.post(f"/threads/{thread}/{where}", json=body)
    assert answer.status_code == 422
    assert name in answer.text


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_body_that_is_published_is_required(operation: str, http: httpx.Client) -> None:
    method, _, path = operation.partition(" ")
    answer = http.request(method, path.format(**ids(http)))
    assert answer.status_code in (400, 422)


def ids(http: httpx.Client) -> dict[str, str]:
    """Create what the path of an operation names, and return the ids."""
    thread = http.post("/threads", json={}).json()["thread_id"]
    assistant = http.post("/assistants", json={"graph_id": "agent"}).json()["assistant_id"]
    cron = {"assistant_id": "agent", "schedule": "0 0 1 1 *", "enabled": False}
    made = http.post("/runs/crons", json=cron).json()["cron_id"]
    return {"thread_id": thread, "assistant_id": assistant, "cron_id": made, "run_id": str(uuid4())}
