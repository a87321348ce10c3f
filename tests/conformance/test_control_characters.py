"""What a deployment sends reaches terminals, JUnit files and scripts without control characters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.report.failure import by_hand, explain
from conformance.requirements import registry
from tests.conformance.deployments import PLAINEST
from tests.conformance.plays import Json, edited, play_named

HOSTILE = "\x1b[2J\x9b31m\u202e\u2028\u2029\u200b\ud800".encode("utf-8", "replace").decode() + "\x00\x07\x85"


def allowed(text: str) -> bool:
    return all(sign.isprintable() or sign in "\n\t" for sign in text)


@pytest.mark.parametrize("field", ["status", "run_id", "thread_id", "multitask_strategy", "created_at", "detail"])
def test_a_failure_shows_control_characters_as_escapes(field: str) -> None:
    def hostile(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "response" and isinstance(moment.get("body"), dict):
                moment["body"][field] = f"{moment['body'].get(field)}{HOSTILE}"
            if moment["kind"] == "request":
                moment["path"] += HOSTILE
        raw["threads"] = {name: f"{found}{HOSTILE}" for name, found in raw["threads"].items()}

    play = Play(edited(play_named(PLAINEST)[PLAINEST], hostile))
    texts = [by_hand(play)]
    for requirement in registry.load().requirements:
        if requirement.applies_to(PLAINEST):
            verdict = judge(requirement, play, NOTHING_DECLARED)
            texts += [verdict.reason, verdict.expected, verdict.observed]
            texts.append(explain(requirement, play, verdict, "transcript.json"))
    assert all(map(allowed, texts)), next(json.dumps(text) for text in texts if not allowed(text))


def test_the_signs_are_not_allowed() -> None:
    sent: list[Any] = [sign for sign in HOSTILE if sign.isprintable()]
    assert sent == list("[2J31m?")
