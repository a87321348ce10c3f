"""The causes of failures: which broken requirement explains the others.

One fault of a server breaks many requirements. A server that ignores the strategy breaks those about the first run, the
order of steps, the state and the streams. Only one of them says what is wrong. The rule book has the faults that are
known, each with the requirement that states it and those that follow from it: `faults.toml`, as the kill matrix found
them, and `faults_elsewhere.toml`. The causes of a run are the known faults that match best what is broken and what is
not.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from statistics import median

import msgspec

from conformance.report.report import Cause, Result
from conformance.requirements.registry import Fault, known_faults
from conformance.scenarios.catalogue import catalogue

ALIKE = 0.55
"""The least share of a known fault's requirements, among those that were judged, that is broken where it is named."""

ROOTS = ("INT-20",)
"""The requirements whose check rules every other cause out: run A executed to its end, whatever was sent after it.

The faults that are named first are those that break a root. Without this, runs that were never stopped could be taken
for runs that were stopped and have a wrong status.
"""

MANY = 40
"""A requirement that is broken in more scenarios than this may be broken too often to follow from a cause."""

OFTEN = 8
"""The factor by which an effect of a cause may be broken more often than its usual ones."""

STATUSES = "SHP-06"
"""The requirement that the description lists the status and the content type of every answer."""

FEWEST = 5
"""The least number of broken requirements by which a known fault is named. Fewer are the effect of many faults."""


def causes(
    broken: Sequence[str], judged: Collection[str], known: Mapping[str, Fault], times: Mapping[str, int] | None = None
) -> list[Cause]:
    """Return the causes of the broken requirements, those that explain most first.

    `broken` and `judged` are ids of requirements, and `times` the number of scenarios in which each is broken, where
    that is known. What no cause explains stands for itself, in the order of `broken`.
    """
    times = times or {}
    seen = {*judged, *broken}
    patterns = {name: frozenset(fault.breaks) & seen for name, fault in known.items()}
    left = dict.fromkeys(broken)
    found: list[Cause] = []
    for root in ROOTS:
        if root in left:
            by_root = {name: pattern for name, pattern in patterns.items() if root in pattern}
            name = _best(left, set(broken), by_root, known)
            rule = root if name is None else known[name].breaks[0]
            found.append(_take(left, rule, known, times, _named(name, broken, patterns)))
    while (name := _best(left, set(broken), patterns, known)) is not None:
        found.append(_take(left, known[name].breaks[0], known, times, _named(name, broken, patterns)))
    return found + [Cause(requirement=one) for one in left]


Patterns = Mapping[str, frozenset[str]]
"""The requirements that each known fault breaks, among those that were judged."""


def _best(left: Collection[str], broken: Collection[str], patterns: Patterns, known: Mapping[str, Fault]) -> str | None:
    """Return the known fault that explains most of what is left. Return None when none explains anything."""
    scores: dict[str, tuple[int, int]] = {}
    for name, pattern in patterns.items():
        hits = len(pattern & set(left))
        misses = len(pattern - set(broken))
        # What the fault would break, but is in order, speaks against it.
        likely = hits >= ALIKE * len(pattern) if known[name].elsewhere else hits > misses
        if known[name].breaks[0] in left and likely:
            scores[name] = (hits - misses, hits)
    return max(scores, key=lambda name: (scores[name], name), default=None)


def _named(name: str | None, broken: Collection[str], patterns: Patterns) -> str | None:
    """Return the name of a fault if what is broken is like it."""
    if name is None:
        return None
    hits = len(patterns[name] & set(broken))
    # Two faults may have one pattern.
    alone = list(patterns.values()).count(patterns[name]) == 1
    return name if alone and hits >= max(FEWEST, ALIKE * len(patterns[name])) else None


