"""The commands `explore` and `play`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import logging
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec
import pytest

from conformance.explore import replay
from conformance.explore.explorer import Budget, Explorer
from conformance.explore.findings import Findings, key_of
from conformance.explore.kept import UnreadableHistory
from conformance.explore.page import write_page
from conformance.explore.player import NotExplorable, Plays, playing
from conformance.histories.freedoms import DEFAULT, EXACT, Freedoms, narrowed
from conformance.session import options as session_options
from conformance.session.options import Options
from conformance.session.players import embedded
from conformance.session.target import Target
from conformance.transcript.text import snippet
from conformance.transcript.transcript import TargetInfo

UNUSED: Final = {
    "conformance_strict": False,
    "conformance_report": None,
    "conformance_resume": None,
    "conformance_explore": None,
    "collectonly": False,
}
"""The options of the suite that an exploration does not have."""

MINUTE: Final = 60.0


def explore(given: argparse.Namespace) -> int:
    """Explore a deployment. Return 1 if there are new findings, 0 if not, 2 if it cannot be explored.

    New findings about a SHOULD do not count, as in the suite.
    """
    try:
        options, seconds = _options(given), _seconds(given.budget)
        _require_cluster(given, options)
        findings = Findings(given.report, options.profile)
        _freedoms(given, options)
    except (pytest.UsageError, UnreadableHistory, ValueError) as error:
        return _fail("explore", str(error))
    # Without a budget an exploration would never end, which surprises in a CI job.
    if seconds is None and given.histories is None:
        seconds = 5 * MINUTE
    budget = Budget(seconds=seconds, histories=given.histories)
    try:
        asyncio.run(_explore(given, options, findings, budget))
    except NotExplorable as reason:
        return _fail("explore", str(reason))
    except KeyboardInterrupt:
        print("stopped. The findings up to here are kept", file=sys.stderr)
    _summarize(findings, given.report)
    return 1 if any(one.level == "MUST" for one in findings.new.values()) else 0


def play(given: argparse.Namespace) -> int:
    """Play a kept history. Return 0 if no play shows a finding, 1 if one does, 2 if it cannot be played.

    What the profile declares is no finding.
    """
    try:
        options = _options(given)
        _freedoms(given, options)
        scenario = replay.scenario_in(given.file)
    except OSError as error:
        return _fail("play", f"{given.file} cannot be read: {error.strerror}")
    except msgspec.MsgspecError as error:
        return _fail("play", f"{given.file} is neither a history nor a scenario: {error}")
    except (pytest.UsageError, ValueError) as error:
        return _fail("play", str(error))
    try:
        return asyncio.run(_play(given, options, scenario))
    except NotExplorable as reason:
        return _fail("play", str(reason))


async def _explore(given: argparse.Namespace, options: Options, findings: Findings, budget: Budget) -> None:
    async with _crew(given, options) if given.dask else _here(given, options) as (plays, info, jobs):
        explorer = Explorer(plays, findings, budget, seed=given.seed, jobs=jobs, say=_say)
        try:
            await explorer.run()
        finally:
            print(explorer.progress(), flush=True)
            for why, count in explorer.unknown.most_common():
                print(f"  not judged: {count} x {why}")
            if given.report is not None:
                write_page(given.report, findings, info, explorer.progress())


@asynccontextmanager
async def _here(given: argparse.Namespace, options: Options) -> AsyncIterator[tuple[Plays, TargetInfo, int]]:
    """Yield the plays on this machine, the deployment, and the number of histories that are played at a time."""
    async with (
        _target(given, options) as (target, freedoms),
        playing(
            target,
            freedoms=freedoms,
            connection=options.connection,
            profile=options.profile,
            witness_host=options.witness_host,
            jobs=options.jobs,
        ) as player,
    ):
        # A history has two runs that execute at once, as a rule.
        yield player, target.info, options.jobs or max(1, target.width // 2)


@asynccontextmanager
async def _crew(given: argparse.Namespace, options: Options) -> AsyncIterator[tuple[Plays, TargetInfo, int]]:
    """Yield the plays on the workers of a cluster, the deployment, and the number of histories at a time."""
    from conformance.explore import cluster  # late: it takes a second, and most explorations need no cluster

    # What concerns the user is raised. The rest would be tracebacks between the findings.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    order = cluster.Order(
        url=options.urls[0],
        assistant=options.assistant,
        named=options.assistant_named,
        headers=options.headers,
        profile=options.profile,
        deadlines=options.deadlines,
        freedoms=_freedoms(given, options),
        tls={name: getattr(given, f"deployment_{name}") for name in ("ca", "cert", "key", "proxy")},
        witness_host=options.witness_host,
        jobs=options.jobs,
    )
    async with cluster.crew(given.dask, order, _say) as crew:
        _say(f"{crew.jobs} histories at a time on the workers of {given.dask}")
        yield crew, crew.info, crew.jobs


async def _play(given: argparse.Namespace, options: Options, scenario: object) -> int:
    async with _target(given, options) as (target, freedoms):
        checked = await replay.plays(
            scenario,  # type: ignore[arg-type]
            target,
            freedoms,
            options.connection,
            times=given.times,
            profile=options.profile,
            witness_host=options.witness_host,
        )
    declared = options.profile.known_finding
    broken = [[one for one in play.broken if declared(key_of(one)) is None] for play in checked]
    unknown = [one.verdict for one in checked if one.verdict.kind == "unknown"]
    for verdict in {verdict.why: verdict for verdict in (*chain.from_iterable(broken), *unknown)}.values():
        print(verdict.why if verdict.law in verdict.why else f"{verdict.law or verdict.kind}: {verdict.why}")
        for event in verdict.order:
            print(f"    {event}")
    failures = sum(1 for one in broken if one)
    print(f"{failures} of {len(checked)} plays show a finding, the order of {len(unknown)} was not judged")
    return 1 if failures else 0


@asynccontextmanager
async def _target(given: argparse.Namespace, options: Options) -> AsyncIterator[tuple[Target, Freedoms]]:
    """Yield the deployment, or the embedded mock, and the freedoms that it may take."""
    async with contextlib.AsyncExitStack() as stack:
        url, freedoms = options.urls[0] if options.urls else "", _freedoms(given, options)
        if not url:
            # A client that disconnects is an error in the log of the mock, which would be printed between the findings.
            logging.getLogger("mockserver").addHandler(logging.NullHandler())
            url = await stack.enter_async_context(embedded())
        yield (
            Target(
                url=url,
                assistant=options.assistant,
                headers=options.headers,
                profile=options.profile.name,
                deadlines=options.deadlines,
                named=options.assistant_named,
                secret=options.connection.secret,
            ),
            freedoms,
        )


def _freedoms(given: argparse.Namespace, options: Options) -> Freedoms:
    """Return the freedoms that the deployment may take. Raise ValueError for a profile with a wrong choice."""
    return narrowed(EXACT if given.exact or not options.urls else DEFAULT, options.profile.exploration)


def _options(given: argparse.Namespace) -> Options:
    """Return the checked options. Raise `pytest.UsageError`."""
    options = session_options.parse(argparse.Namespace(**UNUSED, **vars(given)))
    if len(options.urls) > 1:
        raise pytest.UsageError("--deployment-url: only one deployment can be explored at a time")
    return options


def _require_cluster(given: argparse.Namespace, options: Options) -> None:
    """Raise `pytest.UsageError` if `--dask` cannot be used."""
    if given.dask is None:
        return
    if importlib.util.find_spec("distributed") is None:
        raise pytest.UsageError("--dask: distributed is missing. Install doubletext[suite,explore]")
    if not re.fullmatch(r"\w+://\S+", given.dask):
        raise pytest.UsageError(f"--dask: `{snippet(given.dask)}` is not of the form tcp://HOST:PORT")
    if not options.urls:
        raise pytest.UsageError("--dask: give the deployment that all workers play on: --deployment-url=URL")


def _seconds(text: str | None) -> float | None:
    """Return a time such as `90`, `90s`, `5m` or `1h` in seconds. Raise ValueError."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None or not float(found[1]):
        raise ValueError(f"--for: `{text}` is not a time such as 90s, 5m or 1h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _summarize(findings: Findings, folder: Path | None) -> None:
    for key, history in findings.new.items():
        print(f"\n{key} ({history.failures} of {history.plays} plays, seen in {findings.counts[key]} histories)")
        print(f"  {history.why}")
        for move in history.scenario.moves:
            print(f"    {move.describe()}")
    for key in findings.known:
        if findings.counts[key]:
            print(f"\nknown: {key} (seen in {findings.counts[key]} more histories)")
    for key, reason in findings.declared.items():
        print(f"\ndeclared in the profile: {key} (seen in {findings.counts[key]} histories): {reason}")
    if findings.new and folder is not None:
        print(f"\nsee {folder / 'explore.html'}")


def _fail(command: str, reason: str) -> int:
    print(f"doubletext {command}: {reason}", file=sys.stderr)
    return 2
