"""The checks of a client's conduct: each rule with made-up requests, and real clients."""

from __future__ import annotations

import cProfile
import uuid
from contextlib import nullcontext
from typing import Any

import aiohttp
import httpx
import msgspec
import pytest
from langgraph_sdk import get_sync_client

from mockserver import Fault
from mockserver.control.client_checks import RULES, Facts, Finding, RunFacts, judge
from mockserver.deployment import MockDeployment
from mockserver.web.journal import JournalEntry
from tests.mockserver.stage import asking
from tests.mockserver.witness import DEADLINE

ASKED = "0123456789abcdef" * 2


class Client:
    """Writes down what a client might have requested."""

    def __init__(self) -> None:
        self.entries: list[JournalEntry] = []

    def sends(self, method: str, path: str, body: Any = None, **more: Any) -> JournalEntry:
        number = len(self.entries) + 1
        given: dict[str, Any] = {"thread_id": "t", "run_id": None, "busy": False, "asks": (), "status": 200}
        raw = b"" if body is None else msgspec.json.encode(body)
        entry = JournalEntry(number, 0.0, method, path, {}, raw, **{**given, "ended": number, **more})
        self.entries.append(entry)
        return entry

    def says(self, text: str, run: str | None = None, *, by: str = "", **more: Any) -> JournalEntry:
        body = {"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": text}]}}
        if by:
            body["multitask_strategy"] = by
        return self.sends("POST", "/threads/t/runs/stream", body, run_id=run, **more)

    def found(self, **facts: Any) -> list[Finding]:
        return judge(Facts(self.entries, **facts))


def brief(findings: list[Finding]) -> list[tuple[str, tuple[int, ...]]]:
    return [(finding.rule, finding.requests) for finding in findings]


@pytest.fixture
def client() -> Client:
    return Client()


def test_a_well_behaved_client(client: Client) -> None:
    client.says("one", "A", ended=2)
    client.says("two", "B", by="interrupt", busy=True)
    client.sends("GET", "/threads/t/runs/B/join", run_id="B")
    client.says("three", None, by="reject", busy=True, status=409)
    client.says("three", "C", by="reject")
    client.says("three", "D")
    assert client.found(superseded={"A": "B"}) == []


@pytest.mark.parametrize(("path", "rule"), [("join", "joined-superseded"), ("stream", "kept-reading")])
def test_going_back_to_a_superseded_run(client: Client, path: str, rule: str) -> None:
    client.says("one", "A")
    client.sends("GET", f"/threads/t/runs/A/{path}", run_id="A")
    client.says("two", "B", by="interrupt", busy=True)
    client.sends("GET", f"/threads/t/runs/A/{path}", run_id="A")
    found = client.found(superseded={"A": "B"})
    assert brief(found) == [(rule, (3, 4))]
    assert "A" in str(found[0])
    assert "B" in str(found[0])
    assert client.found() == []


def test_a_stream_that_is_read_on_and_on(client: Client) -> None:
    client.says("one", "A", ended=None)
    client.says("two", "B", by="interrupt", busy=True)
    assert client.found(superseded={"A": "B"}) == []
    client.says("three", "C")
    assert brief(client.found(superseded={"A": "B"})) == [("kept-reading", (1, 2, 3))]


def test_a_conflict_that_is_ignored(client: Client) -> None:
    client.says("one", "A")
    client.says("two", by="reject", busy=True, status=409)
    client.says("three", "C", by="reject")
    assert brief(client.found()) == [("ignored-conflict", (2,))]
    client.says("two", "D", by="reject")
    assert client.found() == []


def test_another_strategy_than_configured(client: Client) -> None:
    client.says("one", "A")
    client.says("two", "B", by="interrupt", busy=True)
    client.says("three", "C", busy=True)
    assert brief(client.found(strategy="interrupt")) == [("other-strategy", (3,))]
    assert "the default" in str(client.found(strategy="interrupt")[0])
    assert brief(client.found(strategy="enqueue")) == [("other-strategy", (2,))]
    assert client.found() == []


def test_a_question_that_is_gone(client: Client) -> None:
    def resumes(answer: Any, *asks: str) -> None:
        body = {"assistant_id": "agent", "command": {"resume": answer}}
        client.sends("POST", "/threads/t/runs", body, asks=asks)

    resumes("yes", ASKED)
    resumes({ASKED: "yes"}, ASKED)
    resumes({"approved": True}, ASKED)
    resumes("yes")
    resumes({ASKED: "yes"}, ASKED[::-1])
    assert brief(client.found()) == [("resumed-gone", (4,)), ("resumed-gone", (5,))]


