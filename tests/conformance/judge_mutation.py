"""Mutation of the judge: the share of random edits that it notices, and the checks that notice none.

`python -m tests.conformance.judge_mutation` computes it and writes `docs/judge-mutation.md`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from tests.conformance import timeless
from tests.conformance.blunders import BLUNDERS, edits
from tests.conformance.killing import SCENARIOS, processes, stage
from tests.conformance.survivors import UNMOVED

PAGE = Path(__file__).parents[2] / "docs" / "judge-mutation.md"

EACH = 1
"""Edits of each kind in each record."""

SLICE = 6
"""Scenarios that a process takes at a time."""

HUNTS = 3
"""Records that are edited again for a check that caught none of the first edits."""

HUNTED = 40
"""Edits of each kind in each of those records."""

ELSEWHERE = "In scenarios about something else: bad input, crons, webhooks, a second thread."

UNNOTICED = {
    "run_status": "One poll among many: `pending` for `running`, or another first status, contradicts nothing.",
    "thread_status": "Most polls of a thread happen when a run may just have started or ended, and prove nothing.",
    "http_status": "Another 2xx for a read: no document names the code. A read that fails counts as absent.",
    "value_changed": "Echoes of the request, names, times, ids that no other answer has: no document specifies them.",
    "value_dropped": "The same values as for changes.",
    "header_dropped": "`Vary`, `Content-Type` of JSON, `Location`, and a `Content-Location` that no client needs.",
    "message_dropped": ELSEWHERE,
    "message_doubled": ELSEWHERE,
    "parent_changed": ELSEWHERE,
    "checkpoint_dropped": ELSEWHERE,
    "events_swapped": "Two modes of one step, or events from before the client joined: no document orders those.",
    "reports_swapped": "Two reports of one run: the names give the order of its steps, and no overlap of runs results.",
    "event_dropped": "`values` between two steps, or a token where only steps are judged: no document promises each.",
    "event_doubled": "`values` repeat the state, and `metadata` repeats the id: no document forbids that.",
    "report_dropped": "A report that its neighbours imply: the next step's entry, or the run's status.",
    "answer_lost": "One poll among many.",
}
"""A description of the unnoticed edits by kind, with the reason why the judge is right to pass them."""

HEAD = """# Mutation of the judge

Made by `python -m tests.conformance.judge_mutation`. Do not edit. A test computes it again and compares.

A program makes random but reproducible edits in every record of the correct mock, and judges each edited record again.
An edit is *caught* if it breaks a requirement. It is *doubted* if it breaks none but makes a verdict inconclusive.
Of {edits} edits in {records} records, {caught:.0%} are caught and {doubted:.0%} doubted. {hunted} of {checks} checks
caught none of these edits. For each of them, more edits were made in records that show its requirement, until one was
caught.
Every check but those listed below catches an edit. A check whose body is replaced by `return` would catch none, and its
broken twin would find it as well.

| kind of edit | edits | caught | doubted | the unnoticed edits, and why they are harmless |
|---|---|---|---|---|
"""

TAIL = """
These checks catch none of the edits. Each catches its broken twin in `tests/conformance/twins/`:

"""

ORDER = [requirement.id for requirement in registry.load().requirements]


@dataclass
class Tally:
    """Counts of edits, of caught and of doubted ones, by kind, and of the edits that each requirement caught."""

    edits: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    doubted: Counter[str] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)
    hunted: Counter[str] = field(default_factory=Counter)
    """The edits made for a check that had caught none, until it caught one, or 0 if it never did."""

    def add(self, other: Tally) -> None:
        """Add the counts of another process."""
        for mine, more in zip(vars(self).values(), vars(other).values(), strict=True):
            mine.update(more)


def compute() -> Tally:
    """Play and edit everything, in as many processes as there are processors."""
    names, total = list(SCENARIOS), Tally()
    with processes() as pool:
        for found in pool.map(_tally, [names[start : start + SLICE] for start in range(0, len(names), SLICE)]):
            total.add(found)
        # One edit of each kind in each record catches most checks. Only the others are worth the larger search.
        idle = [name for name in ORDER if not total.by[name]]
        total.hunted.update(dict(zip(idle, pool.map(_hunt, idle), strict=True)))
    return total


def _hunt(requirement_id: str) -> int:
    """Return the number of edits until the check of a requirement caught one, or 0 if it never did."""
    requirement = registry.load().get(requirement_id)
    shown = [scenario for name, scenario in SCENARIOS.items() if requirement.applies_to(name)]

    async def work() -> int:
        made = 0
        async with stage() as here:
            for scenario in shown[:HUNTS]:
                for _, changed in edits(await here.record(scenario), HUNTED):
                    made += 1
                    if judge(requirement, Play(changed), NOTHING_DECLARED).word in ("FAIL", "WARN"):
                        return made
        return 0

    return timeless.run(work())


def _tally(names: Sequence[str]) -> Tally:
    async def work() -> Tally:
        tally = Tally()
        async with stage() as here:
            for name in names:
                for kind, changed in edits(await here.record(SCENARIOS[name]), EACH):
                    _judge(tally, kind, Play(changed))
        return tally

    return timeless.run(work())


def _judge(tally: Tally, kind: str, play: Play) -> None:
    verdicts = {
        requirement.id: judge(requirement, play, NOTHING_DECLARED).word
        for requirement in registry.load().requirements
        if requirement.applies_to(play.scenario.id)
    }
    # An edited record may be anything, and a check must not raise for it.
    assert "ERROR" not in verdicts.values(), (play.scenario.id, kind)
    broken = [name for name, word in verdicts.items() if word in ("FAIL", "WARN")]
    tally.edits[kind] += 1
    tally.caught[kind] += bool(broken)
    tally.doubted[kind] += not broken and "INCONCLUSIVE" in verdicts.values()
    tally.by.update(broken)


def page(tally: Tally) -> str:
    """Return the page as Markdown."""
    edits_made = tally.edits.total()
    lines = [
        HEAD.format(
            edits=edits_made,
            records=len(SCENARIOS),
            caught=tally.caught.total() / edits_made,
            doubted=tally.doubted.total() / edits_made,
            hunted=len(tally.hunted),
            checks=len(ORDER),
        ).rstrip()
    ]
    for blunder in BLUNDERS:
        kind, what = blunder.__name__, (blunder.__doc__ or "").strip()
        made, caught, doubted = tally.edits[kind], tally.caught[kind], tally.doubted[kind]
        lines.append(f"| {what} | {made} | {caught / made:.0%} | {doubted / made:.0%} | {UNNOTICED[kind]} |")
    lines.append(TAIL)
    lines += [f"- {name}: {UNMOVED.get(name, 'unexplained')}" for name in blind(tally)] or ["None."]
    return "\n".join(lines) + "\n"


def blind(tally: Tally) -> list[str]:
    """Return the requirements whose checks caught no edit."""
    return [name for name in ORDER if not tally.by[name] and not tally.hunted[name]]


if __name__ == "__main__":
    PAGE.write_text(page(compute()))
