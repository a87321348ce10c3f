"""CHK: updates of the state, and runs that start from an older checkpoint."""

from __future__ import annotations

from typing import Any

from conformance.api import objects
from conformance.checks.common import expect_accepted, expect_end, require_question
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, expect
from conformance.judge.messages import spell
from conformance.judge.play import Checkpoint, Exchange, Play
from conformance.judge.premises import REST
from conformance.judge.turns import parts_of
from conformance.scenarios import moves as s
from conformance.scenarios.scenario import Scenario
from conformance.scenarios.steps import STEPS
from conformance.transcript.text import mentions, snippet


@check("CHK-06")
def run_starts_from_an_older_checkpoint(play: Play) -> None:
    """CHK-06: compare the conversation with run B's on top of the checkpoint that it started from.

    That is the checkpoint of run A's first step. A had finished its second step as well.
    """
    submission = play.accepted("B")
    # The driver takes the checkpoint from the history. Without it, B was sent as an ordinary run.
    if not isinstance(submission.request.body, dict) or "checkpoint" not in submission.request.body:
        raise Unproven("the history had no checkpoint of run A's first step to start from", submission.sent)
    due = (*parts_of(play.scenario.submit("A"))[:2], *parts_of(play.scenario.submit("B")))
    observed = tuple(message.word for message in play.messages())
    expect(
        observed == due,
        f"run B to continue from the checkpoint in its request: [{' '.join(due)}]",
        f"[{' '.join(observed)}]",
        submission.sent,
        play.last("final state", s.MAIN).sent,
    )


@check("CHK-30")
@all_facts
def run_without_input_continues_from_a_checkpoint(play: Play) -> None:
    """CHK-30: compare run B's steps with those behind the checkpoint that it names, and the state with their result.

    That is the checkpoint of run A's first step, of a thread on which run A had finished.
    """
    _expect_continued(play, "checkpoint")


@check("CHK-36")
@all_facts
def run_continues_from_an_id(play: Play) -> None:
    """CHK-36: compare run B's steps and the state as CHK-30 does, for a checkpoint that B names by its id alone."""
    _expect_continued(play, "checkpoint_id")


def _expect_continued(play: Play, field: str) -> None:
    """Raise Broken unless run B continued from the checkpoint in this field of its request."""
    submission = play.submission("B")
    # The driver takes the checkpoint from the history. Without it, B was sent without anything to continue.
    if not isinstance(submission.request.body, dict) or field not in submission.request.body:
        raise Unproven("the history had no checkpoint of run A's first step to continue from", submission.sent)
    expect_accepted(play, "B")
    steps = [trace.step for trace in play.steps("B")]
    due = list(STEPS[1:])
    expect(
        steps == due,
        f"run B, which names a checkpoint and has no input, to execute what is next there: {' '.join(due)}",
        " ".join(steps) or "no step",
        submission.sent,
    )
    expect_end(play, "B", "success", "run B (which continues from a checkpoint)", submission.sent)
    whole = [*parts_of(play.scenario.submit("A"))[:2], *parts_of(play.scenario.submit("B"))]
    observed = [message.word for message in play.messages()]
    expect(
        observed == whole,
        f"the state to continue from the checkpoint in the request: [{' '.join(whole)}]",
        f"[{' '.join(observed)}]",
        submission.sent,
        play.last("final state", s.MAIN).sent,
    )


@check("CHK-07")
@all_facts
def busy_state_cannot_be_updated(play: Play) -> None:
    """CHK-07: compare the answer to the update with 409, and look in the state for its text."""
    move, held = _held_update(play.scenario)
    # Proof that the thread was busy when the update was sent.
    play.reached(held.label, held.point)
    update = play.last("update state", s.MAIN)
    expect(
        update.response is not None and update.response.status == 409,
        "HTTP 409 for an update of the state while a run is in flight",
        update.outcome(),
        update.sent,
    )
    # In the middle and at the end: the run's own write may hide the update's later.
    for exchange in (play.last("mid state", s.MAIN), play.last("final state", s.MAIN)):
        values = exchange.body.get("values") if isinstance(exchange.body, dict) else None
        expect(
            not mentions(values, move.text),
            f"nothing of the refused update, “{move.text}”, in the state",
            f"the state contains “{move.text}”",
            update.sent,
            exchange.sent,
        )


