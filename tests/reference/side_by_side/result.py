"""The two recordings of the whole suite compared: per scenario equal, explained, or not explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from conformance.report.load import Unreadable, read_report, read_transcript
from conformance.report.report import Report, transcript_path
from tests.reference.side_by_side.conversation import conversation
from tests.reference.side_by_side.differences import Difference, differences
from tests.reference.side_by_side.explaining import Reason, reason_for

FORMAT: Literal["doubletext-side-by-side"] = "doubletext-side-by-side"
VERSION: Literal[1] = 1


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One recording: of which server, with which profile, by which rule book, and when."""

    server: str
    profile: str | None
    revision: str
    finished_at: str


class Compared(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One scenario: how many of its differences each reason explains, and those that none does."""

    scenario: str
    explained: dict[str, int] = {}
    unexplained: list[Difference] = []

    @property
    def equal(self) -> bool:
        """Return whether nothing differs."""
        return not self.explained and not self.unexplained


class SideBySide(msgspec.Struct, frozen=True, kw_only=True):
    """Both recordings, scenario by scenario. `examples` has one difference for each reason."""

    format: Literal["doubletext-side-by-side"] = FORMAT
    version: Literal[1] = VERSION
    reference: Side
    mock: Side
    scenarios: list[Compared]
    examples: dict[str, Difference]

    @property
    def unexplained(self) -> list[Difference]:
        """Return all differences without a reason."""
        return [difference for one in self.scenarios for difference in one.unexplained]

    def stale(self, reasons: Sequence[Reason]) -> list[str]:
        """Return the names of the reasons that explain nothing although they should."""
        return [reason.name for reason in reasons if not reason.seldom and reason.name not in self.examples]


def side_by_side(reference: Path, mock: Path, reasons: Sequence[Reason]) -> SideBySide:
    """Compare the folders of two reports. Raise Unreadable for a folder that cannot be read or compared."""
    reports = (read_report(reference), read_report(mock))
    known = known_failures(reports[0])
    examples: dict[str, Difference] = {}
    scenarios = []
    for scenario in _scenarios(*reports):
        found = differences(
            scenario, *(conversation(read_transcript(side / transcript_path(scenario))) for side in (reference, mock))
        )
        scenarios.append(compared(scenario, found, reasons, known.get(scenario, frozenset()), examples))
    return SideBySide(reference=_side(reports[0]), mock=_side(reports[1]), scenarios=scenarios, examples=examples)


def compared(
    scenario: str,
    found: Sequence[Difference],
    reasons: Sequence[Reason],
    known: frozenset[str],
    examples: dict[str, Difference],
) -> Compared:
    """Apply the reasons to the differences of a scenario. The first difference of each reason becomes its example."""
    explained: Counter[str] = Counter()
    unexplained = []
    for difference in found:
        name = reason_for(difference, reasons, known)
        if name is None:
            unexplained.append(difference)
        else:
            explained[name] += 1
            examples.setdefault(name, difference)
    return Compared(scenario=scenario, explained=dict(explained), unexplained=unexplained)


def known_failures(report: Report) -> dict[str, frozenset[str]]:
    """By scenario, the requirements that failed there as the server's profile says."""
    found: dict[str, frozenset[str]] = {}
    for result in report.results:
        if result.known is not None:
            found[result.scenario] = found.get(result.scenario, frozenset()) | {result.requirement}
    return found


def _scenarios(*reports: Report) -> Iterator[str]:
    """Return the scenarios that were played. Raise Unreadable where one report has others than the other."""
    left, right = ({r.scenario for r in report.results if r.transcript} for report in reports)
    if left != right:
        only = sorted(left ^ right)
        raise Unreadable(f"the reports are not of the same scenarios, {len(only)} are in one only, such as {only[0]}")
    return iter(sorted(left))


def _side(report: Report) -> Side:
    target = report.target
    return Side(
        server=" ".join(part for part in (target.server, target.version) if part),
        profile=target.profile,
        revision=report.suite.revision,
        finished_at=report.finished_at or "",
    )
