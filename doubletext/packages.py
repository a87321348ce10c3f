"""Detection of other packages named `conformance` or `mockserver`.

`mockserver-client` on PyPI installs a top-level `mockserver/` over the one of this distribution, and a project may have
a package `conformance/` of its own. This module finds that out without an import: it looks up the folder from which
Python would import a package, and searches the text of its `__init__.py` for a mark.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

Name = Literal["conformance", "mockserver"]

MARK: Final = '__distribution__ = "doubletext"'
"""A line in the `__init__.py` of both packages. It is searched for as text, so it must not be reformatted."""


def found(name: Name) -> Path | None:
    """Return the folder from which Python would import a package, or None if there is no such package."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        # ValueError: a module of this name is in `sys.modules`, and its `__spec__` is None.
        return None
    if spec is None:
        return None
    # A namespace package has no origin, and a module that is one file has no locations.
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return folders[0] if folders else Path(spec.origin or name)


def is_marked(folder: Path) -> bool:
    """Return True if a folder is a package of this distribution."""
    try:
        # Read and not imported: importing another project's package would execute its code in every pytest run.
        return MARK in (folder / "__init__.py").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def problem(name: Name) -> str | None:
    """Return one line with the reason why this distribution's package cannot be imported, or None if it can."""
    folder = found(name)
    if folder is not None and is_marked(folder):
        return None
    if folder is None:
        return f"there is no package `{name}`. Reinstall doubletext: pip install --force-reinstall doubletext"
    return (
        f"the package `{name}` in {folder.parent} does not belong to doubletext. Use an environment and a working "
        f"directory without another package named `{name}`"
    )
