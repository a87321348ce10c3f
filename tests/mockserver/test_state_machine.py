"""Generated conversations: threads, runs with every strategy, cancellations, deletions, state updates and restarts.

Every run is held at its first step until the machine releases its thread, so the expected state is always known. After
each move every thread is compared with it, also those that the move did not concern.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockserver.core.lifecycle import TERMINAL
from mockserver.core.strategies import STRATEGIES
from mockserver.deployment import MockDeployment
from tests.mockserver.witness import DEADLINE

pytestmark = pytest.mark.patient

HELD = "agent:1/enter"
SCRIPT = """
turns:
  - {when: {contains: fail}, steps: [{say: "Trying.", error: broken}]}
  - {when: {contains: ask}, steps: [{say: "Wait."}, {node: human, interrupt: {value: Sure?}}, {say: "{resume}, then."}]}
  - {steps: [{say: "You said: {text}"}]}
"""
T = TypeVar("T")
NUMBERS = st.integers(0, 5)
KINDS = st.sampled_from(("tell", "tell", "ask", "fail"))
ENDS = {"tell": "success", "ask": "success", "fail": "error"}
"""The first word of a text, and the outcome of a run with it that is not stopped."""


@dataclass(eq=False)
class Run:
    """A run as it should be."""

    run_id: str
    text: str | None
    """The text of its input, or None for a run that only answers an interrupt."""
    status: str = "pending"

    @property
    def ends(self) -> str:
        return "success" if self.text is None else ENDS[self.text.partition(" ")[0]]


@dataclass(eq=False)
class Thread:
    """A thread as it should be."""

    thread_id: str
    runs: list[Run] = field(default_factory=list)
    """The runs that were neither rolled back nor deleted, oldest first."""
    written: list[Run | str] = field(default_factory=list)
    """The writers of the state in order: runs that started, and texts of state updates."""
    failed: bool = False
    """True if the run that executed last failed."""

    @property
    def in_flight(self) -> list[Run]:
        return [run for run in self.runs if run.status not in TERMINAL]

    @property
    def over(self) -> list[Run]:
        return [run for run in self.runs if run.status in TERMINAL]

    @property
    def asks(self) -> bool:
        """Return whether the thread waits for a human's answer."""
        last = self.written[-1] if self.written and not self.in_flight else None
        return isinstance(last, Run) and last.status == "success" and (last.text or "").startswith("ask")

    @property
    def texts(self) -> list[str]:
        """Return the human messages that the state should have."""
        said = [one.text if isinstance(one, Run) else one for one in self.written]
        return [text for text in said if text is not None]

    def erase(self, run: Run) -> None:
        """Remove a run, and its writes unless something was written since."""
        self.runs.remove(run)
        if self.written[-1:] == [run]:
            self.written.pop()


def one_of(several: Iterable[T], number: int) -> T:
    found = list(several)
    return found[number % len(found)]


