"""`python -m conformance compare`: reports side by side, in the terminal and in every form that is written."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest
from msgspec.structs import replace

from conformance.__main__ import main
from conformance.judge.judging import Word
from conformance.report.compare import compare, in_html, in_markdown, in_terminal
from conformance.report.comparison import Comparison
from conformance.report.report import JudgedRequirement, Report, Result, summarise, write_report
from conformance.requirements.registry import Level
from conformance.schemas import schema
from conformance.transcript.transcript import SuiteInfo, TargetInfo

HOSTILE = "</script><img src=x onerror=alert(1)>|`[a](javascript:b)\x1b[2J\u202e"
LEVELS: dict[str, Level] = {"INT-01": "MUST", "REJ-01": "PROFILE", "RUN-10": "SHOULD"}
RULES = [
    JudgedRequirement(id=name, level=level, sentence=f"Rule {name}.", sources=(), shown_by=("*",))
    for name, level in LEVELS.items()
]


def report(version: str, server: str | None = "theirs", **verdicts: Word) -> Report:
    """Return a report with these verdicts in one scenario, and with INT-01 passed in a second scenario."""
    results = [
        Result(requirement=name.replace("_", "-"), level="MUST", scenario="a/b", verdict=word, reason=f"it is {word}")
        for name, word in verdicts.items()
    ]
    results.append(Result(requirement="INT-01", level="MUST", scenario="a/c", verdict="PASS", reason=""))
    return Report(
        suite=SuiteInfo("doubletext", "0.1.0", "2026-11-22"),
        target=TargetInfo("http://127.0.0.1:1", server, version),
        summary=summarise(results),
        results=results,
        rules=RULES,
        finished_at="2026-11-22T10:00:00+00:00",
    )


OLD = report("1.0", INT_01="PASS", REJ_01="PASS", RUN_10="WARN")
NEW = report("2.0", INT_01="FAIL", REJ_01="PASS", RUN_10="PASS")


def test_a_server_under_the_name_of_another_is_named_by_its_profile() -> None:
    targets = [("langgraph-api", "langgraph-api"), ("langgraph-api", "langhost"), ("Our Server", "our-server")]
    reports = [replace(OLD, target=TargetInfo("http://there", name, "1.0", profile)) for name, profile in targets]
    assert [column.name for column in compare(reports, ["a", "b", "c"]).columns] == [
        "langgraph-api 1.0",
        "langgraph-api 1.0, langhost",
        "Our Server 1.0",
    ]


def test_two_versions_are_put_side_by_side() -> None:
    found = compare([OLD, NEW], ["a", "b"])
    assert [(c.name, c.holds, c.judged, c.rules) for c in found.columns] == [
        ("theirs 1.0", 2, 3, 3),
        ("theirs 2.0", 2, 3, 3),
    ]
    rows = {row.id: [(c.verdict, c.count, c.of) for c in row.cells if c] for row in found.rows}
    assert list(rows) == ["RUN-10", "INT-01", "REJ-01"]
    assert rows["INT-01"] == [("PASS", 2, 2), ("FAIL", 1, 2)]
    assert [(m.id, m.before, m.after) for m in found.better] == [("a/b::RUN-10", "WARN", "PASS")]
    assert [(m.id, m.before, m.after) for m in found.worse] == [("a/b::INT-01", "PASS", "FAIL")]


@pytest.mark.parametrize(
    ("before", "after", "better", "worse"),
    [
        ("PASS", "INCONCLUSIVE", 0, 1),
        ("INCONCLUSIVE", "FAIL", 0, 1),
        ("FAIL", "WARN", 1, 0),
        ("ERROR", "INCONCLUSIVE", 0, 0),
        ("NOT-APPLICABLE", "PASS", 1, 0),
        ("PASS", "NOT-APPLICABLE", 0, 1),
        ("PASS", "PASS", 0, 0),
    ],
)
def test_what_counts_as_better_and_worse(before: Word, after: Word, better: int, worse: int) -> None:
    found = compare([report("1", INT_01=before), report("2", INT_01=after)], ["a", "b"])
    assert (len(found.better), len(found.worse)) == (better, worse)


def test_of_different_servers_nothing_is_better_or_worse() -> None:
    found = compare([OLD, replace(NEW, target=replace(NEW.target, server="other"))], ["a", "b"])
    assert (found.better, found.worse) == ((), ())


def test_a_freedom_that_is_taken_in_another_way_is_reported_in_every_form() -> None:
    other = replace(NEW, results=[replace(r, freedom="patient") for r in NEW.results if r.requirement == "REJ-01"])
    eager = replace(NEW, results=[replace(r, freedom="eager") for r in NEW.results if r.requirement == "REJ-01"])
    found = compare([eager, other], ["a", "b"])
    assert [(one.id, one.before, one.after) for one in found.freed] == [("REJ-01", "eager", "patient")]
    assert "  REJ-01: eager -> patient" in in_terminal(found)
    assert "- REJ-01: `eager` → `patient`" in in_markdown(found)
    assert "<li><code>eager</code> → <code>patient</code> REJ-01</li>" in in_html(found)
    # Only two versions of one server can change: another server just chose differently.
    elsewhere = replace(other, target=replace(other.target, server="other"))
    assert compare([eager, elsewhere], ["a", "b"]).freed == ()


def test_what_a_report_does_not_judge_is_empty_and_what_it_declares_is_known() -> None:
    declared = replace(NEW, results=[replace(r, known="so it is") for r in NEW.results], rules=[])
    found = compare([report("1.0"), declared], ["a", "b"])
    cells = {row.id: row.cells for row in found.rows}
    assert cells["REJ-01"][0] is None
    assert cells["INT-01"][1] is not None
    assert cells["INT-01"][1].known


def test_the_terminal_shows_what_differs_and_counts_the_rest() -> None:
    lines = list(in_terminal(compare([OLD, NEW], ["a.json", "b.json"])))
    assert lines[0] == "[1] theirs 1.0: 2 of 3 requirements hold (a.json)"
    assert [line.split()[:3] for line in lines if line.startswith(("INT", "RUN", "REJ"))] == [
        ["RUN-10", "WARN", "1/1"],
        ["INT-01", "PASS", "FAIL"],
    ]
    assert "… and 1 requirements that hold everywhere" in lines
    assert "  a/b::INT-01: PASS -> FAIL: it is FAIL" in lines


def test_everything_is_written_and_can_be_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, one in (("old", OLD), ("new", NEW)):
        write_report(tmp_path / "reports" / name, one)
    out = tmp_path / "site"
    code = main(
        [
            *("compare", str(tmp_path / "reports" / "old"), str(tmp_path / "reports" / "new" / "report.json")),
            *("--html", str(out / "index.html"), "--markdown", str(out / "c.md"), "--json", str(out / "c.json")),
            *("--badges", str(out / "badges"), "--fail-on", "regressions"),
        ]
    )
    assert code == 1
    assert "worse: 1" in capsys.readouterr().out
    raw = (out / "c.json").read_bytes()
    jsonschema.validate(msgspec.json.decode(raw), schema("comparison-1.schema.json"))
    found = msgspec.json.decode(raw, type=Comparison)
    assert [one.id for one in found.worse] == ["a/b::INT-01"]
    assert "| INT-01 | MUST. Rule INT-01. | PASS | FAIL 1/2 |" in (out / "c.md").read_text("utf-8")
    assert "theirs 2.0" in (out / "index.html").read_text("utf-8")
    badge = msgspec.json.decode((out / "badges" / "theirs-2.0.json").read_bytes())
    assert badge == {
        "schemaVersion": 1,
        "label": "double texting",
        "message": "2 requirements hold, all 3 judged, rules 2026-11-22",
        "color": "red",
    }
    svg = ElementTree.parse(out / "badges" / "theirs-2.0.svg").getroot()
    assert svg.get("aria-label") == f"double texting: {badge['message']}"


def test_a_folder_means_every_report_below_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, one in (("a/x", OLD), ("b", NEW)):
        write_report(tmp_path / name, one)
    assert main(["compare", str(tmp_path)]) == 0
    assert "[2] theirs 2.0" in capsys.readouterr().out


def test_no_regression_is_green(tmp_path: Path) -> None:
    for name, one in (("a", OLD), ("b", OLD)):
        write_report(tmp_path / name, one)
    assert main(["compare", str(tmp_path), "--fail-on", "regressions"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{0}/empty"], "no report.json in this folder"),
        (["{0}/absent.json"], "cannot be read: No such file"),
        (["{0}/one", "--fail-on", "regressions"], "needs at least two reports of one server"),
    ],
)
def test_what_cannot_be_compared_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    write_report(tmp_path / "one", OLD)
    assert main(["compare", *(argument.format(tmp_path) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("style", "src")]


def test_hostile_names_are_only_text() -> None:
    spoilt = replace(
        NEW,
        target=TargetInfo(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        suite=SuiteInfo(HOSTILE, HOSTILE, HOSTILE),
        finished_at=HOSTILE,
        rules=[replace(rule, sentence=HOSTILE) for rule in RULES],
        results=[replace(r, reason=HOSTILE, freedom=HOSTILE) for r in NEW.results],
    )
    found = compare([replace(spoilt, results=OLD.results), spoilt], [HOSTILE, HOSTILE])
    page = in_html(found)
    assert "img" not in Tags(page).found
    assert page.count("<script>") == page.count("</script>") == 1
    text = in_markdown(found)
    assert "<img" not in text
    assert "](javascript" not in text
    rows = [line for line in text.splitlines() if line.startswith("| INT-01")]
    # Four columns: a "|" in a name would add another one.
    assert [row.count("|") for row in rows] == [5]
    for output in (page, text, "\n".join(in_terminal(found))):
        assert not {"\x1b", "\u202e"} & set(output)


def test_a_closed_pipe_ends_it_quietly(tmp_path: Path) -> None:
    # Far more output than the buffer of a pipe holds, so that the command writes after the reader has closed it.
    for verdict in ("PASS", "FAIL"):
        many = [replace(OLD.results[0], scenario=f"a/{number}", verdict=verdict) for number in range(20_000)]
        write_report(tmp_path / verdict, replace(OLD, results=many))
    command = [sys.executable, "-m", "conformance", "compare", str(tmp_path / "PASS"), str(tmp_path / "FAIL")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("[1] theirs")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1
