"""A transcript as facts: the questions that checks ask, answered without judging.

Whatever a deployment answered, asking never raises anything but `Unproven`: the fact cannot be had from this
record, and no verdict can rest on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conformance.api import GONE, READINGS, TERMINAL, Purpose, When, again, checkpoint_id
from conformance.judge.expect import Unproven
from conformance.judge.messages import Message, read_messages
from conformance.scenarios import moves as s
from conformance.transcript import ids
from conformance.transcript.text import snippet
from conformance.transcript.transcript import (
    Lost,
    Missed,
    NetworkFault,
    Request,
    Response,
    StreamEvent,
    Transcript,
    WitnessEvent,
)


@dataclass(frozen=True)
class Exchange:
    """A request with what came of it. `over` is the seq at which the answer was complete."""

    request: Request
    response: Response | None
    fault: NetworkFault | None

    @property
    def sent(self) -> int:
        """Seq of the request."""
        return self.request.seq

    @property
    def over(self) -> int | None:
        """Seq of the answer or fault, None when nothing came."""
        moment = self.response or self.fault
        return None if moment is None else moment.seq

    @property
    def ok(self) -> bool:
        """Whether the deployment answered with a 2xx status."""
        return self.response is not None and 200 <= self.response.status < 300

    @property
    def body(self) -> Any:
        """The body of a successful answer, else None."""
        return self.response.body if self.ok and self.response else None

    def serves(self, *purposes: Purpose) -> bool:
        """Return whether the request was sent for one of these purposes."""
        return self.request.purpose in purposes

    def outcome(self) -> str:
        """What came of it in a few words."""
        if self.fault is not None:
            return self.fault.error
        return "no answer" if self.response is None else f"HTTP {self.response.status}"


@dataclass(frozen=True)
class StatusReading:
    """One status as the deployment told it, between seq `asked` and seq `told`; `status_text` makes it."""

    sent: int
    received: int
    status: str


@dataclass(frozen=True)
class StepTrace:
    """One step of a run as the witness saw it; seqs, None where nothing was reported."""

    step: str
    enter: int
    last: int
    exit: int | None
    outcome: str | None
    gone: bool


@dataclass(frozen=True)
class Checkpoint:
    """One entry of the history, newest first in lists."""

    id: str | None
    parent_id: str | None
    run_id: str | None
    source: str | None
    next: tuple[str, ...]
    created_at: str | None
    messages: tuple[Message, ...]
    raw: dict[str, Any]


class Play:
    """The facts of one transcript."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.scenario = transcript.scenario
        self.moments = transcript.moments
        self.witnessed = transcript.target.probe == "witnessed"
        self._readings: dict[str, list[StatusReading]] = {}

    # -- exchanges -------------------------------------------------------------------------------------

    @cached_property
    def exchanges(self) -> list[Exchange]:
        """Every request in order, with its answer."""
        answers: dict[int, Response] = {m.exchange: m for m in self.moments if isinstance(m, Response)}
        faults: dict[int, NetworkFault] = {m.exchange: m for m in self.moments if isinstance(m, NetworkFault)}
        return [
            Exchange(m, answers.get(m.exchange), faults.get(m.exchange)) for m in self.moments if isinstance(m, Request)
        ]

    def exchanges_for(self, purpose: Purpose, about: str | None = None) -> list[Exchange]:
        """Every exchange with this purpose, in order."""
        return [e for e in self.exchanges if e.request.purpose == purpose and about in (None, e.request.about)]

    def last(self, purpose: Purpose, about: str) -> Exchange:
        """The newest exchange with this purpose; Unproven when there is none."""
        found = self.exchanges_for(purpose, about)
        if not found:
            raise Unproven(f"the driver did not get as far as `{purpose}` of {about}")
        return found[-1]

    def body(self, purpose: Purpose, about: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
        """The JSON of the newest exchange with this purpose; Unproven when it is not a 2xx with a `kind`."""
        exchange = self.last(purpose, about)
        if not isinstance(exchange.body, kind):
            raise Unproven(f"no usable answer to `{purpose}` of {about}: {exchange.outcome()}", exchange.sent)
        return exchange.body

    # -- runs ------------------------------------------------------------------------------------------

    def submission(self, label: str) -> Exchange:
        """The exchange in which run `label` was asked for; Unproven when that was never reached."""
        return self.last("submit", label)

    def accepted(self, label: str) -> Exchange:
        """The submission of run `label`; Unproven unless the deployment accepted it.

        A `wait` that was given up, or had no answer yet, counts as accepted when the run or a step of it was seen.
        """
        submission = self.submission(label)
        seen = submission.response is None and (label in self._run_ids or self.steps(label))
        if not submission.ok and not seen:
            raise Unproven(f"run {label} was not accepted: {submission.outcome()}", submission.sent)
        return submission

    def run_id(self, label: str) -> str:
        """The id of run `label`; Unproven when the deployment never told it."""
        if label not in self._run_ids:
            submission = self.submission(label)
            raise Unproven(f"the id of run {label} was never told ({submission.outcome()})", submission.sent)
        return self._run_ids[label]

    def label_of(self, run_id: object) -> str:
        """The scenario's label for a run id, or the id itself."""
        return next((label for label, known in self._run_ids.items() if known == run_id), str(run_id))

    @cached_property
    def _run_ids(self) -> dict[str, str]:
        return {
            submit.label: run_id
            for submit in self.scenario.all_submits
            if (run_id := ids.run_id(self.moments, submit.label))
        }

    def repeats(self, exchange: Exchange) -> list[Exchange]:
        """Return the requests with which the client repeated this one by itself, as when its stream was cut."""
        purpose, about = again(exchange.request.purpose), exchange.request.about
        return [e for e in self.exchanges if (e.request.purpose, e.request.about) == (purpose, about)]

    def events(self, exchange: Exchange) -> list[StreamEvent]:
        """The stream events that answered `exchange`, also after the client reconnected."""
        numbers = {e.request.exchange for e in (exchange, *self.repeats(exchange))}
        return [m for m in self.moments if isinstance(m, StreamEvent) and m.exchange in numbers]

    def readings(self, label: str) -> list[StatusReading]:
        """Every status of run `label` that was told, by the time of the answer; 404 reads as `gone`.

        From the answer to its create, from every GET of it, those included by which a client makes sure that a stream
        has ended, and from lists of the thread's runs.
        """
        if label not in self._readings:
            self._readings[label] = sorted(self._read_statuses(label), key=lambda reading: reading.received)
        return self._readings[label]

    def _read_statuses(self, label: str) -> Iterator[StatusReading]:
        for exchange in self.exchanges:
            if exchange.response is None:
                continue
            told, about = exchange.response.seq, exchange.request.about
            body = exchange.body
            if exchange.serves("look", "final run") and about == f"run {label}":
                if exchange.response.status == 404:
                    yield StatusReading(exchange.sent, told, GONE)
                elif isinstance(body, dict):
                    yield StatusReading(exchange.sent, told, status_text(body.get("status")))
            elif exchange.serves("submit again", "watch again") and isinstance(body, dict) and "status" in body:
                if body.get("run_id") == self._run_ids.get(label, ""):
                    yield StatusReading(exchange.sent, told, status_text(body["status"]))
            elif exchange.serves("submit") and about == label and isinstance(body, dict) and "status" in body:
                yield StatusReading(exchange.sent, told, status_text(body["status"]))
            elif exchange.serves("final runs", "list runs") and isinstance(body, list):
                for run in body:
                    if isinstance(run, dict) and run.get("run_id") == self._run_ids.get(label, ""):
                        yield StatusReading(exchange.sent, told, status_text(run.get("status")))

    def final_status(self, label: str) -> str:
        """The status of run `label` when all was over; `gone` for 404; Unproven when it could not be read."""
        self.accepted(label)
        exchange = self.last("final run", f"run {label}")
        if exchange.response is not None and exchange.response.status == 404:
            return GONE
        return status_text(self.body("final run", f"run {label}", dict).get("status"))

    def ended(self, label: str) -> int:
        """Seq at which run `label` was first told to be over; Unproven when it never was."""
        for reading in self.readings(label):
            if reading.status in TERMINAL or reading.status == GONE:
                return reading.received
        raise Unproven(f"run {label} was never seen to end")

    # -- the witness -------------------------------------------------------------------------------------

    def reports(self, label: str) -> list[WitnessEvent]:
        """What run `label` told the witness, in order; Unproven where no run can tell it anything."""
        if not self.witnessed:
            raise Unproven("only the witness could show it, and this agent tells the witness nothing")
        return self._reports(label)

    def _reports(self, label: str) -> list[WitnessEvent]:
        return [m for m in self.moments if isinstance(m, WitnessEvent) and m.label == label]

    def steps(self, label: str) -> list[StepTrace]:
        """The steps of run `label` in the order in which they were entered; Unproven where no run can tell any."""
        self.reports(label)
        return self.reported_steps(label)

    def reported_steps(self, label: str) -> list[StepTrace]:
        """The steps of run `label` that anybody told of, which may be none at all: for pictures, not for verdicts."""
        traces: list[StepTrace] = []
        for report in self._reports(label):
            if report.event == "enter":
                traces.append(StepTrace(report.step, report.seq, report.seq, None, None, gone=False))
                continue
            for index in reversed(range(len(traces))):
                trace = traces[index]
                if trace.step == report.step:
                    over = report.event == "exit"
                    traces[index] = StepTrace(
                        trace.step,
                        trace.enter,
                        # A lost connection tells when the witness noticed, not when the step was last alive.
                        trace.last if report.event == "gone" else report.seq,
                        report.seq if over else trace.exit,
                        report.outcome if over else trace.outcome,
                        gone=trace.gone or report.event == "gone",
                    )
                    break
        return traces

    def began(self, label: str) -> int | None:
        """Seq of the first report of run `label`, None when it never executed as far as the witness knows."""
        steps = self.steps(label)
        return steps[0].enter if steps else None

    def missed(self) -> list[Missed]:
        """The deadlines that passed."""
        return [m for m in self.moments if isinstance(m, Missed)]

    @property
    def lost(self) -> Lost | None:
        """When the deployment stopped answering anything, None when it did not."""
        return next((m for m in self.moments if isinstance(m, Lost)), None)

    def unanswered(self, seqs: Iterable[int]) -> bool:
        """Whether a request among these moments never got a response."""
        asked = set(seqs)
        return any(e.sent in asked and e.response is None for e in self.exchanges)

    def reached(self, label: str, point: str) -> int:
        """Seq at which run `label` was at `point`; Unproven when it never was."""
        step, _, event = point.partition("/")
        for report in self.reports(label):
            if (report.step, report.event) == (step, event):
                return report.seq
        raise Unproven(f"run {label} was never seen at {point}")

    def outdated_agent(self) -> str | None:
        """That the deployed probe agent is too old for this scenario, None when it is not."""
        for submit in self.scenario.all_submits:
            failed = any(reading.status == "error" for reading in self.readings(submit.label))
            if self.witnessed and submit.work != "tools" and failed and not self.reports(submit.label):
                return (
                    f"run {submit.label}, whose probe says version 2, failed before its first step: the probe agent "
                    "that is deployed knows version 1 only; deploy a newer one, or declare the scenario absent in the "
                    "profile"
                )
        return None

    # -- threads -----------------------------------------------------------------------------------------

    def thread_readings(self, name: str = s.MAIN) -> list[StatusReading]:
        """Every status of the thread that was told, by the time of the answer."""
        readings = [
            StatusReading(e.sent, e.response.seq, status_text(e.body.get("status")))
            for e in self.exchanges
            if e.serves("look", "final thread", "create thread")
            and e.request.about == name
            and e.response is not None
            and isinstance(e.body, dict)
        ]
        return sorted(readings, key=lambda reading: reading.received)

    def final_thread(self, name: str = s.MAIN) -> dict[str, Any]:
        """The thread when all was over; Unproven when it could not be read."""
        body: dict[str, Any] = self.body("final thread", name, dict)
        return body

    # -- state and history ---------------------------------------------------------------------------------

    def state(self, when: When = "final", name: str = s.MAIN) -> dict[str, Any]:
        """GET state; `when` is `final` or `mid`; Unproven when it could not be read."""
        body: dict[str, Any] = self.body(READINGS[when].state, name, dict)
        return body

    def messages(self, when: When = "final", name: str = s.MAIN) -> tuple[Message, ...]:
        """The messages of the state; Unproven when it could not be read."""
        return read_messages(self.state(when, name).get("values"), self.scenario)

    def history(self, when: When = "final", name: str = s.MAIN) -> list[Checkpoint]:
        """The history as the deployment told it, newest first; Unproven when it could not be read."""
        entries = self.body(READINGS[when].history, name, list)
        return [self._checkpoint(entry) for entry in entries if isinstance(entry, dict)]

    def histories(self) -> list[tuple[Exchange, list[Checkpoint]]]:
        """Every history that was read of the main thread, oldest reading first."""
        found = [e for e in self.exchanges if e.serves("mid history", "final history") and e.request.about == s.MAIN]
        return [
            (e, [self._checkpoint(entry) for entry in e.body if isinstance(entry, dict)])
            for e in found
            if isinstance(e.body, list)
        ]

    def _checkpoint(self, entry: dict[str, Any]) -> Checkpoint:
        metadata = entry.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        following = entry.get("next")
        return Checkpoint(
            id=checkpoint_id(entry),
            parent_id=checkpoint_id(entry, "parent_"),
            run_id=_text(metadata.get("run_id")),
            source=_text(metadata.get("source")),
            next=tuple(str(node) for node in following) if isinstance(following, list) else (),
            created_at=_text(entry.get("created_at")),
            messages=read_messages(entry.get("values"), self.scenario),
            raw=entry,
        )


def status_text(status: object) -> str:
    """A status as text: what is none in the answer is shown as its JSON, and equal to no status that there is."""
    text = status if isinstance(status, str) else snippet(status)
    return f"“{text}”" if text == GONE else text


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
