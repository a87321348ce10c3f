"""Mistakes that no issue lists: units, numbers as texts, wrong nesting, wrong places, and words of other tools.

`test_mistakes` has those that users have reported. What both require is the same: one line, at once, with the right
word.
"""

from __future__ import annotations

import asyncio
import socket
import urllib.error
import urllib.request
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import pytest

from mockserver import Fault, MockDeployment
from mockserver.defects import defects
from tests.mockserver.test_mistakes import Mistake, World, in_world, script, step

HOLD: Final = "hold"
"""Not as an attribute, which mypy would refuse without the deployment."""


FIRST_DEFECT: Final = next(name for name, kind in defects().items() if kind.id == "D01")


def on_a_used_port(_: World) -> object:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        return MockDeployment(port=taken.getsockname()[1]).start()


def with_two_slashes(world: World) -> object:
    # httpx joins a path to its base URL, and a `fetch` in JavaScript does not.
    try:
        return urllib.request.urlopen(f"{world.mock.url}//threads")
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode()) from None


def without_await(world: World) -> object:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Dropped at once, so that the interpreter warns here.
        world.mock.aio.hold("agent:1/enter")
    raise RuntimeError(str(caught[0].message))


def another_thread(world: World) -> str:
    return str(world.http.post("/threads", json={}).json()["thread_id"])


PYTHON: Final[dict[str, Mistake]] = {
    "milliseconds": Mistake(
        lambda w: w.mock.wait_until_quiet(deadline=5000), ("is 5000", "seconds", "not milliseconds: 5")
    ),
    "a deadline as a duration": Mistake(
        lambda w: w.mock.wait_until_quiet(deadline=timedelta(seconds=5)), ("seconds=5", "seconds above 0")
    ),
    "a run that is completed": Mistake(
        lambda w: w.mock.wait_for_status("completed", w.thread_id, w.run_id), ("`completed`", "mean `success`?")
    ),
    "a run that is cancelled": Mistake(
        lambda w: w.mock.wait_for_status("cancelled", w.thread_id, w.run_id), ("`cancelled`", "mean `interrupted`?")
    ),
    "a thread that is done": Mistake(
        lambda w: w.mock.wait_for_status("done", w.thread_id), ("`done`", "mean `idle`?", "busy")
    ),
    "a run before its thread": Mistake(
        lambda w: w.mock.wait_for_status("error", w.run_id, w.thread_id), ("It is a run of", "comes before the run")
    ),
    "a run of another thread": Mistake(
        lambda w: w.mock.wait_for_status("error", another_thread(w), w.run_id), ("no run", "It is a run of thread")
    ),
    "a tool for a node": Mistake(
        lambda w: w.mock.hold("look_up:1/enter"), ("`look_up` is a tool", "Write `tools:1/enter`")
    ),
    "two points": Mistake(
        lambda w: w.mock.hold("agent:1/enter,tools:1/enter"), ("more than one point", "a call of its own")
    ),
    "a release where nothing is held": Mistake(
        lambda w: w.mock.release("agent:1/enter"), ("held at `agent:1/enter`. No hold is set",)
    ),
    "a defect in other letters": Mistake(lambda w: w.mock.defect_on("GHOST-RUN"), ("the nearest is `ghost_run`",)),
    "a defect by its id": Mistake(
        lambda w: w.mock.defect_on("d01"), ("`d01` is the id of a defect", f"`{FIRST_DEFECT}`")
    ),
    "a script by its URL": Mistake(
        lambda w: w.mock.load_script("https://example.com/a.yaml"), ("is a URL", "Give a path, or the text")
    ),
    "any visit": Mistake(lambda w: w.mock.hold("agent:*/token"), ("`*`", "Write it, as in `agent:1/token`")),
    "a method of the class": Mistake(
        lambda _: getattr(MockDeployment, HOLD)("agent:1/enter"),
        ("called on the class", "with MockDeployment() as mock"),
    ),
    "a port that is in use": Mistake(on_a_used_port, ("is in use", "Leave `port` out")),
    "a host that is not there": Mistake(
        lambda _: MockDeployment(host="no.such.host.invalid").start(), ("no.such.host.invalid", "Check `host`")
    ),
    "no await": Mistake(without_await, ("MockDeployment.aio.hold", "never awaited")),
    "a method of the conduct": Mistake(
        lambda w: w.mock.conduct().assertClean(), ("`assertClean`", "Did you mean `assert_clean`?")
    ),
    "a query in a path": Mistake(
        lambda w: w.mock.assert_not_requested("GET", "/threads?limit=1"), ("has a query", 'query={"limit":"1"}')
    ),
    "a path with one letter too few": Mistake(
        lambda w: w.mock.assert_requested("POST", "/thread"), ("matches `/thread`. Did you mean `/threads`? GET /docs",)
    ),
    "the end of a path of another API": Mistake(
        lambda w: w.mock.assert_not_requested("POST", "*/stop"), ("Did you mean `/threads/*/runs/*/cancel`?",)
    ),
    "a path that is like no other": Mistake(
        lambda w: w.mock.assert_not_requested("POST", "*/subscribe"), ("matches `*/subscribe`. GET /docs of",)
    ),
    "a URL as a keyword": Mistake(lambda w: w.mock.assert_requested(url="*/runs"), ("`url`", "Did you mean `path`?")),
    "a number in a query": Mistake(
        lambda w: w.mock.assert_not_requested("GET", "/threads", query={"limit": 5}), ("`limit`", 'Write "5"')
    ),
    "a bool in a header": Mistake(
        lambda w: w.mock.assert_not_requested("GET", headers={"x-debug": True}), ("`x-debug`", 'Write "true"')
    ),
    "an expression for a fault": Mistake(
        lambda _: Fault(kind="cut", path="/threads/.*/runs"), ("no regular expression", "`*/runs`")
    ),
    "a URL for a fault": Mistake(
        lambda _: Fault(kind="cut", path="http://localhost:2024/runs"), ("is a URL", "`*/runs`")
    ),
    "two faults in one": Mistake(lambda w: w.mock.fault("cut@2,delay@1"), ("more than one fault", "Write a list")),
    "two defects in one": Mistake(
        lambda w: w.mock.reset(defects="ghost_run,cancel_500"), ("more than one name", "Write a list")
    ),
    "a script in another folder": Mistake(
        lambda _: MockDeployment(script="scripts/refund.yaml"), ("scripts/refund.yaml", f"relative to {Path.cwd()}")
    ),
}
"""Mistakes in Python."""

