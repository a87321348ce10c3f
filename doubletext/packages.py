"""Detection of other people's packages called `conformance` or `mockserver`.

PyPI's `mockserver-client` installs a top-level `mockserver/` over ours, and a project may have a root package of its
own called `conformance/`. Nothing is imported to find that out: Python is asked where it would import a package from,
and the text of that package's `__init__.py` is searched for our mark.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

Name = Literal["conformance", "mockserver"]

MARK: Final = '__distribution__ = "doubletext"'
"""A line in the `__init__.py` of both packages."""


def found(name: Name) -> Path | None:
    """Return the folder from which Python imports a package here and now; None when it finds no package."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        # A module that was put into `sys.modules` by hand may have no spec.
        return None
    if spec is None:
        return None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return folders[0] if folders else Path(spec.origin or name)


def is_marked(folder: Path) -> bool:
    """Return whether a folder is a package of this distribution."""
    try:
        return MARK in (folder / "__init__.py").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def problem(name: Name) -> str | None:
    """Return one line that says why our package of this name cannot be used here; None when it can."""
    folder = found(name)
    if folder is not None and is_marked(folder):
        return None
    if folder is None:
        return f"there is no package `{name}`: install doubletext again, with pip install --force-reinstall doubletext"
    return (
        f"the package `{name}` in {folder.parent} is not the one of doubletext: install doubletext in an environment, "
        f"and start Python in a folder, where nothing else is called `{name}`"
    )
