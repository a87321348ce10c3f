"""Which cases a run judges: markers, levels, `-k`, in a readable order."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from conformance.requirements import registry
from conformance.requirements.areas import MARKERS
from conformance.scenarios.catalogue import catalogue
from tests.conformance.deployments import PLAINEST
from tests.conformance.runs import CHECKOUT, run_suite

BOOK = registry.load()


Selected = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def selected(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Selected:
    """Return scenario and requirement of every case that pytest selects with these arguments, in order.

    It collects in this process: what it imports is there already, and only the selecting is looked at.
    """

    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    plugins = ("-p", "conformance.pytest_plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider")
    # The assertions of this process are what they are.
    suite = ("-c", f"{CHECKOUT}/pyproject.toml", f"--rootdir={CHECKOUT}", "--assert=plain", f"{CHECKOUT}/conformance")

    def select(*arguments: str) -> list[tuple[str, str]]:
        run = pytester.runpytest_inprocess(*plugins, "--collect-only", "-q", *suite, *arguments)
        assert run.ret == 0, run.outlines
        return re.findall(r"::test_\w+\[(\S+)::(\S+)\]$", "\n".join(run.outlines), re.MULTILINE)

    return select


def every() -> list[tuple[str, str]]:
    return [(s.id, r.id) for s in catalogue() for r in BOOK.requirements if r.applies_to(s.id)]


def test_all_is_collected_scenario_by_scenario_in_the_order_of_the_book(selected: Selected) -> None:
    found = selected()
    assert sorted(found) == sorted(every())
    scenarios = [scenario for scenario, _ in found]
    changes = [a for a, b in zip(scenarios, [*scenarios[1:], ""], strict=True) if a != b]
    assert len(changes) == len(set(changes)), "the cases of a scenario stand together"
    order = [requirement.id for requirement in BOOK.requirements]
    for scenario in set(scenarios):
        mine = [requirement for name, requirement in found if name == scenario]
        assert mine == sorted(mine, key=order.index)


def test_a_strategy_is_selected_by_its_marker(selected: Selected) -> None:
    found = selected("-m", "interrupt")
    assert set(found) == {c for c in every() if c[0].startswith("interrupt/") or c[1].startswith("INT-")}


def test_an_area_is_selected_by_its_marker_in_every_strategy(selected: Selected) -> None:
    found = selected("-m", "streams")
    assert set(found) == {c for c in every() if c[1].startswith("STR-")}
    assert len({scenario.partition("/")[0] for scenario, _ in found}) > 2


def test_races_are_selected_and_left_out(selected: Selected) -> None:
    races, others = selected("-m", "races"), selected("-m", "not races")
    assert set(races) | set(others) == set(every())
    assert not set(races) & set(others)
    assert (f"{PLAINEST}", "INT-02") in others
    assert {"at-once", "finishing", "thrice"} <= {scenario.split("/")[1] for scenario, _ in races}


@pytest.mark.parametrize(
    ("level", "levels"),
    [("must", {"MUST"}), ("should", {"MUST", "SHOULD"}), ("profile", {"MUST", "SHOULD", "PROFILE"})],
)
def test_a_level_selects(selected: Selected, level: str, levels: set[str]) -> None:
    found = selected(f"--conformance-level={level}")
    assert set(found) == {c for c in every() if BOOK.get(c[1]).level in levels}


def test_one_requirement_is_selected_by_its_id_in_every_scenario(selected: Selected) -> None:
    assert set(selected("-k", "INT-02")) == {c for c in every() if c[1] == "INT-02"}


async def test_a_selection_that_leaves_nothing_fails() -> None:
    """No test collected: pytest's exit code 5, also where the tests are distributed."""
    for arguments in (
        ("-k", "nothing-matches"),
        ("-k", "RUN-07", "--conformance-level=must"),
        ("-k", "nothing-matches", "-n", "2"),
    ):
        run = await run_suite(*arguments)
        assert run.code == pytest.ExitCode.NO_TESTS_COLLECTED, run.output


async def test_an_unknown_level_is_one_line() -> None:
    run = await run_suite("-q", "--conformance-level=may")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert "argument --conformance-level: invalid choice: 'may'" in run.output


def test_the_markers_are_declared_wherever_the_package_is_installed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.streams\ndef test_mine(): pass")
    result = pytester.runpytest_inprocess("--strict-markers", "-p", "no:cacheprovider", "-p", "no:asyncio")
    result.assert_outcomes(passed=1)
    listed = pytester.runpytest_inprocess("--markers", "-p", "no:asyncio").outlines
    for marker in ("conformance", *MARKERS.values()):
        assert any(line.startswith(f"@pytest.mark.{marker}: ") for line in listed), marker
