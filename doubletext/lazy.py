"""Public names of a package that are imported when they are first used.

A package that imports everything it offers starts slowly, and needs everything that any part of it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package, given the `module` or `module:name` of each public name."""

    def attribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, inside = homes[name].partition(":")
        return getattr(import_module(module), inside or name)

    return attribute
