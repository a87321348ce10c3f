"""The front door of the distribution: its console command, its pytest plugins, and the probe contract.

`conformance` and `mockserver` are ordinary words, and other packages have these names, too. This package has a name of
its own, so it works in every environment, and imports the two only where they are the ones of this distribution.
"""

from __future__ import annotations

__version__ = "0.1.0"
