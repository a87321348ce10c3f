"""The table and the lists that the terminal shows."""

from __future__ import annotations

import io
import re

import msgspec
import pytest

from conformance.judge.judging import WORDS, Word
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.report.report import Result
from conformance.report.screen import SHOWN
from conformance.report.summary import Findings, table
from conformance.requirements.registry import Level
from conformance.transcript.transcript import SuiteInfo, TargetInfo


def result(requirement: str, level: Level, verdict: Word, scenario: str = "interrupt/idle", reason: str = "") -> Result:
    return Result(requirement=requirement, level=level, scenario=scenario, verdict=verdict, reason=reason)


def shown(results: list[Result], config: pytest.Config) -> str:
    """Return the summary of one deployment as the terminal shows it."""
    records = [
        msgspec.to_builtins(
            {
                "position": 0,
                "suite": SuiteInfo("doubletext", "1", "2026"),
                "target": TargetInfo("http://there"),
                "problem": None,
                "notes": ["mind this"],
                "folder": None,
                "unjudged": False,
                "result": each,
            }
        )
        for each in results
    ]
    out = io.StringIO()
    Findings(records, NOTHING_DECLARED).show(pytest.TerminalReporter(config, out))
    return re.sub(r"\x1b\[\d+m", "", out.getvalue())


def test_the_table_counts_by_area_and_level() -> None:
    lines = table(
        [
            result("RUN-01", "MUST", "PASS"),
            result("RUN-02", "MUST", "FAIL"),
            result("RUN-10", "SHOULD", "WARN"),
            result("CAN-01", "MUST", "PASS"),
            result("CAN-01", "MUST", "PASS"),
        ]
    )
    assert lines[0].split() == list(WORDS)
    assert [line.split() for line in lines[1:]] == [
        ["run", "lifecycle", "MUST", "1", "1", "-", "-", "-", "-"],
        ["SHOULD", "-", "-", "1", "-", "-", "-"],
        ["cancel", "MUST", "2", "-", "-", "-", "-", "-"],
    ]
    assert len({len(line) for line in lines}) == 1
    assert max(map(len, lines)) <= 100


def test_failures_are_shown_by_cause_with_the_clearest_scenario(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With `-v` the suite prints a table, also where it is this test that runs with it.
    monkeypatch.setattr(pytestconfig.option, "verbose", 0)
    out = shown(
        [
            result("INT-02", "MUST", "FAIL", "interrupt/a", "expected x; observed y"),
            result("INT-02", "MUST", "FAIL", "interrupt/b", "expected x; observed z"),
            result("INT-03", "MUST", "INCONCLUSIVE", "interrupt/a", "nothing was seen"),
            result("INT-04", "MUST", "PASS", "interrupt/a"),
        ],
        pytestconfig,
    ).splitlines()
    [failure] = [number for number, line in enumerate(out) if line.startswith("FAIL")]
    assert "note: mind this" in out[:failure]
    assert out[failure] == "FAIL  INT-02 (MUST): The superseded run ends with status `interrupted`."
    assert out[failure + 1] == "  reason    expected x; observed y"
    assert out[failure + 2] == "  scenario  interrupt/a and 1 more scenario"
    assert out[failure + 3] == "INCONCLUSIVE  interrupt/a::INT-03: nothing was seen"
    assert out[failure + 4] == "verdicts: 1 PASS, 2 FAIL, 1 INCONCLUSIVE"
    assert any(line.startswith("judged 2 of the ") for line in out)


def test_without_failures_the_table_is_shown(pytestconfig: pytest.Config) -> None:
    out = shown([result("INT-04", "MUST", "PASS")], pytestconfig).splitlines()
    assert list(WORDS) in [line.split() for line in out]


@pytest.mark.parametrize("word", ["ERROR", "INCONCLUSIVE"])
def test_a_long_list_of_reasons_is_cut_and_says_so(word: Word, pytestconfig: pytest.Config) -> None:
    out = shown([result("RUN-01", "MUST", word, reason=f"reason {n}") for n in range(SHOWN + 3)], pytestconfig)
    assert f": reason {SHOWN - 1}" in out
    assert f": reason {SHOWN}" not in out
    assert f"… and 3 more reasons of the verdict {word}" in out


def test_verdicts_with_one_reason_share_a_line(pytestconfig: pytest.Config) -> None:
    out = shown([result(name, "MUST", "INCONCLUSIVE", reason="no probe report") for name in RULES], pytestconfig)
    assert "RUN-01: no probe report (and 2 more verdicts of RUN-01, RUN-02, RUN-03)" in out


RULES = ("RUN-01", "RUN-02", "RUN-03")