def _take(
    left: dict[str, None], rule: str, known: Mapping[str, Fault], times: Mapping[str, int], fault: str | None
) -> Cause:
    """Take a requirement from what is left, with what follows from it, and return them as a cause."""
    # Another fault with this rule may break more. What is left of that follows from the same rule.
    follows = {one for other in known.values() if other.breaks[0] == rule for one in other.breaks}
    explained = [one for one in left if one != rule and one in follows]
    # What is broken in every scenario has another cause than what is broken in a few, unless the kill matrix shows it.
    proved = {
        one for other in known.values() if other.breaks[0] == rule and not other.elsewhere for one in other.breaks
    }
    limit = max(MANY, OFTEN * median(times.get(one, 0) for one in (rule, *explained)))
    likely = tuple(one for one in explained if one in proved or times.get(one, 0) <= limit)
    for one in (rule, *likely):
        del left[one]
    return Cause(requirement=rule, explains=likely, fault=fault)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A cause with the verdicts of its requirement, the clearest scenario first, and the number of all it explains."""

    cause: Cause
    results: tuple[Result, ...]
    explained: int


def grouped(results: Iterable[Result]) -> list[Group]:
    """Return the failures and warnings of a run by cause, the broken MUSTs first, then those that explain most.

    Known failures of the profile are left out.
    """
    failed: dict[str, list[Result]] = {}
    judged: set[str] = set()
    for result in results:
        if result.verdict in ("PASS", "FAIL", "WARN"):
            judged.add(result.requirement)
        if result.verdict in ("FAIL", "WARN") and result.known is None:
            failed.setdefault(result.requirement, []).append(result)
    times = {one: len(each) for one, each in failed.items()}
    found = [
        Group(
            cause=cause,
            results=tuple(sorted(failed[cause.requirement], key=_clearness)),
            explained=sum(len(failed[one]) for one in cause.explains),
        )
        for cause in _folded(causes(sorted(failed), judged, known_faults(), times), failed)
    ]
    return sorted(
        found,
        key=lambda group: (
            group.results[0].verdict != "FAIL",
            _is_minor(group.cause.requirement, failed),
            -len(group.results) - group.explained,
        ),
    )


def _is_minor(rule: str, failed: Mapping[str, Sequence[Result]]) -> bool:
    """Return whether a status that is not listed is seen only where something else is broken, too.

    A cancel that does not wait is answered with 202 in place of 200. That it does not wait is what a reader must know.
    """
    if rule != STATUSES:
        return False
    beside = {
        result.scenario
        for one, results in failed.items()
        if one != STATUSES
        for result in results
        if result.verdict == "FAIL"
    }
    return all(result.scenario in beside for result in failed[rule])


def _folded(found: Iterable[Cause], failed: Mapping[str, Sequence[Result]]) -> list[Cause]:
    """Return the causes, with those of the same words in the same scenarios as one.

    Several requirements that need one request fail with one reason when it is refused.
    """
    kept: dict[frozenset[tuple[str, str]], Cause] = {}
    for cause in found:
        key = frozenset((result.scenario, result.reason) for result in failed[cause.requirement])
        first = kept.get(key)
        if first is None:
            kept[key] = cause
        else:
            also = (*first.explains, cause.requirement, *cause.explains)
            kept[key] = msgspec.structs.replace(first, explains=also)
    return list(kept.values())


def _clearness(result: Result) -> tuple[int, int, int]:
    """Return a key that sorts failures that state few facts first, and among them plain scenarios."""
    return (len(_FACTS.findall(result.expected)), *plainness(result.scenario))


_FACTS = re.compile(r"(?:^|, )\(\d+\) ")


def plainness(scenario: str) -> tuple[int, int]:
    """Return a key that sorts plain scenarios first: those with few moves, in the order of the catalogue."""
    # A report of another version may name a scenario that is not in this catalogue.
    return _places().get(scenario, (10**6, 0))


@cache
def _places() -> dict[str, tuple[int, int]]:
    return {scenario.id: (len(scenario.moves), place) for place, scenario in enumerate(catalogue())}
