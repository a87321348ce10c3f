"""A pytest plugin that plays one part of the suite's scenarios, so that several servers can share them.

`-p tests.reference.parts --part 2/3` keeps every third scenario of the catalogue, from its second on: neighbours in the
catalogue take about as long as each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from conformance.scenarios.catalogue import catalogue


@dataclass(frozen=True)
class Part:
    """The part `number`, from 1, of `of` parts."""

    number: int
    of: int

    def has(self, position: int) -> bool:
        """Return whether the scenario at this position of the catalogue, from 0, belongs to this part."""
        return position % self.of == self.number - 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", type=read_part, metavar="N/OF", help="play only this part of the scenarios")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part: Part | None = config.option.part
    if part is None:
        return
    mine = {scenario.id for position, scenario in enumerate(catalogue()) if part.has(position)}
    others = [item for item in items if _scenario(item) not in mine]
    items[:] = [item for item in items if _scenario(item) in mine]
    config.hook.pytest_deselected(items=others)


def read_part(text: str) -> Part:
    number, _, of = text.partition("/")
    part = Part(int(number), int(of))
    if not 1 <= part.number <= part.of:
        raise ValueError(text)
    return part


def _scenario(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    return callspec.params["conformance_case"].scenario.id if callspec else None
