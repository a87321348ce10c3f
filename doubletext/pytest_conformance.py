"""The part of the suite's pytest plugin that every run of pytest loads: the options and one fixture.

A run that selects the suite, or gives one of the options, loads the rest, `conformance.pytest_plugin`, with markers,
reports and exit codes. Any other run finds nothing of the suite but what is in this module, and imports nothing more.
That also keeps `conformance` importable for a project that has a package of this name: if this plugin imported ours,
Python would never look for theirs.
"""

from __future__ import annotations

import argparse
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from doubletext import packages
from doubletext.environment import HEADER_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from syrupy.assertion import SnapshotAssertion

OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "--deployment-url": {
        "action": "append",
        "metavar": "[NAME=]URL",
        "help": "deployment to judge, and what it is to be called; repeatable; left out: the embedded mock",
    },
    "--deployment-assistant": {
        "metavar": "ID",
        "help": "name or id of the probe agent there (default: agent)",
    },
    "--deployment-header": {
        "action": "append",
        "metavar": "'NAME: VALUE'",
        "help": "header of every request; repeatable; never shown or recorded; also, one per line, from the "
        f"environment variable {HEADER_VARIABLE}",
    },
    "--deployment-ca": {
        "metavar": "FILE",
        "help": "PEM file of certificates to trust beside the usual ones, for a deployment with a private CA",
    },
    "--deployment-cert": {
        "metavar": "FILE",
        "help": "PEM file of the certificate, and of the key where --deployment-key is left out, for mutual TLS",
    },
    "--deployment-key": {"metavar": "FILE", "help": "PEM file of the key of --deployment-cert, without a passphrase"},
    "--deployment-proxy": {
        "metavar": "URL",
        "help": "HTTP proxy on the way to every deployment; variables such as HTTPS_PROXY do not count",
    },
    "--deployment-profile": {
        "metavar": "NAME_OR_PATH",
        "help": "what the vendor declares: the name of a profile that is shipped, or a TOML file",
    },
    "--conformance-level": {
        "choices": ("must", "should", "profile"),
        "help": "judge only what is a MUST; MUST and SHOULD; or all, with the documented freedoms (default)",
    },
    "--conformance-strict": {"action": "store_true", "help": "a broken SHOULD fails the run, too"},
    "--conformance-report": {"metavar": "DIR", "help": "write report.json and the transcripts to DIR"},
    "--conformance-deadline-scale": {
        "type": float,
        "metavar": "X",
        "help": "multiply every deadline by X, for slow deployments (default: 1)",
    },
    "--conformance-jobs": {
        "type": int,
        "metavar": "N",
        "help": "scenarios played at a time (default: 8 on the embedded mock, 1 on a URL; "
        "each needs up to two free workers)",
    },
    "--conformance-witness-host": {
        "metavar": "HOST",
        "help": "name or address under which the deployment reaches this machine (default: 127.0.0.1)",
    },
}
"""The suite's options, as argparse takes them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options; raise UsageError when another plugin declared one of them."""
    group = parser.getgroup("doubletext", "conformance of LangGraph Agent Servers (doubletext)")
    with _clash_explained():
        for name, settings in OPTIONS.items():
            group.addoption(name, **settings)
        _build(parser, ())


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: Sequence[str]) -> Generator[None, object, object]:
    """Raise UsageError when a conftest.py declares one of our options."""
    with _clash_explained():
        loaded = yield
        _build(parser, args)
    return loaded


def _build(parser: pytest.Parser, args: Sequence[str]) -> None:
    """Let argparse see all options that were declared: pytest before 9 gives them to it only when it parses."""
    try:
        parser.parse_known_args(args)
    except pytest.UsageError:
        # pytest parses again, and then says what is wrong with the arguments.
        return


@contextmanager
def _clash_explained() -> Iterator[None]:
    """Turn the error of an option that is declared twice into one line, if the option is ours."""
    try:
        yield
    except (ValueError, argparse.ArgumentError) as error:
        for option in OPTIONS:
            if re.search(rf"(?<![\w-]){option}(?![\w-])|'{_dest(option)}'", str(error)):
                raise pytest.UsageError(
                    f"{option} is declared twice, by the conformance suite of doubletext and by another plugin or "
                    "conftest.py: switch the suite off with -p no:doubletext, or rename the other option"
                ) from None
        raise


def _dest(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def pytest_configure(config: pytest.Config) -> None:
    """Load the rest of the plugin for a run that is about the suite; raise UsageError where the suite is not ours."""
    values = {option: getattr(config.option, _dest(option)) for option in OPTIONS}
    # By identity, because a number that was given may be 0, which is equal to False.
    given = [option for option, value in values.items() if value is not None and value is not False]
    if given or _selects_suite(config):
        load(config, given[0] if given else "the conformance suite")


def load(config: pytest.Config, used: str) -> None:
    """Load the rest of the plugin, once; raise UsageError, about what was `used`, where the suite is not ours."""
    problem = packages.problem("conformance")
    if problem is not None:
        raise pytest.UsageError(f"{used}: {problem}")
    from conformance import pytest_plugin

    if not config.pluginmanager.is_registered(pytest_plugin):
        config.pluginmanager.register(pytest_plugin, "doubletext-suite")


def _selects_suite(config: pytest.Config) -> bool:
    """Return whether an argument of the run, or of its `testpaths`, leads to the suite.

    pytest has collected nothing yet, but the markers and pytest-xdist's scheduler are needed now.
    """
    found = packages.found("conformance")
    suite = found.resolve() if found is not None and packages.is_marked(found) else None
    for argument in config.args:
        name = argument.partition("::")[0]
        if config.option.pyargs and suite is not None and name.partition(".")[0] == "conformance":
            return True
        path = (config.invocation_params.dir / name).resolve()
        # In a checkout, which need not be the one that is installed: the folder `conformance`, or what is in it, or
        # the folder that holds it.
        if any(_is_suite(folder) for folder in (path, *path.parents, path / "conformance")):
            return True
        # A folder further up. Not where packages are installed: pytest does not look into virtual environments.
        if suite is not None and path in suite.parents and not {"site-packages", "dist-packages"} & set(suite.parts):
            return True
    return False


def _is_suite(folder: Path) -> bool:
    return folder.name == "conformance" and packages.is_marked(folder)


@pytest.fixture
def thread_state_snapshot(request: pytest.FixtureRequest) -> SnapshotAssertion:
    """The kept state of a thread: `assert await read_thread(client, thread_id) == thread_state_snapshot`."""
    problem = packages.problem("conformance")
    if problem is not None:
        pytest.fail(f"the fixture thread_state_snapshot: {problem}", pytrace=False)
    try:
        snapshot: SnapshotAssertion = request.getfixturevalue("snapshot")
    except pytest.FixtureLookupError:
        pytest.fail("thread_state_snapshot needs syrupy: pip install 'doubletext[suite,snapshots]'", pytrace=False)
    from conformance.snapshots.extension import ThreadStateSnapshot

    return snapshot.use_extension(ThreadStateSnapshot)
