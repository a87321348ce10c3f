"""Mistakes in the use of the fixtures and of the marker, and the advice in the report of the test."""

from __future__ import annotations

import pytest

import doubletext
from tests.mockserver.test_mock_plugin import PLUGIN


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the plugins that happen to be installed, this one included: it is named on the command line."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


def test_the_marker_of_a_class_is_laid_under_that_of_its_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

pytestmark = pytest.mark.mock_deployment(deadline=3)

@pytest.mark.mock_deployment(time="hand", deadline=2)
class TestByHand:
    @pytest.mark.mock_deployment(graph="mine")
    def test_both(self, mock_deployment):
        assert mock_deployment.advance(5) == 5
        assert mock_deployment.deadline == 2
        mock_deployment.set_time("instant")
        assert list(mock_deployment.controller.engine.threads.graphs) == ["mine"]

    @pytest.mark.mock_deployment(time="real")
    def test_closest(self, mock_deployment):
        with pytest.raises(Exception, match="real time cannot be advanced"):
            mock_deployment.advance(5)

def test_module(mock_deployment):
    assert mock_deployment.deadline == 3
"""
    )
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=3)


def test_a_fixture_of_a_wider_scope_or_another_name_is_led_to_the_right_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

@pytest.fixture(scope="module")
def app(mock_deployment): ...

def test_scope(app): ...

def test_name(mock_deploymnt): ...

def test_url(mock_deployments_url): ...

def test_short(mock_server_url): ...

def test_other(database): ...

def test_mocker(mocker, respx_mock): ...

def test_respx(respx_mock): ...
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(errors=7)
    result.stdout.fnmatch_lines(
        [
            "a fixture with the scope `module` takes `mock_deployment_url`. The URL is the same in all tests",
            "did you mean the fixture `mock_deployment`?",
            "did you mean the fixture `mock_deployment_url`?",
            "did you mean the fixture `mock_deployment_url`?",
        ]
    )
    assert str(result.stdout).count("did you mean the fixture") == 3


def test_a_script_that_is_not_there_shows_the_line_of_the_test_only(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
def test_load(mock_deployment):
    mock_deployment.load_script("refund.yaml")
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">   *mock_deployment.load_script(*", "E   *there is no file refund.yaml in *"])
    result.stdout.no_fnmatch_line("*sources.py*")


def test_the_mock_is_not_imported_from_the_distribution() -> None:
    with pytest.raises(ImportError, match="Write `from mockserver import MockDeployment`"):
        exec("from doubletext import MockDeployment", {})
    assert getattr(doubletext, "Nothing", None) is None
