"""The plays that show every kill."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from conformance.requirements import registry
from mockserver.defects import defects
from tests.conformance import proving
from tests.conformance.killing import SCENARIOS
from tests.conformance.survivors import UNDETECTED


def test_few_plays_show_all_that_detects_a_defect() -> None:
    broken = {"a": {"R1"}, "b": {"R2", "R3"}, "c": {"R2"}, "d": {"R1", "R4"}, "e": {"R2", "R3"}}
    text = proving.as_toml({"late": broken, "deaf": {"c": {"R2"}}}, ["z", "c", "a"])
    assert tomllib.loads(text) == {"deaf": ["c"], "late": ["c", "d", "b"]}


def test_each_defect_is_also_played_in_some_that_are_far_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(proving, "FILE", tmp_path / "proving.toml")
    proving.FILE.write_text('wide = ["07", "gone"]\n')
    scenarios = [f"{number:02}" for number in range(80)]
    pairs = list(proving.chosen({"wide": scenarios, "new": ["07", "08"]}))
    wide = ["00", "07", "10", "20", "30", "40", "50", "60", "70"]
    assert pairs == [*(("wide", scenario) for scenario in wide), ("new", "07"), ("new", "08")]


def test_every_known_defect_has_plays() -> None:
    proving_plays = tomllib.loads(proving.FILE.read_text())
    assert sorted(proving_plays) == sorted(set(defects()) - set(UNDETECTED))
    assert {scenario for found in proving_plays.values() for scenario in found} <= SCENARIOS.keys()
    # Each shows a requirement that those before do not, except for the one of the tiers.
    faults = registry.faults()
    assert all(len(found) <= len(faults[defect].breaks) + 1 for defect, found in proving_plays.items())
