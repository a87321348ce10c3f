"""`python -m conformance show`: a requirement with all that belongs to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.__main__ import main
from conformance.judge.check import all_checks
from conformance.report import show
from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from tests.conformance.twins import all_twins

BOOK = registry.load()


def shown(capsys: pytest.CaptureFixture[str], *ids: str) -> str:
    assert main(["show", *ids]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def section(text: str, title: str) -> list[str]:
    """Return the entries of a section, after a comparison with the count in its title."""
    after = text.partition(f"\n{title} (")[2]
    count, _, rest = after.partition("):\n")
    entries = [line.strip() for line in rest.partition("\n\n")[0].splitlines()]
    assert int(count) == len(entries)
    return entries


def test_a_requirement_is_shown_with_its_check(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "INT-02")
    path = Path(show.CHECKOUT, "conformance", "checks", "interrupt.py")
    [first] = [n for n, line in enumerate(path.read_text().splitlines(), 1) if line.startswith('@check("INT-02"')]
    assert out.startswith(
        "INT-02  MUST  INT: interrupt strategy\n\nThe superseded run ends with status `interrupted`.\n"
    )
    assert "\nCheck: conformance.checks.interrupt.superseded_run_is_interrupted\n" in out
    assert f"\nconformance/checks/interrupt.py, lines {first} to {first + 4}\n" in out
    assert '\n    @check("INT-02", premises=(HELD, ACCEPTED_B))\n    def superseded_run_is_interrupted(' in out
    assert '        """INT-02: compare run A\'s final status with `interrupted`."""\n' in out
    assert '        expect_end(play, "A", "interrupted", "run A (in flight when run B was created)")\n' in out


@pytest.mark.parametrize("requirement", BOOK.requirements, ids=lambda r: r.id)
def test_what_is_shown_is_what_there_is(requirement: registry.Requirement, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, requirement.id)
    words = " ".join(out.split())
    for text in (requirement.sentence, requirement.argument, requirement.documented or ""):
        assert " ".join(text.split()) in words
    assert str(all_checks()[requirement.id].__doc__).split() == words.partition('"""')[2].partition('"""')[0].split()
    assert section(out, "Sources") == list(requirement.sources)
    assert section(out, "Scenarios") == [s.id for s in catalogue() if requirement.applies_to(s.id)]
    assert section(out, "Broken twins") == [t.what for t in all_twins() if t.requirement == requirement.id]
    if found := registry.proofs().get(requirement.id):
        assert section(out, "Defects that break it") == found


def test_several_are_shown_in_the_order_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "thr-04", "Can-01")
    assert out.startswith("THR-04  PROFILE  THR: thread status\n")
    assert "\nDocumented: `interrupted`\n" in out
    assert "\n\nCAN-01  MUST  CAN: cancel\n" in out


def test_without_the_tests_of_the_checkout_no_twins_are_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show, "TWINS", tmp_path)
    out = shown(capsys, "INT-02")
    assert "twin" not in out
    assert section(out, "Scenarios")
    assert section(out, "Defects that break it")


def test_an_unknown_id_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "INT-02", "itn-02"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "show: no requirement has the id ITN-02; the nearest is INT-02\n"


def test_an_id_that_is_like_no_other_is_answered_in_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "?"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
