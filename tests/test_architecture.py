"""The rules of who may import whom.

Floors are listed from the ground up, and an import leads down or stays on its floor.

Every import counts: those inside of functions, which run later, and those for types, which are knowledge too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from mockserver.defects import defects

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("conformance", "mockserver", "doubletext")
COPIED: Final = ROOT / "conformance" / "agents"
"""The folder that a vendor copies into its deployment. It is no part of the package."""

Floors = tuple[tuple[str, ...], ...]

GROUND: Final[Floors] = (
    ("doubletext", "doubletext.environment"),
    (
        "doubletext.command_line",
        "doubletext.deployment_options",
        "doubletext.lazy",
        "doubletext.packages",
        "doubletext.pipe",
        "doubletext.probe",
    ),
)

CONFORMANCE: Final[Floors] = (
    *GROUND,
    ("conformance.toml_lines", "conformance.api"),
    ("conformance.scenarios",),
    ("conformance.transcript",),
    ("conformance.requirements",),
    ("conformance.driver", "conformance.judge"),
    ("conformance.checks",),
    ("conformance.histories",),
    ("conformance.snapshots",),
    ("conformance.report",),
    ("conformance.session",),
    ("conformance.explore",),
    ("conformance.schemas",),
    ("conformance.pytest_plugin",),
    ("doubletext.pytest_conformance",),
    ("conformance.suites",),
    ("conformance",),
    ("conformance.__main__",),
    ("doubletext.__main__",),
)

MOCKSERVER: Final[Floors] = (
    *GROUND,
    ("mockserver.vocabulary", "mockserver.words", "mockserver.piped_log"),
    ("mockserver.arguments",),
    ("mockserver.script",),
    ("mockserver.schemas",),
    ("mockserver.core",),
    ("mockserver.agent",),
    ("mockserver.views",),
    ("mockserver.engine",),
    ("mockserver.web",),
    ("mockserver.defects",),
    ("mockserver.control",),
    ("mockserver.settings",),
    ("mockserver.app",),
    ("mockserver.thread_history",),
    ("mockserver.deployment", "mockserver.replay", "mockserver.recording"),
    ("mockserver.from_graph",),
    ("doubletext.pytest_mock",),
    ("mockserver",),
    ("mockserver.__main__",),
    ("doubletext.__main__",),
)

LATE: Final[Mapping[tuple[str, str], str]] = {
    ("conformance.session.players", "mockserver"): "the embedded default: without a URL the suite judges the mock",
}
"""Imports that break a rule on purpose, with the reason. Each is inside of a function."""

DYNAMIC: Final[Mapping[str, str]] = {
    "conformance.judge.check": "the modules of checks import it for the decorator",
    "mockserver.defects.page": "each module of defects has its chapter",
    "mockserver.defects.registry": "the modules of defects are in a list",
    "doubletext.lazy": "the public names of both packages, each imported when it is first used",
    "mockserver.from_graph": "the module of an application, which holds the graph",
}
"""Modules that import by a name that is made when they run, which is not seen here."""

KNOWN: Final[Mapping[tuple[str, str], str]] = {}
"""Imports that break a rule and are to be mended. What is mended has to be taken out."""

KNOWN_CIRCLES: Final[tuple[tuple[str, ...], ...]] = ()
"""Circles that are to be mended, likewise."""

FORBIDDEN: Final[Mapping[str, tuple[str, ...]]] = {
    # The driver makes moments and knows nothing of right and wrong.
    "conformance.driver": (
        "conformance.judge",
        "conformance.checks",
        "conformance.requirements",
        "conformance.report",
        "conformance.session",
    ),
    # A check is a pure function of a play.
    "conformance.checks": ("conformance.driver", "httpx", "aiohttp", "asyncio"),
    "conformance.judge": ("conformance.driver", "httpx", "aiohttp", "asyncio"),
    # So is a verdict about a history.
    "conformance.histories": ("conformance.driver", "conformance.checks", "httpx", "aiohttp", "asyncio"),
    # The heart of the mock is free of HTTP.
    "mockserver.core": ("aiohttp",),
    # The suite and the mock meet in the contract of the probe, and nowhere else.
    "mockserver": ("conformance",),
    "conformance": ("mockserver",),
    "doubletext.probe": ("conformance", "mockserver"),
}
"""Modules that a package must not import, whatever the floors allow."""

CORRECT: Final = ("engine", "core", "agent", "views", "web", "schemas", "script")
"""The parts of the mock that know nothing of its defects."""


class Import(NamedTuple):
    """One module imports another."""

    importer: str
    imported: str


class Module(NamedTuple):
    """A file of ours, by the name under which it is imported."""

    name: str
    source: str
    is_package: bool


@cache
def modules() -> Mapping[str, Module]:
    """Return every module of the three packages by its name."""
    found = {}
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        if COPIED in path.parents:
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, path.read_text("utf-8"), is_package)
    return found


def imports(module: Module, known: Iterable[str]) -> Iterator[Import]:
    """Return every import of a module, at any depth. `known` are the names that are our modules."""
    for node in ast.walk(ast.parse(module.source)):
        if isinstance(node, ast.Import):
            yield from (Import(module.name, alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
            for alias in node.names:
                inside = f"{base}.{alias.name}"
                yield Import(module.name, inside if inside in known else base)


@cache
def all_imports() -> tuple[Import, ...]:
    """Return every import of the three packages, once."""
    known = modules()
    found = dict.fromkeys(each for module in known.values() for each in imports(module, known))
    return tuple(found)


def is_in(name: str, package: str) -> bool:
    """Return whether a module is a package, or in it."""
    return name == package or name.startswith(f"{package}.")


def landing(name: str, floors: Floors) -> tuple[int, str] | None:
    """Return a module's floor and its entry there, or None. A whole package counts as itself alone."""
    found = [
        (number, entry)
        for number, floor in enumerate(floors)
        for entry in floor
        if name == entry or (entry not in PACKAGES and is_in(name, entry))
    ]
    return max(found, key=lambda each: len(each[1]), default=None)


