"""The registry of checks. A check is registered where it is defined, with its requirements and its premises.

@check("INT-04", premises=(HELD, ACCEPTED_B))
def new_run_executes_its_input(play: Play) -> None: ...
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TypeVar

from conformance.judge.play import Play
from conformance.judge.premises import HELD, Premise
from conformance.requirements import registry

Check = Callable[[Play], str | None]
AnyCheck = TypeVar("AnyCheck", bound=Check)

MODULES = (
    "runs.records",
    "runs.execution",
    "interrupt",
    "partial_state",
    "history.chain",
    "history.updates",
    "enqueue",
    "reject",
    "rollback",
    "cancel",
    "races",
    "streams.events",
    "streams.tokens",
    "streams.content",
    "streams.modes",
    "streams.joins",
    "streams.disconnect",
    "human_in_the_loop",
    "threads",
    "errors",
    "stateless",
    "webhooks",
    "crons",
    "clients",
    "shapes",
    "agreement.facts",
    "agreement.outputs",
    "agreement.tasks",
    "agreement.texts",
    "agreement.threads",
    "echo",
    "forms",
)
# An explicit list, and not every module of the package: a forgotten import fails here, and not as a missing check.
"""The modules of `conformance.checks` that define checks, in the order of the areas."""

_registered: dict[str, Check] = {}
_premises: dict[str, tuple[Premise, ...]] = {}


def check(*requirement_ids: str, premises: tuple[Premise, ...] = (HELD,)) -> Callable[[AnyCheck], AnyCheck]:
    """Return a decorator that registers a function as the check of these requirements, with its premises.

    The decorator raises ValueError when one of them is not in the rule book or already has a check.
    """

    def register(function: AnyCheck) -> AnyCheck:
        for requirement_id in requirement_ids:
            _expect_free(requirement_id, function)
        _registered.update(dict.fromkeys(requirement_ids, function))
        _premises.update(dict.fromkeys(requirement_ids, premises))
        return function

    return register


def all_checks() -> Mapping[str, Check]:
    """Return every check, keyed by the id of its requirement."""
    _import_modules()
    return MappingProxyType(_registered)


def check_of(requirement_id: str) -> Check:
    """Return the check of one requirement. Raise KeyError when there is none."""
    return all_checks()[requirement_id]


def premises_of(requirement_id: str) -> tuple[Premise, ...]:
    """Return the premises of the check of one requirement. Raise KeyError when it has no check."""
    _import_modules()
    return _premises[requirement_id]


@cache
def _import_modules() -> None:
    # Imported here and not at the top: the modules import this one for the decorator.
    for name in MODULES:
        importlib.import_module(f"conformance.checks.{name}")


def _expect_free(requirement_id: str, function: Check) -> None:
    """Raise ValueError unless the id belongs to a requirement that has no check yet."""
    try:
        registry.load().get(requirement_id)
    except KeyError:
        raise ValueError(f"{_path(function)}: the rule book has no requirement {requirement_id}") from None
    if requirement_id in _registered:
        raise ValueError(f"two checks for {requirement_id}: {_path(_registered[requirement_id])} and {_path(function)}")


def _path(function: Check) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', function)}"
