"""A profile drafted from reports: what failed, with every reason left to be written by somebody who looked.

An entry without a reason is refused when the profile is read, so that no draft is used as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from packaging.version import InvalidVersion, Version

from conformance.report.report import Report, Result
from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from conformance.transcript.text import one_line

RED = frozenset({"FAIL", "WARN", "INCONCLUSIVE"})
ABSENT = "declared absent: "

HEAD = """\
# Drafted by doubletext from {reports}. A reason says what the deployment does and why; until each is
# filled in the profile is refused. Delete what is to be mended instead.
"""


@dataclass(frozen=True)
class DraftedFailure:
    """A known failure to be: `example` is what one of its results said, `bad` of `judged` results were red."""

    requirement: str
    scenario: str
    example: Result
    bad: int
    judged: int

    @property
    def flaky(self) -> bool:
        """Whether it passed as well."""
        return self.bad < self.judged


def draft(reports: Sequence[Report], name: str | None = None) -> str:
    """The text of a profile that declares what these reports, all of one deployment, found.

    What did not fail in every report is drafted as flaky.
    """
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
    """The known failures to declare, in the order of the book, by as few scenario patterns as are true."""
    results: dict[tuple[str, str], list[Result]] = {}
    for report in reports:
        for result in report.results:
            # A freedom is declared as one; what an ERROR says is no fault of the deployment.
            if result.verdict not in ("NOT-APPLICABLE", "ERROR") and result.freedom is None:
                results.setdefault((result.requirement, result.scenario), []).append(result)
    found = []
    for requirement in registry.load().requirements:
        if requirement.level == "PROFILE":
            continue  # of a freedom it is declared which one is taken, or that there is nothing to judge
        mine = {scenario: found for (name, scenario), found in results.items() if name == requirement.id}
        everywhere = {s.id for s in catalogue() if requirement.applies_to(s.id)} | mine.keys()
        for flaky in (False, True):
            due = {name for name, each in mine.items() if _is_due(each, flaky=flaky)}
            for pattern, covered in _patterns(due, everywhere):
                each = [result for name in sorted(covered) for result in mine[name]]
                red = [result for result in each if result.verdict in RED]
                found.append(DraftedFailure(requirement.id, pattern, red[0], len(red), len(each)))
    return found


def _is_due(results: Iterable[Result], *, flaky: bool) -> bool:
    red = [result.verdict in RED for result in results]
    return any(red) and all(red) != flaky


def _patterns(due: set[str], everywhere: Iterable[str]) -> Iterator[tuple[str, set[str]]]:
    """Patterns that match all that is due and nothing else that the requirement applies to: the broadest first."""
    left = set(due)
    while left:
        first = min(left)
        pattern = next(p for p in _broadest_first(first) if {s for s in everywhere if fnmatchcase(s, p)} <= due)
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
    documented = {r.id: r.documented for r in registry.load().requirements}
    taken = {r.requirement: r.freedom for report in reports for r in report.results if r.freedom is not None}
    lines = [f"{name} = {_text(freedom)}" for name, freedom in sorted(taken.items()) if freedom != documented.get(name)]
    return ["[freedoms]", *lines, ""] if lines else []


def _absences(reports: Sequence[Report]) -> Iterator[str]:
    """What was declared absent already, with its reason: by requirement, or by scenario where others judge it.

    And freedoms of which it was nowhere seen which one is taken, with the reason to be written.
    """
    results = [r for report in reports for r in report.results]
    absent = [r for r in results if r.verdict == "NOT-APPLICABLE" and r.reason.startswith(ABSENT)]
    judged = {r.requirement for r in results if r not in absent}
    entries = {
        ("scenario", r.scenario) if r.requirement in judged else ("requirement", r.requirement): r.reason
        for r in absent
    }
    for (key, name), reason in sorted(entries.items()):
        yield from ("[[absent]]", f"{key} = {_text(name)}", f"reason = {_text(reason.removeprefix(ABSENT))}", "")
    told = {r.requirement for r in results if r.freedom is not None}
    unseen = {r.requirement: r for r in results if r.level == "PROFILE" and r.verdict in RED}
    for name, result in sorted(unseen.items()):
        if name not in told:
            yield f"# {result.verdict}: {one_line(result.reason, 300)}"
            yield from ("[[absent]]", f"requirement = {_text(name)}", 'reason = ""', "")


def _known(entry: DraftedFailure) -> list[str]:
    return [
        f"# {entry.example.verdict}: {one_line(entry.example.reason, 300)}",
        "[[known]]",
        f"requirements = [{_text(entry.requirement)}]",
        f"scenario = {_text(entry.scenario)}",
        f"reason = {_text(entry.example.known or '')}",
        f"evidence = {_text(f'{entry.bad} of {entry.judged} verdicts; for one see {entry.example.id}')}",
        *(["flaky = true"] if entry.flaky else []),
        "",
    ]


def _line_of_versions(version: str | None) -> str | None:
    """The range of all patch releases of this version, None where it is not of that kind."""
    try:
        parsed = Version(version or "")
    except InvalidVersion:
        return None
    return f"=={parsed.major}.{parsed.minor}.*"


def _text(text: str) -> str:
    """A TOML string; JSON's are of the same form, but for DEL, which TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
