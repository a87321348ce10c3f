"""The checks of a client's conduct: real clients and the journal of a mock."""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from typing import Any

import aiohttp
import httpx
import pytest
from langgraph_sdk import get_sync_client

from mockserver import Fault
from mockserver.control.client_checks import RULES
from mockserver.deployment import MockDeployment
from mockserver.web.journal import JournalEntry
from tests.mockserver.made_up_client import brief, resume
from tests.mockserver.stage import asking
from tests.mockserver.witness import DEADLINE


@pytest.mark.parametrize("durability", ["async", "exit"])
def test_the_conduct_of_a_real_client(durability: Any) -> None:
    with MockDeployment() as mock, get_sync_client(url=mock.url) as client:
        mock.hold("tools:1/enter")
        thread = client.threads.create()["thread_id"]
        first = client.runs.create(thread, "agent", input=asking("sf"))
        mock.wait_until_held("tools:1/enter")
        second = client.runs.create(
            thread, "agent", input=asking("nyc"), multitask_strategy="interrupt", durability=durability
        )
        mock.release()
        client.runs.join(thread, first["run_id"])
        client.runs.join(thread, second["run_id"])
        client.runs.create(thread, "agent", command={"resume": "yes"})
        found = mock.conduct(strategy="rollback")
        assert [finding.rule for finding in found] == [
            *("other-strategy", "left-dangling", "joined-superseded", "resumed-gone"),
        ]
        assert [finding.rule for finding in mock.conduct(without=["left-dangling"])] == [
            *("joined-superseded", "resumed-gone"),
        ]


def test_the_journal_tells_who_left_and_what_is_not_json() -> None:
    with (
        MockDeployment(keep_alive=0.01, time="real", max_body=10_000) as mock,
        httpx.Client(base_url=mock.url, timeout=DEADLINE) as http,
    ):
        mock.hold("agent:1/enter")
        thread = http.post("/threads", json={}).json()["thread_id"]
        with http.stream("POST", f"/threads/{thread}/runs/stream", json={"assistant_id": "agent", "input": {}}) as gone:
            lines = gone.iter_lines()
            assert next(lines) == "event: metadata"
            open_still = mock.wait_for_request("POST", "*/runs/stream", status=200)
            assert (open_still.ended, open_still.cut, open_still.thread_id) == (None, False, thread)
            assert open_still.run_id == mock.runs(thread)[0]["run_id"]
        left = mock.submit(_left(mock)).result(DEADLINE)
        assert left.cut
        assert http.post(f"/threads/{thread}/runs", content=b"{nonsense").status_code == 422
        assert http.post(f"/threads/{thread}/runs", content=b" " * 10_001).status_code == 413
        bad, long = mock.journal()[-2:]
        assert (bad.body, bad.status, long.raw, long.status) == (None, 422, b"", 413)
        assert mock.journal()[0].line().endswith("POST /threads -> 200")
        http.get("/_mock/journal")
        assert mock.journal()[-1] is long


async def _left(mock: MockDeployment) -> JournalEntry:
    def look() -> JournalEntry | None:
        return next((entry for entry in mock.controller.journal if entry.ended is not None and entry.creates_run), None)

    return await mock.controller.engine.notifier.until(look)


def test_the_new_rules_with_a_real_client() -> None:
    script = "turns: [{steps: [{interrupt: {value: Send it?, cases: [{equals: true, steps: [{say: Sent.}]}]}}]}]"
    with MockDeployment(script=script) as mock, httpx.Client(base_url=mock.url, timeout=DEADLINE) as http:
        thread = http.post("/threads", json={}).json()["thread_id"]
        run = {"assistant_id": "agent", "input": asking("sf")}

        def wait(body: Any) -> None:
            assert http.post(f"/threads/{thread}/runs/wait", json=body).status_code == 200

        wait(run)
        wait({**run, "input": asking("nyc")})
        wait({"assistant_id": "agent", "input": None})
        wait(resume(True))
        wait(resume(True))
        mock.hold("agent:1/enter")
        first, second = (
            http.post(f"/threads/{thread}/runs", json={**run, "multitask_strategy": "interrupt"}).json()["run_id"]
            for _ in range(2)
        )
        mock.wait_for_status("interrupted", thread, first)
        http.post(f"/threads/{thread}/runs/{first}/cancel")
        mock.release()
        mock.wait_for_status("success", thread, second)
        found = mock.conduct(without=["left-dangling"])
        assert brief(found) == [
            ("text-over-question", (3,)),
            ("empty-over-question", (4,)),
            ("answered-twice", (5, 6)),
            ("sent-twice", (7, 8)),
            ("stopped-stale", (9,)),
        ]
        with pytest.raises(AssertionError, match=r"^5 mistakes of the client:\n  text-over-question: .*\n") as caught:
            found.assert_clean()
        assert str(caught.value).endswith("without=[RULE]")
        mock.conduct(without=list(RULES)).assert_clean()
        page = http.get("/_mock/conduct/page", params={"without": "left-dangling"})
        assert page.headers["content-type"].startswith("text/html")
        assert page.text == found.page()
        assert page.text.count("<h2><code>") == 5
        assert 'class="proof"' in page.text
        assert mock.conduct(without=["left-dangling"]).page("<b>").count("&lt;b&gt;") == 2


