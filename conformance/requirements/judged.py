"""The requirements that are judged in each scenario, found out once for the whole catalogue."""

from __future__ import annotations

from functools import cache

from conformance.requirements.registry import Requirement, compiled, load
from conformance.scenarios.catalogue import catalogue


def requirements_in(scenario_id: str) -> tuple[Requirement, ...]:
    """Return the requirements that are judged in a scenario, in the order of the rule book."""
    if (known := _of_catalogue().get(scenario_id)) is not None:
        return known
    return tuple(requirement for requirement in load().requirements if requirement.applies_to(scenario_id))


@cache
def scenarios_of(requirement_id: str) -> tuple[str, ...]:
    """Return the ids of the scenarios in which a requirement is judged, in the catalogue's order. Empty if unknown."""
    return tuple(name for name, judged in _of_catalogue().items() if any(one.id == requirement_id for one in judged))


@cache
def _of_catalogue() -> dict[str, tuple[Requirement, ...]]:
    found: dict[str, list[Requirement]] = {scenario.id: [] for scenario in catalogue()}

    # A part of every collection. The requirements share most of their patterns, and one alone is the quickest to match.
    @cache
    def fitting(pattern: str) -> frozenset[str]:
        return frozenset(filter(compiled((pattern,)).match, found))

    for requirement in load().requirements:
        excluded = frozenset[str]().union(*map(fitting, requirement.not_by))
        for name in frozenset[str]().union(*map(fitting, requirement.shown_by)) - excluded:
            found[name].append(requirement)
    return {name: tuple(judged) for name, judged in found.items()}
