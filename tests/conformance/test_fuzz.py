"""Fuzzing of the suite: with any answer of a deployment no check raises, no failure text breaks and no driver hangs.

Random places in the answers of a correct deployment are replaced by arbitrary JSON values.
"""

from __future__ import annotations

import asyncio
import copy
import random
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import cycle
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.driver.deadlines import Deadlines
from conformance.judge.play import Play
from conformance.report.failure import explain
from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from conformance.session.target import problem_of
from conformance.transcript.transcript import Transcript, decode, encode
from mockserver import serving
from tests.conformance.hostile import PLAINEST, SUITE, scenario, stage, verdicts

# hypothesis draws a seed for `random`, which is enough to repeat a failing example.
SEEDS = st.integers(0, 2**32)

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, "", " ", "\0ö\u2028", "x" * 10_000, "1111"),
    *("success", "interrupted", "running", "gone", "busy"),
    *([], {}, [None], [[]], [1, "a"], [{"id": []}, {}], {"a": None}, {"values": None}),
    *({"messages": [{"type": "ai", "content": None}]}, {"messages": [{"tool_calls": [None, {"id": {}}]}, []]}),
)

Path = tuple[str | int, ...]


def places(value: Any, path: Path = ()) -> list[Path]:
    """Return the path of every value inside a JSON value, beginning with its own."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


def scrambled(body: Any, dice: random.Random) -> Any:
    """Replace or remove one value of `body`. Return `body`, changed in place, or a new value for the whole of it."""
    found = places(body)
    if dice.random() < 0.5:
        # Each name alike: `tasks` stands once in an answer that has a hundred places in its messages.
        names = sorted({step for path in found for step in path[-1:] if isinstance(step, str)})
        name = dice.choice(names or [""])
        found = [path for path in found if path[-1:] == (name,)] or found
    # Deep values are many, and those near the root decide more.
    depth = dice.choice([2, 3, 99])
    path = dice.choice([path for path in found if len(path) <= depth] or found)
    strange = copy.deepcopy(dice.choice(STRANGE))  # it may be changed in place later on
    if not path:
        return strange
    parent = body
    for key in path[:-1]:
        parent = parent[key]
    if dice.random() < 0.2:
        del parent[path[-1]]
    else:
        parent[path[-1]] = strange
    return body


NAMES = ("end", "error", "values", "metadata", "updates", "messages", "messages/partial", "custom", "", "\0")


def scramble_stream(moments: list[dict[str, Any]], moment: dict[str, Any], dice: random.Random) -> None:
    """Change, rename, double, move or leave out an event of a stream, or add one behind it or at its end."""
    at, others = (
        moments.index(moment),
        [m for m in moments if m["kind"] == "stream" and m["exchange"] == moment["exchange"]],
    )
    match dice.randrange(8):
        case 0:
            moment["event"] = dice.choice(NAMES)
        case 1:
            moments.insert(at, copy.deepcopy(moment))
        case 2:
            moments.remove(moment)
        case 3:
            moments.insert(at + 1, {**copy.deepcopy(moment), "event": dice.choice(NAMES), "data": dice.choice(STRANGE)})
        case 4:
            moments.insert(moments.index(others[-1]) + 1, {**moment, "event": "end", "data": None})
        case 5:
            moment["id"] = dice.choice([None, "", "0", "x", "-1", "10" * 30])
        case 6:
            other = dice.choice(others)
            moment["data"], other["data"] = other["data"], moment["data"]
        case _:
            moment["data"] = scrambled(moment["data"], dice)


def scramble_transcript(raw: dict[str, Any], dice: random.Random) -> None:
    """Change one answer, change all answers to one question, or remove a moment."""
    moments = raw["moments"]
    found = [m for m in moments if m["kind"] in ("request", "response", "stream", "witness")]
    if not found:
        return
    moment = dice.choice(found)
    asked = {m["exchange"]: (m["purpose"], m["about"]) for m in moments if m["kind"] == "request"}
    if dice.random() < 0.05:
        # The deployment, or the network, was gone from here on.
        del moments[moments.index(moment) :]
    elif moment["kind"] == "stream":
        scramble_stream(moments, moment, dice)
    elif moment["kind"] != "response" or dice.random() < 0.1:
        moments.remove(moment)
    elif dice.random() < 0.1:
        moment["status"] = dice.choice([201, 204, 302, 404, 409, 422, 500])
    elif dice.random() < 0.1:
        moment["headers"] = {"content-location": dice.choice(["", "/runs/", "x"])}
    else:
        number, question = dice.random(), asked.get(moment["exchange"])
        for other in moments:
            if other["kind"] == "response" and asked.get(other["exchange"]) == question:
                # The same seed for all of them: a server that is wrong in one place is wrong there every time.
                other["body"] = scrambled(other["body"], random.Random(number))


def expect_sound_verdicts(transcript: Transcript) -> None:
    """Check that no verdict is ERROR, that reasons are single lines of limited length, and that failures have texts."""
    play = Play(transcript)
    problem_of(play, "agent")
    for name, verdict in verdicts(transcript).items():
        assert verdict.word != "ERROR", f"{name} in {transcript.scenario.id}: {verdict.reason}"
        assert "\n" not in verdict.reason, name
        # Reasons are shown in a terminal and in tables, so a value of any size must be cut.
        assert len(verdict.reason) < 2_000, name
        assert all(seq < len(play.moments) for seq in verdict.see), name
        if verdict.word != "PASS":
            assert len(explain(registry.load().get(name), play, verdict, "nowhere")) < 50_000, name


@pytest.fixture(scope="module")
def records(plays: Mapping[str, Transcript]) -> Records:
    return Records(encode(plays[scenario_id]) for scenario_id in sorted(plays))


class Records(list[bytes]):
    """Transcripts as JSON, of which a failing test does not print seventy megabytes."""

    def __repr__(self) -> str:
        return f"<{len(self)} transcripts>"


@pytest.mark.patient
@settings(max_examples=800, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_every_strange_record_is_judged(records: Records, seed: int) -> None:
    dice = random.Random(seed)
    raw = msgspec.json.decode(dice.choice(records))
    for _ in range(dice.randint(1, 4)):
        scramble_transcript(raw, dice)
    for seq, moment in enumerate(raw["moments"]):
        moment["seq"] = seq
    expect_sound_verdicts(decode(encode(msgspec.convert(raw, Transcript))))


@pytest.mark.patient
def test_a_record_without_threads_is_judged(records: Records) -> None:
    # As if the answers to their creation had named none.
    for record in records:
        raw = msgspec.json.decode(record) | {"threads": {}}
        expect_sound_verdicts(decode(msgspec.json.encode(raw)))


class Changing(httpx.AsyncBaseTransport, ABC):
    """A transport that changes the answers in JSON of a deployment."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        kind = response.headers.get("content-type", "")
        if "json" not in kind:
            return response
        body = msgspec.json.decode(await response.aread() or b"null")
        headers = {name: response.headers[name] for name in ("content-location",) if name in response.headers}
        body, headers = self.changed(request, body, headers)
        headers["content-type"] = kind
        return httpx.Response(response.status_code, content=msgspec.json.encode(body), headers=headers)

    @abstractmethod
    def changed(self, request: httpx.Request, body: Any, headers: dict[str, str]) -> tuple[Any, dict[str, str]]:
        """Return the body and the headers that the client receives."""

    async def aclose(self) -> None:
        await self._inner.aclose()


