"""STR: what watchers of a run see, through join and through a stream."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.checks import Check
from conformance.evidence import Exchange, Play
from conformance.findings import Broken, Unproven, expect
from conformance.messages import read_messages
from conformance.model import parts_of
from conformance.transcript import Closed


def stream_begins_with_the_run(play: Play) -> None:
    """STR-01."""
    submission = play.accepted("B")
    events = play.events(submission)
    expect(bool(events), "events in the stream of run B", "none", submission.asked)
    first = events[0]
    told = first.data.get("run_id") if isinstance(first.data, dict) else None
    reported = next((report.run_id for report in play.reports("B") if report.run_id), None)
    expect(
        first.event == "metadata" and isinstance(told, str) and reported in (None, told),
        "`metadata` with the id of run B as the first event of its stream",
        f"`{first.event}` with run_id {told}" + (f", while the run itself is {reported}" if reported else ""),
        submission.asked,
        first.seq,
    )


def join_of_an_interrupted_run_returns(play: Play) -> None:
    """STR-05."""
    play.accepted("B")
    if play.final_status("A") != "interrupted":
        raise Unproven(f"run A did not end `interrupted` but `{play.final_status('A')}`")
    join = play.last("join", "A")
    expect(
        join.ok and isinstance(join.body, dict) and "__error__" not in join.body,
        "join of the interrupted run A to answer 2xx with values",
        _join_outcome(join),
        join.asked,
    )


def join_of_a_failed_run_tells_the_error(play: Play) -> None:
    """STR-06."""
    if not any(report.outcome == "raised" for report in play.reports("A")):
        raise Unproven("the witness did not see a step of run A fail")
    join = play.last("join", "A")
    error = join.body.get("__error__") if isinstance(join.body, dict) else None
    expect(
        isinstance(error, dict),
        "join of the failed run A to answer with `__error__`",
        _join_outcome(join),
        join.asked,
    )


def streams_do_not_mix(play: Play) -> None:
    """STR-14: what run B's stream says that nodes just wrote is run B's, and so is every run id in it."""
    submission = play.accepted("B")
    for event in play.events(submission):
        if event.event == "metadata" and isinstance(event.data, dict):
            expect(
                event.data.get("run_id") == play.run_id("B"),
                "only run B's id in its stream",
                f"run {play.label_of(event.data.get('run_id'))}",
                event.seq,
            )
        if event.event != "updates" or not isinstance(event.data, dict):
            continue
        for write in event.data.values():
            foreign = [m.word for m in read_messages(write, play.scenario) if m.label not in ("B", "?")]
            expect(
                not foreign,
                "only what run B wrote in the updates of its stream",
                " ".join(foreign),
                event.seq,
            )


def stream_of_a_queued_run_delivers_all(play: Play) -> None:
    """STR-15."""
    submission = play.accepted("B")
    numbers = {submission.request.exchange, *(e.request.exchange for e in play.asked_for("submit again", "B"))}
    closed = [m.seq for m in play.moments if isinstance(m, Closed) and m.exchange in numbers]
    began = play.began("B")
    if began is None:
        raise Unproven("the witness saw no step of run B")
    if closed and closed[0] < began:
        raise Broken(
            "the stream of the queued run B to stay open until the run starts",
            "it was closed before run B began",
            submission.asked,
            closed[0],
        )
    words = [
        m.word
        for event in play.events(submission)
        if event.event == "updates" and isinstance(event.data, dict)
        for write in event.data.values()
        for m in read_messages(write, play.scenario)
    ]
    missing = [part for part in parts_of(play.scenario.submit("B"))[1:] if part not in words]
    expect(
        not missing,
        "every step of run B in its stream, which was opened while it was queued",
        f"no {' '.join(missing)}",
        submission.asked,
    )


def join_of_a_run_that_is_gone_returns(play: Play) -> None:
    """STR-19."""
    play.accepted("B")
    if play.final_status("A") != "gone":
        raise Unproven(f"run A was not rolled back but is `{play.final_status('A')}`")
    join = play.last("join", "A")
    expect(
        join.response is not None,
        "join of run A to end, with values or 404, when the run is rolled back",
        _join_outcome(join),
        join.asked,
    )


def _join_outcome(join: Exchange) -> str:
    if join.ok and isinstance(join.body, dict):
        return "`__error__`" if "__error__" in join.body else f"values of {len(join.body)} channels"
    return join.outcome()


CHECKS: Mapping[str, Check] = {
    "STR-01": stream_begins_with_the_run,
    "STR-05": join_of_an_interrupted_run_returns,
    "STR-06": join_of_a_failed_run_tells_the_error,
    "STR-14": streams_do_not_mix,
    "STR-15": stream_of_a_queued_run_delivers_all,
    "STR-19": join_of_a_run_that_is_gone_returns,
}
