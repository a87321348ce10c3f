"""The pytest plugin of the mock: a deployment for every test that uses its fixtures.

Every pytest run in an environment with doubletext loads this plugin, so it imports the mock only when a test uses a
fixture. All tests of a process share one server, which is reset for each test. So an application under test can be
configured with its URL once.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from doubletext import packages

if TYPE_CHECKING:
    from mockserver.deployment import MockDeployment

DEPLOYMENT: pytest.StashKey[MockDeployment] = pytest.StashKey()
USES: pytest.StashKey[Counter[str]] = pytest.StashKey()
"""The number of times that each test has begun, which is more than one where a plugin runs it again."""
FAILED: pytest.StashKey[bool] = pytest.StashKey()
"""True for a test whose call has failed."""
MARKER = "mock_deployment"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.stash[USES] = Counter()
    config.addinivalue_line(
        "markers",
        f"{MARKER}(script, graph, time, scale, seed, defects, faults, strict, deadline): configure the mock deployment "
        "of the test, see mockserver.MockDeployment.reset",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Reset the deployment also for a test that uses only `mock_deployment_url`, and refuse markers without effect."""
    registered = {line.partition(":")[0].partition("(")[0].strip() for line in config.getini("markers")}
    for item in items:
        names: list[str] = getattr(item, "fixturenames", [])
        if "mock_deployment_url" in names and "mock_deployment" not in names:
            names.append("mock_deployment")
        for mark in item.own_markers:
            # Without --strict-markers pytest only warns, and the test would run with the built-in conversation.
            if mark.name not in registered and get_close_matches(mark.name, [MARKER], cutoff=0.8):
                raise pytest.UsageError(f"{item.nodeid}: there is no marker `{mark.name}`. Did you mean `{MARKER}`?")
            if mark.name == MARKER and MARKER not in names:
                # A warning, because the test may take the fixture with `request.getfixturevalue`.
                text = f"the marker {MARKER} has no effect without the fixture. Add the argument {MARKER} to the test"
                item.warn(pytest.PytestWarning(f"{item.nodeid}: {text}"))


@pytest.fixture(scope="session")
def _mock_deployment_server() -> Iterator[MockDeployment]:
    problem = packages.problem("mockserver")
    if problem is not None:
        pytest.fail(f"mock_deployment: {problem}", pytrace=False)
    from mockserver.deployment import MockDeployment

    with MockDeployment() as server:
        server.is_shared = True
        yield server
        server.is_shared = False


@pytest.fixture(scope="session")
def mock_deployment_url(_mock_deployment_server: MockDeployment) -> str:
    """The URL of the mock deployment. It is the same in all tests of a process, so an application may keep it."""
    return _mock_deployment_server.url


@pytest.fixture
def mock_deployment(
    request: pytest.FixtureRequest, _mock_deployment_server: MockDeployment
) -> Iterator[MockDeployment]:
    """A mock deployment in its initial state. `@pytest.mark.mock_deployment(...)` configures it."""
    from mockserver.control.controller import check_deadline

    deployment = _mock_deployment_server
    deployment.script_folder = request.path.parent
    options = _options(request)
    deadline = options.pop("deadline")
    uses = request.config.stash[USES]
    uses[request.node.nodeid] += 1
    # The ids are then the same in every run of a test, and differ from those of the other tests, and from those of the
    # same test when it is run again. crc32 and not hash(), which differs from process to process.
    again = f"#{uses[request.node.nodeid]}" if uses[request.node.nodeid] > 1 else ""
    seed = crc32(f"{request.node.nodeid}{again}".encode())
    problem = None
    try:
        check_deadline(deadline)
        deployment.reset(**{"seed": seed, **options})
    except _refusals() as error:
        problem = str(error)
    if problem is not None:
        # Outside the handler, which would print both errors.
        pytest.fail(f"{MARKER}: {problem}", pytrace=False)
    deployment.deadline = deadline
    request.node.stash[DEPLOYMENT] = deployment
    yield deployment
    forgotten = deployment.created.take()
    held = deployment.submit(deployment.controller.held_at_rest()).result()
    # Runs that the test has left in flight end here, and not in the middle of the next test.
    deployment.reset()
    if request.node.stash.get(FAILED, False):
        return
    if forgotten:
        # An assertion that did not run would be a test that passes for no reason.
        pytest.fail(f"{MARKER}: {forgotten[0].text(request.config.rootpath)}", pytrace=False)
    texts = [
        f"{MARKER}: the test ended while run {one.run_id} on thread {one.thread_id} was held at {one.point}. "
        f"Call {MARKER}.release() at its end"
        for one in held
    ]
    if _warned(request.node, texts):
        return
    pytest.fail("\n".join(texts), pytrace=False)


