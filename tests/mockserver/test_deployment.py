"""`MockDeployment`: a deployment in the hands of a test, with `with` and with `async with`."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from mockserver.app import create_app
from mockserver.control.controller import ControlError, DeadlineError
from mockserver.defects import UnknownDefectError
from mockserver.deployment import MockDeployment
from mockserver.script.load import ScriptError
from mockserver.script.sources import read_scripts
from tests.mockserver.stage import asking


def begin(client: SyncLangGraphClient, **more: Any) -> tuple[str, str]:
    thread = client.threads.create()["thread_id"]
    run = client.runs.create(thread, "agent", input=asking("sf"), **more)
    return thread, run["run_id"]


def test_a_synchronous_test_holds_a_run_and_sees_it_interrupted() -> None:
    with MockDeployment() as mock, get_sync_client(url=mock.url) as client:
        mock.hold("tools:1/enter")
        thread, first = begin(client)
        held = mock.wait_until_held("tools:1/enter", thread_id=thread)
        assert (held.thread_id, held.run_id) == (thread, first)
        assert mock.state(thread)["next"] == ("tools",)
        mock.wait_for_status("busy", thread)
        second = client.runs.create(thread, "agent", input=asking("nyc"), multitask_strategy="interrupt")
        mock.wait_for_status("interrupted", thread, first)
        mock.release()
        mock.wait_for_status("success", thread, second["run_id"])
        assert [run["status"] for run in mock.runs(thread)] == ["interrupted", "success"]
        assert len(mock.checkpoints(thread)) == 8
        assert [one["thread_id"] for one in mock.threads()] == [thread]


async def test_an_async_test_waits_without_stopping_its_own_event_loop() -> None:
    async with MockDeployment() as mock, get_client(url=mock.url) as client:
        mock.hold("agent:2/token")
        thread = (await client.threads.create())["thread_id"]
        joined = asyncio.create_task(client.runs.wait(thread, "agent", input=asking("sf")))
        held = await mock.aio.wait_until_held("agent:2/token")
        entry = await mock.aio.wait_for_request("POST", "*/runs/wait")
        assert (entry.thread_id, entry.status) == (thread, 200)
        mock.release("agent:2/token")
        await mock.aio.wait_for_status("success", thread, held.run_id)
        await mock.aio.wait_until_quiet()
        values: Any = await joined
        assert len(values["messages"]) == 4


def test_after_a_reset_it_is_as_new() -> None:
    with MockDeployment() as mock, get_sync_client(url=mock.url) as client:
        before = begin(client)
        mock.wait_until_quiet()
        mock.defect_on("interrupt_as_enqueue")
        mock.fault("bad-gateway")
        mock.hold("agent:1/enter")
        mock.set_time("hand")
        mock.load_script("turns: [{steps: [{say: never}]}]")
        mock.reset(seed=0)
        assert (mock.threads(), mock.journal(), mock.held()) == ([], [], [])
        # The same seed and the same requests give the same ids, and nothing is left of what was set.
        assert begin(client) == before
        mock.wait_for_status("success", *before)
        mock.reset(seed=1, script="turns: [{steps: [{say: Another.}]}]", time="hand", defects=["interrupt_as_enqueue"])
        thread, run = begin(client)
        assert thread != before[0]
        mock.wait_for_status("success", thread, run)
        assert mock.state(thread)["values"]["messages"][-1]["content"] == "Another."
        mock.reset()
        mock.hold("agent:1/enter")
        thread, run = begin(client)
        mock.wait_until_held("agent:1/enter")
        mock.reset()
        assert mock.threads() == []


def test_a_script_for_one_thread_and_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("turns: [{steps: [{say: From a file.}]}]")
    with MockDeployment(script=path) as mock, get_sync_client(url=mock.url) as client:
        threads = [client.threads.create()["thread_id"] for _ in range(2)]
        mock.load_script("turns: [{steps: [{say: For one.}]}]", thread_id=threads[1])
        said = [client.runs.wait(thread, "agent", input=asking("sf")) for thread in threads]
        assert [values["messages"][-1]["content"] for values in said if isinstance(values, dict)] == [
            "From a file.",
            "For one.",
        ]
    with pytest.raises(ScriptError, match="unknown key `turn`"):
        read_scripts("turn: []\n")


def test_errors_tell_what_there_is_instead() -> None:
    with MockDeployment(deadline=0.2) as mock, get_sync_client(url=mock.url) as client:
        mock.hold("tools:1/enter")
        thread, run = begin(client)
        with pytest.raises(ControlError, match=r"no run is or would be held at `tools:2/enter`.*tools:1/enter"):
            mock.release("tools:2/enter")
        with pytest.raises(DeadlineError, match=f"run {run} has status `running`, expected `success`"):
            mock.wait_for_status("success", thread, run)
        mock.hold("agent:9/enter")
        with pytest.raises(DeadlineError, match=r"no run is held at `agent:9/enter`\n(.*\n)*.*held at tools:1/enter"):
            mock.wait_until_held("agent:9/enter")
        with pytest.raises(DeadlineError, match=f"runs still in flight: {run}"):
            mock.wait_until_quiet()
        with pytest.raises(DeadlineError, match="no request matches DELETE"):
            mock.wait_for_request("DELETE")
        with pytest.raises(ControlError, match=f"there is no thread nowhere; threads: {thread}"):
            mock.runs("nowhere")
        with pytest.raises(ControlError, match="there is no rule `nice`"):
            mock.conduct(without=["nice"])
        with pytest.raises(UnknownDefectError):
            mock.defect_on("interrupt_as_enqeue")
        mock.set_time("real")
        with pytest.raises(ControlError, match="real time cannot be advanced"):
            mock.advance(1)
    with pytest.raises(RuntimeError, match="not started"):
        mock.threads()
    with pytest.raises(RuntimeError, match="not started"):
        _ = MockDeployment().url


def test_what_was_requested_and_the_nearest_to_what_was_not() -> None:
    with MockDeployment() as mock, get_sync_client(url=mock.url) as client:
        with pytest.raises(AssertionError, match="none was received"):
            mock.assert_requested("POST")
        thread, _ = begin(client, multitask_strategy="reject")
        found = mock.assert_requested("post", f"/threads/{thread}/runs", strategy="reject", assistant_id="agent")
        assert (found.status, found.strategy, found.body["input"]) == (200, "reject", asking("sf"))
        mock.assert_requested("POST", times=2)
        with pytest.raises(AssertionError, match="expected 1 matching requests, received 2"):
            mock.assert_requested("POST", times=1)
        with pytest.raises(AssertionError) as caught:
            mock.assert_requested("POST", "*/runs", strategy="interrupt")
        first = str(caught.value).splitlines()[1]
        assert f"POST /threads/{thread}/runs reject -> 200" in first
        assert first.endswith('(strategy "reject")')


def test_its_warnings_are_in_its_own_log_only() -> None:
    with MockDeployment() as one, MockDeployment() as other:
        httpx.get(f"{one.url}/ok")
        one.submit(_warn()).result()
        logging.getLogger("mockserver").warning("not of theirs")
        assert "GET /ok -> 200" in one.log()
        assert "WARNING mockserver.test: of one" in one.log()
        assert other.log() == ""


async def _warn() -> None:
    logging.getLogger("mockserver.test").warning("of one")


def test_a_taken_port_is_an_error_where_it_is_started() -> None:
    # A fixture of another test may serve a deployment in this process, too.
    others = set(threading.enumerate())
    with MockDeployment() as mock, pytest.raises(OSError, match="is in use"):
        MockDeployment(port=int(mock.url.rpartition(":")[2])).start()
    assert not [one for one in set(threading.enumerate()) - others if one.name == "mockserver" and one.is_alive()]


def test_a_setting_that_there_is_not_is_refused() -> None:
    unknown: dict[str, Any] = {"sed": 1}
    with pytest.raises(
        TypeError, match=r"unexpected keyword argument 'sed'. Did you mean `seed`\? The settings are script, "
    ):
        create_app(**unknown)
    with pytest.raises(TypeError, match="`sed`"):
        MockDeployment(**unknown)
    kept: dict[str, Any] = {"policy": None}
    with MockDeployment() as mock, pytest.raises(TypeError, match="`policy`"):
        mock.reset(**kept)