def test_an_answer_to_no_question_in_particular(client: Client) -> None:
    def resumes(answer: Any) -> None:
        body = {"assistant_id": "agent", "command": {"resume": answer}}
        client.sends("POST", "/threads/t/runs", body, asks=(ASKED, ASKED[::-1]))

    resumes({ASKED: "yes"})
    resumes("yes")
    resumes({"approved": True})
    assert brief(client.found()) == [("resumed-unclear", (2,)), ("resumed-unclear", (3,))]


@pytest.mark.parametrize("status", [400, 404, 422])
def test_what_was_refused_for_good_is_sent_again(client: Client, status: int) -> None:
    client.says("one", status=status)
    client.says("one", status=status)
    assert brief(client.found()) == [("retried", (1, 2))]


def test_what_was_refused_for_now_is_sent_again_too_soon(client: Client) -> None:
    client.says("one", by="reject", busy=True, status=409)
    client.says("one", by="reject", busy=True, status=409)
    client.says("one", "A", by="reject", busy=False)
    assert brief(client.found()) == [("retried", (1, 2))]


def test_what_had_created_a_run_is_sent_again(client: Client) -> None:
    client.says("one", "A")
    client.says("one", "B")
    assert client.found() == []
    client.says("two", "C", cut=True)
    client.says("two", "D")
    body = {"input": {"messages": [{"role": "user", "content": "three", "id": "m"}]}}
    client.sends("POST", "/threads/t/runs", body)
    client.sends("POST", "/threads/t/runs", body)
    assert brief(client.found()) == [("retried", (3, 4)), ("retried", (5, 6))]


def test_the_same_text_twice_in_messages_as_langchain_serializes_them(client: Client) -> None:
    path = ["langchain_core", "messages", "HumanMessage"]
    fields: list[dict[str, str]] = [{"content": "one"}, {"content": "two", "id": "m"}]
    for kwargs in fields:
        message = {"lc": 1, "type": "constructor", "id": path, "kwargs": kwargs}
        for _ in range(2):
            client.sends("POST", "/threads/t/runs", {"input": {"messages": [message]}})
    # The path of the class is not the id of the message.
    assert brief(client.found()) == [("retried", (3, 4))]
    assert '"two"' in str(client.found()[0])


def test_a_text_over_a_dangling_tool_call(client: Client) -> None:
    client.says("one", "A")
    client.says("two", "B", by="interrupt", busy=True)
    runs = {"A": RunFacts("t", "interrupted"), "B": RunFacts("t", "success", dangling=("call-1",))}
    found = client.found(runs=runs)
    assert brief(found) == [("left-dangling", (2,))]
    assert '"two" follows the tool call call-1, which has no result' in str(found[0])


def test_every_rule_says_what_it_is_about_and_can_be_left_out() -> None:
    assert all(rule.__doc__ for rule in RULES.values())
    client = Client()
    client.says("one", status=409)
    assert judge(Facts(client.entries), without=["ignored-conflict"]) == []
    with pytest.raises(ValueError, match=r"there is no rule `ignored`.* The rules are joined-superseded"):
        judge(Facts(client.entries), without=["ignored"])


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


def resume(answer: Any) -> dict[str, Any]:
    return {"assistant_id": "agent", "command": {"resume": answer}}


def test_a_conflict_after_which_nothing_more_is_sent_was_shown_to_the_user(client: Client) -> None:
    client.says("one", "A")
    client.says("two", by="reject", busy=True, status=409)
    client.sends("GET", "/threads/t/state")
    assert client.found() == []


def test_what_is_sent_over_an_open_question(client: Client) -> None:
    path = "/threads/t/runs/stream"
    client.says("one", "A")
    client.says("two", "B", asks=(ASKED,))
    client.sends("POST", path, {"assistant_id": "agent", "input": None}, asks=(ASKED,))
    client.sends(
        "POST", path, {"assistant_id": "agent", "input": {"messages": "x"}, "checkpoint_id": "c"}, asks=(ASKED,)
    )
    said = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "ok?"},
        {"role": "user", "content": "yes"},
    ]
    client.sends("POST", path, {"assistant_id": "agent", "input": {"messages": said}}, asks=(ASKED,))
    assert brief(client.found()) == [
        ("text-over-question", (2,)),
        ("empty-over-question", (3,)),
        ("fork-over-question", (4,)),
        ("whole-conversation", (1, 5)),
    ]


