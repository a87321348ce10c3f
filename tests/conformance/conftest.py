from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.conformance.plays import CataloguePlays
from tests.conformance.probing import Witness

if TYPE_CHECKING:
    from tests.conformance.probe_agents.javascript import Bridge, JavaScriptAgent
    from tests.conformance.probe_agents.python import PythonAgent


@pytest.fixture(scope="session")
def plays() -> CataloguePlays:
    """The record of every scenario of the catalogue on the correct mock.

    Tests that look at all of them run in one process, see `TOGETHER` in `tests/conftest.py`.
    """
    return CataloguePlays()


# The tests of the probe agents share the session's event loop, because they share one Node process. The adapters are
# imported inside the fixtures: LangGraph takes a second to import, and most tests need no agent.


@pytest_asyncio.fixture(loop_scope="session")
async def witness() -> AsyncIterator[Witness]:
    """A listening witness, to which a probe agent reports."""
    listening = Witness()
    await listening.start()
    yield listening
    await listening.stop()


@pytest.fixture
def python_agent(monkeypatch: pytest.MonkeyPatch) -> PythonAgent:
    from tests.conformance.probe_agents.python import PythonAgent

    return PythonAgent(monkeypatch)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bridge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    """The Node process that runs the JavaScript probe agent for all tests."""
    from tests.conformance.probe_agents.javascript import Bridge

    started = await Bridge.started(tmp_path_factory.mktemp("probe"))
    yield started
    await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def javascript_agent(bridge: Bridge) -> JavaScriptAgent:
    from tests.conformance.probe_agents.javascript import JavaScriptAgent

    await bridge.ask("forget")
    return JavaScriptAgent(bridge)
