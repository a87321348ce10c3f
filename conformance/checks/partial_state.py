"""PST: the parts of a superseded run that the thread's state keeps."""

from __future__ import annotations

from collections import Counter

from conformance.api import objects
from conformance.checks.common import (
    AUDIT,
    expect_entry_at_the_start,
    expect_nothing_of_the_superstep,
    expect_values_of_the_state,
    require_half_a_superstep,
)
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, expect
from conformance.judge.messages import call_id, query_of, spell
from conformance.judge.play import Play
from conformance.judge.premises import ACCEPTED_B, CANCELLED, ENDED_B, HELD, REST, SETTLED
from conformance.judge.turns import turns
from conformance.scenarios import moves as s
from conformance.transcript.text import mentions, snippet
from doubletext.probe import requested_place


@check("PST-01")
def finished_steps_are_kept(play: Play) -> None:
    """PST-01: look in the state for the writes of every finished step of a superseded run."""
    _expect_kept(play, "the writes of every finished step", first=1)


@check("PST-02")
def input_is_kept(play: Play) -> None:
    """PST-02: look in the state for the input of every superseded run that had begun."""
    _expect_kept(play, "the input of every run that had begun", first=0, last=1)


def _expect_kept(play: Play, what: str, *, first: int, last: int | None = None) -> None:
    """Raise Broken unless the state has the parts `first` to `last` that every superseded run certainly wrote.

    `what` names these parts in the failure text. Raise Unproven when no run certainly wrote one of them.
    """
    ENDED_B.require(play)
    words = [message.word for message in play.messages()]
    # `least` is what the reports prove. `alone` caps it where the run would have failed or paused without B.
    due = [
        part
        for turn in turns(play)
        if turn.label != "B"
        for part in turn.parts[: min(turn.least, turn.alone)][first:last]
    ]
    if not due:
        raise Unproven(f"the record does not prove that a superseded run had anything to keep ({what})")
    missing = [part for part in due if part not in words]
    expect(
        not missing,
        f"{what} in the state: {' '.join(due)}",
        f"no {' '.join(missing)} in [{spell(play.messages())}]",
        play.last("final state", s.MAIN).sent,
    )


@check("PST-03", premises=(HELD, ENDED_B))
def unfinished_output_is_dropped(play: Play) -> None:
    """PST-03: look in the state for a part of the answer that run A had streamed half-way."""
    play.reached("A", "agent:2/token")
    # The whole answer counts too. A was held half-way through it, so only an invented or a late write can complete it.
    kept = [m.word for m in play.messages() if m.part == "fragment" or m.word == "A.answer"]
    expect(
        not kept,
        "no part of the answer of run A, which was stopped while it streamed that answer",
        f"[{spell(play.messages())}]",
        play.last("final state", s.MAIN).sent,
    )


@check("PST-04", premises=(HELD, ENDED_B))
@all_facts
def open_tool_call_is_left_alone(play: Play) -> None:
    """PST-04: look in the state for run A's open tool call, which must be there without a result."""
    play.reached("A", "tools:1/enter")
    if any(trace.step == "tools:1" and trace.outcome == "returned" for trace in play.steps("A")):
        raise Unproven("run A's tool returned, so its call was not left open")
    words = [message.word for message in play.messages()]
    see = play.last("final state", s.MAIN).sent
    expect(
        "A.call" in words,
        "run A's tool call, written before the stop, in the state",
        f"[{spell(play.messages())}]",
        see,
    )
    # Some servers repair a conversation with a synthetic result, because model providers reject an open call. The
    # guide leaves this to the graph: https://docs.langchain.com/langsmith/double-texting
    foreign = [m for m in play.messages() if m.label == "?"]
    expect(
        not {"A.result", "A.invented"} & {*words} and not foreign,
        "no result for the tool call of run A, whose tool never finished",
        f"[{spell(play.messages())}]",
        see,
    )


@check("PST-05")
def exit_durability_keeps_finished_steps(play: Play) -> None:
    """PST-05: look in the state for the writes of run A's finished steps with durability `exit`."""
    # `exit` saves when the run exits. An interruption is such an exit, and not the loss of everything:
    # https://github.com/langchain-ai/docs/pull/1824
    _expect_kept(play, "the writes from before the stop (durability `exit`)", first=0)


