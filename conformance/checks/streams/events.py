"""STR: what the stream of a run carries, and when it ends."""

from __future__ import annotations

from conformance.api import GONE, TERMINAL
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, expect
from conformance.judge.messages import spell, text_of
from conformance.judge.overlap import was_executing
from conformance.judge.play import Play
from conformance.judge.turns import parts_of
from conformance.judge.watchers import own_streams, streaming, streams, watcher, written
from conformance.transcript.text import snippet
from conformance.transcript.transcript import Left, Missed, Released

EVENT_OF_MODE = {"messages-tuple": "messages"}
"""The name of a mode's events, where it is not the mode's own."""

ABOUT_THE_STREAM = ("metadata", "end")
"""Events that no mode asks for."""


@check("STR-01")
def stream_begins_with_the_run(play: Play) -> None:
    """STR-01: compare the first event of every stream with `metadata` and the run's id.

    The stream of a run that never began has nothing to begin with.
    """
    judged = [stream for stream in own_streams(play) if stream.events or play.began(stream.label) is not None]
    if not judged:
        raise Unproven("no run that was streamed ever began")
    for stream in judged:
        label, asked = stream.label, stream.exchange.sent
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


@check("STR-02")
def streams_end_with_their_run(play: Play) -> None:
    """STR-02: look for a stream that is still open when its run is over.

    The driver gives every stream the time of an ordinary answer after all is over.
    """
    judged = [each for each in streams(play) if each.disconnected is None and _over(play, each.label)]
    if not judged:
        raise Unproven("no run that was streamed was seen to end while its client was there")
    for stream in judged:
        fault = stream.exchange.fault
        expect(
            stream.closed is not None,
            f"{stream.title} to end, since the run is over",
            "it was still open when all was over" if fault is None else fault.error,
            stream.exchange.sent,
        )


@check("STR-03")
def stopping_a_run_is_no_error(play: Play) -> None:
    """STR-03: look for an `error` event in the streams of run A, which was stopped."""
    play.accepted("A")
    if not _over(play, "A"):
        raise Unproven(f"run A never ended but is `{play.final_status('A')}`")
    for stream in streaming(play, "A"):
        for event in stream.named("error"):
            raise Broken(
                f"no `error` in {stream.title}: that run A was stopped is what was asked for",
                f"`error` with {event.data}",
                stream.exchange.sent,
                event.seq,
            )


@check("STR-14")
def streams_do_not_mix(play: Play) -> None:
    """STR-14: look in every stream for run ids and updates of another run."""
    found = [stream for stream in streams(play) if stream.events]
    if not found:
        raise Unproven("no stream had an event")
    for stream in found:
        for event in stream.named("metadata"):
            told = event.data.get("run_id") if isinstance(event.data, dict) else None
            expect(
                told in (None, play.run_id(stream.label)),
                f"only run {stream.label}'s id in {stream.title}",
                f"run {play.label_of(told)}",
                event.seq,
            )
        foreign = [message for message in written(stream, play) if message.label not in (stream.label, "?")]
        expect(
            not foreign,
            f"only what run {stream.label} wrote in the updates of {stream.title}",
            spell(foreign),
            stream.exchange.sent,
        )


@check("STR-15")
def stream_of_a_queued_run_delivers_all(play: Play) -> None:
    """STR-15: compare the end of the queued run B's stream with B's start, and its updates with B's steps."""
    play.accepted("B")
    began = play.began("B")
    if began is None:
        raise Unproven("the witness saw no step of run B")
    for stream in streaming(play, "B"):
        expect(
            stream.closed is None or stream.closed > began,
            "the stream of the queued run B to stay open until the run starts",
            "it was closed before run B began",
            stream.exchange.sent,
            stream.closed or 0,
        )
        words = [message.word for message in written(stream, play)]
        missing = [part for part in parts_of(play.scenario.submit("B"))[1:] if part not in words]
        expect(
            not missing,
            "every step of run B in its stream, which was opened while it was queued",
            f"no {' '.join(missing)}",
            stream.exchange.sent,
        )


