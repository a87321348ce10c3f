"""Fuzzing of the suite: with any answer of a deployment no check raises, no failure text breaks and no driver hangs.

Random places in the answers of a correct deployment are replaced by arbitrary JSON values.
"""

from __future__ import annotations

import asyncio
import copy
import random
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
from conformance.session.target import problem_of
from conformance.transcript.transcript import Transcript, decode, encode
from mockserver import serving
from tests.conformance.hostile import SUITE, scenario, stage, verdicts

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
        if verdict.word != "PASS":
            assert len(explain(registry.load().get(name), play, verdict, "nowhere")) < 50_000, name


@pytest.fixture(scope="module")
def records(plays: dict[str, Transcript]) -> Records:
    return Records(encode(plays[scenario_id]) for scenario_id in sorted(plays))


class Records(list[bytes]):
    """Transcripts as JSON, of which a failing test does not print seventy megabytes."""

    def __repr__(self) -> str:
        return f"<{len(self)} transcripts>"


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


class Scrambling(httpx.AsyncBaseTransport):
    """A transport that changes some of the answers of a deployment."""

    def __init__(self, inner: httpx.AsyncBaseTransport, dice: random.Random) -> None:
        self._inner = inner
        self._dice = dice
        self._share = dice.choice([0.02, 0.1, 0.5])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        kind = response.headers.get("content-type", "")
        if self._dice.random() > self._share or "json" not in kind:
            return response
        body = scrambled(msgspec.json.decode(await response.aread() or b"null"), self._dice)
        # The driver reads ids from this header, so it is spoilt as well.
        headers = {"content-type": kind, "content-location": self._dice.choice(["", "/threads/1/runs/ä", "/runs/"])}
        return httpx.Response(response.status_code, content=msgspec.json.encode(body), headers=headers)

    async def aclose(self) -> None:
        await self._inner.aclose()


PLAYED = (
    "interrupt/during-tools/create/unwatched",
    "interrupt/during-answer/create/joined",
    "interrupt/during-tools/create/unwatched/elsewhere",
    "interrupt/during-tools/stream/unwatched",
    "interrupt/during-tools/wait/unwatched",
    "interrupt/thrice/create/unwatched",
)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_every_strange_deployment_is_played_and_judged(seed: int) -> None:
    dice = random.Random(seed)

    async def play(scenario_id: str) -> Transcript:
        async with serving() as url, stage(lambda inner: Scrambling(inner, dice)) as scene:
            target = scene.target(url, Deadlines().scaled(0.01))
            await target.examine(scene.transport, scene.witness, SUITE)
            return await target.play(scenario(scenario_id), scene.transport, scene.witness, SUITE)

    async def play_all() -> list[Transcript]:
        # The deadlines of the suite are a hundredth of their default. A minute is only reached by a driver that hangs.
        async with asyncio.timeout(60):
            return await asyncio.gather(*(play(scenario_id) for scenario_id in PLAYED))

    for transcript in asyncio.run(play_all()):
        expect_sound_verdicts(decode(encode(transcript)))
