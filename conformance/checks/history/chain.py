"""CHK: the chain of checkpoints in a thread's history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from conformance.api import checkpoint_id, objects
from conformance.checks.common import require_question
from conformance.judge.check import check
from conformance.judge.expect import Broken, Inapplicable, Unproven, all_facts, expect
from conformance.judge.messages import spell
from conformance.judge.play import Checkpoint, Play
from conformance.judge.premises import ACCEPTED_B, HELD, REST, SETTLED
from conformance.judge.queries import answer, asked, has, items, page, queries
from conformance.judge.shapes import instant
from conformance.scenarios import moves as s
from conformance.transcript.text import difference, snippet

DEFAULT_LIMIT = 10
"""The `limit` of a history that the API description has for a request without one."""

MANY = 4
"""The number of checkpoints that cannot all have been written in one moment."""


@check("CHK-01")
@all_facts
def history_is_one_chain(play: Play) -> None:
    """CHK-01: compare every checkpoint's parent with the checkpoint right below it, down to one root."""
    # Histories may fork, but only where a run starts from an older checkpoint. No scenario of this requirement does.
    history, see = _history(play)
    ids = [checkpoint.id for checkpoint in history]
    roots = [checkpoint for checkpoint in history if checkpoint.parent_id is None]
    expect(len(roots) == 1, "exactly one checkpoint without a parent", f"{len(roots)}", see)
    for index, checkpoint in enumerate(history):
        if checkpoint.parent_id is None:
            continue
        expect(
            checkpoint.parent_id in ids,
            f"the parent of checkpoint {snippet(checkpoint.id)} in the history",
            f"its parent {checkpoint.parent_id} is not in the history",
            see,
        )
        if checkpoint.parent_id not in ids:
            continue
        expect(
            ids.index(checkpoint.parent_id) == index + 1,
            f"checkpoint {snippet(checkpoint.id)} directly after its parent (one chain, newest first)",
            f"its parent {checkpoint.parent_id} is {ids.index(checkpoint.parent_id) - index} places below",
            see,
        )


@check("CHK-02")
@all_facts
def checkpoints_name_their_run(play: Play) -> None:
    """CHK-02: compare the run id of every checkpoint with the ids of the thread's runs."""
    history, see = _history(play)
    for checkpoint in history:
        expect(
            checkpoint.named_run is not None,
            "a run_id in the metadata of every checkpoint",
            f"checkpoint {snippet(checkpoint.id)} has `{snippet(checkpoint.named_run)}`",
            see,
        )
        # `label_of` returns the id itself for a run that the scenario does not have.
        expect(
            checkpoint.named_run is None or play.label_of(checkpoint.named_run) != checkpoint.named_run,
            "the run_id of one of the thread's runs in every checkpoint",
            f"checkpoint {snippet(checkpoint.id)} names the unknown run {checkpoint.named_run}",
            see,
        )


@check("CHK-03", premises=(HELD, ACCEPTED_B))
def interrupted_runs_checkpoints_stay(play: Play) -> None:
    """CHK-03: look in the history for a checkpoint of each finished step of run A."""
    history, see = _history(play)
    entered = [trace.step for trace in play.steps("A")]
    if not entered:
        raise Unproven("the witness received no report from a step of run A")
    # Run ids in checkpoints are a SHOULD of their own (CHK-02). Without any, the messages alone identify A's.
    named = any(checkpoint.run_id for checkpoint in history)
    mine = [checkpoint for checkpoint in history if not named or checkpoint.run_id == play.run_id("A")]
    expect(bool(mine), "checkpoints of the interrupted run A in the history", "none", see)
    # N entered steps prove the input and the results of the N - 1 steps before the last.
    due = ["A.human", "A.call", "A.result"][: len(entered)]
    # A checkpoint shows a step if that step's write is the newest thing in it. Later checkpoints contain it too.
    shown = {checkpoint.messages[-1].word for checkpoint in mine if checkpoint.messages}
    missing = [word for word in due if word not in shown]
    expect(
        not missing,
        f"a checkpoint that ends with each message of run A's finished steps: {' '.join(due)}",
        f"none that ends with {' or '.join(missing)}",
        see,
    )


