"""The exploration on the workers of a dask cluster."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import LocalCluster

from conformance.driver.deadlines import Deadlines
from conformance.explore import cluster, kept
from conformance.explore.cluster import Order, crew
from conformance.explore.explorer import Budget, Explorer
from conformance.explore.findings import Findings, file_name
from conformance.explore.generate import history_of, scenario_of
from conformance.explore.player import NotExplorable, playing
from conformance.histories.freedoms import EXACT
from conformance.judge.profiles import NOTHING_DECLARED
from doubletext.__main__ import main
from mockserver import serving
from tests.explore.proof import connection, target_at

DEFECT = "idle_conflict"
"""A defect that shows in the first request of many histories, so that no race decides whether it is found."""

SEED = 1


def order_at(url: str, **changed: Any) -> Order:
    given: dict[str, Any] = {
        "assistant": "agent",
        "named": True,
        "headers": {},
        "profile": NOTHING_DECLARED,
        "freedoms": EXACT,
    }
    given |= {"deadlines": Deadlines().scaled(0.3), "tls": {}, "witness_host": None, "jobs": 4}
    return Order(url=url, **given | changed)


@asynccontextmanager
async def workers(number: int = 2, *, processes: bool = False) -> AsyncIterator[Any]:
    """Yield a cluster on this machine, with a port of its own where tests run in parallel."""
    async with LocalCluster(
        n_workers=number, threads_per_worker=2, processes=processes, dashboard_address="127.0.0.1:0", asynchronous=True
    ) as found:
        yield found


async def explored(player: Any, jobs: int, folder: Path | None = None, *, shrinks: int = 4) -> Explorer:
    explorer = Explorer(player, Findings(folder), Budget(histories=20, shrinks=shrinks), seed=SEED, jobs=jobs)
    await explorer.run()
    return explorer


@pytest.mark.slow
@pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])
async def test_a_seed_finds_the_same_on_a_cluster(processes: bool, tmp_path: Path) -> None:
    async with serving(defects=[DEFECT]) as url:
        async with playing(target_at(url), freedoms=EXACT, connection=connection()) as player:
            here = await explored(player, 3, tmp_path / "here", shrinks=0)
        async with workers(processes=processes) as found, crew(found.scheduler_address, order_at(url)) as player:
            assert player.jobs == 4
            there = await explored(player, player.jobs, tmp_path / "there", shrinks=0)
    [key] = here.findings.new
    assert list(there.findings.new) == [key]
    assert {path.name for path in (tmp_path / "there").iterdir()} == {
        path.name for path in (tmp_path / "here").iterdir()
    }
    # The first that showed it, which need not be the same one. Each is as the seed draws it here.
    found = there.findings.new[key].scenario
    assert found in [scenario_of(history_of(SEED, number), SEED, number) for number in range(20)]
    assert there.findings.transcripts[key].moments


@pytest.mark.slow
async def test_a_worker_sends_no_moments_of_a_history_that_shows_nothing() -> None:
    async with serving() as url, workers(1) as found, crew(found.scheduler_address, order_at(url)) as player:
        checked = await player.play_number(SEED, 0)
        again = await player.play(checked.transcript.scenario)
    assert (checked.verdict.kind, checked.transcript.moments) == ("legal", [])
    assert again.transcript.moments


@pytest.mark.slow
async def test_an_exploration_that_is_stopped_keeps_what_it_found(tmp_path: Path) -> None:
    found = asyncio.Event()

    def say(line: str) -> None:
        if line.startswith("found: "):
            found.set()

    async with (
        serving(defects=[DEFECT]) as url,
        workers() as found_cluster,
        crew(found_cluster.scheduler_address, order_at(url)) as player,
    ):
        explorer = Explorer(player, Findings(tmp_path), Budget(), seed=SEED, jobs=player.jobs, say=say)
        exploration = asyncio.create_task(explorer.run())
        await found.wait()
        exploration.cancel()
        with pytest.raises(asyncio.CancelledError):
            await exploration
    [history] = explorer.findings.new.values()
    assert (history.plays, history.failures) == (1, 1)
    assert kept.read(tmp_path / f"{file_name(history)}.history.json").seen >= 1


@pytest.mark.slow
async def test_a_worker_that_joins_later_plays() -> None:
    async with serving() as url, workers(1) as found, crew(found.scheduler_address, order_at(url)) as player:
        [first] = found.workers.values()
        found.scale(2)
        await found.wait_for_workers(2, timeout=30)
        await first.close()
        assert (await player.play_number(SEED, 0)).verdict.kind == "legal"


@pytest.mark.slow
async def test_the_loss_of_every_worker_ends_the_exploration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.1)
    async with serving() as url, workers(1) as found, crew(found.scheduler_address, order_at(url)) as player:
        [only] = found.workers.values()
        await only.close()
        assert await player.workers() == []
        with pytest.raises(NotExplorable, match="has lost its last worker"):
            await player.play_number(SEED, 0)


@pytest.mark.slow
async def test_the_loss_of_the_scheduler_ends_the_exploration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.1)
    # The worker tries to reach its scheduler for so long when it is closed.
    quickly = dask.config.set({"distributed.comm.timeouts.connect": "100 ms"})
    with quickly:
        async with serving() as url, workers(1) as found, crew(found.scheduler_address, order_at(url)) as player:
            playing_on = asyncio.create_task(explored(player, 2))
            await found.scheduler.close()
            with pytest.raises(NotExplorable, match=r"the scheduler at inproc://\S+ was lost"):
                await playing_on


@pytest.mark.slow
async def test_a_worker_that_cannot_play_is_named() -> None:
    async with serving() as url, workers(1) as found:
        with pytest.raises(NotExplorable, match=r"the worker inproc://\S+: .* `nobody` could not be created"):
            async with crew(found.scheduler_address, order_at(url, assistant="nobody")):
                pass
        # Its post is gone with it.
        [worker] = found.workers.values()
        assert not [name for name in worker.plugins if name.startswith("doubletext")]


@pytest.mark.slow
async def test_a_cluster_to_which_no_worker_comes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "JOIN", 0.1)
    async with workers(0) as found:
        with pytest.raises(NotExplorable, match=r"has no workers\. Start some: dask worker inproc://"):
            async with crew(found.scheduler_address, order_at("http://127.0.0.1:1")):
                pass


@pytest.mark.slow
async def test_the_first_worker_is_awaited() -> None:
    said: list[str] = []
    async with serving() as url, workers(0) as found:

        def start(line: str) -> None:
            said.append(line)
            found.scale(1)

        async with crew(found.scheduler_address, order_at(url), start) as player:
            assert len(await player.workers()) == 1
    assert [line.partition(" has ")[2] for line in said] == ["no workers yet, waiting 60 s for the first"]


@pytest.mark.slow
async def test_a_scheduler_that_ends_before_a_worker_comes_is_lost() -> None:
    ends: list[asyncio.Task[Any]] = []
    # The client tries to reach its scheduler for so long.
    with dask.config.set({"distributed.comm.timeouts.connect": "100 ms"}):
        async with workers(0) as found:
            with pytest.raises(NotExplorable, match=r"the scheduler at inproc://\S+ was lost"):
                async with crew(
                    found.scheduler_address,
                    order_at("http://127.0.0.1:1"),
                    lambda _: ends.append(asyncio.ensure_future(found.scheduler.close())),
                ):
                    pass
            await asyncio.gather(*ends)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (
            "m.version = lambda name: '0.0.1' if name == 'doubletext' else v(name)",
            "has doubletext 0.0.1, and this",
        ),
        ("m.version = lambda name: '6.0' if name == 'hypothesis' else v(name)", "has hypothesis 6.0, and this"),
        ("m.version = absent", "has no doubletext. Install doubletext[suite,explore] there"),
        ("sys.modules['conformance'] = None", "cannot load doubletext: "),
    ],
    ids=["doubletext", "hypothesis", "none", "hidden"],
)
async def test_a_worker_with_other_packages_is_refused(patch: str, reason: str) -> None:
    started = "import sys, importlib.metadata as m\nv = m.version\n"
    started += "def absent(name):\n    return v('no-' * (name == 'doubletext') + name)\n"
    started += "from dask.__main__ import main\n"
    async with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", asynchronous=True, host="127.0.0.1") as found:
        address = found.scheduler_address
        arguments = ["worker", address, "--no-nanny", "--no-dashboard", "--nthreads", "1", "--death-timeout", "60"]
        code = f"{started}{patch}\nsys.argv[1:] = {arguments!r}\nmain()"
        worker = await asyncio.create_subprocess_exec(sys.executable, "-W", "ignore", "-c", code, stderr=DEVNULL)
        try:
            await found.wait_for_workers(1, timeout=60)
            with pytest.raises(NotExplorable) as refused:
                async with crew(address, order_at("http://127.0.0.1:1")):
                    pass
        finally:
            worker.terminate()
            await worker.wait()
    assert str(refused.value).startswith("--dask: the worker tcp://127.0.0.1:")
    assert reason in str(refused.value)


async def test_an_address_without_a_scheduler_is_refused(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    monkeypatch.setattr(cluster, "CONNECT", "200 ms")
    address = f"tcp://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(NotExplorable, match=f"--dask: no dask scheduler can be reached at {address}: "):
        async with crew(address, order_at("http://127.0.0.1:1")):
            pass


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["--dask", "scheduler:8786"], "--dask: `scheduler:8786` is not of the form tcp://HOST:PORT"),
        (["--dask", "tcp://scheduler:8786"], "--dask: give the deployment that all workers play on: --deployment-url"),
    ],
)
def test_a_wrong_option_is_refused(given: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", *given]) == 2
    assert reason in capsys.readouterr().err


def test_the_extra_is_required_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "distributed" else found(name))
    assert main(["explore", "--dask", "tcp://scheduler:8786"]) == 2
    assert "--dask: distributed is missing. Install doubletext[suite,explore]" in capsys.readouterr().err
