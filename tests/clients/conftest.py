"""Fixtures of the tests with clients that others wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.javascript import Node
from tests.guide.node import FOLDER
from tests.guide.servers import mock


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(tmp_path_factory.mktemp("node"), packages=FOLDER)


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The mock deployment as a person starts it, in a process of its own."""
    with mock(tmp_path_factory.mktemp("mock") / "log") as found:
        yield found
