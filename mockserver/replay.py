"""Recorded transcripts as `respx` routes, for unit tests of httpx clients without a server.

Requires the extra `respx`: `pip install 'doubletext[respx]'`.
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

# The recorded body is decoded and complete, so httpx computes the length, and the encoding no longer applies.
_NOT_REPLAYED = ("content-length", "content-encoding", "transfer-encoding", "connection")


class TranscriptError(Exception):
    """A transcript that cannot be replayed. The text states the reason."""


class NotRecordedError(Exception):
    """A request that was sent more often than the transcript recorded it."""


def replaying(transcript: Path | Mapping[str, Any], *, base_url: str) -> respx.MockRouter:
    """Return a respx router, to be used in `with` or `async with`, that replays the responses of a transcript.

    Requests are matched by method, path and query. Repeated requests receive the recorded responses in order, and one
    request too many raises `NotRecordedError`. Raises `TranscriptError` for an invalid transcript.
    """
    recorded = _read(transcript)
    # The deployment may have been served below a path, which the client under test does not use.
    prefix = urlsplit(str(recorded.get("target", {}).get("url", ""))).path.rstrip("/")
    responses: dict[tuple[str, str], list[httpx.Response | Exception]] = defaultdict(list)
    for request, moments in _exchanges(recorded["moments"]):
        responses[request["method"], request["path"].removeprefix(prefix)].append(_response(moments))
    # A test may use only a part of a transcript.
    router = respx.MockRouter(base_url=base_url.rstrip("/"), assert_all_called=False)
    for (method, path), recorded_responses in responses.items():
        url = f"{base_url.rstrip('/')}{path}"
        router.route(method=method, url=url).mock(side_effect=_ResponsesInOrder(recorded_responses))
    return router


class _ResponsesInOrder:
    """A respx side effect that returns each recorded response of one request once, in order."""

    def __init__(self, responses: list[httpx.Response | Exception]) -> None:
        self._responses = responses
        self._sent = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self._sent == len(self._responses):
            raise NotRecordedError(
                f"{request.method} {request.url} was sent {self._sent + 1} times, and the number of recorded responses "
                f"is {self._sent}; record a transcript with more requests, or send fewer"
            )
        response = self._responses[self._sent]
        self._sent += 1
        if isinstance(response, Exception):
            raise response
        return response


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
        raise TranscriptError(
            f'{name} is not a transcript: its `format` is not "doubletext-transcript"; give a JSON file from the '
            "`transcripts` folder of a report"
        )
    return found


def _exchanges(moments: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield every request with the moments that followed it, in the order of the requests."""
    by_exchange: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for moment in moments:
        if "exchange" in moment:
            by_exchange[moment["exchange"]].append(moment)
    for found in by_exchange.values():
        if found[0]["kind"] == "request":
            yield found[0], found[1:]


def _response(moments: list[dict[str, Any]]) -> httpx.Response | Exception:
    """Return the recorded response, complete or as far as it was received, or the connection error."""
    response = next((moment for moment in moments if moment["kind"] == "response"), None)
    if response is None:
        fault = next((moment["error"] for moment in moments if moment["kind"] == "fault"), "no response was recorded")
        return httpx.ReadError(fault)
    headers = {key: value for key, value in response["headers"].items() if key.lower() not in _NOT_REPLAYED}
    if response.get("streamed"):
        events = [moment for moment in moments if moment["kind"] == "stream"]
        return httpx.Response(response["status"], headers=headers, content=b"".join(map(_frame, events)))
    body = response.get("body")
    content = body.encode() if isinstance(body, str) and not _is_json(headers) else _json(body)
    return httpx.Response(response["status"], headers=headers, content=content)


def _frame(event: dict[str, Any]) -> bytes:
    """Return an event of a stream as bytes."""
    event_id = event.get("id")
    return frame(event["event"], msgspec.json.encode(event.get("data")), None if event_id is None else str(event_id))


def _json(body: Any) -> bytes:
    return b"" if body is None else msgspec.json.encode(body)


def _is_json(headers: Mapping[str, str]) -> bool:
    return "json" in next((value for key, value in headers.items() if key.lower() == "content-type"), "")