def test_what_is_right_while_a_question_is_open(client: Client) -> None:
    path = "/threads/t/runs/stream"
    client.sends("POST", path, resume("yes"), asks=(ASKED,))
    client.sends("POST", path, {"assistant_id": "agent", "command": {"goto": "agent"}}, asks=(ASKED,))
    # Refused, so nothing happened to the question.
    client.says("no", status=422, asks=(ASKED,))
    client.says("two", "B")
    assert client.found() == []


def test_an_answer_beside_an_input(client: Client) -> None:
    body = {**resume("yes"), "input": {"messages": "and now?"}}
    client.sends("POST", "/threads/t/runs", body, asks=(ASKED,))
    client.sends("POST", "/threads/t/runs", {**resume("no"), "input": None}, asks=(ASKED,))
    client.sends("POST", "/threads/t/runs", {**resume("never"), "input": {}}, asks=(ASKED,))
    assert brief(client.found()) == [("input-and-resume", (1,))]


def test_the_same_answer_twice(client: Client) -> None:
    for asks in ((ASKED,), (ASKED,), ()):
        client.sends("POST", "/threads/t/runs", resume(True), asks=asks)
    assert brief(client.found()) == [("answered-twice", (1, 2)), ("answered-twice", (2, 3))]


def test_the_same_answer_to_another_question(client: Client) -> None:
    client.sends("POST", "/threads/t/runs", resume(True), asks=(ASKED,))
    client.sends("POST", "/threads/t/runs", resume(True), asks=(ASKED[::-1],))
    assert client.found() == []


def test_the_same_text_twice(client: Client) -> None:
    client.says("one", "A")
    client.says("one", "B", busy=True, in_flight=("A",))
    client.says("one", "C")
    client.says("two", "D", busy=True, in_flight=("C",))
    assert brief(client.found()) == [("sent-twice", (1, 2))]


def test_a_stop_for_a_run_that_is_over(client: Client) -> None:
    client.says("one", "A")
    client.says("two", "B", by="interrupt", busy=True, in_flight=("A",))
    client.sends("POST", "/threads/t/runs/A/cancel", run_id="A", busy=True, in_flight=("B",), status=409)
    client.sends("POST", "/threads/t/runs/B/cancel", run_id="B", busy=True, in_flight=("B",))
    client.sends("POST", "/threads/t/runs/B/cancel", run_id="B")
    body = {"thread_id": "t", "run_ids": ["A"]}
    client.sends("POST", "/runs/cancel", body, in_flight=("B",))
    client.sends("POST", "/runs/cancel", {**body, "run_ids": ["A", "B"]}, in_flight=("B",))
    assert brief(client.found()) == [("stopped-stale", (3,)), ("stopped-stale", (6,))]


def test_a_stream_that_is_closed_while_its_run_continues(client: Client) -> None:
    client.says("one", "A", cut=True)
    client.says("two", "B", cut=True)
    client.sends("POST", "/threads/t/runs/B/cancel", run_id="B")
    client.says("three", "C", cut=True)
    client.says("four", "D")
    runs = {name: RunFacts("t", "interrupted" if name == "C" else "success") for name in "ABCD"}
    assert brief(client.found(runs=runs)) == [("left-running", (1,))]
    body = {"assistant_id": "agent", "input": {"messages": "x"}, "on_disconnect": "cancel"}
    stopped = Client()
    stopped.sends("POST", "/threads/t/runs/stream", body, run_id="A", cut=True)
    assert stopped.found(runs=runs) == []


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


def test_the_time_of_all_rules_grows_with_the_number_of_requests() -> None:
    def calls(number: int) -> int:
        client = Client()
        for index in range(number):
            client.says(f"text {index}", str(index), busy=True, by="interrupt", in_flight=(str(index - 1),))
            client.sends("GET", f"/threads/t/runs/{index}/stream", run_id=str(index))
        runs = {str(index): RunFacts("t", "success") for index in range(number)}
        superseded = {str(index): str(index + 1) for index in range(number - 1)}
        profile = cProfile.Profile()
        profile.runcall(client.found, runs=runs, superseded=superseded, strategy="interrupt")
        return sum(entry.callcount for entry in profile.getstats())

    # Calls and not seconds, which depend on the machine.
    assert calls(800) < 2.2 * calls(400)


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


UNKNOWN = "4d2f0c52-6b9c-4b2e-9d8c-0f6f1f3f7a11"


