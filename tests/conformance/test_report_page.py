"""`report.html`: complete, self-contained, escaped, and every link in it leads somewhere."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from conformance.judge.judging import Word
from conformance.judge.profiles import Known, Profile
from conformance.report.html import render_page
from conformance.report.load import read_report
from conformance.report.report import RACE, Report, Result, rules_of, write_transcript
from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.moves import Submit
from conformance.transcript.text import visible
from conformance.transcript.transcript import SuiteInfo, TargetInfo, Transcript
from tests.conformance.plays import SUITE, edited, play_named, run_status
from tests.conformance.reports import AS_ERROR, NAMES, TOOLS, broken, write_folder

HOSTILE = "</script></noscript></style><img src=x onerror=alert(1)>\"'`{{7*191}}&amp;\x00\x1b[2J\u202e\u2028"


@pytest.fixture(scope="module")
def plays() -> dict[str, Transcript]:
    return play_named(*NAMES)


class Elements(HTMLParser):
    """The elements of a page. Those in `noscript` are included, as in a browser without scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.contents: dict[str, list[str]] = {}
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        self.contents.setdefault(self._inside, []).append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.found if attribute in attributes]


def opened(page: str) -> str:
    """Return a page with everything unpacked, as it is when a reader has opened all entries."""
    # What is in `noscript` is text for a browser with scripts.
    text = re.sub(r"<noscript>.*?</noscript>", "", page, flags=re.DOTALL)
    packed = r'<template class="packed">(.*?)</template>'
    return re.sub(packed, lambda found: zlib.decompress(base64.b64decode(found[1])).decode(), text)


def page_of(report: Report, folder: Path) -> str:
    return opened("".join(render_page(report, folder)))


def read(folder: Path) -> str:
    return opened((folder / "report.html").read_text("utf-8"))


@pytest.fixture
def folder(tmp_path: Path, plays: dict[str, Transcript]) -> Path:
    """A report of a server that starts run B too early, and of a play in which it does right."""
    write_folder(tmp_path, [broken(plays), plays["reject/during-tools/create/unwatched"]])
    return tmp_path


def test_a_failure_can_be_understood_from_the_page_alone(folder: Path) -> None:
    page = read(folder)
    findings = re.findall(r'<article class="finding.*?</article>', page, re.DOTALL)
    [finding] = [one for one in findings if 'class="id">RUN-05<' in one]
    for part in (
        "At most one run per thread executes at any instant",
        "no step of run B while run A was executing",
        "run B entered its first step",
        f">{TOOLS.replace('/', '/<wbr>')}</a>: ",
        "pytest --pyargs conformance --deployment-url=http://127.0.0.1:",
    ):
        assert part in finding
    assert "tools:1 of run A and agent:1" in page
    assert "2 MUST requirements are broken." in page


def test_every_link_leads_somewhere_and_every_id_is_there_once(folder: Path) -> None:
    elements = Elements(read(folder))
    ids = elements.values("id")
    assert len(ids) == len(set(ids))
    links = [link[1:] for link in elements.values("href") if link.startswith("#")]
    assert len(links) > 50
    assert set(links) <= set(ids)


def test_a_failure_leads_to_the_moment_that_shows_it(folder: Path) -> None:
    page = read(folder)
    finding = page[page.index("INT-07</span>") :]
    link = re.search(r'href="#(s\d+-m\d+)"', finding)
    assert link is not None
    row = page[page.index(f'id="{link[1]}"') :].partition("</li>")[0]
    assert "run A enters tools:1" in row
    assert "INT-07" in row


