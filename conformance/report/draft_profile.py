"""A profile drafted from reports: an entry for every cause of failures, with a reason that the vendor has to fill in.

A profile with an empty reason is rejected when it is loaded, so no draft can be used unread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import get_args

from msgspec.structs import replace
from packaging.version import InvalidVersion, Version

from conformance.judge import profiles
from conformance.judge.expect import declarable
from conformance.judge.judging import Word
from conformance.report.causes import grouped
from conformance.report.report import Report, Result
from conformance.requirements import registry
from conformance.requirements.judged import scenarios_of
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.moves import Strategy
from conformance.transcript.text import one_line

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
RED: frozenset[Word] = frozenset({"FAIL", "WARN", "INCONCLUSIVE"})
ABSENT = "declared absent: "

FLAKY_FROM = 3
"""The least number of reports from which a failure that is not in all of them is drafted as flaky."""

FEW = 30
"""The number of entries from which on causes in the same scenarios share one, so that a vendor can write reasons."""

UNPROVEN = "unproven"
"""The cause of what could not be judged, such as all requirements in a play that broke off."""

HEAD = """\
# Drafted by doubletext from {reports}. Fill in every `reason`: what the deployment does, and why.
# A profile with an empty reason is rejected. Delete the entries of failures that you are going to fix.
"""


@dataclass(frozen=True)
class DraftedFailure:
    """An entry for known failures of one cause, in the scenarios that a pattern matches.

    `examples` has one result of each cause, and `bad` of `judged` results were red. `flaky`: some of them also passed.
    """

    requirements: tuple[str, ...]
    patterns: tuple[str, ...]
    examples: tuple[Result, ...]
    bad: int
    judged: int
    flaky: bool


def draft(reports: Sequence[Report], name: str | None = None) -> str:
    """Return the text of a profile that declares the findings of these reports, all of one deployment.

    Of three or more reports, a failure that is not in every report is drafted as flaky.
    """
    # The last report is the newest where reports are given in order, and its version is the one to declare.
    target = reports[-1].target
    server = target.server or ""
    lines = [HEAD.format(reports="a report" if len(reports) == 1 else f"{len(reports)} reports")]
    lines.append(f"name = {_text(name or server or 'our-server')}")
    if server:
        lines.append(f"server = {_text(server)}")
    if versions := _line_of_versions(target.version):
        lines.append(f"versions = {_text(versions)}")
    lines += ["", *_freedoms(reports), *_absences(reports)]
    for entry in entries(reports):
        lines += _known(entry)
    return "\n".join(lines).rstrip() + "\n"


def entries(reports: Sequence[Report]) -> list[DraftedFailure]:
    """Return the known failures to declare, by cause, with as few entries and scenario patterns as possible."""
    results: dict[str, dict[str, list[Result]]] = {}
    offered = _offered(reports)
    for report in reports:
        for result in report.results:
            if not offered(result.scenario):
                continue
            # A freedom is declared under [freedoms]. An ERROR is a fault of the suite, not of the deployment.
            if result.verdict not in ("NOT-APPLICABLE", "ERROR") and result.freedom is None:
                results.setdefault(result.requirement, {}).setdefault(result.scenario, []).append(result)
    # Two reports that differ do not show which of them is the rule.
    kinds = (False, True) if len(reports) >= FLAKY_FROM else (None,)
    failures = [
        (cause, failure)
        for cause, names in _by_cause(reports, results)
        for flaky in kinds
        for name in names
        for failure in _failures(name, results[name], flaky=flaky)
    ]
    found = _fewer(_groups(failures))
    if len(found) > FEW:
        # The entry of a flaky failure may match a scenario that passes, so it may be as wide as those beside it.
        found = _fewer(found, wide=True)
    return [group.entry() for group in found]


def _groups(failures: Iterable[tuple[str, _Failure]]) -> list[_Group]:
    """Return the failures in groups that share an entry, those of each cause apart."""
    found: list[_Group] = []
    # What is unproven comes last, to join what is broken in the same scenarios.
    for cause, failure in sorted(failures, key=lambda found: found[1].unproven):
        causes = [UNPROVEN if failure.unproven else cause]
        related = (one for one in found if causes == one.causes or (failure.unproven and failure.due <= one.due))
        group = next((one for one in related if one.takes(failure, wide=False)), None)
        if group is None:
            found.append(_Group(causes, [failure]))
        else:
            group.failures.append(failure)
    return found


def _fewer(groups: Sequence[_Group], *, wide: bool = False) -> list[_Group]:
    """Return the groups, with some joined that fail in the same scenarios, the smallest first, until they are few."""
    left = list(groups)
    for small in sorted(groups, key=lambda group: sum(len(failure.due) for failure in group.failures)):
        if len(left) <= FEW:
            break
        others = (one for one in left if one is not small)
        joined = next((one for one in others if all(one.takes(each, wide=wide) for each in small.failures)), None)
        if joined is not None:
            left.remove(small)
            joined.causes += small.causes
            joined.failures += small.failures
    return left


def _by_cause(
    reports: Sequence[Report], results: Mapping[str, Mapping[str, Sequence[Result]]]
) -> Iterator[tuple[str, list[str]]]:
    """Yield each cause with the requirements that it explains, and then the other requirements, each for itself."""
    # A freedom is declared under [freedoms], or under [[absent]] where none was observed.
    left = {one.id: None for one in registry.load().requirements if one.level != "PROFILE" and one.id in results}
    declared = [replace(result, known=None) for report in reports for result in report.results if result.known]
    for group in grouped([*declared, *(result for report in reports for result in report.results)]):
        names = [one for one in (group.cause.requirement, *group.cause.explains) if one in left]
        for name in names:
            del left[name]
        if names:
            yield group.cause.requirement, names
    for name in left:
        yield name, [name]


def _failures(requirement: str, results: Mapping[str, Sequence[Result]], *, flaky: bool | None) -> Iterator[_Failure]:
    """Yield what is broken of a requirement, and then what could not be judged in other scenarios."""
    # They have different causes: a play that broke off proves nothing about a hundred requirements.
    red = {name: _words(each) for name, each in results.items() if _is_due(each, flaky=flaky)}
    broken = {name for name, words in red.items() if words != {"INCONCLUSIVE"}}
    covered: set[str] = set()
    for due in (broken, red.keys() - broken):
        if left := due - covered:
            failure = _Failure(requirement, results, left, red.keys(), flaky=bool(flaky))
            yield failure
            covered = {name for name in red if any(fnmatchcase(name, pattern) for pattern in failure.patterns)}


def _words(results: Iterable[Result]) -> set[Word]:
    """Return the verdicts that are to be declared."""
    return {result.verdict for result in results} & RED


class _Failure:
    """A requirement with the scenarios in which it is to be declared, and those in which it may be."""

    def __init__(
        self,
        requirement: str,
        results: Mapping[str, Sequence[Result]],
        due: Set[str],
        red: Set[str],
        *,
        flaky: bool,
    ) -> None:
        self.requirement = requirement
        self.flaky = flaky
        self.results = results
        self.everywhere = {*scenarios_of(requirement), *results}
        self.due = due
        self.red = red
        self.patterns = tuple(pattern for pattern, _ in _patterns(due, self.everywhere, red))
        found = [result for name in due for result in results[name] if result.verdict in RED]
        self.unproven = all(result.verdict == "INCONCLUSIVE" for result in found)
        # What was declared before keeps its reason, so it shares no entry with what has another one.
        self.reasons = {result.known for result in found}

    def allows(self, patterns: Iterable[str]) -> bool:
        """Return whether these patterns match no scenario in which the requirement holds."""
        return {name for name in self.everywhere for pattern in patterns if fnmatchcase(name, pattern)} <= self.red


@dataclass
class _Group:
    """Failures that share an entry, of one cause unless there were too many entries."""

    causes: list[str]
    failures: list[_Failure]

    @property
    def due(self) -> set[str]:
        """Return the scenarios of all failures."""
        return {name for failure in self.failures for name in failure.due}

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return the patterns of all failures, without those that a broader one contains."""
        every = tuple(dict.fromkeys(pattern for failure in self.failures for pattern in failure.patterns))
        return tuple(one for one in every if not any(one != other and fnmatchcase(one, other) for other in every))

    @property
    def flaky(self) -> bool:
        """Return whether the entry is one of flaky failures."""
        return self.failures[0].flaky

    def takes(self, failure: _Failure, *, wide: bool) -> bool:
        """Return whether the entry may have this failure, too. If `wide`, a flaky one with any patterns."""
        same = (failure.reasons, failure.flaky) == (self.failures[0].reasons, self.flaky)
        if wide and self.flaky:
            return same
        return same and failure.allows(self.patterns) and all(one.allows(failure.patterns) for one in self.failures)

    def entry(self) -> DraftedFailure:
        """Return the entry."""
        each = [found for one in self.failures for name in sorted(one.due) for found in one.results[name]]
        red = [result for result in each if result.verdict in RED]
        names = tuple(dict.fromkeys(one.requirement for one in self.failures))
        examples = {result.requirement: result for result in reversed(red)}
        chosen = tuple(examples[cause] for cause in self.causes if cause in examples) or (red[0],)
        return DraftedFailure(names, self.patterns, chosen, len(red), len(each), self.flaky)


