import asyncio

from mockserver.core.streams import MAX_BATCH, EventLog
from mockserver.web.sse import frame_event

LONG = 60.0


def names(batch: object) -> list[str]:
    assert isinstance(batch, list)
    return [event.name for event in batch]


async def test_readers_have_places_of_their_own() -> None:
    log = EventLog(resumable=False)
    log.append("a", None, {}, at=1)
    async with log.read(0) as early, log.read(log.offset_after(None)) as late:
        log.append("b", "values", {}, at=2)
        assert names(await early.batch(LONG)) == ["a", "b"]
        assert names(await late.batch(LONG)) == ["b"]
        waiting = asyncio.create_task(late.batch(LONG))
        await asyncio.sleep(0)
        log.append("c", None, {}, at=3)
        log.close()
        assert names(await waiting) == ["c"]
        assert names(await early.batch(LONG)) == ["c"]
        assert await early.batch(LONG) is await late.batch(LONG) is None
    assert log.readers == {}


async def test_a_closed_log_takes_no_more_and_only_a_resumable_one_can_be_read_again() -> None:
    for resumable in (True, False):
        log = EventLog(resumable=resumable)
        log.append("a", None, {}, at=1)
        log.close()
        log.append("late", None, {}, at=2)
        async with log.read(log.offset_after("-1")) as reader:
            batch = await reader.batch(LONG)
            assert (names(batch) if resumable else batch) == (["a"] if resumable else None)


async def test_silence_gives_an_empty_batch() -> None:
    async with EventLog(resumable=False).read(0) as reader:
        assert await reader.batch(0) == []


async def test_many_events_come_in_several_batches() -> None:
    log = EventLog(resumable=False)
    for number in range(MAX_BATCH + 1):
        log.append(str(number), None, {}, at=number)
    async with log.read(0) as reader:
        sizes = [len(await reader.batch(LONG) or ()), len(await reader.batch(LONG) or ())]
    assert sizes == [MAX_BATCH, 1]


def test_the_bytes_of_an_event() -> None:
    for resumable, identity in ((True, b"id: 7-0\r\n"), (False, b"")):
        log = EventLog(resumable=resumable)
        log.append("values", "values", {"a": "\u00e9\n"}, at=7)
        (event,) = log.read(0)._events
        expected = b'event: values\r\ndata: {"a":"\xc3\xa9\\n"}\r\n' + identity + b"\r\n"
        assert frame_event(event) == frame_event(event) == expected


async def test_the_end_of_a_log_is_no_silence() -> None:
    log = EventLog(resumable=True)
    async with log.read(0) as reader:
        waiting = asyncio.create_task(reader.batch(LONG))
        await asyncio.sleep(0)
        log.close()
        assert await waiting is None
