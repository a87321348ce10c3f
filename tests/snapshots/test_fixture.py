"""The fixture `thread_state_snapshot`, as anybody's tests use it."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TEST = """
    import msgspec, pytest
    from langgraph_sdk import get_client
    import mockserver
    from conformance.snapshots import read_thread, render

    async def play(strategy):
        async with mockserver.serving() as url, get_client(url=url) as client:
            thread = await client.threads.create()
            run = await client.runs.wait(
                thread["thread_id"], "agent", input={{"messages": [{{"role": "user", "content": "{text}"}}]}}
            )
            return await read_thread(client, thread["thread_id"])

    def test_state(thread_state_snapshot):
        import asyncio
        assert asyncio.run(play("enqueue")) == thread_state_snapshot
"""


PLUGIN = ("-p", "doubletext.pytest_conformance", "-p", "no:cacheprovider")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the plugins that happen to be installed, this one included: it is named on the command line."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, text: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=TEST.format(text=text))
    # In a process of its own: syrupy keeps what it has seen for the whole of a process.
    return pytester.runpytest_subprocess(*PLUGIN, "-p", "syrupy", *arguments)


def test_a_state_is_kept_and_a_change_is_told_in_words(pytester: pytest.Pytester) -> None:
    run(pytester, "hello", "--snapshot-update").assert_outcomes(passed=1)
    [kept] = pytester.path.rglob("*.thread")
    assert "message 1, human: hello" in kept.read_text("utf-8")
    run(pytester, "hello").assert_outcomes(passed=1)
    failed = run(pytester, "goodbye")
    failed.assert_outcomes(failed=1)
    # The whole difference, which pytest cuts to eight lines without -vv.
    whole = "*Captured thread state (- kept, + now) call*"
    failed.stdout.fnmatch_lines([whole, "*- *message 1, human: hello*", "*+ *message 1, human: goodbye*"])


def test_what_is_no_state_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it="def test_state(thread_state_snapshot):\n    assert 7 == thread_state_snapshot\n")
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "syrupy")
    result.stdout.fnmatch_lines(["*expected a thread's state, as read_thread returns it, not int*"])


def test_without_syrupy_the_remedy_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it="def test_state(thread_state_snapshot):\n    pass\n")
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.stdout.fnmatch_lines(["*thread_state_snapshot needs syrupy: pip install 'doubletext?suite,snapshots?'*"])
