"""The text of a failure: what is required, what was seen, and how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from conformance.evidence import Exchange, Play
from conformance.registry import Requirement
from conformance.transcript import AnyMoment, Missed, Request, WitnessEvent
from conformance.verdicts import Verdict

BODY_LENGTH = 400
"""Characters of a body that are shown; the transcript has all of it."""


def explain(requirement: Requirement, play: Play, verdict: Verdict, where: str) -> str:
    """A failure for people; `where` says where the whole transcript lies."""
    scenario = play.scenario
    lines = [
        f"{verdict.word}  {requirement.id} ({requirement.level}): {requirement.sentence}",
        *(f"  source: {source}" for source in requirement.sources),
        *([f"  because: {requirement.argument}"] if requirement.argument else []),
        f"scenario  {scenario.id}: {scenario.about}",
        f"deployment  {play.transcript.target.url}",
    ]
    if verdict.expected:
        lines += [f"expected  {verdict.expected}", f"observed  {verdict.observed}"]
    else:
        lines += [f"reason  {verdict.reason}"]
    shown = [line for seq in dict.fromkeys(verdict.see) for line in _show(play, seq)]
    missed = [f"  after {m.seconds:g} s in vain for {m.awaited}" for m in play.missed()]
    if shown or missed:
        lines += ["seen", *shown, *missed]
    exchange = deciding(play, verdict.see)
    if exchange is not None:
        lines += ["repeat with", "  " + curl(exchange, play.transcript.target.url)]
    return "\n".join([*lines, f"transcript  {where}"])


def deciding(play: Play, see: Iterable[int]) -> Exchange | None:
    """The first request among the moments that a verdict points to."""
    return next((e for seq in see for e in play.exchanges if e.asked == seq), None)


def curl(exchange: Exchange, url: str) -> str:
    """A command that sends the request again; secrets are left as they were recorded, redacted."""
    request, address = exchange.request, urlsplit(url)
    # The recorded path already has the prefix under which the deployment lives.
    parts = ["curl", "-sS", "-X", request.method, f"{address.scheme}://{address.netloc}{request.path}"]
    for name, value in request.headers.items():
        if name != "accept":
            parts += ["-H", f"{name}: {value}"]
    if request.body is not None:
        parts += ["--data", msgspec.json.encode(request.body).decode()]
    return shlex.join(parts)


def _show(play: Play, seq: int) -> list[str]:
    """The moment with this seq, and what answered it, in a line or two."""
    moment = play.moments[seq]
    at = f"  {moment.t:8.3f} s  "
    match moment:
        case Request():
            exchange = next(e for e in play.exchanges if e.asked == seq)
            answer = exchange.response or exchange.fault
            took = f" after {1000 * (answer.t - moment.t):.0f} ms" if answer is not None else ""
            body = exchange.response.body if exchange.response else None
            text = f": {_short(body)}" if body is not None else ""
            return [
                f"{at}{moment.method} {moment.path}  ({moment.purpose} {moment.about})",
                f"              → {exchange.outcome()}{took}{text}",
            ]
        case WitnessEvent():
            outcome = f" ({moment.outcome})" if moment.outcome else ""
            return [f"{at}witness: run {moment.label} {moment.event} {moment.step}{outcome}"]
        case _:
            return [f"{at}{_plain(moment)}"]


def _plain(moment: AnyMoment) -> str:
    if isinstance(moment, Missed):
        return f"not seen within {moment.seconds:g} s: {moment.awaited}"
    return " ".join(f"{name}={value}" for name, value in msgspec.to_builtins(moment).items())


def _short(body: object) -> str:
    text = msgspec.json.encode(body).decode()
    return text if len(text) <= BODY_LENGTH else text[:BODY_LENGTH] + f" … ({len(text)} characters)"
