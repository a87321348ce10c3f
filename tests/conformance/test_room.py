"""The workers of a deployment: how plays share them, and what follows when there are fewer than were found."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from fnmatch import fnmatch

import httpx
import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.driver.deadlines import Deadlines
from conformance.judge.branches import has_branches
from conformance.judge.play import Play
from conformance.judge.premises import unstarted
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.demand import EACH, demand, quiet_from, waits_long
from conformance.scenarios.moves import Batch
from conformance.session import options
from conformance.session.players import DecodingAtOnce, PlayPool
from conformance.session.room import Lease, Room, can_finish
from conformance.session.session import Case, Session
from conformance.session.target import CALIBRATIONS, MOST, MOST_IF_SLOW, SHARERS, Target
from conformance.transcript.transcript import Missed, ProbeUse, WitnessEvent
from mockserver import serving
from tests.conformance.deployments import ONE, deployment
from tests.conformance.hostile import stage
from tests.conformance.plays import SUITE, words
from tests.conformance.runs import run_suite
from tests.conformance.wire_faults import Body, Proxy, Wire

PLAINEST = "interrupt/during-tools/create/unwatched"
BY_ID = {scenario.id: scenario for scenario in catalogue()}
GOODS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=12)


@given(st.integers(1, 6), GOODS)
def test_no_play_waits_for_ever_and_no_worker_is_held_twice(workers: int, plays: list[list[int]]) -> None:
    room, held = Room(workers), dict.fromkeys(range(len(plays)), 0)

    async def play(number: int, needs: list[int]) -> None:
        lease = room.lease(max(needs))
        for need in needs:
            await lease.need(need)
            held[number] = lease.held
            assert lease.held == min(need, workers)
            assert sum(held.values()) <= workers
            await asyncio.sleep(0)
        lease.end()
        held[number] = 0

    async def everything() -> None:
        async with asyncio.timeout(5):
            await asyncio.gather(*(play(number, needs) for number, needs in enumerate(plays)))

    asyncio.run(everything())


async def test_a_play_that_wants_to_be_alone_is_not_overtaken() -> None:
    room, order = Room(4), list[str]()
    first = room.lease(1)
    await first.need(1)

    async def next_one(name: str, lease: Lease) -> None:
        await lease.need(1)
        order.append(name)
        lease.end()

    alone, later = room.whole(), room.lease(1)
    waiting = [asyncio.create_task(next_one(*one)) for one in (("alone", alone), ("later", later))]
    await asyncio.sleep(0)
    assert order == []
    first.end()
    await asyncio.gather(*waiting)
    assert order == ["alone", "later"]
    assert (first.crowded, alone.crowded) == (False, False)


async def test_one_reason_lowers_the_limit_once() -> None:
    room = Room(8)
    leases = [room.lease(2) for _ in range(4)]
    for lease in leases:
        await lease.need(2)
    for lease in leases:
        room.shrink(lease)
    assert room.limit == 4
    for lease in leases:
        lease.end()
    again = [room.lease(2) for _ in range(2)]
    for lease in again:
        await lease.need(2)
    third = asyncio.create_task(room.lease(2).need(2))
    await asyncio.sleep(0)
    assert not third.done()
    again[0].end()
    await third


async def test_a_wait_that_is_cancelled_blocks_no_other() -> None:
    room = Room(1)
    first, second, third = room.lease(1), room.lease(1), room.lease(1)
    await first.need(1)
    waits = [asyncio.create_task(lease.need(1)) for lease in (second, third)]
    await asyncio.sleep(0)
    waits[0].cancel()
    first.end()
    await waits[1]


def test_plays_that_wait_for_each_other_are_found() -> None:
    assert can_finish(1, [(1, 2), (1, 3)])
    assert not can_finish(0, [(1, 2), (1, 3)])
    assert not can_finish(-1, [])


def test_every_scenario_needs_a_worker_while_a_run_is_in_flight_and_none_at_its_end() -> None:
    for scenario in catalogue():
        found = demand(scenario)
        assert len(found) == len(scenario.moves)
        assert 0 < max(found) <= 2 * EACH, scenario.id
        assert not any(found[quiet_from(scenario) :]), scenario.id
    assert demand(BY_ID["cancel/during-tools/interrupt/unwatched"])[0] == 1
    assert max(demand(BY_ID[PLAINEST])) == EACH


def test_runs_that_have_ended_need_no_worker() -> None:
    scenario = BY_ID[PLAINEST]
    second = next(index for index, move in enumerate(scenario.moves) if move.describe().startswith("submit run B"))
    assert max(demand(scenario)[second:]) == EACH
    assert max(demand(scenario, {"A"})[second:]) == 1
    # Nothing is in flight, and only waits follow.
    assert demand(scenario, {"A", "B"})[second + 1 :] == (0,) * (len(scenario.moves) - second - 1)
    # A scenario that may still start a run keeps a worker.
    assert min(demand(BY_ID[f"{PLAINEST}/second-turn"], {"A", "B"})[second : second + 3]) == 1


def test_runs_of_a_batch_need_workers() -> None:
    [batch] = [one for one in catalogue() if any(isinstance(move, Batch) for move in one.moves)]
    [index] = [index for index, move in enumerate(batch.moves) if isinstance(move, Batch)]
    assert demand(batch)[index] == 2


class Lent:
    """A lease that keeps what a play asks of it: each number of workers, and whether it was awaited."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    async def need(self, workers: int) -> None:
        self.calls.append(("need", workers))

    def lower(self, workers: int) -> None:
        self.calls.append(("lower", workers))


