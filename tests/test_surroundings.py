"""Environments that are unusual and allowed: warnings as errors, `-O`, no HOME, the locale C."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conformance.runs import INTERRUPT
from tests.test_package import attempt

CHECKOUT = Path(__file__).parents[1]
PATH = {"PATH": os.environ["PATH"]}
C = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

SURROUNDINGS: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "warnings are errors": ((), {**PATH, "PYTHONWARNINGS": "error"}),
    "without assertions": (("-O",), PATH),
    "no HOME": ((), PATH),
    "the locale C": ((), {**PATH, **C}),
    "UTF-8 switched on": (("-X", "utf8"), PATH),
}


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "variables"), SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_the_suite_runs(flags: tuple[str, ...], variables: Mapping[str, str]) -> None:
    without = [part for name in ("cacheprovider", "langsmith_plugin") for part in ("-p", f"no:{name}")]
    selected = ("-q", "-k", "interrupt/during-tools/create/unwatched and INT-02")
    command = (sys.executable, *flags, "-m", "pytest", *INTERRUPT, *without, *selected)
    code, output = attempt(*command, cwd=CHECKOUT, env=variables)
    assert (code, "passed" in output) == (0, True), output


@pytest.mark.parametrize(("flags", "variables"), SURROUNDINGS.values(), ids=SURROUNDINGS)
@pytest.mark.parametrize("command", ["mockserver defects", "mockserver schema", "conformance requirements"])
def test_a_command_writes_its_page(flags: tuple[str, ...], variables: Mapping[str, str], command: str) -> None:
    code, output = attempt(sys.executable, *flags, "-m", *command.split(), cwd=CHECKOUT, env=variables)
    assert code == 0, output
    assert len(output.splitlines()) > 100
    assert "Warning" not in output.splitlines()[-1]
