"""`docs/reference/side-by-side.md`: how the mock's conversations compare with those of `langgraph dev`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from conformance.transcript.text import one_line
from tests.reference.side_by_side.explaining import Kind, Reason
from tests.reference.side_by_side.result import Compared, SideBySide

KINDS: dict[Kind, str] = {
    "freedom": "What the documents leave to a server",
    "mock": "What the mock leaves out",
    "fault": "What `langgraph dev` gets wrong",
    "luck": "What depends on the moment",
}

INTRODUCTION = """\
# The mock and `langgraph dev`, side by side

The suite plays its {count} scenarios on both servers and keeps every transcript. Here each conversation is laid beside
the other: every request and answer (status, headers, body), every stream's events in order, the statuses that a run or
thread came to, the steps that the witness saw, the webhooks. Ids and times are placeholders that bind: an id has the
same name wherever it stands. Left out are headers of framing (`date`, `server`, lengths), what a server writes of
itself (its version, plan, host and URL), the null `__pregel_node_finished` that `langgraph dev` leaves in the
configurable of a run, and whether a look met a status that goes by (`pending`, `running`, `busy`).

| | server | profile | rule book | recorded |
|---|---|---|---|---|
| reference | {reference.server} | {reference.profile} | {reference.revision} | {reference.finished_at} |
| mock | {mock.server} | | {mock.revision} | {mock.finished_at} |

| of {count} scenarios | |
|---|---|
| equal | {equal} |
| equal but for explained differences | {explained} |
| with a difference that is not explained | {unexplained} |

Made by `python -m tests.reference.side_by_side REFERENCE_REPORT MOCK_REPORT`, with the reviewed table
`tests/reference/side_by_side/explained.toml`. [How to renew it](../../CONTRIBUTING.md) is in the contributors' guide.
"""


def render(found: SideBySide, reasons: Sequence[Reason]) -> str:
    """Return the page."""
    return "\n".join(_lines(found, reasons)) + "\n"


def _lines(found: SideBySide, reasons: Sequence[Reason]) -> Iterator[str]:
    unexplained = [one for one in found.scenarios if one.unexplained]
    equal = [one for one in found.scenarios if one.equal]
    explained = [one for one in found.scenarios if one.explained and not one.unexplained]
    yield INTRODUCTION.format(
        count=len(found.scenarios),
        equal=len(equal),
        explained=len(explained),
        unexplained=len(unexplained),
        reference=found.reference,
        mock=found.mock,
    )
    for kind, title in KINDS.items():
        yield from _reasons(title, [reason for reason in reasons if reason.kind == kind], found)
    if unexplained:
        yield "## Not explained\n"
        for difference in found.unexplained:
            yield (
                f"- `{difference.scenario}`, {difference.place}: "
                f"`{one_line(difference.reference, 100)}` / `{one_line(difference.mock, 100)}`"
            )
        yield ""
    yield f"## The {len(explained)} scenarios with explained differences\n"
    yield from _by_reasons(explained)
    yield f"## The {len(equal)} that are equal\n"
    yield from (f"- `{one.scenario}`" for one in equal)


def _reasons(title: str, reasons: Sequence[Reason], found: SideBySide) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| | reason | scenarios | differences | for example |"
    yield "|---|---|---|---|---|"
    for reason in reasons:
        having = [one.explained[reason.name] for one in found.scenarios if reason.name in one.explained]
        told = reason.reason
        if reason.known:
            told += f" (known failures: {', '.join(reason.known)})"
        yield f"| {reason.name} | {told} | {len(having)} | {sum(having)} | {_example(found, reason.name)} |"
    yield ""


def _example(found: SideBySide, name: str) -> str:
    example = found.examples.get(name)
    if example is None:
        return "none in this recording"
    values = (one_line(value, 70).replace("|", "\\|").replace("`", "'") for value in (example.reference, example.mock))
    place = example.place.replace("|", "\\|").replace("`", "'")
    return f"`{example.scenario}`, {place}: " + " / ".join(f"`{value}`" for value in values)


def _by_reasons(explained: Sequence[Compared]) -> Iterator[str]:
    """Return the scenarios, grouped by their reasons."""
    groups: dict[str, list[str]] = defaultdict(list)
    for one in explained:
        groups[", ".join(one.explained)].append(one.scenario)
    for names, scenarios in sorted(groups.items(), key=lambda group: -len(group[1])):
        yield f"- {names} ({len(scenarios)}): " + ", ".join(f"`{scenario}`" for scenario in scenarios)
    yield ""