HTTP: Final[dict[str, Mistake]] = {
    "two slashes": Mistake(with_two_slashes, ("//threads begins with two slashes", "end of the base URL")),
    "one letter of a path": Mistake(
        lambda w: w.sent("POST", f"/thread/{w.thread_id}/runs", {}), ("404", "Did you mean /threads/{id}/runs?")
    ),
    "a prefix of a path": Mistake(
        lambda w: w.sent("POST", f"/api/threads/{w.thread_id}/runs", {}), ("404", "Did you mean /threads/{id}/runs?")
    ),
    "a body of a DELETE": Mistake(
        lambda w: w.sent("DELETE", "/_mock/holds", {"point": "agent:1/enter"}), ("422", "/_mock/holds?point=...")
    ),
    "a command by its act": Mistake(
        lambda w: w.sent("POST", "/_mock/release", {"point": "agent:1/enter"}), ("404", "mean DELETE /_mock/holds?")
    ),
    "a name for a thread": Mistake(
        lambda w: w.sent("GET", "/_mock/journal?thread_id=mine"), ("422", "`mine` is not the id of a thread")
    ),
    "a request outside": Mistake(
        lambda w: w.sent("POST", "/_mock/assert", {"method": "POST"}), ("`method`", "Did you mean `request`?")
    ),
    "a script by its path": Mistake(
        lambda w: w.sent("POST", "/_mock/script", {"path": "a.yaml"}), ("`path`", "Did you mean `script`?")
    ),
    "a fault as in a header": Mistake(
        lambda w: w.sent("POST", "/_mock/faults", {"kind": "cut@2"}), ("`cut@2`", "Did you mean `cut`?", "as `at`")
    ),
    "milliseconds over HTTP": Mistake(
        lambda w: w.sent("POST", "/_mock/wait", {"point": "agent:1/enter", "deadline": 5000}),
        ("422", "not milliseconds: 5"),
    ),
    "a path without its middle": Mistake(
        lambda w: w.sent("POST", f"/threads/{w.thread_id}/cancel"), ("404", "mean /threads/{id}/runs/{id}/cancel?")
    ),
    "the end of a requested path of another API": Mistake(
        lambda w: w.sent("POST", f"/threads/{w.thread_id}/runs/{w.run_id}/stop"), ("mean /threads/{id}/runs/{id}/canc",)
    ),
    "messages of a thread": Mistake(
        lambda w: w.sent("POST", f"/threads/{w.thread_id}/messages", {}), ("404", "Did you mean /threads/{id}/runs?")
    ),
    "a probe of health": Mistake(lambda w: w.sent("GET", "/healthz"), ("404", "Did you mean /ok?")),
    "a status of a thread": Mistake(
        lambda w: w.sent("GET", f"/threads/{w.thread_id}/status"), ("404", "Did you mean /threads/{id}/state?")
    ),
    "a command that is like no other": Mistake(
        lambda w: w.sent("GET", "/_mock/status"), ("404", "has no /_mock/status. GET /_mock lists its paths")
    ),
    "the logs": Mistake(lambda w: w.sent("GET", "/_mock/logs"), ("404", "Did you mean GET /_mock/journal?")),
    "a defect in the path": Mistake(
        lambda w: w.sent("POST", "/_mock/defects/ghost_run", {}), ("405", "Send DELETE, or POST to /_mock/defects")
    ),
    "seconds beside a mode": Mistake(
        lambda w: w.sent("POST", "/_mock/time", {"seconds": 5}), ("422", "`seconds`", "send POST /_mock/time/advance")
    ),
    "a probability": Mistake(
        lambda w: w.sent("POST", "/_mock/faults", {"kind": "cut", "probability": 0.5}), ("Did you mean `chance`?",)
    ),
    "a deadline in quotes": Mistake(
        lambda w: w.sent("POST", "/_mock/wait", {"point": "agent:1/enter", "deadline": "5"}),
        ("422", "got a text", "Write seconds, such as 2"),
    ),
}
"""Mistakes over HTTP."""

