"""The plays of an exploration on the workers of a dask cluster, for `--dask ADDRESS`.

Theory of operation
-------------------

This machine counts, examines and keeps, as it does without a cluster. The workers draw, play and check. A task is the
number of one history, and its result is the verdict, so nothing large travels but the transcript of a history that
shows something.

A worker plugin, the *post*, brings a loop in a thread of its own, a witness, and an examination of the deployment to
each worker. The examination also proves that the deployment reaches the witness of this worker. A worker that joins
later gets its post from the scheduler, and examines the deployment before its first history.

A history is the same on every machine with the same code and the same version of hypothesis. `Crew` compares both, on
the scheduler, which loads the tasks as well, and on each worker.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from distributed import Client, Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin
from hypothesis.errors import HypothesisDeprecationWarning

from conformance.driver.deadlines import Deadlines
from conformance.explore.player import Checked, NotExplorable, Player, playing
from conformance.histories.freedoms import Freedoms
from conformance.judge.profiles import Profile
from conformance.scenarios.scenario import Scenario
from conformance.session.connection import connection
from conformance.session.target import Target
from conformance.transcript.transcript import TargetInfo

_T = TypeVar("_T")

CONNECT: Final = "10 s"
"""The time for which the scheduler is awaited."""

JOIN: Final = 60.0
"""Seconds in which the first worker must join the scheduler."""

PATIENCE: Final = 10.0
"""Seconds without a result after which it is checked whether there is a worker at all."""

PACKAGES: Final = ("doubletext", "hypothesis")
"""The packages whose versions decide which histories are drawn and how they are judged."""

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Order:
    """Everything that a worker needs to know. The files of `tls` are read on its own machine."""

    url: str
    assistant: str
    named: bool
    headers: dict[str, str]
    profile: Profile
    deadlines: Deadlines
    freedoms: Freedoms
    tls: Mapping[str, str | None]
    """The options of the connection: `ca`, `cert`, `key` and `proxy`."""
    witness_host: str | None
    jobs: int | None
    """The number of plays at a time in the whole cluster, None for as many as there are workers of the deployment."""


class Examined(msgspec.Struct, frozen=True):
    """The findings of an examination that this machine needs."""

    info: TargetInfo
    width: int


# -- on a worker -------------------------------------------------------------------------------------------------------


class Post(WorkerPlugin):
    """A player on one worker, with its loop and its witness."""

    def __init__(self, name: str, order: Order) -> None:
        self.name = name
        self._order = order

    def setup(self, worker: Worker) -> None:
        """Start the loop. The deployment is examined when the first task needs it."""
        # The other threads of a worker use `random`, which hypothesis notices. It draws from a generator of its own.
        warnings.filterwarnings("ignore", "Do not use the `random` module", HypothesisDeprecationWarning)
        self._host = _witness_host(self._order, worker.ip)
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._player: asyncio.Task[Player] | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name=self.name, daemon=True)
        self._thread.start()

    async def teardown(self, worker: Worker) -> None:  # noqa: ARG002 -- the signature of a plugin
        """Cancel the plays under way, and stop the witness and the loop."""
        await asyncio.wrap_future(self.begin(self._close()))
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    def begin(self, work: Coroutine[Any, Any, _T]) -> concurrent.futures.Future[_T]:
        """Begin some work on the loop of the post."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def examined(self, *, width: bool) -> Examined:
        """Return what the deployment is, and with `width` how many runs it executes at once. Raise NotExplorable."""
        target = (await self._ready(width=width)).target
        return Examined(target.info, target.width)

    async def play(self, scenario: Scenario) -> Checked:
        """Play one scenario and check its history. Raise NotExplorable."""
        return await (await self._ready()).play(scenario)

    async def play_number(self, seed: int, number: int) -> Checked:
        """Play one history of a series and check it. Raise NotExplorable."""
        checked = await (await self._ready()).play_number(seed, number)
        if checked.broken:
            return checked
        # Only the verdict counts, and the moments of a play are many.
        return replace(checked, transcript=msgspec.structs.replace(checked.transcript, moments=[]))

    async def _ready(self, *, width: bool = False) -> Player:
        if self._player is None:
            # Several tasks come at once, and one that is cancelled must not cancel what the others wait for.
            self._player = asyncio.create_task(self._examine(width=width))
        return await asyncio.shield(self._player)

    async def _examine(self, *, width: bool) -> Player:
        order = self._order
        way = connection(**order.tls)
        target = Target(
            url=order.url,
            assistant=order.assistant,
            headers=order.headers,
            profile=order.profile.name,
            deadlines=order.deadlines,
            named=order.named,
            secret=way.secret,
        )
        return await self._stack.enter_async_context(
            playing(
                target,
                freedoms=order.freedoms,
                connection=way,
                profile=order.profile,
                witness_host=self._host,
                jobs=order.jobs or (None if width else 1),
            )
        )

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._stack.aclose()


