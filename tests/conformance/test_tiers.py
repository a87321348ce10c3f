"""The tiers of scenarios: what they contain, and what they are said to detect."""

from __future__ import annotations

from conformance.requirements.areas import family_marker
from conformance.scenarios import tiers
from conformance.scenarios.catalogue import catalogue
from tests.conformance.runs import EVERYTHING, run_suite

NAMES = [scenario.id for scenario in catalogue()]
SMOKE, CORE, FULL = ([name for name in NAMES if tiers.includes(tier, name)] for tier in tiers.TIERS)


def test_each_tier_contains_the_one_before() -> None:
    assert set(SMOKE) < set(CORE) < set(FULL)
    assert len(SMOKE) == tiers.SMOKE
    assert FULL == NAMES
    assert tiers.ranked().scenarios[0] == "interrupt/during-tools/create/unwatched"
    assert set(tiers.ranked().scenarios) <= set(NAMES)


def test_a_larger_tier_detects_more() -> None:
    assert 0.5 < tiers.share("smoke") < tiers.share("core") <= tiers.share("full") == 1
    found = tiers.ranked()
    assert len(found.scenarios) == len(found.detected)
    # A scenario that adds nothing has no place in a tier.
    assert list(found.detected) == sorted(set(found.detected))


def test_core_plays_every_strategy() -> None:
    families = {family_marker(name.partition("/")[0]) for name in CORE}
    assert {"interrupt", "enqueue", "rollback", "reject"} <= families


async def test_a_tier_is_selected_and_the_summary_says_what_it_detects() -> None:
    listed = await run_suite("--collect-only", "-q", "--conformance-tier=smoke", suite=EVERYTHING)
    assert listed.code == 0, listed.output
    assert {line.partition("[")[2].rpartition("::")[0] for line in listed.output.splitlines() if "[" in line} == {
        *SMOKE
    }
    run = await run_suite("--conformance-tier=smoke", "-k", "interrupt/during-tools/create/unwatched::RUN")
    assert run.code == 0, run.output
    assert f"tier smoke: its scenarios detect {tiers.share('smoke'):.0%} of the known faults" in run.output