def against_the_floors(found: Iterable[Import], floors: Floors) -> Iterator[Import]:
    """Return the imports that lead up, or to a neighbour on the same floor."""
    for each in found:
        here, there = landing(each.importer, floors), landing(each.imported, floors)
        if here and there and here != there and there[0] >= here[0]:
            yield each


def forbidden(found: Iterable[Import]) -> Iterator[Import]:
    """Return the imports that are forbidden in any case."""
    for each in found:
        if any(
            is_in(each.importer, package) and is_in(each.imported, banned)
            for package, all_banned in FORBIDDEN.items()
            for banned in all_banned
        ):
            yield each


def cycles(found: Iterable[Import]) -> list[tuple[str, ...]]:
    """Return the groups of modules each of which reaches the others through imports."""
    arrows: dict[str, set[str]] = {}
    for importer, imported in found:
        arrows.setdefault(importer, set()).add(imported)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = list(arrows.get(start, ()))
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead += arrows.get(name, ())
        return seen

    reach = {name: reached(name) for name in arrows}
    groups = {
        tuple(sorted(other for other in reach if other in reach[name] and name in reach[other]))
        for name in reach
        if name in reach[name]
    }
    return sorted(groups)


def broken(found: Iterable[Import]) -> set[Import]:
    """Return the imports that break a rule, without the deliberate ones."""
    found = list(found)
    against = {each for floors in (CONFORMANCE, MOCKSERVER) for each in against_the_floors(found, floors)}
    return {each for each in (against | set(forbidden(found))) if each not in LATE}


def test_every_module_has_a_floor() -> None:
    assert [name for name in modules() if not (landing(name, CONFORMANCE) or landing(name, MOCKSERVER))] == []


def test_imports_lead_down() -> None:
    assert broken(all_imports()) == set(KNOWN), "mend the import, or take what is mended out of KNOWN"


def test_no_modules_import_each_other_in_a_circle() -> None:
    found = cycles(each for each in all_imports() if each not in KNOWN and each not in LATE)
    assert found == sorted(KNOWN_CIRCLES), "mend the circle, or take what is mended out of KNOWN_CIRCLES"


def test_what_is_allowed_is_still_there() -> None:
    assert set(LATE) <= set(all_imports())