def test_a_stop_of_a_run_that_never_existed(client: Client) -> None:
    client.says("one", "A", ended=None)
    client.sends("POST", f"/threads/t/runs/{UNKNOWN}/cancel", run_id=UNKNOWN, status=404, in_flight=("A",))
    assert brief(client.found()) == [("stopped-unknown", (2,))]
    client.sends("POST", "/threads/t/runs/A/cancel", run_id="A", status=404)
    # Erased by a rollback, so it was known.
    client.sends("POST", "/threads/t/runs/B/cancel", run_id="B", status=404)
    assert brief(client.found(superseded={"B": "A"})) == [("stopped-unknown", (2,))]


def test_a_stop_on_another_thread_than_that_of_its_run(client: Client) -> None:
    client.says("one", "A", ended=None)
    client.sends("POST", "/threads/other/runs/A/cancel", thread_id="other", run_id="A", status=404)
    assert brief(client.found()) == [("stopped-unknown", (2,))]
    assert brief(client.found(runs={"A": RunFacts("t", "running")})) == [("stopped-unknown", (2,))]
    # Several runs of any thread may be stopped without a thread.
    client.sends("POST", "/runs/cancel", {"run_ids": ["A"]}, thread_id=None, status=404)
    assert brief(client.found()) == [("stopped-unknown", (2,))]


def test_a_stop_that_is_refused_for_its_form(client: Client) -> None:
    client.says("one", "A", ended=None)
    client.sends("POST", "/runs/cancel", {"thread_id": "t", "status": "all"}, thread_id=None, status=422)
    client.sends("POST", "/runs/cancel", {"status": "all"}, thread_id=None, status=204)
    client.sends("POST", "/threads/t/runs/A/cancel", run_id="A", status=404)
    assert brief(client.found()) == [("stop-refused", (2,))]


def test_a_thread_that_is_created_again(client: Client) -> None:
    client.sends("POST", "/threads", {"thread_id": "t"})
    client.sends("POST", "/threads", {"thread_id": "t", "if_exists": "do_nothing"})
    assert client.found() == []
    client.sends("POST", "/threads", {"thread_id": "t"}, status=409)
    assert brief(client.found()) == [("created-again", (3,))]


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


def test_an_update_of_the_state_that_is_refused_and_forgotten(client: Client) -> None:
    client.says("one", "A", ended=None)
    client.sends("POST", "/threads/t/state", {"values": {}}, busy=True, status=409)
    assert client.found() == []
    client.says("two", "B")
    assert brief(client.found()) == [("ignored-conflict", (2,))]
    client.sends("POST", "/threads/t/state", {"values": {}})
    assert client.found() == []


def test_a_text_that_met_a_server_in_trouble(client: Client) -> None:
    client.says("one", status=502)
    assert client.found() == []
    client.says("two", "A")
    assert brief(client.found()) == [("ignored-refusal", (1,))]
    client.says("one", "B")
    assert client.found() == []
    # The user may have changed a text that was refused for good.
    client.says("three", status=422)
    client.says("four", "C")
    assert client.found() == []


def test_a_command_of_nulls_over_a_question(client: Client) -> None:
    body = {"assistant_id": "agent", "input": None}
    client.sends("POST", "/threads/t/runs", {**body, "command": {"resume": None}}, asks=(ASKED,))
    client.sends("POST", "/threads/t/runs", {**body, "command": {"resume": None, "goto": "agent"}}, asks=(ASKED,))
    assert brief(client.found()) == [("empty-over-question", (1,))]


def test_an_id_that_is_no_thread(client: Client) -> None:
    client.sends("POST", "/threads/new/history", {}, thread_id=None, status=422)
    client.sends("POST", "/threads/search", {"limit": "x"}, thread_id=None, status=422)
    client.sends("GET", "/threads/t/state", status=404)
    assert brief(client.found()) == [("unknown-thread", (1,))]


def test_a_join_of_a_run_that_never_existed(client: Client) -> None:
    client.says("one", "A")
    client.sends("GET", "/threads/t/runs/A/stream", run_id="A")
    client.sends("GET", "/threads/t/runs/X/stream", run_id="X")
    client.sends("GET", "/threads/t/runs/S/join", run_id="S")
    facts: dict[str, Any] = {"superseded": {"S": "Z"}, "runs": {"A": RunFacts("t", "success")}}
    assert brief(client.found(**facts)) == [("joined-unknown", (3,))]
    # Without the oldest requests the journal does not show which runs there were.
    assert judge(Facts(client.entries[1:], **facts)) == []
    # The thread is gone.
    assert client.found(superseded={"S": "Z"}) == []
    # It was there, as the answer to its cancel shows.
    client.sends("POST", "/threads/t/runs/X/cancel", run_id="X", status=202)
    assert client.found(**facts) == []


