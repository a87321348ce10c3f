"""STR: the events of a run's stream, and its end."""

from __future__ import annotations

from conformance.api import GONE
from conformance.judge.check import check
from conformance.judge.expect import Broken, Inapplicable, Unproven, all_facts, expect
from conformance.judge.messages import read_messages, spell
from conformance.judge.overlap import was_executing
from conformance.judge.play import Play
from conformance.judge.premises import ACCEPTED_A, ACCEPTED_B, HELD
from conformance.judge.turns import parts_of
from conformance.judge.watchers import (
    EVENT_NAMES,
    EVENTS_OF_A_RUN,
    EVENTS_OF_MODES,
    Watcher,
    mode_of,
    own_streams,
    streaming,
    streams,
    watcher,
    written,
)
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet
from conformance.transcript.transcript import Left, Missed, Released


@check("STR-01")
@all_facts
def stream_begins_with_the_run(play: Play) -> None:
    """STR-01: compare the first event of a run's own in every stream with `metadata` and the run's id."""
    # A run that was superseded or deleted while pending never began, and its stream may end without an event of it.
    # A client that stalls reads one event, which may be one of the server's own. One that leaves may have read none.
    judged = [stream for stream in own_streams(play) if _has_begun(stream) or _expects_events(play, stream)]
    if not judged:
        raise Unproven("no run that was streamed ever began")
    for stream in judged:
        label, sent = stream.label, stream.exchange.sent
        expect(bool(stream.events), f"events in the stream of run {label}", "none", sent)
        if not stream.events:
            continue
        first = stream.events[0]
        run_id = first.data.get("run_id") if isinstance(first.data, dict) else None
        # The probe agent reports the id that its own configuration has. A run without a report has only this event.
        reported = next((report.run_id for report in play.reports(label) if report.run_id), None)
        expect(
            first.event == "metadata" and isinstance(run_id, str) and reported in (None, run_id),
            f"`metadata` with the id of run {label} before the other events of its stream",
            f"`{first.event}` with run_id {snippet(run_id)}"
            + (f", while the agent of that run reported the run_id {reported}" if reported else ""),
            sent,
            first.seq,
        )


def _has_begun(stream: Watcher) -> bool:
    """Return whether a stream has events that only a run sends that has begun."""
    return any(event.event not in ("error", "end") for event in stream.events)


def _expects_events(play: Play, stream: Watcher) -> bool:
    """Return whether the client of a run that began has read its stream to the end."""
    reads = play.scenario.submit(stream.label).reads and stream.disconnected is None
    return reads and play.began(stream.label) is not None


@check("STR-02")
@all_facts
def streams_end_with_their_run(play: Play) -> None:
    """STR-02: look for a stream that is still open when its run is over."""
    judged = [each for each in streams(play) if each.disconnected is None and _is_over(play, each.label)]
    if not judged:
        raise Unproven("no streamed run was seen to end while its client was connected")
    for stream in judged:
        fault = stream.exchange.fault
        # At the end of a play, the driver waits for open streams as long as for any answer before it gives up.
        expect(
            stream.closed is not None,
            f"{stream.title} to end, since the run is over",
            "it was still open at the end of the play" if fault is None else fault.error,
            stream.exchange.sent,
        )


@check("STR-03", premises=(HELD, ACCEPTED_A))
def stopping_a_run_is_no_error(play: Play) -> None:
    """STR-03: look for an `error` event in the streams of run A, which was stopped."""
    if not _is_over(play, "A"):
        raise Unproven(f"run A never ended: its status is `{play.final_status('A')}`")
    # The official clients raise an exception for `error`, although the user requested the stop.
    for stream in streaming(play, "A"):
        for event in stream.named("error"):
            raise Broken(
                f"no `error` event in {stream.title}, because run A was stopped on request",
                f"`error` with {snippet(event.data)}",
                stream.exchange.sent,
                event.seq,
            )


@check("STR-14")
@all_facts
def streams_do_not_mix(play: Play) -> None:
    """STR-14: look in every stream for run ids and updates of another run."""
    found = [stream for stream in streams(play) if stream.events]
    if not found:
        raise Unproven("no stream had an event")
    for stream in found:
        for event in stream.named("metadata"):
            run_id = event.data.get("run_id") if isinstance(event.data, dict) else None
            # STR-01 judges a missing id, and in the stream of the client that created the run one of no run.
            unknown = stream.own and play.label_of(run_id) == run_id
            expect(
                unknown or run_id in (None, play.run_id(stream.label)),
                f"only the id of run {stream.label} in {stream.title}",
                f"the id of run {play.label_of(run_id)}",
                event.seq,
            )
        # A message of no known run (`?`) may be one that the deployment rewrote. INT-05 judges it in the state.
        foreign = [message for message in written(stream, play) if message.label not in (stream.label, "?")]
        expect(
            not foreign,
            f"only messages of run {stream.label} in the updates of {stream.title}",
            spell(foreign),
            stream.exchange.sent,
        )
        # Values are the thread's: messages from before the run belong in them, and messages of later runs do not.
        labels = [submit.label for submit in play.scenario.submits(play.scenario.submit(stream.label).thread)]
        later = labels[labels.index(stream.label) + 1 :]
        for event in stream.named("values"):
            early = [message for message in read_messages(event.data, play.scenario) if message.label in later]
            expect(
                not early,
                f"no messages of later runs in the `values` of {stream.title}",
                spell(early),
                stream.exchange.sent,
                event.seq,
            )


