"""The view of a report from which the template makes `report.html`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from conformance.judge.judging import WORDS, Word
from conformance.judge.play import Play
from conformance.report.causes import plainness
from conformance.report.failure import by_hand, curl, deciding
from conformance.report.html.moments import RecordLine, Rows
from conformance.report.html.templating import environment, packed
from conformance.report.load import Unreadable, inside, read_transcript
from conformance.report.report import RACE, JudgedRequirement, Report, Result, write_whole
from conformance.report.timeline import Timeline, draw
from conformance.requirements.areas import AREAS
from conformance.requirements.registry import LEVELS, Level, known_faults

BROKEN: tuple[Word, ...] = ("FAIL", "ERROR", "INCONCLUSIVE", "WARN")
"""The verdicts that need a reader's attention, the worst first."""

JUDGED = frozenset({"PASS", "FAIL", "WARN"})

# A run of the whole suite records some sixty megabytes. The page stays small enough for a browser because it shows the
# more of a body, the more likely it is read.
FEW, TOO_MANY = {True: 4000, False: 300}, {True: 240, False: 120}
"""The number of characters of a body that are shown in broken and other plays, if few are broken, or many."""

# A server may put megabytes into every answer. The page then has fewer records, and the transcripts have all.
ROOM = 2_100_000
"""The number of bytes of packed records from which on the page contains no further ones."""

SCRIPTED = 30
"""The number of findings with a script that repeats them by hand. A hundred of them would fill half of the page."""

PICTURED = 10
"""The number of findings whose picture is also there for a browser without script, as on the page of a CI server."""

MANY = 50
"""The number of broken plays from which on less of each is shown."""


@dataclass(frozen=True)
class Way:
    """One way in which a requirement is broken, with the verdicts of all scenarios that show it."""

    results: tuple[Result, ...]

    @property
    def first(self) -> Result:
        """The verdict that represents all."""
        return self.results[0]


@dataclass(frozen=True)
class BrokenRequirement:
    """A broken requirement: the ways in which it is broken, the clearest scenario's first, and commands for that.

    `explains` are the broken requirements that follow from it, and `fault` states the known fault that it resembles.
    """

    word: Word
    rule: JudgedRequirement
    ways: tuple[Way, ...]
    about: str
    curl: str | None
    by_hand: str

    explains: tuple[BrokenRequirement, ...] = ()
    fault: str | None = None

    @property
    def first(self) -> Result:
        """The verdict that is shown in full."""
        return self.ways[0].first

    @property
    def count(self) -> int:
        """The number of scenarios."""
        return sum(len(way.results) for way in self.ways)


@dataclass(frozen=True)
class RequirementVerdicts:
    """A requirement with its verdicts: the broken ones, and the others."""

    rule: JudgedRequirement
    broken: tuple[Result, ...]
    others: tuple[Result, ...]

    @property
    def ways(self) -> list[Way]:
        """The broken verdicts by their reasons, the most frequent first."""
        return _ways(lambda result: (result.verdict, _alike(result.reason), result.known), self.broken)

    @property
    def words(self) -> tuple[str, ...]:
        """The verdicts that were given, the worst first."""
        given = {result.verdict for result in (*self.broken, *self.others)}
        return tuple(word for word in (*BROKEN, "PASS", "NOT-APPLICABLE") if word in given)


@dataclass(frozen=True)
class Scene:
    """A scenario as it was played. `problem` is the reason why there is no record to show."""

    number: int
    id: str
    about: str
    results: tuple[Result, ...]
    broken: tuple[Result, ...]
    timeline: Timeline | None
    rows: tuple[RecordLine, ...]
    problem: str | None
    path: str
    linked: tuple[int, ...]
    """The moments to which findings link."""
    pictured: bool
    """True where the picture is also shown without script."""

    @property
    def words(self) -> tuple[str, ...]:
        """The verdicts that were given, the worst first."""
        given = {result.verdict for result in self.results}
        return tuple(word for word in (*BROKEN, "PASS", "NOT-APPLICABLE") if word in given)


