"""The entry points of the distribution: the console command, the pytest plugins, and the probe contract.

`conformance` and `mockserver` are ordinary words, and other distributions install packages with these names. The name
of this package is unique, so its entry points work in every environment. They import the two packages only after
`packages.problem` has found that they belong to this distribution.
"""

from __future__ import annotations

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Raise ImportError for a name of the mock that is looked up here, and AttributeError for another one."""
    if name in ("MockDeployment", "Script", "Turn", "Step", "Fault", "Including"):
        # Not AttributeError, whose text `from doubletext import ...` would replace by Python's own.
        raise ImportError(f"`{name}` is in mockserver. Write `from mockserver import {name}`")
    raise AttributeError(f"module 'doubletext' has no attribute {name!r}")
