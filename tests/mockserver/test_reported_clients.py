"""Faults of clients from public reports: each is made against the mock, and named by `conduct()`."""

from __future__ import annotations

from collections.abc import Callable
from json import JSONDecodeError
from typing import Any, Final, NamedTuple

import httpx
import pytest

from mockserver import Fault, MockDeployment
from mockserver.web.journal import JournalEntry
from tests.mockserver.stage import asking
from tests.mockserver.witness import DEADLINE

APPROVAL: Final = """
turns:
- steps:
  - node: approval
    interrupt: {value: Send it?}
  - {say: It is sent.}
"""
TWO: Final = """
turns:
- steps:
  - parallel:
    - {node: left, interrupt: {value: Left?}}
    - {node: right, interrupt: {value: Right?}}
  - {say: Both are answered.}
"""


class App(NamedTuple):
    """An application on one thread of a mock."""

    mock: MockDeployment
    http: httpx.Client
    thread: str

    def run(self, body: dict[str, Any], kind: str = "") -> httpx.Response:
        return self.http.post(f"/threads/{self.thread}/runs{kind}", json={"assistant_id": "agent", **body})

    def says(self, text: str, kind: str = "", **more: Any) -> httpx.Response:
        return self.run({"input": {"messages": [{"role": "user", "content": text}]}, **more}, kind)

    def asked(self, script: str) -> None:
        """Let the agent ask its question."""
        self.mock.load_script(script)
        self.says("write to ada")
        self.mock.wait_for_status("interrupted", self.thread)

    def held(self, point: str) -> str:
        """Send a text, and return the run that is paused at a point."""
        self.mock.hold(point)
        self.run({"input": asking("sf")})
        return self.mock.wait_until_held(point).run_id

    def closes_a_stream(self, point: str) -> str:
        """Close a stream while its run, which is to continue, is paused, and return the run."""
        self.mock.hold(point)
        body = {"assistant_id": "agent", "input": asking("sf"), "on_disconnect": "continue"}
        with self.http.stream("POST", f"/threads/{self.thread}/runs/stream", json=body) as answer:
            next(answer.iter_lines())
            return self.mock.wait_until_held(point).run_id


def types_into_the_chat(app: App) -> None:
    app.asked(APPROVAL)
    app.says("yes, send it")


def sends_an_empty_turn(app: App) -> None:
    app.asked(APPROVAL)
    app.run({"input": None})


def regenerates_instead_of_resuming(app: App) -> None:
    app.asked(APPROVAL)
    before = app.mock.checkpoints(app.thread)[0]["checkpoint"]["checkpoint_id"]
    app.run({"input": None, "checkpoint_id": before})


def wraps_the_answers(app: App) -> None:
    app.asked(TWO)
    app.run({"command": {"resume": {"__resume_map__": ["yes", "no"]}}})


def answers_a_question_of_before(app: App) -> None:
    app.asked(APPROVAL)
    app.run({"command": {"resume": True}}, "/wait")
    app.run({"command": {"resume": False}})


def stops_by_closing_the_stream(app: App) -> None:
    # The application takes the closed stream for a cancel.
    run = app.closes_a_stream("agent:2/token")
    app.mock.release()
    app.mock.wait_for_status("success", app.thread, run)


def stops_a_run_of_its_own_making(app: App) -> None:
    run = app.closes_a_stream("agent:2/token")
    mistaken = "01941f29-0000-7000-8000-000000000000"
    assert app.http.post(f"/threads/{app.thread}/runs/{mistaken}/cancel").status_code == 404
    app.mock.release()
    app.mock.wait_for_status("success", app.thread, run)


def writes_after_a_stop_in_the_tool(app: App) -> None:
    # The call of the tool has no answer in the state, and models refuse such a conversation.
    run = app.held("tools:1/enter")
    app.http.post(f"/threads/{app.thread}/runs/{run}/cancel", params={"wait": "true"})
    app.says("and in nyc?")


def posts_the_message_twice(app: App) -> None:
    app.held("agent:1/enter")
    app.run({"input": asking("sf"), "multitask_strategy": "enqueue"})


