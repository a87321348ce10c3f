"""A check that compares several facts names all that do not hold, in one finding."""

from __future__ import annotations

import httpx
import pytest

from conformance.judge.expect import NAMED, Broken, Unproven, all_facts, expect
from tests.conformance import timeless
from tests.conformance.killing import SCENARIOS, Played, stage
from tests.conformance.wire_faults import Body, Proxy, Wire

PLAINEST = "interrupt/during-tools/create/unwatched"
LISTED = "interrupt/during-tools/create/unwatched/second-turn"


def found_by(check: object) -> Broken:
    """Return the finding of a check."""
    assert callable(check)
    with pytest.raises(Broken) as raised:
        check()
    return raised.value


def test_one_broken_fact_is_worded_as_it_is() -> None:
    @all_facts
    def check() -> None:
        expect(True, "one", "no one", 1)
        expect(False, "two", "no two", 2)

    broken = found_by(check)
    assert (broken.expected, broken.observed, broken.see) == ("two", "no two", (2,))


def test_all_broken_facts_are_named_once() -> None:
    @all_facts
    def check() -> None:
        expect(False, "one", "no one", 1)
        expect(False, "two", "no two", 2)
        expect(False, "one", "no one", 3)

    broken = found_by(check)
    assert broken.expected == "(1) one, (2) two"
    assert broken.observed == "(1) no one, (2) no two"
    assert broken.see == (3, 2)


def test_what_was_expected_of_all_is_not_repeated() -> None:
    @all_facts
    def check() -> None:
        expect(False, "one", "two", 1)
        expect(False, "one", "three", 2)

    broken = found_by(check)
    assert (broken.expected, broken.observed) == ("one", "two, three")


def test_many_facts_are_counted() -> None:
    @all_facts
    def check() -> None:
        for number in range(NAMED + 3):
            expect(False, f"fact {number}", "nothing", number)

    broken = found_by(check)
    assert broken.observed.endswith(f"({NAMED}) nothing, and 3 more")
    assert broken.see == tuple(range(NAMED))


def test_a_broken_fact_is_proven_although_the_next_is_not() -> None:
    @all_facts
    def check() -> None:
        expect(False, "one", "no one", 1)
        raise Unproven("unknown")

    assert found_by(check).expected == "one"


def test_without_a_broken_fact_the_check_stays_unproven() -> None:
    @all_facts
    def check() -> None:
        expect(True, "one", "no one", 1)
        raise Unproven("unknown")

    with pytest.raises(Unproven):
        check()


def test_a_check_within_a_check_adds_its_facts() -> None:
    @all_facts
    def inner() -> None:
        expect(False, "one", "no one", 1)

    @all_facts
    def outer() -> None:
        inner()
        expect(False, "two", "no two", 2)

    assert found_by(outer).expected == "(1) one, (2) two"


def test_behind_the_check_a_fact_is_raised_again() -> None:
    all_facts(lambda: None)()
    with pytest.raises(Broken):
        expect(False, "one", "no one")


def played(scenario: str, wire: Wire) -> Played:
    """Play a scenario behind a proxy with this fault."""

    async def work() -> Played:
        async with stage(lambda inner: Proxy(inner, wire)) as here:
            return await here.play(SCENARIOS[scenario], ())

    return timeless.run(work())


def test_missing_fields_do_not_hide_a_missing_header() -> None:
    def head(_: httpx.Request, status: int, headers: httpx.Headers) -> int:
        headers.pop("content-location", None)
        return status

    def edit(request: httpx.Request, body: Body) -> Body:
        created = request.method == "POST" and request.url.path.endswith("/runs")
        return {name: each for name, each in body.items() if name != "kwargs"} if created else body

    observed = played(PLAINEST, Wire(edit=edit, head=head)).broken["RUN-02"]
    assert "no kwargs" in observed
    assert "no such header" in observed


def test_runs_of_other_threads_are_named_and_not_only_their_order() -> None:
    def edit(request: httpx.Request, body: Body) -> Body:
        if request.method != "GET" or not request.url.path.endswith("/runs") or not body:
            return body
        return [*body, {**body[0], "run_id": "0" * 36, "thread_id": "1" * 36}]

    observed = played(LISTED, Wire(edit=edit)).broken["RUN-10"]
    assert "runs of other threads: 000" in observed
