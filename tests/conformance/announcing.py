"""A pytest plugin that prints a line for every play that is kept, so that another process can wait for it."""

from __future__ import annotations

import sys

import pytest

from conformance.session.session import Session
from conformance.session.target import Target
from conformance.transcript.transcript import Transcript


def pytest_configure(config: pytest.Config) -> None:
    """Print `kept SCENARIO` behind the suite's own work. The run needs `-s`, or pytest keeps the line."""
    keep = Session._keep_at_once

    def announced(self: Session, target: Target, transcript: Transcript | None) -> None:
        keep(self, target, transcript)
        sys.stdout.write(f"kept {'calibration' if transcript is None else transcript.scenario.id}\n")
        sys.stdout.flush()

    Session._keep_at_once = announced  # type: ignore[method-assign]
    config.add_cleanup(lambda: setattr(Session, "_keep_at_once", keep))
