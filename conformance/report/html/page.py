"""What `report.html` says: the view of a report that the template writes down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.judge.judging import WORDS, Word
from conformance.judge.play import Play
from conformance.report.failure import by_hand, curl, deciding
from conformance.report.html.moments import RecordLine, Rows
from conformance.report.html.templating import environment
from conformance.report.load import Unreadable, inside, read_transcript
from conformance.report.report import JudgedRequirement, Report, Result
from conformance.report.timeline import Timeline, draw
from conformance.requirements.areas import AREAS
from conformance.requirements.registry import LEVELS, Level

BROKEN: tuple[Word, ...] = ("FAIL", "ERROR", "INCONCLUSIVE", "WARN")
"""Verdicts that a reader has to look at, the worst first."""

JUDGED = frozenset({"PASS", "FAIL", "WARN"})

CLEAN, BROKEN_MANY, BROKEN_FEW = 600, 1200, 4000
"""Characters of a body that are shown, in plays with and without something to look at; the transcript has all."""

MANY = 50
"""Plays with something to look at, from which on less of each is shown."""


@dataclass(frozen=True)
class Way:
    """One way in which a requirement is not kept, and where."""

    results: tuple[Result, ...]

    @property
    def first(self) -> Result:
        """The one that stands for all."""
        return self.results[0]


@dataclass(frozen=True)
class BrokenRequirement:
    """A requirement that is not kept: the ways, the most frequent first, and how to see the first one by hand."""

    word: Word
    rule: JudgedRequirement
    ways: tuple[Way, ...]
    about: str
    curl: str | None
    by_hand: str

    @property
    def first(self) -> Result:
        """The verdict that is told in full."""
        return self.ways[0].first

    @property
    def count(self) -> int:
        """In how many scenarios."""
        return sum(len(way.results) for way in self.ways)


@dataclass(frozen=True)
class RequirementVerdicts:
    """A requirement with its verdicts: those to look at, and the others by scenario."""

    rule: JudgedRequirement
    broken: tuple[Result, ...]
    others: tuple[Result, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The verdicts that were given, the worst first."""
        given = {result.verdict for result in (*self.broken, *self.others)}
        return tuple(word for word in (*BROKEN, "PASS", "NOT-APPLICABLE") if word in given)


@dataclass(frozen=True)
class Scene:
    """A scenario as it was played. `problem` says why there is no record to show."""

    number: int
    id: str
    about: str
    results: tuple[Result, ...]
    broken: tuple[Result, ...]
    timeline: Timeline | None
    rows: tuple[RecordLine, ...]
    problem: str | None

    @property
    def words(self) -> tuple[str, ...]:
        """The verdicts that were given, the worst first."""
        given = {result.verdict for result in self.results}
        return tuple(word for word in (*BROKEN, "PASS", "NOT-APPLICABLE") if word in given)


