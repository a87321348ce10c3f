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


@pytest.mark.slow
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


def test_who_does_not_ask_for_it_pays_nothing(starting_pytester: pytest.Pytester) -> None:
    starting_pytester.makepyfile(
        """
import sys

def test_nothing():
    assert "aiohttp" not in sys.modules
    assert "mockserver.deployment" not in sys.modules
"""
    )
    starting_pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


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


def test_a_marker_that_is_misspelled_or_without_its_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

@pytest.mark.mock_deploymnt(seed=1)
def test_one(mock_deployment):
    pass
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*::test_one: there is no marker `mock_deploymnt`. Did you mean `mock_deployment`?"])
    pytester.makepyfile(
        """
import pytest

@pytest.mark.mock_deployment(seed=1)
def test_one():
    pass
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*the marker mock_deployment has no effect without the fixture. Add the argument*"])


def test_values_of_the_marker_are_refused_in_one_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

@pytest.mark.mock_deployment(defects="gost_run")
def test_defect(mock_deployment):
    pass

@pytest.mark.mock_deployment(faults="kut@2")
def test_fault(mock_deployment):
    pass

@pytest.mark.mock_deployment(time="fast")
def test_time(mock_deployment):
    pass

@pytest.mark.mock_deployment(seed="7")
def test_seed(mock_deployment):
    pass

@pytest.mark.mock_deployment(script="mien.yaml")
def test_script(mock_deployment):
    pass
"""
    )
    (pytester.path / "mine.yaml").write_text("turns: [{steps: [{say: Here.}]}]")
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(errors=5)
    result.stdout.fnmatch_lines(
        [
            "mock_deployment: there is no defect `gost_run`*the nearest is `ghost_run`*",
            "mock_deployment: there is no fault `kut`. Did you mean `cut`?*",
            "mock_deployment: there is no time mode `fast`. Did you mean `instant`?*",
            "mock_deployment: the setting `seed` is `7`. Give a whole number",
            "mock_deployment: there is no file mien.yaml in *. Did you mean mine.yaml?",
        ]
    )
    result.stdout.no_fnmatch_line("*During handling*")


def test_scripts_and_deadlines_of_the_fixture(pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("inner")
    (folder / "mine.yaml").write_text("turns: [{steps: [{say: Beside the test.}]}]")
    (pytester.path / "other.yaml").write_text("turns: [{steps: [{say: Where pytest began.}]}]")
    (folder / "test_it.py").write_text(
        APPLICATION
        + """
from mockserver import DeadlineError

def test_load(mock_deployment):
    mock_deployment.load_script("mine.yaml")
    assert ask(mock_deployment.url, "x")[1] == "Beside the test."
    mock_deployment.reset(script="mine.yaml")
    assert ask(mock_deployment.url, "x")[1] == "Beside the test."
    mock_deployment.load_script("other.yaml")
    assert ask(mock_deployment.url, "x")[1] == "Where pytest began."

@pytest.mark.mock_deployment(deadline=0.05)
def test_deadline(mock_deployment):
    with pytest.raises(DeadlineError, match="after 0.05 s"):
        mock_deployment.wait_for_request("DELETE")
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=2)


def test_a_test_that_is_run_again_has_other_ids(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    # As plugins do that run a test again after a failure.
    for _ in range(2):
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
    )
    pytester.makepyfile(
        APPLICATION
        + """
threads = set()

def test_ids(mock_deployment):
    threads.add(ask(mock_deployment.url, "x")[0])

def test_after():
    assert len(threads) == 2
"""
    )
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=4)


def test_a_failure_shows_the_line_of_the_test_and_the_log_of_any_deployment(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        APPLICATION
        + """
from mockserver import MockDeployment

def test_shared(mock_deployment):
    mock_deployment.wait_for_status("success", "nowhere")

def test_own():
    with MockDeployment() as mock:
        ask(mock.url, "hello")
        mock.assert_not_requested("POST", "/threads")

def test_after():
    raise ValueError
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "--tb=short")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "test_*.py:*: in test_shared",
            "*mock_deployment.wait_for_status(*",
            "E   mockserver.control.errors.ControlError: there is no thread nowhere*there are no threads",
            "*no request was received",
            "test_*.py:*: in test_own",
            '*mock.assert_not_requested("POST", "/threads")',
            "E   AssertionError: expected 0 matching requests, received 1, that match POST /threads:",
            "*- mock deployment -*",
            "*POST /threads/*/runs/wait -> 200",
        ]
    )
    text = result.stdout.str()
    assert "mock_deployment.py" not in text
    assert text.count("- mock deployment -") == 2