SCRIPTS: Final[dict[str, Mistake]] = {
    "milliseconds of a step": step("{say: a, delayMs: 3}", "`delayMs`", "Did you mean `takes`?"),
    "a unit behind a key": step("{say: a, takes_ms: 3}", "`takes_ms`", "Did you mean `takes`?"),
    "a capital": step("{Say: a}", "`Say`", "Did you mean `say`?"),
    "a message as of the API": step("{content: a}", "`content`", "Did you mean `say`?"),
    "a message with its role": step("{role: assistant, content: a}", "`role`", "Did you mean `say`?"),
    "a key that is like no other": step("{say: a, xylophone: b}", "unknown key `xylophone`. It can be `say`"),
    "a condition in a step": step("{say: a, when: {text: b}}", "`when`", "key of a turn, beside `steps`"),
    "a repetition in a turn": script("turns: [{repeat: 2, steps: [{say: a}]}]\n", "`repeat`", "key of a step"),
    "a step at the top": script("say: hi\n", "1:1: unknown key `say`", "in the list `steps` of a turn"),
    "the name of a tool in a step": step("tool: look_up", "`tool`", "inside `call`"),
    "one letter at the top": script("turn: [{steps: [{say: a}]}]\n", "`turn`", "Did you mean `turns`?"),
    "an answer of a condition": script("turns: [{when: {equals: a}, steps: [{say: a}]}]\n", "Did you mean `text`?"),
    "a script under its name": script("agent:\n  turns: [{steps: [{say: a}]}]\n", "`agent` contains", "`name: agent`"),
    "a list of turns": script("- steps: [{say: a}]\n", "1:1: expected an object", "A script begins with `turns:`"),
    "a time with its unit": step("{say: a, takes: 2s}", "got a text", "Write seconds, such as 2"),
    "a number to say": step("say: 5", "3:10: expected a text", "Put it in quotes"),
    "a name in braces alone": step("say: {text}", "3:10: expected a text", "begins with `{` in quotes"),
    "two documents": script("turns: [{steps: [{say: a}]}]\n---\nturns: []\n", "2:1:", "remove the line `---`"),
    "a comment of JavaScript": script("{turns: [{steps: [{say: a}]}], // all\n}\n", "`// all` is no comment", "`#`"),
    "an escape": step('say: "\\d"', "unknown escape character", "in single quotes"),
    "a text in stars": step("say: *bold*", "invalid YAML", "begins with `*` or `&` in quotes"),
    "an item too far to the right": script(
        "turns:\n- steps:\n  - say: a\n    - say: b\n", "4:5: invalid YAML", "Indent all items of a list alike"
    ),
    "arguments as a text": step("call: {tool: t, args: '{id: 1}'}", "expected an object, got a text", "in `{}`"),
    "an open quote": step("say: 'a", "unexpected end of stream", "Close the quote"),
    "a space of a web page": script("turns:\n-\u00a0steps: [{say: a}]\n", "2:2: a space", "U+00A0", "plain one"),
    "an expression in slashes": script("turns: [{when: {matches: /sf/i}, steps: [{say: a}]}]\n", "slashes", "`sf`"),
    "a reserved node": step("{say: a, node: __start__}", "`__start__` is no node", "choose another name"),
}
"""Scripts whose mistake is one of place, of type or of an editor."""

