"""Messages, steps and checkpoints of a thread in the words of the model."""

from __future__ import annotations

from typing import Any

from conformance.api import GONE, checkpoint_id, objects
from conformance.judge.messages import read_messages, text_of
from conformance.judge.play import Play
from conformance.scenarios import moves as s

FORKED = (("a fork",),)
"""The history whose checkpoints are not one chain, or share an id. No state of the model has it."""


class Speller:
    """The spelling of the bodies of one play."""

    def __init__(self, play: Play) -> None:
        self._scenario = play.scenario
        self._updates = {move.text for move in play.scenario.requests if isinstance(move, s.UpdateState)}
        self._stored_at_end = any(submit.durability == "exit" for submit in play.scenario.submits())

    def words(self, values: object) -> tuple[str, ...]:
        """Return the messages of values, such as `A.human A.call update`."""
        raw = values.get("messages") if isinstance(values, dict) else None
        read = read_messages(values, self._scenario)
        return tuple(
            "update" if isinstance(one, dict) and text_of(one.get("content")) in self._updates else message.word
            for one, message in zip(raw if isinstance(raw, list) else (), read, strict=True)
        )

    def state(self, body: Any) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Return the messages, the finished steps and the next nodes of a state."""
        body = body if isinstance(body, dict) else {}
        values, following = body.get("values"), body.get("next")
        steps = values.get("steps") if isinstance(values, dict) else None
        return (
            self.words(values),
            tuple(str(step) for step in steps) if isinstance(steps, list) else (),
            tuple(str(node) for node in following) if isinstance(following, list) else (),
        )

    def history(self, body: Any) -> tuple[tuple[str, ...], ...]:
        """Return the distinct conversations of a history, oldest first."""
        entries = objects(body)
        ids = [checkpoint_id(entry) for entry in entries]
        parents = [checkpoint_id(entry, "parent_") for entry in entries]
        if len(set(ids)) < len(ids) or (parents[:-1] != ids[1:] and not self._stored_at_end):
            return FORKED
        found: list[tuple[str, ...]] = []
        for entry in reversed(entries):
            words = self.words(entry.get("values"))
            if words and words not in found[-1:]:
                found.append(words)
        return tuple(found)

    def describe(self, shown: Any) -> str:
        """Return a state or a history in one line."""
        if shown == GONE:
            return "not found"
        if shown and isinstance(shown[0], tuple) and len(shown) == 3 and not isinstance(shown[-1], str):
            messages, steps, following = shown
            return f"[{' '.join(messages)}], steps [{' '.join(steps)}], next [{' '.join(following)}]"
        return "of a fork" if shown == FORKED else " < ".join(f"[{' '.join(words)}]" for words in shown) or "empty"