def repeats_what_broke_off(app: App) -> None:
    app.mock.fault(Fault(kind="cut", at=1, path="*/stream", times=1))
    with pytest.raises(httpx.RemoteProtocolError):
        app.says("hello", "/stream")
    app.says("hello", "/stream")


def goes_on_after_a_conflict(app: App) -> None:
    app.held("agent:1/enter")
    # The application drops the 409, so its user waits for an answer that never comes.
    assert app.says("try this", multitask_strategy="reject").status_code == 409
    app.mock.release()
    app.mock.wait_until_quiet()
    app.says("and now?")


def forgets_its_strategy(app: App) -> None:
    app.held("agent:1/enter")
    app.says("another one", multitask_strategy="enqueue")


def stops_all_runs_of_a_thread(app: App) -> None:
    # The stop names a status and a thread at once, which the server refuses, and the run finishes.
    app.held("agent:2/token")
    assert app.http.post("/runs/cancel", json={"thread_id": app.thread, "status": "all"}).status_code == 422
    app.mock.release()
    app.mock.wait_until_quiet()


def stops_on_another_thread(app: App) -> None:
    run = app.held("agent:2/token")
    other = app.http.post("/threads", json={}).json()["thread_id"]
    assert app.http.post(f"/threads/{other}/runs/{run}/cancel").status_code == 404


def creates_its_thread_for_each_message(app: App) -> None:
    assert app.http.post("/threads", json={"thread_id": app.thread}).status_code == 409
    app.says("hello")


def aborts_the_request_of_its_stream(app: App) -> None:
    stops_by_closing_the_stream(app)
    # The message of the agent appears when the chat is loaded again.
    app.http.get(f"/threads/{app.thread}/state")


def repeats_a_run_whose_answer_was_lost(app: App) -> None:
    app.mock.fault(Fault(kind="truncate", at=0, path="*/runs", times=1))
    with pytest.raises(JSONDecodeError):
        app.says("hello").json()
    app.says("hello")


def closes_the_events_of_its_thread(app: App) -> None:
    # The stop button of the newer protocol's client closes the subscription alone.
    app.mock.hold("agent:2/token")
    order = {"assistant_id": "agent", "input": asking("sf")}
    app.http.post(f"/threads/{app.thread}/commands", json={"id": 1, "method": "run.start", "params": order})
    events = f"/threads/{app.thread}/stream/events"
    with app.http.stream("POST", events, json={"channels": ["values", "lifecycle"]}) as answer:
        next(answer.iter_lines())
        run = app.mock.wait_until_held("agent:2/token").run_id
    app.mock.submit(_closed(app.mock, events)).result(DEADLINE)
    app.mock.release()
    app.mock.wait_for_status("success", app.thread, run)


def writes_the_state_after_a_stop_that_was_none(app: App) -> None:
    app.closes_a_stream("agent:2/token")
    cancelled = {"values": {"messages": [{"role": "user", "content": "[cancelled]"}]}}
    assert app.http.post(f"/threads/{app.thread}/state", json=cancelled).status_code == 409
    app.mock.release()
    app.mock.wait_until_quiet()
    app.says("continue, please")


def drops_what_a_proxy_refused(app: App) -> None:
    app.mock.fault(Fault(kind="bad-gateway", path="*/runs", times=1))
    assert app.says("write a poem").status_code == 502
    app.says("hello?")


def sends_a_null_command(app: App) -> None:
    app.asked(APPROVAL)
    app.run({"input": None, "command": {"resume": None}})


def joins_what_it_kept_from_another_server(app: App) -> None:
    app.says("hello", "/wait")
    app.http.get(f"/threads/{app.thread}/runs/01941f29-0000-7000-8000-000000000000/stream")


def reads_a_thread_called_new(app: App) -> None:
    assert app.http.post("/threads/new/history", json={}).status_code == 422


def posts_the_message_with_a_new_id(app: App) -> None:
    app.mock.hold("agent:1/enter")
    for number in ("1", "2"):
        app.run({"input": {"messages": [{"role": "user", "content": "hello", "id": number}]}})