def test_a_stream_that_a_real_client_leaves() -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url, timeout=DEADLINE) as http:
        mock.hold("agent:2/token")
        thread = http.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "agent", "input": asking("sf")}
        with http.stream("POST", f"/threads/{thread}/runs/stream", json=body):
            run = mock.wait_until_held("agent:2/token").run_id
        mock.submit(_left(mock)).result(DEADLINE)
        assert mock.conduct() == []
        mock.release()
        mock.wait_for_status("success", thread, run)
        assert brief(mock.conduct()) == [("left-running", (2,))]


@pytest.mark.parametrize(("kind", "seen"), [("cut", True), ("end", False)])
def test_a_network_that_breaks_is_no_decision_of_the_client(kind: Any, seen: bool) -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url, timeout=DEADLINE) as http:
        thread = http.post("/threads", json={}).json()["thread_id"]
        mock.fault(f"{kind}@1")
        body = {"assistant_id": "agent", "input": {"messages": "hello"}}
        broken = pytest.raises(httpx.RemoteProtocolError) if seen else nullcontext()
        with broken:
            http.post(f"/threads/{thread}/runs/stream", json=body)
        mock.wait_until_quiet()
        mock.assert_requested("POST", "*/runs/stream", cut=seen)
        assert mock.runs(thread)[0]["status"] == "success"
        assert mock.conduct() == []


def test_a_result_of_a_tool_that_comes_late() -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url, timeout=DEADLINE) as http:
        # The client executes the tool: the run ends with its call.
        mock.load_script("turns: [{steps: [{call: {tool: look_up}}]}]")

        def sent(thread: str, message: dict[str, Any]) -> dict[str, Any]:
            body = {"assistant_id": "agent", "input": {"messages": [message]}}
            found: dict[str, Any] = http.post(f"/threads/{thread}/runs", json=body).json()
            mock.wait_until_quiet()
            return found

        def called(thread: str) -> str:
            calls = mock.state(thread)["values"]["messages"][-1]["tool_calls"]
            return str(calls[0]["id"])

        question = {"type": "human", "content": "where is it?"}
        thread = http.post("/threads", json={}).json()["thread_id"]
        sent(thread, question)
        result = {"type": "tool", "tool_call_id": called(thread), "content": "here"}
        sent(thread, result)
        assert mock.conduct(without=["left-dangling"]) == []
        sent(thread, result)
        assert [one.rule for one in mock.conduct(without=["left-dangling", "retried"])] == ["late-result"]

        mock.reset()
        mock.hold("tools:1/enter")
        thread = http.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "agent", "input": asking("sf")}
        run = http.post(f"/threads/{thread}/runs", json=body).json()
        mock.wait_until_held("tools:1/enter")
        call = called(thread)
        http.post(f"/threads/{thread}/runs/{run['run_id']}/cancel", params={"wait": "true"})
        mock.release()
        sent(thread, {"type": "tool", "tool_call_id": call, "content": "too late"})
        (found,) = mock.conduct()
        assert (found.rule, call in found.text) == ("late-result", True)


def test_a_websocket_that_is_closed_while_its_run_continues() -> None:
    with MockDeployment() as mock:
        thread = str(uuid.uuid4())
        order = {"assistant_id": "agent", "input": asking("sf")}

        async def leave() -> None:
            url = f"{mock.url}/threads/{thread}/stream/events"
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
                await socket.send_json({"id": 1, "method": "run.start", "params": order})
                await socket.receive_json()
                await mock.aio.wait_until_held("agent:2/token")

            def look() -> JournalEntry | None:
                return next((one for one in mock.controller.journal if one.method == "GET" and one.ended), None)

            await mock.controller.engine.notifier.until(look)

        mock.hold("agent:2/token")
        mock.submit(leave()).result(DEADLINE)
        mock.release()
        mock.wait_until_quiet()
        assert brief(mock.conduct()) == [("left-running", (1,))]


def test_what_a_right_client_does_is_not_named() -> None:
    """Play what was accused before: each part is an ordinary client."""
    with MockDeployment() as mock, get_sync_client(url=mock.url) as client, httpx.Client(base_url=mock.url) as http:
        # A run without a thread is joined.
        run = client.runs.create(None, "agent", input=asking("sf"))
        client.runs.join(run["thread_id"], run["run_id"])
        # The answer is lost in a proxy, and the client reads its runs before it continues.
        thread = client.threads.create()["thread_id"]
        mock.fault(Fault(kind="gateway-timeout", path="*/runs", times=1))
        with pytest.raises(httpx.HTTPStatusError, match="504"):
            client.runs.create(thread, "agent", input={"messages": "hello"})
        [made] = client.runs.list(thread)
        client.runs.join(thread, made["run_id"])
        # A refused text is sent again with another id.
        mock.fault(Fault(kind="bad-gateway", path="*/runs/wait", times=1))
        for number in ("1", "2"):
            body = {"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": "one", "id": number}]}}
            http.post(f"/threads/{thread}/runs/wait", json=body)
        # No such page, on a thread that is there.
        assert http.get(f"/threads/{thread}/foo").status_code == 404
        assert mock.conduct() == []


def test_what_the_mock_broke_is_no_mistake_of_the_client() -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url, timeout=DEADLINE) as http:
        thread = http.post("/threads", json={}).json()["thread_id"]
        mock.fault(Fault(kind="end", at=1, path="*/stream/events"))
        mock.hold("agent:2/token")
        with http.stream("POST", f"/threads/{thread}/stream/events", json={"channels": ["values"]}) as events:
            http.post(f"/threads/{thread}/runs", json={"assistant_id": "agent", "input": asking("sf")})
            assert len([line for line in events.iter_lines() if line.startswith("event:")]) == 1
        mock.release()
        mock.wait_until_quiet()
        assert mock.conduct() == []