@check("STR-15", premises=(HELD, ACCEPTED_B))
@all_facts
def stream_of_a_queued_run_delivers_all(play: Play) -> None:
    """STR-15: compare the end of the queued run B's stream with B's start, and its updates with B's steps."""
    began = play.began("B")
    if began is None:
        raise Unproven("the witness received no report from a step of run B")
    for stream in streaming(play, "B"):
        # A stream that never ends breaks STR-02. Here it is the opposite: one that ends before there was anything.
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
            "updates of every step of run B in its stream, which was opened while the run was queued",
            f"no {' '.join(missing)}",
            stream.exchange.sent,
        )


@check("STR-18")
@all_facts
def end_is_the_last_event(play: Play) -> None:
    """STR-18: look for an event behind `end` in every stream."""
    # `end` itself is optional: `langgraph dev` sends none.
    for stream in streams(play):
        names = [event.event for event in stream.events]
        behind = names[names.index("end") + 1 :] if "end" in names else []
        expect(
            not behind,
            f"no event after `end` in {stream.title}",
            ", ".join(f"`{name}`" for name in behind[:3]),
            stream.exchange.sent,
        )


@check("STR-21")
def stalled_reader_does_not_stall_the_run(play: Play) -> None:
    """STR-21: compare run A's status with `success` before its client, which reads nothing, disconnects."""
    # The driver waits for the end of the run, up to its deadline, before it disconnects the client. A run that ends
    # only after that was held up by the client's full buffers.
    left = watcher(play, "A").disconnected
    known = (r for r in play.readings("A") if r.status in play.ends("A") and (left is None or r.sent < left))
    ended = next(known, None)
    status = play.final_status("A") if ended is None else ended.status
    # A client whose stream is closed by the deployment does not disconnect.
    late = "it never ended" if left is None else "it did not end before its client disconnected"
    expect(
        ended is not None and status == "success",
        "run A to end `success` while its stream is open and its client reads nothing",
        f"`{status}`" if ended else late,
        play.submission("A").sent,
        *(() if left is None else (left,)),
    )


@check("STR-25")
@all_facts
def modes_are_those_requested(play: Play) -> None:
    """STR-25: compare the events of every stream of run A with the stream modes that were requested."""
    for stream in streaming(play, "A"):
        # A client that joined after the end was rightly sent nothing.
        late = not stream.own and not _joined_in_time(play, stream)
        if _missing_modes(play, stream) and late:
            raise Unproven(f"run A may have been over when client {stream.name} joined it", stream.exchange.sent)
        _expect_modes(play, stream)


@check("STR-33")
@all_facts
def joined_modes_are_those_requested(play: Play) -> None:
    """STR-33: compare the events of every client that joined with several stream modes with these modes."""
    joins = [each for each in streams(play) if not each.own and each.since is None and each.disconnected is None]
    # Steps of a run that ended otherwise may have written nothing, and so sent no events.
    judged = [
        each
        for each in joins
        if len(each.modes) > 1
        and {*each.modes} <= {*_created_with(play.scenario.submit(each.label))}
        and play.outcome(each.label) == "success"
        and _joined_in_time(play, each)
    ]
    if not judged:
        raise Unproven("no client joined the stream of a run with several modes while its later steps executed")
    for stream in judged:
        _expect_modes(play, stream)


def _joined_in_time(play: Play, stream: Watcher) -> bool:
    """Return whether the run certainly executed when the deployment had answered a client that joined its stream."""
    answered = stream.exchange.over
    return answered is not None and was_executing(play, stream.label, answered)


def _created_with(run: s.Submit) -> tuple[s.StreamMode, ...]:
    """Return the stream modes that a run was created with. A join with others need not receive them."""
    return run.stream_mode or (("values", "updates") if run.endpoint == "stream" else ("values",))


def _missing_modes(play: Play, stream: Watcher) -> list[str]:
    """Return the modes that were requested and of which the client received no event."""
    # The probe agent emits no `custom` events. Another agent need not call a model, and then shows no pieces either.
    optional = {"custom"} if play.transcript.target.probe != "none" else {"custom", "messages-tuple", "messages"}
    received = {event.event for event in stream.events}
    return sorted(mode for mode in {*stream.modes} - optional if not received & {*EVENT_NAMES[mode]})


