"""Mutation of the tables and the oracle: a machine inserts faults, and the tests have to notice each.

`python -m tests.mutation` works on a copy of the checkout, with cosmic-ray, and writes `docs/reference/mutation.md`. It
takes some ten minutes of one processor, at the lowest priority.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "mutation.md"

TESTS = {
    "mockserver/core/lifecycle.py": "tests/mockserver/test_lifecycle.py",
    "mockserver/core/strategies.py": "tests/mockserver/test_strategies.py",
    "conformance/judge/oracle.py": "tests/conformance/test_oracle.py",
}
"""The tests of each module. All tests would notice more faults, and take minutes for each."""

SECONDS = 120.0
"""After so long a run of the tests counts as hung, and the fault as noticed."""

SETTINGS = """[pytest]
addopts = --strict-markers --strict-config --import-mode=importlib
pythonpath = {copy}
filterwarnings = error
"""
"""No plugin but that with the settings of hypothesis: importing the others takes longer than the tests."""

UNEXPLAINED = "unexplained"

SMALL = "CPython has each small integer, and each constant string, once: what is equal is identical."

EXPLAINED: dict[tuple[str, str], str] = {
    ("in_flight: *bool | None*", "ReplaceBinaryOperator_BitOr_*"): "An annotation, which nobody evaluates.",
    ("*zip(*strict=True)*", "ReplaceTrueWithFalse"): "What is zipped has one length, always: `strict` only says so.",
    ("if len(turn.in_flight) != *", "ReplaceComparisonOperator_NotEq_IsNot"): SMALL,
    ("if after == index + 1 and *", "ReplaceComparisonOperator_Eq_Is"): SMALL,
    ("if after == index + 1 and *", "ReplaceComparisonOperator_Eq_LtE"): (
        "What was stopped is not ended by `itself` any more: to stop it again changes nothing."
    ),
    ("*, *stopping_counts: bool*", "ReplaceBinaryOperator_Mul_*"): (
        "The star of a signature, not of a product: by name or by place, the call is the same."
    ),
    ("return (way for way in ways if tuple(sorted(way, reverse=True)) == way)", "ReplaceComparisonOperator_Eq_LtE"): (
        "Nothing is greater than what is sorted the greatest first, so not greater is equal."
    ),
}
"""Survivors, by patterns of the line and of the operator, and why the tests are right not to notice them."""

HEAD = """# Mutation of the heart

Made by `tox -e mutation`, not in every run of CI; do not edit.

cosmic-ray puts one fault after the other into the transition table, the strategies and the oracle, and runs the tests
of that module. Of {made} faults {killed} are noticed.

| module | its tests | faults | noticed |
|---|---|---|---|
"""


def main() -> int:
    """Mutate, and write the page. Return 1 when a fault survives without an explanation."""
    if hasattr(os, "nice"):
        os.nice(19)
    with tempfile.TemporaryDirectory() as folder:
        found = _mutate(Path(folder))
    survivors = [one for one in found if one["outcome"] != "killed"]
    PAGE.write_text(_page(found, survivors))
    unexplained = [one for one in survivors if _why(one) == UNEXPLAINED]
    print(f"{len(found)} faults, {len(survivors)} survive, {len(unexplained)} of those unexplained")
    for one in unexplained:
        print(f"  {one['module']}:{one['line']} {one['operator']}: {one['source']}")
    return bool(unexplained)


def _mutate(folder: Path) -> list[dict[str, str]]:
    copy, settings = folder / "checkout", folder / "settings.ini"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "build", "node_modules", "__pycache__"))
    settings.write_text(SETTINGS.format(copy=copy))
    found = []
    for module, tests in TESTS.items():
        config, session = folder / "mutation.toml", folder / f"{Path(module).stem}.sqlite"
        command = (
            f"{sys.executable} -m pytest -q -x -p no:cacheprovider -c {settings} --rootdir . --noconftest "
            f"-p tests.conftest {tests}"
        )
        config.write_text(
            f"[cosmic-ray]\nmodule-path = {json.dumps(module)}\ntimeout = {SECONDS}\nexcluded-modules = []\n"
            f"test-command = {json.dumps(command)}\n[cosmic-ray.distributor]\nname = 'local'\n"
        )
        # The tests must pass where there is no fault: else everything would count as noticed.
        for step in (["baseline", config], ["init", config, session], ["exec", config, session]):
            _cosmic_ray(copy, *map(str, step))
        source = (copy / module).read_text().splitlines()
        found += [_told(json.loads(line), source) for line in _cosmic_ray(copy, "dump", str(session)).splitlines()]
    return found


def _cosmic_ray(copy: Path, *arguments: str) -> str:
    # PYTHONPATH: the copy is tested, not what is installed. CI: hypothesis finds the same examples every time.
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(copy), os.environ.get("PYTHONPATH")))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "CI": "1",
    }
    command = [sys.executable, "-m", "cosmic_ray.cli", *arguments]
    done = subprocess.run(command, cwd=copy, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def _told(pair: list[dict[str, object]], source: list[str]) -> dict[str, str]:
    """One fault and what came of it, from a line of cosmic-ray's dump."""
    work, result = pair
    mutation = work["mutations"][0]  # type: ignore[index]
    return {
        "module": str(mutation["module_path"]),
        "line": str(mutation["start_pos"][0]),
        "source": source[mutation["start_pos"][0] - 1].strip(),
        "operator": str(mutation["operator_name"]).removeprefix("core/"),
        "outcome": str(result["test_outcome"] if result else "untested"),
    }


def _why(one: dict[str, str]) -> str:
    """Why the tests are right not to notice a fault."""
    for (line, operator), why in EXPLAINED.items():
        if fnmatchcase(one["source"], line) and fnmatchcase(one["operator"], operator):
            return why
    return UNEXPLAINED


def _page(found: list[dict[str, str]], survivors: list[dict[str, str]]) -> str:
    lines = [HEAD.format(made=len(found), killed=len(found) - len(survivors)).rstrip()]
    made, kept = (Counter(one["module"] for one in each) for each in (found, survivors))
    for module, tests in TESTS.items():
        lines.append(f"| `{module}` | `{tests}` | {made[module]} | {made[module] - kept[module]} |")
    lines += ["", "## Survivors", ""]
    lines += [f"- `{one['module']}`, `{one['source']}`, {one['operator']}: {_why(one)}" for one in survivors] or [
        "None."
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
