"""The imports and results that every process of `tests.forks` begins with.

A module of its own, because the fork server imports it by its name when it starts.
"""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Final

# The server is started with `-c`, and the first entry is the folder in which that happened.
PATH: Final = tuple(sys.path[1:])
"""The path of a process that was started for nothing in particular."""

# Every run of pytest loads these of its own plugins, and every run of the suite the rest. The plugins of the suite are
# not here: a run imports the small ones itself, so that tests can observe it.
MODULES: Final = (
    *("aiohttp.web", "httpx", "jinja2", "langgraph_sdk.client", "xdist.plugin", "pytest_timeout", "yaml"),
    *("conformance.session.session", "conformance.report.summary", "conformance.report.html"),
    *("mockserver.control.routes", "langgraph.graph"),
)


def _preload() -> None:
    from _pytest.config import default_plugins

    for name in (*(f"_pytest.{plugin}" for plugin in default_plugins), *MODULES):
        importlib.import_module(name)
    from conformance.requirements.judged import requirements_in
    from conformance.scenarios.catalogue import catalogue

    # The first one finds them for all scenarios, which is a part of every collection.
    requirements_in(catalogue()[0].id)
    # A collection would touch, and so copy, the memory that a child shares with the server.
    gc.collect()
    gc.freeze()


# An import error would be ignored, and every process would import all of it itself.
_preload()
