"""The moments of a play as rows of a page: every exchange with what came of it, and what the witness heard."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from conformance.judge.play import Exchange, Play
from conformance.report.failure import curl
from conformance.transcript.transcript import (
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
"""Headers that are left out of an answer to which no verdict refers; the transcript has all."""

EVENTS = 200
"""Stream events of one exchange that are shown; the transcript has all."""


@dataclass(frozen=True)
class Text:
    """Headers and body as text; `more` characters are left out, and `same` is the seq of an equal one before."""

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
    """A request and what came of it."""

    method: str
    path: str
    outcome: str
    good: bool
    took: str
    tells: str
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
    """One line of the record: an exchange, or a `text`; `looks` are the exchanges of a line that stands for several."""

    seq: int
    at: str
    kind: str
    text: str
    exchange: ExchangeView | None = None
    cited: tuple[str, ...] = ()
    looks: tuple[RecordLine, ...] = ()

    @property
    def tells_nothing_new(self) -> bool:
        """Whether this is a look at a status whose answer was shown before, and that no verdict refers to."""
        exchange = self.exchange
        return exchange is not None and exchange.look and exchange.got.same is not None and not self.cited


@dataclass
class Rows:
    """Makes the rows of one play; `limit` is how many characters of a body are shown."""

    play: Play
    cited: Mapping[int, tuple[str, ...]]
    limit: int
    _exchanges: dict[int, Exchange] = field(init=False)
    _events: dict[int, list[StreamEvent]] = field(init=False)
    _closed: dict[int, Closed] = field(init=False)
    _bodies: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the moments by the exchange that they belong to."""
        self._exchanges = {exchange.sent: exchange for exchange in self.play.exchanges}
        self._events = defaultdict(list)
        self._closed = {}
        for moment in self.play.moments:
            if isinstance(moment, StreamEvent):
                self._events[moment.exchange].append(moment)
            elif isinstance(moment, Closed):
                self._closed[moment.exchange] = moment

    def rows(self) -> list[RecordLine]:
        """Every row, in the order in which things began; looks that tell nothing new share one."""
        rows = [row for moment in self.play.moments if (row := self._row(moment)) is not None]
        return [
            one
            for quiet, group in itertools.groupby(rows, lambda row: row.tells_nothing_new)
            for one in ([_together(tuple(group))] if quiet else group)
        ]

    def _row(self, moment: AnyMoment) -> RecordLine | None:
        """One row, None for an answer: it stands with its request."""
        match moment:
            case Request():
                exchange = self._view(self._exchanges[moment.seq])
                kind, text = "exchange", f"{moment.purpose} {moment.about}"
                seqs = [moment.seq, *(event.seq for event in exchange.events)]
                if exchange.answered is not None:
                    seqs.append(exchange.answered)
                cited = tuple(dict.fromkeys(name for seq in seqs for name in self.cited.get(seq, ())))
                return RecordLine(moment.seq, _at(moment), kind, text, exchange, cited)
            case WitnessEvent():
                outcome = f" ({moment.outcome})" if moment.outcome else ""
                kind, text = "witness", f"run {moment.label}: {moment.event} {moment.step}{outcome}"
            case Released():
                kind, text = "tester", f"lets run {moment.label} go on at {moment.point}"
            case MoveMade():
                kind, text = "tester", moment.text
            case Left():
                kind, text = "tester", f"closes the connection of exchange {moment.exchange}"
            case Missed():
                kind, text = "missed", f"waited {moment.seconds:g} s in vain for {moment.awaited}"
            case Lost():
                kind, text = "missed", f"the deployment answers nothing any more: {moment.error}"
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
            tells=_tells(exchange.body),
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
        """Headers and body; a long body that was shown before, as when a status is read again, is only pointed to."""
        cited = seq in self.cited or seq - 1 in self.cited
        head = "".join(f"{name}: {value}\n" for name, value in headers.items() if cited or name not in OF_TRANSPORT)
        if body is None:
            return Text(head)
        whole = body if isinstance(body, str) else _json(body, indent=2)
        same = self._bodies.setdefault(whole, seq) if len(whole) > 200 else seq
        if same != seq:
            return Text(head, same=same)
        limit = self.limit * (8 if cited else 1)
        return Text(f"{head}\n{whole[:limit]}", more=max(0, len(whole) - limit))


def _together(looks: tuple[RecordLine, ...]) -> RecordLine:
    """One row for several looks, one after the other, that tell nothing new."""
    about = ", ".join(dict.fromkeys(look.text.removeprefix("look ") for look in looks))
    return RecordLine(looks[0].seq, looks[0].at, "looks", f"nothing new of {about}", looks=looks)


def _tells(body: Any) -> str:
    """The status that an answer tells, the most telling thing of it."""
    status = body.get("status") if isinstance(body, dict) else None
    return status[:24] if isinstance(status, str) else ""


def _at(moment: AnyMoment) -> str:
    return f"{moment.t:.3f} s"


def _json(value: object, indent: int = 0) -> str:
    raw = msgspec.json.encode(value)
    return (msgspec.json.format(raw, indent=indent) if indent else raw).decode()