@check("CHK-04")
@all_facts
def checkpoint_ids_are_unique_and_sorted(play: Play) -> None:
    """CHK-04: compare the checkpoint ids with the same ids, each once and sorted."""
    history, see = _history(play)
    ids = [checkpoint.id for checkpoint in history]
    missing = [checkpoint for checkpoint in history if checkpoint.id is None]
    expect(not missing, "an id for every checkpoint", f"{len(missing)} without an id", see)
    known = [known_id for known_id in ids if known_id is not None]
    twice = sorted(known_id for known_id, count in Counter(known).items() if count > 1)
    expect(not twice, "every checkpoint id once in the history", f"twice: {', '.join(twice)}", see)
    # As text: the API's `before` pages by id, whatever an id encodes. In a history that is oldest first, which CHK-01
    # judges, each id sorts behind that of its parent.
    forward = known == sorted(known) and all(one.parent_id is None or one.parent_id < (one.id or "") for one in history)
    expect(
        forward or known == sorted(known, reverse=True),
        "checkpoint ids that sort in the order in which the checkpoints were written",
        "newest first they are " + ", ".join(known),
        see,
    )


@check("CHK-05", premises=(HELD, REST, SETTLED))
@all_facts
def newest_checkpoint_is_the_state(play: Play) -> None:
    """CHK-05: compare the newest checkpoint in the history with the state."""
    history, see = play.history(), play.last("final history", s.MAIN).sent
    state = play.state()
    if not history:
        # A thread without a run has neither. A state with values is the newest checkpoint of a history.
        expect(
            not state.get("values"), "the newest checkpoint in the history, since the thread has a state", "none", see
        )
        raise Unproven("the history is empty, and so is the state", see)
    newest = history[0].raw
    # Not the whole objects: a history entry and a state have other fields around these.
    for key in ("values", "next"):
        expect(
            newest.get(key) == state.get(key),
            f"`{key}` of the newest checkpoint to equal that of the state",
            f"[{spell(history[0].messages)}] in the history and [{spell(play.messages())}] in the state. "
            f"First difference: {difference(newest.get(key), state.get(key), key)}"
            if key == "values"
            else f"`{snippet(newest.get(key))}` in the history and `{snippet(state.get(key))}` in the state",
            see,
            play.last("final state", s.MAIN).sent,
        )
    state_id = checkpoint_id(state)
    expect(
        state_id == history[0].id,
        f"the state to name the newest checkpoint, {snippet(history[0].id)}",
        snippet(state_id),
        see,
        play.last("final state", s.MAIN).sent,
    )


@check("CHK-08")
@all_facts
def checkpoints_do_not_vanish(play: Play) -> None:
    """CHK-08: compare every reading of the history with the one before, whose checkpoints it must contain."""
    readings = play.histories()
    if len(readings) < 2:
        raise Unproven("the history was read only once")
    for (earlier, before), (later, after) in pairwise(readings):
        vanished = {c.id for c in before} - {c.id for c in after}
        expect(
            not vanished,
            "every checkpoint of an earlier history in the later history",
            f"{', '.join(sorted(snippet(v) for v in vanished))} vanished",
            earlier.sent,
            later.sent,
        )


@check("CHK-09", premises=(HELD, ACCEPTED_B))
@all_facts
def interrupting_adds_no_checkpoint(play: Play) -> None:
    """CHK-09: look in the history for a checkpoint that no step of a run wrote."""
    history, see = _history(play)
    if not any(checkpoint.run_id for checkpoint in history):
        raise Unproven("no checkpoint has a run_id, so the record does not show what wrote it", see)
    known = {play.run_id(submit.label) for submit in play.scenario.submits()}
    for checkpoint in history:
        # A missing source is allowed, because no requirement demands the field. `update` and `fork` are an API call's.
        if checkpoint.run_id not in known or checkpoint.source not in ("input", "loop", None):
            raise Broken(
                "only checkpoints that the steps of the thread's runs wrote (source `input` or `loop`)",
                f"checkpoint {snippet(checkpoint.id)} with source `{snippet(checkpoint.source)}`: "
                f"{spell(checkpoint.messages)}",
                see,
            )
    # A checkpoint that is added under A's id and as a step's looks the same as the one below it.
    mine = [checkpoint for checkpoint in history if checkpoint.run_id == play.run_id("A")]
    contents = Counter((checkpoint.messages, checkpoint.next) for checkpoint in mine)
    repeated = [messages for (messages, _), count in contents.items() if count > 1]
    expect(
        not repeated,
        "each checkpoint of the interrupted run A to record another step",
        f"two that record the same: {spell(repeated[0]) if repeated else ''}",
        see,
    )


