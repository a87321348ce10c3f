"""The lines in which the terminal shows causes, and reasons of verdicts that are no failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conformance.judge.expect import declarable
from conformance.report.causes import Group
from conformance.report.report import Result
from conformance.requirements import registry
from conformance.transcript.text import visible

# A screen has about fifty lines, and a cause takes five. The report has all.
SHOWN = 10
"""The number of causes, and of reasons for another verdict, that the terminal lists."""

LONG = 400
"""The number of characters of one text. A list of all that is wrong may have thousands."""

BESIDE = 3
"""The number of reasons for another verdict that are listed beside causes, of which most of them are an effect."""

NAMED = 8
"""The number of requirements that are named in one line."""


def causes(groups: Sequence[Group], repeats: Mapping[str, str]) -> list[str]:
    """Return the lines on the worst causes. `repeats` has a command for the shell by the ids of failed results."""
    lines = [line for group in groups[:SHOWN] for line in _cause(group, repeats)]
    if len(groups) > SHOWN:
        lines.append(
            f"… and {_count(len(groups) - SHOWN, 'more cause')}; -v shows every failure, and the report has all"
        )
    return [visible(line) for line in lines]


def _cause(group: Group, repeats: Mapping[str, str]) -> list[str]:
    """Return a cause in its clearest scenario, and what it explains."""
    first, rule = group.results[0], registry.load().get(group.cause.requirement)
    lines = [f"{first.verdict}  {rule.id} ({rule.level}): {rule.sentence}"]
    # A reason that says more names the freedom that was taken, or the play of several that shows the failure.
    if first.reason == f"expected {first.expected}; observed {first.observed}":
        lines += [f"  expected  {_short(first.expected)}", f"  observed  {_short(first.observed)}"]
    else:
        lines += [f"  reason    {_short(first.reason)}"]
    others = len(group.results) - 1
    lines.append(f"  scenario  {first.scenario}" + (f" and {_count(others, 'more scenario')}" if others else ""))
    if first.id in repeats:
        lines.append(f"  repeat    {repeats[first.id]}")
    if group.cause.explains:
        failures = _count(group.explained, "more failure")
        lines.append(f"  explains  {failures}, of {_listed(group.cause.explains)}")
    if group.cause.fault is not None:
        lines.append(
            f"  resembles the known fault {group.cause.fault}: {registry.known_faults()[group.cause.fault].means}"
        )
    return lines


def _short(text: str) -> str:
    """Return a text without what would fill the screen. The report has all of it."""
    return text if len(text) <= LONG else f"{text[:LONG]} …"


def reasons(word: str, results: Sequence[Result], most: int = SHOWN) -> list[str]:
    """Return one line for every reason of this verdict, with the requirements.

    Those that propose to declare something absent come first, as others may follow from them, then the most frequent.
    `most` is the number of reasons that are listed. The others are counted.
    """
    by_reason: dict[str, list[Result]] = {}
    for result in results:
        if result.verdict == word and not result.known:
            by_reason.setdefault(result.reason, []).append(result)
    frequent = sorted(by_reason.items(), key=lambda found: (declarable(found[0]) is None, -len(found[1])))
    lines = []
    for reason, found in frequent[:most]:
        first, others = found[0], len(found) - 1
        rules = list(dict.fromkeys(result.requirement for result in found))
        more = f" (and {_count(others, 'more verdict')} of {_listed(rules)})" if others else ""
        lines.append(f"{word}  {first.id}: {_short(reason)}{more}")
    if len(frequent) > most:
        lines.append(f"… and {_count(len(frequent) - most, 'more reason')} of the verdict {word}")
    return [visible(line) for line in lines]


def stale(entries: Sequence[str], most: int = SHOWN) -> list[str]:
    """Return one line for every stale entry of the profile. `most` is the number that is listed, the rest is counted.

    A profile of another server, or of an old version, may have hundreds.
    """
    lines = [f"stale: {entry}" for entry in entries[:most]]
    if len(entries) > most:
        lines.append(f"… and {len(entries) - most} more stale; -v shows all, and so does the report")
    return [visible(line) for line in lines]


def workers(number: int) -> str:
    """Return the line on the workers that were found."""
    if number == 1:
        return "1 run was executed at a time in the examination, so the plays shared one worker (--conformance-jobs)"
    return f"{number} workers were used at a time, as the examination suggested (--conformance-jobs)"


def own_fault(errors: int) -> str:
    """Return the line that keeps the suite's own errors apart from the verdict on the deployment."""
    what = "1 ERROR is a fault" if errors == 1 else f"{errors} ERRORs are faults"
    return f"{what} of doubletext and not of the deployment. Please report it with the transcript (exit code 10)"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} other requirements"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
