from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.histories.checker import check
from conformance.histories.freedoms import DEFAULT, EXACT, Freedoms
from conformance.histories.history import Act, History, Operation, Reading, Report
from conformance.histories.transcribe import transcribe
from conformance.judge.play import Play
from tests.conformance.bursts import burst
from tests.conformance.plays import Edit, Json, bodies, edited, play, play_named
from tests.conformance.simulated import naive, plan, simulate

NO_LAG = Freedoms(lag=0.0)


def submit(label: str, opens: int, closes: int | None, answer: str = "accepted") -> Operation:
    return Operation("submit", label, answer, opens, closes, f"create run {label}: {answer}")  # type: ignore[arg-type]


def status(label: str, shown: str, opens: int, closes: int) -> Reading:
    return Reading("run status", label, shown, opens, closes, f"run {label} `{shown}`")


def steps(label: str, at: int, *names: str) -> list[Report]:
    """Return the reports of steps that return, from the seq `at` on."""
    found = []
    for number, step in enumerate(names):
        found.append(Report(label, step, "enter", "", at + 2 * number, f"{label} {step} enter"))
        found.append(Report(label, step, "exit", "returned", at + 2 * number + 1, f"{label} {step} exit"))
    return found


TURN = ("agent:1", "tools:1", "agent:2")


@pytest.mark.parametrize(
    ("first", "second", "legal"),
    [((0, 9), (1, 8), True), ((0, 2), (3, 8), False), ((3, 8), (0, 2), True)],
    ids=["at once", "B later", "B earlier"],
)
def test_runs_start_in_an_order_that_their_requests_allow(
    first: tuple[int, int], second: tuple[int, int], legal: bool
) -> None:
    history = History(
        {"A": plan("A"), "B": plan("B")},
        (submit("A", *first), submit("B", *second)),
        reports=(*steps("B", 10, *TURN), *steps("A", 20, *TURN)),
    )
    assert check(history, NO_LAG).kind == ("legal" if legal else "illegal")


def test_a_resumed_run_that_has_nothing_to_do_reports_no_step() -> None:
    nothing = replace(plan("B"), steps=(), parts=(), answers="A")
    reports = (*steps("A", 2, *TURN), *steps("B", 12, "agent:3"))
    history = History({"A": plan("A"), "B": nothing}, (submit("A", 0, 1), submit("B", 10, 11)), reports=reports)
    verdict = check(history, NO_LAG)
    assert (verdict.kind, verdict.law, verdict.seq) == ("illegal", "step enter", 12)


@pytest.mark.parametrize(("updates", "kind"), [(0, "legal"), (1, "legal"), (2, "illegal")])
def test_a_join_of_an_earlier_run_shows_the_thread_as_it_was_last_at_rest(updates: int, kind: str) -> None:
    edit = Operation("update state", "", "accepted", 10, 11, "update the state: accepted")
    shown = (*plan("A").parts, *["update"] * updates)
    history = History(
        {"A": plan("A"), "B": plan("B")},
        (submit("A", 0, 1), edit, submit("B", 12, 13)),
        (Reading("result", "A", shown, 17, 18, "the join of run A"),),
        (*steps("A", 2, *TURN), *steps("B", 14, "agent:1")),
    )
    assert check(history, NO_LAG).kind == kind