@check("PST-06")
def sync_durability_shows_finished_steps(play: Play) -> None:
    """PST-06: look in the history for run A's tool call while its next step executes."""
    # A reported its next step, and `sync` saves a checkpoint before the next step starts.
    play.reached("A", "tools:1/enter")
    history = play.history("mid")
    found = any(message.word == "A.call" for checkpoint in history for message in checkpoint.messages)
    expect(
        found,
        "with durability `sync`, run A's tool call in the history while its next step is executing",
        f"newest checkpoint: {spell(history[0].messages) if history else 'none'}",
        play.last("mid history", s.MAIN).sent,
    )


@check("PST-07")
def finished_step_of_half_a_superstep(play: Play) -> None:
    """PST-07: look for the finished step's result, which stays with its task until new input arrives."""
    require_half_a_superstep(play)
    # New input drops the result, because the superstep can no longer continue. Without B it still can.
    if any(submit.label == "B" for submit in play.scenario.submits()):
        ENDED_B.require(play)
        expect_nothing_of_the_superstep(play)
        return
    tasks = play.state("mid").get("tasks")
    kept = [task for task in objects(tasks) if task.get("name") == "audit"]
    results = [task.get("result") for task in kept]
    expect(
        mentions(results, AUDIT),
        f"the result {AUDIT} of the finished step with its task in the state",
        snippet(results) if kept else "no such task",
        play.last("mid state", s.MAIN).sent,
    )


@check("PST-08", premises=(HELD, ENDED_B, REST, SETTLED))
def thread_values_equal_state(play: Play) -> None:
    """PST-08: compare the thread's `values` with those of its state."""
    expect_values_of_the_state(play)


@check("PST-09", premises=(HELD, ENDED_B))
def message_ids_are_unique(play: Play) -> None:
    """PST-09: count every message id in the state, where each must occur once."""
    # Messages without an id are not judged. No requirement demands one.
    ids = [message.id for message in play.messages() if message.id is not None]
    if not ids:
        raise Unproven("no message in the state has an id", play.last("final state", s.MAIN).sent)
    twice = sorted(message_id for message_id, count in Counter(ids).items() if count > 1)
    expect(
        not twice,
        "every message id once in the state",
        f"twice: {', '.join(twice)}",
        play.last("final state", s.MAIN).sent,
    )


@check("PST-10", premises=(HELD, ENDED_B))
@all_facts
def second_input_comes_once_and_last(play: Play) -> None:
    """PST-10: count run B's input in the state, where it must occur once, after everything that was kept."""
    words = [message.word for message in play.messages()]
    see = play.last("final state", s.MAIN).sent
    count = words.count("B.human")
    expect(count == 1, "run B's input exactly once in the state", f"{count} times in [{' '.join(words)}]", see)
    if not count:
        return
    after = [word for word in words[words.index("B.human") :] if not word.startswith("B.")]
    expect(not after, "run B's input after everything that was kept of other runs", f"{' '.join(after)} after it", see)


@check("PST-11", premises=(HELD, CANCELLED))
def unfinished_step_is_next(play: Play) -> None:
    """PST-11: compare `next` of the state with the node that did not finish."""
    steps = play.steps("A")
    if not steps:
        raise Unproven("the witness received no report from a step of run A")
    # The probe agent names a step after its node and counts them: `tools:1` is the first step of the node `tools`.
    node = steps[-1].step.partition(":")[0]
    following = play.state().get("next")
    expect(
        following == [node],
        f"`next` of the state to name the node that did not finish: {snippet([node])}",
        snippet(following),
        play.last("final state", s.MAIN).sent,
    )


@check("PST-12", premises=(HELD, ACCEPTED_B))
def new_input_enters_at_the_start(play: Play) -> None:
    """PST-12: compare run B's first step with the graph's entry, and look for a resumed step of run A."""
    expect_entry_at_the_start(play)


@check("PST-13", premises=())
def tool_calls_are_kept_unaltered(play: Play) -> None:
    """PST-13: compare the name and the arguments of every tool call in the state with those that the agent wrote."""
    values = play.state().get("values")
    calls = [
        call
        for message in objects(values.get("messages") if isinstance(values, dict) else None)
        for call in objects(message.get("tool_calls"))
    ]
    due = {
        call_id(place): query_of(place)
        for submit in play.scenario.submits()
        if (place := requested_place(submit.text)) is not None
    }
    known = [call for call in calls if isinstance(call.get("id"), str) and call["id"] in due]
    if not known:
        raise Unproven("the state has no tool call of the agent")
    see = play.last("final state", s.MAIN).sent
    for call in known:
        wrote = {"name": "tavily_search_results_json", "args": {"query": due[call["id"]]}}
        got = {name: call.get(name) for name in wrote}
        expect(got == wrote, f"the tool call {snippet(wrote)}, as the agent wrote it", snippet(got), see)