class Scrambling(Changing):
    """A transport that changes some of the answers at random."""

    def __init__(self, inner: httpx.AsyncBaseTransport, seed: str) -> None:
        super().__init__(inner)
        self._seed = seed
        self._share = random.Random(seed).choice([0.02, 0.1, 0.5])
        self._asked: Counter[str] = Counter()

    def changed(self, request: httpx.Request, body: Any, headers: dict[str, str]) -> tuple[Any, dict[str, str]]:
        # Dice of its own for each request: which ones come between two of them is decided by chance.
        question = f"{request.method} {re.sub('[0-9a-f]{8}-[0-9a-f-]{27}', '', request.url.path)}"
        self._asked[question] += 1
        dice = random.Random(f"{self._seed} {question} {self._asked[question]}")
        if dice.random() > self._share:
            return body, headers
        # The driver reads ids from this header, so it is spoilt as well.
        return scrambled(body, dice), {"content-location": dice.choice(["", "/threads/1/runs/ä", "/runs/"])}


class Replacing(Changing):
    """A transport that replaces every field of one name."""

    def __init__(self, inner: httpx.AsyncBaseTransport, name: str, value: Any) -> None:
        super().__init__(inner)
        self._name = name
        self._value = value

    def changed(self, request: httpx.Request, body: Any, headers: dict[str, str]) -> tuple[Any, dict[str, str]]:
        return self._replaced(body), headers

    def _replaced(self, body: Any) -> Any:
        if isinstance(body, list):
            return [self._replaced(one) for one in body]
        if not isinstance(body, dict):
            return body
        return {key: self._value if key == self._name else self._replaced(value) for key, value in body.items()}