def test_an_illegal_history_names_the_operation_that_breaks_it_and_an_order_up_to_there() -> None:
    history = History(
        {"A": plan("A"), "B": plan("B", "interrupt")},
        (submit("A", 0, 1), submit("B", 4, 5)),
        (status("A", "success", 6, 7), status("A", "interrupted", 8, 9)),
        tuple(steps("A", 2, "agent:1")),
        tuple(seq / 10 for seq in range(10)),
    )
    verdict = check(history, NO_LAG)
    assert (verdict.kind, verdict.law, verdict.seq) == ("illegal", "run status", 7)
    assert verdict.why == "no order of these explains run A `success` at 0.700 s"
    assert verdict.order[:2] == ("create run A: accepted", "run A starts")
    assert verdict.broken == history.readings[0]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("two at once", [*steps("A", 10, "agent:1")[:1], *steps("B", 11, "agent:1")]),
        ("a step twice", [*steps("A", 10, "agent:1", "agent:1")]),
        ("a step left out", [*steps("A", 10, "tools:1")]),
        ("nothing was cancelled", [steps("A", 10, "agent:1")[0], Report("A", "agent:1", "cancelled", "", 11, "")]),
    ],
)
def test_reports_of_a_wrong_server_are_illegal(name: str, wrong: list[Report]) -> None:
    plans = {"A": plan("A"), "B": plan("B")}
    assert check(History(plans, (submit("A", 0, 1), submit("B", 2, 3)), reports=tuple(wrong)), NO_LAG).kind == "illegal"


@pytest.mark.parametrize("freedoms", [EXACT, NO_LAG, DEFAULT])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_a_history_of_the_model_is_legal(seed: int, freedoms: Freedoms) -> None:
    history = simulate(seed, freedoms)
    verdict = check(history, freedoms)
    assert verdict.kind == "legal", verdict


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_the_checker_agrees_with_one_that_tries_every_order(seed: int) -> None:
    random = Random(seed)
    history = simulate(seed, EXACT, runs=2, steps=40)
    items = [*history.operations, *history.readings, *history.reports]
    kept = random.sample(items, min(5, len(items)))
    small = replace(
        history,
        operations=tuple(item for item in kept if isinstance(item, Operation)),
        readings=tuple(item for item in kept if isinstance(item, Reading)),
        reports=tuple(item for item in kept if isinstance(item, Report)),
    )
    assert check(small, EXACT).kind == ("legal" if naive(small, EXACT) else "illegal")


def _edited(history: History, random: Random) -> History | None:
    """Return a history in which one status that a client read is another one."""
    edits = [number for number, one in enumerate(history.readings) if one.subject == "run status"]
    if not edits:
        return None
    number = random.choice(edits)
    other = random.choice([s for s in ("success", "error", "interrupted") if s != history.readings[number].shown])
    changed = replace(history.readings[number], shown=other)
    return replace(history, readings=(*history.readings[:number], changed, *history.readings[number + 1 :]))


def test_most_edits_of_one_status_are_noticed() -> None:
    found: Counter[str] = Counter()
    for seed in range(120):
        edited = _edited(simulate(seed, EXACT, runs=3, steps=50), Random(seed))
        if edited is not None:
            found[check(edited, EXACT).kind] += 1
    # The others are possible: a run may have ended, and no later reading contradicts it.
    assert found["unknown"] == 0
    assert found["illegal"] / found.total() > 0.9, found


def _until(history: History, seq: int) -> History:
    """Return the part of a history up to a moment, in which the other answers have not arrived."""
    return replace(
        history,
        operations=tuple(
            replace(one, closes=one.closes if one.closes is not None and one.closes <= seq else None)
            for one in history.operations
            if one.opens <= seq
        ),
        readings=tuple(one for one in history.readings if one.closes <= seq),
        reports=tuple(one for one in history.reports if one.at <= seq),
    )


def test_the_prefix_of_an_illegal_history_is_the_shortest_without_an_explanation() -> None:
    prefixes = 0
    for seed in range(60):
        edited = _edited(simulate(seed, EXACT, runs=3, steps=50), Random(seed))
        verdict = check(edited, EXACT) if edited is not None else None
        if edited is not None and verdict is not None and verdict.kind == "illegal":
            prefixes += 1
            assert check(_until(edited, verdict.seq), EXACT).kind == "illegal"
            assert check(_until(edited, verdict.seq - 1), EXACT).kind == "legal"
    assert prefixes > 10