async def _closed(mock: MockDeployment, path: str) -> JournalEntry:
    """Wait until the mock has noticed that the client closed a response."""

    def look() -> JournalEntry | None:
        return next((one for one in mock.controller.journal if one.path == path and one.ended is not None), None)

    return await mock.controller.engine.notifier.until(look)


def repeats_a_run_that_a_proxy_gave_up(app: App) -> None:
    app.mock.fault(Fault(kind="gateway-timeout", path="*/runs", times=1))
    assert app.says("hello").status_code == 504
    app.says("hello")


Report = tuple[str, Callable[[App], None], str]

REPORTED: Final[tuple[Report, ...]] = (
    ("text-over-question", types_into_the_chat, "langchain-ai/agent-chat-ui/issues/85"),
    ("empty-over-question", sends_an_empty_turn, "CopilotKit/CopilotKit/issues/1590"),
    ("fork-over-question", regenerates_instead_of_resuming, "ag-ui-protocol/ag-ui/pull/1747"),
    ("resumed-unclear", wraps_the_answers, "ag-ui-protocol/ag-ui/issues/2178"),
    ("resumed-gone", answers_a_question_of_before, "langchain-ai/langgraph/issues/6663"),
    ("left-running", stops_by_closing_the_stream, "langchain-ai/langgraphjs/issues/1610"),
    ("left-running", stops_a_run_of_its_own_making, "ag-ui-protocol/ag-ui/pull/2759"),
    ("left-dangling", writes_after_a_stop_in_the_tool, "langchain-ai/agent-chat-ui/issues/80"),
    ("sent-twice", posts_the_message_twice, "OpenHands/OpenHands/issues/9595"),
    ("retried", repeats_what_broke_off, "VladShifter/tobira-protocol/issues/5"),
    ("ignored-conflict", goes_on_after_a_conflict, "langchain-ai/open-canvas/issues/296"),
    ("other-strategy", forgets_its_strategy, "bytedance/deer-flow/issues/1465"),
    ("stop-refused", stops_all_runs_of_a_thread, "langchain-ai/open-swe/pull/1843"),
    ("stopped-unknown", stops_on_another_thread, "ag-ui-protocol/ag-ui/pull/2759"),
    ("created-again", creates_its_thread_for_each_message, "CopilotKit/CopilotKit/issues/2153"),
    ("left-running", aborts_the_request_of_its_stream, "synergyai-nl/svelte-langgraph/pull/219"),
    ("retried", repeats_a_run_whose_answer_was_lost, "bytedance/deer-flow/pull/4725"),
    ("retried", repeats_a_run_that_a_proxy_gave_up, "bytedance/deer-flow/pull/4725"),
    ("left-running", closes_the_events_of_its_thread, "langchain-ai/langgraphjs/pull/2438"),
    ("ignored-conflict", writes_the_state_after_a_stop_that_was_none, "langchain-ai/deepagents/pull/3611"),
    ("ignored-refusal", drops_what_a_proxy_refused, "langchain-ai/open-canvas/issues/82"),
    ("empty-over-question", sends_a_null_command, "CopilotKit/CopilotKit/issues/1693"),
    ("joined-unknown", joins_what_it_kept_from_another_server, "bytedance/deer-flow/pull/3284"),
    ("unknown-thread", reads_a_thread_called_new, "bytedance/deer-flow/issues/1079"),
    ("sent-twice", posts_the_message_with_a_new_id, "langchain-ai/open-swe/pull/1934"),
)
"""The rule, the fault, and the report on GitHub."""


@pytest.mark.parametrize(("rule", "act", "report"), REPORTED, ids=[act.__name__ for _, act, _ in REPORTED])
def test_a_reported_fault_is_named(rule: str, act: Callable[[App], None], report: str) -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url, timeout=DEADLINE) as http:
        act(App(mock, http, http.post("/threads", json={}).json()["thread_id"]))
        found = mock.conduct(strategy="reject") if rule == "other-strategy" else mock.conduct()
        assert rule in [finding.rule for finding in found], report
        mock.release()
