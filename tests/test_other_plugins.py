"""Our options beside those of other people's plugins, in pytest runs of their own."""

from __future__ import annotations

import pytest

OURS = ("-p", "doubletext.pytest_conformance", "-p", "no:cacheprovider")
THEIRS = """
def pytest_addoption(parser):
    parser.addoption("{option}", action="store")
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    """Run pytest without the installed plugins. Ours is named on the command line, first or last."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    pytester.makepyfile(test_mine="def test_mine(pytestconfig): pass")


def refused(result: pytest.RunResult, option: str) -> bool:
    """Return whether pytest ended with one line about an option, and the way to switch ours off."""
    lines = [line for line in result.errlines if line]
    return (
        result.ret == pytest.ExitCode.USAGE_ERROR
        and len(lines) == 1
        and lines[0].startswith(f"ERROR: {option} is declared twice, by the conformance suite of doubletext and by ")
        and "-p no:doubletext" in lines[0]
    )


@pytest.mark.parametrize("option", ["--deployment-url", "--conformance-report"])
@pytest.mark.parametrize("arguments", [(), ("--deployment-url=http://127.0.0.1:1",)])
def test_an_option_of_a_conftest_that_is_ours_too(
    pytester: pytest.Pytester, option: str, arguments: tuple[str, ...]
) -> None:
    pytester.makeconftest(THEIRS.format(option=option))
    assert refused(pytester.runpytest_subprocess(*OURS, *arguments), option)


@pytest.mark.parametrize("ours_first", [True, False])
def test_an_option_of_a_plugin_that_is_ours_too(pytester: pytest.Pytester, *, ours_first: bool) -> None:
    pytester.makepyfile(their_plugin=THEIRS.format(option="--deployment-url"))
    theirs = ("-p", "their_plugin")
    if ours_first:
        # Their conftest.py names the plugin.
        pytester.makeconftest("pytest_plugins = ['their_plugin']")
        result = pytester.runpytest_subprocess(*OURS)
    else:
        result = pytester.runpytest_subprocess(*theirs, *OURS)
    assert refused(result, "--deployment-url")


def test_an_option_with_another_name_that_begins_like_ours(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(THEIRS.format(option="--deployment-url-of-theirs"))
    pytester.runpytest_subprocess(*OURS).assert_outcomes(passed=1)


def test_a_clash_that_is_not_about_ours_stays_as_it_is(pytester: pytest.Pytester) -> None:
    option = THEIRS.format(option="--deployment-url-of-theirs")
    pytester.makeconftest(option)
    pytester.makepyfile(their_plugin=option)
    result = pytester.runpytest_subprocess(*OURS, "-p", "their_plugin")
    assert result.ret != pytest.ExitCode.OK
    assert "doubletext and by" not in result.stderr.str()


def test_the_suite_switched_off_leaves_the_option_to_the_conftest(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    pytester.makeconftest(THEIRS.format(option="--deployment-url"))
    arguments = ("-p", "no:cacheprovider", "--deployment-url=there")
    assert refused(pytester.runpytest_subprocess(*arguments), "--deployment-url")
    pytester.makepyfile(test_mine="def test_mine(pytestconfig): assert pytestconfig.option.deployment_url == 'there'")
    pytester.runpytest_subprocess(*arguments, "-p", "no:doubletext").assert_outcomes(passed=1)
