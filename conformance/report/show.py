"""`python -m conformance show ID...`: a requirement with its sources, check, scenarios, broken twins and defects."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from conformance.judge.check import Check, check_of
from conformance.requirements.areas import AREAS
from conformance.requirements.judged import scenarios_of
from conformance.requirements.page import NEEDS
from conformance.requirements.registry import Requirement, load, proofs

CHECKOUT = Path(__file__).parents[2]
TWINS = CHECKOUT / "tests" / "conformance" / "twins"
"""Where a checkout keeps the broken twins. The package does not contain them."""


def command(requirement_ids: Sequence[str]) -> int:
    """Print each of these requirements and return 0. If one is unknown, print only an error and return 2."""
    known = {requirement.id: requirement for requirement in load().requirements}
    asked = [requirement_id.upper() for requirement_id in requirement_ids]
    if unknown := [requirement_id for requirement_id in asked if requirement_id not in known]:
        for requirement_id in unknown:
            # With the cutoff 0 there is always a match.
            [nearest] = get_close_matches(requirement_id, known, n=1, cutoff=0)
            sys.stderr.write(f"show: no requirement has the id {requirement_id}; the nearest is {nearest}\n")
        return 2
    sys.stdout.write("\n".join(render(known[requirement_id]) for requirement_id in asked))
    return 0


def render(requirement: Requirement) -> str:
    """Return one requirement as text for a terminal."""
    return "\n".join([*_rule(requirement), *_check(check_of(requirement.id)), *_proofs(requirement)]) + "\n"


def _rule(requirement: Requirement) -> Iterator[str]:
    yield f"{requirement.id}  {requirement.level}  {requirement.area}: {AREAS[requirement.area]}"
    yield from _paragraph("", requirement.sentence)
    if requirement.documented is not None:
        choices = " or ".join(f"`{choice}`" for choice in (requirement.documented, *requirement.also))
        yield from _paragraph("Documented: ", choices)
    if requirement.needs != "any":
        yield from _paragraph("Needs: ", NEEDS[requirement.needs])
    if requirement.argument:
        yield from _paragraph("Because: ", requirement.argument)
    yield from _list("Sources", requirement.sources)


def _check(check: Check) -> Iterator[str]:
    lines, first = inspect.getsourcelines(check)
    path = Path(inspect.getfile(check)).relative_to(CHECKOUT)
    yield f"\nCheck: {check.__module__}.{check.__name__}"
    yield f"{path.as_posix()}, lines {first} to {first + len(lines) - 1}\n"
    yield textwrap.indent("".join(lines).rstrip(), "    ")


def _proofs(requirement: Requirement) -> Iterator[str]:
    yield from _list("Scenarios", scenarios_of(requirement.id))
    yield from _list("Broken twins", list(_twins(requirement)))
    yield from _list("Defects that break it", proofs().get(requirement.id, []))


def _twins(requirement: Requirement) -> Iterator[str]:
    """Yield the names of the requirement's broken twins. Yield nothing where the tests are not installed."""
    # The file is parsed and not imported, because an import needs the dependencies of the tests.
    path = TWINS / f"{requirement.area.lower()}.py"
    for node in ast.walk(ast.parse(path.read_text("utf-8"))) if path.exists() else ():
        match node:
            case ast.Call(func=ast.Name(id="twin"), args=[ast.Constant(requirement.id), ast.Constant(str(name)), *_]):
                yield name


def _list(title: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        yield f"\n{title} ({len(entries)}):"
        yield from (f"    {entry}" for entry in entries)


def _paragraph(title: str, text: str) -> Iterator[str]:
    yield "\n" + textwrap.fill(title + text, 100, break_long_words=False, break_on_hyphens=False)
