"""Broken twins of the requirements CRN."""

from __future__ import annotations

from tests.conformance.twins.edits import Twin

TWINS: list[Twin] = []
