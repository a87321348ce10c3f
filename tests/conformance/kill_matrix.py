"""The kill matrix: the requirements whose verdict each defect changes, with the scenarios.

`python -m tests.conformance.kill_matrix` computes it and writes the files that are made from it: `docs/kill-matrix.md`,
`conformance/requirements/proofs.toml` and, with every scenario, `build/kill-matrix.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from conformance.requirements import registry
from mockserver.defects import defects
from tests.conformance.killing import SCENARIOS, Played, play_right, play_wrong, processes
from tests.conformance.survivors import BLIND, FREEDOMS, SURVIVORS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "kill-matrix.md"
PROOFS = ROOT / "conformance" / "requirements" / "proofs.toml"
DETAILS = ROOT / "build" / "kill-matrix.json"

SLICE = 12
"""Plays that a process takes at a time, few enough that all processes finish at about the same time."""

HEAD = """# The kill matrix

Made by `python -m tests.conformance.kill_matrix`. Do not edit. A test computes it again and compares.

Every requirement is judged on mocks with one defect each, most of them [observed on a real server](defects.md). There
are {defects} defects and {scenarios} scenarios. A defect that changes a verdict to FAIL or WARN *kills* the requirement
in that scenario. The correct mock kills nothing.

The matrix takes {plays} plays. It leaves out each pair of a defect and a scenario in which the defect has no chance to
act. To find these, every scenario is played on a correct mock on which every defect is switched on for zero occurrences
and counts its chances. A defect without a chance behaves correctly: its play would equal that of the correct mock.

The number after a defect is the number of scenarios in which it kills the requirement.

"""

T = TypeVar("T")


@dataclass(frozen=True)
class Matrix:
    """The observed failures by requirement, defect and scenario, and the plays on the correct mock in `right`."""

    right: Sequence[Played]
    plays: int
    kills: Mapping[str, Mapping[str, Mapping[str, str]]]

    def killed_by(self, defect: str) -> list[str]:
        """Return the requirements that a defect kills in at least one scenario."""
        return [requirement for requirement, by in self.kills.items() if defect in by]


def compute() -> Matrix:
    """Play everything, in as many processes as there are processors."""
    with processes() as pool:
        right = [played for found in pool.map(play_right, _slices(list(SCENARIOS))) for played in found]
        pairs = [(defect, played.scenario) for played in right for defect in played.chances]
        wrong = [played for found in pool.map(play_wrong, _slices(pairs)) for played in found]
    # Every requirement has an entry, so that one which no defect kills is visible as empty.
    kills: dict[str, dict[str, dict[str, str]]] = {one.id: {} for one in registry.load().requirements}
    for (defect, scenario), played in zip(pairs, wrong, strict=True):
        for requirement, observed in played.broken.items():
            kills[requirement].setdefault(defect, {})[scenario] = observed
    return Matrix(right, len(right) + len(wrong), {name: dict(sorted(by.items())) for name, by in kills.items()})


def _slices(whole: Sequence[T]) -> Iterable[Sequence[T]]:
    return [whole[start : start + SLICE] for start in range(0, len(whole), SLICE)]


def page(matrix: Matrix) -> str:
    """Return the page as Markdown."""
    book = registry.load()
    lines = [HEAD.format(defects=len(defects()), scenarios=len(SCENARIOS), plays=matrix.plays), "## Survivors\n"]
    if SURVIVORS:
        lines += ["Requirements that no defect kills:\n"]
        lines += [f"- **{name}** {book.get(name).sentence} {why}" for name, why in SURVIVORS.items()]
    else:
        lines += ["Every requirement of level MUST or SHOULD is killed by at least one defect."]
    if BLIND:
        lines += ["", "Defects that kill nothing:\n"]
        lines += [f"- `{name}`: {why}" for name, why in BLIND.items()]
    lines += [
        "",
        "Defects that kill only requirements of level PROFILE, because their behaviour is a freedom of servers:\n",
    ]
    lines += [f"- `{name}`: {FREEDOMS.get(name, 'unexplained')}" for name in freedoms(matrix)]
    lines += ["", "## By requirement\n", "| requirement | level | scenarios | killed by |", "|---|---|---|---|"]
    for requirement in book.requirements:
        shown = sum(requirement.applies_to(name) for name in SCENARIOS)
        by = ", ".join(f"`{defect}` {len(found)}" for defect, found in matrix.kills[requirement.id].items())
        lines.append(f"| {requirement.id} | {requirement.level} | {shown} | {by} |")
    lines += ["", "## By defect\n", "| defect | kills |", "|---|---|"]
    lines += [f"| `{defect}` | {', '.join(matrix.killed_by(defect))} |" for defect in sorted(defects())]
    return "\n".join(lines) + "\n"


def freedoms(matrix: Matrix) -> list[str]:
    """Return the defects that kill nothing but requirements of level PROFILE."""
    level = {one.id: one.level for one in registry.load().requirements}
    found = {defect: {level[name] for name in matrix.killed_by(defect)} for defect in sorted(defects())}
    return [defect for defect, levels in found.items() if levels == {"PROFILE"}]


def proofs(matrix: Matrix) -> str:
    """Return the defects that kill each requirement, as the TOML file of the rule book."""
    lines = [
        "# Made by `python -m tests.conformance.kill_matrix`: the defects of the mock that break each requirement."
    ]
    # A JSON list of ASCII strings is a TOML list as well.
    lines += [f"{name} = {json.dumps(list(by))}" for name, by in matrix.kills.items() if by]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    found = compute()
    PAGE.write_text(page(found))
    PROOFS.write_text(proofs(found))
    DETAILS.parent.mkdir(exist_ok=True)
    DETAILS.write_text(json.dumps(found.kills, indent=1))
