"""The public names of both packages: all that the documentation imports, sorted, and imported late."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import conformance
import mockserver

CHECKOUT = Path(__file__).parents[1]
PAGES = [*(CHECKOUT / "docs").rglob("*.md"), CHECKOUT / "README.md"]
PACKAGES = {"conformance": conformance, "mockserver": mockserver}

each_package = pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES.keys())


def shown() -> Iterator[tuple[str, str]]:
    """Return every name that a page imports, with its module."""
    for page in PAGES:
        for snippet in re.findall(r"```python[^\n]*\n(.*?)```", page.read_text(), re.DOTALL):
            for node in ast.walk(ast.parse(textwrap.dedent(snippet))):
                if isinstance(node, ast.ImportFrom):
                    yield from ((str(node.module), alias.name) for alias in node.names)
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    yield node.value.id, node.attr
        # In a sentence, `mockserver.serving(...)`.
        yield from re.findall(r"`(conformance|mockserver)\.(\w+)\(", page.read_text())


@each_package
def test_the_documentation_imports_public_names_alone(package: ModuleType) -> None:
    ours = {(module, name) for module, name in shown() if module.partition(".")[0] == package.__name__}
    assert ours
    assert ours <= {(package.__name__, name) for name in package.__all__}


@each_package
def test_the_list_is_sorted_and_no_name_is_that_of_a_module(package: ModuleType) -> None:
    assert list(package.__all__) == sorted(set(package.__all__))
    assert not {module.name for module in pkgutil.iter_modules(package.__path__)} & set(package.__all__)


@each_package
def test_every_public_name_is_what_type_checkers_are_told(package: ModuleType) -> None:
    told: dict[str, tuple[str, str]] = {}
    for node in ast.walk(ast.parse(Path(str(package.__file__)).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(f"{package.__name__}."):
            told |= {alias.asname or alias.name: (str(node.module), alias.name) for alias in node.names}
    assert {*told, *(["AGENTS"] if package is conformance else [])} == set(package.__all__)
    for name, (module, inside) in told.items():
        assert getattr(package, name) is getattr(import_module(module), inside), name


@each_package
def test_an_unknown_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"^module '{package.__name__}' has no attribute 'nonsense'$"):
        _ = getattr(package, "nonsense")  # noqa: B009 - mypy knows that there is none


def test_the_packages_are_imported_without_what_their_names_need() -> None:
    code = (
        "import sys, conformance, mockserver\n"
        "print(*{'aiohttp', 'asyncio', 'httpx', 'msgspec', 'pytest', 'respx', 'yaml'} & sys.modules.keys())\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, check=True).stdout == b"\n"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("conformance.snapshots", "read_thread"),
        ("mockserver", "create_app"),
        ("mockserver", "serving"),
        ("mockserver.deployment", "MockDeployment"),
        ("mockserver.replay", "replaying"),
        *(("mockserver.script.types", name) for name in ("Call", "Script", "Step", "Turn", "When")),
    ],
)
def test_what_the_documentation_imported_before_is_still_there(module: str, name: str) -> None:
    assert getattr(import_module(module), name) is getattr(PACKAGES[module.partition(".")[0]], name)


def test_the_probe_agents_are_found() -> None:
    assert {path.name for path in conformance.AGENTS.iterdir()} >= {"CONTRACT.md", "javascript", "python"}
