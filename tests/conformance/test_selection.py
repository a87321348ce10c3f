"""The selection of cases by markers, levels and `-k`, and their order."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance import pytest_plugin
from conformance.requirements import registry
from conformance.requirements.areas import MARKERS
from conformance.scenarios.catalogue import catalogue
from conformance.session import garbage
from conformance.session.xdist import NO_EFFECT
from tests.conformance.deployments import PLAINEST
from tests.conformance.runs import CHECKOUT, run_suite
from tests.forks import COUNTING_CORES

BOOK = registry.load()


Selected = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def selected(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Selected:
    """Return scenario and requirement of every case that pytest selects with these arguments, in order.

    It collects in this process, where everything is imported already, because only the selection is tested.
    """

    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    plugins = ("-p", "doubletext.pytest_conformance", "-p", "pytest_timeout", "-p", "no:cacheprovider")
    # Plain: pytest would warn that it cannot rewrite the assertions of modules that this process has imported.
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
    assert len(changes) == len(set(changes)), "the cases of a scenario have to follow each other"
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


async def test_what_is_left_out_before_there_are_tests_is_counted() -> None:
    of_file = sum(scenario.startswith("interrupt/") for scenario, _ in every())
    for word, left in ((f"{PLAINEST}::INT-02", 1), ("none/such", 0)):
        run = await run_suite("--collect-only", "-q", "-k", word)
        assert f"excluded by -k: {of_file - left} cases" in run.output, run.output
        assert run.output.count("::test_interrupt[") == left


async def test_a_word_that_the_user_adds_to_tests_selects_them(tmp_path: Path) -> None:
    added = "item.extra_keyword_matches.update(['BUG-12', 'team/a'] if '::INT-02' in item.name else [])"
    (tmp_path / "mine.py").write_text(f"def pytest_itemcollected(item):\n    {added}\n")
    for word in ("BUG-12", "team/a"):
        run = await run_suite("-p", "mine", "--collect-only", "-q", "-k", word, env={"PYTHONPATH": str(tmp_path)})
        assert run.output.count("::INT-02]") == run.output.count("::test_interrupt[") > 30, run.output


def test_one_requirement_is_selected_by_its_id_in_every_scenario(selected: Selected) -> None:
    assert set(selected("-k", "INT-02")) == {c for c in every() if c[1] == "INT-02"}


async def test_a_selection_that_leaves_nothing_fails() -> None:
    # With `-n 2` the workers collect, and the controller has to return the same exit code.
    for arguments in (
        ("-k", "nothing-matches"),
        ("-k", "RUN-07", "--conformance-level=must"),
        ("-k", "nothing-matches", "-n", "2", "--deployment-url=http://127.0.0.1:1"),
    ):
        run = await run_suite(*arguments)
        assert run.code == pytest.ExitCode.NO_TESTS_COLLECTED, run.output


@pytest.mark.parametrize(
    ("arguments", "suite", "distributed"),
    [
        ((), ("conformance/suites/test_interrupt.py",), False),
        ((), ("--pyargs", "conformance.suites"), False),
        (("--dist=loadfile",), ("conformance/suites/test_interrupt.py",), True),
        (("--deployment-url=http://127.0.0.1:1",), ("conformance/suites/test_interrupt.py",), True),
        ((), ("conformance/suites/test_interrupt.py", "tests/conformance/test_xdist.py"), True),
    ],
    ids=["a file", "a package", "a chosen distribution", "a deployment", "other tests, too"],
)
async def test_processes_are_left_out_where_they_make_the_suite_slower(
    arguments: tuple[str, ...], suite: tuple[str, ...], distributed: bool
) -> None:
    run = await run_suite("-k", "nothing-matches", "-n", "1", *arguments, suite=suite, env=COUNTING_CORES)
    assert run.code == pytest.ExitCode.NO_TESTS_COLLECTED, run.output
    assert (NO_EFFECT in run.output) is not distributed
    assert ("1 worker" in run.output) is distributed


async def test_an_unknown_level_is_one_line() -> None:
    run = await run_suite("-q", "--conformance-level=may")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert "argument --conformance-level: invalid choice: 'may'" in run.output


async def markers(*arguments: str, cwd: Path) -> set[str]:
    """Return the names of the markers that `pytest --markers` lists."""
    run = await run_suite("--markers", *arguments, suite=(), cwd=cwd)
    assert run.code == 0, run.output
    return set(re.findall(r"^@pytest\.mark\.(\w+)", run.output, re.MULTILINE))


async def test_the_markers_are_listed_where_the_suite_is_selected(tmp_path: Path) -> None:
    ours = {"conformance", *MARKERS.values()}
    for arguments, folder in (
        ((), CHECKOUT),
        (("conformance",), CHECKOUT),
        (("suites/test_interrupt.py::test_interrupt",), CHECKOUT / "conformance"),
        # A folder that contains the checkout.
        ((str(CHECKOUT.parent),), CHECKOUT),
        (("--pyargs", "conformance"), tmp_path),
        (("--pyargs", "conformance.suites.test_reject"), tmp_path),
        (("--conformance-level=must",), tmp_path),
    ):
        assert ours <= await markers(*arguments, cwd=folder), arguments


async def test_an_unrelated_project_sees_what_is_documented_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_mine(): pass\n")
    ours = {"conformance", "mock_deployment", *MARKERS.values()}
    assert ours & await markers(cwd=tmp_path) == {"mock_deployment"}
    listed = await run_suite("--fixtures", suite=(), cwd=tmp_path)
    assert listed.code == 0, listed.output
    sections = re.findall(
        r"^-+ fixtures defined from (\S+) -+$(.*?)(?=^-{9}|\Z)", listed.output, re.MULTILINE | re.DOTALL
    )
    found = {name: set(re.findall(r"^(\w+)(?: \[| --)", text, re.MULTILINE)) for name, text in sections}
    assert {name: fixtures for name, fixtures in found.items() if name.startswith(("doubletext", "conformance"))} == {
        "doubletext.pytest_conformance": {"thread_state_snapshot"},
        "doubletext.pytest_mock": {"mock_deployment", "mock_deployment_url"},
    }


async def test_a_marker_of_an_unrelated_project_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("import pytest\n@pytest.mark.streams\ndef test_mine(): pass\n")
    run = await run_suite("--strict-markers", suite=(), cwd=tmp_path)
    assert run.code == pytest.ExitCode.INTERRUPTED
    assert "'streams' not found in `markers` configuration option" in run.output


def test_the_garbage_collector_ignores_what_was_collected_and_works_again() -> None:
    cleanups: list[Callable[[], object]] = []
    config: Any = SimpleNamespace(
        add_cleanup=cleanups.append, stash=pytest.Stash(), option=SimpleNamespace(collectonly=True)
    )
    collecting: Any = pytest_plugin.pytest_collection(cast(Any, SimpleNamespace(config=config)))
    before = gc.get_threshold()
    try:
        next(collecting)
        assert gc.isenabled()
        garbage.stop(config)
        assert not gc.isenabled()
        with pytest.raises(StopIteration):
            collecting.send(None)
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() == garbage.THRESHOLDS
        for cleanup in cleanups:
            cleanup()
        assert gc.get_threshold() == before
    finally:
        gc.enable()
        gc.unfreeze()


async def test_no_garbage_is_collected_once_a_run_has_ended(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import atexit, gc\n"
        # Called last, because it is registered first.
        "atexit.register(lambda: print('SEARCHED', len(gc.get_objects()), gc.get_freeze_count()))\n"
    )
    run = await run_suite("-k", f"{PLAINEST}::INT-02", "-p", "mine", env={"PYTHONPATH": str(tmp_path)})
    assert run.code == 0, run.output
    searched, ignored = map(int, re.findall(r"^SEARCHED (\d+) (\d+)$", run.output, re.MULTILINE)[0])
    assert searched < ignored / 100


async def test_an_unrelated_project_keeps_its_garbage_collector(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import gc\nat_import = gc.isenabled()\n"
        f"def test_mine(): assert at_import and gc.get_threshold() != {garbage.THRESHOLDS}\n"
    )
    run = await run_suite("-p", "no:xdist", suite=(), cwd=tmp_path)
    assert run.code == pytest.ExitCode.OK, run.output
