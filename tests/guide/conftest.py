"""Fixtures of the guides' tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.amber import AmberSnapshotExtension
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

from tests.guide.plays import AT_ONCE, Plays
from tests.guide.servers import Servers


class GuideSnapshot(AmberSnapshotExtension):
    """One snapshot per guide, the same for every client and server: a test's parameters are no part of its name."""

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        """Return the name of the test function with the name that the test gave."""
        return f"{test_location.methodname}[{index}]"


@pytest.fixture
def conversation(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Return the expected conversation of the guide NAME: `conversation(name=NAME)`."""
    return snapshot.use_extension(GuideSnapshot)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with contextlib.ExitStack() as stack:
        yield Servers(stack, tmp_path_factory.mktemp("servers"))


@pytest.fixture(scope="session")
def plays(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plays]:
    """Start all the plays that the selected tests need."""
    folder: Path = tmp_path_factory.mktemp("plays")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = Plays(servers, pool, folder)
        # With xdist every process sees all tests, and one runs all those of the guides.
        _start_chosen(made, request.session.items)
        yield made


def _start_chosen(plays: Plays, items: list[pytest.Item]) -> None:
    for item in items:
        chosen = getattr(getattr(item, "callspec", None), "params", {})
        if {"server", "client", "guide"} <= chosen.keys():
            # What goes wrong here is raised again in the test that wants the play.
            with contextlib.suppress(Exception):
                plays.start(chosen["server"], chosen["client"], chosen["guide"])
