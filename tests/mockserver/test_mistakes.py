"""Mistakes that new users make, and what each is answered: at once, with the place, the reason and the right word.

`python -m tests.mockserver.test_mistakes` prints the answers with the seconds that they take.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest

import mockserver
from mockserver import Call, Fault, MockDeployment, RequestPattern, Script, Step, Turn, When
from tests.mockserver.stage import asking

NAME: Final = "MockDeploymnt"


class World(NamedTuple):
    """A deployment on which a run has ended with an error, and a client."""

    mock: Any
    """Not `MockDeployment`, because mypy would refuse most of the mistakes."""
    http: httpx.Client
    thread: dict[str, Any]
    run: dict[str, Any]
    folder: Path

    @property
    def thread_id(self) -> str:
        return str(self.thread["thread_id"])

    @property
    def run_id(self) -> str:
        return str(self.run["run_id"])

    def sent(self, method: str, path: str, body: Any = None, **more: Any) -> None:
        """Send a command, and raise what it is answered, as a client in any language does."""
        answer = self.http.request(method, path, json=body, **more)
        if answer.status_code >= 400:
            raise RuntimeError(f"{answer.status_code}: {answer.json()['detail']}")

    def loads(self, steps: str) -> None:
        """Load a script from a file with these turns."""
        path = self.folder / "mine.yaml"
        path.write_text(steps, encoding="utf-8")
        self.mock.load_script(path)


Act = Callable[[World], object]


class Mistake(NamedTuple):
    """A mistake, and the parts that its message has: the place or the wrong word, and the right one."""

    act: Act
    says: tuple[str, ...]


def script(text: str, *says: str) -> Mistake:
    return Mistake(lambda world: world.loads(text), ("mine.yaml:", *says))


def step(text: str, *says: str) -> Mistake:
    return script(f"turns:\n- steps:\n  - {text}\n", *says)


LISTED: Final[dict[str, Mistake]] = {
    "a node": Mistake(lambda w: w.mock.hold("agnet:2/token"), ("`agnet`", "Did you mean `agent`?", "agent, tools")),
    "a mode of time": Mistake(
        lambda w: w.mock.set_time("manual"), ("`manual`", "Did you mean `hand`?", "real, instant")
    ),
    "time of the start": Mistake(lambda w: MockDeployment(time=_any("fast")), ("`fast`", "Did you mean `instant`?")),
    "a matcher": Mistake(lambda w: w.mock.assert_requested(json={}), ("`json`", "Did you mean `body`?", "headers")),
    "a strategy": Mistake(lambda w: w.mock.conduct(strategy="interupt"), ("`interupt`", "`interrupt`", "rollback")),
    "a text for defects": Mistake(
        lambda w: w.mock.reset(defects="gost_run"), ("`gost_run`", "`ghost_run`", "lists all")
    ),
    "a point over HTTP": Mistake(
        lambda w: w.sent("POST", "/_mock/holds", {"point": "x"}), ("422", "`x`", "tools:1/enter")
    ),
    "a field over HTTP": Mistake(
        lambda w: w.sent("POST", "/_mock/reset", {"sede": 5}), ("422", "`sede`", "`seed`", "`script`")
    ),
    "another end": Mistake(
        lambda w: w.mock.wait_for_status("success", w.thread_id, w.run_id), ("ended with `error`", "agent:2", "gone")
    ),
    "a status": Mistake(
        lambda w: w.mock.wait_for_status("sucess", w.thread_id, w.run_id),
        ("`sucess`", "Did you mean `success`?", "pending"),
    ),
    "no hold": Mistake(lambda w: w.mock.wait_until_held("tools:1/enter"), ("tools:1/enter", "no hold is set", "hold(")),
    "a rule": Mistake(
        lambda w: w.mock.conduct(without=["left-danglin"]), ("`left-danglin`", "`left-dangling`", "retried")
    ),
    "a key twice": step("{say: hi, say: ho}", "3:15: the key `say` is there twice, first in 3:6", "Remove one"),
    "no call": step("result: done", "3:5: a `result` without a `call`", "Add a step with `call`"),
    "a second result": step("call: {tool: t}\n  - result: a\n  - result: b", "5:5: a second `result`", "in one step"),
    "too many results": step("call: {tool: t}\n  - result: [a, b]", "4:5: 2 results for 1 call", "add the calls"),
    "nothing to do": step("{}", "3:5: the step does nothing", "Give it `say`"),
    "a hidden turn": script(
        "turns:\n- steps: [{say: a}]\n- when: {text: b}\n  steps: [{say: b}]\n",
        "3:3: this turn is never played",
        "Move it up",
    ),
    "an alias in itself": script(
        "turns: &t\n- *t\n", "1:8: an alias refers to the part that contains it", "Write the part out"
    ),
    "a key that is null": step("call: {tool: t, args: {null: 1}}", "3:28: the key `null` is not text", "in quotes"),
    "an expression": script(
        "turns:\n- when: {matches: '(a|aa)+$'}\n  steps: [{say: a}]\n",
        "2:9: `matches` takes too long",
        "Write one way",
    ),
}
"""The mistakes that users have reported."""

OTHERS: Final[dict[str, Mistake]] = {
    "a run's status for a thread": Mistake(
        lambda w: w.mock.wait_for_status("success", w.thread_id),
        ("`success` is a status of runs", "Name the run", "RUN_ID"),
    ),
    "arguments in another order": Mistake(
        lambda w: w.mock.wait_for_status(w.thread_id, "success"), ("is an id", "The status comes first")
    ),
    "a status that is an id": Mistake(
        lambda w: w.mock.wait_for_status(w.thread_id, w.thread_id, w.run_id),
        ("is an id", "wait_for_status(STATUS, THREAD_ID"),
    ),
    "a thread for its id": Mistake(
        lambda w: w.mock.state(w.thread), ("a thread was given in place of its id", '"thread_id"')
    ),
    "a run for a thread": Mistake(lambda w: w.mock.runs(w.run_id), ("no thread", "It is a run of thread", "threads:")),
    "a name for a thread": Mistake(
        lambda w: w.mock.hold("tools:1/enter", thread_id="agent"), ("`agent` is not the id of a thread", "UUID")
    ),
    "a path first": Mistake(
        lambda w: w.mock.assert_requested("/threads", "POST"), ("`/threads` is a path", "method comes first")
    ),
    "a path without a slash": Mistake(
        lambda w: w.mock.wait_for_request("POST", "runs/stream"), ("`runs/stream`", "Did you mean `*/runs/stream`?")
    ),
    "a path that never comes": Mistake(
        lambda w: w.mock.assert_not_requested("POST", "*/cancle"), ("`*/cancle`", "cancel", "GET /docs")
    ),
    "a URL for a path": Mistake(lambda w: w.mock.assert_requested("GET", f"{w.mock.url}/ok"), ("is a URL", "`*/runs`")),
    "a method": Mistake(lambda w: w.mock.assert_requested("PSOT"), ("`PSOT`", "Did you mean `POST`?", "DELETE")),
    "a strategy of a request": Mistake(
        lambda w: w.mock.assert_requested(strategy="enque"), ("`enque`", "Did you mean `enqueue`?", "reject")
    ),
    "a request in order": Mistake(
        lambda w: w.mock.assert_requested_in_order("POST", "GET"), ("`POST` is not a request", "POST */runs")
    ),
    "requests in a list": Mistake(
        lambda w: w.mock.assert_requested_in_order(["POST /threads", "POST */runs"]), ("is a list", "one by one")
    ),
    "a regular expression": Mistake(
        lambda w: w.mock.assert_not_requested("POST", r"^/threads/[^/]+/runs$"), ("no regular expression", "`*/runs`")
    ),
    "a function for a value": Mistake(
        lambda w: w.mock.assert_not_requested("POST", input=lambda _: True), ("`input` is a function", "Including(")
    ),
    "an expression for a header": Mistake(
        lambda w: w.mock.assert_not_requested(headers={"x": re.compile("a")}), ("`headers` is a Pattern", "Including(")
    ),
    "no point": Mistake(lambda w: w.mock.hold(), ("hold() needs `point`", "thread_id")),
    "no thread": Mistake(lambda w: w.mock.wait_for_status("idle"), ("wait_for_status() needs `thread_id`", "run_id")),
    "a setting of a running mock": Mistake(lambda w: setattr(w.mock, "time", "hand"), ("`time`", "Call set_time(")),
    "a deadline that is set": Mistake(lambda w: setattr(w.mock, "deadline", "5"), ("deadline is `5`", "above 0")),
    "an assertion of no mistakes": Mistake(lambda w: w.mock.assert_clean(), ("`assert_clean`", "mean `conduct`?")),
    "a field of a request": Mistake(lambda w: w.mock.journal()[0].json, ("`json`", "Did you mean `body`?", "status")),
    "a pattern": Mistake(
        lambda w: RequestPattern("POST", "*/runs", **_any({"assistent": 1})), ("`assistent`", "`assistant_id`")
    ),
    "no visit": Mistake(lambda w: w.mock.hold("tools/enter"), ("`tools/enter`", "Did you mean `tools:1/enter`?")),
    "visit zero": Mistake(lambda w: w.mock.hold("tools:0/enter"), ("`0`", "number from 1")),
    "an event": Mistake(lambda w: w.mock.hold("tools:1/begin"), ("`begin`", "Did you mean `enter`?", "exit")),
    "tokens of a tool": Mistake(
        lambda w: w.mock.hold("tools:1/token"), ("`tools` streams no text", "`enter` or `exit`")
    ),
    "a point that is not held": Mistake(
        lambda w: w.mock.release("tools:1/enter"), ("no run is or would be held", "No hold is set")
    ),
    "a fault": Mistake(lambda w: w.mock.fault("disconnect@2"), ("`disconnect`", "Did you mean `cut`?", "bad-gateway")),
    "a fault in Python": Mistake(
        lambda w: w.mock.fault(Fault(kind=_any("kut"))), ("`kut`", "Did you mean `cut`?", "reorder")
    ),
    "a chance without a number": Mistake(
        lambda w: Fault(kind="cut", chance=None),  # type: ignore[arg-type]
        ("`chance` of a fault is null", "from 0 to 1"),
    ),
    "the place of a fault without a number": Mistake(
        lambda w: Fault(kind="cut", at=None),  # type: ignore[arg-type]
        ("`at` of a fault is null", "from 0 to 3,600"),
    ),
    "a journal of dictionaries": Mistake(lambda w: w.mock.journal()[0]["path"], ("is an object", "Write `.path`")),
    "a journal of dictionaries with another name": Mistake(
        lambda w: w.mock.journal()[0]["pth"], ("no attribute `pth`", "Did you mean `path`?")
    ),
    "a fault for no request": Mistake(lambda w: Fault(kind="cut", times=0), ("`times` of a fault is 0", "from 1")),
    "a fault over HTTP": Mistake(
        lambda w: w.sent("POST", "/_mock/faults", {"kind": "timeout"}),
        ("422", "`timeout`", "Did you mean `delay`?", "kind"),
    ),
    "a fault in a header": Mistake(
        lambda w: w.sent("GET", "/ok", headers={"X-Mock-Fault": "truncat"}), ("400", "X-Mock-Fault", "`truncate`")
    ),
    "a defect": Mistake(
        lambda w: w.mock.defect_on("ghostrun"), ("`ghostrun`", "`ghost_run`", "doubletext mock defects")
    ),
    "a setting": Mistake(
        lambda w: MockDeployment(**_any({"defect": "x"})), ("`defect`", "Did you mean `defects`?", "seed")
    ),
    "a seed": Mistake(lambda w: w.mock.reset(seed="7"), ("`seed` is `7`", "whole number")),
    "no workers": Mistake(lambda w: MockDeployment(workers=0), ("`workers` is 0", "from 1")),
    "a bool": Mistake(lambda w: w.mock.reset(strict="yes"), ("`strict` is `yes`", "True or False")),
    "a scale": Mistake(lambda w: w.mock.set_time("real", scale=-1), ("scale of time is -1", "between 0 and 1000")),
    "a scale without real time": Mistake(
        lambda w: w.mock.set_time("hand", scale=0.5), ("`scale`", "mode `real`", "the mode is `hand`")
    ),
    "a scale of the start": Mistake(lambda _: MockDeployment(scale=0.1), ("`scale`", "the mode is `instant`")),
    "a scale over HTTP": Mistake(
        lambda w: w.sent("POST", "/_mock/reset", {"scale": 0.1}), ("422", "`scale` has no effect", '"time": "real"')
    ),
    "an await of a method that blocks": Mistake(
        lambda w: asyncio.run(awaiting(w.mock.hold("agent:1/enter"))),
        ("hold() is not a coroutine", "await mock.aio.hold("),
    ),
    "a hold as a context": Mistake(
        lambda w: within(w.mock.hold("agent:1/enter")),
        ("hold() is not a context manager", "without `with`", "release()"),
    ),
    "seconds": Mistake(lambda w: w.mock.advance("5"), ("advance by `5`", "seconds from 0")),
    "a port": Mistake(lambda w: MockDeployment(port=_any("x")), ("the port is `x`", "a number from 0")),
    "a deadline of all": Mistake(lambda w: MockDeployment(deadline=_any("5")), ("deadline is `5`", "above 0")),
    "a fault of a thread": Mistake(lambda w: w.mock.fault("cut@2", thread_id="agent"), ("`agent`", "UUID")),
    "a defect without a time": Mistake(lambda w: w.mock.defect_on("ghost_run", times=0), ("`times` is 0", "from 1")),
    "a script as an object": Mistake(
        lambda w: w.mock.load_script({"turns": []}), ("`turns` is a list", "its JSON text")
    ),
    "a status beside a defect": Mistake(
        lambda w: (w.mock.defect_on("ghost_run"), w.mock.wait_for_status("IDEL", w.thread_id)), ("`IDEL`", "`idle`")
    ),
    "a deadline": Mistake(lambda w: w.mock.wait_until_quiet(deadline=0), ("deadline is 0", "above 0")),
    "a method of the mock": Mistake(
        lambda w: w.mock.wait_until_hold("x"), ("`wait_until_hold`", "Did you mean `wait_until_held`?")
    ),
    "a coroutine of the mock": Mistake(lambda w: w.mock.aio.pause("x"), ("`pause`", "Did you mean `hold`?", "release")),
    "a public name": Mistake(
        lambda w: getattr(_any(mockserver), NAME), ("'MockDeploymnt'", "Did you mean `MockDeployment`?")
    ),
    "a script that is not there": Mistake(
        lambda w: w.mock.load_script("refnud.yaml"), ("refnud.yaml", "Did you mean refund.yaml?")
    ),
    "a script in Python": Mistake(
        lambda w: w.mock.load_script(Script(turns=[Turn(steps=[Step(say=_any(5))])])),
        ("Step: expected a text or a list, got a whole number", "say"),
    ),
    "a number of times": Mistake(lambda w: w.mock.assert_requested(times=-1), ("`times` is -1", "from 0")),
    "both bounds": Mistake(
        lambda w: w.mock.assert_requested(times=1, at_least=1), ("`times`", "`at_least`", "Leave one")
    ),
    "a command": Mistake(
        lambda w: w.sent("POST", "/_mock/hold", {}), ("404", "/_mock/hold", "Did you mean /_mock/holds?")
    ),
    "a parameter": Mistake(
        lambda w: w.sent("GET", "/_mock/journal?thread=x"), ("422", "`thread`", "Did you mean `thread_id`?")
    ),
    "no JSON": Mistake(
        lambda w: w.sent("POST", "/_mock/time", content=b"mode=hand", headers={"Content-Type": "application/json"}),
        ("422", "POST /_mock/time is not JSON", "Send an object"),
    ),
    "a form": Mistake(lambda w: w.sent("POST", "/_mock/time", data={"mode": "hand"}), ("415", "application/json")),
    "a status over HTTP": Mistake(
        lambda w: w.sent("POST", "/_mock/wait", {"status": "done", "thread_id": w.thread_id}), ("422", "`done`", "idle")
    ),
    "a matcher over HTTP": Mistake(
        lambda w: w.sent("POST", "/_mock/wait", {"request": {"having": {"header": {}}}}),
        ("422", "`header`", "`headers`", 'write "body": {"$including": {...}}'),
    ),
    "a bool over HTTP": Mistake(
        lambda w: w.sent("POST", "/_mock/wait", {"request": {"having": {"busy": "yes"}}}),
        ("422", "`busy` is `yes`. Give true or false"),
    ),
    "a mode over HTTP": Mistake(
        lambda w: w.sent("POST", "/_mock/time", {"mode": "paused"}), ("422", "`paused`", "Did you mean `hand`?")
    ),
    "a key of a script": step("sai: hi", "3:5: unknown key `sai`", "Did you mean `say`?", "`call`"),
    "a word of another tool": step("{say: hi, delay: 3}", "3:15: unknown key `delay`", "Did you mean `takes`?"),
    "a value of a script": step("result: {content: x, status: eror}", "3:34: `eror`", "Did you mean `error`?"),
    "a tab": script("turns:\n\t- steps: []\n", "2:1: invalid YAML", "Indent with spaces"),
    "a type": step("{say: hi, takes: soon}", "3:22: expected a number, got a text", "takes"),
    "a bomb": script(
        "turns: [{steps: [{say: a}]}]\nx: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"{k}: &{k} [{', '.join([f'*{p}'] * 10)}]\n" for p, k in zip("abcdefg", "bcdefgh", strict=True)),
        "6:4: its aliases expand to",
        "Use fewer",
    ),
    "no turns": script("steps: [{say: hi}]\n", "1:1: unknown key `steps`", "Did you mean `turns`?"),
    "yes is a text": script(
        "transformer: yes\nturns: [{steps: [{say: a}]}]\n", "1:14: expected true or false, got a text", "Write true"
    ),
}
"""Mistakes that came to mind since."""

ARGUMENTS: Final[dict[str, Mistake]] = {
    "a keyword of a wait": Mistake(
        lambda w: w.mock.wait_for_status("error", w.thread_id, w.run_id, timeout=5),
        ("wait_for_status() has no argument `timeout`", "Did you mean `deadline`?", "run_id"),
    ),
    "a keyword of a wait with matchers": Mistake(
        lambda w: w.mock.wait_for_request("POST", "*/runs", timeout=5), ("`timeout`", "Did you mean `deadline`?")
    ),
    "a keyword of an assertion": Mistake(
        lambda w: w.mock.assert_requested("POST", "*/runs", count=1), ("`count`", "Did you mean `times`?")
    ),
    "a keyword of hold": Mistake(
        lambda w: w.mock.hold("agent:1/enter", thread=w.thread_id), ("`thread`", "Did you mean `thread_id`?")
    ),
    "a thread by place": Mistake(
        lambda w: w.mock.hold("agent:1/enter", w.thread_id), ("only `point` without a name", "thread_id=")
    ),
    "a deadline by place": Mistake(
        lambda w: w.mock.wait_until_quiet(5), ("no values without a name, and got 1 value", "deadline=")
    ),
    "another word for the scale": Mistake(
        lambda w: w.mock.set_time("real", speed=0.1), ("`speed`", "Did you mean `scale`?")
    ),
    "fields of a fault beside it": Mistake(
        lambda w: w.mock.fault("cut", at=2), ("fault() has no argument `at`", "`cut@2`", "Fault(kind=")
    ),
    "a setting of the start": Mistake(
        lambda w: w.mock.reset(workers=2), ("reset() has no argument `workers`", "MockDeployment(", "seed")
    ),
    "a script by place": Mistake(
        lambda _: _any(MockDeployment)("refund.yaml"), ("MockDeployment() takes no values", "script=")
    ),
    "a strategy by place": Mistake(lambda w: w.mock.conduct("interrupt"), ("no values", "strategy=, without=")),
    "a field of a step": Mistake(
        lambda _: Step(**_any({"sai": "x"})), ("Step", "`sai`", "Did you mean `say`?", "takes")
    ),
    "a field of a call": Mistake(lambda _: Call(**_any({"name": "x"})), ("Call", "`name`", "Did you mean `tool`?")),
    "a field of a condition": Mistake(
        lambda _: When(**_any({"contain": "x"})), ("When has no field `contain`", "Did you mean `contains`?")
    ),
    "a field of a fault": Mistake(
        lambda _: Fault(**_any({"kind": "cut", "probability": 1})),
        ("Fault has no field `probability`", "Did you mean `chance`?"),
    ),
    "a fault by place": Mistake(lambda _: _any(Fault)("cut"), ("Fault takes its fields by name", "Fault(kind=...)")),
    "a turn for a list": Mistake(
        lambda _: Script(turns=_any(Turn(steps=[Step(say="x")]))), ("Script: expected a list, got Turn", "turns")
    ),
    "a step for a turn": Mistake(
        lambda _: Script(turns=_any([Step(say="x")])), ("Script: expected an object, got Step", "`steps`, `when`")
    ),
    "a turn for a script": Mistake(
        lambda w: w.mock.load_script(Turn(steps=[Step(say="x")])), ("is a Turn", "Script(turns=[...])")
    ),
    "bytes for a script": Mistake(lambda w: w.mock.load_script(b"turns: []"), ("is bytes", "Decode it")),
    "a word for a script": Mistake(
        lambda w: w.mock.load_script("refund"), ("`refund` is neither a script nor the path", ".yaml", "`turns:`")
    ),
}
"""Wrong arguments, which Python refuses without the right one."""

SCRIPTS: Final[dict[str, Mistake]] = {
    "a name in braces": step("say: 'Hi {txet}'", "3:10: nothing fills `{txet}`", "`{text}`", "write `{{txet}}`"),
    "a name in capitals": step("say: 'Hi {Text}'", "3:10: nothing fills `{Text}`", "Did you mean `{text}`?"),
    "a change of a name": step("say: 'Hi {text:upper}'", "3:10: `{text:upper}` is not filled", "lower or slug"),
    "a name with spaces": step("say: 'Hi { text }'", "3:10: `{ text }` is not filled", "Write `{text}`"),
    "a change after a dot": step("say: 'Hi {text.lower()}'", "`{text.lower()}` is not filled", "Write `{text:lower}`"),
    "a change after a bar": step("say: 'Hi {text | slugify}'", "`{text | slugify}`", "Write `{text:slug}`"),
    "another change": step("say: 'Hi {text.upper}'", "`{text.upper}` is not filled", "lower or slug"),
    "a channel with spaces": script(
        "channels: {city: replace}\nturns: [{steps: [{say: 'Sun in { state.city }'}]}]\n", "Write `{state.city}`"
    ),
    "a group of the expression": script(
        "turns:\n- when: {matches: 'in (?P<place>\\w+)'}\n  steps: [{say: 'Sun in {palce}'}]\n",
        "3:17: nothing fills `{palce}`",
        "Did you mean `{place}`?",
    ),
    "a channel in braces": script(
        "channels: {city: replace}\nturns: [{steps: [{say: 'Sun in {state.ctiy}'}]}]\n",
        "no channel fills `{state.ctiy}`",
        "Did you mean `{state.city}`?",
    ),
    "a channel": script(
        "channels: {log: append}\nturns: [{steps: [{channels: {lgo: a}}]}]\n",
        "2:35: the channel `lgo`",
        "Did you mean `log`?",
    ),
    "a hidden case": step(
        "interrupt: {value: ok?, cases: [{steps: [{say: a}]}, {equals: 1, steps: [{say: b}]}]}",
        "3:58: this case is never chosen",
        "Move it up",
    ),
    "a text for a condition": script(
        "turns: [{when: refund, steps: [{say: a}]}]\n", "1:16: expected an object, got a text", "`contains`"
    ),
    "a tool without a key": step("call: look_up", "3:11: expected an object or a list, got a text", "`tool`, `args`"),
    "a question without a key": step(
        "interrupt: Send it?", "3:16: expected an object or a list", "`value`, `before`, `cases`"
    ),
    "a key of a question": step("interrupt: {question: x}", "3:17: unknown key `question`", "Did you mean `value`?"),
    "a step in place of a turn": script("turns: [{say: a}]\n", "1:10: unknown key `say`", "Did you mean `steps`?"),
    "a status of a result": step(
        "call: {tool: t}\n  - result: {content: x, status: ok}", "`ok` is not a valid value", "Did you mean `success`?"
    ),
    "a reducer": script(
        "channels: {log: add}\nturns: [{steps: [{say: a}]}]\n", "`add` is not a valid value", "Did you mean `append`?"
    ),
    "an edge": script(
        "graph: {edges: [{from: a, to: b}]}\nturns: [{steps: [{say: a}]}]\n", "`from`", "Did you mean `source`?"
    ),
    "a name with a space": step("{say: hi, node: my node}", "3:21: expected a name: letters, digits"),
    "a negative time": step("{say: hi, takes: -2}", "3:22: expected a number from 0"),
    "an at sign": step("say: @you", "3:10: invalid YAML", "in quotes"),
    "a colon": step("say: what: is", "invalid YAML"),
    "an asterisk": step("say: *you", "3:10: invalid YAML", "begins with `*` in quotes"),
    "an open bracket": script("turns: [{steps: [{say: a]\n", "invalid YAML", "Close every bracket"),
}
"""Scripts that loaded, and did something else, or whose error did not say what to write."""

VALUES: Final[dict[str, Mistake]] = {
    "a status in quotes": Mistake(
        lambda w: w.mock.assert_not_requested("POST", "*/runs", status="409"), ("`status` is `409`", "number", "409")
    ),
    "no status": Mistake(lambda w: w.mock.assert_not_requested(status=4090), ("`status` is 4090", "HTTP status")),
    "a word for a bool": Mistake(lambda w: w.mock.assert_not_requested(busy="yes"), ("`busy`", "True or False")),
    "a thread for an id": Mistake(
        lambda w: w.mock.assert_not_requested(thread_id=w.thread), ("`thread_id` is an object", "as a text")
    ),
    "a body as a text": Mistake(lambda w: w.mock.assert_not_requested(body="{}"), ("`body`", "decoded JSON", "object")),
    "a list of headers": Mistake(lambda w: w.mock.assert_not_requested(headers=["x"]), ("`headers`", "{NAME: VALUE}")),
    "a stream mode": Mistake(
        lambda w: w.mock.assert_not_requested(stream_mode=["vlaues"]), ("`vlaues`", "Did you mean `values`?", "updates")
    ),
    "a strategy by its field": Mistake(
        lambda w: w.mock.assert_not_requested(multitask_strategy="interupt"),
        ("`interupt`", "Did you mean `interrupt`?"),
    ),
    "a method that the path does not have": Mistake(
        lambda w: w.mock.assert_not_requested("GET", "*/runs/stream"), ("no GET `*/runs/stream`", "It has POST")
    ),
    "method and path in one": Mistake(
        lambda w: w.mock.assert_not_requested("POST */runs"), ("a method and a path", '"POST", "*/runs"')
    ),
    "a delay of nothing": Mistake(lambda w: w.mock.fault("delay"), ("0 seconds has no effect", "`delay@2`")),
    "a status of a gateway": Mistake(lambda w: w.mock.fault("bad-gateway@503"), ("`at` has no meaning", "502")),
    "half an event": Mistake(lambda w: w.mock.fault("cut@1.5"), ("`at` of `cut` is 1.5", "whole number")),
    "a fault with a colon": Mistake(lambda w: w.mock.fault("cut:2"), ("`cut:2`", "Did you mean `cut`?", "`cut@2`")),
    "a fault with a word": Mistake(lambda w: w.mock.fault("cut@two"), ("`two` is not a number", "events", "`cut@2`")),
    "a fault without its number": Mistake(lambda w: w.mock.fault("cut@"), ("`cut@` is not a fault", "`cut@2`")),
    "a method of a fault": Mistake(lambda _: Fault(kind="cut", method="PSOT"), ("`PSOT`", "Did you mean `POST`?")),
    "a path of a fault": Mistake(lambda _: Fault(kind="cut", path="runs"), ("begins with `/` or `*`", "`*/runs`")),
    "a header of a fault": Mistake(
        lambda w: w.sent("GET", "/ok", headers={"X-Mock-Faults": "cut@2"}), ("400", "X-Mock-Faults", "X-Mock-Fault?")
    ),
    "a list of defects": Mistake(lambda w: w.mock.defect_on(["ghost_run"]), ('["ghost_run"] is not a defect', "name")),
    "a defect with its times": Mistake(
        lambda w: w.mock.defect_on("ghost_run:2"), ("`ghost_run:2`", 'defect_on("ghost_run", times=2)')
    ),
    "an origin": Mistake(lambda _: MockDeployment(allow_origins=["a.test"]), ("`a.test`", "SCHEME://HOST[:PORT]")),
    "a host": Mistake(lambda _: MockDeployment(allow_hosts="http://a"), ("`http://a`", "without a scheme")),
    "a host to listen on": Mistake(lambda _: MockDeployment(host=_any(5)), ("the host is 5", "a name or an address")),
    "a method of a command": Mistake(
        lambda w: w.sent("PUT", "/_mock/holds", {"point": "agent:1/enter"}), ("405", "PUT", "Send DELETE, GET, POST")
    ),
    "a command without its parent": Mistake(
        lambda w: w.sent("POST", "/_mock/advance", {"seconds": 1}), ("404", "Did you mean /_mock/time/advance?")
    ),
    "a base URL with a path": Mistake(
        lambda w: w.sent("POST", "/api/threads", {}), ("404", "/api/threads", "Did you mean /threads?")
    ),
    "a path with an id": Mistake(
        lambda w: w.sent("POST", f"/threads/{w.thread_id}/run", {}), ("404", "Did you mean /threads/{id}/runs?")
    ),
    "two conditions": Mistake(
        lambda w: w.sent("POST", "/_mock/wait", {"point": "agent:1/enter", "status": "idle"}), ("422", "two conditions")
    ),
    "a status of nothing": Mistake(lambda w: w.sent("POST", "/_mock/wait", {"status": "idle"}), ("422", "`thread_id`")),
    "a matcher outside": Mistake(
        lambda w: w.sent("POST", "/_mock/wait", {"request": {"strategy": "reject"}}), ("`strategy`", "mean `having`?")
    ),
    "a script in place of its command": Mistake(
        lambda w: w.sent("POST", "/_mock/script", {"turns": []}), ("422", "`turns`", "Did you mean `script`?")
    ),
    "a path over HTTP": Mistake(
        lambda w: w.sent("POST", "/_mock/script", {"script": "mine.yaml"}), ("`mine.yaml` is neither", "send its text")
    ),
}
"""Values that were accepted, with the effect that the next assertion meant nothing."""

EVERY: Final = {**LISTED, **OTHERS, **ARGUMENTS, **SCRIPTS, **VALUES}


async def awaiting(found: Any) -> None:
    """Await what a method returned."""
    await found


def within(found: Any) -> None:
    """Use what a method returned as a context manager."""
    with found:
        pass


def _any(value: Any) -> Any:
    """Return a value of which mypy knows nothing, because it would refuse the mistake."""
    return value


def made(world: World, mistake: Mistake) -> str:
    """Make a mistake, and return the message."""
    try:
        mistake.act(world)
    except Exception as error:  # noqa: BLE001 - the kinds differ, and the message counts
        return str(error)
    return "nothing"


REFUND: Final = """
turns:
- steps:
  - call: {tool: look_up}
  - result: shipped
  - {say: One moment., error: the model is gone}
