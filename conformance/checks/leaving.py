"""STR: what becomes of a run when a client that watched it closes its connection."""

from __future__ import annotations

from collections.abc import Mapping

from conformance import scenarios as s
from conformance.checks import Check
from conformance.checks.common import status_word
from conformance.evidence import Play
from conformance.findings import Unproven, expect
from conformance.model import parts_of
from conformance.transcript import Left

UNTOUCHED, STOPPED = "success", "interrupted"
"""How run A ends that goes on, and that is cancelled."""


def default_of_on_disconnect(play: Play) -> str:
    """STR-12: the freedom taken."""
    _left(play)
    status = play.final_status("A")
    freedoms = {UNTOUCHED: "continue", STOPPED: "cancel"}
    expect(status in freedoms, "run A to go on or to be cancelled", status_word(status), _left(play))
    return freedoms[status]


def on_disconnect_is_honoured(play: Play) -> None:
    """STR-24."""
    sent = play.scenario.submit("A").on_disconnect
    _expect_end(play, STOPPED if sent == "cancel" else UNTOUCHED, f"on_disconnect={sent}")
    parts = parts_of(play.scenario.submit("A"))
    # A step that was entered follows steps that were written.
    due = parts[: len(play.steps("A"))] if sent == "cancel" else parts
    kept = tuple(message.word for message in play.messages() if message.label == "A")
    expect(
        kept == due,
        f"what run A had written in the state: [{' '.join(due)}]",
        f"[{' '.join(kept)}]",
        _left(play),
        play.last("final state", s.MAIN).asked,
    )


def cancel_on_disconnect_is_honoured(play: Play) -> None:
    """STR-13."""
    if play.scenario.id.endswith("/cancel"):
        _expect_end(play, STOPPED, "cancel_on_disconnect=true")
    else:
        _expect_end(play, UNTOUCHED, "cancel_on_disconnect left out")


def _expect_end(play: Play, due: str, sent: str) -> None:
    status = play.final_status("A")
    expect(
        status == due,
        f"run A to end `{due}` when its client leaves that had sent {sent}",
        status_word(status),
        _left(play),
        play.last("final run", "run A").asked,
    )


def _left(play: Play) -> int:
    """Seq at which the client left; Unproven when it did not."""
    for moment in play.moments:
        if isinstance(moment, Left):
            return moment.seq
    raise Unproven("the client had its whole answer before it could leave")


CHECKS: Mapping[str, Check] = {
    "STR-12": default_of_on_disconnect,
    "STR-13": cancel_on_disconnect_is_honoured,
    "STR-24": on_disconnect_is_honoured,
}