def _offered(reports: Sequence[Report]) -> Callable[[str], bool]:
    """Return a predicate of the scenarios whose feature no reason proposes to declare absent."""
    absent = _unoffered(reports)
    return lambda scenario: not any(fnmatchcase(scenario, pattern) for pattern in absent)


def _unoffered(reports: Sequence[Report]) -> dict[str, Result]:
    """Return the patterns of scenarios that a reason proposes to declare absent, each with a result that does."""
    found: dict[str, Result] = {}
    for report in reports:
        for result in report.results:
            pattern = declarable(result.reason) if result.verdict == "INCONCLUSIVE" else None
            if pattern is not None and result.known is None:
                found.setdefault(pattern, result)
    return found


def _is_due(results: Iterable[Result], *, flaky: bool | None) -> bool:
    """Return whether some of the results are red, and all of them unless `flaky`. None is for either."""
    red = [result.verdict in RED for result in results]
    return any(red) and (flaky is None or all(red) != flaky)


def _patterns(due: Set[str], everywhere: Iterable[str], red: Set[str] | None = None) -> Iterator[tuple[str, set[str]]]:
    """Yield patterns and their scenarios, the broadest first, that together match the scenarios in `due`.

    `everywhere` are all scenarios to which the requirement applies. No pattern matches one that is not in `red`.
    """
    # A pattern must not match a scenario that passed: its entry would be stale there, and would fail the next run.
    left, red = set(due), due if red is None else red
    while left:
        first = min(left)
        pattern = next(p for p in _broadest_first(first) if {s for s in everywhere if fnmatchcase(s, p)} <= red)
        covered = {name for name in left if fnmatchcase(name, pattern)}
        yield (first if covered == {first} else pattern), covered
        left -= covered


