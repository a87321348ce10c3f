"""STR: what the stream of a run carries, and when it ends."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.checks import Check
from conformance.judge.expect import Broken, Unproven, expect
from conformance.judge.messages import read_messages, spell, text_of
from conformance.judge.overlap import was_executing
from conformance.judge.play import Play
from conformance.judge.statuses import GONE, TERMINAL
from conformance.judge.turns import parts_of
from conformance.judge.watchers import Watcher, own_streams, streaming, streams, watcher, written
from conformance.scenarios import scenario as s
from conformance.transcript.text import snippet
from conformance.transcript.transcript import Left, Missed, Released

EVENT_OF_MODE = {"messages-tuple": "messages"}
"""The name of a mode's events, where it is not the mode's own."""

ABOUT_THE_STREAM = ("metadata", "end")
"""Events that no mode asks for."""


def stream_begins_with_the_run(play: Play) -> None:
    """STR-01. The stream of a run that never began has nothing to begin with."""
    judged = [stream for stream in own_streams(play) if stream.events or play.began(stream.label) is not None]
    if not judged:
        raise Unproven("no run that was streamed ever began")
    for stream in judged:
        label, asked = stream.label, stream.exchange.asked
        expect(bool(stream.events), f"events in the stream of run {label}", "none", asked)
        first = stream.events[0]
        told = first.data.get("run_id") if isinstance(first.data, dict) else None
        reported = next((report.run_id for report in play.reports(label) if report.run_id), None)
        expect(
            first.event == "metadata" and isinstance(told, str) and reported in (None, told),
            f"`metadata` with the id of run {label} as the first event of its stream",
            f"`{first.event}` with run_id {told}" + (f", while the run itself is {reported}" if reported else ""),
            asked,
            first.seq,
        )


def streams_end_with_their_run(play: Play) -> None:
    """STR-02. The driver gives every stream the time of an ordinary answer after all is over."""
    judged = [each for each in streams(play) if each.left is None and _over(play, each.label)]
    if not judged:
        raise Unproven("no run that was streamed was seen to end while its client was there")
    for stream in judged:
        fault = stream.exchange.fault
        expect(
            stream.closed is not None,
            f"{_whose(stream)} to end, since the run is over",
            "it was still open when all was over" if fault is None else fault.error,
            stream.exchange.asked,
        )


def stopping_a_run_is_no_error(play: Play) -> None:
    """STR-03."""
    play.accepted("A")
    if not _over(play, "A"):
        raise Unproven(f"run A never ended but is `{play.final_status('A')}`")
    for stream in streaming(play, "A"):
        for event in stream.named("error"):
            raise Broken(
                f"no `error` in {_whose(stream)}: that run A was stopped is what was asked for",
                f"`error` with {event.data}",
                stream.exchange.asked,
                event.seq,
            )


def streams_do_not_mix(play: Play) -> None:
    """STR-14: what a run's stream says that nodes just wrote is that run's, and so is every run id in it."""
    found = [stream for stream in streams(play) if stream.events]
    if not found:
        raise Unproven("no stream had an event")
    for stream in found:
        for event in stream.named("metadata"):
            told = event.data.get("run_id") if isinstance(event.data, dict) else None
            expect(
                told in (None, play.run_id(stream.label)),
                f"only run {stream.label}'s id in {_whose(stream)}",
                f"run {play.label_of(told)}",
                event.seq,
            )
        foreign = [message for message in written(stream, play) if message.label not in (stream.label, "?")]
        expect(
            not foreign,
            f"only what run {stream.label} wrote in the updates of {_whose(stream)}",
            spell(foreign),
            stream.exchange.asked,
        )


def stream_of_a_queued_run_delivers_all(play: Play) -> None:
    """STR-15."""
    play.accepted("B")
    began = play.began("B")
    if began is None:
        raise Unproven("the witness saw no step of run B")
    for stream in streaming(play, "B"):
        expect(
            stream.closed is None or stream.closed > began,
            "the stream of the queued run B to stay open until the run starts",
            "it was closed before run B began",
            stream.exchange.asked,
            stream.closed or 0,
        )
        words = [message.word for message in written(stream, play)]
        missing = [part for part in parts_of(play.scenario.submit("B"))[1:] if part not in words]
        expect(
            not missing,
            "every step of run B in its stream, which was opened while it was queued",
            f"no {' '.join(missing)}",
            stream.exchange.asked,
        )


def end_is_the_last_event(play: Play) -> None:
    """STR-18."""
    for stream in streams(play):
        names = [event.event for event in stream.events]
        if "end" in names:
            expect(
                names.index("end") == len(names) - 1,
                f"nothing behind `end` in {_whose(stream)}",
                f"`{names[names.index('end') + 1]}`",
                stream.exchange.asked,
            )


def stalled_reader_stalls_nobody(play: Play) -> None:
    """STR-21. The client leaves when the driver has waited for the run long enough."""
    left = watcher(play, "A").left or len(play.moments)
    ended = next((r for r in play.readings("A") if r.status in TERMINAL and r.asked < left), None)
    status = play.final_status("A") if ended is None else ended.status
    expect(
        ended is not None and status == "success",
        "run A to end `success` while its stream is open and nobody reads it",
        f"`{status}`" if ended else "it did not end before its client left",
        play.submission("A").asked,
        left,
    )


def modes_are_those_asked_for(play: Play) -> None:
    """STR-25 and STR-33. Nothing in the probe agent emits `custom`, and another agent need not call a model."""
    need_not_come = {"custom"} if play.transcript.target.probe != "none" else {"custom", "messages"}
    for stream in streaming(play, "A"):
        asked = [EVENT_OF_MODE.get(mode, mode) for mode in stream.modes]
        names = {event.event for event in stream.events}
        others = sorted(names - {*asked, *ABOUT_THE_STREAM})
        missing = sorted({*asked} - need_not_come - names)
        if missing and not stream.own and not was_executing(play, "A", stream.exchange.asked):
            raise Unproven(f"run A may have been over when client {stream.name} joined it", stream.exchange.asked)
        expect(
            not others and not missing,
            f"`{'`, `'.join(asked)}` and nothing else in {_whose(stream)}",
            f"also `{'`, `'.join(others)}`" if others else f"no `{'`, `'.join(missing)}`",
            stream.exchange.asked,
        )


def steps_are_streamed_once_and_in_order(play: Play) -> None:
    """STR-26. A step that was followed by another of its run was certainly over, so its write was there to be sent."""
    for stream in own_streams(play):
        if stream.left is not None or "updates" not in stream.modes:
            continue
        label, steps = stream.label, play.steps(stream.label)
        over = len(steps) if play.final_status(label) == "success" else max(0, len(steps) - 1)
        due = list(parts_of(play.scenario.submit(label))[1 : 1 + over])
        words = [message.word for message in written(stream, play)]
        expect(
            words == due,
            f"the updates [{' '.join(due)}] in {_whose(stream)}, one for each step that was over",
            f"[{' '.join(words)}]",
            stream.exchange.asked,
        )


def events_come_when_they_happen(play: Play) -> None:
    """STR-31. A was held in its tool until something was done about it; its first step was over."""
    held = play.reached("A", "tools:1/enter")
    acted = next((m.seq for m in play.moments if m.seq > held and isinstance(m, Released | Left | Missed)), None)
    if acted is None:
        raise Unproven("run A was not let go", held)
    [stream] = [each for each in own_streams(play) if each.label == "A"]
    first = next((event for event in stream.named("updates")), None)
    expect(
        first is not None and first.seq < acted,
        f"the update of run A's first step in {_whose(stream)} while the second step was held",
        "no update at all" if first is None else "it came only when A was let go",
        stream.exchange.asked,
        held,
        acted,
    )


def tokens_make_the_answer(play: Play) -> None:
    """STR-32. A message's pieces have its id; what is put together from them is the message."""
    state = play.state().get("values")
    messages = state.get("messages", ()) if isinstance(state, dict) else ()
    answers = [m for m in messages if isinstance(m, dict) and m.get("type") == "ai" and not m.get("tool_calls")]
    if not answers:
        raise Unproven("no answer in the state")
    for stream in streaming(play, "A"):
        for answer in answers:
            pieces = [
                text_of(event.data[0].get("content"))
                for event in stream.named("messages")
                if isinstance(event.data, list) and event.data and isinstance(event.data[0], dict)
                if event.data[0].get("id") == answer.get("id")
            ]
            expect(
                "".join(pieces) == text_of(answer.get("content")),
                f"the pieces in {_whose(stream)} to make the answer that is in the state",
                f"{len(pieces)} pieces that make {snippet(''.join(pieces))}",
                stream.exchange.asked,
            )


