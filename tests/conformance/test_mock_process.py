"""The mock in a process of its own, which never outlives the suite."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import httpx
import pytest

from conformance.session import mock_process as module
from conformance.session.mock_process import mock_process

DEADLINE = 30
PARENT = """
import asyncio, sys
from conformance.session.mock_process import mock_process

async def main():
    async with mock_process() as url:
        print(url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_it_serves_until_the_end_of_the_block() -> None:
    async with mock_process() as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/ok")).json()["ok"] is True
    async with httpx.AsyncClient(base_url=url) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/ok")


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the end of a process of others can be awaited on Linux only")
def test_it_ends_with_a_suite_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, encoding="utf-8") as suite:
        assert suite.stdout is not None
        url = suite.stdout.readline().strip()
        assert httpx.get(f"{url}/ok").status_code == 200
        children = subprocess.check_output(["ps", "-o", "pid=", "--ppid", str(suite.pid)], encoding="utf-8")
        mock = os.pidfd_open(int(children))
        try:
            suite.send_signal(signal.SIGKILL)
            # Readable once the process has ended.
            assert select.select([mock], [], [], DEADLINE)[0] == [mock]
        finally:
            os.close(mock)


async def test_a_mock_that_does_not_start_is_an_error_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_START", "raise SystemExit(3)")
    with pytest.raises(OSError, match="ended with code 3 before it listened"):
        async with mock_process():
            raise AssertionError("it did not start")
