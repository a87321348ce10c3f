"""PST: what the thread's state keeps of a superseded run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from conformance.checks import Check
from conformance.checks.common import settled
from conformance.judge.expect import Unproven, expect
from conformance.judge.messages import spell
from conformance.judge.play import Play
from conformance.judge.turns import STEPS, turns
from conformance.scenarios import scenario as s
from conformance.transcript.text import difference


def finished_steps_are_kept(play: Play) -> None:
    """PST-01."""
    _kept(play, "writes of every step that had finished", first=1)


def input_is_kept(play: Play) -> None:
    """PST-02."""
    _kept(play, "the input of a run that had begun", first=0, last=1)


def _kept(play: Play, what: str, *, first: int, last: int | None = None) -> None:
    """Parts `first` to `last` of every superseded run's certain writes are in the state."""
    settled(play)
    words = [message.word for message in play.messages()]
    due = [
        part
        for turn in turns(play)
        if turn.label != "B"
        for part in turn.parts[: min(turn.least, turn.alone)][first:last]
    ]
    if not due:
        raise Unproven("no superseded run had certainly written anything of that kind")
    missing = [part for part in due if part not in words]
    expect(
        not missing,
        f"{what} in the state: {' '.join(due)}",
        f"no {' '.join(missing)} in: {spell(play.messages())}",
        play.last("final state", s.MAIN).asked,
    )


def unfinished_output_is_dropped(play: Play) -> None:
    """PST-03."""
    settled(play)
    play.reached("A", "agent:2/token")
    kept = [m.word for m in play.messages() if m.part == "fragment" or m.word == "A.answer"]
    expect(
        not kept,
        "no part of the answer that run A had streamed half-way",
        spell(play.messages()),
        play.last("final state", s.MAIN).asked,
    )


def open_tool_call_is_left_alone(play: Play) -> None:
    """PST-04."""
    settled(play)
    play.reached("A", "tools:1/enter")
    if any(trace.step == "tools:1" and trace.outcome == "returned" for trace in play.steps("A")):
        raise Unproven("run A's tool ran to its end, so its call was not left open")
    words = [message.word for message in play.messages()]
    see = play.last("final state", s.MAIN).asked
    expect(
        "A.call" in words,
        "run A's tool call, written before the stop, in the state",
        spell(play.messages()),
        see,
    )
    foreign = [m for m in play.messages() if m.label == "?"]
    expect(
        not {"A.result", "A.invented"} & {*words} and not foreign,
        "no result for the tool call of run A, whose tool never finished",
        spell(play.messages()),
        see,
    )


def exit_durability_keeps_finished_steps(play: Play) -> None:
    """PST-05."""
    _kept(play, "with durability `exit`, what had finished before the stop", first=0)


def sync_durability_shows_finished_steps(play: Play) -> None:
    """PST-06."""
    play.reached("A", "tools:1/enter")
    history = play.history("mid")
    found = any(message.word == "A.call" for checkpoint in history for message in checkpoint.messages)
    expect(
        found,
        "with durability `sync`, run A's tool call in the history while its next step is executing",
        f"newest checkpoint: {spell(history[0].messages) if history else 'none'}",
        play.last("mid history", s.MAIN).asked,
    )


def thread_values_equal_state(play: Play) -> None:
    """PST-08."""
    settled(play)
    state = play.state().get("values")
    thread = play.final_thread().get("values")
    expect(
        thread == state,
        f"the thread's `values` equal to its state: {_shape(state)}",
        f"{_shape(thread)}; {difference(thread, state)}",
        play.last("final thread", s.MAIN).asked,
        play.last("final state", s.MAIN).asked,
    )


def message_ids_are_unique(play: Play) -> None:
    """PST-09."""
    settled(play)
    ids = [message.id for message in play.messages() if message.id is not None]
    if not ids:
        raise Unproven("no message in the state has an id", play.last("final state", s.MAIN).asked)
    twice = sorted(message_id for message_id, count in Counter(ids).items() if count > 1)
    expect(
        not twice,
        "every message id once in the state",
        f"twice: {', '.join(twice)}",
        play.last("final state", s.MAIN).asked,
    )


def second_input_comes_once_and_last(play: Play) -> None:
    """PST-10."""
    settled(play)
    words = [message.word for message in play.messages()]
    see = play.last("final state", s.MAIN).asked
    count = words.count("B.human")
    expect(count == 1, "run B's input exactly once in the state", f"{count} times in: {' '.join(words)}", see)
    after = [word for word in words[words.index("B.human") :] if not word.startswith("B.")]
    expect(not after, "run B's input after everything that was kept", f"{' '.join(after)} after it", see)


def new_input_enters_at_the_start(play: Play) -> None:
    """PST-12."""
    play.accepted("B")
    steps = [trace.step for trace in play.steps("B")]
    if not steps:
        raise Unproven("the witness saw no step of run B")
    arrived = play.submission("B").asked
    entered = [r for r in play.reports("A") if r.event == "enter"]
    unfinished = [r.step for r in entered if r.seq < arrived][-1:]
    resumed = [r for r in entered if r.seq > arrived and r.step in unfinished]
    expect(
        steps[0] == STEPS[0] and not resumed,
        f"run B to begin with {STEPS[0]}, the graph's entry, and run A's unfinished step not to be entered again",
        f"run B began with {steps[0]}" + (f"; run A entered {resumed[0].step} again" if resumed else ""),
        play.steps("B")[0].enter,
    )


def _shape(values: object) -> str:
    """A state's values in a few words."""
    if not isinstance(values, dict):
        return f"`{values}`"
    sizes = [f"{key}: {len(value) if isinstance(value, list) else value}" for key, value in values.items()]
    return "{" + ", ".join(sizes) + "}"


CHECKS: Mapping[str, Check] = {
    "PST-01": finished_steps_are_kept,
    "PST-02": input_is_kept,
    "PST-03": unfinished_output_is_dropped,
    "PST-04": open_tool_call_is_left_alone,
    "PST-05": exit_durability_keeps_finished_steps,
    "PST-06": sync_durability_shows_finished_steps,
    "PST-08": thread_values_equal_state,
    "PST-09": message_ids_are_unique,
    "PST-10": second_input_comes_once_and_last,
    "PST-12": new_input_enters_at_the_start,
}
