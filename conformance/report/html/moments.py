"""The moments of a play as rows of the page: every exchange with its answer, and every report to the witness."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from conformance.judge.play import Exchange, Play
from conformance.report.failure import curl, purpose_of, reported
from conformance.transcript.transcript import (
    Adapted,
    AnyMoment,
    Closed,
    Left,
    Lost,
    Missed,
    MoveMade,
    Released,
    Request,
    StreamEvent,
    WitnessEvent,
)

OF_TRANSPORT = frozenset({"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"})
"""Headers that are left out of an answer that no verdict cites. The transcript has them."""

# A server that repeats events without end must not make the page larger than a browser can open.
EVENTS = 200
"""The number of stream events of one exchange that are shown. The transcript has all."""


@dataclass(frozen=True)
class Text:
    """Headers and body as text. `more` characters are left out. `same` is the `seq` of an earlier, equal body."""

    text: str
    more: int = 0
    same: int | None = None


@dataclass(frozen=True)
class EventView:
    """One event of a stream."""

    seq: int
    at: str
    name: str
    data: str


@dataclass(frozen=True)
class ExchangeView:
    """A request with its answer. `status` is the status of a run or thread in the answer, or empty."""

    method: str
    path: str
    outcome: str
    good: bool
    took: str
    status: str
    sends: bool
    sent: Text
    got: Text
    answered: int | None
    events: tuple[EventView, ...]
    more_events: int
    curl: str
    look: bool


@dataclass(frozen=True)
class RecordLine:
    """One line of the record: an exchange or a `text`. `looks` are the status checks that share this line."""

    seq: int
    at: str
    kind: str
    text: str
    exchange: ExchangeView | None = None
    cited: tuple[str, ...] = ()
    looks: tuple[RecordLine, ...] = ()

    @property
    def sames(self) -> tuple[int, ...]:
        """The `seq` of the moments that show the answers of these status checks."""
        views = [look.exchange for look in self.looks if look.exchange is not None]
        return tuple(dict.fromkeys(view.got.same for view in views if view.got.same is not None))

    @property
    def is_unchanged_look(self) -> bool:
        """True for a status check whose answer was shown before, and which no verdict cites."""
        exchange = self.exchange
        return exchange is not None and exchange.look and exchange.got.same is not None and not self.cited


@dataclass
class Rows:
    """The rows of one play. `limit` is the number of characters of a body that are shown."""

    play: Play
    cited: Mapping[int, tuple[str, ...]]
    limit: int
    _exchanges: dict[int, Exchange] = field(init=False)
    _events: dict[int, list[StreamEvent]] = field(init=False)
    _closed: dict[int, Closed] = field(init=False)
    _bodies: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Group the moments by the exchange to which they belong."""
        self._exchanges = {exchange.sent: exchange for exchange in self.play.exchanges}
        self._events = defaultdict(list)
        self._closed = {}
        for moment in self.play.moments:
            if isinstance(moment, StreamEvent):
                self._events[moment.exchange].append(moment)
            elif isinstance(moment, Closed):
                self._closed[moment.exchange] = moment

    def rows(self) -> list[RecordLine]:
        """Return every row, in the order of the first moments. Unchanged status checks in succession share a row."""
        # The suite reads statuses ten times a second. A row for each would hide the few that show a change.
        rows = [row for moment in self.play.moments if (row := self._row(moment)) is not None]
        return [
            one
            for quiet, group in itertools.groupby(rows, lambda row: row.is_unchanged_look)
            for one in ([_merged(tuple(group))] if quiet else group)
        ]

    def _row(self, moment: AnyMoment) -> RecordLine | None:
        """Return one row, or None for an answer or event, which is shown with its request."""
        match moment:
            case Request():
                exchange = self._view(self._exchanges[moment.seq])
                kind, text = "exchange", purpose_of(moment)
                seqs = [moment.seq, *(event.seq for event in exchange.events)]
                if exchange.answered is not None:
                    seqs.append(exchange.answered)
                cited = tuple(dict.fromkeys(name for seq in seqs for name in self.cited.get(seq, ())))
                return RecordLine(moment.seq, _at(moment), kind, text, exchange, cited)
            case WitnessEvent():
                kind, text = "witness", reported(moment)
            case Released():
                kind, text = "suite", f"releases run {moment.label} at {moment.point}"
            case MoveMade():
                kind, text = "suite", moment.text
            case Left():
                kind, text = "suite", f"closes the connection of exchange {moment.exchange}"
            case Missed():
                kind, text = "missed", f"timed out after {moment.seconds:g} s waiting for {moment.awaited}"
            case Adapted():
                kind, text = "suite", f"sends exchange {moment.exchange} again {moment.how}, since it was refused"
            case Lost():
                kind, text = "missed", f"the deployment stopped answering: {moment.error}"
            case _:
                return None
        return RecordLine(moment.seq, _at(moment), kind, text, cited=self.cited.get(moment.seq, ()))

    def _view(self, exchange: Exchange) -> ExchangeView:
        request, answer = exchange.request, exchange.response or exchange.fault
        events = self._events[request.exchange]
        closed = self._closed.get(request.exchange)
        last = closed or answer
        got = Text("")
        if exchange.response is not None:
            got = self._text(exchange.response.headers, exchange.response.body, exchange.response.seq)
        return ExchangeView(
            method=request.method,
            path=request.path,
            outcome=exchange.outcome(),
            good=exchange.ok,
            took=f"{1000 * (last.t - request.t):.0f} ms" if last is not None else "",
            status=_status_in(exchange.body),
            sends=request.body is not None,
            sent=self._text(request.headers, request.body, request.seq),
            got=got,
            answered=None if answer is None else answer.seq,
            events=tuple(EventView(e.seq, _at(e), e.event, _json(e.data)[: self.limit]) for e in events[:EVENTS]),
            more_events=max(0, len(events) - EVENTS),
            curl=curl(exchange, self.play.transcript.target.url),
            look=exchange.serves("look"),
        )

    def _text(self, headers: Mapping[str, str], body: object, seq: int) -> Text:
        """Return headers and body. A long body that was shown before is replaced by a link to it."""
        # A verdict cites the request, and its answer is the next moment.
        cited = seq in self.cited or seq - 1 in self.cited
        head = "".join(f"{name}: {value}\n" for name, value in headers.items() if cited or name not in OF_TRANSPORT)
        if body is None:
            return Text(head)
        whole = body if isinstance(body, str) else _json(body, indent=2)
        # A shorter body takes no more room than the link to it.
        same = self._bodies.setdefault(whole, seq) if len(whole) > 200 else seq
        if same != seq:
            return Text(head, same=same)
        # A reader opens a cited answer to check the verdict, so eight times as much of it is shown.
        limit = self.limit * (8 if cited else 1)
        return Text(f"{head}\n{whole[:limit]}", more=max(0, len(whole) - limit))


def _merged(looks: tuple[RecordLine, ...]) -> RecordLine:
    """Return one row for several unchanged status checks in succession."""
    about = ", ".join(dict.fromkeys(look.text.removeprefix("status of ") for look in looks))
    return RecordLine(looks[0].seq, looks[0].at, "looks", f"{about} unchanged", looks=looks)


def _status_in(body: Any) -> str:
    """Return the status in an answer, or an empty text."""
    status = body.get("status") if isinstance(body, dict) else None
    return status[:24] if isinstance(status, str) else ""


def _at(moment: AnyMoment) -> str:
    return f"{moment.t:.3f} s"


def _json(value: object, indent: int = 0) -> str:
    raw = msgspec.json.encode(value)
    return (msgspec.json.format(raw, indent=indent) if indent else raw).decode()