class Page:
    """Everything the template asks for; the scenes are made one by one, while the page is written."""

    def __init__(self, report: Report, folder: Path) -> None:
        self.report = report
        self._folder = folder
        self.words = WORDS
        self.levels = LEVELS
        by_scenario: dict[str, list[Result]] = defaultdict(list)
        by_rule: dict[str, list[Result]] = defaultdict(list)
        for result in report.results:
            by_scenario[result.scenario].append(result)
            by_rule[result.requirement].append(result)
        self._by_scenario, self._by_rule = dict(sorted(by_scenario.items())), by_rule
        self._numbers = {scenario: number for number, scenario in enumerate(self._by_scenario, 1)}
        scenarios = {result.scenario for result in report.results if _is_broken(result)}
        self._broken_limit = BROKEN_FEW if len(scenarios) < MANY else BROKEN_MANY
        known = {rule.id: rule for rule in report.rules}
        self.rules = [*report.rules, *(_unknown(found[0]) for key, found in by_rule.items() if key not in known)]

    # -- the head ----------------------------------------------------------------------------------------

    @property
    def server(self) -> str:
        """Name and version as the deployment told them."""
        target = self.report.target
        return " ".join(part for part in (target.server, target.version) if part) or "a server that tells no name"

    @property
    def judged(self) -> int:
        """How many requirements of the book were judged."""
        return sum(any(r.verdict in JUDGED for r in self._by_rule.get(rule.id, ())) for rule in self.rules)

    @property
    def broken_musts(self) -> int:
        """How many MUST requirements are broken, whether the profile declares it or not."""
        return sum(
            rule.level == "MUST" and any(r.verdict == "FAIL" for r in self._by_rule.get(rule.id, ()))
            for rule in self.rules
        )

    @property
    def areas(self) -> Iterator[tuple[str, str, list[tuple[Level, dict[Word, int]]]]]:
        """Letters, name, and the verdicts by level, of every area with a verdict."""
        for letters in dict.fromkeys([*AREAS, *(rule.area for rule in self.rules)]):
            lines = []
            for level in LEVELS:
                found = [r for r in self.report.results if r.level == level and r.requirement.startswith(f"{letters}-")]
                if found:
                    lines.append((level, {word: sum(r.verdict == word for r in found) for word in WORDS}))
            if lines:
                yield letters, self.area_name(letters), lines

    def area_name(self, letters: str) -> str:
        """What the letters of an id stand for."""
        return AREAS.get(letters, letters)

    # -- what is wrong -----------------------------------------------------------------------------------

    def findings(self, *, known: bool) -> list[BrokenRequirement]:
        """What to look at, the worst first: declared by the profile, or not."""
        found = []
        for word in BROKEN:
            for rule in self.rules:
                ways: dict[tuple[str, str], list[Result]] = defaultdict(list)
                for result in self._by_rule.get(rule.id, ()):
                    if result.verdict == word and (result.known is not None) == known and result.transcript:
                        ways[(result.expected or result.reason, result.observed)].append(result)
                if ways:
                    frequent = sorted(ways.values(), key=len, reverse=True)
                    found.append(self._finding(word, rule, tuple(Way(tuple(results)) for results in frequent)))
        return found

    def _finding(self, word: Word, rule: JudgedRequirement, ways: tuple[Way, ...]) -> BrokenRequirement:
        first = ways[0].first
        try:
            play = self._play(first.transcript)
        except Unreadable:
            return BrokenRequirement(word, rule, ways, "", None, "")
        exchange = deciding(play, first.see)
        command = curl(exchange, play.transcript.target.url) if exchange else None
        return BrokenRequirement(word, rule, ways, play.scenario.about, command, by_hand(play))

    @property
    def entries(self) -> Iterator[RequirementVerdicts]:
        """Every requirement of the book."""
        for rule in self.rules:
            mine = self._by_rule.get(rule.id, [])
            yield RequirementVerdicts(
                rule, tuple(r for r in mine if _is_broken(r)), tuple(r for r in mine if not _is_broken(r))
            )

    # -- the scenarios -----------------------------------------------------------------------------------

    def number(self, scenario: str) -> int:
        """The scenario's number on this page, part of its anchors."""
        return self._numbers[scenario]

    def anchor(self, result: Result) -> str:
        """Where the verdict's deciding moment stands; the scenario, where there is none."""
        scene = f"s{self.number(result.scenario)}"
        return f"{scene}-m{result.see[0]}" if result.see else scene

    @property
    def scenes(self) -> Iterator[Scene]:
        """Every scenario, with its picture and its record."""
        for scenario, results in self._by_scenario.items():
            yield self._scene(scenario, results)

    def _scene(self, scenario: str, results: list[Result]) -> Scene:
        broken = tuple(result for result in results if _is_broken(result))
        cited: dict[int, list[str]] = defaultdict(list)
        for result in broken:
            for seq in result.see:
                cited[seq].append(result.requirement)
        number, path = self.number(scenario), next((r.transcript for r in results if r.transcript), None)
        about, timeline, problem = "", None, None
        rows: tuple[RecordLine, ...] = ()
        try:
            play = self._play(path)
            about = play.scenario.about
            timeline = draw(play, {seq: ", ".join(names) for seq, names in cited.items()})
            limit = self._broken_limit if broken else CLEAN
            rows = tuple(Rows(play, {seq: tuple(names) for seq, names in cited.items()}, limit).rows())
        except Unreadable as reason:
            problem = str(reason)
        return Scene(number, scenario, about, tuple(results), broken, timeline, rows, problem)

    def _play(self, path: str | None) -> Play:
        """The record of a scenario; raises Unreadable."""
        if path is None:
            raise Unreadable("it was not played")
        return Play(read_transcript(inside(self._folder, path)))


def _is_broken(result: Result) -> bool:
    return result.verdict in BROKEN


def _unknown(result: Result) -> JudgedRequirement:
    """A requirement of which the report tells nothing but the id, as older ones do."""
    return JudgedRequirement(
        id=result.requirement, level=result.level, sentence="(the report does not say)", sources=(), shown_by=()
    )


def render_page(report: Report, folder: Path) -> Iterator[str]:
    """The page in pieces; `folder` is where the report's transcripts lie."""
    return environment().get_template("report.html").generate(page=Page(report, folder))


def write_page(folder: Path, report: Report) -> Path:
    """Write `report.html` under `folder` and return its path; raises OSError."""
    path = folder / "report.html"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(render_page(report, folder))
    return path