class Page:
    """The data of the template. The scenes are made one by one while the page is written.

    So only one transcript is in memory at a time.
    """

    def __init__(self, report: Report, folder: Path) -> None:
        self.report = report
        self._folder = folder
        self.races = [note for note in report.notes if note.startswith(RACE)]
        self.notes = [note for note in report.notes if note not in self.races]
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
        self._limits = FEW if len(scenarios) < MANY else TOO_MANY
        self._packed = 0
        self._linked: dict[int, dict[int, None]] = defaultdict(dict)
        self._pictured: dict[int, None] = {}
        known = {rule.id: rule for rule in report.rules}
        self.rules = [*report.rules, *(_unknown(found[0]) for key, found in by_rule.items() if key not in known)]

    # -- the head ----------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """The name that the user gave the deployment, or else that of its server."""
        return self.report.target.name or self.server

    @property
    def server(self) -> str:
        """The name and version that the deployment reported."""
        target = self.report.target
        return " ".join(part for part in (target.server, target.version) if part) or "unnamed server"

    @property
    def judged(self) -> int:
        """The number of requirements of the rule book that were judged."""
        return sum(any(r.verdict in JUDGED for r in self._by_rule.get(rule.id, ())) for rule in self.rules)

    @property
    def broken_musts(self) -> int:
        """The number of broken MUST requirements, declared by the profile or not."""
        return sum(
            rule.level == "MUST" and any(r.verdict == "FAIL" for r in self._by_rule.get(rule.id, ()))
            for rule in self.rules
        )

    @property
    def partly_judged(self) -> bool:
        """True if the run was not made to its end, or a verdict on a MUST was not reached and is not declared."""
        ended = self.report.problem is not None or self.report.incomplete is not None
        return ended or any(
            rule.level == "MUST"
            and any(r.verdict in ("INCONCLUSIVE", "ERROR") and r.known is None for r in self._by_rule.get(rule.id, ()))
            for rule in self.rules
        )

    @property
    def areas(self) -> Iterator[tuple[str, str, list[tuple[Level, dict[Word, int]]]]]:
        """The letters, the name, and the verdicts by level, of every area with a verdict."""
        for letters in dict.fromkeys([*AREAS, *(rule.area for rule in self.rules)]):
            lines = []
            for level in LEVELS:
                found = [r for r in self.report.results if r.level == level and r.requirement.startswith(f"{letters}-")]
                if found:
                    lines.append((level, {word: sum(r.verdict == word for r in found) for word in WORDS}))
            if lines:
                yield letters, self.area_name(letters), lines

    def area_name(self, letters: str) -> str:
        """Return the name of the area with these letters."""
        return AREAS.get(letters, letters)

    # -- broken requirements -----------------------------------------------------------------------------

    def findings(self, *, known: bool) -> list[BrokenRequirement]:
        """Return the broken requirements, the worst first: those that the profile declares, or all others."""
        found = []
        for word in BROKEN:
            for rule in self.rules:
                # A verdict without a transcript is not a finding: its deployment could not be judged.
                mine = [
                    result
                    for result in self._by_rule.get(rule.id, ())
                    if result.verdict == word and (result.known is not None) == known and result.transcript
                ]
                if mine:
                    # The terminal shows the same scenario.
                    mine.sort(key=lambda result: plainness(result.scenario))
                    ways = _ways(lambda result: _alike(f"{result.expected or result.reason} {result.observed}"), mine)
                    ways.sort(key=lambda way: way.first is not mine[0])
                    found.append(self._finding(word, rule, tuple(ways)))
        return found

    def causes(self) -> list[BrokenRequirement]:
        """Return the findings that no profile declares, by cause, the worst first. Other verdicts follow."""
        by_rule = {(finding.word, finding.rule.id): finding for finding in self.findings(known=False)}
        found = []
        for cause in self.report.causes:
            keys = [(word, one) for one in (cause.requirement, *cause.explains) for word in BROKEN]
            mine = [by_rule.pop(key) for key in keys if key in by_rule]
            # A report of another version may name a fault that is not known here.
            known = known_faults().get(cause.fault or "")
            if mine:
                # One script that repeats the cause is enough.
                follows = tuple(replace(one, by_hand="") for one in mine[1:])
                found.append(replace(mine[0], explains=follows, fault=known.means if known else None))
        every = [*found, *by_rule.values()]
        return [*every[:SCRIPTED], *(replace(one, by_hand="") for one in every[SCRIPTED:])]

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
        """Every requirement of the rule book, with its verdicts."""
        for rule in self.rules:
            mine = self._by_rule.get(rule.id, [])
            yield RequirementVerdicts(
                rule, tuple(r for r in mine if _is_broken(r)), tuple(r for r in mine if not _is_broken(r))
            )

    # -- the scenarios -----------------------------------------------------------------------------------

    def number(self, scenario: str) -> int:
        """Return the scenario's number on this page, which is part of its anchors."""
        return self._numbers[scenario]

    def anchor(self, result: Result) -> str:
        """Return the anchor of the moment that decided the verdict, or else of the scenario."""
        scene = f"s{self.number(result.scenario)}"
        return f"{scene}-m{result.see[0]}" if result.see else scene

    def link(self, result: Result, pictured: bool) -> str:
        """Return the anchor of the result, and have its moment, and its picture if `pictured`, also without script."""
        number = self.number(result.scenario)
        if result.see:
            self._linked[number][result.see[0]] = None
        if pictured and len(self._pictured) < PICTURED:
            self._pictured[number] = None
        return self.anchor(result)

    def pack(self, html: Markup) -> Markup:
        """Return HTML as the packed text of a `template` element, and count its size."""
        made = packed(html)
        self._packed += len(made)
        return made

    @property
    def scenes(self) -> Iterator[Scene]:
        """Every scenario, with its timeline and its record."""
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
            if self._packed < ROOM:
                seen = {seq: tuple(names) for seq, names in cited.items()}
                rows = tuple(Rows(play, seen, self._limits[bool(broken)]).rows())
        except Unreadable as reason:
            problem = str(reason)
        linked, pictured = tuple(self._linked.get(number, ())), number in self._pictured
        return Scene(
            number, scenario, about, tuple(results), broken, timeline, rows, problem, path or "", linked, pictured
        )

    def _play(self, path: str | None) -> Play:
        """Return the record of a scenario. Raise Unreadable."""
        if path is None:
            raise Unreadable("the scenario was not played")
        return Play(read_transcript(inside(self._folder, path)))


