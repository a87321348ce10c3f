"""What is left of a run, or of a thread, that was deleted."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.checks import Check
from conformance.checks.common import expect_end
from conformance.judge.expect import Unproven, expect
from conformance.judge.play import Exchange, Play
from conformance.judge.statuses import GONE
from conformance.scenarios import scenario as s


def deleted_run_is_gone(play: Play) -> None:
    """RUN-13."""
    deletion, label = _deletion(play)
    expect_end(play, label, GONE, f"run {label}, deleted", deletion.asked)
    listed = [run.get("run_id") for run in play.body("final runs", s.MAIN, list) if isinstance(run, dict)]
    expect(
        play.run_id(label) not in listed,
        f"run {label}, deleted, not to be listed",
        "it is listed",
        play.last("final runs", s.MAIN).asked,
    )


def deleted_run_executes_no_more(play: Play) -> None:
    """RUN-14. A deployment that refuses to delete a run in flight has kept it; then it may go on."""
    deletion, label = _deletion(play)
    _silent_after(play, deletion, label)
    for other in play.scenario.submits():
        if other.label != label:
            expect_end(play, other.label, "success", f"run {other.label}, not deleted")


def deleted_thread_is_gone(play: Play) -> None:
    """THR-11."""
    deletion, _ = _deletion(play)
    thread = play.last("final thread", s.MAIN)
    expect(
        thread.response is not None and thread.response.status == 404,
        "GET of the deleted thread to answer 404",
        thread.outcome(),
        deletion.asked,
        thread.asked,
    )
    _silent_after(play, deletion, "A")


def _silent_after(play: Play, deletion: Exchange, label: str) -> None:
    """No step of the run returns or begins after the deletion was answered; what it hears is its cancellation."""
    late = [
        report
        for report in play.reports(label)
        if report.seq > (deletion.over or 0) and (report.event in ("enter", "token") or report.outcome == "returned")
    ]
    expect(
        not late,
        f"no step of run {label} to go on after the deletion was answered",
        f"{late[0].step} reported `{late[0].event}` after that" if late else "",
        deletion.asked,
        *(report.seq for report in late[:1]),
    )


def _deletion(play: Play) -> tuple[Exchange, str]:
    """The deletion and the label of its run; Unproven when the deployment refused it."""
    deletions = play.asked_for("delete")
    if not deletions:
        raise Unproven("the driver did not get as far as the deletion")
    deletion = deletions[0]
    if not deletion.ok:
        raise Unproven(f"the deletion was not accepted: {deletion.outcome()}", deletion.asked)
    return deletion, deletion.request.about.removeprefix("run ")


CHECKS: Mapping[str, Check] = {
    "RUN-13": deleted_run_is_gone,
    "RUN-14": deleted_run_executes_no_more,
    "THR-11": deleted_thread_is_gone,
}