@check("CHK-20", premises=(REST,))
def history_has_a_limit(play: Play) -> None:
    """CHK-20: compare every history with a `limit` with the newest entries of the whole history."""
    _expect_parts(play, lambda options: options.keys() == {"limit"})


@check("CHK-21", premises=(REST,))
def history_continues_before(play: Play) -> None:
    """CHK-21: compare every history with the parameter `before` with the entries below that checkpoint."""
    _expect_parts(play, lambda options: isinstance(options.get("before"), str))


@check("CHK-22", premises=(REST,))
def history_continues_before_a_checkpoint(play: Play) -> None:
    """CHK-22: compare every history with a checkpoint as `before` with the entries below that checkpoint."""
    _expect_parts(play, lambda options: isinstance(options.get("before"), dict))


@check("CHK-23", premises=(REST,))
def history_is_filtered_by_metadata(play: Play) -> None:
    """CHK-23: compare every history with a filter `metadata` with the entries that have these values."""
    _expect_parts(play, lambda options: "metadata" in options)


@check("CHK-34", premises=(HELD,))
def nothing_is_stored_before_the_exit(play: Play) -> None:
    """CHK-34: look in the history, read while run A is held in its tool, for the call that its agent has written."""
    play.accepted("A")
    see = play.last("mid history", s.MAIN).sent
    early = [entry for entry in play.history("mid") if any(one.word == "A.call" for one in entry.messages)]
    expect(not early, "no checkpoint with A.call while run A, with durability `exit`, is held", f"{len(early)}", see)


@check("CHK-35")
def failed_task_shows_its_error(play: Play) -> None:
    """CHK-35: look for an `error` in the tasks of the state after run A has failed."""
    if play.final_status("A") != "error":
        raise Unproven(f"run A did not end `error` but `{play.final_status('A')}`")
    tasks = objects(play.state().get("tasks"))
    errors = [task.get("error") for task in tasks]
    expected = "a task with an `error` in the state after run A has failed"
    observed = f"`error` {snippet(errors)}" if tasks else "no tasks"
    expect(any(errors), expected, observed, play.last("final state", s.MAIN).sent)


@check("CHK-33", premises=(REST,))
def history_has_a_default_limit(play: Play) -> None:
    """CHK-33: compare a history that was read without a limit with the newest ten entries of the whole history."""
    whole = [checkpoint.id for checkpoint in play.history("mid")]
    asked_for = [one for one, options in queries(play, "list history") if not options]
    if not asked_for:
        raise Unproven("the driver did not read the history without a limit")
    for exchange in asked_for:
        got, due = [checkpoint_id(entry) for entry in items(exchange)], whole[:DEFAULT_LIMIT]
        expected = f"{_positions(due, whole)} of the history for {asked(exchange)}, whose `limit` is {DEFAULT_LIMIT}"
        see = play.last("mid history", s.MAIN).sent
        expect(got == due, f"{expected} unless the request has another", _positions(got, whole), exchange.sent, see)


@check("CHK-24", premises=(REST,))
def state_at_a_checkpoint(play: Play) -> None:
    """CHK-24: compare every state at a checkpoint with the entry of the history that has its id."""
    entries = {checkpoint.id: checkpoint for checkpoint in play.history("mid")}
    for exchange, options in queries(play, "state at"):
        named = options.get("checkpoint")
        wanted = named.get("checkpoint_id") if isinstance(named, dict) else exchange.request.path.rpartition("/")[2]
        if wanted not in entries:
            raise Unproven(f"checkpoint {snippet(wanted)} is not in the history", exchange.sent)
        body, entry = answer(exchange), entries[wanted]
        shown = body if isinstance(body, dict) else {}
        expect(
            checkpoint_id(shown) == wanted,
            f"the state at checkpoint {snippet(wanted)} for {asked(exchange)}",
            f"that of checkpoint {snippet(checkpoint_id(shown))}",
            exchange.sent,
        )
        shown, listed = _with_named_tasks(shown), _with_named_tasks(entry.raw)
        # The published description does not require `tasks`.
        for key in ("values", "next", *({"tasks"} & shown.keys() & listed.keys())):
            got, due = shown.get(key), listed.get(key)
            expect(
                got == due,
                f"`{key}` of the state at checkpoint {snippet(wanted)} to equal its entry in the history",
                f"another one. First difference (state and history): {difference(got, due, key)}",
                exchange.sent,
                play.last("mid history", s.MAIN).sent,
            )


