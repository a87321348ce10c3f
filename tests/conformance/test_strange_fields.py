"""No check fails itself: every field of every answer is replaced, one after another, by values of other types.

The fuzzer draws at random, and seldom draws the one field that one check reads. Here each requirement is judged by one
scenario, with each field of each kind of answer wrong in every answer of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from conformance.transcript.transcript import AnyMoment, Request, Response, StreamEvent, Transcript

VALUES: tuple[Any, ...] = (-1, [None, [], 1, {"id": []}])
"""A value that is true and cannot be iterated, and one that has no hash, with members of wrong types.

What fails on null, on a text or on an object fails on one of these as well, and each more costs a minute.
"""


def kinds(transcript: Transcript) -> dict[int, str]:
    """Return what each response and event belongs to, by its position among the moments."""
    purposes = {moment.exchange: moment.purpose for moment in transcript.moments if isinstance(moment, Request)}
    found = {}
    for index, moment in enumerate(transcript.moments):
        if isinstance(moment, Response) and moment.body is not None:
            found[index] = f"response to {purposes.get(moment.exchange)}"
        elif isinstance(moment, StreamEvent):
            found[index] = f"event {moment.event}"
    return found


def names(value: Any) -> Iterator[str]:
    """Yield the name of every field of a JSON value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


def replaced(value: Any, name: str, new: Any) -> Any:
    """Return a JSON value in which every field of this name has another value."""
    if isinstance(value, dict):
        return {key: new if key == name else replaced(inner, name, new) for key, inner in value.items()}
    return [replaced(inner, name, new) for inner in value] if isinstance(value, list) else value


def content(moment: AnyMoment) -> Any:
    return moment.data if isinstance(moment, StreamEvent) else moment.body if isinstance(moment, Response) else None


def variations(transcript: Transcript) -> Iterator[tuple[str, Transcript]]:
    """Yield the transcript with one field of one kind of answer replaced, for every field, kind and value."""
    of_kind: dict[str, list[int]] = {}
    for index, kind in kinds(transcript).items():
        of_kind.setdefault(kind, []).append(index)
    for kind, indices in of_kind.items():
        for name in sorted({name for index in indices for name in names(content(transcript.moments[index]))}):
            for new in VALUES:
                moments = list(transcript.moments)
                for index in indices:
                    moment = moments[index]
                    field = "data" if isinstance(moment, StreamEvent) else "body"
                    moments[index] = msgspec.structs.replace(moment, **{field: replaced(content(moment), name, new)})
                yield f"`{name}` of the {kind} is {new}", msgspec.structs.replace(transcript, moments=moments)


def shown_in() -> dict[str, list[registry.Requirement]]:
    """Return the requirements by the scenario that judges them here: a short one that shows them."""
    found: dict[str, list[registry.Requirement]] = {}
    for requirement in registry.load().requirements:
        showing = [scenario for scenario in catalogue() if requirement.applies_to(scenario.id)]
        # The fields are the same in all, and each costs a verdict.
        shortest = min(showing, key=lambda scenario: (len(scenario.moves), scenario.id))
        found.setdefault(shortest.id, []).append(requirement)
    return found


@pytest.mark.patient
@pytest.mark.parametrize(
    ("scenario", "requirements"),
    [pytest.param(name, found, id=" ".join(one.id for one in found)) for name, found in shown_in().items()],
)
def test_a_check_gives_a_verdict_whatever_a_field_is(
    scenario: str, requirements: Sequence[registry.Requirement], plays: Mapping[str, Transcript]
) -> None:
    for what, changed in variations(plays[scenario]):
        # One for all of them, because it remembers what the first ones looked up.
        play = Play(changed)
        for requirement in requirements:
            verdict = judge(requirement, play, NOTHING_DECLARED)
            assert verdict.word != "ERROR", f"{requirement.id}, {what}: {verdict.reason}"
            assert "\n" not in verdict.reason
