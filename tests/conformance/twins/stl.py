"""Broken twins of the requirements STL."""

from __future__ import annotations

from tests.conformance.twins.edits import Twin

TWINS: list[Twin] = []