def test_nothing_is_loaded_and_only_our_style_and_script_may_act(folder: Path) -> None:
    elements = Elements(read(folder))
    [policy] = [a["content"] for _, a in elements.found if a.get("http-equiv") == "Content-Security-Policy"]
    hashes = {
        kind: base64.b64encode(hashlib.sha256("".join(elements.contents[kind]).encode()).digest()).decode()
        for kind in ("style", "script")
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not {"img", "link", "iframe", "object", "embed", "base", "foreignobject"} & {
        tag for tag, _ in elements.found
    }
    for _, attributes in elements.found:
        assert not {"src", "style", "action", "ping", "srcdoc"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]


def strings_replaced(value: Any, keep: frozenset[str]) -> Any:
    """Replace every string of a JSON value by a hostile one, except those to keep."""
    match value:
        case str():
            return value if value in keep else HOSTILE
        case list():
            return [strings_replaced(item, keep) for item in value]
        case dict():
            return {key: strings_replaced(item, keep) for key, item in value.items()}
        case _:
            return value


def hostile(transcript: Transcript) -> Transcript:
    """Return a play in which every field from the deployment is hostile. The fields of the suite stay."""

    def spoil(raw: dict[str, Any]) -> None:
        raw["target"] = {"url": HOSTILE, "server": HOSTILE, "version": HOSTILE, "profile": HOSTILE}
        raw["started_at"] = HOSTILE
        for moment in raw["moments"]:
            kept = {"kind", "purpose", "about"} | ({"event", "step", "label"} if moment["kind"] == "witness" else set())
            for key in moment.keys() - kept:
                moment[key] = strings_replaced(moment[key], frozenset())
            if "headers" in moment:
                moment["headers"][HOSTILE] = HOSTILE

    return edited(transcript, spoil)


def test_hostile_values_in_every_field_are_only_text(tmp_path: Path, plays: dict[str, Transcript]) -> None:
    spoilt = hostile(plays["interrupt/during-tools/stream/unwatched"])
    spoilt = replace(spoilt, scenario=replace(spoilt.scenario, about=HOSTILE))
    path = write_transcript(tmp_path, spoilt).relative_to(tmp_path).as_posix()
    common = {"level": "MUST", "reason": HOSTILE, "expected": HOSTILE, "observed": HOSTILE, "see": (0, 7)}
    first = {"requirement": "INT-02", "scenario": spoilt.scenario.id, "verdict": "FAIL", "transcript": path}
    second = {**first, "requirement": "INT-03", "verdict": "WARN", "known": HOSTILE}
    third = {"requirement": HOSTILE, "scenario": HOSTILE, "verdict": "ERROR", "transcript": HOSTILE}
    results = [msgspec.convert({**common, **one}, Result) for one in (first, second, third)]
    report = Report(
        suite=SuiteInfo(HOSTILE, HOSTILE, HOSTILE),
        target=TargetInfo(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        summary={"FAIL": 1},
        results=results,
        stale=[HOSTILE],
        problem=HOSTILE,
        finished_at=HOSTILE,
        rules=[
            replace(rule, sentence=HOSTILE, sources=(HOSTILE, "javascript:alert(1)"))
            for rule in rules_of(registry.load())
        ],
    )
    page = page_of(report, tmp_path)
    elements = Elements(page)
    assert {tag for tag, _ in elements.found} <= OURS
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
    assert page.count("<script>") == page.count("</script>") == 1
    assert not [link for link in elements.values("href") if link.startswith("javascript")]
    # Control characters can hide text in a terminal or an editor, and U+202E reverses the text behind it.
    assert not set("\x00\x1b\u202e\u2028") & set(page)
    # 7 * 191: the template engine must not evaluate `{{7*191}}` in a value.
    assert "1337" not in page


OURS = set(
    re.findall(
        r"\w+",
        "html head meta title style body a header main section nav footer form label input fieldset legend script "
        "p h1 h2 h3 h4 dl div dt dd ul ol li b em code pre span time details summary article noscript "
        "table thead tbody tr th td svg g rect text line path circle figure figcaption template wbr i",
    )
)
"""The elements of the templates."""


def test_control_characters_and_those_that_reorder_text_are_shown_as_escapes() -> None:
    assert visible("a\x00b\u202ec\n\td\u2028é漢😀") == "a\\u0000b\\u202ec\n\td\\u2028é漢😀"


def test_a_page_without_room_leads_to_the_transcripts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = read_report(folder)
    monkeypatch.setattr("conformance.report.html.page.ROOM", 0)
    page = page_of(report, folder)
    assert page.count("It is left out here, to keep this page small.") == 2
    links = [link for link in Elements(page).values("href") if link.startswith("transcripts/")]
    assert len(links) == 2
    assert all((folder / link).is_file() for link in links)


def test_variants_of_a_finding_are_folded(folder: Path) -> None:
    report = read_report(folder)
    results = [
        replace(result, observed=f"{what} for {number} ms", verdict="FAIL", expected="one thing")
        for what in ("nothing", "another")
        for number, result in enumerate(report.results)
        if result.requirement == "RUN-05"
    ]
    assert len(results) == 4
    page = page_of(replace(report, results=results), folder)
    # The number of milliseconds makes no variant.
    assert "1 more variant of it" in page
    assert "1 more scenario</a>" in page
    assert page.count('<article class="finding') == 1


def test_the_name_that_the_user_gave_is_the_title(folder: Path) -> None:
    report = read_report(folder)
    page = page_of(replace(report, target=replace(report.target, name="our staging")), folder)
    assert "<h1>our staging</h1>" in page
    assert "doubletext-mockserver" in page


def test_every_run_of_a_scenario_is_explained() -> None:
    page = page_of(Report(suite=SUITE, target=TargetInfo("http://x"), summary={}, results=[]), Path())
    [text] = re.findall(r"Names of runs and messages: (.*?)</p>", page)
    named = set(re.findall(r"\b[A-Z][0-9]*\b", text)) | {f"R{number}" for number in range(1, 11)}
    assert {move.label for scenario in catalogue() for move in scenario.moves if isinstance(move, Submit)} <= named


def test_races_are_folded_and_other_notes_are_not(folder: Path) -> None:
    races = [f"{RACE}cancel/at-once: A cancelled in 5 of 5", f"{RACE}cancel/finishing: A success in 5 of 5"]
    page = page_of(replace(read_report(folder), notes=["The agent reports nothing.", *races]), folder)
    assert re.findall('class="verdict note">(.*?)</p>', page) == ["The agent reports nothing."]
    _, _, after = page.partition("<summary>2 races were played several times</summary>")
    assert re.findall("<li>(race .*?)</li>", after.partition("</details>")[0]) == races


def test_known_failures_are_listed_separately(tmp_path: Path, plays: dict[str, Transcript]) -> None:
    known = Known(requirements=("INT-02",), scenario="*", reason="it always was", evidence="https://example.org/1")
    report = write_folder(
        tmp_path, [edited(plays[TOOLS], AS_ERROR)], Profile(name="theirs", known=(known,), versions="")
    )
    page = read(tmp_path)
    undeclared, _, declared = page.partition('<details class="declared">')
    assert "Known: it always was" in declared
    assert "<h3>" in declared
    assert "INT-02</span>" not in undeclared[undeclared.index('id="wrong"') :]
    assert [r.known for r in report.results if r.requirement == "INT-02"] == ["it always was"]


@pytest.mark.parametrize(
    ("word", "incomplete", "good"),
    [("PASS", None, True), ("PASS", "terminated by SIGTERM", False), ("INCONCLUSIVE", None, False)],
)
def test_a_page_is_green_only_if_everything_was_judged(
    tmp_path: Path, word: Word, incomplete: str | None, good: bool
) -> None:
    held = Result(requirement="INT-01", level="MUST", scenario=TOOLS, verdict="PASS", reason="")
    results = [held, replace(held, requirement="INT-02", verdict=word)]
    report = Report(
        suite=SUITE,
        target=TargetInfo("http://127.0.0.1:1"),
        summary={},
        results=results,
        rules=rules_of(registry.load()),
        incomplete=incomplete,
    )
    page = page_of(report, tmp_path)
    assert ("No MUST requirement is broken." in page) is good
    assert ("No MUST requirement was seen broken, but not everything was judged." in page) is not good


def test_ten_stale_entries_are_shown_and_the_others_are_folded(tmp_path: Path) -> None:
    stale = [f"INT-{number:02} passes" for number in range(12)]
    report = Report(suite=SUITE, target=TargetInfo("http://127.0.0.1:1"), summary={}, results=[], stale=stale)
    page = page_of(report, tmp_path)
    assert page.count("Stale: ") == 10
    assert "2 more stale" in page
    assert "INT-11 passes" in page


@pytest.mark.parametrize("problem", [None, "POST /threads: no connection"])
def test_a_report_of_nothing_says_that_nothing_was_judged(tmp_path: Path, problem: str | None) -> None:
    report = Report(suite=SUITE, target=TargetInfo("http://127.0.0.1:1"), summary={}, results=[], problem=problem)
    page = page_of(report, tmp_path)
    assert "Nothing was judged." in page
    assert "No MUST requirement is broken" not in page
    assert (problem is None) == ("could not be judged" not in page)


@pytest.mark.parametrize("path", [None, "transcripts/gone.json", "../secret.json", "/etc/hostname"])
def test_a_record_that_is_not_there_is_said_to_be_missing(tmp_path: Path, path: str | None) -> None:
    (tmp_path / "secret.json").write_text("{}")
    folder = tmp_path / "report"
    folder.mkdir()
    result = Result(requirement="INT-02", level="MUST", scenario="x", verdict="PASS", reason="", transcript=path)
    report = Report(suite=SUITE, target=TargetInfo("http://x"), summary={"PASS": 1}, results=[result])
    assert "There is no record to show:" in page_of(report, folder)


def test_an_older_report_without_rules_is_shown_with_what_it_has(tmp_path: Path, plays: dict[str, Transcript]) -> None:
    report = write_folder(tmp_path, [edited(plays[TOOLS], run_status("A", "error"))])
    older = replace(report, rules=[], results=[replace(r, see=(), expected="", observed="") for r in report.results])
    page = page_of(msgspec.json.decode(msgspec.json.encode(older), type=Report), tmp_path)
    assert "INT-02" in page
    assert "run A (in flight when run B was created) to end <code>interrupted</code>" in page


def test_polls_without_news_share_a_line_and_none_is_lost(folder: Path, plays: dict[str, Transcript]) -> None:
    page = read(folder)
    [scene] = re.findall(r'<details class="scene entry" id="s2".*', page, re.DOTALL)
    shared = re.findall(r"<b>(\d+) status checks?</b>", scene)
    single = len(re.findall(r"<b>GET</b>.*? · status of ", scene))
    asked = [m for m in plays["reject/during-tools/create/unwatched"].moments if getattr(m, "purpose", "") == "look"]
    assert shared
    assert sum(map(int, shared)) + single == len(asked)
