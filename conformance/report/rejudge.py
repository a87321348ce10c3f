"""Judging again: the verdicts on kept transcripts, offline, by the present rule book or an older one.

A rule book is data, and every report carries the one by which it was judged. The checks are those of this version. A
rule of another book for which this version has no check is INCONCLUSIVE.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from conformance.judge import profiles
from conformance.judge.check import check_of
from conformance.judge.judging import Verdict, Word, judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED, Profile, ProfileError
from conformance.report.causes import grouped
from conformance.report.html import write_page
from conformance.report.load import Unreadable, inside, read_report, read_transcript
from conformance.report.report import (
    TRANSCRIPTS,
    JudgedRequirement,
    Report,
    Result,
    rules_of,
    summarise,
    write_report,
    write_transcript,
)
from conformance.report.summary import stale_entries
from conformance.requirements import registry
from conformance.requirements.registry import Requirement
from conformance.transcript.text import one_line
from conformance.transcript.transcript import SuiteInfo, Transcript

# NOT-APPLICABLE comes before PASS: a requirement that is no longer judged is news, one that holds is not.
WORSE_FIRST: tuple[Word, ...] = ("FAIL", "ERROR", "INCONCLUSIVE", "WARN", "NOT-APPLICABLE", "PASS")

ENDED = "it was made from the transcripts of a run that left no report, so scenarios may be missing"
"""The reason why a report is incomplete that is made from what a killed run left."""


@dataclass(frozen=True)
class Change:
    """A verdict that changed. `before` is None for a new one, and `after` for one that is no longer given."""

    id: str
    before: Result | None
    after: Result | None

    @property
    def line(self) -> str:
        """The change in one line."""
        was, now = (result.verdict if result else "not judged" for result in (self.before, self.after))
        why = self.after.reason if self.after else "this rule book does not judge it"
        return f"{self.id}: {was} -> {now}" + (f": {why}" if why else "")


def read_transcripts(folder: Path) -> Iterator[tuple[str, Transcript]]:
    """Yield every transcript below a report's folder with its relative path. Raise Unreadable if there is none."""
    found = sorted((folder / TRANSCRIPTS).rglob("*.json"))
    if not found:
        raise Unreadable(f"{folder}: no transcripts in this folder; give the folder of --conformance-report")
    for path in found:
        yield path.relative_to(folder).as_posix(), read_transcript(path)


def result_of(rule: JudgedRequirement, play: Play, profile: Profile, path: str | None) -> Result:
    """Return the verdict of one rule on one play, as an entry of a report."""
    requirement = msgspec.convert(rule, Requirement, from_attributes=True)
    try:
        check_of(rule.id)
    except KeyError:
        verdict = Verdict(word="INCONCLUSIVE", reason="this version of doubletext has no check for this requirement")
    else:
        verdict = judge(requirement, play, profile)
    return Result(
        requirement=rule.id,
        level=rule.level,
        scenario=play.scenario.id,
        verdict=verdict.word,
        reason=verdict.reason,
        transcript=path,
        known=verdict.known,
        freedom=verdict.freedom,
        expected=verdict.expected,
        observed=verdict.observed,
        see=verdict.see,
        plays=verdict.plays,
        branches=verdict.branches,
    )


def judge_again(
    transcripts: Iterable[tuple[str, Transcript]],
    rules: Sequence[JudgedRequirement],
    suite: SuiteInfo,
    profile: Profile,
) -> Report:
    """Return the report on these transcripts by these rules. Raise Unreadable when there are none.

    Its `finished_at` is the time at which the last of them was played, not the present time.
    """
    # With the present time the report would look like a new run of the deployment, which may have changed since.
    results, target, newest = [], None, ""
    for path, transcript in transcripts:
        play, target = Play(transcript), transcript.target
        newest = max(newest, transcript.started_at)
        results += [result_of(rule, play, profile, path) for rule in rules if _applies(rule, play.scenario.id)]
    if target is None:
        raise Unreadable("no transcripts to judge")
    results.sort(key=lambda result: result.id)
    return Report(
        suite=suite,
        target=target,
        summary=summarise(results),
        results=results,
        causes=[group.cause for group in grouped(results)],
        stale=stale_entries(profile, results),
        rules=list(rules),
        finished_at=newest,
    )