def _witness_host(order: Order, ip: str) -> str:
    """Return the name under which the deployment reaches the witness of a worker."""
    if order.witness_host is not None:
        return order.witness_host
    # A deployment on the loopback interface is on the machine of the worker.
    return LOOPBACK[0] if urlsplit(order.url).hostname in LOOPBACK else ip


def _post(name: str, worker: Worker) -> Post:
    post = worker.plugins[name]
    assert isinstance(post, Post), "the name is that of the post alone"
    return post


async def _examined(name: str, *, width: bool, dask_worker: Worker) -> Examined:
    post = _post(name, dask_worker)
    return await asyncio.wrap_future(post.begin(post.examined(width=width)))


def _play(name: str, scenario: Scenario) -> Checked:
    post = _post(name, get_worker())
    return post.begin(post.play(scenario)).result()


def _play_number(name: str, code: str, seed: int, number: int) -> Checked:
    worker = get_worker()
    # A worker that joined after the exploration began was not compared.
    if fingerprint() != code:
        raise NotExplorable(f"the worker {worker.address} has other files of doubletext than this machine")
    post = _post(name, worker)
    return post.begin(post.play_number(seed, number)).result()


@cache
def fingerprint() -> str:
    """Return a digest of the suite's source. Two checkouts with the same version may differ."""
    folder = Path(__file__).parents[1]
    digest = hashlib.sha256(version("hypothesis").encode())
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".toml"):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


# -- on this machine ---------------------------------------------------------------------------------------------------


class Crew:
    """The workers of a cluster as one player."""

    def __init__(self, client: Client, address: str, name: str, info: TargetInfo, jobs: int) -> None:
        self.info = info
        self.jobs = jobs
        self._client = client
        self._address = address
        self._name = name

    async def play(self, scenario: Scenario) -> Checked:
        """Play one scenario on any worker and check its history. Raise NotExplorable."""
        return await self._result(_play, scenario)

    async def play_number(self, seed: int, number: int) -> Checked:
        """Play one history of a series on any worker and check it. Raise NotExplorable."""
        return await self._result(_play_number, fingerprint(), seed, number)

    async def _result(self, function: Any, *arguments: Any) -> Checked:
        key = f"{function.__name__.strip('_')}-{uuid4().hex}"
        future = self._client.submit(function, self._name, *arguments, key=key, pure=False)
        result = asyncio.ensure_future(future.result())
        try:
            while not (await asyncio.wait([result], timeout=PATIENCE))[0]:
                if self._client.status != "running":
                    raise NotExplorable(f"the scheduler at {self._address} was lost")
                if not await self.workers():
                    raise NotExplorable(f"the scheduler at {self._address} has lost its last worker")
            checked: Checked = result.result()
        except (concurrent.futures.CancelledError, OSError) as error:
            # The scheduler cancels its tasks when it ends, and so does the client that cannot connect again.
            raise NotExplorable(f"the scheduler at {self._address} was lost: {error}") from None
        finally:
            result.cancel()
            future.release()
        return checked

    async def workers(self) -> list[str]:
        """Return the addresses of the workers."""
        return list(await self._client.nthreads())


