"""What more than one group of checks asks."""

from __future__ import annotations

from conformance import scenarios as s
from conformance.evidence import Play
from conformance.findings import Broken, Unproven, expect
from conformance.model import outcomes
from conformance.statuses import TERMINAL


def newcomer_continues_the_chain(play: Play) -> None:
    """INT-06 and ENQ-04: run B's first checkpoint stands on the newest one of the runs before it."""
    play.accepted("B")
    history = play.history()
    see = play.last("final history", s.MAIN).asked
    run_id = play.run_id("B")
    own = [index for index, checkpoint in enumerate(history) if checkpoint.run_id == run_id]
    if not own:
        raise Unproven("no checkpoint in the history names run B", see)
    first = history[own[-1]]
    before = [checkpoint for checkpoint in history[own[-1] + 1 :] if checkpoint.run_id != run_id]
    if not before:
        raise Unproven("no other run has a checkpoint before run B's first", see)
    expect(
        first.parent_id == before[0].id,
        f"run B's first checkpoint on top of run {play.label_of(before[0].run_id)}'s last one, {before[0].id}",
        f"its parent is {first.parent_id}",
        see,
    )


def newcomer_starts_after_the_stop(play: Play) -> None:
    """INT-07 and CON-07. A step is over when its `exit` is answered; a report after B's first one proves an overlap."""
    play.accepted("B")
    began = play.began("B")
    if began is None:
        raise Unproven("the witness saw no step of run B")
    superseded = [label for label in before_newcomer(play) if play.began(label) is not None]
    if not superseded:
        raise Unproven("the witness saw no step of a superseded run")
    for label in superseded:
        for trace in play.steps(label):
            if trace.enter < began < trace.last:
                raise Broken(
                    f"no step of run B before {trace.step} of run {label} had stopped",
                    f"run B entered {play.steps('B')[0].step} while {trace.step} of run {label} was still executing",
                    trace.enter,
                    began,
                    trace.last,
                )


def before_newcomer(play: Play, *, earlier: bool = False) -> list[str]:
    """The labels of the runs asked for before B on the main thread; `earlier`: with the finished turn E."""
    labels = [submit.label for submit in play.scenario.submits()]
    return [label for label in labels[: labels.index("B")] if earlier or label != "E"]


def status_word(status: str) -> str:
    """A run's status as a reader of the API sees it."""
    return "404" if status == "gone" else f"`{status}`"


def settled(play: Play) -> None:
    """Unproven unless run B was accepted and has ended: before that there is no final state."""
    play.accepted("B")
    if play.final_status("B") not in TERMINAL:
        raise Unproven("run B never ended, so there is no final state")


def conversation_is_legal(play: Play) -> None:
    """INT-05, ENQ-03 and RBK-02: the final conversation is one that the oracle allows."""
    settled(play)
    legal = sorted({outcome.conversation for outcome in outcomes(play)})
    observed = tuple(message.word for message in play.messages())
    expect(
        observed in legal,
        "the conversation " + " or ".join(f"[{' '.join(words)}]" for words in legal),
        f"[{' '.join(observed)}]",
        play.last("final state", s.MAIN).asked,
    )
