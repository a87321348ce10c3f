"""The moments of a play that is under way, by what the driver asks of them.

The driver decides after every moment what is next, and a stream may bring ten thousand. So each question has its answer
ready without a search.
"""

from __future__ import annotations

from collections import defaultdict

from conformance.api import again
from conformance.transcript.transcript import AnyMoment, NetworkFault, Request, Response, StreamEvent, WitnessEvent


class Index:
    """The requests by purpose and subject, what was received for each, and the reports of each run."""

    def __init__(self) -> None:
        self._requests: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._asked: dict[int, tuple[str, str]] = {}
        self._readings: dict[tuple[str, str], Response] = {}
        self._results: dict[int, Response | NetworkFault] = {}
        self._events: defaultdict[int, list[StreamEvent]] = defaultdict(list)
        self._reports: defaultdict[str, list[WitnessEvent]] = defaultdict(list)
        self.namings = 0
        """The number of moments that may name a run: responses, reports, and `metadata` events."""

    def add(self, moment: AnyMoment) -> None:
        """Add the next moment of the play."""
        match moment:
            case Request():
                key = (moment.purpose, moment.about)
                self._requests[key].append(moment.exchange)
                self._asked[moment.exchange] = key
            case Response():
                self.namings += 1
                self._results[moment.exchange] = moment
                if moment.status < 300 and moment.exchange in self._asked:
                    self._readings[self._asked[moment.exchange]] = moment
            case NetworkFault():
                self._results[moment.exchange] = moment
            case StreamEvent():
                self.namings += moment.event == "metadata"
                self._events[moment.exchange].append(moment)
            case WitnessEvent():
                self.namings += 1
                self._reports[moment.label].append(moment)

    def exchange(self, purpose: str, about: str) -> int:
        """Return the number of the newest request with this purpose, or 0 before the first."""
        found = self._requests.get((purpose, about))
        return found[-1] if found else 0

    def exchanges(self, purpose: str, about: str) -> list[int]:
        """Return the numbers of all requests with this purpose, with those that the client repeated, in order."""
        return sorted(number for one in (purpose, again(purpose)) for number in self._requests.get((one, about), ()))

    def result(self, exchange: int) -> Response | NetworkFault | None:
        """Return the response to a request, or the fault that came in its place or broke its stream."""
        return self._results.get(exchange)

    def reading(self, purpose: str, about: str) -> Response | None:
        """Return the newest 2xx response to a request with this purpose. A newer request may be open."""
        found = [self._readings[key] for one in (purpose, again(purpose)) if (key := (one, about)) in self._readings]
        return max(found, key=lambda response: response.seq, default=None)

    def events(self, exchanges: list[int]) -> list[StreamEvent]:
        """Return the events of the streams that answer these requests, in the order in which they were received."""
        streams = [self._events[number] for number in exchanges if number in self._events]
        # Only the client of one that was cut has several.
        return streams[0] if len(streams) == 1 else sorted((e for s in streams for e in s), key=lambda event: event.seq)

    def reports(self, label: str) -> list[WitnessEvent]:
        """Return the reports of a run's steps to the witness."""
        return self._reports.get(label, [])
