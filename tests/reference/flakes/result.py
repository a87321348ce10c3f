"""The changes from run to run as facts, and which of them a profile declares."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from conformance.judge import profiles
from conformance.judge.judging import Word
from conformance.judge.profiles import Known, Profile
from conformance.report.compare import WORST_FIRST
from conformance.report.load import Unreadable
from conformance.report.report import Report

FORMAT: Literal["doubletext-flakes"] = "doubletext-flakes"
VERSION: Literal[1] = 1


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict that was not the same in all runs: how often each word was given, and the worst fact observed."""

    requirement: str
    scenario: str
    verdicts: dict[Word, int]
    reason: str


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Several runs of the suite on one server. `judged` is the number of verdicts of one run.

    `selection` are the arguments that selected scenarios, if not all of them were played.
    """

    title: str
    server: str
    profile: str
    revision: str
    runs: int
    scenarios: int
    judged: int
    last: str
    changed: list[Changed]
    selection: str = ""

    def undeclared(self) -> list[Changed]:
        """Return the changes that the present profile does not declare as flaky."""
        profile = profiles.load(self.profile)
        return [one for one in self.changed if declared(profile, one) is None]


class Flakes(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of the page: the runs by the name of the reference server."""

    format: Literal["doubletext-flakes"] = FORMAT
    version: Literal[1] = VERSION
    servers: dict[str, Runs] = {}


def declared(profile: Profile, one: Changed) -> Known | None:
    """Return the entry of the profile that declares this change.

    It declares the failure as flaky. Where each run failed, or could not be judged because of the failure, any entry
    for it is enough.
    """
    held = "PASS" in one.verdicts
    mine = (entry for entry in profile.known if entry.covers(one.requirement, one.scenario))
    return next((entry for entry in mine if entry.flaky or not held), None)


def compare(title: str, reports: Sequence[Report], selection: str = "") -> Runs:
    """Return what changed from report to report. Raise Unreadable if they are not of one server and one rule book."""
    first = reports[0]
    if len({(one.target.server, one.target.version, one.target.profile, one.suite.revision) for one in reports}) > 1:
        raise Unreadable(f"{title}: the reports are of several versions or rule books. Use another --report-dir")
    found: dict[tuple[str, str], list[tuple[Word, str]]] = defaultdict(list)
    for report in reports:
        for result in report.results:
            found[result.requirement, result.scenario].append((result.verdict, result.reason))
    return Runs(
        title=title,
        server=" ".join(part for part in (first.target.server, first.target.version) if part),
        profile=first.target.profile or "",
        revision=first.suite.revision,
        runs=len(reports),
        scenarios=len({scenario for _, scenario in found}),
        judged=len(found),
        last=max((report.finished_at or "")[:10] for report in reports),
        changed=list(_changed(found)),
        selection=selection,
    )


def _changed(found: Mapping[tuple[str, str], Sequence[tuple[Word, str]]]) -> Iterator[Changed]:
    for (requirement, scenario), given in sorted(found.items()):
        words = Counter(word for word, _ in given)
        if len(words) > 1:
            worst = min(words, key=WORST_FIRST.index)
            reason = next(reason for word, reason in given if word == worst)
            yield Changed(requirement=requirement, scenario=scenario, verdicts=dict(words), reason=reason)