def _warned(item: pytest.Item, texts: list[str]) -> bool:
    """Show texts as warnings. Return False if a filter of the user makes one an error."""
    try:
        for text in texts:
            item.warn(pytest.PytestWarning(text))
    except pytest.PytestWarning:
        return False
    return True


def _refusals() -> tuple[type[Exception], ...]:
    """Return the errors of a wrong argument of the marker."""
    from mockserver.control.errors import UsageError
    from mockserver.defects import UnknownDefectError
    from mockserver.script.load import ScriptError
    from mockserver.web.faults import BadFaultError

    return (ScriptError, UnknownDefectError, BadFaultError, UsageError)


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the arguments of the test's marker. Fail the test if one of them is unknown."""
    from inspect import signature

    from mockserver.control.controller import DEADLINE
    from mockserver.deployment import MockDeployment
    from mockserver.settings import MEANT, ResetSettings, Settings
    from mockserver.words import unknown

    # Those of the class and the module as well. The closest one comes first, so each is laid over the ones behind it.
    markers = list(request.node.iter_markers(MARKER))
    options = {"deadline": DEADLINE}
    for marker in reversed(markers):
        options |= marker.kwargs
    named = signature(MockDeployment.reset).parameters.values()
    keywords = (one.name for one in named if one.kind is one.KEYWORD_ONLY)
    known = [*ResetSettings.__annotations__, *keywords, "deadline"]
    for name in options:
        if name not in known:
            problem = unknown("argument", name, known, meant={**MEANT, "timeout": "deadline"})
            where = ". It is one of MockDeployment(...)" if name in Settings.__annotations__ else ""
            pytest.fail(f"{MARKER}: {problem}{where}", pytrace=False)
    if any(marker.args for marker in markers):
        pytest.fail(f"{MARKER}: use keyword arguments only, as in {MARKER}(script=...)", pytrace=False)
    return options


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001 - the hook's signature
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the log of the deployment to the report of a failed test."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    if report.failed and report.when != "teardown":
        report.sections += [("mock deployment", text) for text in _logs(item)]
        if report.when == "setup":
            report.sections += [("mock deployment", text) for text in _advice(str(report.longrepr))]
    return report


def _advice(problem: str) -> list[str]:
    """Return what pytest does not say about a fixture of this plugin that cannot be used."""
    wider = re.search(rf"function scoped fixture {MARKER} with a (\w+) scoped", problem)
    if wider is not None:
        return [f"a fixture with the scope `{wider[1]}` takes `{MARKER}_url`. The URL is the same in all tests"]
    missing = re.search(r"fixture '(\w+)' not found", problem)
    name = missing[1] if missing is not None else ""
    near = get_close_matches(name, [MARKER, f"{MARKER}_url"], n=1, cutoff=0.6)
    if not near and name.startswith("mock") and not name.startswith("mocker"):
        # `mocker` is the fixture of pytest-mock, and those of other packages end with the word: `respx_mock`.
        near = [f"{MARKER}_url" if "url" in name else MARKER]
    return [f"did you mean the fixture `{near[0]}`?"] if near else []


def _logs(item: pytest.Item) -> list[str]:
    """Return the logs of the deployments that a failed test used: that of the fixture, and those that it started."""
    shared = item.stash.get(DEPLOYMENT, None)
    found = [shared.log() or "no request was received"] if shared is not None else []
    # Looked up and not imported: a test that uses no deployment does not pay for one.
    module = sys.modules.get("mockserver.deployment.commands")
    others = [one for one in getattr(module, "STARTED", ()) if one is not shared and not one.is_shared]
    return [*found, *filter(None, (one.log() for one in others))]


def pytest_runtest_teardown() -> None:
    """Forget the deployments that have stopped, which no later test used."""
    module = sys.modules.get("mockserver.deployment.commands")
    for other in list(getattr(module, "STARTED", ())):
        if not other.is_running:
            module.STARTED.discard(other)  # type: ignore[union-attr]  # it has deployments