async def lent(
    change: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = lambda inner: inner,
    probe: ProbeUse = "witnessed",
) -> list[tuple[str, int]]:
    """Return what the play of the plainest scenario asks of its lease."""
    lease = Lent()
    async with serving() as url, stage(change) as scene:
        target = scene.target(url, Deadlines(hold=0.1))
        target.info = msgspec.structs.replace(target.info, probe=probe)
        await target.play(BY_ID[PLAINEST], scene.transport, scene.witness, SUITE, lease)
    return lease.calls


async def test_a_play_gives_back_the_worker_of_a_run_that_is_read_as_ended() -> None:
    calls = await lent()
    assert calls[0] == ("need", 1)
    both = calls.index(("need", EACH))
    assert ("lower", 1) in calls[both:]
    assert ("need", EACH) not in calls[calls.index(("lower", 1), both) :]
    assert ("lower", 0) in calls[both:]
    assert {number for _, number in calls[calls.index(("lower", 0), both) :]} == {0}


async def test_a_play_that_holds_its_runs_by_time_keeps_all_workers_to_the_end_of_its_runs() -> None:
    calls = await lent(probe="unwitnessed")
    # The time of a hold must not pass while the play waits for a worker that it has given back.
    assert list(dict.fromkeys(calls)) == [("need", EACH), ("need", 0)]


async def test_a_run_whose_step_executes_keeps_its_worker_whatever_its_status() -> None:
    def edit(request: httpx.Request, body: Body) -> Body:
        read = request.method == "GET" and isinstance(body, dict) and "run_id" in body
        return {**body, "status": "interrupted"} if read else body

    calls = await lent(lambda inner: Proxy(inner, Wire(edit=edit)))
    assert ("lower", 1) not in calls[: calls.index(("need", EACH))]
    assert ("lower", EACH) in calls[: calls.index(("need", EACH))]


LONGEST = ("cron/busy-thread", "rollback/at-once/create/unwatched")
"""A scenario that waits for a time of day, and a race that is played several times."""