PLAYED = (
    "interrupt/during-tools/create/unwatched",
    "interrupt/during-answer/create/joined",
    "interrupt/during-tools/create/unwatched/elsewhere",
    "interrupt/during-tools/stream/unwatched",
    "interrupt/during-tools/wait/unwatched",
    "interrupt/thrice/create/unwatched",
)


async def played(scenario_id: str, change: Callable[[httpx.AsyncBaseTransport], Changing]) -> Transcript:
    """Return the record of a scenario on the correct mock, whose answers are changed on their way."""
    async with serving() as url, stage(change) as scene:
        # The deadlines of the suite are a hundredth of their default. A minute is only reached by a driver that hangs.
        async with asyncio.timeout(60):
            target = scene.target(url, Deadlines().scaled(0.01))
            await target.examine(scene.transport, scene.witness, SUITE)
            return await target.play(scenario(scenario_id), scene.transport, scene.witness, SUITE)


@pytest.mark.patient
@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_every_strange_deployment_is_played_and_judged(seed: int) -> None:
    async def play_all() -> list[Transcript]:
        return await asyncio.gather(*(played(one, partial(Scrambling, seed=f"{seed} {one}")) for one in PLAYED))

    for transcript in asyncio.run(play_all()):
        expect_sound_verdicts(decode(encode(transcript)))


REPLACED = (
    *("run_id", "thread_id", "assistant_id", "cron_id", "checkpoint_id", "id", "status", "metadata", "values"),
    *("messages", "steps", "tasks", "interrupts", "checkpoint", "next", "created_at", "updated_at", "kwargs", "config"),
    *("multitask_strategy", "payload", "name", "type", "content", "input", "key", "value"),
)
"""Names of fields that the driver and the checks read."""

# Python compares them with anything, and fails only where one is put into a set or used as a key.
UNHASHABLE: tuple[Any, ...] = ([[]], {"a": []})


@pytest.mark.patient
@pytest.mark.parametrize("name", REPLACED)
async def test_a_field_of_another_type_is_played_and_judged(name: str) -> None:
    turn = REPLACED.index(name)
    ids = sorted(one.id for one in catalogue())[turn :: len(REPLACED)]
    plays = [(PLAINEST, value) for value in UNHASHABLE] + list(zip(ids, cycle(UNHASHABLE), strict=False))
    for record in await asyncio.gather(
        *(played(one, partial(Replacing, name=name, value=value)) for one, value in plays)
    ):
        expect_sound_verdicts(decode(encode(record)))
