"""STR: the pieces of the model's messages, in each stream mode that shows them.

Clients concatenate the pieces of `messages-tuple` and of `events`, and show the newest event of `messages`.
"""

from __future__ import annotations

import json
from typing import Any, Final

from conformance.api import objects
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, expect
from conformance.judge.messages import read_messages, text_of
from conformance.judge.play import Play
from conformance.judge.watchers import Watcher, own_streams
from conformance.transcript.text import common_start, snippet
from conformance.transcript.transcript import StreamEvent

PIECEWISE: Final = frozenset({"call", "answer", "fragment"})
"""The parts of a turn that the agent's model writes, whose pieces are streamed."""


@check("STR-32")
@all_facts
def tokens_make_the_message(play: Play) -> None:
    """STR-32: compare the pieces of each answer and call in the stream of its run with the message in the state.

    A message's pieces have its id. Joined together they are its text, or the arguments of its calls.
    """
    by_run = _by_run(play, PIECEWISE)
    judged = [
        (each, message)
        for each in own_streams(play)
        if "messages-tuple" in each.modes and _whole(play, each)
        for message in _of(each, by_run)
    ]
    if not any(not message.get("tool_calls") for _, message in judged):
        raise Unproven("the state has no answer of a run whose stream of tokens was read to its end")
    for stream, message in judged:
        events = _pieces(stream, message.get("id"))
        if message.get("tool_calls"):
            _expect_calls(stream, events, message)
        else:
            _expect_text(stream, events, message)


@check("STR-51")
@all_facts
def messages_grow_to_what_they_are(play: Play) -> None:
    """STR-51: compare the events of each message in a stream of `messages` with each other and with the state."""
    by_run = _by_run(play, PIECEWISE | {"result"})
    judged = [
        (each, message)
        for each in own_streams(play)
        if "messages" in each.modes and _whole(play, each)
        for message in _of(each, by_run)
    ]
    if not judged:
        raise Unproven("the state has no message of a run whose stream of `messages` was read to its end")
    for stream, message in judged:
        # An agent need not call a model for its tool calls, so only a text must be there.
        if not message.get("tool_calls") or _shown(stream, message.get("id")):
            _expect_growth(stream, message)
            _expect_announced(stream, message)


def _shown(stream: Watcher, message_id: Any) -> list[tuple[StreamEvent, dict[str, Any]]]:
    """Return the events of mode `messages` with this message, each with the message as it shows it."""
    return [
        (event, message)
        for name in ("messages/partial", "messages/complete")
        for event in stream.named(name)
        for message in objects(event.data)
        if message.get("id") == message_id
    ]


def _expect_growth(stream: Watcher, message: dict[str, Any]) -> None:
    """Raise Broken unless each event of a message extends the one before, and the last shows what is in the state."""
    shown, due = _shown(stream, message.get("id")), text_of(message.get("content"))
    what = f"the {message.get('type')} message {snippet(message.get('id'))} of the state"
    before = ""
    for event, found in shown:
        text = text_of(found.get("content"))
        expect(
            text.startswith(before),
            f"each event of {what} in {stream.title} to extend the text of the one before, {snippet(before)}",
            snippet(text),
            event.seq,
        )
        before = text
    expect(
        bool(shown) and before == due,
        f"the last `messages/partial` or `messages/complete` of {what} in {stream.title} to have its whole text",
        f"{len(shown)} events, and {common_start(before, due)} of {len(due)} characters in the last",
        stream.exchange.sent,
        *(event.seq for event, _ in shown[-1:]),
    )


def _expect_announced(stream: Watcher, message: dict[str, Any]) -> None:
    """Raise Broken unless `messages/metadata` has named the node of a message before the message is shown."""
    shown = _shown(stream, message.get("id"))
    if not shown:
        return
    first = min(event.seq for event, _ in shown)
    node = "tools" if message.get("type") == "tool" else "agent"
    named = [
        _node(event.data.get(message.get("id")))
        for event in stream.named("messages/metadata")
        if isinstance(event.data, dict) and message.get("id") in event.data and event.seq < first
    ]
    expect(
        named == [node],
        f"one `messages/metadata` before the {message.get('type')} message {snippet(message.get('id'))} in "
        f"{stream.title}, with the `langgraph_node` `{node}`",
        snippet(named),
        stream.exchange.sent,
        first,
    )