def test_a_test_does_not_stop_what_others_use(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import asyncio
import pytest

def test_with(mock_deployment):
    with mock_deployment:
        pass

def test_stop(mock_deployment):
    mock_deployment.stop()

def test_async_with(mock_deployment):
    async def use():
        async with mock_deployment:
            pass
    asyncio.run(use())

def test_other(mock_deployment):
    assert mock_deployment.threads() == []
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(["*UsageError: the fixture starts and stops this deployment*without `with`*"] * 3)


def test_a_coroutine_that_is_not_awaited_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import asyncio

def test_forgotten(mock_deployment):
    mock_deployment.aio.assert_requested("POST", "*/cancel")

def test_awaited(mock_deployment):
    async def use():
        await mock_deployment.aio.hold("agent:1/enter")
        await asyncio.create_task(mock_deployment.aio.release())
    asyncio.run(use())
    asyncio.run(mock_deployment.aio.wait_until_quiet())

tasks = []

async def begin(mock_deployment):
    tasks.append(asyncio.ensure_future(mock_deployment.aio.wait_for_request("POST", "*/cancel")))
    await asyncio.sleep(0)

def test_pending(mock_deployment):
    loop = asyncio.new_event_loop()
    tasks.append(loop)
    loop.run_until_complete(begin(mock_deployment))

def test_failed(mock_deployment):
    mock_deployment.aio.hold("agent:1/enter")
    assert False
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "-W", "error")
    result.assert_outcomes(passed=3, failed=1, errors=2)
    result.stdout.fnmatch_lines(
        [
            "mock_deployment: *_fails_the_test.py:4: aio.assert_requested(...) was called and not awaited*",
            "mock_deployment: *_fails_the_test.py:16: aio.wait_for_request(...) was still waiting when the test ended*",
        ]
    )


HELD = """
import httpx

def begin(mock):
    mock.hold("agent:2/token")
    with httpx.Client(base_url=mock.url, timeout=60) as http:
        thread = http.post("/threads", json={}).json()["thread_id"]
        order = {"assistant_id": "agent", "input": {"messages": "what's the weather in sf?"}}
        http.post(f"/threads/{thread}/runs", json=order)

def test_held(mock_deployment):
    begin(mock_deployment)

def test_released(mock_deployment):
    begin(mock_deployment)
    mock_deployment.release()

def test_failed(mock_deployment):
    begin(mock_deployment)
    assert False
"""


def test_a_run_that_is_held_at_the_end_of_a_test_that_passes_is_reported(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HELD)
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=2, failed=1, warnings=1)
    result.stdout.fnmatch_lines(
        ["*mock_deployment: the test ended while run * was held at agent:2/token. Call mock_deployment.release()*"]
    )


def test_a_filter_makes_a_run_that_is_held_at_the_end_a_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HELD)
    pytester.makeini("[pytest]\nfilterwarnings = error:mock_deployment:pytest.PytestWarning\n")
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=2, failed=1, errors=1)
    # The reason alone, without the lines of the plugin.
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_held*",
            "mock_deployment: the test ended while run * was held at agent:2/token. Call mock_deployment.release()*",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_mock.py*")


def test_the_requests_of_a_failed_test_have_the_reasons_of_refusals(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import httpx

def test_refused(mock_deployment):
    httpx.post(f"{mock_deployment.url}/threads", json={"metadata": 5})
    httpx.get(f"{mock_deployment.url}/threads/4d2f0c52-6b9c-4b2e-9d8c-0f6f1f3f7a11")
    httpx.post(f"{mock_deployment.url}/threads", json={})
    assert False
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.stdout.fnmatch_lines(
        [
            "E *assert False",
            "*POST /threads -> 422: Expected `object`, got `int` - at `$.metadata`*",
            "*GET /threads/4d2f0c52-6b9c-4b2e-9d8c-0f6f1f3f7a11 -> 404: *not found*",
            "*POST /threads -> 200",
        ]
    )


def test_the_marker_refuses_a_deadline_and_names_the_right_word(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

@pytest.mark.mock_deployment(deadline="5")
def test_deadline(mock_deployment): ...

@pytest.mark.mock_deployment(timeout=5)
def test_timeout(mock_deployment): ...

@pytest.mark.mock_deployment(workers=1)
def test_workers(mock_deployment): ...
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(
        [
            "mock_deployment: the deadline is `5`. Give seconds above 0 and up to 300",
            "mock_deployment: there is no argument `timeout`. Did you mean `deadline`?*",
            "mock_deployment: there is no argument `workers`.*It is one of MockDeployment(...)",
        ]
    )
