"""STR: what becomes of a run when a client that watched it closes its connection."""

from __future__ import annotations

from conformance.checks.common import expect_end
from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.play import Play
from conformance.judge.turns import parts_of
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Left

UNTOUCHED, STOPPED = "success", "interrupted"
"""How run A ends that goes on, and that is cancelled."""


@check("STR-12")
def default_of_on_disconnect(play: Play) -> str:
    """STR-12: report what happened to run A when its client disconnected without on_disconnect."""
    _left(play)
    status = play.final_status("A")
    return {UNTOUCHED: "continue", STOPPED: "cancel"}.get(status, f"ends {status}")


@check("STR-24")
def on_disconnect_is_honoured(play: Play) -> None:
    """STR-24: compare run A's end and its messages with the `on_disconnect` that its client had sent."""
    sent = play.scenario.submit("A").on_disconnect
    due = STOPPED if sent == "cancel" else UNTOUCHED
    expect_end(play, "A", due, f"run A, whose client left that had sent on_disconnect={sent}", _left(play))
    parts = parts_of(play.scenario.submit("A"))
    # A step that was entered follows steps that were written.
    written = parts[: len(play.steps("A"))] if sent == "cancel" else parts
    kept = tuple(message.word for message in play.messages() if message.label == "A")
    expect(
        kept == written,
        f"what run A had written in the state: [{' '.join(written)}]",
        f"[{' '.join(kept)}]",
        _left(play),
        play.last("final state", s.MAIN).sent,
    )


@check("STR-13")
def cancel_on_disconnect_is_honoured(play: Play) -> None:
    """STR-13: compare run A's end with the `cancel_on_disconnect` of the client that disconnected."""
    sent = next(move.cancel_on_disconnect for move in play.scenario.moves if isinstance(move, s.Watch))
    who = f"run A, whose client left that had sent {'cancel_on_disconnect=true' if sent else 'nothing about that'}"
    expect_end(play, "A", STOPPED if sent else UNTOUCHED, who, _left(play))


def _left(play: Play) -> int:
    """Return the seq at which the client disconnected. Raise Unproven when it did not."""
    for moment in play.moments:
        if isinstance(moment, Left):
            return moment.seq
    raise Unproven("the client had its whole answer before it could leave")
