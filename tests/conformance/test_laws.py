"""The general laws allow what a right server may do: each change here is legal, and breaks no law in any scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import Json, edited

# SHP-09 wants what the types of the clients have, and the description leaves out. `test_legal_variations.py` tests it.
LAWS = [one for one in registry.load().requirements if one.area in ("SHP", "AGR", "ECH") and one.id != "SHP-09"]

SCENARIOS = (
    "interrupt/during-tools/create/unwatched",
    "interrupt/during-tools/stream/unwatched",
    "interrupt/parked/create/unwatched",
    "rollback/during-tools/create/unwatched",
    "enqueue/during-tools/create/unwatched",
    "cancel/during-tools/interrupt/unwatched",
    "reject/during-tools/create/unwatched",
    "resume/parked/create/unwatched/parallel",
    "cron/made-and-deleted",
    "stateless/create",
    "webhook/finished",
)


def in_bodies(change: Callable[[Json], Json]) -> Callable[[Json], None]:
    """Return an edit of every object in the body of every answer, the inner ones first."""

    def each(value: Any) -> Any:
        if isinstance(value, list):
            return [each(one) for one in value]
        return change({name: each(one) for name, one in value.items()}) if isinstance(value, dict) else value

    def edit(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] in ("response", "delivery"):
                moment["body"] = each(moment["body"])

    return edit


def without(*names: str, having: str) -> Callable[[Json], None]:
    """Return an edit that drops fields from every object that has the field `having`."""
    return in_bodies(lambda one: {k: v for k, v in one.items() if k not in names} if having in one else one)


def nulls(*names: str, having: str) -> Callable[[Json], None]:
    """Return an edit that sets fields to null in every object that has the field `having`."""
    return in_bodies(lambda one: {**one, **dict.fromkeys(names)} if having in one else one)


def zulu(one: Json) -> Json:
    return {k: v.replace("+00:00", "Z") if isinstance(v, str) and k.endswith("_at") else v for k, v in one.items()}


def rounded(one: Json) -> Json:
    """Return an object whose times have whole seconds."""
    return {k: f"{v[:19]}+00:00" if isinstance(v, str) and k.endswith("_at") and v[10:11] == "T" else v
            for k, v in one.items()}  # fmt: skip


def heads(change: Callable[[Json], None]) -> Callable[[Json], None]:
    """Return an edit of every answer as a whole."""

    def edit(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "response":
                change(moment)

    return edit


def charset(answer: Json) -> None:
    if answer["headers"].get("content-type") == "application/json":
        answer["headers"]["content-type"] = "application/json; charset=utf-8"


def empty_answers(answer: Json) -> None:
    if answer["status"] == 202:
        answer["status"] = 200


def only_thread_headers(answer: Json) -> None:
    answer["headers"] = {k: v for k, v in answer["headers"].items() if k in ("content-type", "content-location")}


OPTIONAL = ("values", "interrupts", "config", "state_updated_at")
"""The fields that the description does not require of a thread."""

LEGAL: dict[str, Callable[[Json], None]] = {
    "additional fields": in_bodies(lambda one: {**one, "vendor": {"a": [1]}} if "created_at" in one else one),
    "threads with only the required fields": without(*OPTIONAL, having="status"),
    "optional fields that are null": nulls(*OPTIONAL, having="state_updated_at"),
    "states with only the required fields": without("tasks", "interrupts", "parent_checkpoint", "checkpoint_id",
                                                    "parent_checkpoint_id", having="next"),
    "questions without ids": without("id", "interrupt_id", "response_schema", having="resumable"),
    "crons with only the required fields": without("metadata", "assistant_id", "user_id", "next_run_date", "timezone",
                                                   "on_run_completed", having="cron_id"),
    "kwargs that show nothing": in_bodies(lambda one: {**one, "kwargs": {}} if "kwargs" in one else one),
    "times that end in Z": in_bodies(zulu),
    "times of whole seconds": in_bodies(rounded),
    "a charset in the content type": heads(charset),
    "200 for an accepted cancel": heads(empty_answers),
    "no headers but the documented ones": heads(only_thread_headers),
}  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("what", LEGAL)
def test_what_is_legal_breaks_no_law(what: str, scenario: str, plays: Mapping[str, Transcript]) -> None:
    play = Play(edited(plays[scenario], LEGAL[what]))
    verdicts = {one.id: judge(one, play, NOTHING_DECLARED) for one in LAWS if one.applies_to(scenario)}
    assert {name: found for name, found in verdicts.items() if found.word in ("FAIL", "WARN", "ERROR")} == {}
