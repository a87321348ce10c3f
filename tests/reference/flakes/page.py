"""`docs/reference/flakes.md`: what changed from run to run, and what the profiles state about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from conformance.judge import profiles
from conformance.judge.judging import Word
from conformance.report.compare import WORST_FIRST
from conformance.report.html.templating import in_table
from tests.reference.flakes.result import Changed, Flakes, Runs, declared

UNDECLARED = "**No profile declares it as flaky.**"

HEAD = """\
# From run to run

Each reference server was judged several times. This page lists the verdicts that were not the same in all runs, and
what the server's profile states about the chance that decides. A verdict that is not listed was the same in every run.

| Server | Profile | Rule book | Runs | Scenarios | Verdicts | Not always the same | When |
| --- | --- | --- | ---: | ---: | ---: | ---: | --- |
"""

FOOT = """
Made by `python -m tests.reference.flakes`. [How to renew it](../../CONTRIBUTING.md) is in the contributors' guide.
"""


def render(kept: Flakes) -> str:
    """Return the page. What luck decides is read from the present profiles."""
    lines = [HEAD.rstrip("\n")]
    lines += [
        f"| {one.title} ({in_table(one.server)}) | {one.profile} | {one.revision} | {one.runs} | {one.scenarios} | "
        f"{one.judged} | {len(one.changed)} | {one.last} |"
        for one in kept.servers.values()
    ]
    for one in kept.servers.values():
        lines += ["", *_section(one)]
    return "\n".join(lines) + "\n" + FOOT


def _section(one: Runs) -> Iterator[str]:
    yield f"## {one.title}"
    yield ""
    if one.selection:
        yield f"Not all scenarios were played, but those that `{one.selection}` selects."
        yield ""
    if not one.changed:
        yield f"Every run gave the same {one.judged} verdicts."
        return
    profile = profiles.load(one.profile)
    # One row for each entry and requirement: twenty scenarios of one chance are one fact.
    rows: dict[tuple[str, str], list[Changed]] = defaultdict(list)
    for changed in one.changed:
        entry = declared(profile, changed)
        rows[entry.reason.replace("|", r"\|") if entry else UNDECLARED, changed.requirement].append(changed)
    yield "| Requirement | Scenarios | Verdicts | What luck decides |"
    yield "| --- | --- | --- | --- |"
    for (reason, requirement), together in sorted(rows.items(), key=lambda row: row[0][::-1]):
        scenarios = "<br>".join(f"`{changed.scenario}`" for changed in together)
        verdicts = "<br>".join(counts(changed.verdicts) for changed in together)
        yield f"| {requirement} | {scenarios} | {verdicts} | {reason} |"


def counts(verdicts: Mapping[Word, int]) -> str:
    """Return how often each word was given, the worst first."""
    return ", ".join(f"{word} {verdicts[word]}" for word in WORST_FIRST if word in verdicts)
