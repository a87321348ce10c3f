"""Transcripts of scenarios on the correct mock, and edits that turn them into those of a wrong server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from conformance.api import Purpose
from conformance.driver.deadlines import Deadlines
from conformance.driver.witness import Witness
from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.scenario import Scenario
from conformance.session.players import PlayPool
from conformance.session.target import Target
from conformance.transcript.transcript import ProbeUse, Released, SuiteInfo, Transcript, WitnessEvent
from mockserver import serving
from mockserver.core.clock import RealClock
from tests.conformance import timeless
from tests.conformance.connections import transport

Json = dict[str, Any]
Edit = Callable[[Json], None]
"""A change, in place, of a transcript that was converted to plain JSON values."""

SUITE = SuiteInfo("doubletext", "test", registry.load().revision)


class CataloguePlays(Mapping[str, Transcript]):
    """The record of every scenario of the catalogue on the correct mock, by its id.

    A scenario is played when a test first reads its record. The whole catalogue is played, against one mock, for the
    first test that reads all of them.
    """

    def __init__(self) -> None:
        self._ids = [scenario.id for scenario in catalogue()]
        self._all: dict[str, Transcript] = {}
        self._single: dict[str, Transcript] = {}

    def __getitem__(self, name: str) -> Transcript:
        if self._all:
            return self._all[name]
        if name not in self._single:
            self._single |= play_named(name)
        return self._single[name]

    def __iter__(self) -> Iterator[str]:
        self._all = self._all or play(catalogue())
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._ids)


def play(scenarios: Sequence[Scenario]) -> dict[str, Transcript]:
    """Play these scenarios once, against one mock.

    The timeless loop makes the records the same every time.
    """

    async def work() -> dict[str, Transcript]:
        witness = Witness()
        await witness.start()
        try:
            async with serving(clock=RealClock()) as url, transport() as connections:
                target = target_at(url)
                await target.examine(connections, witness, SUITE)
                return {s.id: await target.play(s, connections, witness, SUITE) for s in scenarios}
        finally:
            await witness.stop()

    return timeless.run(work())


def play_in_real_time(*names: str) -> dict[str, Transcript]:
    """Play the scenarios with these ids once, as a run of the suite does."""
    pool = PlayPool(suite=SUITE, jobs=8, witness_host=None)
    pool.start()
    try:
        target = target_at(pool.embed_mock())
        scenarios = [scenario for scenario in catalogue() if scenario.id in names]
        pool.begin(target, scenarios)
        return {scenario.id: pool.transcript(target, scenario) for scenario in scenarios}
    finally:
        pool.stop()


def target_at(url: str) -> Target:
    """Return the deployment at this URL, with the probe agent and the usual deadlines."""
    return Target(url=url, assistant="agent", headers={}, profile=None, deadlines=Deadlines())


def play_named(*names: str) -> dict[str, Transcript]:
    """Play the scenarios with these ids once."""
    return play([scenario for scenario in catalogue() if scenario.id in names])


def words(play: Play) -> dict[str, str]:
    """Return the verdict of each requirement that a play shows, judged without a profile."""
    mine = [r for r in registry.load().requirements if r.applies_to(play.scenario.id)]
    return {r.id: judge(r, play, NOTHING_DECLARED).word for r in mine}


def unwitnessed(transcript: Transcript, probe: ProbeUse = "unwitnessed") -> Transcript:
    """Return a play as it would be if no report had reached the witness."""
    # `Released` goes as well: without a report there is no hold to release.
    kept = [m for m in transcript.moments if not isinstance(m, WitnessEvent | Released)]
    return edited(
        msgspec.structs.replace(
            transcript, moments=kept, target=msgspec.structs.replace(transcript.target, probe=probe)
        )
    )


def says_something_else(raw: Json) -> None:
    """Replace the content of every message and drop the steps, as for an agent that is not the probe agent."""
    for moment in raw["moments"]:
        for place in ("body", "data"):
            if moment["kind"] != "request" and place in moment:
                moment[place] = _other_words(moment[place])


def _other_words(value: Any) -> Any:
    if isinstance(value, list):
        return [_other_words(each) for each in value]
    if not isinstance(value, dict):
        return value
    if {"type", "content"} <= value.keys():
        return {**value, "content": "Hm.", "tool_calls": []}
    return {name: [] if name == "steps" else _other_words(each) for name, each in value.items()}


def edited(transcript: Transcript, *edits: Edit) -> Transcript:
    """Return a copy of `transcript` after `edits`, with `seq` numbered again in the order of the moments."""
    raw: Json = msgspec.to_builtins(transcript)
    for edit in edits:
        edit(raw)
    for seq, moment in enumerate(raw["moments"]):
        moment["seq"] = seq
    return msgspec.convert(raw, Transcript)


def requests(raw: Json, purpose: Purpose, about: str | None = None) -> Iterator[tuple[Json, Json]]:
    """Yield every answered request with this purpose, with its response."""
    answers = {m["exchange"]: m for m in raw["moments"] if m["kind"] == "response"}
    for moment in raw["moments"]:
        if moment["kind"] != "request" or moment["exchange"] not in answers:
            continue
        if moment["purpose"] == purpose and about in (None, moment["about"]):
            yield moment, answers[moment["exchange"]]


def bodies(purpose: Purpose, about: str | None, change: Callable[[Any], Any], *, last: bool = False) -> Edit:
    """Replace the body of every (or only the last) answer with this purpose by `change(body)`."""

    def edit(raw: Json) -> None:
        found = list(requests(raw, purpose, about))
        # An edit that changes nothing would let the test of a broken twin fail far from its cause.
        assert found, f"the transcript has no `{purpose}` about {about}"
        for _, response in found[-1:] if last else found:
            response["body"] = change(response["body"])

    return edit


def status_code(purpose: Purpose, about: str, code: int) -> Edit:
    """Set the HTTP status of every answer with this purpose."""

    def edit(raw: Json) -> None:
        for _, response in requests(raw, purpose, about):
            response["status"] = code

    return edit


def run_status(label: str, status: str, *, only_final: bool = False) -> Edit:
    """Set the status of run `label` in every answer where it has ended, or only in the last one."""

    def change(body: Any) -> Any:
        return {**body, "status": status} if body["status"] not in ("pending", "running") else body

    final = bodies("final run", f"run {label}", change)
    looks = bodies("look", f"run {label}", change)
    return (lambda raw: final(raw)) if only_final else (lambda raw: (looks(raw), final(raw), None)[2])


def thread_status(status: str, *, purpose: Purpose = "final thread") -> Edit:
    """Set the status of the thread in every answer with this purpose."""
    return bodies(purpose, "main", lambda body: {**body, "status": status})


def messages(change: Callable[[list[Json]], list[Json]], *, name: str = "main") -> Edit:
    """Change the messages in the final state, in the values of the thread and in the newest checkpoint."""

    def values(body: Any) -> Any:
        return {**body, "values": {**body["values"], "messages": change(list(body["values"]["messages"]))}}

    def edit(raw: Json) -> None:
        bodies("final state", name, values)(raw)
        bodies("final thread", name, values)(raw)
        bodies("final history", name, lambda entries: [values(entries[0]), *entries[1:]])(raw)

    return edit


def without(text: str) -> Callable[[list[Json]], list[Json]]:
    """Return a change that drops the messages whose JSON contains `text`."""
    return lambda found: [m for m in found if text not in msgspec.json.encode(m).decode()]


def history(change: Callable[[list[Json]], list[Json]]) -> Edit:
    """Change the final history, which lists the newest checkpoint first."""
    return bodies("final history", "main", change)


def move_report(label: str, event: str, *, behind: Callable[[Json], bool], step: str | None = None) -> Edit:
    """Move a witness report of run `label` behind the last moment that `behind` accepts."""

    def edit(raw: Json) -> None:
        moments = raw["moments"]
        report = next(
            m
            for m in moments
            if m["kind"] == "witness" and (m["label"], m["event"]) == (label, event) and step in (None, m["step"])
        )
        moments.remove(report)
        # After the removal: before it, an earlier report would shift the position by one.
        position = max(i for i, m in enumerate(moments) if behind(m))
        moments.insert(position + 1, report)

    return edit


def witness(label: str, event: str) -> Callable[[Json], bool]:
    """Return a predicate that accepts the reports of this event of run `label`."""
    return lambda m: m["kind"] == "witness" and (m["label"], m["event"]) == (label, event)