def test_what_takes_longest_begins_first(
    pool: PlayPool, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert waits_long(BY_ID[LONGEST[0]])
    assert has_branches(BY_ID[LONGEST[1]])
    begun: list[str] = []
    monkeypatch.setattr(pool, "future", lambda _, scenario: begun.append(scenario.id))
    session = Session(options.read(pytestconfig))
    target = Target(url="http://x", assistant="a", headers={}, profile=None, deadlines=Deadlines())
    vars(session).update(_pool=pool, _targets=[target])
    chosen = (PLAINEST, *LONGEST, "enqueue/during-tools/create/unwatched")
    session.begin(
        [case for case in session.cases(["cron", "enqueue", "interrupt", "rollback"]) if played(case, chosen)]
    )
    assert set(begun) == set(chosen)
    assert set(begun[: len(LONGEST)]) == set(LONGEST)


def played(case: Case, names: tuple[str, ...]) -> bool:
    return case.scenario.id in names


def test_bodies_are_decoded_at_once_and_the_rest_is_done_in_threads() -> None:
    with DecodingAtOnce() as executor:
        body, broken = executor.submit(orjson.loads, b"[1]"), executor.submit(orjson.loads, b"[1")
        assert body.done()
        assert body.result() == [1]
        assert isinstance(broken.exception(), orjson.JSONDecodeError)
        assert executor.submit(threading.current_thread).result() is not threading.current_thread()


@pytest.fixture
def pool(request: pytest.FixtureRequest) -> Iterator[PlayPool]:
    pool = PlayPool(suite=SUITE, jobs=None, witness_host=None)
    pool.start()
    yield pool
    pool.stop()


def deployed(pool: PlayPool, **options: object) -> Target:
    url = pool.embed_mock(**options)
    short = Deadlines(capacity=0.5, start=3.0)
    return Target(url=url, assistant="agent", headers={}, profile=None, deadlines=short)


@pytest.mark.parametrize(("workers", "found"), [(1, 1), (3, 3), (None, MOST)])
def test_the_workers_of_a_deployment_are_counted(pool: PlayPool, workers: int | None, found: int) -> None:
    target = deployed(pool, workers=workers)
    pool.transcript(target, BY_ID[PLAINEST])
    assert target.width == found


def test_a_run_that_found_no_worker_is_played_again_alone(pool: PlayPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Target, "width", property(lambda _: 6, lambda *_: None), raising=False)
    target = deployed(pool, workers=1)
    names = [name for name in BY_ID if name.startswith("enqueue/during-")][:3]
    pool.begin(target, [BY_ID[name] for name in names])
    for name in names:
        play = Play(pool.transcript(target, BY_ID[name]))
        assert not unstarted(play), name
        assert play.final_status("A") == "success"


@pytest.mark.parametrize(("limit", "noted"), [(0.0, True), (60.0, False)])
def test_a_slow_deployment_is_noted(pool: PlayPool, monkeypatch: pytest.MonkeyPatch, limit: float, noted: bool) -> None:
    monkeypatch.setattr("conformance.session.target.SLOW", limit)
    monkeypatch.setattr("conformance.session.target.CROWDED", float("inf"))
    target = deployed(pool)
    pool.transcript(target, BY_ID[PLAINEST])
    assert any("answers a reading of a status after" in note for note in target.notes) is noted
    # Its plays wait for answers most of the time, so more of them are made at a time, after fewer plain runs.
    assert target.width == (MOST_IF_SLOW if noted else MOST)
    assert len(target.calibration) == (2 if noted else 1 + CALIBRATIONS)


def test_few_plays_are_made_where_requests_wait_for_each_other(pool: PlayPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.session.target.SLOW", 0.0)
    monkeypatch.setattr("conformance.session.target.CROWDED", 0.0)
    target = deployed(pool)
    answer = target.deadlines.answer
    pool.transcript(target, BY_ID[PLAINEST])
    assert target.deadlines.answer != answer
    assert (target.workers, target.width, target.counted) == ("several", 1, False)
    assert pool._room(target).workers == SHARERS
    assert any(f"{MOST} requests at a time are answered after" in note for note in target.notes)


@pytest.mark.parametrize(("at_the_end", "blamed"), [(False, False), (True, True)])
def test_a_run_that_waits_for_another_of_its_thread_lacks_no_worker(
    pool: PlayPool, at_the_end: bool, blamed: bool
) -> None:
    play = pool.transcript(deployed(pool), BY_ID[PLAINEST])
    steps = [moment.seq for moment in play.moments if isinstance(moment, WitnessEvent)]
    seq = steps[-1] + 1 if at_the_end else steps[0] + 1
    missed = Missed(seq=seq, t=0.0, awaited="run B to begin", seconds=10.0, unstarted=True)
    later = [msgspec.structs.replace(moment, seq=moment.seq + 1) for moment in play.moments[seq:]]
    changed = msgspec.structs.replace(play, moments=[*play.moments[:seq], missed, *later])
    assert unstarted(Play(changed)) is blamed


def test_plays_that_share_one_worker_break_no_requirement(pool: PlayPool) -> None:
    target = deployed(pool, workers=1)
    names = [name for name in BY_ID if fnmatch(name, "*/during-tools/*/unwatched")]
    pool.begin(target, [BY_ID[name] for name in names])
    plays = [Play(pool.transcript(target, BY_ID[name])) for name in names]
    assert len(plays) > SHARERS
    assert pool._room(target).workers == SHARERS
    # A run may wait until those of the other plays have had the worker.
    assert target.deadlines.start > 3.0
    assert {word for play in plays for word in words(play).values()} <= {"PASS", "NOT-APPLICABLE"}


async def test_the_free_workers_are_the_default_at_a_url() -> None:
    async with deployment() as there:
        run = await run_suite(f"--deployment-url={there.url}", *ONE)
        assert run.code == 0, run.output
        assert f"{MOST} workers were used at a time" in run.output
        run = await run_suite(f"--deployment-url={there.url}", "--conformance-jobs=1", *ONE)
    assert "workers were used" not in run.output
    # Few scenarios were selected, so nothing is sooner.
    assert "has it soonest" not in run.output
    assert there.played["width"] == 1
