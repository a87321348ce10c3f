"""The findings of a run about all deployments: the reports, the terminal summary, and reasons to fail the run."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.judge.judging import WORDS
from conformance.judge.profiles import Profile
from conformance.report import github, screen
from conformance.report.causes import grouped
from conformance.report.report import (
    CALIBRATION,
    EXPLORATION,
    RACE,
    Exploration,
    Report,
    Result,
    rules_of,
    summarise,
    write_report,
)
from conformance.requirements import registry
from conformance.requirements.areas import AREAS
from conformance.requirements.registry import LEVELS
from conformance.scenarios.tiers import Tier, share
from conformance.transcript.text import visible
from conformance.transcript.transcript import SuiteInfo, TargetInfo

JUDGED = frozenset({"PASS", "FAIL", "WARN"})


class Deployment(msgspec.Struct, kw_only=True):
    """The results about one deployment. `problem` is the reason why those with an id in `unjudged` were not judged.

    `workers` is their number if it was measured. `repeats` has the command that sends the deciding request again, by
    the ids of failed results.
    """

    target: TargetInfo
    problem: str | None
    unjudged: frozenset[str]
    folder: str | None
    results: list[Result]
    workers: int | None = None
    repeats: dict[str, str] = {}
    stale: list[str] = []
    notes: list[str] = []
    exploration: Exploration | None = None

    @property
    def judged(self) -> bool:
        """True if any requirement was judged, or any history."""
        explored = self.exploration is not None and self.exploration.verdict in JUDGED
        return explored or any(result.verdict in JUDGED for result in self.results)


class Findings:
    """The findings of one run, built from the records of its tests.

    They are built in the process that reports: xdist's controller, or the only process. `incomplete` is what ended the
    run before its time. Before the first verdict, the records have none.
    """

    def __init__(
        self, records: list[dict[str, Any]], profile: Profile, incomplete: str | None = None, tier: Tier = "full"
    ) -> None:
        self._incomplete = incomplete
        self._tier = tier
        self._suite = msgspec.convert(records[0]["suite"], SuiteInfo)
        self.deployments: list[Deployment] = []
        for position in sorted({record["position"] for record in records}):
            mine = [record for record in records if record["position"] == position]
            judged = [record for record in mine if "result" in record]
            results = [msgspec.convert(record["result"], Result) for record in judged]
            self.deployments.append(
                Deployment(
                    target=msgspec.convert(mine[-1]["target"], TargetInfo),
                    problem=next((record["problem"] for record in mine if record["problem"]), None),
                    unjudged=frozenset(
                        result.id for record, result in zip(judged, results, strict=True) if record["unjudged"]
                    ),
                    folder=mine[-1]["folder"],
                    workers=mine[-1].get("workers"),
                    # Sorted, because with xdist the records arrive in another order in each run.
                    results=sorted(results, key=lambda result: result.id),
                    repeats={
                        result.id: record["repeat"]
                        for record, result in zip(judged, results, strict=True)
                        if record.get("repeat")
                    },
                    stale=stale_entries(profile, results),
                    notes=[*mine[-1]["notes"], *_replays(results)],
                    exploration=next(
                        (msgspec.convert(one["exploration"], Exploration) for one in mine if "exploration" in one), None
                    ),
                )
            )

    def failures(self) -> list[str]:
        """Return the reasons to fail a run in which no test failed: nothing judged, or stale entries of the profile."""
        found = []
        for deployment in self.deployments:
            if not deployment.judged:
                found.append(f"{deployment.target.url}: nothing was judged")
            found += [f"{deployment.target.url}: {entry}" for entry in deployment.stale]
        return found

    def stale(self) -> list[str]:
        """Return the stale entries of the profile."""
        return [entry for deployment in self.deployments for entry in deployment.stale]

    def errors(self) -> list[Result]:
        """Return the results of checks that failed themselves, which say nothing about a deployment."""
        return [result for one in self.deployments for result in one.results if result.verdict == "ERROR"]

    def write(self) -> None:
        """Write the reports if a folder was given, and the job summary in GitHub Actions. Raise OSError."""
        folders = [deployment.folder for deployment in self.deployments if deployment.folder is not None]
        if not folders and github.VARIABLE not in os.environ:
            return
        from conformance.report.html import write_page  # late: importing Jinja is slow, and most runs write no report

        reports = [self._report(deployment) for deployment in self.deployments]
        for folder, report in zip(folders, reports, strict=False):
            write_report(Path(folder), report)
            write_page(Path(folder), report)
        github.write_job_summary(reports, os.environ)

    def _report(self, deployment: Deployment) -> Report:
        return Report(
            suite=self._suite,
            target=deployment.target,
            summary=summarise(deployment.results),
            results=deployment.results,
            causes=[group.cause for group in grouped(deployment.results)],
            stale=deployment.stale,
            notes=deployment.notes,
            problem=deployment.problem,
            incomplete=self._incomplete,
            workers=deployment.workers,
            rules=rules_of(registry.load()),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            exploration=deployment.exploration,
        )

    def show(self, terminal: pytest.TerminalReporter) -> None:
        """Write the summary to the terminal: the failures first, then a table by area."""
        for deployment in self.deployments:
            target = deployment.target
            server = " ".join(part for part in (target.server, target.version) if part) or "unnamed server"
            named = f"{target.name}, " if target.name else ""
            terminal.section(visible(f"doubletext: {named}{target.url} ({server})"))
            if deployment.problem is not None:
                how_far = f"cannot be judged ({len(deployment.unjudged)} of {len(deployment.results)} verdicts)"
                terminal.line(visible(f"{how_far}: {deployment.problem}"), red=True)
            if deployment.exploration is not None:
                self._show_exploration(terminal, deployment.exploration, deployment.folder)
            if not deployment.results and deployment.exploration is not None:
                continue
            if not deployment.results:
                terminal.line(visible(f"nothing was judged: {self._incomplete}"), red=True)
                if deployment.folder:
                    terminal.line(f"report: {Path(deployment.folder) / 'report.html'}")
                    terminal.line(self._to_continue(deployment.folder))
                continue
            if deployment.problem is not None and not deployment.judged and terminal.verbosity <= 0:
                # A table of what was not judged would hide the one reason.
                terminal.line("nothing was judged, so the run fails", red=True)
                if deployment.folder:
                    kept = Path(deployment.folder) / CALIBRATION
                    exchanges = f", and what was answered: {kept}" if kept.is_file() else ""
                    terminal.line(f"report: {Path(deployment.folder) / 'report.html'}{exchanges}")
                continue
            if deployment.workers:
                terminal.line(screen.workers(deployment.workers))
            for note in deployment.notes:
                terminal.line(visible(f"note: {note}"), yellow=True, bold=True)
            groups = grouped(deployment.results)
            for line in screen.causes(groups, deployment.repeats):
                terminal.line(line, red=line.startswith("FAIL"), yellow=line.startswith("WARN"))
            judged = [result for result in deployment.results if result.id not in deployment.unjudged]
            for word in ("ERROR", "INCONCLUSIVE"):
                # Most of them follow from a cause, or from the loss of the deployment.
                effects = word == "INCONCLUSIVE" and (groups or deployment.problem is not None)
                beside = screen.BESIDE if effects and terminal.verbosity <= 0 else screen.SHOWN
                for line in screen.reasons(word, judged, beside):
                    terminal.line(line, red=True)
            if wrong := sum(result.verdict == "ERROR" for result in judged):
                terminal.line(screen.own_fault(wrong), red=True)
            # The table has about as many lines as a screen.
            if (not groups and deployment.problem is None) or terminal.verbosity > 0:
                for line in table(deployment.results):
                    terminal.line(line)
            else:
                counts = summarise(deployment.results)
                terminal.line("verdicts: " + ", ".join(f"{n} {word}" for word, n in counts.items() if n))
            self._show_coverage(terminal, deployment)
            if self._tier != "full":
                part = f"{share(self._tier):.0%} of the known faults"
                terminal.line(f"tier {self._tier}: its scenarios detect {part}. --conformance-tier=full plays all")
            known = [result for result in deployment.results if result.known]
            if known:
                terminal.line(
                    f"{len(known)} of these verdicts are known failures, declared by profile {target.profile}"
                )
            for line in screen.stale(
                deployment.stale, len(deployment.stale) if terminal.verbosity > 0 else screen.SHOWN
            ):
                terminal.line(line, red=True)
            if not deployment.judged:
                terminal.line("nothing was judged, so the run fails; the reasons are listed above", red=True)
            if self._incomplete is not None:
                terminal.line(visible(f"incomplete: {self._incomplete}"), red=True)
            # A deployment that died half-way leaves something to play, too.
            if (self._incomplete is not None or deployment.problem is not None) and deployment.folder:
                terminal.line(self._to_continue(deployment.folder))
            if deployment.folder:
                terminal.line(f"report: {Path(deployment.folder) / 'report.html'}")
            elif any(result.verdict not in ("PASS", "NOT-APPLICABLE") for result in deployment.results):
                terminal.line("to see every exchange, write a report: --conformance-report=DIR")
        terminal.line(f"rule book {self._suite.revision}, doubletext {self._suite.version}")

    def _show_exploration(self, terminal: pytest.TerminalReporter, found: Exploration, folder: str | None) -> None:
        """Write the result of an exploration, and where its page is."""
        line = f"exploration: {found.verdict}, {found.histories} histories, {found.not_judged} of them not judged"
        good = found.verdict == "PASS"
        terminal.line(visible(line if good else f"{line}: {found.reason}"), red=not good)
        if folder and not good:
            terminal.line(f"exploration: {Path(folder) / EXPLORATION}")

    def _to_continue(self, folder: str) -> str:
        """Return the line on how to resume this run, in which one deployment has its report in `folder`."""
        # With several deployments each has a folder of its own inside.
        whole = folder if len(self.deployments) == 1 else str(Path(folder).parent)
        return visible(f"to continue, add --conformance-resume={whole}")

    def _show_coverage(self, terminal: pytest.TerminalReporter, deployment: Deployment) -> None:
        """Write the number of requirements that were judged, and the reasons why others are not applicable."""
        judged = {result.requirement for result in deployment.results if result.verdict in JUDGED}
        book = registry.load()
        terminal.line(f"judged {len(judged)} of the {len(book.requirements)} requirements of the rule book")
        reasons: dict[str, set[str]] = {}
        for result in deployment.results:
            # Where a requirement was judged in another scenario, it applies to the deployment.
            if result.verdict == "NOT-APPLICABLE" and result.requirement not in judged:
                reasons.setdefault(result.reason, set()).add(result.requirement)
        for reason, requirements in reasons.items():
            terminal.line(f"not applicable: {', '.join(sorted(requirements))}: {reason}")


def _replays(results: list[Result]) -> list[str]:
    """Return notes about the scenarios that were played more than once: one for each race, one for lost reports."""
    races = {result.scenario: result.branches for result in results if result.plays > 1 and result.branches}
    notes = [
        f"{RACE}{name}: "
        + ", ".join(f"{met} in {count}" for met, count in found.items())
        + f" of {sum(found.values())}"
        for name, found in sorted(races.items())
    ]
    # A race may have lost reports, too. Its plays without a branch are those.
    again = sorted({result.scenario for result in results if result.plays > max(1, sum(result.branches.values()))})
    if not again:
        return notes
    more = f" and {len(again) - 1} more" if len(again) > 1 else ""
    return [
        *notes,
        f"played again because a report of the agent did not reach the witness: {again[0]}{more}; "
        "let the agent reach the witness faster, or use fewer --conformance-jobs",
    ]


def table(results: list[Result]) -> list[str]:
    """Return a table with the number of verdicts of each kind, by area and level. All lines have the same width."""
    counts = Counter((r.requirement.partition("-")[0], r.level, r.verdict) for r in results)
    rows = [("", "", *WORDS)]
    for area, name in AREAS.items():
        levels = [level for level in LEVELS if any((area, level, word) in counts for word in WORDS)]
        for level in levels:
            cells = (str(counts[area, level, word] or "-") for word in WORDS)
            rows.append((name if level == levels[0] else "", level, *cells))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def stale_entries(profile: Profile, results: list[Result]) -> list[str]:
    """Return the known failures of the profile that were judged in this run and did not happen.

    A flaky entry is an exception from a wider one that covers the same scenario.
    """
    found = [
        (result, [entry for entry in profile.known if entry.covers(result.requirement, result.scenario)])
        for result in results
        if result.verdict == "PASS"
    ]
    return [
        f"{result.id} is a known failure of the profile, but passes; delete its entry, or add `flaky = true` to it"
        for result, entries in found
        for _ in entries
        if not any(entry.flaky for entry in entries)
    ]
