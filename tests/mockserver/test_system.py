"""The endpoints about the server itself, and the features that it does not offer."""

from __future__ import annotations

import pytest

from tests.mockserver.stage import Stage


async def test_metrics_count_the_runs_in_flight(stage: Stage) -> None:
    await stage.held("A", "sf", "tools:1/enter")
    await stage.create("B", "nyc")
    shown = await stage.http.get("/metrics")
    assert shown.headers["Content-Type"].startswith("text/plain")
    assert shown.text.splitlines()[1::2] == ["lg_api_num_pending_runs 1", "lg_api_num_running_runs 1"]
    counted = (await stage.http.get("/metrics", params={"format": "json"})).json()
    assert counted == {"queue": {"n_pending": 1, "n_running": 1}}
    assert (await stage.http.get("/metrics", params={"format": "x"})).status_code == 422


async def test_the_page_of_the_api_lists_every_path(stage: Stage) -> None:
    page = (await stage.http.get("/docs")).text
    described = (await stage.http.get("/openapi.json")).json()
    assert all(path in page for path in described["paths"])


async def test_info_names_the_server(stage: Stage) -> None:
    told = (await stage.http.get("/info")).json()
    assert (told["name"], told["flags"]["crons"]) == ("doubletext-mockserver", True)
    # As `langgraph dev` has them, which published the version of LangGraph as a text.
    assert {"langsmith_tracing_replicas", "langsmith_tracing_session_on_runs"} < set(told["flags"])
    assert {"kind", "project_id", "host_revision_id", "revision_id", "tenant_id"} == set(told["host"])
    assert told["langgraph_py_version"].count(".") == 2
    assert (await stage.http.get("/ok")).json() == {"ok": True, "services": {}}


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/a2a/agent", "/ui/agent"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_what_is_not_offered_says_so(stage: Stage, method: str, path: str) -> None:
    answer = await stage.http.request(method, path, follow_redirects=True)
    assert (answer.status_code, "not supported by the mock" in answer.json()["detail"]) == (501, True)


async def test_what_no_deployment_has_is_refused(stage: Stage) -> None:
    patched = await stage.http.patch(f"/threads/{stage.thread}/state", json={"metadata": {}})
    assert (patched.status_code, "POST" in patched.headers["Allow"]) == (405, True)
    run = await stage.create("A", "sf")
    assert (await stage.http.get(f"/runs/{run}/stream")).status_code == 404


async def test_anybody_is_let_in(stage: Stage) -> None:
    for headers in ({}, {"X-Api-Key": "wrong"}, {"Authorization": "Bearer nobody"}):
        assert (await stage.http.get("/info", headers=headers)).status_code == 200
