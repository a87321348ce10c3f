"""The text of a failure: the requirement, the expected and observed facts, and commands that repeat them."""

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
from conformance.transcript.text import snippet, visible
from conformance.transcript.transcript import AnyMoment, Missed, Request, StreamEvent, WitnessEvent

BY_HAND: Final = frozenset(kind.traits.changes for kind in s.KINDS if kind.traits.by_hand)
"""The purposes of the requests that a script for the shell repeats."""

# A few lines of a terminal. A longer body would push the expected and observed facts off the screen.
BODY_LENGTH = 400
"""The number of characters of a body that are shown. The transcript has the whole body."""

COMMAND_LENGTH: Final = 2_000
"""The greatest number of characters of a command that is shown. The report has every command."""


def explain(requirement: Requirement, play: Play, verdict: Verdict, where: str) -> str:
    """Return the text of a failure. `where` is the path of the whole transcript."""
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
    # Always shown, cited or not: what did not happen in time often explains why a verdict could not be reached.
    missed = [f"  timed out after {m.seconds:g} s waiting for {m.awaited}" for m in play.missed()]
    if shown or missed:
        lines += ["seen", *shown, *missed]
    exchange = deciding(play, verdict.see)
    if exchange is not None:
        lines += ["repeat with", "  " + repeating(exchange, play.transcript.target.url)]
    # Ids, paths and bodies are the deployment's: an escape sequence in one of them must not reach a terminal.
    return visible("\n".join([*lines, f"transcript  {where}"]))


def deciding(play: Play, see: Iterable[int]) -> Exchange | None:
    """Return the first request among the moments that a verdict cites, or None."""
    return next((e for seq in see for e in play.exchanges if e.sent == seq), None)


def by_hand(play: Play) -> str:
    """Return a shell script that sends the same requests again on new threads, with the same pauses between them.

    It needs `curl` and `jq`. It has no witness, so the probe agent holds each run for the time that its input gives.
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
        # A later request may need the id of this run, so the script waits for the answer and keeps the id. `tee` shows
        # the answer to the user all the same. Any other request may be a stream, so it runs in the background.
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


# A label becomes part of a shell variable's name. A transcript may come from anyone, so any other label is skipped.
_NAME = re.compile(r"[A-Za-z0-9]+")
SHORTEST_ID = 8
"""The least number of characters of an id that is replaced in paths and bodies. A shorter id may be part of a word."""

_JSON = "-H 'content-type: application/json'"
# A shorter pause is there without `sleep`, as the shell takes about as long to start `curl`.
PAUSE = 0.05
"""The least number of seconds between two requests for which the script pauses, too."""

# Without a witness each held point takes 3 s (`Deadlines.hold`), and B may start only when A has ended.
SETTLED = 10.0
"""The number of seconds after which held runs have ended."""


def _quoted(value: object, ids: Mapping[str, str]) -> str:
    """Return a quoted word for the shell, in which known ids are replaced by shell variables."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    for found, variable in ids.items():
        if len(found) < SHORTEST_ID:
            continue
        quoted = quoted.replace(found, f"'\"{variable}\"'")
    return quoted.removesuffix("''")


def _without_witness(body: Any) -> Any:
    """Return the body of a request that creates a run, without the URL of the witness, which no longer listens."""
    match body:
        case {"config": {"configurable": {"probe": {"witness": _}} as configurable} as config}:
            return {**body, "config": {**config, "configurable": _silent(configurable)}}
        case {"context": {"probe": {"witness": _}} as context}:
            return {**body, "context": _silent(context)}
        case [*orders]:
            return [_without_witness(order) for order in orders]
        case _:
            return body


def _silent(given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "probe": {key: value for key, value in given["probe"].items() if key != "witness"}}


def repeating(exchange: Exchange, url: str) -> str:
    """Return a command that sends the request again, or where a request is that would fill a screen."""
    command = curl(exchange, url)
    if len(command) <= COMMAND_LENGTH:
        return command
    return f"exchange {exchange.request.exchange} of the transcript, whose request is long"


def curl(exchange: Exchange, url: str) -> str:
    """Return a command that sends the request again. Secrets stay redacted, as they were recorded."""
    request, address = exchange.request, urlsplit(url)
    # The recorded path already has the prefix under which the deployment lives.
    parts = ["curl", "-sS", "-X", request.method, f"{address.scheme}://{address.netloc}{request.path}"]
    for name, value in request.headers.items():
        # Left out to keep the command short: servers take curl's `*/*` for the same.
        if name != "accept":
            parts += ["-H", f"{name}: {value}"]
    if request.body is not None:
        parts += ["--data", msgspec.json.encode(request.body).decode()]
    return shlex.join(parts)


def _show(play: Play, seq: int) -> list[str]:
    """Return the moment with this seq and its answer, in one or two lines."""
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
                f"{at}{moment.method} {_cut(moment.path)}  ({purpose_of(moment)})",
                f"              → {exchange.outcome()}{took}{text}",
            ]
        case WitnessEvent():
            return [f"{at}witness: {reported(moment)}"]
        case _:
            return [f"{at}{_plain(moment)}"]


def _plain(moment: AnyMoment) -> str:
    match moment:
        case Missed():
            return f"not observed within {moment.seconds:g} s: {moment.awaited}"
        case StreamEvent():
            return f"stream event `{moment.event}`: {_short(moment.data)}"
        case _:
            return " ".join(f"{name}={snippet(value)}" for name, value in msgspec.to_builtins(moment).items())


def purpose_of(request: Request) -> str:
    """Return the purpose of a request in words, such as `status of run A`."""
    purpose, about = request.purpose, request.about
    # A transcript names runs `run A` and threads by their bare name, and says `look` for reading a status.
    if purpose == "look":
        return f"status of {about if about.startswith('run ') else f'thread {about}'}"
    return f"{purpose} {about.removeprefix('run ')}" if purpose.endswith(" run") else f"{purpose} {about}"


_REPORTS = {
    "enter": "enters {}",
    "token": "emits a token in {}",
    "cancelled": "is cancelled in {}",
    "exit": "exits {}",
    "gone": "loses its connection in {}",
}


def reported(event: WitnessEvent) -> str:
    """Return a report to the witness in words, such as `run A enters tools:1`."""
    outcome = f" ({event.outcome})" if event.outcome else ""
    return f"run {event.label} {_REPORTS[event.event].format(event.step)}{outcome}"


def _short(body: object) -> str:
    return _cut(msgspec.json.encode(body).decode())


def _cut(text: str) -> str:
    return text if len(text) <= BODY_LENGTH else text[:BODY_LENGTH] + f" … ({len(text)} characters)"
