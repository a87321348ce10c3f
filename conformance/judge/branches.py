"""The branches of races: the one of several legal courses that a play took.

A race is not held at the moment that decides, so one play meets one course of it, mostly the same one. A fault in the
other course would then be found by luck. Against a real deployment such a scenario is therefore played until two
branches were met, or `RACE_PLAYS` times, and the report counts the plays of each branch. Every play is judged. The
embedded mock is deterministic, so one play shows all that it does.

Only races between run A and one request that stops it are repeated. Of a burst of requests, each play meets many of the
possible orders already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from conformance.judge.expect import Unproven
from conformance.judge.play import Play
from conformance.judge.premises import lost_reports
from conformance.scenarios.scenario import Scenario

RACE_PLAYS = 5
"""The greatest number of plays of a race. More would only take time where a deployment always takes one course."""

_PHASES = ("at-once", "finishing")
_STOPPING = ("interrupt", "rollback", "cancel")


def has_branches(scenario: Scenario) -> bool:
    """Return whether a scenario is a race between the end or start of run A and one request that stops it."""
    return scenario.family in _STOPPING and scenario.id.split("/")[1] in _PHASES


def branch(play: Play) -> str | None:
    """Return the branch that a play took. Return None where the record does not show it."""
    if not has_branches(play.scenario) or lost_reports(play):
        return None
    try:
        end = play.final_status("A")
        begun = not play.witnessed or play.began("A") is not None
    except Unproven:
        return None
    return f"A {end}" if begun else f"A {end} before its first step"


def branches(plays: Sequence[Play]) -> dict[str, int]:
    """Return how many of these plays took each branch."""
    return dict(sorted(Counter(found for play in plays if (found := branch(play)) is not None).items()))


def needs_another(plays: Sequence[Play]) -> bool:
    """Return whether a race is to be played once more, after these plays of it."""
    found = branches(plays)
    return bool(found) and len(found) < 2 and sum(found.values()) < RACE_PLAYS