def _node(announced: Any) -> Any:
    metadata = announced.get("metadata") if isinstance(announced, dict) else None
    return metadata.get("langgraph_node") if isinstance(metadata, dict) else None


def _by_run(play: Play, parts: frozenset[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return the messages of the state that are one of these parts of a turn, each with the run that wrote it."""
    values = play.state().get("values")
    raw = values.get("messages") if isinstance(values, dict) else None
    messages = raw if isinstance(raw, list) else []
    whose = read_messages(values, play.scenario)
    return [(one.label, message) for one, message in zip(whose, messages, strict=True) if one.part in parts]


def _whole(play: Play, stream: Watcher) -> bool:
    """Return whether a client has received all that its run wrote."""
    # The run that answers a question continues the turn of the run that asked it. Each wrote a part of its messages.
    shared = any(
        stream.label in (one.label, one.answers) for one in play.scenario.all_submits if one.answers is not None
    )
    # A server may break off the stream of a client that reads too slowly. STR-02 judges streams that do not end.
    broken = stream.disconnected is not None or stream.exchange.fault is not None
    return not broken and not shared


def _of(stream: Watcher, by_run: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [message for label, message in by_run if label == stream.label]


def _pieces(stream: Watcher, message_id: Any) -> list[StreamEvent]:
    """Return the `messages` events with a piece of this message."""
    return [
        event
        for event in stream.named("messages")
        if isinstance(event.data, list) and event.data and isinstance(event.data[0], dict)
        if event.data[0].get("id") == message_id
    ]


def _expect_text(stream: Watcher, events: list[StreamEvent], answer: dict[str, Any]) -> None:
    """Raise Broken unless the pieces of an answer are its text, and name the node that wrote it."""
    pieces = [text_of(event.data[0].get("content")) for event in events]
    found, due = "".join(pieces), text_of(answer.get("content"))
    expect(
        found == due,
        f"the `messages` events in {stream.title} to add up to the answer in the state",
        f"{len(pieces)} pieces that add up to {snippet(found)}, and equal it for {common_start(found, due)} of its "
        f"{len(due)} characters",
        stream.exchange.sent,
    )
    for event in events:
        beside = event.data[1] if len(event.data) > 1 and isinstance(event.data[1], dict) else {}
        node = beside.get("langgraph_node")
        named = "`langgraph_node` of the node `agent` beside each piece of the answer"
        expect(node == "agent", f"{named} in {stream.title}", f"`{snippet(node)}`", event.seq)


def _expect_calls(stream: Watcher, events: list[StreamEvent], message: dict[str, Any]) -> None:
    """Raise Broken unless the pieces of a message's calls add up to its calls.

    An agent need not call a model for its tool calls, so a message without a piece breaks nothing. Nor does a whole
    message without chunks of calls, which clients put in place of the one before.
    """
    chunks = [chunk for event in events for chunk in objects(event.data[0].get("tool_call_chunks"))]
    if not chunks:
        return
    due = [call.get("args") for call in objects(message["tool_calls"])]
    found = _joined(chunks)
    expect(
        [_parsed(text) for text in found] == due,
        f"the `tool_call_chunks` in {stream.title} to add up to the arguments in the state, {snippet(due)}",
        f"{len(chunks)} chunks that add up to {snippet(', '.join(found))}",
        stream.exchange.sent,
        *(event.seq for event in events),
    )


def _joined(chunks: list[dict[str, Any]]) -> list[str]:
    """Return the arguments of each call, joined from the chunks with its index."""
    texts: dict[str, str] = {}
    for chunk in chunks:
        args, index = chunk.get("args"), snippet(chunk.get("index"))
        texts[index] = texts.get(index, "") + (args if isinstance(args, str) else "")
    return list(texts.values())


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
