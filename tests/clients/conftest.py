"""Fixtures of the tests with clients that others wrote."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(scope="session")
def chromium() -> str:
    named = os.environ.get("CHROMIUM")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "there is no Chromium; install the package chromium, or name the program in CHROMIUM"
    return found


@pytest.fixture(scope="session")
def browser_node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(tmp_path_factory.mktemp("browser"), packages=Path(__file__).with_name("browser"))
