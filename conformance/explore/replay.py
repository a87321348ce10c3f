"""One history again: the play of a scenario or of a kept history on a deployment, and its verdict."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from conformance.driver.deadlines import Deadlines
from conformance.explore.findings import key_of
from conformance.explore.kept import KeptHistory
from conformance.explore.player import Checked, playing
from conformance.histories.freedoms import DEFAULT, Freedoms
from conformance.judge.profiles import NOTHING_DECLARED, Profile
from conformance.scenarios.scenario import Scenario
from conformance.session.connection import Connection
from conformance.session.target import Target

TEST = '''\
from conformance.explore.replay import replay

HISTORY = r"""
{history}
"""


def test_{name}() -> None:
    """{why}"""
    broken = replay(HISTORY, {url!r})
    assert not broken, broken
'''


def as_test(history: KeptHistory, url: str) -> str:
    """Return a test in Python that plays a history. It can be pasted into a file."""
    name = "_".join(part for part in history.law.replace("-", " ").split())
    scenario = msgspec.json.format(msgspec.json.encode(history.scenario), indent=1).decode()
    return TEST.format(history=scenario, name=name, why=history.why.replace('"', "'"), url=url)


def target_at(url: str, assistant: str = "agent") -> Target:
    """Return the deployment at a URL, without headers of its own."""
    return Target(url=url, assistant=assistant, headers={}, profile=None, deadlines=Deadlines(), named=True)


def replay(history: str, url: str, *, freedoms: Freedoms = DEFAULT, profile: Profile = NOTHING_DECLARED) -> list[str]:
    """Play the scenario in a JSON text on a deployment once, and return what it breaks, in words.

    What the profile declares is left out. Raise `msgspec.ValidationError` for a text that is not a scenario, and
    NotExplorable.
    """
    scenario = msgspec.json.decode(history, type=Scenario)
    [checked] = asyncio.run(plays(scenario, target_at(url), freedoms, Connection(), times=1, profile=profile))
    return [one.why for one in checked.broken if profile.known_finding(key_of(one)) is None]


async def plays(
    scenario: Scenario,
    target: Target,
    freedoms: Freedoms,
    connection: Connection,
    *,
    times: int,
    profile: Profile = NOTHING_DECLARED,
    witness_host: str | None = None,
) -> list[Checked]:
    """Play a scenario so many times, one after another."""
    async with playing(
        target, freedoms=freedoms, connection=connection, profile=profile, witness_host=witness_host
    ) as player:
        return [await player.play(scenario) for _ in range(times)]


def scenario_in(path: Path) -> Scenario:
    """Return the scenario of a file, which is a kept history or a scenario alone. Raise OSError and MsgspecError."""
    raw = path.read_bytes()
    try:
        return msgspec.json.decode(raw, type=KeptHistory).scenario
    except msgspec.ValidationError:
        return msgspec.json.decode(raw, type=Scenario)
