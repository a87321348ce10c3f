"""Recorded transcripts as `respx` routes, for unit tests of httpx clients without any server.

Needs the extra: `pip install 'doubletext[respx]'`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import respx

from mockserver.web.sse import frame

_NOT_REPLAYED = ("content-length", "content-encoding", "transfer-encoding", "connection")


class TranscriptError(Exception):
    """A transcript that cannot be played; the text says why."""


class NotRecordedError(Exception):
    """A request that the transcript has no (further) answer for."""


def replaying(transcript: Path | Mapping[str, Any], *, base_url: str) -> respx.MockRouter:
    """A respx router, for `with` or `async with`, that answers as a deployment did when the transcript was recorded.

    Requests are told apart by method, path and query; those that came several times are answered in the order
    recorded, and one too many raises `NotRecordedError`. Raises `TranscriptError`.
    """
    recorded = _read(transcript)
    prefix = urlsplit(str(recorded.get("target", {}).get("url", ""))).path.rstrip("/")
    answers: dict[tuple[str, str], list[httpx.Response | Exception]] = defaultdict(list)
    for request, moments in _exchanges(recorded["moments"]):
        answers[request["method"], request["path"].removeprefix(prefix)].append(_answer(moments))
    router = respx.MockRouter(base_url=base_url.rstrip("/"), assert_all_called=False)
    for (method, path), given in answers.items():
        router.route(method=method, url=f"{base_url.rstrip('/')}{path}").mock(side_effect=_InTurn(given))
    return router


class _InTurn:
    """Gives the answers to one kind of request, each once."""

    def __init__(self, answers: list[httpx.Response | Exception]) -> None:
        self._answers = answers
        self._given = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self._given == len(self._answers):
            raise NotRecordedError(f"{request.method} {request.url} was recorded {self._given} times, and came again")
        answer = self._answers[self._given]
        self._given += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def _read(transcript: Path | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(transcript, Mapping):
        found, name = transcript, "the transcript"
    else:
        name = str(transcript)
        try:
            found = msgspec.json.decode(transcript.read_bytes())
        except (OSError, msgspec.DecodeError) as error:
            raise TranscriptError(f"{name}: {error}") from error
    if not isinstance(found, Mapping) or found.get("format") != "doubletext-transcript":
        raise TranscriptError(f"{name} is no transcript: its `format` is not `doubletext-transcript`")
    return found


def _exchanges(moments: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Every request with what became of it, in the order of the requests."""
    of: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for moment in moments:
        if "exchange" in moment:
            of[moment["exchange"]].append(moment)
    for found in of.values():
        if found[0]["kind"] == "request":
            yield found[0], found[1:]


def _answer(moments: list[dict[str, Any]]) -> httpx.Response | Exception:
    """What the client got: an answer, whole or as far as it came, or the fault of the connection."""
    response = next((moment for moment in moments if moment["kind"] == "response"), None)
    if response is None:
        fault = next((moment["error"] for moment in moments if moment["kind"] == "fault"), "no answer was recorded")
        return httpx.ReadError(fault)
    headers = {key: value for key, value in response["headers"].items() if key.lower() not in _NOT_REPLAYED}
    if response.get("streamed"):
        events = [moment for moment in moments if moment["kind"] == "stream"]
        return httpx.Response(response["status"], headers=headers, content=b"".join(map(_frame, events)))
    body = response.get("body")
    content = body.encode() if isinstance(body, str) and not _is_json(headers) else _json(body)
    return httpx.Response(response["status"], headers=headers, content=content)


def _frame(event: dict[str, Any]) -> bytes:
    """An event of a stream as it was sent."""
    event_id = event.get("id")
    return frame(event["event"], msgspec.json.encode(event.get("data")), None if event_id is None else str(event_id))


def _json(body: Any) -> bytes:
    return b"" if body is None else msgspec.json.encode(body)


def _is_json(headers: Mapping[str, str]) -> bool:
    return "json" in next((value for key, value in headers.items() if key.lower() == "content-type"), "")
