"""The broken twins of the requirements: one module per area, each with a list `TWINS`.

Each says in one line what a wrong server would have shown, and which observed fact the failure must name.
"""

from __future__ import annotations

import importlib

from conformance.requirements.areas import AREAS
from tests.conformance.twins.edits import Twin


def all_twins() -> list[Twin]:
    """The twins of every area, in the order of the book."""
    modules = (importlib.import_module(f"tests.conformance.twins.{letters.lower()}") for letters in AREAS)
    return [twin for module in modules for twin in module.TWINS]
