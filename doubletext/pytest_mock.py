"""The pytest plugin of the mock: a deployment for every test that uses its fixtures.

Every pytest run in an environment with doubletext loads this plugin, so it imports the mock only when a test uses a
fixture. All tests of a process share one server, which is reset for each test. So an application under test can be
configured with its URL once.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from doubletext import packages

if TYPE_CHECKING:
    from mockserver.deployment import MockDeployment

DEPLOYMENT: pytest.StashKey[MockDeployment] = pytest.StashKey()
MARKER = "mock_deployment"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(script, graph, time, scale, seed, defects, faults, strict): configure the mock deployment of the "
        "test, see "
        "mockserver.MockDeployment.reset",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Reset the deployment also for a test that uses only `mock_deployment_url`."""
    for item in items:
        names: list[str] = getattr(item, "fixturenames", [])
        if "mock_deployment_url" in names and "mock_deployment" not in names:
            names.append("mock_deployment")


@pytest.fixture(scope="session")
def _mock_deployment_server() -> Iterator[MockDeployment]:
    problem = packages.problem("mockserver")
    if problem is not None:
        pytest.fail(f"mock_deployment: {problem}", pytrace=False)
    from mockserver.deployment import MockDeployment

    with MockDeployment() as server:
        yield server


@pytest.fixture(scope="session")
def mock_deployment_url(_mock_deployment_server: MockDeployment) -> str:
    """The URL of the mock deployment. It is the same in all tests of a process, so an application may keep it."""
    return _mock_deployment_server.url


@pytest.fixture
def mock_deployment(
    request: pytest.FixtureRequest, _mock_deployment_server: MockDeployment
) -> Iterator[MockDeployment]:
    """A mock deployment in its initial state. `@pytest.mark.mock_deployment(...)` configures it."""
    deployment = _mock_deployment_server
    # The ids are then the same in every run of a test, and differ from those of the other tests.
    # crc32 and not hash(), which differs from process to process.
    deployment.reset(**{"seed": crc32(request.node.nodeid.encode()), **_options(request)})
    request.node.stash[DEPLOYMENT] = deployment
    yield deployment
    # Runs that the test has left in flight end here, and not in the middle of the next test.
    deployment.reset()


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the arguments of the test's marker. Fail the test if one of them is wrong."""
    from inspect import signature

    from mockserver.deployment import MockDeployment
    from mockserver.script.load import ScriptError
    from mockserver.script.sources import read_graphs
    from mockserver.settings import ResetSettings

    marker = request.node.get_closest_marker(MARKER)
    options = dict(marker.kwargs) if marker is not None else {}
    named = signature(MockDeployment.reset).parameters.values()
    known = [*ResetSettings.__annotations__, *(one.name for one in named if one.kind is one.KEYWORD_ONLY)]
    for name in options:
        if name not in known:
            pytest.fail(f"{MARKER}: unknown argument `{name}` (known: {', '.join(known)})", pytrace=False)
    if marker is not None and marker.args:
        pytest.fail(f"{MARKER}: use keyword arguments only, as in {MARKER}(script=...)", pytrace=False)
    options["script"] = _beside(request.path.parent, options.get("script"))
    try:
        # Read here, so that a mistake fails the test in one line. Scripts that are read are accepted as well.
        read = read_graphs(options["script"], options.get("graph"))
        options["script"] = None if options["script"] is None else read
    except ScriptError as error:
        pytest.fail(f"{MARKER}: {error}", pytrace=False)
    return options


def _beside(folder: Path, script: Any) -> Any:
    """Return a script of a marker with the names of files as paths relative to the test."""
    if isinstance(script, dict):
        return {name: _beside(folder, one) for name, one in script.items()}
    if isinstance(script, (list, tuple)):
        return [_beside(folder, one) for one in script]
    if isinstance(script, str) and script and "\n" not in script and (folder / script).exists():
        # Not relative to the working directory, because a test must not depend on where pytest was started.
        return folder / script
    return script


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001 - the hook's signature
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the log of the deployment to the report of a failed test."""
    report = yield
    if report.failed and report.when != "teardown" and DEPLOYMENT in item.stash:
        report.sections.append(("mock deployment", item.stash[DEPLOYMENT].log() or "no request was received"))
    return report