def changes(before: Sequence[Result], after: Sequence[Result]) -> list[Change]:
    """Return the verdicts that differ, the worst new ones first and those no longer given last."""
    old, new = ({result.id: result for result in results} for results in (before, after))
    found = [
        Change(key, old.get(key), new.get(key))
        for key in {**old, **new}
        if (old[key].verdict if key in old else None) != (new[key].verdict if key in new else None)
    ]
    return sorted(found, key=lambda change: (WORSE_FIRST.index(change.after.verdict) if change.after else 9, change.id))


def command(folder: Path, book: str, profile: str | None, out: Path | None) -> int:
    """Judge a report's folder again and print the changes. Raise Unreadable and ProfileError.

    Return 1 when there is a FAIL, ERROR or INCONCLUSIVE that the profile does not declare, and else 0.
    """
    before = read_report(folder) if (folder / "report.json").exists() else None
    rules, revision = _rule_book(book, before, folder)
    declared = _profile(profile, before)
    after = judge_again(read_transcripts(folder), rules, SuiteInfo.here(revision), declared)
    # The transcripts name the profile of the run in which they were recorded.
    if declared is not NOTHING_DECLARED:
        after = replace(after, target=replace(after.target, profile=declared.name))
    # The transcripts do not show which scenarios are missing.
    after = replace(after, incomplete=(before.incomplete or before.problem) if before else ENDED)
    if out is not None:
        _write(out, after, folder)
    write = sys.stdout.write
    scenarios = len({result.scenario for result in after.results})
    write(f"{scenarios} scenarios of {one_line(after.target.url)} judged by rule book {one_line(revision)}\n")
    write(", ".join(f"{count} {word}" for word, count in after.summary.items() if count) + "\n")
    if before is None:
        write(f"{folder} has no report.json to compare with, so no changes are listed\n")
        write("A run that was killed leaves none. Scenarios that it did not play are missing here\n")
    else:
        found = changes(before.results, after.results)
        since = f"since they were judged by rule book {one_line(before.suite.revision)}"
        write(f"{len(found)} verdicts changed {since}:\n" if found else f"no verdict changed {since}\n")
        for change in found:
            write(f"  {change.line}\n")
    if out is not None:
        write(f"report: {out / 'report.html'}\n")
    return int(any(r.verdict in ("FAIL", "ERROR", "INCONCLUSIVE") and r.known is None for r in after.results))


def _rule_book(which: str, before: Report | None, folder: Path) -> tuple[Sequence[JudgedRequirement], str]:
    """Return the rules to judge by, and their revision. Raise Unreadable."""
    if which == "present":
        return rules_of(registry.load()), registry.load().revision
    source = read_report(Path(which)) if which != "kept" else before
    if source is None or not source.rules:
        where = folder / "report.json" if which == "kept" else which
        raise Unreadable(f"{where}: contains no rule book; use --rule-book=present, or the path of a newer report")
    return source.rules, source.suite.revision


def _profile(name: str | None, before: Report | None) -> Profile:
    """Return the given profile, or else the shipped profile that the report names. Raise ProfileError."""
    named = name or (before.target.profile if before else None)
    if named is None:
        return NOTHING_DECLARED
    try:
        return profiles.load(named)
    except ProfileError as error:
        if name is not None:
            raise
        # A report has only the name of its profile. A vendor's own file has to be given again.
        raise ProfileError(f"give the report's profile with --deployment-profile=PATH: {error}") from error


def _write(out: Path, report: Report, transcripts: Path) -> None:
    """Write the new report with copies of its transcripts, so that the folder is complete."""
    for result in {r.transcript: r for r in report.results if r.transcript}.values():
        write_transcript(out, read_transcript(inside(transcripts, str(result.transcript))))
    write_report(out, report)
    write_page(out, report)


def _applies(rule: JudgedRequirement, scenario: str) -> bool:
    return msgspec.convert(rule, Requirement, from_attributes=True).applies_to(scenario)