def shown_values_stay(play: Play) -> None:
    """CLI-04. A `values` event is the state after a step; what it shows was not a draft."""
    kept = [message.id for message in play.messages()]
    for stream in streaming(play, "A"):
        shown = [(event, read_messages(event.data, play.scenario)) for event in stream.named("values")]
        if not shown:
            raise Unproven(f"no `values` in {_whose(stream)}", stream.exchange.asked)
        event, messages = shown[-1]
        lost = [message for message in messages if message.id not in kept]
        expect(
            not lost,
            f"every message that {_whose(stream)} showed as written in the thread's state, under the same id",
            f"no {spell(lost)}",
            event.seq,
            play.last("final state", s.MAIN).asked,
        )


def _over(play: Play, label: str) -> bool:
    """Whether a run is over, as far as its status tells."""
    return play.final_status(label) in TERMINAL | {GONE}


def _whose(stream: Watcher) -> str:
    """A stream, in words."""
    return f"the stream of run {stream.label}" + ("" if stream.own else f" that client {stream.name} joined")


CHECKS: Mapping[str, Check] = {
    "STR-01": stream_begins_with_the_run,
    "STR-02": streams_end_with_their_run,
    "STR-03": stopping_a_run_is_no_error,
    "STR-14": streams_do_not_mix,
    "STR-15": stream_of_a_queued_run_delivers_all,
    "STR-18": end_is_the_last_event,
    "STR-21": stalled_reader_stalls_nobody,
    "STR-25": modes_are_those_asked_for,
    "STR-26": steps_are_streamed_once_and_in_order,
    "STR-33": modes_are_those_asked_for,
    "STR-31": events_come_when_they_happen,
    "STR-32": tokens_make_the_answer,
    "CLI-04": shown_values_stay,
}
