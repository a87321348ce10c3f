"""AGR: the values and messages of a run that a client receives, compared with the state of the thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.checks.agreement.contradictions import Contradiction, expect_none, state_differently
from conformance.judge.check import check
from conformance.judge.expect import Inapplicable, Unproven
from conformance.judge.messages import Message, read_messages
from conformance.judge.play import Play
from conformance.judge.premises import SETTLED
from conformance.judge.requests import labels
from conformance.judge.watchers import Watcher, streams
from conformance.scenarios import moves as s
from conformance.transcript.text import difference


@check("AGR-11", premises=(SETTLED,))
def output_is_the_state(play: Play) -> None:
    """AGR-11: compare the join, the wait and the last `values` event of the last run with the state."""
    expect_none(_earlier(play), "the values of a run that ended before the next one was created")
    label = _last_run(play)
    state, read = play.state().get("values"), play.last("final state", s.MAIN)
    outputs = list(_outputs(play, label))
    if not outputs:
        raise Inapplicable(f"no client received the values of run {label}")
    expect_none(
        (
            Contradiction(place, "those of the state", difference(values, state, "values"), (see, read.sent))
            for place, values, see in outputs
            if state_differently(values, state)
        ),
        "the values of the last run",
    )


def _last_run(play: Play) -> str:
    """Return the label of the run that wrote the state. Raise Inapplicable if it did not end `success`."""
    history = play.history()
    label = play.label_of(history[0].run_id) if history else ""
    if label not in labels(play) or play.final_status(label) != "success":
        # That the run should have ended so, other requirements judge.
        raise Inapplicable("the state is not that of a run that ended `success`")
    ended = play.ended(label)
    if any(exchange.sent > ended and not exchange.reads for exchange in play.exchanges):
        raise Unproven(f"the thread may have changed after run {label} had ended")
    return label


def _outputs(play: Play, label: str) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield all final values of a run that a client received: their place, the values and their seq."""
    for place, values, seq in _received(play, label):
        # STR judges errors, and HIL the questions of a run that waits, which may be all that is returned of it.
        if isinstance(values, dict) and not {"__error__", "__interrupt__"} & values.keys():
            yield place, values, seq


def _received(play: Play, label: str) -> Iterator[tuple[str, Any, int]]:
    for exchange in play.exchanges:
        path = exchange.request.path.partition("?")[0]
        waits = exchange.serves("submit") and exchange.request.about == label and path.endswith("/wait")
        if exchange.ok and (waits or path.endswith(f"/runs/{play.run_id(label)}/join")):
            yield f"the answer to {exchange.request.method} {path}", exchange.body, exchange.sent
    for stream in streams(play):
        events = stream.named("values")
        if stream.label == label and stream.closed is not None and stream.disconnected is None and events:
            yield f"the last `values` event of {stream.title}", events[-1].data, events[-1].seq


def _earlier(play: Play) -> Iterator[Contradiction]:
    """Yield every join of an earlier run that differs from its last checkpoint, if nothing was sent in between."""
    if not play.exchanges_for("final history", s.MAIN):
        return
    for submit in play.scenario.submits()[:-1]:
        newest = next((one.raw for one in play.history() if play.label_of(one.named_run or "") == submit.label), None)
        if newest is None or newest.get("next") or play.final_status(submit.label) != "success":
            continue
        for place, values, sent in _outputs(play, submit.label):
            created = play.submission(submit.label).sent
            changed = any(created < e.sent < sent and not e.reads for e in play.exchanges)
            if not changed and state_differently(values, newest.get("values")):
                due = f"those of the last checkpoint of run {submit.label}"
                what = difference(values, newest.get("values"), "values")
                yield Contradiction(place, due, what, (sent, play.last("final history", s.MAIN).sent))


@check("AGR-12", premises=(SETTLED,))
def streamed_messages_have_their_ids(play: Play) -> None:
    """AGR-12: compare the id of every message in an `updates` event with that of the same message in the state."""
    read, state = play.last("final state", s.MAIN), play.messages()
    # A message that is in the state twice has two ids. INT-05 and PST-10 judge that.
    once = {one.word: one for one in state if one.label != "?" and [m.word for m in state].count(one.word) == 1}
    pairs = [(once.get(word), *streamed) for stream in streams(play) for word, streamed in _streamed(stream, play)]
    found = [
        Contradiction(f"the id of {due.word} in {place}", f"`{due.id}`", f"`{message.id}`", (seq, read.sent))
        # A message that a step wrote without an id gets it when it is stored.
        for due, message, place, seq in pairs
        if due is not None and due.id is not None and message.id is not None
    ]
    if not pairs:
        raise Unproven("no stream had an update with a message of the agent")
    # A message that a run wrote may be missing in the state, or have no id yet. INT-05 and STR-26 judge the first.
    if not found:
        raise Inapplicable("no message that is in the state had an id in an update")
    expect_none((one for one in found if one.first != one.other), "the ids of the state in the updates")


def _streamed(stream: Watcher, play: Play) -> Iterator[tuple[str, tuple[Message, str, int]]]:
    """Yield the word of each message in the updates of a stream, with the message, its place and its seq."""
    # A step that is tried again writes its message again. The last one counts.
    last = {
        message.word: (message, f"the updates of {stream.title}", event.seq)
        for event in stream.named("updates")
        if isinstance(event.data, dict)
        for write in event.data.values()
        for message in read_messages(write, play.scenario)
    }
    yield from last.items()