@pytest.mark.parametrize("wrong", [False, True], ids=["legal", "a wrong end"])
def test_ten_runs_with_thirty_operations_need_few_states(wrong: bool) -> None:
    history = transcribe(Play(play([burst(10)])[burst(10).id]))
    if wrong:
        ended = max(
            n for n, one in enumerate(history.readings) if (one.subject, one.shown) == ("run status", "interrupted")
        )
        changed = replace(history.readings[ended], shown="error")
        history = replace(history, readings=(*history.readings[:ended], changed, *history.readings[ended + 1 :]))
    assert len(history.operations) == 30
    assert check(history, bound=5_000).kind == ("illegal" if wrong else "legal")


@pytest.mark.parametrize("act", ["cancel", "delete run"])
def test_a_run_of_a_deleted_thread_is_not_found(act: Act) -> None:
    operations = (
        submit("A", 0, 1),
        Operation("delete thread", "", "accepted", 8, 9, "delete the thread"),
        Operation(act, "A", "refused", 10, 11, f"{act} A: refused, HTTP 404"),
    )
    history = History({"A": plan("A")}, operations, reports=tuple(steps("A", 2, *TURN)))
    assert check(history, NO_LAG).kind == "legal"


def test_the_list_of_runs_of_a_deleted_thread_is_not_found() -> None:
    operations = (submit("A", 0, 1), Operation("delete thread", "", "accepted", 8, 9, "delete the thread"))
    listed = Reading("runs", "", "gone", 10, 11, "the list of runs not found")
    history = History({"A": plan("A")}, operations, (listed,), reports=tuple(steps("A", 2, *TURN)))
    assert check(history, NO_LAG).kind == "legal"
    assert check(replace(history, operations=operations[:1]), NO_LAG).kind == "illegal"


def test_a_run_that_is_stopped_is_not_found_once_its_thread_is_deleted() -> None:
    operations = (
        submit("A", 0, 1),
        Operation("cancel", "A", "accepted", 3, 4, "cancel A"),
        Operation("delete thread", "", "accepted", 5, 6, "delete the thread"),
    )
    readings = (status("A", "gone", 7, 8), Reading("thread status", "", "gone", 9, 10, "the thread `gone`"))
    reports = (steps("A", 2, "agent:1")[0], Report("A", "agent:1", "cancelled", "", 11, "cancelled"))
    assert check(History({"A": plan("A")}, operations, readings, reports), NO_LAG).kind == "legal"


def test_more_states_than_the_bound_give_no_verdict() -> None:
    verdict = check(simulate(1, EXACT, runs=4), EXACT, bound=10)
    assert (verdict.kind, verdict.why) == ("unknown", "more than 10 possible states")


def test_a_play_outside_of_the_model_is_not_judged() -> None:
    play = Play(play_named("cron/made-and-deleted")["cron/made-and-deleted"])
    verdict = check(transcribe(play))
    assert verdict.kind == "unknown"
    assert verdict.why.startswith("outside of the model: the move CreateCron")


def shorter(answer: Json) -> Json:
    return {**answer, "messages": answer["messages"][:-1]}


def of_no_run(raw: Json) -> None:
    """Let `metadata` name no run."""
    for moment in raw["moments"]:
        if moment["kind"] == "stream" and moment["event"] == "metadata":
            moment["data"] = {}


@pytest.mark.parametrize(
    ("scenario", "edit", "law"),
    [
        ("none/during-tools/stream/streamed/values", of_no_run, "stream"),
        ("enqueue/during-tools/wait/unwatched", bodies("submit", "B", shorter), "result"),
    ],
)
def test_what_a_client_is_shown_of_its_own_run_is_explained_by_that_run(scenario: str, edit: Edit, law: str) -> None:
    right = play_named(scenario)[scenario]
    assert check(transcribe(Play(right)), EXACT).kind == "legal"
    verdict = check(transcribe(Play(edited(right, edit))), EXACT)
    assert (verdict.kind, verdict.law) == ("illegal", law)