"""


def in_world(folder: Path, mistake: Mistake) -> tuple[str, float]:
    """Return the message of a mistake, and the seconds until it came."""
    (folder / "refund.yaml").write_text(REFUND, encoding="utf-8")
    with MockDeployment() as mock, httpx.Client(base_url=mock.url, timeout=60) as http:
        mock.script_folder = folder
        mock.load_script("refund.yaml")
        thread = http.post("/threads", json={}).json()
        body = {"assistant_id": "agent", "input": asking("sf")}
        run = http.post(f"/threads/{thread['thread_id']}/runs", json=body).json()
        mock.wait_until_quiet()
        begin = time.perf_counter()
        return made(World(mock, http, thread, run, folder), mistake), time.perf_counter() - begin


@pytest.mark.parametrize("name", EVERY)
def test_a_mistake_is_answered_at_once_with_the_place_the_reason_and_the_right_word(name: str, tmp_path: Path) -> None:
    text, _ = in_world(tmp_path, EVERY[name])
    for part in EVERY[name].says:
        assert part in text, text
    # A wait that had to end by its deadline would say so.
    assert "timed out" not in text
    assert len(text.splitlines()) == 1


def test_there_are_more_than_forty() -> None:
    assert len(EVERY) == sum(map(len, (LISTED, OTHERS, ARGUMENTS, SCRIPTS, VALUES))) > 40
    assert len(EVERY) - len(LISTED) > 20


if __name__ == "__main__":
    import tempfile

    for name, mistake in EVERY.items():
        with tempfile.TemporaryDirectory() as folder:
            text, seconds = in_world(Path(folder), mistake)
        print(f"{seconds:6.3f} s  {name}: {text.replace(folder + '/', '')}")  # noqa: T201
