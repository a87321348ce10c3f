"""CLI: guarantees that a client relies on to show a conversation."""

from __future__ import annotations

from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.messages import read_messages, spell
from conformance.judge.play import Play
from conformance.judge.watchers import streaming
from conformance.scenarios import moves as s


@check("CLI-04")
def shown_values_stay(play: Play) -> None:
    """CLI-04: look in the state for every message that the last `values` event showed."""
    # A `values` event is the state after a step. Its messages are committed, unlike the tokens of a `messages` event.
    # A client that has shown them must not see them vanish: https://github.com/langchain-ai/langgraph/issues/5672
    kept = [message.id for message in play.messages()]
    for stream in streaming(play, "A"):
        shown = [(event, read_messages(event.data, play.scenario)) for event in stream.named("values")]
        if not shown:
            raise Unproven(f"{stream.title} had no `values` event", stream.exchange.sent)
        # Each `values` event is the whole state, so the last one contains what the earlier ones showed.
        event, messages = shown[-1]
        # By id: clients merge messages by id, so the same text under a new id is shown twice.
        lost = [message for message in messages if message.id not in kept]
        expect(
            not lost,
            f"every message in the last `values` event of {stream.title} to be in the thread's state under its id",
            f"no {spell(lost)} under that id",
            event.seq,
            play.last("final state", s.MAIN).sent,
        )
