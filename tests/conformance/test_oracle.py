"""The oracle against a brute-force thread, which executes its runs step by step in every possible order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.judge.oracle import Action, Cancelled, Outcome, Turn, legal_outcomes
from conformance.scenarios.moves import Strategy

STRATEGIES: tuple[Strategy, ...] = ("enqueue", "reject", "interrupt", "rollback")
ACTIONS: tuple[Action, ...] = ("interrupt", "rollback")
LENGTH = 3
"""The number of parts that a complete run of the brute-force thread writes."""


@dataclass(frozen=True)
class Run:
    label: str
    status: str = "pending"
    written: int = 0


@dataclass(frozen=True)
class Thread:
    """A thread that follows the guides literally, one event at a time."""

    runs: tuple[Run, ...] = ()
    flights: dict[str, tuple[bool, ...]] = field(default_factory=dict)
    """For every run and each later one: True if the run was in flight when the later one arrived."""

    def active(self) -> Run | None:
        return next((run for run in self.runs if run.status in ("pending", "running")), None)

    def step(self) -> Thread:
        """Return the thread after its active run wrote one part. With the last part the run ends."""
        run = self.active()
        assert run is not None
        written = run.written + 1
        after = replace(run, written=written, status="success" if written == LENGTH else "running")
        return replace(self, runs=tuple(after if r.label == run.label else r for r in self.runs))

    def arrive(self, label: str, strategy: Strategy) -> Thread:
        flights = {run.label: (*self.flights[run.label], run.status in ("pending", "running")) for run in self.runs}
        runs, status = list(self.runs), "pending"
        if strategy == "reject" and self.active() is not None:
            status = "refused"
        elif strategy in ("interrupt", "rollback"):
            end = "interrupted" if strategy == "interrupt" else "gone"
            runs = [
                replace(run, status=end, written=run.written if end == "interrupted" else 0)
                if run.status in ("pending", "running")
                else run
                for run in runs
            ]
        return Thread((*runs, Run(label, status)), {**flights, label: ()})

    def cancel(self, label: str, action: Action) -> Thread:
        """Return the thread after a cancel, which ends a run in flight and changes nothing otherwise."""
        end = "interrupted" if action == "interrupt" else "gone"
        stopped = [
            replace(run, status=end, written=run.written if end == "interrupted" else 0)
            if run.label == label and run.status in ("pending", "running")
            else run
            for run in self.runs
        ]
        return replace(self, runs=tuple(stopped))

    def finished(self) -> Thread:
        thread = self
        while thread.active() is not None:
            thread = thread.step()
        return thread

    def outcome(self) -> Outcome:
        return Outcome(
            statuses=tuple((run.label, run.status) for run in self.runs),
            conversation=tuple(part for run in self.runs for part in parts(run.label)[: run.written]),
        )


def parts(label: str) -> tuple[str, ...]:
    return tuple(f"{label}.{number}" for number in range(LENGTH))


def histories(
    strategies: tuple[Strategy, ...], cancels: dict[int, tuple[str, Action]] | None = None
) -> Iterator[tuple[Thread, list[Turn], list[Cancelled]]]:
    """Yield every history in which these runs arrive one after another, with every number of steps in between.

    `cancels` maps a number of created runs to the run that is cancelled then, and to the action.
    """
    labels = "ABCD"[: len(strategies)]
    for pauses in product(range(LENGTH + 1), repeat=len(strategies) - (0 if cancels else 1)):
        thread, progress, sent = Thread(), dict.fromkeys(labels, 0), list[Cancelled]()
        for label, strategy, pause in zip(labels, strategies, (*pauses, 0)[: len(labels)], strict=True):
            thread = thread.arrive(label, strategy)
            # An observer knows what each run has written so far, which is its progress if it is superseded later.
            for _ in range(pause):
                if thread.active() is not None:
                    thread = thread.step()
            progress |= {run.label: run.written for run in thread.runs if run.status != "gone" and run.written}
            if cancels and len(thread.runs) in cancels:
                target, action = cancels[len(thread.runs)]
                was = next(run for run in thread.runs if run.label == target).status in ("pending", "running")
                thread = thread.cancel(target, action)
                sent.append(Cancelled(target, action, len(thread.runs), was))
        turns = [
            Turn(
                label=label,
                strategy=strategy,
                parts=parts(label),
                alone=LENGTH,
                least=progress[label],
                most=progress[label],
                in_flight=thread.flights[label],
            )
            for label, strategy in zip(labels, strategies, strict=True)
        ]
        yield thread.finished(), turns, sent


@pytest.mark.parametrize("second", STRATEGIES)
@pytest.mark.parametrize("first", STRATEGIES)
def test_two_texts_have_exactly_the_outcome_of_the_thread(first: Strategy, second: Strategy) -> None:
    for thread, turns, _ in histories((first, second)):
        assert legal_outcomes(turns) == {thread.outcome()}, turns


@pytest.mark.parametrize("third", STRATEGIES)
@pytest.mark.parametrize("second", STRATEGIES)
def test_three_texts_have_exactly_the_outcome_of_the_thread(second: Strategy, third: Strategy) -> None:
    for thread, turns, _ in histories(("enqueue", second, third)):
        assert legal_outcomes(turns) == {thread.outcome()}, turns


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("target", "after"), [("A", 1), ("A", 2), ("B", 2), ("A", 3), ("B", 3), ("C", 3)])
@pytest.mark.parametrize("third", STRATEGIES)
@pytest.mark.parametrize("second", STRATEGIES)
def test_a_cancel_between_three_texts_has_exactly_the_outcome_of_the_thread(
    second: Strategy, third: Strategy, target: str, after: int, action: Action
) -> None:
    for thread, turns, cancels in histories(("enqueue", second, third), {after: (target, action)}):
        assert legal_outcomes(turns, cancels) == {thread.outcome()}, (turns, cancels)


def test_of_two_cancels_the_first_decides() -> None:
    for first, then in (ACTIONS, ACTIONS[::-1]):
        for thread, turns, cancels in histories(("enqueue", "enqueue"), {1: ("A", first), 2: ("A", then)}):
            assert legal_outcomes(turns, cancels) == {thread.outcome()}, (turns, cancels)


def test_a_cancel_that_races_the_end_has_the_outcomes_of_both_orders() -> None:
    run = Turn("A", "enqueue", parts("A"), LENGTH, least=2, most=LENGTH)
    outcomes = legal_outcomes([run], [Cancelled("A", "interrupt", 1, None)])
    assert {(outcome.status("A"), len(outcome.conversation)) for outcome in outcomes} == {
        ("success", LENGTH),
        ("interrupted", 2),
        ("interrupted", LENGTH),
    }


def test_a_run_that_is_being_stopped_may_count_for_reject_or_not() -> None:
    stopping = Turn("A", "enqueue", parts("A"), LENGTH, least=1, most=1, in_flight=(True,))
    later = Turn("B", "reject", parts("B"), LENGTH, LENGTH, LENGTH)
    outcomes = legal_outcomes([stopping, later], [Cancelled("A", "interrupt", 1, True)])
    assert {outcome.status("B") for outcome in outcomes} == {"refused", "success"}


def plain(label: str, strategy: Strategy, *in_flight: bool | None) -> Turn:
    """Return a turn that had written all its parts if it was superseded."""
    return Turn(label, strategy, parts(label), LENGTH, LENGTH, LENGTH, in_flight)


@pytest.mark.parametrize(("strategy", "end"), [("interrupt", "interrupted"), ("rollback", "gone")])
def test_a_cancel_of_a_run_that_a_new_run_has_stopped_changes_nothing(strategy: Strategy, end: str) -> None:
    turns = [plain("A", "enqueue", True), plain("B", strategy)]
    for action in ACTIONS:
        outcomes = legal_outcomes(turns, [Cancelled("A", action, 2, True)])
        assert {outcome.status("A") for outcome in outcomes} == {end}


@pytest.mark.parametrize(
    ("in_flight", "label", "after", "ends"),
    [
        # In flight when a later run arrived, so it was in flight at the cancel.
        (((True,), ()), "A", 1, {"gone"}),
        (((True, True), (True,), ()), "A", 2, {"gone"}),
        (((True, True), (True,), ()), "B", 2, {"gone"}),
        # Ended before an earlier run arrived, so it had ended at the cancel.
        (((True, False, False), (True, True), (True,), ()), "A", 3, {"success"}),
        # The cancel came between the two, so both are possible.
        (((True, False), (True,), ()), "A", 2, {"gone", "success"}),
    ],
)
def test_what_later_runs_found_decides_what_a_cancel_found(
    in_flight: tuple[tuple[bool, ...], ...], label: str, after: int, ends: set[str]
) -> None:
    turns = [plain(name, "enqueue", *found) for name, found in zip("ABCD", in_flight, strict=False)]
    outcomes = legal_outcomes(turns, [Cancelled(label, "rollback", after, None)])
    assert {outcome.status(label) for outcome in outcomes} == ends


def test_what_is_over_stays_over() -> None:
    turns = [plain("A", "enqueue", None, None), plain("B", "reject", False), plain("C", "rollback")]
    found = {(outcome.status("A"), outcome.status("B")) for outcome in legal_outcomes(turns)}
    assert found == {("gone", "refused"), ("success", "refused"), ("success", "success")}


def test_of_two_later_runs_the_first_decides() -> None:
    turns = [plain("A", "enqueue", True, True), plain("B", "rollback", True), plain("C", "interrupt")]
    assert {outcome.status("A") for outcome in legal_outcomes(turns)} == {"gone"}


def test_a_new_run_stops_the_runs_in_flight_when_it_arrives_and_no_others() -> None:
    turns = [
        plain("A", "enqueue", True, True, False),
        plain("B", "enqueue", True, True),
        plain("C", "enqueue", True),
        plain("D", "interrupt"),
    ]
    [outcome] = legal_outcomes(turns)
    assert dict(outcome.statuses) == {"A": "success", "B": "interrupted", "C": "interrupted", "D": "success"}


def test_equal_turns_and_cancels_are_one() -> None:
    assert len({plain("A", "enqueue"), plain("A", "enqueue")}) == 1
    assert len({Cancelled("A", "interrupt", 1, True), Cancelled("A", "interrupt", 1, True)}) == 1


def test_a_cancel_of_an_unknown_run_is_refused() -> None:
    with pytest.raises(KeyError):
        legal_outcomes([Turn("A", "enqueue", parts("A"), 3, 0, 0)], [Cancelled("B", "interrupt", 1, True)])


def test_a_race_has_the_outcomes_of_both_orders() -> None:
    # The record does not show whether A had ended when B arrived. The outcomes of both orders are legal, and no others.
    race = Turn("A", "enqueue", parts("A"), LENGTH, least=2, most=LENGTH, in_flight=(None,))
    later = Turn("B", "interrupt", parts("B"), LENGTH, LENGTH, LENGTH)
    expected: set[Outcome] = set()
    for in_flight in (True, False):
        expected |= legal_outcomes([replace(race, in_flight=(in_flight,)), later])
    assert legal_outcomes([race, later]) == expected
    assert {outcome.status("A") for outcome in expected} == {"success", "interrupted"}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(STRATEGIES),
            st.integers(0, LENGTH),
            st.integers(0, LENGTH),
            st.sampled_from([True, False, None]),
        ),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(ACTIONS), st.sampled_from([True, False, None])), max_size=2),
)
def test_some_outcome_is_always_legal_and_none_loses_the_last_text(
    described: list[tuple[Strategy, int, int, bool | None]],
    cancelled: list[tuple[int, Action, bool | None]],
) -> None:
    turns = [
        Turn(str(number), strategy, parts(str(number)), LENGTH, min(a, b), max(a, b), (in_flight,) * later)
        for number, (strategy, a, b, in_flight) in enumerate(described)
        for later in [len(described) - number - 1]
    ]
    last = replace(turns[-1], strategy="interrupt", least=LENGTH, most=LENGTH)
    # The last run is never cancelled, and a cancel comes after its run was created.
    cancels = [
        Cancelled(turns[index].label, action, index + 1, was)
        for index, action, was in cancelled
        if index < len(turns) - 1
    ]
    outcomes = legal_outcomes([*turns[:-1], last], cancels)
    assert outcomes
    for outcome in outcomes:
        assert outcome.status(last.label) == "success"
        assert outcome.conversation[-LENGTH:] == last.parts
        assert len(set(outcome.conversation)) == len(outcome.conversation)
        for turn in turns[:-1]:
            kept = [part for part in outcome.conversation if part in turn.parts]
            assert tuple(kept) == turn.parts[: len(kept)], "a run keeps a beginning of what it wrote, in order"
            if outcome.status(turn.label) in ("gone", "refused"):
                assert kept == []


@pytest.mark.parametrize(("least", "most"), [(2, 1), (-1, 1), (1, 4)])
def test_progress_that_cannot_be_is_refused(least: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"turn A: expected .* got least {least}, most {most}, 3 parts"):
        Turn("A", "enqueue", parts("A"), 3, least, most)


def test_every_later_turn_needs_its_entry() -> None:
    first = Turn("A", "enqueue", parts("A"), 3, 0, 0)
    with pytest.raises(ValueError, match=r"turn A: .* each later turn \(2\), got 0"):
        legal_outcomes([first, plain("B", "enqueue", True), plain("C", "enqueue")])
    with pytest.raises(ValueError, match=r"turn B: .* each later turn \(1\), got 2"):
        legal_outcomes([plain("A", "enqueue", True, True), plain("B", "enqueue", True, True), plain("C", "enqueue")])
