"""Fixtures of the tests with clients that others wrote."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mockserver import MockDeployment
from tests.clients.javascript import Node
from tests.clients.package import Project
from tests.guide.node import FOLDER
from tests.guide.servers import WORKERS, mock
from tests.reference.langgraph_dev import langgraph_dev

APPLICATION = Path(__file__).with_name("application")


@dataclass(frozen=True)
class Deployment:
    """Yield a deployment for a third-party client: the mock or, with `-m reference`, a real server."""

    name: str
    url: str


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(tmp_path_factory.mktemp("node"), packages=FOLDER)


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the mock deployment as a user does, in a process of its own."""
    with mock(tmp_path_factory.mktemp("mock") / "log") as found:
        yield found


@pytest.fixture(scope="session", params=["mock", pytest.param("langgraph-dev", marks=pytest.mark.reference)])
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    if request.param == "mock":
        yield Deployment("mock", request.getfixturevalue("url"))
        return
    with langgraph_dev(workers=WORKERS, log=tmp_path_factory.mktemp("langgraph-dev") / "log") as url:
        yield Deployment("langgraph-dev", url)


@pytest.fixture(scope="session")
def chromium() -> str:
    named = os.environ.get("CHROMIUM")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "there is no Chromium; install the package chromium, or name the program in CHROMIUM"
    return found


@pytest.fixture(scope="session")
def browser_node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(tmp_path_factory.mktemp("browser"), packages=Path(__file__).with_name("browser"))


@pytest.fixture(scope="session")
def frontends_node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(tmp_path_factory.mktemp("frontends"), packages=Path(__file__).with_name("frontends"))


@pytest.fixture(scope="session")
def bridges_node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(tmp_path_factory.mktemp("bridges"), packages=Path(__file__).with_name("bridges"))


@pytest.fixture(scope="session")
def application() -> Iterator[str]:
    """Serve the application of three graphs by the mock."""
    with MockDeployment(script=APPLICATION / "mock.json") as found:
        yield found.url


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("package"))