EVERY: Final = {**PYTHON, **HTTP, **SCRIPTS}


@pytest.mark.parametrize("name", EVERY)
def test_an_unlisted_mistake_is_answered_at_once_with_the_right_word(name: str, tmp_path: Path) -> None:
    text, _ = in_world(tmp_path, EVERY[name])
    for part in EVERY[name].says:
        assert part in text, text
    # A wait that had to end by its deadline would say so.
    assert "timed out" not in text
    assert len(text.splitlines()) == 1


def test_the_log_names_the_right_word_of_a_refused_request() -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url) as http:
        thread_id = http.post("/threads", json={}).json()["thread_id"]
        http.post(f"/threads/{thread_id}/runs", json={"assistant_id": "agnet"})
        http.post(f"/thread/{thread_id}/runs", json={"assistant_id": "agent"})
        wrong = http.get(f"/threads/{thread_id}/runs/{thread_id}/cancel")
        # The text on the wire is that of the official server.
        assert wrong.json() == {"detail": "Method Not Allowed"}
        _, graph, path, method = mock.log().splitlines()
    assert "422: Invalid assistant: 'agnet'" in graph
    assert "registered graphs: agent" in graph
    assert "Did you mean /threads/{id}/runs?" in path
    assert method.endswith("405: Method Not Allowed. The path takes POST")


@pytest.mark.parametrize("text", ["\ufeffturns: [{steps: [{say: a}]}]", "turns:\r\n- steps:\r\n  - say: a\r\n"])
def test_a_script_of_another_editor_loads(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode())
    with MockDeployment(script=path) as mock:
        assert asyncio.run(mock.aio.journal()) == []


def test_a_space_of_a_web_page_may_be_in_a_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("turns:\n- steps:\n  - say: |\n      \u00a0indented\n", encoding="utf-8")
    with MockDeployment(script=path) as mock:
        assert mock.threads() == []