@check("STR-18")
def end_is_the_last_event(play: Play) -> None:
    """STR-18: look for an event behind `end` in every stream."""
    for stream in streams(play):
        names = [event.event for event in stream.events]
        behind = names[names.index("end") + 1 :] if "end" in names else []
        expect(
            not behind,
            f"nothing behind `end` in {stream.title}",
            ", ".join(f"`{name}`" for name in behind[:3]),
            stream.exchange.sent,
        )


@check("STR-21")
def stalled_reader_stalls_nobody(play: Play) -> None:
    """STR-21: compare run A's status with `success` before its client, which reads nothing, disconnects.

    The client disconnects when the driver has waited for the run long enough.
    """
    left = watcher(play, "A").disconnected or len(play.moments)
    ended = next((r for r in play.readings("A") if r.status in TERMINAL and r.sent < left), None)
    status = play.final_status("A") if ended is None else ended.status
    expect(
        ended is not None and status == "success",
        "run A to end `success` while its stream is open and nobody reads it",
        f"`{status}`" if ended else "it did not end before its client left",
        play.submission("A").sent,
        left,
    )


@check("STR-25", "STR-33")
def modes_are_those_asked_for(play: Play) -> None:
    """STR-25, STR-33: compare the events of every stream of run A with the stream modes that were requested.

    Nothing in the probe agent emits `custom`, and another agent need not call a model.
    """
    need_not_come = {"custom"} if play.transcript.target.probe != "none" else {"custom", "messages"}
    for stream in streaming(play, "A"):
        asked = [EVENT_OF_MODE.get(mode, mode) for mode in stream.modes]
        names = {event.event for event in stream.events}
        others = sorted(names - {*asked, *ABOUT_THE_STREAM})
        missing = sorted({*asked} - need_not_come - names)
        if missing and not stream.own and not was_executing(play, "A", stream.exchange.sent):
            raise Unproven(f"run A may have been over when client {stream.name} joined it", stream.exchange.sent)
        expect(
            not others and not missing,
            f"`{'`, `'.join(asked)}` and nothing else in {stream.title}",
            f"also `{'`, `'.join(others)}`" if others else f"no `{'`, `'.join(missing)}`",
            stream.exchange.sent,
        )


@check("STR-26")
def steps_are_streamed_once_and_in_order(play: Play) -> None:
    """STR-26: compare the updates of every stream with the finished steps of its run, in order.

    A step that was followed by another of its run was certainly over, so its write was there to be sent.
    """
    for stream in own_streams(play):
        if stream.disconnected is not None or "updates" not in stream.modes:
            continue
        label, steps = stream.label, play.steps(stream.label)
        over = len(steps) if play.final_status(label) == "success" else max(0, len(steps) - 1)
        due = list(parts_of(play.scenario.submit(label))[1 : 1 + over])
        words = [message.word for message in written(stream, play)]
        expect(
            words == due,
            f"the updates [{' '.join(due)}] in {stream.title}, one for each step that was over",
            f"[{' '.join(words)}]",
            stream.exchange.sent,
        )


@check("STR-31")
def events_come_when_they_happen(play: Play) -> None:
    """STR-31: compare the arrival of the first step's update with the end of run A's hold in its tool.

    A was held in its tool until something was done about it, and its first step was over.
    """
    held = play.reached("A", "tools:1/enter")
    acted = next((m.seq for m in play.moments if m.seq > held and isinstance(m, Released | Left | Missed)), None)
    if acted is None:
        raise Unproven("run A was not let go", held)
    [stream] = [each for each in own_streams(play) if each.label == "A"]
    first = next((event for event in stream.named("updates")), None)
    expect(
        first is not None and first.seq < acted,
        f"the update of run A's first step in {stream.title} while the second step was held",
        "no update at all" if first is None else "it came only when A was let go",
        stream.exchange.sent,
        held,
        acted,
    )


@check("STR-32")
def tokens_make_the_answer(play: Play) -> None:
    """STR-32: compare the pieces of each answer in run A's streams with the answer in the state.

    A message's pieces have its id. What is put together from them is the message.
    """
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
                f"the pieces in {stream.title} to make the answer that is in the state",
                f"{len(pieces)} pieces that make {snippet(''.join(pieces))}",
                stream.exchange.sent,
            )


def _over(play: Play, label: str) -> bool:
    """Whether a run is over, as far as its status tells."""
    return play.final_status(label) in TERMINAL | {GONE}