@check("CHK-27", premises=(REST,))
def update_adds_a_checkpoint(play: Play) -> None:
    """CHK-27: compare the history with the one before the update, below one new checkpoint with its text."""
    move = next(move for move in play.scenario.moves if isinstance(move, s.UpdateState))
    update = play.last("update state", s.MAIN)
    expect(update.ok, "a 2xx answer to an update of the state while no run is in flight", update.outcome(), update.sent)
    before, after, state, see = _around(play, update)
    expect(
        bool(after) and [one.id for one in after[1:]] == [one.id for one in before],
        f"one new checkpoint on top of the {len(before)} of before the update",
        f"{len(after)} checkpoints",
        update.sent,
        see,
    )
    for where, values in (("history", after[0].raw.get("values")), ("state", state.get("values"))):
        expect(mentions(values, move.text), f"“{move.text}” in the {where}", "it is missing", update.sent, see)
    _expect_built_upon(update, before, after[0], see)
    written = update.body.get("checkpoint") if isinstance(update.body, dict) else None
    named = written.get("checkpoint_id") if isinstance(written, dict) else None
    expect(
        named == after[0].id, f"the answer to name its checkpoint, {after[0].id}", f"`{snippet(named)}`", update.sent
    )
    # Without a source there is nothing to compare, because no document requires the field.
    expect(
        after[0].source in ("update", None),
        "source `update` in the checkpoint of an update",
        f"`{snippet(after[0].source)}`",
        see,
    )


@check("CHK-32")
@all_facts
def update_as_a_node_leads_on(play: Play) -> None:
    """CHK-32: compare the state after the update, and run B's steps, with what follows the node `tools`: `agent`."""
    require_question(play, "A")
    update = play.last("update state", s.MAIN)
    expect(update.ok, "a 2xx answer to an update with `as_node` on a parked thread", update.outcome(), update.sent)
    states = [one for one in play.exchanges_for("mid state", s.MAIN) if one.sent > update.sent]
    if not states or not isinstance(states[-1].body, dict):
        raise Unproven("the state was not read after the update", update.sent)
    state, see = states[-1].body, states[-1].sent
    waiting = state.get("next")
    expect(
        waiting == ["agent"],
        "`agent`, which follows the node of the update, to be next",
        f"`{snippet(waiting)}`",
        update.sent,
        see,
    )
    asked = [
        *objects(state.get("interrupts")),
        *(q for t in objects(state.get("tasks")) for q in objects(t.get("interrupts"))),
    ]
    what = "no open question in the state, because the update stands for the step that asked"
    expect(not asked, what, f"`{snippet(asked)}`", update.sent, see)
    submission = play.submission("B")
    expect_accepted(play, "B")
    nodes = [trace.step.partition(":")[0] for trace in play.steps("B")]
    expect(
        nodes == ["agent"],
        "run B, which has no input, to execute `agent` alone",
        " ".join(nodes) or "no step",
        submission.sent,
    )
    expect_end(play, "B", "success", "run B (which continues after an update)", submission.sent)


def _around(play: Play, update: Exchange) -> tuple[list[Checkpoint], list[Checkpoint], dict[str, Any], int]:
    """Return the history before an update, the history and the state after it, and the seq of the later history.

    Those after it were read before the next run was created. Raise Unproven without one of them.
    """
    begin, end = update.sent, len(play.moments) if update.over is None else update.over
    runs = [submission.sent for submission in play.exchanges_for("submit") if submission.sent > end]
    until = min([len(play.moments), *runs])
    histories = [(exchange.sent, history) for exchange, history in play.histories()]
    before = [history for sent, history in histories if sent < begin]
    after = [(sent, history) for sent, history in histories if end < sent < until]
    exchanges = [*play.exchanges_for("mid state", s.MAIN), *play.exchanges_for("final state", s.MAIN)]
    states = [one.body for one in exchanges if end < one.sent < until and isinstance(one.body, dict)]
    if not before or not after or not states:
        raise Unproven("the state and the history were not read before and after the update", update.sent)
    return before[-1], after[-1][1], states[-1], after[-1][0]


def _expect_built_upon(update: Exchange, before: list[Checkpoint], new: Checkpoint, see: int) -> None:
    """Raise Broken unless the checkpoint of an update continues from the one that it names, or else the newest one."""
    body = update.request.body
    wanted = body.get("checkpoint") if isinstance(body, dict) else None
    wanted = wanted.get("checkpoint_id") if isinstance(wanted, dict) else None
    base = next((one for one in before if wanted in (None, one.id)), None)
    if base is None:
        return  # an update of a thread without checkpoints
    which = "the newest one before it" if wanted is None else f"the one that the request names, {snippet(wanted)},"
    expect(
        new.parent_id == base.id,
        f"the checkpoint of the update to have {which} as its parent",
        f"its parent is {snippet(new.parent_id)}",
        update.sent,
        see,
    )
    below = [message.word for message in base.messages]
    expect(
        [message.word for message in new.messages][:-1] == below,
        f"the messages of its parent, {' '.join(below)}, below that of the update",
        spell(new.messages),
        update.sent,
        see,
    )


def _held_update(scenario: Scenario) -> tuple[s.UpdateState, s.AwaitPoint]:
    """Return the move that updates the state, and the last move before it that waits until a run is held."""
    position, update = next((i, move) for i, move in enumerate(scenario.moves) if isinstance(move, s.UpdateState))
    held = [move for move in scenario.moves[:position] if isinstance(move, s.AwaitPoint)]
    return update, held[-1]
