"""The tiers of scenarios: a first verdict within a minute, most of the known faults in a few minutes, or everything.

`tiers.toml` is made with the kill matrix. It begins with the scenario of the guide. Each next one is the scenario that
detects most of the mock's defects that no earlier one detects.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

Tier = Literal["smoke", "core", "full"]
TIERS: Final[tuple[Tier, ...]] = ("smoke", "core", "full")
SMOKE: Final = 11
"""The number of scenarios in the tier `smoke`, which a slow deployment plays in a minute."""


class Ranked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scenarios of the tier `core`, the most valuable first.

    `detected` counts the defects that the scenarios up to each one detect, and `defects` all that any scenario detects.
    """

    scenarios: tuple[str, ...]
    detected: tuple[int, ...]
    defects: int


@cache
def ranked() -> Ranked:
    """Return the ranking that the kill matrix has made."""
    text = files("conformance").joinpath("scenarios", "tiers.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Ranked)


def includes(tier: Tier, scenario_id: str) -> bool:
    """Return whether a tier contains a scenario. Each tier contains those before it."""
    if tier == "full":
        return True
    return scenario_id in ranked().scenarios[: SMOKE if tier == "smoke" else None]


def share(tier: Tier) -> float:
    """Return the share of the detected defects that the scenarios of a tier detect, from 0 to 1."""
    found = ranked()
    if tier == "full" or not found.defects:
        return 1.0
    counts = found.detected[: SMOKE if tier == "smoke" else None]
    return counts[-1] / found.defects
