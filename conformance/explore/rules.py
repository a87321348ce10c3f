"""The requirements by which every history is judged, beside the order of its events.

The model of a thread explains statuses, messages and whole streams. A server can be wrong about much else: the form of
an answer, a header, two answers that contradict each other. The requirements that the suite judges in every scenario
state these facts, and so do those that the rule book marks `in_histories`. Their checks decide by themselves whether a
play shows what they need.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, Literal

from conformance.histories.checker import Verdict
from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import Profile
from conformance.requirements import registry
from conformance.requirements.registry import Requirement
from conformance.scenarios.moves import Delete, Leave, Submit
from conformance.scenarios.scenario import Scenario

EVERYWHERE: Final = "*"
"""The pattern of a requirement that the suite judges in every scenario."""


@cache
def rules() -> tuple[Requirement, ...]:
    """Return the requirements by which histories are judged. None of them is about a freedom."""
    return tuple(
        one
        for one in registry.load().requirements
        if (one.in_histories or EVERYWHERE in one.shown_by) and one.level != "PROFILE"
    )


def broken_rules(play: Play, profile: Profile) -> Iterator[Verdict]:
    """Yield the requirements that a play breaks, each with the moment that shows it."""
    kinds = _kinds(play.scenario)
    for rule in rules():
        if any(registry.matches(kind, rule.not_by) for kind in kinds):
            continue
        found = judge(rule, play, profile)
        if found.word in ("FAIL", "WARN"):
            seq = found.see[-1] if found.see else 0
            level: Literal["MUST", "SHOULD"] = "MUST" if found.word == "FAIL" else "SHOULD"
            yield Verdict("illegal", why=f"{rule.id}: {found.reason}", law=rule.id, seq=seq, level=level)


def _kinds(scenario: Scenario) -> list[str]:
    """Return ids of the catalogue that stand for what happens in a history, so that `not_by` excludes it there, too."""
    runs = [move for move in scenario.all_submits if isinstance(move, Submit)]
    left = {move.name for move in scenario.moves if isinstance(move, Leave)}
    kinds = {
        "delete/during-tools/thread/unwatched": any(isinstance(m, Delete) and not m.label for m in scenario.moves),
        "interrupt/swallowing/create/unwatched": any(run.on_cancel == "swallow" for run in runs),
        "leave/during-tools/wait/unwatched": any(run.endpoint == "wait" and run.label in left for run in runs),
    }
    return [kind for kind, happens in kinds.items() if happens]