def _broadest_first(scenario: str) -> Iterator[str]:
    parts = scenario.split("/")
    yield "*"
    for length in range(1, len(parts)):
        yield "/".join([*parts[:length], "*"])
    yield scenario


def _freedoms(reports: Sequence[Report]) -> list[str]:
    documented = {r.id: (r.documented, *r.also) for r in registry.load().requirements}
    taken = {r.requirement: r.freedom for report in reports for r in report.results if r.freedom is not None}
    lines = [
        f"{name} = {_text(freedom)}"
        for name, freedom in sorted(taken.items())
        if freedom not in documented.get(name, ())
    ]
    return ["[freedoms]", *lines, ""] if lines else []


def _absences(reports: Sequence[Report]) -> Iterator[str]:
    """Yield the absences: those that were declared already, with their reasons, and those of unobserved freedoms.

    An absence names the requirement, or the scenario where another scenario judges the requirement. A freedom is
    unobserved when no scenario showed which one is taken. Its reason is left empty.
    """
    results = [r for report in reports for r in report.results]
    absent = [r for r in results if r.verdict == "NOT-APPLICABLE" and r.reason.startswith(ABSENT)]
    judged = {r.requirement for r in results if r not in absent}
    entries: dict[tuple[str, str], set[str]] = {}
    for r in absent:
        key, name = ("scenario", r.scenario) if r.requirement in judged else ("requirements", r.requirement)
        entries.setdefault((key, r.reason), set()).add(name)
    for (key, reason), names in sorted(entries.items()):
        line = f"requirements = [{', '.join(map(_text, sorted(names)))}]" if key == "requirements" else _where(names)
        yield from ("[[absent]]", line, f"reason = {_text(reason.removeprefix(ABSENT))}", "")
    for pattern, result in sorted(_unoffered(reports).items()):
        yield f"# {result.verdict}: {one_line(result.reason, 300)}"
        yield from ("[[absent]]", f"scenario = {_text(pattern)}", 'reason = ""', "")
    observed = {r.requirement for r in results if r.freedom is not None}
    unseen = {r.requirement: r for r in results if r.level == "PROFILE" and r.verdict in RED}
    for name, result in sorted(unseen.items()):
        if name not in observed:
            yield f"# {result.verdict}: {one_line(result.reason, 300)}"
            yield from ("[[absent]]", f"requirement = {_text(name)}", 'reason = ""', "")


def _where(scenarios: set[str]) -> str:
    """Return the line that names these scenarios: by the strategy that they use, or else by patterns."""
    for strategy in STRATEGIES:
        if scenarios == profiles.using(strategy):
            return f"strategy = {_text(strategy)}"
    everywhere = {one.id for one in catalogue()} | scenarios
    return f"scenario = {_list([pattern for pattern, _ in _patterns(scenarios, everywhere)])}"


def _known(entry: DraftedFailure) -> list[str]:
    first = entry.examples[0]
    return [
        *(f"# {example.verdict}: {one_line(example.reason, 300)}" for example in entry.examples),
        "[[known]]",
        f"requirements = [{', '.join(map(_text, entry.requirements))}]",
        f"scenario = {_list(entry.patterns)}",
        f"reason = {_text(first.known or '')}",
        f"evidence = {_text(f'{entry.bad} of {entry.judged} verdicts, for example {first.id}')}",
        *(["flaky = true"] if entry.flaky else []),
        "",
    ]


def _line_of_versions(version: str | None) -> str | None:
    """Return the range of all patch releases of this version, or None for text that is not a version."""
    try:
        parsed = Version(version or "")
    except InvalidVersion:
        return None
    return f"=={parsed.major}.{parsed.minor}.*"


def _list(texts: Sequence[str]) -> str:
    """Return one TOML string, or a list of several."""
    return _text(texts[0]) if len(texts) == 1 else f"[{', '.join(map(_text, texts))}]"


def _text(text: str) -> str:
    """Return a TOML string."""
    # A JSON string is a TOML basic string, except that TOML also requires DEL to be escaped.
    # https://toml.io/en/v1.0.0#string
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
