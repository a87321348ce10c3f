"""STR: what single events of a stream show: the state, the nodes, the error of a failed run."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, all_facts, expect
from conformance.judge.messages import Message, read_messages
from conformance.judge.play import Play
from conformance.judge.premises import ACCEPTED_A, HELD
from conformance.judge.turns import parts_of
from conformance.judge.watchers import Watcher, streaming, streams
from conformance.transcript.text import snippet

NODES = {"call": ("agent",), "answer": ("agent",), "result": ("tools", "research")}
"""The nodes of the probe agent that write a part of a turn. `research` runs the child graph."""

PARTS = {"agent:1": "call", "tools:1": "result", "agent:2": "answer"}
"""The message that each step of a turn writes."""

RAISED = "ProbeError"
"""The class of the exception that a step of the probe agent raises on request."""

CHANNELS = {"messages", "steps"}
"""The channels of the probe agent, none of which is the name of a node."""


@check("STR-40", premises=(HELD, ACCEPTED_A))
def failure_is_streamed(play: Play) -> None:
    """STR-40: look for an `error` event in every stream of run A, which failed."""
    if not any(report.outcome == "raised" for report in play.reports("A")):
        raise Unproven("the witness received no report that a step of run A failed")
    for stream in streaming(play, "A"):
        expect(
            bool(stream.named("error")),
            f"an `error` event in {stream.title}, because run A failed",
            f"only `{'`, `'.join(dict.fromkeys(event.event for event in stream.events))}`",
            stream.exchange.sent,
        )


@check("STR-49", premises=(HELD, ACCEPTED_A))
@all_facts
def failure_is_named(play: Play) -> None:
    """STR-49: compare the `error` of every `error` event of run A with the class that its agent raised."""
    if not any(report.outcome == "raised" for report in play.reports("A")):
        raise Unproven("the witness received no report that a step of run A failed")
    events = [(stream, event) for stream in streaming(play, "A") for event in stream.named("error")]
    # STR-40 judges a stream without the event, and SHP-05 one that names nothing.
    named = [pair for pair in events if isinstance(pair[1].data, dict) and isinstance(pair[1].data.get("error"), str)]
    if not named:
        raise Unproven("no stream of run A had an `error` event with a text `error`")
    for stream, event in named:
        found = event.data["error"]
        # Some servers show the module, too.
        expect(
            found.rpartition(".")[2] == RAISED,
            f"the class `{RAISED}`, which the agent raised, as `error` of the `error` event of {stream.title}",
            f"`{found}`",
            event.seq,
        )


@check("STR-41")
def values_are_never_stale(play: Play) -> None:
    """STR-41: compare every `values` event with the messages that its stream has shown before.

    The last one of a run that ended `success` is compared with the messages of the whole run.
    """
    judged = [stream for stream in streams(play) if stream.named("values")]
    if not judged:
        raise Unproven("no stream had a `values` event")
    for stream in judged:
        shown: dict[str, None] = {}
        last: list[str] = []
        for name, words, seq in _shown(stream, play):
            lost = [word for word in shown if word not in words] if name == "values" else []
            expect(
                not lost,
                f"all messages that {stream.title} has shown before in its next `values` event: {' '.join(shown)}",
                f"[{' '.join(words)}]",
                stream.exchange.sent,
                seq,
            )
            last = words if name == "values" else last
            shown |= dict.fromkeys(words)
        # A reader that disconnected, or one that a `fault` cut off, received only the beginning. STR-02 judges a cut.
        if stream.closed is not None and play.final_status(stream.label) == "success":
            missing = [word for word in parts_of(play.scenario.submit(stream.label)) if word not in last]
            expect(
                not missing,
                f"the messages of the whole run {stream.label} in the last `values` event of {stream.title}",
                f"no {' '.join(missing)}",
                stream.exchange.sent,
                stream.closed,
            )


def _shown(stream: Watcher, play: Play) -> Iterator[tuple[str, list[str], int]]:
    """Yield every `values` and `updates` event of a stream: its name, its messages in words, and its seq."""
    for event in stream.events:
        # A question interrupts a superstep. The event that shows it need not have the writes of that superstep.
        question = isinstance(event.data, dict) and "__interrupt__" in event.data
        if event.event == "values" and not question:
            yield event.event, _words(read_messages(event.data, play.scenario)), event.seq
        elif event.event == "updates" and isinstance(event.data, dict):
            for write in event.data.values():
                yield event.event, _words(read_messages(write, play.scenario)), event.seq


def _words(messages: tuple[Message, ...]) -> list[str]:
    """Return the messages of known runs in words. INT-05 judges in the state whether others may be there."""
    return [message.word for message in messages if message.label != "?"]


@check("STR-42")
def updates_name_their_node(play: Play) -> None:
    """STR-42: compare the node that an `updates` event names with the node that writes such a message."""
    seen = False
    for stream in streams(play):
        for event in stream.named("updates"):
            channels = event.data.keys() if isinstance(event.data, dict) else set()
            expect(
                not channels or not channels <= CHANNELS,
                f"an update of a node, as {{node: write}}, in {stream.title}",
                f"the write alone, of the channels {', '.join(sorted(channels))}",
                stream.exchange.sent,
                event.seq,
            )
            for node, write in event.data.items() if isinstance(event.data, dict) else ():
                for message in read_messages(write, play.scenario):
                    due = NODES.get(message.part, ())
                    seen = seen or bool(due)
                    expect(
                        not due or node in due,
                        f"{message.word} in the update of the node `{'` or `'.join(due)}` in {stream.title}",
                        f"`{node}`",
                        stream.exchange.sent,
                        event.seq,
                    )
    if not seen:
        raise Unproven("no stream had an update with a message of the agent")


@check("STR-43", premises=(ACCEPTED_A,))
def large_event_arrives_whole(play: Play) -> None:
    """STR-43: compare the last `values` event, which has more than a megabyte, with the messages of run A."""
    due = list(parts_of(play.scenario.submit("A")))
    for stream in streaming(play, "A"):
        values = stream.named("values")
        found = _words(read_messages(values[-1].data, play.scenario)) if values else []
        if found == due:
            continue
        fault = stream.exchange.fault
        ended = "" if fault is None else f", and then {snippet(fault.error)}"
        raise Broken(
            f"the messages [{' '.join(due)}], unaltered, in the last `values` event of {stream.title}",
            f"{len(values)} `values` events, the last with [{' '.join(found)}]{ended}",
            stream.exchange.sent,
        )


@check("STR-48")
@all_facts
def values_follow_each_step(play: Play) -> None:
    """STR-48: look for a `values` event that ends with the message of each step that the run finished."""
    seen = False
    for stream in streams(play):
        submit = play.scenario.submit(stream.label)
        # A reader that joined or disconnected received a part. A resumed run begins in the middle of the turn.
        whole = stream.own and stream.closed is not None and stream.disconnected is None
        if not whole or "values" not in stream.modes or submit.work != "tools" or submit.answers is not None:
            continue
        last = {words[-1] for name, words, _ in _shown(stream, play) if name == "values" and words}
        for step in _finished(play, stream.label):
            seen = True
            expect(
                f"{stream.label}.{PARTS[step]}" in last,
                f"a `values` event after {step} in {stream.title}",
                f"none that ends with {stream.label}.{PARTS[step]}",
                stream.exchange.sent,
            )
    if not seen:
        raise Unproven("no run that was streamed in the mode `values` finished a step")


def _finished(play: Play, label: str) -> list[str]:
    """Return the steps of a run that certainly ended before it was stopped."""
    steps = play.steps(label)
    # The last step may have ended when the stop was already under way.
    certain = steps if play.final_status(label) == "success" else steps[:-1]
    return [trace.step for trace in certain if trace.step in PARTS and trace.outcome == "returned"]
