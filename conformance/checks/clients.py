"""CLI: what a client may rely on."""

from __future__ import annotations

from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.messages import read_messages, spell
from conformance.judge.play import Play
from conformance.judge.watchers import streaming
from conformance.scenarios import moves as s


@check("CLI-04")
def shown_values_stay(play: Play) -> None:
    """CLI-04: look in the state for every message that the last `values` event showed.

    A `values` event is the state after a step, so what it shows was not a draft.
    """
    kept = [message.id for message in play.messages()]
    for stream in streaming(play, "A"):
        shown = [(event, read_messages(event.data, play.scenario)) for event in stream.named("values")]
        if not shown:
            raise Unproven(f"no `values` in {stream.title}", stream.exchange.sent)
        event, messages = shown[-1]
        lost = [message for message in messages if message.id not in kept]
        expect(
            not lost,
            f"every message that {stream.title} showed as written in the thread's state, under the same id",
            f"no {spell(lost)}",
            event.seq,
            play.last("final state", s.MAIN).sent,
        )