class Conversations(RuleBasedStateMachine):
    """Clients of one deployment, and what they know of it."""

    def __init__(self) -> None:
        super().__init__()
        self.exit = ExitStack()
        self.mock = self.exit.enter_context(MockDeployment(script=SCRIPT))
        self.http = self.exit.enter_context(httpx.Client(base_url=self.mock.url, timeout=DEADLINE))
        self.known: dict[str, Thread] = {}
        self.ended: dict[str, str] = {}
        self.numbers: Iterator[int] = iter(range(1, 10**6))

    def teardown(self) -> None:
        self.exit.close()

    def ask(self, method: str, path: str, *, expect: int, body: Any = None, **query: str) -> Any:
        answer = self.http.request(method, path, json=body, params=query or None)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def settle(self, thread: Thread) -> None:
        """Wait until the next run of a thread is held at its first step."""
        if thread.in_flight:
            run = thread.in_flight[0]
            if run.status == "pending":
                run.status = "running"
                thread.written.append(run)
            self.mock.wait_for_status("running", thread.thread_id, run.run_id)
            self.mock.wait_until_held(HELD, thread_id=thread.thread_id)

    def those(self, which: Callable[[Thread], Any]) -> list[Thread]:
        return [thread for thread in self.known.values() if which(thread)]

    @initialize()
    def two_threads(self) -> None:
        self.new_thread()
        self.new_thread()

    @precondition(lambda self: len(self.known) < 3)
    @rule()
    def new_thread(self) -> None:
        thread = Thread(self.ask("POST", "/threads", body={}, expect=200)["thread_id"])
        self.known[thread.thread_id] = thread
        self.mock.hold(HELD, thread_id=thread.thread_id)

    @rule(number=NUMBERS, strategy=st.sampled_from(STRATEGIES), kind=KINDS)
    def text(self, number: int, strategy: str, kind: str) -> None:
        self.say(one_of(self.known.values(), number), strategy, kind)

    @precondition(lambda self: self.those(lambda thread: thread.in_flight))
    @rule(number=NUMBERS, strategy=st.sampled_from(STRATEGIES), kind=KINDS)
    def double_text(self, number: int, strategy: str, kind: str) -> None:
        self.say(one_of(self.those(lambda thread: thread.in_flight), number), strategy, kind)

    def say(self, thread: Thread, strategy: str, kind: str) -> None:
        text = f"{kind} {next(self.numbers)}"
        said = {"messages": [{"role": "user", "content": text}]}
        body = {"assistant_id": "agent", "input": said, "multitask_strategy": strategy}
        refused = strategy == "reject" and bool(thread.in_flight)
        run = self.ask("POST", f"/threads/{thread.thread_id}/runs", body=body, expect=409 if refused else 200)
        if refused:
            return
        assert run["status"] == "pending"
        for other in reversed(thread.in_flight):
            if strategy == "interrupt":
                other.status = "interrupted"
            elif strategy == "rollback":
                thread.erase(other)
        thread.runs.append(Run(run["run_id"], text))
        self.settle(thread)

    @precondition(lambda self: self.those(lambda thread: thread.in_flight))
    @rule(number=NUMBERS)
    def go_on(self, number: int) -> None:
        thread = one_of(self.those(lambda thread: thread.in_flight), number)
        for run in thread.in_flight:
            if run.status == "pending":
                thread.written.append(run)
            run.status = run.ends
            thread.failed = run.status == "error"
        self.mock.release(thread_id=thread.thread_id)
        for run in thread.runs[-1:]:
            self.mock.wait_for_status(run.status, thread.thread_id, run.run_id)
        self.mock.hold(HELD, thread_id=thread.thread_id)

    @precondition(lambda self: self.those(lambda thread: thread.in_flight))
    @rule(number=NUMBERS, run=NUMBERS, action=st.sampled_from(("interrupt", "rollback")))
    def cancel(self, number: int, run: int, action: str) -> None:
        thread = one_of(self.those(lambda thread: thread.in_flight), number)
        self.stop(thread, one_of(thread.in_flight, run), action)

    @precondition(lambda self: self.those(lambda thread: thread.over))
    @rule(number=NUMBERS, run=NUMBERS, action=st.sampled_from(("interrupt", "rollback")))
    def cancel_what_is_over(self, number: int, run: int, action: str) -> None:
        thread = one_of(self.those(lambda thread: thread.over), number)
        path = f"/threads/{thread.thread_id}/runs/{one_of(thread.over, run).run_id}/cancel"
        self.ask("POST", path, expect=404, wait="true", action=action)

    def stop(self, thread: Thread, run: Run, action: str) -> None:
        path = f"/threads/{thread.thread_id}/runs/{run.run_id}/cancel"
        self.ask("POST", path, expect=200, wait="true", action=action)
        if action == "rollback":
            thread.erase(run)
        else:
            thread.failed = thread.failed and run.status == "pending"
            run.status = "interrupted"
        self.settle(thread)

    @precondition(lambda self: self.those(lambda thread: thread.runs))
    @rule(number=NUMBERS, run_number=NUMBERS)
    def delete_run(self, number: int, run_number: int) -> None:
        thread = one_of(self.those(lambda thread: thread.runs), number)
        run = one_of(thread.runs, run_number)
        path = f"/threads/{thread.thread_id}/runs/{run.run_id}"
        self.ask("DELETE", path, expect=204)
        self.ask("GET", path, expect=404)
        thread.erase(run)
        self.settle(thread)

    @rule(number=NUMBERS)
    def write_by_hand(self, number: int) -> None:
        thread = one_of(self.known.values(), number)
        text = f"tell {next(self.numbers)}"
        body = {"values": {"messages": [{"role": "user", "content": text}]}}
        busy = bool(thread.in_flight)
        self.ask("POST", f"/threads/{thread.thread_id}/state", body=body, expect=409 if busy else 200)
        if not busy:
            thread.written.append(text)
            thread.failed = False

    @precondition(lambda self: self.those(lambda thread: thread.asks))
    @rule(number=NUMBERS)
    def answer(self, number: int) -> None:
        thread = one_of(self.those(lambda thread: thread.asks), number)
        body = {"assistant_id": "agent", "command": {"resume": "yes"}}
        run = Run(
            self.ask("POST", f"/threads/{thread.thread_id}/runs", body=body, expect=200)["run_id"], None, "success"
        )
        self.mock.wait_for_status("success", thread.thread_id, run.run_id)
        thread.runs.append(run)
        thread.written.append(run)
        thread.failed = False

    @precondition(lambda self: self.those(lambda thread: thread.over))
    @rule(number=NUMBERS, run_number=NUMBERS)
    def join(self, number: int, run_number: int) -> None:
        """Join a run that has ended. A run that finished reports its own input."""
        thread = one_of(self.those(lambda thread: thread.over), number)
        run = one_of(thread.over, run_number)
        values = self.ask("GET", f"/threads/{thread.thread_id}/runs/{run.run_id}/join", expect=200)
        assert ("__error__" in values) == (run.status == "error")
        if run.status == "success" and run.text is not None:
            assert run.text in texts_of(values)

    @precondition(lambda self: self.those(lambda thread: thread.in_flight))
    @rule()
    def restart(self) -> None:
        """Lose the workers. Every run that was executing continues from its newest checkpoint."""
        self.ask("POST", "/_mock/restart", body={}, expect=200)
        for thread in self.known.values():
            self.settle(thread)

    @precondition(lambda self: len(self.known) > 1)
    @rule(number=NUMBERS)
    def delete_thread(self, number: int) -> None:
        thread = one_of(self.known.values(), number)
        self.ask("DELETE", f"/threads/{thread.thread_id}", expect=204)
        self.ask("GET", f"/threads/{thread.thread_id}", expect=404)
        self.ask("GET", f"/threads/{thread.thread_id}/state", expect=404)
        del self.known[thread.thread_id]

    @invariant()
    def every_thread_is_as_it_should_be(self) -> None:
        assert self.ask("POST", "/threads/count", body={}, expect=200) == len(self.known)
        for thread in self.known.values():
            path = f"/threads/{thread.thread_id}"
            runs = self.ask("GET", f"{path}/runs", expect=200, limit="1000")
            assert [(one["run_id"], one["status"]) for one in reversed(runs)] == [
                (run.run_id, run.status) for run in thread.runs
            ]
            for run in thread.runs:
                if run.status in TERMINAL:
                    assert self.ended.setdefault(run.run_id, run.status) == run.status
            state = self.ask("GET", f"{path}/state", expect=200)
            assert texts_of(state["values"]) == thread.texts
            rests = "error" if thread.failed else "interrupted" if state["next"] else "idle"
            assert self.ask("GET", path, expect=200)["status"] == ("busy" if thread.in_flight else rests)


def texts_of(values: Any) -> list[str]:
    return [message["content"] for message in values.get("messages", ()) if message["type"] == "human"]


Conversations.TestCase.settings = settings(max_examples=40, stateful_step_count=25, derandomize=True)
TestConversations = Conversations.TestCase
