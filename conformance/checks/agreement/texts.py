"""AGR: the texts of messages, compared with what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator

from conformance.api import objects
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, expect
from conformance.judge.messages import text_of
from conformance.judge.play import Play
from conformance.judge.watchers import streams
from conformance.scenarios import moves as s
from conformance.transcript.text import common_start

AROUND = 12
"""The number of characters that are shown where a text differs."""


@check("AGR-14", premises=())
@all_facts
def texts_are_unaltered(play: Play) -> None:
    """AGR-14: compare the message of run A and its answer, wherever they are shown, with the text that was sent."""
    question = play.scenario.submit("A").text
    due = {"human": question, "ai": f"You said: {question}"}
    shown = [(where, role, text, see) for where, values, see in _values(play) for role, text in _texts(values)]
    if not any(role in due for _, role, _, _ in shown):
        raise Unproven("no answer has a message of run A")
    for where, role, text, see in shown:
        if role in due:
            expect(
                text == due[role],
                f"the text of the `{role}` message in {where} as it was sent",
                _difference(text, due[role]),
                play.submission("A").sent,
                see,
            )


def _values(play: Play) -> Iterator[tuple[str, object, int]]:
    """Yield the places that show the state, with the values there and the seq of the answer or event."""
    for name, exchanges in (
        ("the state", play.exchanges_for("final state", s.MAIN)),
        ("the thread", play.exchanges_for("final thread", s.MAIN)),
    ):
        for exchange in exchanges:
            yield name, exchange.body.get("values") if isinstance(exchange.body, dict) else None, exchange.sent
    for exchange in play.exchanges_for("final history", s.MAIN):
        for entry in objects(exchange.body):
            yield "the history", entry.get("values"), exchange.sent
    outputs = [("the join", play.exchanges_for("join", "A"))]
    if play.scenario.submit("A").endpoint == "wait":
        outputs.append(("the wait", play.exchanges_for("submit", "A")))
    for name, exchanges in outputs:
        for exchange in exchanges:
            yield f"the answer to {name}", exchange.body, exchange.sent
    for stream in streams(play):
        for event in stream.named("values"):
            yield f"a `values` event of {stream.title}", event.data, event.seq


def _texts(values: object) -> Iterator[tuple[str, str]]:
    """Yield the roles and texts of the messages in values."""
    for message in objects(values.get("messages")) if isinstance(values, dict) else ():
        yield str(message.get("type")), text_of(message.get("content"))


def _difference(text: str, due: str) -> str:
    """Return where a text begins to differ from what was sent, with the characters there as JSON."""
    at = common_start(text, due)
    # As JSON, because the characters may be invisible, or look alike.
    found, sent = (json.dumps(one[at : at + AROUND]) for one in (text, due))
    return f"another text from character {at}: {found} instead of {sent}"
