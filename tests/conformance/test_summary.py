"""The table and the lists that the terminal shows."""

from __future__ import annotations

import io
import re
from typing import get_args

import msgspec
import pytest

from conformance.judge.judging import WORDS, Word
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.report.report import Result
from conformance.report.summary import SHOWN, Findings, table
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


def test_failures_are_listed_before_the_table_with_their_reason_one_line_per_requirement(
    pytestconfig: pytest.Config,
) -> None:
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
    assert out[failure] == "FAIL  interrupt/a::INT-02: expected x; observed y (and in 1 more scenario)"
    assert out[failure + 1] == "INCONCLUSIVE  interrupt/a::INT-03: nothing was seen"
    assert out[failure + 2].split() == list(WORDS)
    assert any(line.startswith("judged 2 of the ") for line in out)


@pytest.mark.parametrize("word", [w for w in get_args(Word) if w not in ("PASS", "NOT-APPLICABLE")])
def test_a_long_list_is_cut_and_says_so(word: Word, pytestconfig: pytest.Config) -> None:
    out = shown([result(f"RUN-{n:02}", "MUST", word) for n in range(SHOWN + 3)], pytestconfig)
    assert f"RUN-{SHOWN - 1:02}" in out
    assert f"RUN-{SHOWN:02}:" not in out
    assert f"… and 3 more requirements with the verdict {word}" in out
