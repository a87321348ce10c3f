"""ENQ: a run that waits for its turn. B is queued behind A. In the phase `pending`, Z is ahead of both."""

from __future__ import annotations

from conformance.checks.common import (
    expect_continued_chain,
    expect_end,
    expect_legal_conversation,
    expect_new_run_accepted,
)
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, all_facts, expect
from conformance.judge.play import Play
from conformance.judge.premises import ACCEPTED_B, ENDED_B, HELD
from conformance.judge.requests import accepted_cancel
from conformance.scenarios import moves as s
from conformance.transcript.text import mentions, snippet


@check("ENQ-01", premises=(HELD, ACCEPTED_B))
@all_facts
def queued_run_waits(play: Play) -> None:
    """ENQ-01: compare run B's first step and its statuses with the end of the runs ahead."""
    ahead = _ahead(play)
    began = play.began("B")
    # The witness may notice a lost connection (`gone`) after B has rightly started.
    last = max((r.seq for label in ahead for r in play.reports(label) if r.event != "gone"), default=None)
    if last is None:
        raise Unproven("the witness received no report from a step of the run ahead of run B")
    expect(
        began is None or began > last,
        f"no step of run B before run {ahead[-1]} is over",
        "run B entered its first step, and a step of the run ahead reported after that",
        *(() if began is None else (began,)),
        last,
    )
    ended = max(play.ended(label) for label in ahead)
    for reading in play.readings("B"):
        # The deployment may start B as soon as the run ahead is over, before the client can know of that. Only an
        # answer that arrived before both signs of the end was certainly given while the run ahead was in flight.
        if reading.received < min(ended, last):
            expect(
                reading.status == "pending",
                "run B to be `pending` while a run is ahead of it",
                f"`{reading.status}`",
                reading.sent,
            )


@check("ENQ-02")
def queue_keeps_its_order(play: Play) -> None:
    """ENQ-02: compare the order in which runs started with the order in which they were created."""
    begun = [(play.began(submit.label), submit.label) for submit in play.scenario.submits()]
    if any(seq is None for seq, _ in begun):
        raise Unproven("the witness did not receive a report from every run")
    order = [label for _, label in sorted(begun, key=lambda pair: pair[0] or 0)]
    created = [label for _, label in begun]
    expect(
        order == created,
        f"runs to start in the order in which they were created: {' '.join(created)}",
        " ".join(order),
        *(seq for seq, _ in begun if seq is not None),
    )


@check("ENQ-03", premises=(HELD, ENDED_B))
def every_queued_run_is_in_the_state(play: Play) -> None:
    """ENQ-03: compare the final conversation with those that the oracle allows."""
    expect_legal_conversation(play)


@check("ENQ-04", premises=(HELD, ACCEPTED_B))
def queued_run_continues_the_chain(play: Play) -> None:
    """ENQ-04: compare the parent of run B's first checkpoint with the newest checkpoint of the runs before it."""
    expect_continued_chain(play)


@check("ENQ-05", premises=(HELD, ACCEPTED_B))
def queue_drains(play: Play) -> None:
    """ENQ-05: compare run B's final status with `success` where run A failed or was stopped."""
    # After a run that succeeded, ENQ-03 judges the queue. This requirement is about the other ends.
    if play.outcome("A") not in ("error", "interrupted"):
        raise Unproven(f"run A neither failed nor was stopped: its status is `{play.final_status('A')}`")
    expect_end(play, "B", "success", "run B (queued behind a run that failed or was stopped)")


@check("ENQ-06")
@all_facts
def only_the_cancelled_run_is_affected(play: Play) -> None:
    """ENQ-06: compare the final status of the runs that were not cancelled with `success`."""
    cancel = accepted_cancel(play)
    # Z is ahead of the cancelled run A, and B behind it. CAN-02 judges A itself.
    for label in ("Z", "B"):
        play.accepted(label)
        expect_end(play, label, "success", f"run {label} (not cancelled)", cancel.sent)


@check("ENQ-08", premises=(HELD, ACCEPTED_B))
def queued_runs_can_be_listed(play: Play) -> None:
    """ENQ-08: look in the list of pending runs for run B with its input."""
    listing = play.last("list runs", s.MAIN)
    if not isinstance(listing.body, list):
        raise Unproven(f"no usable list of runs: {listing.outcome()}", listing.sent)
    run = next((r for r in listing.body if isinstance(r, dict) and r.get("run_id") == play.run_id("B")), None)
    if run is None:
        found = ", ".join(play.label_of(r.get("run_id")) for r in listing.body if isinstance(r, dict))
        raise Broken("the queued run B in the list of pending runs", found or "an empty list", listing.sent)
    kwargs = run.get("kwargs")
    shown = kwargs.get("input") if isinstance(kwargs, dict) else None
    text = play.scenario.submit("B").text
    # At any depth: the server may store the client's form of the message, or a normalized one.
    expect(
        mentions(shown, text),
        f"the input “{text}” in the kwargs of the queued run B",
        f"`{snippet(shown)}`",
        listing.sent,
    )


def _ahead(play: Play) -> list[str]:
    """Return the runs created before B on the main thread that were not known to be over when B was created."""
    labels = [submit.label for submit in play.scenario.submits()]
    arrived = play.submission("B").sent
    return [
        label
        for label in labels[: labels.index("B")]
        if not any(r.status in play.ends(label) and r.received < arrived for r in play.readings(label))
    ]


@check("ENQ-10")
def new_run_is_accepted(play: Play) -> None:
    """ENQ-10: compare the answer to run B, which is queued, with 2xx."""
    expect_new_run_accepted(play, "enqueue")
