"""The OpenAPI description: generated requests get no 5xx, and no status or body that it does not list.

The requests are the same in every run. Half of those that name a thread, a run, an assistant or a cron name one that
exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mockserver.core.policy import Policy
from mockserver.core.records import Thread
from mockserver.deployment import MockDeployment
from mockserver.web.openapi import describe
from mockserver.web.routes import ROUTES

EXAMPLES: Final = 8
CHECKS: Final = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ENDLESS: Final = ("/threads/{thread_id}/stream", "/threads/{thread_id}/stream/events")
"""Streams that never end on a thread that is there."""

DOCUMENT: Final = describe(ROUTES)
SHOWN: Final = {(one.method, one.path) for one in ROUTES if one.response is not None}
DESCRIPTION: Final = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS: Final[list[Any]] = [DESCRIPTION[route.path][route.method] for route in ROUTES]


@pytest.fixture(scope="module")
def deployment() -> Iterator[MockDeployment]:
    with MockDeployment() as found:
        yield found


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method.upper()} {one.path}")
def test_what_is_generated_is_answered_as_described(operation: Any, deployment: MockDeployment) -> None:
    play(operation, deployment)


def test_an_answer_that_is_not_as_described_is_found() -> None:
    class Broken(Policy):
        def thread_status(self, thread: Thread) -> Any:
            return "asleep"

    with MockDeployment(policy=Broken()) as deployment, pytest.raises(FailureGroup, match="asleep"):
        play(DESCRIPTION["/threads"]["POST"], deployment)


def play(operation: Any, deployment: MockDeployment) -> None:
    """Call an operation with generated requests, and compare the responses with the description."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        name_what_is_there(case, deployment)
        start_soon(case)
        if case.operation.path in ENDLESS:
            case.validate_response(the_head(case, deployment), checks=CHECKS)
        else:
            case.call_and_validate(base_url=deployment.url, checks=CHECKS, timeout=60)

    ask()


def the_head(case: schemathesis.Case[Any], deployment: MockDeployment) -> requests.Response:
    """Return the response without the events of a stream, which schemathesis would await until its time limit."""
    with requests.request(**case.as_transport_kwargs(base_url=deployment.url), stream=True, timeout=60) as found:
        streams = found.headers["content-type"].startswith("text/event-stream")
        found._content = b"" if streams else found.content
    return found


def name_what_is_there(case: schemathesis.Case[Any], deployment: MockDeployment) -> None:
    """Make a request name existing objects. The generated values decide which requests do."""
    generated = dict(case.path_parameters or {})
    if isinstance(case.body, dict) and "assistant_id" in case.body and len(repr(case.body)) % 2:
        case.body["assistant_id"] = "agent"
    if generated and case.operation.path not in ENDLESS and sum(map(ord, repr(generated))) % 2:
        known = what_is_there(deployment)
        case.path_parameters = {name: known.get(name, value) for name, value in generated.items()}


def start_soon(case: schemathesis.Case[Any]) -> None:
    """Let a run that the request waits for start within the hour: each keep-alive until then is sent."""
    body = case.body if case.operation.path.endswith(("/stream", "/wait")) else None
    after = body.get("after_seconds") if isinstance(body, dict) else None
    if isinstance(body, dict) and isinstance(after, int | float):
        body["after_seconds"] = min(after, 3600)


def what_is_there(deployment: MockDeployment) -> dict[str, str]:
    """Create a thread with a run and a checkpoint, an assistant and a cron.

    Each call makes new ones, as they may be deleted.
    """
    with httpx.Client(base_url=deployment.url) as http:
        assistant = http.post("/assistants", json={"graph_id": "agent"}).json()["assistant_id"]
        thread = http.post("/threads", json={}).json()["thread_id"]
        order = {"assistant_id": assistant, "input": {"messages": "hi"}}
        run = http.post(f"/threads/{thread}/runs", json=order).json()["run_id"]
        http.get(f"/threads/{thread}/runs/{run}/join")
        checkpoint = http.get(f"/threads/{thread}/state").json()["checkpoint_id"]
        cron = http.post("/runs/crons", json={**order, "schedule": "0 0 1 1 *", "enabled": False}).json()["cron_id"]
    return {"thread_id": thread, "run_id": run, "checkpoint_id": checkpoint, "assistant_id": assistant, "cron_id": cron}


ANYTHING: Final = {
    # The final values of a run, which the script chooses.
    *((method, path) for method, path in SHOWN if path.endswith(("/wait", "/join"))),
    ("POST", "/threads/{thread_id}/runs/{run_id}/cancel"),
    ("GET", "/openapi.json"),
}
"""Responses whose fields are not known, or not ours to describe."""


@pytest.mark.parametrize(("method", "path"), sorted(SHOWN), ids="-".join)
def test_the_schema_of_a_response_names_its_fields(method: str, path: str) -> None:
    described = DOCUMENT["paths"][path][method.lower()]["responses"]["200"]["content"]["application/json"]["schema"]
    assert _names_fields(described) != ((method, path) in ANYTHING), described


def _names_fields(schema: dict[str, Any]) -> bool:
    """Return whether a schema is more than an object or a list of them."""
    if "$ref" in schema:
        return _names_fields(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return any(_names_fields(one) for one in schema["anyOf"])
    if isinstance(inner := schema.get("items", schema.get("additionalProperties")), dict):
        return _names_fields(inner)
    return bool(schema.get("properties")) or schema.get("type") in ("integer", "string")


def test_every_route_that_answers_in_json_says_what() -> None:
    for route in ROUTES:
        in_json = 200 in route.statuses and not route.streams and route.kinds == ("application/json",)
        assert in_json == (route.response is not None), f"{route.method} {route.path}"
