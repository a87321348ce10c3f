"""The text of a failure: what is required, what was seen, and how to repeat it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from conformance.judge.judging import Verdict
from conformance.judge.play import Exchange, Play
from conformance.requirements.registry import Requirement
from conformance.scenarios import moves as s
from conformance.transcript.text import visible
from conformance.transcript.transcript import AnyMoment, Missed, Request, WitnessEvent

BY_HAND: Final = frozenset(kind.traits.changes for kind in s.KINDS if kind.traits.by_hand)
"""Purposes of the requests that a script sends again."""

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
    # Ids, paths and bodies are the deployment's: an escape sequence in one of them must not reach a terminal.
    return visible("\n".join([*lines, f"transcript  {where}"]))


def deciding(play: Play, see: Iterable[int]) -> Exchange | None:
    """The first request among the moments that a verdict points to."""
    return next((e for seq in see for e in play.exchanges if e.sent == seq), None)


def by_hand(play: Play) -> str:
    """A shell script that asks for the same again on a new thread, at the same distances in time.

    It needs `curl` and `jq`. Nobody listens to the agent then, so a run is held for the time that its probe says.
    """
    address = urlsplit(play.transcript.target.url)
    url = f"{address.scheme}://{address.netloc}"
    threads = {name: found for name, found in play.transcript.threads.items() if _NAME.fullmatch(name)}
    ids = {found: f"$THREAD_{name}" for name, found in threads.items()}
    lines, last = [], None
    for name in threads:
        created = next(iter(play.exchanges_for("create thread", name)), None)
        if created is not None:
            asked = f"curl -sS -X POST {_quoted(url + created.request.path, ids)} {_JSON} --data '{{}}'"
            lines.append(f"THREAD_{name}=$({asked} | jq -r .thread_id)")
    for exchange in play.exchanges:
        request = exchange.request
        if request.purpose not in BY_HAND:
            continue
        if last is not None and request.t - last >= PAUSE:
            lines.append(f"sleep {request.t - last:.1f}")
        last = request.t
        body = "" if request.body is None else f" {_JSON} --data {_quoted(_without_witness(request.body), ids)}"
        command = f"curl -sS -X {shlex.quote(request.method)} {_quoted(url + request.path, ids)}{body}"
        run_id = exchange.body.get("run_id") if isinstance(exchange.body, dict) else None
        if exchange.serves("submit") and isinstance(run_id, str) and _NAME.fullmatch(request.about):
            ids[run_id] = f"$RUN_{request.about}"
            lines.append(f"RUN_{request.about}=$({command} | tee /dev/stderr | jq -r .run_id)")
        else:
            lines.append(f"{command} &")
    final = [e.request for e in play.exchanges if e.serves("final runs", "final state", "final history")]
    if final:
        lines += ["wait", f"sleep {SETTLED:g}"]
    for request in final:
        body = "" if request.body is None else f" {_JSON} --data {_quoted(request.body, ids)}"
        lines.append(f"curl -sS -X {shlex.quote(request.method)} {_quoted(url + request.path, ids)}{body} | jq .")
    return visible("\n".join(lines))


_NAME = re.compile(r"[A-Za-z0-9]+")
SHORTEST_ID = 8
"""Characters of an id that is looked for in paths and bodies; a shorter one may be part of any word."""

_JSON = "-H 'content-type: application/json'"
PAUSE = 0.05
"""Seconds between two requests from which on a script waits, too."""

SETTLED = 10.0
"""Seconds after which runs that are held for a while have ended."""


def _quoted(value: object, ids: Mapping[str, str]) -> str:
    """A word for the shell in which known ids are the shell's variables."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    for found, variable in ids.items():
        if len(found) < SHORTEST_ID:
            continue
        quoted = quoted.replace(found, f"'\"{variable}\"'")
    return quoted.removesuffix("''")


def _without_witness(body: Any) -> Any:
    """The body of a request for a run, whose probe is not to report to a listener that is long gone."""
    match body:
        case {"config": {"configurable": {"probe": {"witness": _} as probe} as configurable} as config}:
            silent = {key: value for key, value in probe.items() if key != "witness"}
            return {**body, "config": {**config, "configurable": {**configurable, "probe": silent}}}
        case _:
            return body


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
            exchange = next(e for e in play.exchanges if e.sent == seq)
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
