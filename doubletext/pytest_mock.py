"""The pytest plugin of the mock: a deployment for every test that asks for one.

It is loaded into every pytest run of an environment that has doubletext installed, so it imports nothing of the mock
until a test asks for it. All tests of a process share one server; each finds it as new.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from doubletext import packages

if TYPE_CHECKING:
    from mockserver.deployment import MockDeployment

DEPLOYMENT: pytest.StashKey[MockDeployment] = pytest.StashKey()
MARKER = "mock_deployment"


def pytest_configure(config: pytest.Config) -> None:
    """Tell what the marker takes."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(script, time, scale, seed, defects, faults): how the test finds its mock deployment, see "
        "mockserver.MockDeployment.reset",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that only asks for the URL is to find the deployment as new, too."""
    for item in items:
        names: list[str] = getattr(item, "fixturenames", [])
        if "mock_deployment_url" in names and "mock_deployment" not in names:
            names.append("mock_deployment")


@pytest.fixture(scope="session")
def _mock_deployment_server() -> Iterator[MockDeployment]:
    problem = packages.problem("mockserver")
    if problem is not None:
        pytest.fail(f"the fixture mock_deployment: {problem}", pytrace=False)
    from mockserver.deployment import MockDeployment

    with MockDeployment() as server:
        yield server


@pytest.fixture(scope="session")
def mock_deployment_url(_mock_deployment_server: MockDeployment) -> str:
    """Where the mock deployment listens; the same in all tests of a process, so an application may keep it."""
    return _mock_deployment_server.url


@pytest.fixture
def mock_deployment(
    request: pytest.FixtureRequest, _mock_deployment_server: MockDeployment
) -> Iterator[MockDeployment]:
    """A mock deployment, as new; `@pytest.mark.mock_deployment(...)` configures it."""
    deployment = _mock_deployment_server
    # Ids that are the same in every run of a test, and others than those of the test before.
    deployment.reset(**{"seed": crc32(request.node.nodeid.encode()), **_options(request)})
    request.node.stash[DEPLOYMENT] = deployment
    yield deployment
    deployment.reset()


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the marker of a test says; ends the test where that cannot be."""
    from inspect import signature

    from mockserver.deployment import MockDeployment
    from mockserver.script.load import ScriptError, read_script
    from mockserver.settings import ResetSettings

    marker = request.node.get_closest_marker(MARKER)
    options = dict(marker.kwargs) if marker is not None else {}
    named = signature(MockDeployment.reset).parameters.values()
    known = [*ResetSettings.__annotations__, *(one.name for one in named if one.kind is one.KEYWORD_ONLY)]
    for name in options:
        if name not in known:
            pytest.fail(f"the marker {MARKER} takes no {name!r}, but {', '.join(known)}", pytrace=False)
    if marker is not None and marker.args:
        pytest.fail(f"the marker {MARKER} takes names only: {MARKER}(script=...)", pytrace=False)
    script = options.get("script")
    if isinstance(script, str) and "\n" not in script and (request.path.parent / script).is_file():
        # A file beside the test, wherever pytest was started.
        options["script"] = request.path.parent / script
    try:
        options["script"] = read_script(options.get("script"))
    except ScriptError as error:
        pytest.fail(f"the marker {MARKER}: {error}", pytrace=False)
    return options


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001 - the hook's signature
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the deployment saw with a test that failed, and only with that."""
    report = yield
    if report.failed and report.when != "teardown" and DEPLOYMENT in item.stash:
        report.sections.append(("mock deployment", item.stash[DEPLOYMENT].log() or "no request came"))
    return report
