"""The checks: for every requirement, one pure function of a play.

A check returns when the requirement holds (for a PROFILE requirement: the freedom that was taken), raises
`Broken` when it does not, and `Unproven` when the record cannot show it. It never waits and never talks to a server.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache

from conformance.judge.play import Play

Check = Callable[[Play], str | None]

MODULES = (
    "runs",
    "interrupt",
    "state",
    "history",
    "enqueue",
    "reject",
    "rollback",
    "cancel",
    "races",
    "steps",
    "delete",
    "streams",
    "joins",
    "disconnect",
    "hitl",
    "threads",
    "errors",
    "stateless",
    "webhooks",
    "crons",
)
"""One module per group of requirements; each maps requirement ids to checks in `CHECKS`."""


@cache
def all_checks() -> Mapping[str, Check]:
    """Every check by the id of its requirement; raises ValueError when two claim the same id."""
    found: dict[str, Check] = {}
    for name in MODULES:
        module = importlib.import_module(f"conformance.checks.{name}")
        checks: Mapping[str, Check] = module.CHECKS
        if twice := found.keys() & checks.keys():
            raise ValueError(f"two checks for {', '.join(sorted(twice))}")
        found.update(checks)
    return found


def check_of(requirement_id: str) -> Check:
    """The check of one requirement; raises KeyError when there is none."""
    return all_checks()[requirement_id]
