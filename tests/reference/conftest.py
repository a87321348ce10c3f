"""The servers that the tests of drawn requests compare."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mockserver import MockDeployment
from tests.clients.conftest import APPLICATION
from tests.reference.langgraph_dev import langgraph_dev


@pytest.fixture(scope="package")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve the same application by `langgraph dev` and by the mock."""
    log = tmp_path_factory.mktemp("drawn") / "log"
    # With instant time the mock leaps to the begin of runs that are delayed by years, where items of the store have
    # expired.
    mock = MockDeployment(script=APPLICATION / "mock.json", time="real")
    with mock, langgraph_dev(workers=10, log=log, agent=APPLICATION) as reference:
        yield reference, mock.url
