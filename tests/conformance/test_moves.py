"""The kinds of moves: their descriptions, and the traits that driver, judge and reports read."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import get_args

import pytest

from conformance.api import Purpose
from conformance.report.failure import BY_HAND
from conformance.report.timeline import CHANGES
from conformance.scenarios import moves as s
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.kind import Kind
from conformance.session.target import CALIBRATION, CAPACITY
from conformance.transcript.transcript import MoveMade, Request, Transcript

READING_POSTS: frozenset[Purpose] = frozenset(
    {
        *("search threads", "list crons", "mid history", "mid child history", "final history", "final child history"),
        *("list history", "state at", "list threads", "count threads", "filter crons", "count crons", "preflight"),
    }
)
"""Requests that only read, although the API defines them as POST."""

OUTSIDE_OF_MOVES: frozenset[Purpose] = frozenset({"create thread", "tidy up"})
"""Requests that change something outside the moves: before the first one and after the last."""


@pytest.mark.parametrize("kind", s.KINDS, ids=lambda kind: kind.__name__)
def test_a_kind_of_move_states_all_that_is_required(kind: type[Kind]) -> None:
    assert "describe" in vars(kind), "add `describe`, which returns in a few words what the move does"
    assert "traits" in vars(kind), "add `traits`, which state how the move affects a play, see Traits"
    assert kind.traits.may_end == ("may_end" in vars(kind)), (
        "`traits.may_end` and the method `may_end` must go together: add or remove one"
    )
    assert kind.traits.changes is not None or not kind.traits.by_hand, (
        "only a move that sends a request can be repeated by hand: set `traits.changes`"
    )
    assert kind.traits.changes in (None, *get_args(Purpose))


def test_every_request_that_changes_something_has_a_sign_in_the_picture() -> None:
    # Without it, the page of a report with such a request cannot be written.
    template = files("conformance.report.html").joinpath("templates", "parts.html").read_text("utf-8")
    assert {purpose for purpose in CHANGES if f'"{purpose}": "' not in template} == set()


def test_every_kind_of_move_can_be_part_of_a_scenario() -> None:
    kinds = {one for one in vars(s).values() if isinstance(one, type) and issubclass(one, Kind) and one is not Kind}
    assert kinds == set(s.KINDS)
    played = (*catalogue(), CALIBRATION, CAPACITY)
    assert {type(move) for scenario in played for move in scenario.moves} == kinds


@pytest.mark.parametrize(
    ("move", "text"),
    [
        (s.Submit(label="A", text="x"), "submit run A (create, no multitask_strategy)"),
        (
            s.Submit(label="A", text="x", hold=("tools:1/enter",)),
            "submit run A (create, no multitask_strategy, hold at tools:1/enter)",
        ),
        (
            s.Submit(label="B", text="x", strategy="reject", endpoint="wait", hold=("a:1/enter", "a:1/exit")),
            'submit run B (wait, multitask_strategy: "reject", hold at a:1/enter and a:1/exit)',
        ),
        (
            s.Submit(label="B", text="x", from_step="A/agent:1", continues=True),
            "submit run B (create, no multitask_strategy, from the checkpoint of A/agent:1, without input)",
        ),
        (s.UpdateState(text="x"), "try to update the state"),
        (s.UpdateState(text="x", from_step="A/agent:1"), "try to update the state at the checkpoint of A/agent:1"),
        (s.Watch(name="w", label="A", how="join"), "client w joins run A"),
        (s.Watch(name="w", label="A", since="-1"), "client w joins the stream of run A (Last-Event-ID: -1)"),
        (s.Cancel(label="A"), "cancel run A"),
        (s.Cancel(label="A", wait=True), "cancel run A (wait: true)"),
        (s.Cancel(label="A", wait=False, action="rollback"), 'cancel run A (wait: false, action: "rollback")'),
        (s.ListRuns(), "list the runs (limit: 10)"),
        (s.ListRuns(limit=2, offset=1, status="pending"), 'list the runs (status: "pending", limit: 2, offset: 1)'),
        (s.Delete(), "delete the thread"),
        (s.Delete(label="A"), "delete run A"),
        (s.Release(), "release every run"),
        (
            s.Together(moves=(s.Submit(label="A", text="x"), s.Cancel(label="B"))),
            "at the same time: submit run A (create, no multitask_strategy), cancel run B",
        ),
        (s.Together(moves=(s.Cancel(label="A"),) * 10), "at the same time: 10 x cancel run A"),
        (s.CreateCron(label="A", text="x"), "create cron A (due at New Year, no multitask_strategy)"),
    ],
)
def test_a_move_is_described_with_the_settings_that_it_has(move: Kind, text: str) -> None:
    assert move.describe() == text


def test_no_description_shows_a_value_of_python() -> None:
    texts = {move.describe() for scenario in catalogue() for move in scenario.moves}
    assert [text for text in sorted(texts) if {"None", "True", "False"} & set(text.replace(",", " ").split())] == []
    assert [text for text in sorted(texts) if "()" in text or not text.strip()] == []


def test_every_request_that_changes_something_is_that_of_a_move(plays: Mapping[str, Transcript]) -> None:
    # A timeline shows moves, so it would not show another request.
    sent = {
        m.purpose
        for transcript in plays.values()
        for m in transcript.moments
        if isinstance(m, Request) and m.method != "GET" and m.purpose not in READING_POSTS | OUTSIDE_OF_MOVES
    }
    assert sent == CHANGES
    assert BY_HAND < CHANGES


def test_every_purpose_that_is_recorded_is_in_the_vocabulary(plays: Mapping[str, Transcript]) -> None:
    recorded = {m.purpose for transcript in plays.values() for m in transcript.moments if isinstance(m, Request)}
    assert recorded <= set(get_args(Purpose))


def test_a_transcript_holds_the_descriptions(plays: Mapping[str, Transcript]) -> None:
    for transcript in plays.values():
        texts = [m.text for m in transcript.moments if isinstance(m, MoveMade)]
        assert texts == [move.describe() for move in transcript.scenario.moves]


SUBMIT = s.Submit(label="A", text="x")


@pytest.mark.parametrize(
    ("move", "ends"),
    [
        (s.Submit(label="B", text="x", strategy="interrupt"), True),
        (s.Submit(label="B", text="x", strategy="rollback"), True),
        (s.Submit(label="B", text="x", strategy="rollback", thread=s.OTHER), False),
        (s.Submit(label="B", text="x", strategy="enqueue"), False),
        (s.Cancel(label="A"), True),
        (s.Cancel(label="B"), False),
        (s.CancelMany(labels=("B", "A")), True),
        (s.CancelMany(labels=("B",)), False),
        (s.Delete(), True),
        (s.Delete(label="A"), True),
        (s.Delete(label="B"), False),
        (s.Leave(name="A"), False),
        (s.Release(), False),
    ],
)
def test_a_move_says_which_runs_it_may_end(move: Kind, ends: bool) -> None:
    assert move.may_end(SUBMIT.label, SUBMIT.thread, cancels_on_disconnect=False) is ends


def test_a_client_that_disconnects_ends_a_run_with_on_disconnect_cancel() -> None:
    assert s.Leave(name="A").may_end("A", s.MAIN, cancels_on_disconnect=True)
