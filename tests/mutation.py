"""Mutation of the heart: a machine puts faults into the tables and the oracle, and the tests are to notice each.

`python -m tests.mutation` works on a copy of the checkout, with cosmic-ray, and writes `docs/mutation.md`; it takes
some minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "mutation.md"

MODULES = ("mockserver/lifecycle.py", "mockserver/strategies.py", "conformance/oracle.py")
TESTS = (
    "tests/mockserver/test_lifecycle.py",
    "tests/mockserver/test_strategies.py",
    "tests/conformance/test_oracle.py",
)
SECONDS = 120.0
"""After so long a run of the tests counts as hung, and the fault as noticed."""

EXPLAINED: dict[str, str] = {}
"""Survivors, as `MODULE:LINE OPERATOR`, and why the tests are right not to notice them."""

HEAD = """# Mutation of the heart

Made by `tox -e mutation`, not in every run of CI; do not edit.

cosmic-ray puts one fault after the other into the transition table, the strategies and the oracle, and runs
{tests}. Of {made} faults {killed} are noticed.

| module | faults | noticed |
|---|---|---|
"""


def main() -> int:
    """Mutate, and write the page; the exit code is 1 when a fault survives that nobody explained."""
    with tempfile.TemporaryDirectory() as folder:
        found = _mutate(Path(folder))
    survivors = [_name(one) for one in found if one["outcome"] == "survived"]
    PAGE.write_text(_page(found, survivors))
    unexplained = [name for name in survivors if name not in EXPLAINED]
    print(f"{len(found)} faults, {len(survivors)} survive, {len(unexplained)} of those unexplained")
    for name in unexplained:
        print(f"  {name}")
    return bool(unexplained)


def _mutate(folder: Path) -> list[dict[str, str]]:
    copy = folder / "checkout"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "build", "node_modules", "__pycache__"))
    config, session = folder / "mutation.toml", folder / "mutation.sqlite"
    command = f"{sys.executable} -m pytest -q -x -p no:cacheprovider {' '.join(TESTS)}"
    config.write_text(
        f"[cosmic-ray]\nmodule-path = {json.dumps(MODULES)}\ntimeout = {SECONDS}\nexcluded-modules = []\n"
        f"test-command = {json.dumps(command)}\n[cosmic-ray.distributor]\nname = 'local'\n"
    )
    # PYTHONPATH: the copy is tested, not what is installed; hypothesis must find the same examples every time.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    for step in (["init", config, session], ["exec", config, session]):
        subprocess.run([sys.executable, "-m", "cosmic_ray.cli", *map(str, step)], cwd=copy, env=environment, check=True)
    dumped = subprocess.run(
        [sys.executable, "-m", "cosmic_ray.cli", "dump", str(session)],
        cwd=copy,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return [_told(json.loads(line)) for line in dumped.stdout.splitlines()]


def _told(pair: list[dict[str, object]]) -> dict[str, str]:
    """One fault and what came of it, from a line of cosmic-ray's dump."""
    work, result = pair
    mutation = work["mutations"][0]  # type: ignore[index]
    return {
        "module": str(mutation["module_path"]),
        "line": str(mutation["start_pos"][0]),
        "operator": str(mutation["operator_name"]).removeprefix("core/"),
        "outcome": str(result["test_outcome"] if result else "untested"),
    }


def _name(one: dict[str, str]) -> str:
    return f"{one['module']}:{one['line']} {one['operator']}"


def _page(found: list[dict[str, str]], survivors: list[str]) -> str:
    tests = ", ".join(f"`{test}`" for test in TESTS)
    lines = [HEAD.format(tests=tests, made=len(found), killed=len(found) - len(survivors)).rstrip()]
    made, kept = Counter(one["module"] for one in found), Counter(name.partition(":")[0] for name in survivors)
    lines += [f"| `{module}` | {made[module]} | {made[module] - kept[module]} |" for module in MODULES]
    lines += ["", "## Survivors", ""]
    lines += [f"- `{name}`: {EXPLAINED.get(name, 'unexplained')}" for name in survivors] or ["None."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
