"""How many of a machine's edits the judge notices, and which checks notice any.

`python -m tests.conformance.judge_mutation` writes `docs/reference/judge-mutation.md`.
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

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "judge-mutation.md"

EACH = 1
"""Edits of each kind in each record."""

SLICE = 6

HUNTS = 3
"""Records in which edits are hunted for a check that caught none, and"""

HUNTED = 40
"""how many of each kind are made in each."""

ELSEWHERE = "Where a scenario is about something else: bad input, crons, webhooks, a second thread."

UNNOTICED = {
    "run_status": "One reading among many: `pending` for `running`, or a first word, contradicts nothing.",
    "thread_status": "Most readings of a thread lie where a run may just have begun or ended, and prove nothing.",
    "http_status": "Another 2xx for a reading, of which no document names one; one that fails is as good as none.",
    "value_changed": "What was said in the request, names, times, ids that no other answer has: no document says more.",
    "value_dropped": "As with a changed one.",
    "header_dropped": "`Vary`, `Content-Type` of JSON, `Location`, and `Content-Location` where nobody reads it.",
    "message_dropped": ELSEWHERE,
    "message_doubled": ELSEWHERE,
    "parent_changed": ELSEWHERE,
    "checkpoint_dropped": ELSEWHERE,
    "events_swapped": "Two modes of one step, or what came before the client joined: no document orders those.",
    "reports_swapped": "Two reports of one run: a step's order is told by its names; the runs do not overlap by that.",
    "event_dropped": "`values` between two steps, or a token where only steps are judged: no document promises each.",
    "event_doubled": "`values` are the state once more, and `metadata` the same id: no document says once.",
    "report_dropped": "A report that its neighbours imply: the next step's entry, or the run's status.",
    "answer_lost": "A reading that is one among many.",
}
"""By kind of edit, what the unnoticed ones are, and why that is right."""

HEAD = """# Mutation of the judge

Made by `python -m tests.conformance.judge_mutation`; do not edit. A test computes it anew and compares.

Every record that the correct mock leaves is edited by a machine, blindly and always in the same way, and judged again.
An edit is *caught* if a requirement is broken then, and *doubted* if none is but a verdict becomes inconclusive. Of
{edits} edits in {records} records {caught:.0%} are caught and {doubted:.0%} doubted. For {hunted} of {checks} checks,
which most of these edits pass by, more edits were made in records that show their requirement until one was caught.
Every check but those named below catches some; one whose body were replaced by `return` would catch none, and would
fail its broken twin, too.

| kind of edit | edits | caught | doubted | the rest, and why that is right |
|---|---|---|---|---|
"""

TAIL = """
Checks that catch none of these edits; each catches its broken twin in `tests/conformance/twins/`:

"""

ORDER = [requirement.id for requirement in registry.load().requirements]


@dataclass
class Tally:
    """What was noticed: edits, caught and doubted ones by kind; and how many edits each requirement caught."""

    edits: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    doubted: Counter[str] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)
    hunted: Counter[str] = field(default_factory=Counter)
    """Edits that were made for a check that had caught none, until it caught one; 0 where it never did."""

    def add(self, other: Tally) -> None:
        """Count what another process counted."""
        for mine, more in zip(vars(self).values(), vars(other).values(), strict=True):
            mine.update(more)


def compute() -> Tally:
    """Play and edit everything, in as many processes as there are processors."""
    names, total = list(SCENARIOS), Tally()
    with processes() as pool:
        for found in pool.map(_tally, [names[start : start + SLICE] for start in range(0, len(names), SLICE)]):
            total.add(found)
        idle = [name for name in ORDER if not total.by[name]]
        total.hunted.update(dict(zip(idle, pool.map(_hunt, idle), strict=True)))
    return total


def _hunt(requirement_id: str) -> int:
    """How many edits were made until the check of a requirement caught one; 0 when it never did."""
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
    assert "ERROR" not in verdicts.values(), (play.scenario.id, kind)
    broken = [name for name, word in verdicts.items() if word in ("FAIL", "WARN")]
    tally.edits[kind] += 1
    tally.caught[kind] += bool(broken)
    tally.doubted[kind] += not broken and "INCONCLUSIVE" in verdicts.values()
    tally.by.update(broken)


def page(tally: Tally) -> str:
    """The page, Markdown."""
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
    """The requirements whose checks caught nothing."""
    return [name for name in ORDER if not tally.by[name] and not tally.hunted[name]]


if __name__ == "__main__":
    PAGE.write_text(page(compute()))