@check("CHK-31")
@all_facts
def state_shows_the_child_graph(play: Play) -> None:
    """CHK-31: look in the state with `subgraphs=true` for the child graph of the parked run A: its steps and `next`."""
    require_question(play, "A")
    exchange = play.last("state with children", s.MAIN)
    expect(exchange.ok, "a 2xx answer to the state with `subgraphs=true`", exchange.outcome(), exchange.sent)
    tasks = objects(exchange.body.get("tasks")) if isinstance(exchange.body, dict) else []
    states = [task["state"] for task in tasks if isinstance(task.get("state"), dict)]
    expect(
        bool(states),
        "the state of the child graph in the task of its node, for `subgraphs=true`",
        f"{len(tasks)} tasks, none of which has a `state`",
        exchange.sent,
    )
    # A loop, because a missing state does not end a check that judges all facts.
    for state in states[:1]:
        values = state.get("values")
        steps = values.get("steps") if isinstance(values, dict) else None
        due = ["A/search:1"]
        expect(
            steps == due, f"the steps that the child graph has finished, {due}", f"`{snippet(steps)}`", exchange.sent
        )
        waiting = state.get("next")
        expect(
            waiting == ["quote"],
            "the step of the child graph that asks in `next`",
            f"`{snippet(waiting)}`",
            exchange.sent,
        )