def _expect_modes(play: Play, stream: Watcher) -> None:
    """Raise Broken unless a stream has events of the requested modes and of no others."""
    requested = [name for mode in stream.modes for name in EVENT_NAMES[mode]]
    missing = [name for mode in _missing_modes(play, stream) for name in EVENT_NAMES[mode]]
    names = {event.event for event in play.events(stream.exchange)} - set(requested)
    # Where a mode is missing, its events may have come under a name of no mode.
    strange = names - EVENTS_OF_A_RUN if missing else set()
    others = sorted(name for name in names if mode_of(name) in EVENTS_OF_MODES or name in strange)
    expect(
        not others and not missing,
        f"`{'`, `'.join(requested)}` events and no others in {stream.title}",
        " and ".join(
            [f"also `{'`, `'.join(others)}`"] * bool(others) + [f"no `{'`, `'.join(missing)}`"] * bool(missing)
        ),
        stream.exchange.sent,
    )


@check("STR-26")
@all_facts
def steps_are_streamed_once_and_in_order(play: Play) -> None:
    """STR-26: compare the updates of every stream with the finished steps of its run, in order."""
    for stream in own_streams(play):
        if stream.disconnected is not None or "updates" not in stream.modes:
            continue
        label, steps = stream.label, play.steps(stream.label)
        # The last step of a stopped run may have been cancelled before it wrote. One that was followed by another step
        # was certainly over, because the next step reads its writes.
        over = len(steps) if play.final_status(label) == "success" else max(0, len(steps) - 1)
        parts = parts_of(play.scenario.submit(label))[1:]
        due, words = list(parts[:over]), [message.word for message in written(stream, play)]
        # A last step that returned before its run was stopped, or whose run has no known status, may have written.
        returned = sum(step.outcome == "returned" for step in steps)
        expect(
            words == due or (returned > over and words == list(parts[:returned])),
            f"the updates [{' '.join(due)}] in {stream.title}, one for each finished step",
            f"[{' '.join(words)}]",
            stream.exchange.sent,
        )


@check("STR-50")
@all_facts
def attempts_are_counted(play: Play) -> None:
    """STR-50: compare the `attempt` of every `metadata` event with a number from 1 that its connection had not yet."""
    shown = [(stream, event) for stream in streams(play) for event in stream.named("metadata")]
    counted = [(s, e, e.data["attempt"]) for s, e in shown if isinstance(e.data, dict) and "attempt" in e.data]
    if not counted:
        raise Inapplicable("no stream shows the attempt of its run, which no description requires")
    announced = set()
    for stream, event, attempt in counted:
        expect(
            isinstance(attempt, int) and attempt is not True and attempt > 0,
            f"a number from 1 as `attempt` of the `metadata` event in {stream.title}",
            f"`{snippet(attempt)}`",
            event.seq,
        )
        # A client that reconnects receives the beginning of the stream again.
        one = (event.exchange, snippet(attempt))
        expect(
            one not in announced,
            f"one `metadata` event for each attempt in {stream.title}",
            f"another one for attempt {snippet(attempt)}",
            event.seq,
        )
        announced.add(one)


@check("STR-31")
@all_facts
def events_are_sent_when_they_happen(play: Play) -> None:
    """STR-31: compare the arrival of a first step's update with the time for which the second step was held."""
    judged = [(stream, held) for stream in own_streams(play) if (held := _held_in_its_tool(play, stream)) is not None]
    if not judged:
        raise Unproven("no run whose updates are streamed was held in its second step while a request was answered")
    for stream, held in judged:
        first = next((event for event in stream.named("updates")), None)
        resumed = _continued(play, held)
        expect(
            first is not None and first.seq < resumed,
            f"the update of run {stream.label}'s first step in {stream.title} while its second step was held",
            "no update" if first is None else f"it arrived only after run {stream.label} was released",
            stream.exchange.sent,
            held,
            resumed,
        )


def _held_in_its_tool(play: Play, stream: Watcher) -> int | None:
    """Return the seq at which a streamed run was held in its second step, if it was held long enough to be judged.

    While it is held, its first step is over and the stream has nothing else to wait for. A server that buffers sends
    the update only after something ends the hold. An update that is just on its way is no fault, so a request must be
    sent and answered in this time.
    """
    reports = play.reports(stream.label)
    held = next((r.seq for r in reports if (r.step, r.event) == ("tools:1", "enter")), None)
    stepped = any((r.step, r.event) == ("agent:1", "exit") for r in reports)
    if held is None or not stepped or "updates" not in stream.modes:
        return None
    end = _continued(play, held)
    if stream.disconnected is not None and stream.disconnected < end:
        return None
    looks = [one for one in play.exchanges if held < one.sent and one.over is not None and one.over < end]
    return held if looks else None


def _continued(play: Play, held: int) -> int:
    """Return the seq of the first moment after `held` that may release a held run, or stop it."""
    ends = [m.seq for m in play.moments if m.seq > held and isinstance(m, Released | Left | Missed)]
    changes = [one.sent for one in play.exchanges if one.sent > held and not one.reads]
    return min([*ends, *changes], default=play.moments[-1].seq)


def _is_over(play: Play, label: str) -> bool:
    """Return whether the final status of a run is terminal, or the run is gone."""
    return play.final_status(label) in play.ends(label) | {GONE}
