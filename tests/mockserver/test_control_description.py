"""The description of the control API: generated commands are answered as it says, and the pages are current."""

from __future__ import annotations

from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mockserver import MockDeployment
from mockserver.control.routes import COMMANDS
from mockserver.deployment.page import GROUPS
from mockserver.web.openapi import describe
from tests.mockserver.stage import asking

CHECKS: Final = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DESCRIPTION: Final = schemathesis.openapi.from_dict(describe(COMMANDS, strict=True))
OPERATIONS: Final[list[Any]] = [DESCRIPTION[command.path][command.method] for command in COMMANDS]
RIGHT: Final[dict[str, Any]] = {
    "POST /_mock/defects": {"name": "ghost_run", "times": 1},
    "POST /_mock/faults": {"kind": "cut", "at": 2},
    "POST /_mock/reset": {"seed": 3},
    "POST /_mock/script": {"script": {"one": "turns: [{steps: [{say: a}]}]", "two": "turns: [{steps: [{say: b}]}]"}},
    "POST /_mock/holds": {"point": "agent:1/enter"},
    "POST /_mock/time": {"mode": "hand"},
    "POST /_mock/time/advance": {"seconds": 2},
    "POST /_mock/wait": {"request": {"method": "POST", "path": "*/runs"}},
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method.upper()} {one.path}")
def test_a_command_is_answered_as_described(operation: Any) -> None:
    right = RIGHT.get(f"{operation.method.upper()} {operation.path}")

    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        if isinstance(case.body, dict) and "deadline" in case.body:
            case.body["deadline"] = 0.001
        case.call_and_validate(base_url=mock.url, checks=CHECKS, timeout=60)

    with MockDeployment(deadline=0.01) as mock, httpx.Client(base_url=mock.url) as http:
        thread = http.post("/threads", json={}).json()["thread_id"]
        http.post(f"/threads/{thread}/runs", json={"assistant_id": "agent", "input": asking("sf")})
        mock.wait_until_quiet(deadline=30)
        if right is not None:
            # Generated bodies are seldom right, so one that is comes first.
            case = operation.Case(body=right)
            answer = case.call_and_validate(
                base_url=mock.url, checks=CHECKS, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 200, answer.text
        if operation.path != "/_mock/wait":
            ask()


def test_the_description_is_served() -> None:
    with MockDeployment() as mock:
        served = httpx.get(f"{mock.url}/_mock/openapi.json").json()
        assert served["info"]["title"] == "The control API of the mock deployment"
        assert list(served["paths"]) == list(dict.fromkeys(command.path for command in COMMANDS))
        # Commands have no extra fields, so a generated client cannot send one.
        assert served["components"]["schemas"]["Reset"]["additionalProperties"] is False


def test_the_page_of_the_deployment_is_complete() -> None:
    shown = {name for _, names in GROUPS for name in names}
    assert shown == {name for name in dir(MockDeployment) if not name.startswith("_")}
