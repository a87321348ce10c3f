"""The timeline of a play as geometry: the positions of bars, steps, checkpoints and marks. A template draws it.

Time runs from left to right, but pauses are compressed: a play is milliseconds of action between seconds of waiting.
A checkpoint is drawn at the step that wrote it, and not at its own time: that comes from the deployment's clock, which
may differ from the suite's.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final

from conformance.api import GONE
from conformance.judge.expect import Unproven
from conformance.judge.play import Checkpoint, Play, StepTrace
from conformance.scenarios import moves as s
from conformance.scenarios.moves import Submit
from conformance.transcript.text import snippet
from conformance.transcript.transcript import Lost, Missed, Released, Request, WitnessEvent

WIDTH = 1000.0
"""The width of the picture, in units of the drawing. The names of the runs are left of `LEFT`."""

LEFT = 150.0
# The label of the last time on the axis is centred here, and is about 60 units wide.
RIGHT = WIDTH - 30.0
TOP = 34.0
ROW = 58.0
CLIENT_ROW = 34.0

LABELS = 90.0
"""The least distance between two times on the axis, so that their labels do not touch."""

DOT = 4
"""The least distance between two requests that only read. They are dots that are three units wide."""

STEP = 40.0
"""The least width of a step, so that its name fits into it, before the whole timeline is fitted to `WIDTH`."""

CHANGES: Final = frozenset(kind.traits.changes for kind in s.KINDS if kind.traits.changes is not None)
"""The purposes of requests that change something. All others only read."""


@dataclass(frozen=True)
class Bar:
    """A run from its request to its end. It waits until `begun`. `open` means that no end was observed."""

    x: float
    begun: float
    end: float
    open: bool


@dataclass(frozen=True)
class StepSpan:
    """One step of a run, as the agent reported it to the witness."""

    x: float
    end: float
    text: str
    outcome: str
    seq: int


@dataclass(frozen=True)
class Tick:
    """One checkpoint of the final history."""

    x: float
    text: str


@dataclass(frozen=True)
class Lane:
    """One run. `status` is its last status, or the answer that rejected it."""

    label: str
    note: str
    status: str
    y: float
    bar: Bar | None
    steps: tuple[StepSpan, ...]
    ticks: tuple[Tick, ...]
    events: tuple[Tick, ...]


@dataclass(frozen=True)
class Mark:
    """A request, or an action of the suite, in the row of the client."""

    x: float
    kind: str
    text: str
    seq: int


@dataclass(frozen=True)
class Band:
    """A period in which steps of two runs of one thread executed at the same time."""

    x: float
    end: float
    text: str


@dataclass(frozen=True)
class Timeline:
    """The whole picture, in units of the drawing, which is `WIDTH` wide."""

    height: float
    lanes: tuple[Lane, ...]
    client_y: float
    marks: tuple[Mark, ...]
    looks: tuple[int, ...]
    """The positions of requests that change nothing."""
    overlaps: tuple[Band, ...]
    cited: tuple[Mark, ...]
    axis: tuple[tuple[float, str], ...]


class Scale:
    """The mapping from seconds to x. Each pause between two relevant moments is as wide as the logarithm of its length.

    `entered` are the times at which a step started.
    """

    def __init__(self, moments: Iterable[float], entered: Iterable[float] = ()) -> None:
        self._times, steps = sorted(set(moments)) or [0.0], set(entered)
        # The logarithm of milliseconds: 1 ms is 9 units wide, 100 ms 26, and 10 s 46. The constant 6 keeps moments
        # apart that follow each other within microseconds.
        widths = [
            max(6 + 10 * math.log10(1 + 1000 * (end - begin)), STEP if begin in steps else 0.0)
            for begin, end in pairwise(self._times)
        ]
        unit = (RIGHT - LEFT) / (sum(widths) or 1)
        self._positions = [LEFT]
        for width in widths:
            self._positions.append(self._positions[-1] + width * unit)

    def x(self, seconds: float) -> float:
        """Return the position of a time. A time outside the play is at the edge."""
        index = bisect_right(self._times, seconds) - 1
        if index < 0:
            return LEFT
        if index >= len(self._times) - 1:
            return round(self._positions[-1], 1)
        share = (seconds - self._times[index]) / (self._times[index + 1] - self._times[index])
        return round(self._positions[index] + share * (self._positions[index + 1] - self._positions[index]), 1)

    def axis(self) -> Iterator[tuple[float, str]]:
        """Yield the times that are written under the picture, none too near to the next."""
        last = -LABELS
        for seconds, position in zip(self._times, self._positions, strict=True):
            # Room for the last label is kept free, so that the length of the play is always shown.
            if position - last >= LABELS and (position <= RIGHT - LABELS or seconds == self._times[-1]):
                last = position
                yield round(position, 1), f"{seconds:.3f} s"


def draw(play: Play, cited: dict[int, str] | None = None) -> Timeline:
    """Return the timeline of a play. `cited` maps the `seq` of each moment that verdicts cite to their requirements."""
    scale = Scale(_times(play), (m.t for m in play.moments if isinstance(m, WitnessEvent) and m.event == "enter"))
    submits = [move for move in play.scenario.moves if isinstance(move, Submit)]
    ticks = _ticks(play, scale)
    lanes = tuple(
        _lane(play, submit, scale, TOP + ROW * row, ticks.get(submit.label, ())) for row, submit in enumerate(submits)
    )
    client_y = TOP + ROW * len(lanes)
    last = len(play.moments) - 1
    return Timeline(
        height=client_y + CLIENT_ROW + 24,
        lanes=lanes,
        client_y=client_y,
        marks=tuple(_marks(play, scale)),
        looks=tuple(
            sorted(
                {DOT * round(scale.x(e.request.t) / DOT) for e in play.exchanges if e.request.purpose not in CHANGES}
            )
        ),
        overlaps=tuple(_overlaps(play, submits, scale)),
        cited=tuple(
            Mark(scale.x(play.moments[seq].t), "cited", text, seq)
            for seq, text in sorted((cited or {}).items())
            # The report may come from anyone, and need not fit its transcript.
            if 0 <= seq <= last
        ),
        axis=tuple(scale.axis()),
    )


def _times(play: Play) -> Iterator[float]:
    """Yield the times of the relevant moments. Requests that only read get no width of their own."""
    if play.moments:
        yield 0.0
        yield play.moments[-1].t
    for moment in play.moments:
        if isinstance(moment, WitnessEvent | Released | Missed | Lost):
            yield moment.t
    for exchange in play.exchanges:
        if exchange.request.purpose in CHANGES:
            yield exchange.request.t
            answer = exchange.response or exchange.fault
            if answer is not None:
                yield answer.t
    for move in play.scenario.moves:
        if isinstance(move, Submit) and (ended := _ended(play, move.label)) is not None:
            yield play.moments[ended].t


def _ended(play: Play, label: str) -> int | None:
    try:
        return play.ended(label)
    except Unproven:
        return None


def _lane(play: Play, submit: Submit, scale: Scale, y: float, ticks: tuple[Tick, ...]) -> Lane:
    note: str = submit.strategy or "no strategy"
    if submit.thread != s.MAIN:
        note += f", thread {submit.thread}"
    steps = tuple(_step(play, trace, scale) for trace in play.reported_steps(submit.label))
    asked = play.exchanges_for("submit", submit.label)
    if not asked:
        return Lane(submit.label, note, "not created", y, None, steps, ticks, ())
    # The last one, as in `Play.submission`, so that the picture shows the exchange on which the verdicts rely.
    submission = asked[-1]
    ended, begun = _ended(play, submit.label), play.began(submit.label) if play.witnessed else None
    readings = play.readings(submit.label)
    refused = submission.response is not None and not submission.ok
    over = submission.over if refused else ended
    end = scale.x(play.moments[over].t) if over is not None else RIGHT
    return Lane(
        label=submit.label,
        note=note,
        status=_status(readings[-1].status if readings else submission.outcome()),
        y=y,
        bar=Bar(
            x=scale.x(submission.request.t),
            begun=end if begun is None else min(end, scale.x(play.moments[begun].t)),
            end=end,
            open=over is None,
        ),
        steps=steps,
        ticks=ticks,
        events=tuple(
            Tick(scale.x(event.t), f"{event.t:.3f} s: stream event {snippet(event.event, 40)}")
            for exchange in play.exchanges
            if exchange.request.about == submit.label
            for event in play.events(exchange)
        ),
    )


def _status(status: str) -> str:
    return "deleted (404)" if status == GONE else snippet(status, 24)


def _step(play: Play, trace: StepTrace, scale: Scale) -> StepSpan:
    left = trace.last if trace.exit is None else trace.exit
    outcome = trace.outcome or ("connection lost" if trace.gone else "no end reported")
    return StepSpan(
        scale.x(play.moments[trace.enter].t), scale.x(play.moments[left].t), trace.step, snippet(outcome), trace.enter
    )


def _ticks(play: Play, scale: Scale) -> dict[str, tuple[Tick, ...]]:
    """Return the checkpoints of each run: the first where the run started, and then one after each step."""
    try:
        history = play.history()
    except Unproven:
        return {}
    found: dict[str, list[Tick]] = {}
    seen: dict[str, int] = {}
    newest = LEFT
    for checkpoint in reversed(history):
        label = play.label_of(checkpoint.run_id)
        # The order of the history is kept, so a late checkpoint of a superseded run is drawn after the run's end.
        newest = max(newest, _checkpoint_x(play, label, seen.get(label, 0), scale))
        # The checkpoint of the input is written before any step, so it does not count.
        if checkpoint.source != "input":
            seen[label] = seen.get(label, 0) + 1
        found.setdefault(label, []).append(Tick(newest, _describe(checkpoint)))
    return {label: tuple(ticks) for label, ticks in found.items()}


def _checkpoint_x(play: Play, label: str, written: int, scale: Scale) -> float:
    """Return the position of a run's checkpoint, before which the run has `written` others."""
    steps = play.reported_steps(label)
    if not steps:
        asked = play.exchanges_for("submit", label)
        return scale.x(play.moments[asked[-1].over or asked[-1].sent].t) if asked else LEFT
    if written == 0:
        return scale.x(play.moments[steps[0].enter].t)
    trace = steps[min(written, len(steps)) - 1]
    return scale.x(play.moments[trace.last if trace.exit is None else trace.exit].t)


