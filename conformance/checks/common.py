"""What more than one group of checks asks."""

from __future__ import annotations

from conformance.judge.expect import Broken, Unproven, expect
from conformance.judge.messages import spell
from conformance.judge.play import Play
from conformance.judge.statuses import GONE, TERMINAL
from conformance.judge.turns import outcomes
from conformance.scenarios import scenario as s


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


def expect_end(play: Play, label: str, due: str, who: str, *see: int) -> None:
    """Run `label` ends with the status `due`; `who` says which run that is, `see` what else shows it."""
    status = play.final_status(label)
    expect(
        status == due,
        f"GET of {who}, to answer 404" if due == GONE else f"{who}, to end `{due}`",
        status_word(status),
        *see,
        play.last("final run", f"run {label}").asked,
    )


def expect_accepted(play: Play, label: str) -> None:
    """Run `label` was answered with a 2xx."""
    submission = play.submission(label)
    expect(submission.ok, f"a 2xx answer to run {label}", submission.outcome(), submission.asked)


def expect_nothing_of(play: Play, label: str) -> None:
    """No message of run `label` is in the state."""
    kept = [message for message in play.messages() if message.label == label]
    expect(not kept, f"nothing of run {label} in the state", spell(kept), play.last("final state", s.MAIN).asked)


def one_story(play: Play) -> None:
    """CON-04, CON-09 and INT-17: statuses and conversation together are an outcome that the oracle allows."""
    statuses = {submit.label: _fate(play, submit.label) for submit in play.scenario.submits()}
    conversation = tuple(message.word for message in play.messages())
    legal = outcomes(play)
    fits = any(outcome.conversation == conversation and dict(outcome.statuses) == statuses for outcome in legal)
    expect(
        fits,
        " or ".join(sorted(_told(dict(outcome.statuses), outcome.conversation) for outcome in legal)),
        _told(statuses, conversation),
        *(play.submission(label).asked for label in statuses),
        play.last("final state", s.MAIN).asked,
    )


def _fate(play: Play, label: str) -> str:
    """What became of a run, in the oracle's words; an answer that no strategy gives stands for itself."""
    submission = play.submission(label)
    if submission.response is None or submission.ok:
        return play.final_status(label)
    refused = 400 <= submission.response.status < 500
    return "refused" if refused else submission.outcome()


def _told(statuses: dict[str, str], conversation: tuple[str, ...]) -> str:
    """One outcome in a line."""
    return ", ".join(f"{label} {status}" for label, status in statuses.items()) + f" [{' '.join(conversation)}]"


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
