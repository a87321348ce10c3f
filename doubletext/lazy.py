"""Lazy imports of the public names of a package.

A package that imports all of its public names is slow to import, and needs the dependencies of every part. The suite's
dependencies are optional, and a test run with the mock must not need them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a `__getattr__` for `package`. `homes` maps each public name to its `module` or `module:name`."""

    def attribute(name: str) -> Any:
        if name not in homes:
            # Imported here, because only a mistake needs it.
            from difflib import get_close_matches

            # The type and text of Python's own error: `hasattr`, `copy` and `pickle` depend on the type.
            near = get_close_matches(name, homes, n=1)
            suggestion = f". Did you mean `{near[0]}`?" if near else ""
            raise AttributeError(f"module {package!r} has no attribute {name!r}{suggestion}")
        module, _, inside = homes[name].partition(":")
        return getattr(import_module(module), inside or name)

    return attribute
