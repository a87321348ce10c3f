"""The rule book as a page for readers: `docs/reference/requirements.md`."""

from __future__ import annotations

from conformance.requirements.areas import AREAS
from conformance.requirements.registry import Needs, Registry, Requirement, load, proofs
from conformance.scenarios.catalogue import catalogue

HEAD = """# The rule book, revision {revision}

Made by `python -m conformance requirements`; do not edit. The data is `conformance/requirements/`.

MUST: written in a guide or the published API description, or following from them by the argument that is given;
breaking it is FAIL. SHOULD: from reports and reference behaviour; breaking it is WARN, and fails under
`--conformance-strict`. PROFILE: a documented freedom; it is reported, and compared with what the vendor's profile
declares. What needs the probe agent is not judged of any other agent; the rest is.

{requirements} requirements are judged in {scenarios} scenarios. At the end stand the candidates that are left out, and
the scenarios.
"""


NEEDS: dict[Needs, str] = {"probe": "the probe agent", "witness": "the probe agent, and that it reaches the witness"}


def render() -> str:
    """The whole page, Markdown."""
    book = load()
    lines = [HEAD.format(revision=book.revision, requirements=len(book.requirements), scenarios=len(catalogue()))]
    for area, name in AREAS.items():
        lines.append(f"## {area}: {name}\n")
        lines += [_entry(requirement) for requirement in book.requirements if requirement.area == area]
    lines.append("## Left out\n")
    lines += [f"- **{entry.id}** {entry.reason}" for entry in book.left_out]
    lines.append("")
    lines.append(_scenarios(book))
    return "\n".join(lines)


def _entry(requirement: Requirement) -> str:
    shown = [scenario.id for scenario in catalogue() if requirement.applies_to(scenario.id)]
    parts = [f"**{requirement.id}** {requirement.level}. {requirement.sentence}"]
    if requirement.needs != "any":
        parts.append(f"  \n  *Needs* {NEEDS[requirement.needs]}")
    if requirement.argument:
        parts.append(f"  \n  *Because* {requirement.argument}")
    parts.append(f"  \n  *Source:* {'; '.join(requirement.sources)}")
    parts.append(f"  \n  *Shown by* {len(shown)} scenarios: {', '.join(f'`{p}`' for p in requirement.shown_by)}")
    if requirement.not_by:
        parts.append(f", without {', '.join(f'`{p}`' for p in requirement.not_by)}")
    if proved := proofs().get(requirement.id):
        parts.append(f"  \n  *Proved by* the defects {', '.join(f'`{name}`' for name in proved)}")
    return "- " + "".join(parts) + "\n"


def _scenarios(book: Registry) -> str:
    lines = ["## The scenarios\n", "| scenario | what happens | requirements |", "|---|---|---|"]
    for scenario in catalogue():
        judged = sum(requirement.applies_to(scenario.id) for requirement in book.requirements)
        lines.append(f"| `{scenario.id}` | {scenario.about} | {judged} |")
    return "\n".join(lines) + "\n"