@asynccontextmanager
async def crew(address: str, order: Order, say: Callable[[str], None] = lambda _: None) -> AsyncIterator[Crew]:
    """Connect to a cluster, bring a post to each worker, and yield them as one player. Raise NotExplorable.

    `say` is called with a line for the user if no worker has joined yet.
    """
    try:
        client = await Client(address, asynchronous=True, timeout=CONNECT, name="doubletext", set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise NotExplorable(f"--dask: no dask scheduler can be reached at {address}: {reason}") from None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        threads = await _joined(client, address, say)
        await _compare(client)
        name = f"doubletext-{uuid4().hex}"
        await client.register_plugin(Post(name, order))
        stack.push_async_callback(_dismiss, client, name)
        first, *others = threads
        # The first one alone finds out how many runs the deployment executes at once.
        [examined] = await _examine(client, name, [first], width=order.jobs is None)
        await _examine(client, name, others, width=False)
        # A history has two runs that execute at once, as a rule.
        wanted = order.jobs or max(1, examined.width // 2)
        yield Crew(client, address, name, examined.info, min(wanted, sum(threads.values())))


async def _joined(client: Client, address: str, say: Callable[[str], None]) -> dict[str, int]:
    """Return the number of threads of each worker, as soon as there is one. Raise NotExplorable."""
    if not await client.nthreads():
        # The user may have started workers a moment ago, and a worker takes seconds to join.
        say(f"the scheduler at {address} has no workers yet, waiting {JOIN:g} s for the first")
        try:
            await cast("Awaitable[None]", client.wait_for_workers(1, timeout=JOIN))
        except TimeoutError:
            raise NotExplorable(
                f"--dask: the scheduler at {address} has no workers. Start some: dask worker {address}"
            ) from None
        except OSError as error:
            raise NotExplorable(f"the scheduler at {address} was lost: {error}") from None
    threads: dict[str, int] = await client.nthreads()
    return threads


async def _dismiss(client: Client, name: str) -> None:
    """Remove the posts, unless the cluster is gone."""
    if client.status == "running":
        with suppress(OSError):
            await client.unregister_worker_plugin(name)


async def _examine(client: Client, name: str, workers: list[str], *, width: bool) -> list[Examined]:
    """Examine the deployment from these workers. Raise NotExplorable."""
    found = await client.run(_examined, name, width=width, workers=workers, on_error="return") if workers else {}
    for worker, result in found.items():
        if isinstance(result, NotExplorable):
            raise NotExplorable(f"the worker {worker}: {result}")
        if isinstance(result, BaseException):
            raise result
    return list(found.values())


async def _compare(client: Client) -> None:
    """Raise NotExplorable if the scheduler or a worker has other code than this machine."""
    for package in PACKAGES:
        # A function of the standard library, which every place can load.
        found = await client.run(version, package, on_error="return")
        places = {f"worker {worker}": result for worker, result in found.items()}
        try:
            places["scheduler"] = await client.run_on_scheduler(version, package)
        except PackageNotFoundError as error:
            places["scheduler"] = error
        for place, result in places.items():
            problem = difference(package, result)
            if problem is not None:
                raise NotExplorable(f"--dask: the {place} {problem}")
    for worker, found in (await client.run(fingerprint, on_error="return")).items():
        if isinstance(found, BaseException):
            raise NotExplorable(f"--dask: the worker {worker} cannot load doubletext: {found}")
        if found != fingerprint():
            raise NotExplorable(f"--dask: the worker {worker} has other files of doubletext than this machine")


def difference(package: str, found: object) -> str | None:
    """Return in words what the version of a package in another place has against that of this machine, or None.

    `found` is the version, or the error of a place that has none.
    """
    if isinstance(found, BaseException):
        return f"has no {package}. Install doubletext[suite,explore] there"
    if found != version(package):
        return f"has {package} {found}, and this machine has {version(package)}. A seed needs the same version"
    return None
