"""The checks of a client's conduct: each rule with made-up requests."""

from __future__ import annotations

import cProfile
from typing import Any

import pytest

from mockserver.control.client_checks import RULES, Facts, RunFacts, judge
from tests.mockserver.made_up_client import ASKED, Client, brief, resume


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