_OF_ONE_PLAY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|\b\d+(\.\d+)?(?= m?s\b)")


def _alike(text: str) -> str:
    """Return a text without the ids and durations of one play, so that failures of the same kind are equal."""
    return _OF_ONE_PLAY.sub("…", text)


def _ways(key: Callable[[Result], Hashable], results: Iterable[Result]) -> list[Way]:
    """Return results by a key, the most frequent first."""
    ways: dict[Hashable, list[Result]] = defaultdict(list)
    for result in results:
        ways[key(result)].append(result)
    return [Way(tuple(found)) for found in sorted(ways.values(), key=len, reverse=True)]


def _is_broken(result: Result) -> bool:
    return result.verdict in BROKEN


def _unknown(result: Result) -> JudgedRequirement:
    """Return a requirement of which the report has only the id. Older reports contain no rule book."""
    return JudgedRequirement(
        id=result.requirement, level=result.level, sentence="(not in this report)", sources=(), shown_by=()
    )


def render_page(report: Report, folder: Path) -> Iterator[str]:
    """Return the page in pieces. `folder` contains the report's transcripts."""
    return environment().get_template("report.html").generate(page=Page(report, folder))


def write_page(folder: Path, report: Report) -> Path:
    """Write `report.html` under `folder` and return its path. Raise OSError."""
    return write_whole(folder / "report.html", "".join(render_page(report, folder)).encode())
