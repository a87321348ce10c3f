"""The part of the suite's pytest plugin that every pytest run loads: the options and one fixture.

A run that selects the suite or has one of its options loads `conformance.pytest_plugin`, with the markers, the reports
and the exit codes. Any other run imports nothing else of the suite. This also protects a project that has a package
`conformance` of its own. If this plugin imported the suite's package, every later `import conformance` of the project
would find the suite.
"""

from __future__ import annotations

import argparse
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from doubletext import packages
from doubletext.deployment_options import DEADLINE_SCALE, DEPLOYMENT, WITNESS_HOST

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from syrupy.assertion import SnapshotAssertion

OPTIONS: Final[dict[str, dict[str, Any]]] = {
    **DEPLOYMENT,
    "--conformance-level": {
        "choices": ("must", "should", "profile"),
        "help": "the requirements to judge: MUST only, MUST and SHOULD, or all of them with PROFILE (default)",
    },
    "--conformance-tier": {
        "choices": ("smoke", "core", "full"),
        "help": "the scenarios to play: about ten for a first verdict within a minute, those that together detect all "
        "known faults, or all scenarios (default)",
    },
    "--conformance-strict": {"action": "store_true", "help": "fail the run for a broken SHOULD, too"},
    "--conformance-report": {"metavar": "DIR", "help": "write the reports and the transcripts to DIR"},
    "--conformance-resume": {
        "metavar": "DIR",
        "help": "continue a run that ended early: judge the transcripts in DIR, play what is missing, and write the "
        "report there (or to --conformance-report)",
    },
    "--conformance-explore": {
        "type": float,
        "metavar": "SECONDS",
        "help": "also explore each deployment for SECONDS with random histories, after all scenarios (needs "
        "doubletext[explore])",
    },
    "--conformance-deadline-scale": DEADLINE_SCALE,
    "--conformance-jobs": {
        "metavar": "N",
        "help": "play N scenarios at a time, or with `auto` as many as the deployment has free workers for (default: 8 "
        "on the embedded mock, auto on a URL)",
    },
    "--conformance-witness-host": WITNESS_HOST,
}
"""The options of the suite, with their settings for argparse."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options. Raise UsageError if another plugin has declared one of them."""
    group = parser.getgroup("doubletext", "conformance of LangGraph Agent Servers (doubletext)")
    with _duplicates_explained():
        for name, settings in OPTIONS.items():
            group.addoption(name, **settings)
        _build(parser, ())


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: Sequence[str]) -> Generator[None, object, object]:
    """Raise UsageError if a conftest.py declares one of the suite's options."""
    with _duplicates_explained():
        loaded = yield
        _build(parser, args)
    return loaded


def _build(parser: pytest.Parser, args: Sequence[str]) -> None:
    """Make argparse check all declared options for duplicates.

    Before pytest 9 the options reach argparse only when pytest parses the command line. Its error would then be a
    traceback, outside of `_duplicates_explained`.
    """
    try:
        parser.parse_known_args(args)
    except pytest.UsageError:
        # pytest parses the arguments again and reports the error itself.
        return


@contextmanager
def _duplicates_explained() -> Iterator[None]:
    """Raise UsageError with one line in place of the error for an option of the suite that is declared twice."""
    try:
        yield
    except (ValueError, argparse.ArgumentError) as error:
        for option in OPTIONS:
            # The wording depends on the versions of pytest and argparse. Only the name of the option is always there.
            if re.search(rf"(?<![\w-]){option}(?![\w-])|'{_dest(option)}'", str(error)):
                raise pytest.UsageError(
                    f"{option} is declared twice, by the conformance suite of doubletext and by another plugin or "
                    "conftest.py. Disable the suite with -p no:doubletext, or rename the other option"
                ) from None
        raise


def _dest(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def pytest_configure(config: pytest.Config) -> None:
    """Load the rest of the plugin if the run concerns the suite. Raise UsageError if the suite cannot be imported."""
    values = {option: getattr(config.option, _dest(option)) for option in OPTIONS}
    # By identity, because 0 is a value of `--conformance-deadline-scale` and equal to False.
    given = [option for option, value in values.items() if value is not None and value is not False]
    if given or _selects_suite(config):
        load(config, given[0] if given else "the conformance suite")


def load(config: pytest.Config, used: str) -> None:
    """Load the rest of the plugin, once.

    Raise UsageError if the suite cannot be imported. `used` is the option or the feature that needs it.
    """
    problem = packages.problem("conformance")
    if problem is not None:
        raise pytest.UsageError(f"{used}: {problem}")
    from conformance import pytest_plugin

    if not config.pluginmanager.is_registered(pytest_plugin):
        config.stash[pytest_plugin.SELECTED] = _selects_suite(config)
        config.pluginmanager.register(pytest_plugin, "doubletext-suite")


def _selects_suite(config: pytest.Config) -> bool:
    """Return True if an argument of the run, or of its `testpaths`, selects the suite.

    This repeats a part of pytest's collection. It cannot wait for it: the markers and the scheduler of pytest-xdist are
    needed before pytest collects.
    """
    found = packages.found("conformance")
    suite = found.resolve() if found is not None and packages.is_marked(found) else None
    for argument in config.args:
        name = argument.partition("::")[0]
        if config.option.pyargs and suite is not None and name.partition(".")[0] == "conformance":
            return True
        path = (config.invocation_params.dir / name).resolve()
        # In a checkout, which may not be the installed one: the folder `conformance`, anything in it, or the folder
        # that contains it.
        if any(_is_suite(folder) for folder in (path, *path.parents, path / "conformance")):
            return True
        # A folder further up, but not that of an installed package: pytest does not collect from virtual environments.
        if suite is not None and path in suite.parents and not {"site-packages", "dist-packages"} & set(suite.parts):
            return True
    return False


def _is_suite(folder: Path) -> bool:
    return folder.name == "conformance" and packages.is_marked(folder)


@pytest.fixture
def thread_state_snapshot(request: pytest.FixtureRequest) -> SnapshotAssertion:
    """The stored state of a thread: `assert await read_thread(client, thread_id) == thread_state_snapshot`."""
    problem = packages.problem("conformance")
    if problem is not None:
        pytest.fail(f"thread_state_snapshot: {problem}", pytrace=False)
    try:
        snapshot: SnapshotAssertion = request.getfixturevalue("snapshot")
    except pytest.FixtureLookupError:
        # syrupy provides `snapshot`. The error of pytest would only list the fixtures that there are.
        pytest.fail("thread_state_snapshot needs syrupy: pip install 'doubletext[suite,snapshots]'", pytrace=False)
    from conformance.snapshots.extension import ThreadStateSnapshot

    # syrupy makes the extension itself, from the class alone.
    return snapshot.use_extension(type("ThreadStateSnapshot", (ThreadStateSnapshot,), {"item": request.node}))
