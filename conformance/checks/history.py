"""CHK: the chain of checkpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from conformance.checks import Check
from conformance.judge.expect import Broken, Unproven, expect
from conformance.judge.messages import spell
from conformance.judge.play import Checkpoint, Play, checkpoint_id
from conformance.judge.turns import parts_of
from conformance.scenarios import scenario as s
from conformance.transcript.text import difference


def history_is_one_chain(play: Play) -> None:
    """CHK-01."""
    history, see = _history(play)
    ids = [checkpoint.id for checkpoint in history]
    roots = [checkpoint for checkpoint in history if checkpoint.parent_id is None]
    expect(len(roots) == 1, "exactly one checkpoint without a parent", f"{len(roots)}", see)
    for index, checkpoint in enumerate(history):
        if checkpoint.parent_id is None:
            continue
        expect(
            checkpoint.parent_id in ids,
            f"the parent of checkpoint {checkpoint.id} in the history",
            f"{checkpoint.parent_id} is not there",
            see,
        )
        expect(
            ids.index(checkpoint.parent_id) == index + 1,
            f"checkpoint {checkpoint.id} right on top of its parent (one chain, newest first)",
            f"its parent {checkpoint.parent_id} is {ids.index(checkpoint.parent_id) - index} places below",
            see,
        )


def checkpoints_name_their_run(play: Play) -> None:
    """CHK-02."""
    history, see = _history(play)
    for checkpoint in history:
        expect(
            isinstance(checkpoint.run_id, str),
            "run_id in the metadata of every checkpoint that a run wrote",
            f"checkpoint {checkpoint.id} has `{checkpoint.run_id}`",
            see,
        )
        expect(
            play.label_of(checkpoint.run_id) != checkpoint.run_id,
            "the run_id of one of the thread's runs in every checkpoint",
            f"checkpoint {checkpoint.id} names the unknown run {checkpoint.run_id}",
            see,
        )


def interrupted_runs_checkpoints_stay(play: Play) -> None:
    """CHK-03: what was written before the stop is still in the history, step by step."""
    play.accepted("B")
    history, see = _history(play)
    entered = [trace.step for trace in play.steps("A")]
    if not entered:
        raise Unproven("the witness saw no step of run A")
    named = any(checkpoint.run_id for checkpoint in history)
    mine = [checkpoint for checkpoint in history if not named or checkpoint.run_id == play.run_id("A")]
    expect(bool(mine), "checkpoints of the interrupted run A in the history", "none", see)
    due = ["A.human", "A.call", "A.result"][: len(entered)]
    # A checkpoint shows a step if that step's write is the newest thing in it.
    shown = {checkpoint.messages[-1].word for checkpoint in mine if checkpoint.messages}
    missing = [word for word in due if word not in shown]
    expect(
        not missing,
        f"a checkpoint for each finished step of run A: {' '.join(due)}",
        f"none that ends with {' or '.join(missing)}",
        see,
    )


def checkpoint_ids_are_unique_and_sorted(play: Play) -> None:
    """CHK-04."""
    history, see = _history(play)
    ids = [checkpoint.id for checkpoint in history]
    missing = [checkpoint for checkpoint in history if checkpoint.id is None]
    expect(not missing, "an id for every checkpoint", f"{len(missing)} without", see)
    known = [known_id for known_id in ids if known_id is not None]
    twice = sorted(known_id for known_id, count in Counter(known).items() if count > 1)
    expect(not twice, "every checkpoint id once", f"twice: {', '.join(twice)}", see)
    expect(
        known == sorted(known, reverse=True),
        "checkpoint ids that sort as the checkpoints were written",
        "newest first they are " + ", ".join(known),
        see,
    )


def newest_checkpoint_is_the_state(play: Play) -> None:
    """CHK-05."""
    history, see = _history(play)
    state = play.state()
    newest = history[0].raw
    for key in ("values", "next"):
        expect(
            newest.get(key) == state.get(key),
            f"`{key}` of the newest checkpoint equal to the state's",
            f"[{spell(history[0].messages)}] in the history, [{spell(play.messages())}] in the state; "
            + difference(newest.get(key), state.get(key), key)
            if key == "values"
            else f"{newest.get(key)} and {state.get(key)}",
            see,
            play.last("final state", s.MAIN).asked,
        )
    state_id = checkpoint_id(state, "")
    expect(
        state_id == history[0].id,
        f"the state to name the newest checkpoint, {history[0].id}",
        f"{state_id}",
        see,
        play.last("final state", s.MAIN).asked,
    )


def busy_state_cannot_be_updated(play: Play) -> None:
    """CHK-07."""
    held = "A" if play.scenario.id.startswith("none/") else "B"
    play.reached(held, "tools:1/enter" if held == "A" else "agent:1/enter")
    update = play.last("update state", s.MAIN)
    expect(
        update.response is not None and update.response.status == 409,
        "409 for an update of the state while a run is in flight",
        update.outcome(),
        update.asked,
    )
    refused = "an update in the middle of a run"
    for exchange in (play.last("mid state", s.MAIN), play.last("final state", s.MAIN)):
        values = exchange.body.get("values") if isinstance(exchange.body, dict) else None
        expect(
            refused not in str(values),
            "nothing of the refused update in the state",
            f"the state holds “{refused}”",
            update.asked,
            exchange.asked,
        )


def checkpoints_do_not_vanish(play: Play) -> None:
    """CHK-08."""
    readings = play.histories()
    if len(readings) < 2:
        raise Unproven("the history was read only once")
    for (earlier, before), (later, after) in pairwise(readings):
        vanished = {c.id for c in before} - {c.id for c in after}
        expect(
            not vanished,
            "every checkpoint that was shown once to be shown later too",
            f"{', '.join(sorted(str(v) for v in vanished))} vanished",
            earlier.asked,
            later.asked,
        )


def interrupting_adds_no_checkpoint(play: Play) -> None:
    """CHK-09."""
    play.accepted("B")
    history, see = _history(play)
    if not any(checkpoint.run_id for checkpoint in history):
        raise Unproven("no checkpoint names its run", see)
    known = {play.run_id(submit.label) for submit in play.scenario.submits()}
    for checkpoint in history:
        if checkpoint.run_id not in known or checkpoint.source not in ("input", "loop", None):
            raise Broken(
                "no checkpoints but those that the runs' own steps wrote (source `input` or `loop`)",
                f"checkpoint {checkpoint.id}, source `{checkpoint.source}`: {spell(checkpoint.messages)}",
                see,
            )
    mine = [checkpoint for checkpoint in history if checkpoint.run_id == play.run_id("A")]
    looks = Counter((checkpoint.messages, checkpoint.next) for checkpoint in mine)
    repeated = [messages for (messages, _), count in looks.items() if count > 1]
    expect(
        not repeated,
        "every checkpoint of the interrupted run to record a step",
        f"two that record the same: {spell(repeated[0]) if repeated else ''}",
        see,
    )


def _history(play: Play) -> tuple[list[Checkpoint], int]:
    """The final history and where it was read; Unproven when it is empty."""
    history = play.history()
    see = play.last("final history", s.MAIN).asked
    if not history:
        raise Unproven("the history is empty", see)
    return history, see


def run_goes_on_from_an_older_checkpoint(play: Play) -> None:
    """CHK-06: run B asked for the checkpoint of run A's first step, and A had taken a second one."""
    submission = play.accepted("B")
    if not isinstance(submission.request.body, dict) or "checkpoint" not in submission.request.body:
        raise Unproven("the history told no checkpoint of run A's first step", submission.asked)
    due = (*parts_of(play.scenario.submit("A"))[:2], *parts_of(play.scenario.submit("B")))
    observed = tuple(message.word for message in play.messages())
    expect(
        observed == due,
        f"run B on top of the checkpoint that it asked for: [{' '.join(due)}]",
        f"[{' '.join(observed)}]",
        submission.asked,
        play.last("final state", s.MAIN).asked,
    )


CHECKS: Mapping[str, Check] = {
    "CHK-01": history_is_one_chain,
    "CHK-02": checkpoints_name_their_run,
    "CHK-03": interrupted_runs_checkpoints_stay,
    "CHK-04": checkpoint_ids_are_unique_and_sorted,
    "CHK-05": newest_checkpoint_is_the_state,
    "CHK-06": run_goes_on_from_an_older_checkpoint,
    "CHK-07": busy_state_cannot_be_updated,
    "CHK-08": checkpoints_do_not_vanish,
    "CHK-09": interrupting_adds_no_checkpoint,
}