def test_the_same_text_with_new_ids(client: Client) -> None:
    def says(text: str, run: str, message: str, **more: Any) -> None:
        messages = [{"role": "user", "content": text, "id": message}]
        body = {"assistant_id": "agent", "input": {"messages": messages}}
        client.sends("POST", "/threads/t/runs", body, run_id=run, **more)

    says("one", "A", "1")
    says("one", "B", "2", in_flight=("A",))
    says("one", "C", "3")
    assert brief(client.found()) == [("sent-twice", (1, 2))]


def test_the_last_stream_of_a_run_is_closed(client: Client) -> None:
    runs = {name: RunFacts("t", "success") for name in "ABCD"}
    # Created in the background, joined, and left.
    client.sends("POST", "/threads/t/runs", {"assistant_id": "agent"}, run_id="A")
    client.sends("GET", "/threads/t/runs/A/stream", run_id="A", cut=True)
    assert brief(client.found(runs=runs)) == [("left-running", (2,))]
    client.sends("GET", "/threads/t/runs/A/join", run_id="A")
    assert client.found(runs=runs) == []
    # One of two clients reads on.
    client.says("two", "B", cut=True)
    client.sends("GET", "/threads/t/runs/B/stream", run_id="B", ended=None)
    assert client.found(runs=runs) == []


def test_the_stream_of_a_thread_is_closed(client: Client) -> None:
    runs = {name: RunFacts("t", "success") for name in "AB"}
    client.sends("POST", "/threads/t/stream/events", {"channels": ["values"]}, ended=1)
    client.sends("POST", "/threads/t/stream/events", {"channels": ["values"]}, ended=3, cut=True, left=("A",))
    client.sends("POST", "/threads/t/runs", {"assistant_id": "agent"}, run_id="A")
    assert brief(client.found(runs=runs)) == [("left-running", (2,))]
    client.sends("POST", "/threads/t/runs/A/cancel", run_id="A")
    assert client.found(runs=runs) == []
    # This one was closed after the end of the run.
    client.sends("POST", "/threads/t/stream/events", {"channels": ["values"]}, ended=6, cut=True)
    client.sends("POST", "/threads/t/runs", {"assistant_id": "agent"}, run_id="B")
    assert client.found(runs=runs) == []


def test_a_text_with_a_new_id_after_an_answer_that_broke_off(client: Client) -> None:
    messages = [{"role": "user", "content": "one", "id": "1"}]
    client.sends("POST", "/threads/t/runs/stream", {"input": {"messages": messages}}, run_id="A", cut=True)
    messages = [{"role": "user", "content": "one", "id": "2"}]
    client.sends("POST", "/threads/t/runs/stream", {"input": {"messages": messages}}, run_id="B", in_flight=("A",))
    assert brief(client.found()) == [("sent-twice", (1, 2))]


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
        http.post(f"/threads/{thread}/runs", json={"assistant_id": "agent", "input": asking("sf")})
        with http.stream("POST", f"/threads/{thread}/stream/events", json={"channels": ["values"]}) as events:
            assert len([line for line in events.iter_lines() if line.startswith("event:")]) == 1
        mock.release()
        mock.wait_until_quiet()
        assert mock.conduct() == []


def test_a_run_that_is_to_execute_without_a_client(client: Client) -> None:
    runs = {name: RunFacts("t", "success") for name in "ABCD"}
    body = {"assistant_id": "agent", "input": {"messages": "x"}}
    client.sends("POST", "/threads/t/runs/stream", {**body, "webhook": "http://a"}, run_id="A", cut=True)
    client.sends("POST", "/threads/t/runs/stream", {**body, "after_seconds": 60}, run_id="B", cut=True)
    # Its status is polled.
    client.says("three", "C", cut=True)
    client.sends("GET", "/threads/t")
    # The run that waits for it shows what it said.
    client.says("four", "D", cut=True)
    client.says("five", "E", in_flight=("D",))
    assert client.found(runs=runs) == []
    # It was created before the first request that is known.
    assert judge(Facts(client.entries[2:3], runs={"X": RunFacts("t", "success")})) == []


def test_another_request_with_the_same_text(client: Client) -> None:
    def sends(run: str, **more: Any) -> None:
        order = {"assistant_id": "agent", "input": {"messages": "one", "document": 1}, **more}
        client.sends("POST", "/threads/t/runs", order, run_id=run, in_flight=("A", "B", "C"))

    sends("A")
    sends("B", input={"messages": "one", "document": 2})
    sends("C", assistant_id="other")
    sends("D", checkpoint_id="earlier")
    assert client.found() == []
