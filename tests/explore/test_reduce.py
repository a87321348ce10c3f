"""The reduction of a history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.explore import actions as a
from conformance.explore import reduce
from conformance.explore.generate import history_of
from conformance.explore.reduce import reduced


def texts(history: list[a.Action]) -> list[a.Text]:
    pairs = [[one.first, one.second] if isinstance(one, a.Both) else [one] for one in history]
    return [text for pair in pairs for text in pair if isinstance(text, a.Text)]


def of(monkeypatch: pytest.MonkeyPatch, history: list[Any], fails: Callable[[list[a.Action]], bool]) -> list[a.Action]:
    """Return the reduction of a certain history."""
    monkeypatch.setattr(reduce, "history_of", lambda seed, number: history)
    return reduced(1, 0, fails)


def test_a_history_is_reduced_to_what_still_fails() -> None:
    def fails(history: list[a.Action]) -> bool:
        return any(text.strategy == "rollback" for text in texts(history))

    number = next(n for n in range(0, 100, 2) if len(history_of(1, n)) > 4 and fails(history_of(1, n)))
    assert reduced(1, number, fails) == [a.Text(strategy="rollback")]


@pytest.mark.patient
def test_few_plays_are_needed() -> None:
    for number in range(40):
        asked: list[str] = []

        def fails(history: list[a.Action], asked: list[str] = asked) -> bool:
            asked.append(str(history))
            return len(texts(history)) > 1

        if len(texts(history_of(2, number))) > 1:
            assert reduced(2, number, fails) == [a.Text(), a.Text()]
            # Different plays. The explorer remembers the answers.
            assert len(set(asked)) < 60


def test_what_is_about_a_run_stays_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    history = [a.Text(strategy="reject"), a.Text(), a.Both(first=a.Text(), second=a.Text()), a.Stop(back=3)]
    found = of(monkeypatch, history, lambda part: isinstance(part[-1], a.Stop) if part else False)
    assert found == [a.Text(), a.Stop()]


def test_what_is_about_a_run_that_is_gone_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[a.Action]] = []

    def fails(part: list[a.Action]) -> bool:
        asked.append(part)
        return any(isinstance(one, a.Text) and one.endpoint == "wait" for one in part)

    stops = [a.Text(), a.Text(endpoint="wait"), a.Stop(back=1), a.Let(back=0), a.Leave(back=0), a.Join(back=1)]
    assert of(monkeypatch, stops, fails) == [a.Text(endpoint="wait")]
    assert all(isinstance(part[0], a.Text) for part in asked if part)
    assert all(len(texts(part)) == 2 for part in asked if any(isinstance(one, a.Stop | a.Join) for one in part))


def test_one_of_two_texts_stays_and_keeps_what_is_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    history = [a.Both(first=a.Text(), second=a.Text(tokens=True)), a.Remove(back=1), a.Stop(back=0, wait=True)]
    found = of(monkeypatch, history, lambda part: any(isinstance(one, a.Stop) and one.wait for one in part))
    assert found == [a.Text(), a.Stop(wait=True)]


def test_two_texts_at_the_same_time_stay_so_where_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    both = a.Both(first=a.Text(strategy="reject"), second=a.Text(strategy="interrupt"))
    found = of(monkeypatch, [a.Text(), both, a.Edit()], lambda part: any(isinstance(one, a.Both) for one in part))
    assert found == [a.Both(first=a.Text(), second=a.Text())]


def test_the_deletion_of_a_thread_is_about_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    history = [a.Text(), a.Text(), a.Remove(thread=True)]
    found = of(monkeypatch, history, lambda part: a.Remove(thread=True) in part)
    assert found == [a.Remove(thread=True)]


def test_a_history_that_fails_only_once_stays_as_it_is() -> None:
    # A race, or a budget of plays that is used: hypothesis must not take the difference for an error.
    assert reduced(1, 0, lambda history: False) == history_of(1, 0)
