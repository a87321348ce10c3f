"""The fixtures for application teams, in pytest runs of their own."""

from __future__ import annotations

import pytest

PLUGIN = ("-p", "doubletext.pytest_mock", "-p", "no:cacheprovider")

APPLICATION = """
import httpx
import pytest

def ask(url, text, **more):
    with httpx.Client(base_url=url, timeout=60) as http:
        thread = http.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "agent", "input": {"messages": text}, **more}
        return thread, http.post(f"/threads/{thread}/runs/wait", json=body).json()["messages"][-1]["content"]
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the plugins that happen to be installed, this one included: it is named on the command line."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


def test_every_test_finds_its_deployment_as_new_under_one_url(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        APPLICATION
        + """
urls, threads = set(), set()

@pytest.mark.parametrize("number", range(3))
def test_one(mock_deployment, mock_deployment_url, number):
    assert mock_deployment.threads() == []
    thread, said = ask(mock_deployment_url, "hello")
    assert (said, mock_deployment.url) == ("You said: hello", mock_deployment_url)
    assert len(mock_deployment.journal()) == 2
    urls.add(mock_deployment_url)
    threads.add(thread)

def test_only_the_url(mock_deployment_url):
    assert httpx.post(f"{mock_deployment_url}/threads/search", json={}).json() == []

def test_all():
    assert (len(urls), len(threads)) == (1, 3)

@pytest.mark.mock_deployment(script="turns: [{steps: [{say: Mine., takes: 30}]}]", time="hand", seed=1)
def test_marked(mock_deployment):
    assert mock_deployment.advance(2) == 2
    mock_deployment.set_time("instant")
    assert ask(mock_deployment.url, "hello")[1] == "Mine."

def test_after_it(mock_deployment):
    assert ask(mock_deployment.url, "hello")[1] == "You said: hello"
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "--strict-markers", "-W", "error")
    result.assert_outcomes(passed=7)


def test_the_marker_takes_several_scripts_and_names_the_built_in_graph(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        APPLICATION
        + """
def graphs(url):
    found = httpx.post(f"{url}/assistants/search", json={"sort_by": "name", "sort_order": "asc"}).json()
    return [one["graph_id"] for one in found]

@pytest.mark.mock_deployment(script={"one": "scripts/a.yaml", "two": "turns: [{steps: [{say: Two.}]}]"})
def test_names(mock_deployment):
    assert graphs(mock_deployment.url) == ["one", "two"]

@pytest.mark.mock_deployment(script=["scripts/a.yaml", {"two": "scripts/b.yaml"}])
def test_list(mock_deployment):
    assert graphs(mock_deployment.url) == ["agent", "two"]

@pytest.mark.mock_deployment(script="scripts")
def test_folder(mock_deployment):
    assert graphs(mock_deployment.url) == ["a", "b"]

@pytest.mark.mock_deployment(graph="chat")
def test_built_in(mock_deployment):
    assert graphs(mock_deployment.url) == ["chat"]

@pytest.mark.mock_deployment(graph="chat", script="scripts")
def test_both(mock_deployment):
    pass
"""
    )
    scripts = pytester.mkdir("scripts")
    for name in ("a", "b"):
        (scripts / f"{name}.yaml").write_text("turns: [{steps: [{say: Here.}]}]")
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(["mock_deployment: `chat` cannot name the built-in graph, which is there only *"])


def test_the_log_is_shown_with_a_failing_test_only(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        APPLICATION
        + """
def test_good(mock_deployment):
    ask(mock_deployment.url, "good")

def test_bad(mock_deployment):
    ask(mock_deployment.url, "bad", multitask_strategy="reject")
    mock_deployment.assert_requested("POST", "*/runs/wait", strategy="interrupt")
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert text.count("- mock deployment -") == 1
    result.stdout.fnmatch_lines(
        [
            'E*AssertionError: no request matches POST */runs/wait strategy="interrupt"; the most similar of 2:',
            'E*POST /threads/*/runs/wait reject -> 200*(strategy "reject")',
            "*- mock deployment -*",
            "*1 * POST /threads -> 200",
            "*2 * POST /threads/*/runs/wait reject -> 200",
        ]
    )


def test_tests_in_parallel_do_not_disturb_each_other(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        APPLICATION
        + """
@pytest.mark.parametrize("number", range(8))
def test_one(mock_deployment, number):
    ask(mock_deployment.url, f"hello {number}")
    assert len(mock_deployment.threads()) == 1
    mock_deployment.assert_requested("POST", "*/runs/wait", input={"messages": f"hello {number}"}, times=1)
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "xdist", "-n", "2")
    result.assert_outcomes(passed=8)


def test_who_does_not_ask_for_it_pays_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import sys

def test_nothing():
    assert "aiohttp" not in sys.modules
    assert "mockserver.deployment" not in sys.modules
"""
    )
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


def test_what_the_marker_does_not_take_is_an_error_of_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

@pytest.mark.mock_deployment(scripts="x")
def test_one(mock_deployment):
    pass

@pytest.mark.mock_deployment("x.yaml")
def test_two(mock_deployment):
    pass

@pytest.mark.mock_deployment(script="turn: []\\n")
def test_three(mock_deployment):
    pass

@pytest.mark.mock_deployment(script="beside.yaml")
def test_four(mock_deployment):
    pass
"""
    )
    (pytester.path / "beside.yaml").write_text("turns: [{steps: [{say: Here.}]}]")
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(errors=3, passed=1)
    result.stdout.fnmatch_lines(
        [
            "mock_deployment: there is no argument `scripts`. Did you mean `script`? "
            "The arguments are script, graph, seed, defects, faults, strict, time, scale, deadline",
            "mock_deployment: use keyword arguments only, as in mock_deployment(script=...)",
            "mock_deployment: script:1:1: unknown key `turn`. Did you mean `turns`? *",
        ]
    )
