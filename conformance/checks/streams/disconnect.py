"""STR: the effect on a run when a client that watches it closes its connection."""

from __future__ import annotations

from conformance.checks.common import expect_end
from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.play import Play
from conformance.judge.turns import parts_of
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Left

CONTINUED, CANCELLED = "success", "interrupted"
"""The final status of a run A that continued, and of one that was cancelled."""


@check("STR-12")
def default_of_on_disconnect(play: Play) -> str:
    """STR-12: report what happened to run A when its client disconnected without on_disconnect."""
    _disconnection(play)
    status = play.final_status("A")
    return {CONTINUED: "continue", CANCELLED: "cancel"}.get(status, f"ends {status}")


@check("STR-24")
def on_disconnect_is_honoured(play: Play) -> None:
    """STR-24: compare run A's end and its messages with the `on_disconnect` that its client had sent."""
    sent = play.scenario.submit("A").on_disconnect
    due = CANCELLED if sent == "cancel" else CONTINUED
    who = f"run A (its client sent on_disconnect={sent} and disconnected)"
    expect_end(play, "A", due, who, _disconnection(play))
    parts = parts_of(play.scenario.submit("A"))
    # A step reads the writes of the steps before it, so each entered step proves one more written part.
    written = parts[: len(play.steps("A"))] if sent == "cancel" else parts
    kept = tuple(message.word for message in play.messages() if message.label == "A")
    expect(
        kept == written,
        f"the messages that run A wrote in the state: [{' '.join(written)}]",
        f"[{' '.join(kept)}]",
        _disconnection(play),
        play.last("final state", s.MAIN).sent,
    )


@check("STR-13")
def cancel_on_disconnect_is_honoured(play: Play) -> None:
    """STR-13: compare run A's end with the `cancel_on_disconnect` of the client that disconnected."""
    # The default is false, so a client that sent nothing must leave the run alone.
    sent = next(move.cancel_on_disconnect for move in play.scenario.moves if isinstance(move, s.Watch))
    setting = "with cancel_on_disconnect=true" if sent else "without cancel_on_disconnect"
    who = f"run A (a client joined it {setting} and disconnected)"
    expect_end(play, "A", CANCELLED if sent else CONTINUED, who, _disconnection(play))


def _disconnection(play: Play) -> int:
    """Return the seq at which the client disconnected. Raise Unproven when it did not."""
    for moment in play.moments:
        if isinstance(moment, Left):
            return moment.seq
    # A deployment that answers early leaves the driver nothing to disconnect from. STR-29 judges that.
    raise Unproven("the client received its whole answer before it could disconnect")
