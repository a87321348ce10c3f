"""The timeline of a play: the positions of its parts, and the highlights."""

from __future__ import annotations

from itertools import pairwise

import pytest

from conformance.api import Purpose
from conformance.judge.play import Play
from conformance.report.html.templating import environment
from conformance.report.timeline import CHANGES, LEFT, RIGHT, Scale, Timeline, draw
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import bodies, edited, history, play_in_real_time, status_code
from tests.conformance.reports import NAMES, TOOLS, broken
from tests.conformance.twins.edits import late_checkpoint


@pytest.fixture(scope="module")
def plays() -> dict[str, Transcript]:
    return play_in_real_time(*NAMES)


def picture(transcript: Transcript) -> Timeline:
    return draw(Play(transcript))


def test_every_mark_has_a_sign() -> None:
    signs = vars(environment().get_template("parts.html").module)["signs"]
    assert {*CHANGES, "released", "missed"} == set(signs)


def test_a_long_pause_takes_little_more_than_a_short_one_and_time_never_runs_back() -> None:
    scale = Scale([0.0, 0.001, 10.0, 10.01])
    places = [scale.x(t) for t in (0.0, 0.001, 5.0, 10.0, 10.01)]
    assert places == sorted(set(places))
    assert (places[0], places[-1]) == (LEFT, RIGHT)
    # The pause is 10 000 times as long. On a linear scale all short steps would be one line.
    assert places[3] - places[1] < 6 * (places[1] - places[0])
    assert scale.x(-1) == LEFT
    assert scale.x(11) == RIGHT


def test_times_on_the_axis_do_not_touch() -> None:
    shown = list(Scale([i / 100 for i in range(200)]).axis())
    assert shown[0] == (LEFT, "0.000 s")
    assert all(b - a >= 90 for (a, _), (b, _) in pairwise(shown))


def test_an_interrupt_on_the_correct_mock(plays: dict[str, Transcript]) -> None:
    found = picture(plays[TOOLS])
    a, b = found.lanes
    assert (a.label, a.note, a.status) == ("A", "no strategy", "interrupted")
    assert (b.label, b.note, b.status) == ("B", "interrupt", "success")
    assert [(step.text, step.outcome) for step in a.steps] == [("agent:1", "returned"), ("tools:1", "cancelled")]
    assert [step.text for step in b.steps] == ["agent:1", "tools:1", "agent:2"]
    assert a.bar is not None
    assert b.bar is not None
    # Created, then started, then ended: a run that waits in a queue has a long first part.
    assert a.bar.x < a.bar.begun < a.bar.end
    assert not a.bar.open
    assert a.steps[-1].end <= b.steps[0].x
    assert found.overlaps == ()
    assert [mark.text.partition(": ")[2] for mark in found.marks if mark.kind == "submit"] == ["submit A", "submit B"]


def test_checkpoints_are_drawn_with_their_runs_in_the_order_of_the_history(plays: dict[str, Transcript]) -> None:
    a, b = picture(plays[TOOLS]).lanes
    assert (len(a.ticks), len(b.ticks)) == (3, 5)
    assert max(tick.x for tick in a.ticks) <= min(tick.x for tick in b.ticks)
    assert [tick.x for tick in b.ticks] == sorted(tick.x for tick in b.ticks)


def test_a_late_checkpoint_of_the_first_run_is_drawn_after_those_of_the_second(plays: dict[str, Transcript]) -> None:
    a, b = picture(edited(plays[TOOLS], history(late_checkpoint))).lanes
    assert a.ticks[-1].text.startswith("checkpoint zzz: ")
    assert a.ticks[-1].x >= b.ticks[0].x


def test_steps_that_execute_at_once_are_a_band(plays: dict[str, Transcript]) -> None:
    [band] = picture(broken(plays)).overlaps
    assert band.text.startswith("tools:1 of run A and agent:1")
    assert band.x < band.end


def test_runs_on_other_threads_do_not_overlap(plays: dict[str, Transcript]) -> None:
    found = picture(plays[f"{TOOLS}/elsewhere"])
    assert [lane.note for lane in found.lanes if lane.label == "X"] == ["no strategy, thread other"]
    assert found.overlaps == ()


def test_a_refused_run_ends_where_it_was_refused(plays: dict[str, Transcript]) -> None:
    b = picture(plays["reject/during-tools/create/unwatched"]).lanes[1]
    assert b.status == "HTTP 409"
    assert b.bar is not None
    assert b.bar.begun == b.bar.end
    assert b.steps == ()


def test_a_run_that_is_gone_says_so(plays: dict[str, Transcript]) -> None:
    assert picture(plays["rollback/during-tools/create/unwatched"]).lanes[0].status == "deleted (404)"


def test_cited_moments_are_marked_and_strange_ones_ignored(plays: dict[str, Transcript]) -> None:
    play = Play(plays[TOOLS])
    [mark] = draw(play, {5: "INT-02", 10_000: "INT-03", -1: "INT-04"}).cited
    assert (mark.seq, mark.text) == (5, "INT-02")


@pytest.mark.parametrize("body", [None, "text", 7, [7], [None], [{"metadata": 3, "next": 4}], {"status": ["x"]}])
def test_whatever_was_answered_can_be_drawn(plays: dict[str, Transcript], body: object) -> None:
    answers: tuple[tuple[Purpose, str], ...] = (
        ("final history", "main"),
        ("final run", "run A"),
        ("look", "run B"),
        ("submit", "A"),
    )
    for purpose, about in answers:
        spoilt = edited(plays[TOOLS], bodies(purpose, about, lambda _: body), status_code("final thread", "main", 500))
        assert len(picture(spoilt).lanes) == 2


def test_a_play_in_which_nothing_happened_can_be_drawn(plays: dict[str, Transcript]) -> None:
    nothing = edited(plays[TOOLS], lambda raw: raw["moments"].clear())
    assert [lane.status for lane in picture(nothing).lanes] == ["not created", "not created"]


def test_everything_is_drawn_inside_the_picture(plays: dict[str, Transcript]) -> None:
    for transcript in plays.values():
        found = picture(transcript)
        for lane in found.lanes:
            edges = [lane.bar.x, lane.bar.begun, lane.bar.end] if lane.bar else []
            edges += [edge for step in lane.steps for edge in (step.x, step.end)]
            edges += [tick.x for tick in (*lane.ticks, *lane.events)]
            assert all(LEFT <= edge <= RIGHT for edge in edges), (transcript.scenario.id, lane)
            assert lane.bar is None or lane.bar.x <= lane.bar.begun <= lane.bar.end
        assert all(LEFT <= mark.x <= RIGHT for mark in found.marks)