def _describe(checkpoint: Checkpoint) -> str:
    following = ", ".join(checkpoint.next) or "nothing"
    return snippet(
        f"checkpoint {checkpoint.id}: {checkpoint.source}, {len(checkpoint.messages)} messages, next {following}"
    )


def _marks(play: Play, scale: Scale) -> Iterator[Mark]:
    for moment in play.moments:
        x = scale.x(moment.t)
        at = f"{moment.t:.3f} s: "
        match moment:
            case Request(purpose=purpose, about=about) if purpose in CHANGES:
                yield Mark(x, purpose, f"{at}{purpose} {about}", moment.seq)
            case Released():
                yield Mark(x, "released", f"{at}the witness releases run {moment.label}", moment.seq)
            case Missed():
                yield Mark(x, "missed", f"{at}timed out waiting for {snippet(moment.awaited)}", moment.seq)
            case Lost():
                yield Mark(x, "missed", f"{at}the deployment stopped answering", moment.seq)


def _overlaps(play: Play, submits: list[Submit], scale: Scale) -> Iterator[Band]:
    for one, other in combinations(submits, 2):
        if one.thread != other.thread:
            continue
        for a in play.reported_steps(one.label):
            met = [b for b in play.reported_steps(other.label) if max(a.enter, b.enter) < min(a.last, b.last)]
            if met:
                begin = max(a.enter, met[0].enter)
                end = min(a.last, max(b.last for b in met))
                steps = ", ".join(b.step for b in met)
                text = f"{a.step} of run {one.label} and {steps} of run {other.label} execute at the same time"
                yield Band(scale.x(play.moments[begin].t), scale.x(play.moments[end].t), text)
