"""Broken twins of the requirements ERR."""

from __future__ import annotations

from tests.conformance.twins.edits import Twin

TWINS: list[Twin] = []