def _with_named_tasks(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state with no more of its tasks than their names, because their results may come later."""
    if not isinstance(state.get("tasks"), list):
        return {name: value for name, value in state.items() if name != "tasks"}
    return {**state, "tasks": [task.get("name") for task in objects(state["tasks"])]}


@check("CHK-25", premises=())
def steps_are_counted(play: Play) -> None:
    """CHK-25: compare the `step` of every checkpoint with that of its parent."""
    history, see = _history(play)
    entries = {checkpoint.id: checkpoint for checkpoint in history}
    pairs = [(one, entries[one.parent_id]) for one in history if one.parent_id in entries]
    counted = [(one, _step(one), _step(parent)) for one, parent in pairs]
    known = [(one, step, before) for one, step, before in counted if step is not None and before is not None]
    if not known:
        raise Inapplicable("no checkpoint has a `step` in its metadata, which the API description does not require")
    for one, step, before in known:
        expect(
            step == before + 1,
            f"`step` {before + 1} in checkpoint {snippet(one.id)}, whose parent has {before}",
            f"{step}",
            see,
        )


@check("CHK-26", premises=())
def sources_are_true(play: Play) -> None:
    """CHK-26: compare the `source` of each run's first checkpoint with `input`, and of the others with `loop`."""
    history, see = _history(play)
    if not any(checkpoint.source for checkpoint in history):
        raise Inapplicable("no checkpoint has a `source` in its metadata, which the API description does not require")
    for submit in play.scenario.submits():
        # A run that was refused has no id and no checkpoints.
        refused = not play.submission(submit.label).ok
        mine = [] if refused else [one for one in history if one.run_id == play.run_id(submit.label)]
        for checkpoint in mine:
            first = checkpoint is mine[-1]
            expect(
                checkpoint.source == ("input" if first else "loop"),
                f"source `{'input' if first else 'loop'}` in {'the first' if first else 'a later'} checkpoint of run "
                f"{submit.label}",
                f"`{snippet(checkpoint.source)}` in {snippet(checkpoint.id)}",
                see,
            )


@check("CHK-28", premises=(REST,))
def finished_thread_has_nothing_next(play: Play) -> None:
    """CHK-28: look for `next` and `tasks` in the state of a thread that is idle after its last run."""
    last = play.scenario.submits()[-1].label
    status, thread = play.outcome(last), play.final_thread().get("status")
    if status != "success" or thread != "idle":
        raise Unproven(f"run {last} is `{status}` and the thread `{snippet(thread)}`, so more may be to do")
    for key in ("next", "tasks"):
        left = play.state().get(key)
        expect(
            not left,
            f"no `{key}` in the state of an idle thread, whose last run has finished",
            f"`{snippet(left)}`",
            play.last("final state", s.MAIN).sent,
        )


@check("CHK-29", premises=())
def time_does_not_go_back(play: Play) -> None:
    """CHK-29: compare the `created_at` of every checkpoint with that of its parent, and all of them with each other."""
    history, see = _history(play)
    times = {found for one in history if (found := instant(one.created_at)) is not None}
    # Requests lie between the checkpoints, so only a clock of whole seconds may show one time for all.
    fine = any(time.microsecond for time in times)
    expect(
        len(times) != 1 or len(history) < MANY or not fine,
        f"created_at of {len(history)} checkpoints that were written one after the other",
        f"{snippet(history[0].created_at)} in each of them",
        see,
    )
    entries = {checkpoint.id: checkpoint for checkpoint in history}
    for one in history:
        parent = entries.get(one.parent_id)
        # Two runs may be executed by two machines, whose clocks differ.
        if parent is None or one.run_id != parent.run_id:
            continue
        now, then = instant(one.created_at), instant(parent.created_at)
        expect(
            now is None or then is None or now >= then,
            f"created_at of checkpoint {snippet(one.id)} not before that of its parent, {snippet(parent.created_at)}",
            snippet(one.created_at),
            see,
        )


def _step(checkpoint: Checkpoint) -> int | None:
    metadata = checkpoint.raw.get("metadata")
    step = metadata.get("step") if isinstance(metadata, dict) else None
    return step if isinstance(step, int) and not isinstance(step, bool) else None


def _expect_parts(play: Play, about: Callable[[dict[str, Any]], bool]) -> None:
    """Raise Broken unless every history whose options `about` accepts is that part of the whole history."""
    whole, judged = play.history("mid"), 0
    # What no entry shows cannot be compared. A filter by it may find entries all the same.
    shown = {name for one in whole if isinstance(one.raw.get("metadata"), dict) for name in one.raw["metadata"]}
    hidden: set[str] = set()
    for exchange, options in queries(play, "list history"):
        if not about(options):
            continue
        judged += 1
        if more := set(options.get("metadata") or ()) - shown:
            hidden |= more
            continue
        before = options.get("before")
        before = before.get("checkpoint_id") if isinstance(before, dict) else before
        ids = [checkpoint.id for checkpoint in whole]
        if before is not None and before not in ids:
            raise Unproven(f"checkpoint {snippet(before)} is not in the history", exchange.sent)
        older = whole if before is None else whole[ids.index(before) + 1 :]
        due = page([one.id for one in older if has(one.raw.get("metadata"), options.get("metadata"))], options)
        got = [checkpoint_id(entry) for entry in items(exchange)]
        expect(
            got == due,
            f"{_positions(due, ids)} of the history for {asked(exchange)}",
            _positions(got, ids),
            exchange.sent,
            play.last("mid history", s.MAIN).sent,
        )
    if hidden:
        raise Unproven(f"no entry of the history shows {' or '.join(sorted(hidden))} in its metadata")
    if not judged:
        raise Unproven("the driver did not read a part of the history in this way")


def _positions(found: list[str | None], whole: list[str | None]) -> str:
    """Return checkpoints in one line, by their positions in the whole history."""
    places = [str(whole.index(one)) if one in whole else snippet(one) for one in found]
    return f"entries {', '.join(places)}" if places else "no entry"


def _history(play: Play) -> tuple[list[Checkpoint], int]:
    """Return the final history and the seq of its request. Raise Unproven when it is empty."""
    history = play.history()
    see = play.last("final history", s.MAIN).sent
    if not history:
        raise Unproven("the history is empty", see)
    return history, see
