import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from mockserver.core.clock import EPOCH, HandClock, RealClock, Timeline, UndelayedClock, iso, milliseconds
from mockserver.core.ids import IdSource, canonical, named


async def test_a_hand_clock_wakes_sleepers_in_the_order_of_their_times() -> None:
    clock, woken = HandClock(), []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append(name)

    tasks = [asyncio.create_task(one) for one in (sleeper("a", 2, 2), sleeper("b", 1, 2), sleeper("c", 0, 9))]
    await clock.advance(1.5)
    assert woken == ["c", "b"]
    await clock.advance(2.5)
    assert woken == ["c", "b", "a", "b", "a"]
    tasks[2].cancel()
    await clock.advance(9)
    assert woken == ["c", "b", "a", "b", "a"]


async def test_clocks_that_need_nobody() -> None:
    await UndelayedClock().sleep(1_000_000)
    await RealClock(scale=0).sleep(1_000_000)


def test_no_two_moments_of_a_timeline_are_equal() -> None:
    timeline = Timeline()
    first, second = timeline.moment(), timeline.moment()
    timeline.spend(2.5)
    third = timeline.moment()
    assert EPOCH < first < second
    assert third - second == timedelta(seconds=2.5, milliseconds=1)
    assert iso(first) == "2025-01-01T00:00:00.001000+00:00"
    assert milliseconds(first) == 1735689600001


def test_ids_follow_from_seed_scope_and_count() -> None:
    def take(seed: int, scope: str) -> list[str]:
        source = IdSource(seed).scoped(scope)
        return [source.uuid4(), source.uuid4(), source.hex()]

    assert take(1, "a") == take(1, "a")
    assert len({*take(1, "a"), *take(1, "b"), *take(2, "a")}) == 9


def test_ids_are_uuids_of_their_version_and_sort_by_time() -> None:
    source, timeline = IdSource(0), Timeline(datetime(2026, 11, 22, tzinfo=UTC))
    sevens, sixes = [], []
    for step in range(-1, 40):
        moment = timeline.moment()
        sevens.append(source.uuid7(moment))
        sixes.append(source.uuid6(moment, step))
        timeline.spend(step * step)
    assert sevens == sorted(sevens)
    assert sixes == sorted(sixes)
    assert {UUID(one).version for one in sevens} == {7}
    assert {UUID(one).version for one in sixes} == {6}
    assert UUID(source.uuid4()).version == 4
    assert UUID(named("agent")).version == 5
    # A UUIDv6 holds the time in units of 100 ns since 1582; a real server made this one 0.1 ms earlier.
    made = source.uuid6(datetime(2026, 11, 22, 5, 47, 12, 734501, tzinfo=UTC), 7)
    assert made.startswith("1f1e6382-a4b8-6")
    assert made.split("-")[3] == "8007"


def test_the_one_spelling_of_a_uuid() -> None:
    plain = "01a201cb-4653-7268-acb5-5c77e2eb911e"
    assert canonical(plain.upper()) == canonical(plain.replace("-", "")) == canonical(f"{{{plain}}}") == plain
    assert canonical("nonsense") is None