def test_a_deliberate_exception_stands_inside_of_a_function() -> None:
    for importer, imported in LATE:
        module = modules()[importer]
        top = ast.Module([node for node in ast.parse(module.source).body if is_import(node)], [])
        assert Import(importer, imported) not in imports(module._replace(source=ast.unparse(top)), modules())


def is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_no_other_module_imports_by_a_name_that_is_made_at_run_time() -> None:
    found = {name for name, module in modules().items() if "import_module" in module.source}
    assert found == set(DYNAMIC)


def correct_parts() -> dict[str, str]:
    """Return the sources of the mock that must not know its defects."""
    return {
        name: module.source
        for name, module in modules().items()
        if any(is_in(name, f"mockserver.{part}") for part in CORRECT)
    }


def test_the_correct_mock_imports_no_defect() -> None:
    found = [each for each in all_imports() if each.importer in correct_parts()]
    assert [each for each in found if is_in(each.imported, "mockserver.defects")] == []


def test_the_correct_mock_mentions_no_defect() -> None:
    assert len(correct_parts()) > 40
    mentioned = {(name, defect) for name, source in correct_parts().items() for defect in defects() if defect in source}
    assert mentioned == set()


# -- the guard itself ------------------------------------------------------------------------------------------------


def made_up(name: str, source: str) -> list[Import]:
    return list(imports(Module(name, source, is_package=False), modules()))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("conformance.driver.x", "from conformance.judge import play"),
        ("conformance.driver.moves.x", "def f():\n    from conformance.judge.play import Play\n"),
        ("conformance.driver.x", "if TYPE_CHECKING:\n    import conformance.judge.play\n"),
        ("conformance.driver.x", "from ..judge.play import Play"),
        ("conformance.driver.x", "from conformance import requirements"),
        ("conformance.judge.x", "from conformance.checks import runs"),
        ("conformance.judge.x", "import conformance.driver.player as p"),
        ("conformance.scenarios.x", "from conformance.transcript.transcript import Move"),
        ("conformance.session.x", "from conformance.pytest_plugin import LEVELS"),
        ("conformance.session.x", "from doubletext.pytest_conformance import OPTIONS"),
        ("conformance.checks.x", "import httpx"),
        ("conformance.report.x", "from mockserver import serving"),
        ("conformance.probe", "import mockserver.core.clock"),
        ("mockserver.core.x", "from aiohttp import web"),
        ("mockserver.core.x", "import aiohttp.web"),
        ("mockserver.core.x", "from mockserver.web.http import ENGINE"),
        ("mockserver.engine.x", "from mockserver.defects import registry"),
        ("mockserver.engine.x", "def f():\n    from mockserver import defects\n"),
        ("mockserver.web.x", "from mockserver.control.routes import CONTROLLER"),
        ("mockserver.agent.x", "from conformance.api import GONE"),
        ("doubletext.probe", "from conformance.api import GONE"),
    ],
)
def test_a_forbidden_import_is_found(name: str, source: str) -> None:
    found = made_up(name, source)
    assert broken(found) == set(found) != set()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("conformance.driver.x", "from conformance.api import GONE\nfrom conformance.driver.http import Http"),
        ("conformance.judge.x", "from conformance.requirements import registry\nimport re"),
        ("conformance.checks.x", "from conformance.judge.play import Play\nfrom doubletext.probe import Work"),
        ("mockserver.engine.x", "from mockserver.core.clock import Clock\nfrom doubletext.probe import Probe"),
        ("mockserver.web.x", "from aiohttp import web"),
        ("mockserver.control.x", "from mockserver.defects import registry"),
    ],
)
def test_an_import_that_leads_down_is_none_of_the_guards_business(name: str, source: str) -> None:
    assert broken(made_up(name, source)) == set()


@pytest.mark.parametrize(
    ("arrows", "found"),
    [
        (["ab", "bc"], []),
        (["ab", "ba"], [("a", "b")]),
        (["ab", "bc", "ca", "cd"], [("a", "b", "c")]),
        (["ab", "ba", "bc", "cd", "dc"], [("a", "b"), ("c", "d")]),
        (["aa"], [("a",)]),
    ],
)
def test_a_circle_is_found(arrows: list[str], found: list[tuple[str, ...]]) -> None:
    assert cycles(Import(*arrow) for arrow in arrows) == found
