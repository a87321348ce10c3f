"""The facts of one transcript, for checks. Nothing in this module judges them.

A deployment may send anything, so every method accepts JSON of any shape. The only exception that they raise is
`Unproven`: the record does not show the fact, and no verdict can rest on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from conformance.api import (
    GONE,
    READINGS,
    RUN_STATUSES,
    TERMINAL,
    Purpose,
    When,
    again,
    checkpoint_id,
    made_run,
    objects,
)
from conformance.judge.expect import Unproven
from conformance.judge.messages import Message, read_messages
from conformance.scenarios import moves as s
from conformance.transcript import ids
from conformance.transcript.text import snippet
from conformance.transcript.transcript import (
    Adapted,
    Lost,
    Missed,
    NetworkFault,
    Request,
    Response,
    StreamEvent,
    Transcript,
    WitnessEvent,
)

NO_VERSION_3 = (
    "the agent did not report what it was given, which needs version 3 of the probe contract. Deploy a newer probe "
    "agent, or declare the scenario absent in the profile"
)
"""The reason for INCONCLUSIVE where an agent is too old, but did not fail the run."""


@dataclass(frozen=True)
class Exchange:
    """A request with its response or network fault."""

    request: Request
    response: Response | None
    fault: NetworkFault | None
    pages: tuple[Response, ...] = ()
    """The further pages of a list that was read in pages."""

    @property
    def sent(self) -> int:
        """The seq of the request."""
        return self.request.seq

    @property
    def over(self) -> int | None:
        """The seq of the response or the fault. None when the record has neither."""
        moment = self.pages[-1] if self.pages else self.response or self.fault
        return None if moment is None else moment.seq

    @property
    def ok(self) -> bool:
        """True when the deployment answered with a 2xx status."""
        return self.response is not None and 200 <= self.response.status < 300

    @property
    def made_run(self) -> bool:
        """True when the answer to a creation shows that the run was created, also if the run has failed."""
        return self.response is not None and made_run(self.response.status, self.response.headers)

    @property
    def body(self) -> Any:
        """The body of a 2xx response, with the entries of all pages. None for any other response."""
        body = self.response.body if self.ok and self.response else None
        if self.pages and isinstance(body, list):
            return [*body, *(one for page in self.pages if isinstance(page.body, list) for one in page.body)]
        return body

    @property
    def reads(self) -> bool:
        """True for a request that changes nothing."""
        path = self.request.path.partition("?")[0]
        return self.request.method == "GET" or path.endswith(("/search", "/history"))

    def serves(self, *purposes: Purpose) -> bool:
        """Return whether the request was sent for one of these purposes."""
        return self.request.purpose in purposes

    def outcome(self) -> str:
        """Return the result in a few words: the fault, or the HTTP status."""
        # The client also fails where a stream is refused. The refusal says more.
        refused = self.response is not None and self.response.status >= 300 and not self.response.streamed
        if self.fault is not None and not refused:
            return self.fault.error
        return "no answer" if self.response is None else f"HTTP {self.response.status}"


@dataclass(frozen=True)
class StatusReading:
    """One status that the deployment reported, requested at seq `sent` and answered at seq `received`.

    The deployment held this status at some moment between the two. `status` is made by `status_text`.
    """

    sent: int
    received: int
    status: str


@dataclass(frozen=True)
class StepTrace:
    """One step of a run as the witness saw it.

    `enter`, `last` and `exit` are seqs. `exit` and `outcome` are None when the step did not report its end.
    """

    step: str
    enter: int
    last: int
    exit: int | None
    outcome: str | None
    gone: bool


@dataclass(frozen=True)
class Checkpoint:
    """One entry of a thread's history. Lists of checkpoints are newest first, as the API returns them."""

    id: str | None
    parent_id: str | None
    run_id: str | None
    """The run that wrote it: the one that it names, or else the one whose input appears with it."""

    named_run: str | None
    """The run that it names in its metadata."""

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
        self._exchanges_for: dict[tuple[Purpose, str | None], list[Exchange]] = {}
        self._readings: dict[str, list[StatusReading]] = {}
        self._histories: dict[int, tuple[list[Any], list[Checkpoint]]] = {}
        self._ends: dict[str, frozenset[str]] = {}

    @cached_property
    def earlier(self) -> list[Play]:
        """The plays before this one, oldest first, in which a report to the witness was lost."""
        return [Play(transcript) for transcript in self.transcript.earlier]

    @cached_property
    def spelled_alike(self) -> Play:
        """The same play with every UUID in small letters, if the deployment shows some in capitals."""
        shown = [*self._run_ids.values(), *self.transcript.threads.values()]
        lists = self.exchanges_for("final runs") + self.exchanges_for("list runs")
        shown += [one["run_id"] for e in lists for one in objects(e.body) if isinstance(one.get("run_id"), str)]
        # AGR-13 alone judges how ids are spelled. Everywhere else, capitals name the same run or thread.
        alike = all(one == one.lower() for one in shown)
        return self if alike else Play(ids.in_small_letters(self.transcript))

    # -- exchanges -------------------------------------------------------------------------------------

    @cached_property
    def exchanges(self) -> list[Exchange]:
        """Every request in order, with its response or fault."""
        # A stream that broke has both: the response with its headers, and the fault.
        answers: dict[int, Response] = {m.exchange: m for m in self.moments if isinstance(m, Response)}
        faults: dict[int, NetworkFault] = {m.exchange: m for m in self.moments if isinstance(m, NetworkFault)}
        return [
            Exchange(m, answers.get(m.exchange), faults.get(m.exchange)) for m in self.moments if isinstance(m, Request)
        ]

    @cached_property
    def adaptations(self) -> list[tuple[Adapted, Exchange, Exchange]]:
        """Every request that was sent again in another form, with the refused exchange and the one that followed."""
        by_number = {e.request.exchange: e for e in self.exchanges}
        found = []
        for moment in self.moments:
            if isinstance(moment, Adapted):
                after = next((e for e in self.exchanges if e.sent > moment.seq), None)
                if after is not None and moment.exchange in by_number:
                    found.append((moment, by_number[moment.exchange], after))
        return found

    @cached_property
    def _chains(self) -> list[list[Exchange]]:
        """Every request that was sent in several forms: its exchanges, in order."""
        following = {before.request.exchange: after for _, before, after in self.adaptations}
        later = {after.request.exchange for after in following.values()}
        chains = [[first] for _, first, _ in self.adaptations if first.request.exchange not in later]
        for chain in chains:
            while chain[-1].request.exchange in following:
                chain.append(following[chain[-1].request.exchange])
        return chains

    @cached_property
    def _decisive(self) -> dict[int, int]:
        """The number of the exchange that is judged, for each exchange of a request in several forms."""
        # A redirect or a pause is no answer to the request itself.
        passed = {e.request.exchange for m, e, _ in self.adaptations if {*m.needs} <= {"redirect", "retry"}}
        found = {}
        for chain in self._chains:
            reached = next(e for e in chain if e.request.exchange not in passed)
            # Of several forms the one that was accepted, or refused for another reason, counts. Otherwise it is the
            # first, which is what the scenario sends.
            first, last = reached.response, chain[-1].response
            refused = first is not None and last is not None and last.status == first.status and not chain[-1].ok
            kept = reached if refused else chain[-1]
            found.update({e.request.exchange: kept.request.exchange for e in chain})
        return found

    def is_last_form(self, exchange: Exchange) -> bool:
        """Return whether this form of a request is the one that is judged."""
        return self._decisive.get(exchange.request.exchange) == exchange.request.exchange

    def first_form(self, exchange: Exchange) -> Exchange:
        """Return the exchange of the same request in its first form."""
        chain = next((c for c in self._chains if any(e.sent == exchange.sent for e in c)), [exchange])
        return chain[0]

    def exchanges_for(self, purpose: Purpose, about: str | None = None) -> list[Exchange]:
        """Return every exchange with this purpose, in order. Of a request in several forms, return the decisive one."""
        key = purpose, about
        if key not in self._exchanges_for:
            self._exchanges_for[key] = [
                self._paged(e)
                for e in self._by_purpose.get(purpose, ())
                if about in (None, e.request.about)
                and self._decisive.get(e.request.exchange, e.request.exchange) == e.request.exchange
            ]
        # Copied, because a caller may change its list.
        return list(self._exchanges_for[key])

    @cached_property
    def _by_purpose(self) -> dict[str, list[Exchange]]:
        found: dict[str, list[Exchange]] = {}
        for exchange in self.exchanges:
            found.setdefault(exchange.request.purpose, []).append(exchange)
        return found

    def _paged(self, exchange: Exchange) -> Exchange:
        """Return an exchange that reads a list with the further pages of the list."""
        if not isinstance(exchange.body, list):
            return exchange
        repeats = self.repeats(exchange)
        if not repeats:
            return exchange
        mine = [e for e in self._by_purpose[exchange.request.purpose] if e.request.about == exchange.request.about]
        later = (e.sent for e in mine if e.request.exchange > exchange.request.exchange)
        end = next(later, len(self.moments))
        pages = [e.response for e in repeats if exchange.sent < e.sent < end and e.ok and e.response]
        return replace(exchange, pages=tuple(pages)) if pages else exchange

    def last(self, purpose: Purpose, about: str) -> Exchange:
        """Return the newest exchange with this purpose. Raise Unproven when there is none."""
        found = self.exchanges_for(purpose, about)
        if not found:
            raise Unproven(f"the driver did not reach the request `{purpose}` for {about}")
        return found[-1]

    def body(self, purpose: Purpose, about: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
        """Return the JSON of the newest exchange with this purpose.

        Raise Unproven when its response is not a 2xx with a JSON value of type `kind`.
        """
        exchange = self.last(purpose, about)
        if not isinstance(exchange.body, kind):
            raise Unproven(
                f"no usable response to the request `{purpose}` for {about}: {exchange.outcome()}", exchange.sent
            )
        return exchange.body

    def thread(self, name: str = s.MAIN) -> str:
        """Return the id of the thread that the scenario calls `name`. Raise Unproven when no answer showed it."""
        if name not in self.transcript.threads:
            see = [asked.sent for asked in self.exchanges_for("create thread", name)]
            raise Unproven(f"the deployment never reported the id of the thread `{name}`", *see)
        return self.transcript.threads[name]

    # -- runs ------------------------------------------------------------------------------------------

    def submission(self, label: str) -> Exchange:
        """Return the exchange that creates run `label`. Raise Unproven when the driver did not reach it."""
        return self.last("submit", label)

    def accepted(self, label: str) -> Exchange:
        """Return the submission of run `label`. Raise Unproven unless the deployment accepted it."""
        submission = self.submission(label)
        # A `wait` is answered only when the run ends. Without an answer, the run or a step of it proves the acceptance.
        seen = submission.response is None and (label in self._run_ids or self.steps(label))
        if not submission.made_run and not seen:
            raise Unproven(f"run {label} was not accepted: {submission.outcome()}", submission.sent)
        return submission

    def run_id(self, label: str) -> str:
        """Return the id of run `label`. Raise Unproven when the deployment never reported it."""
        if label not in self._run_ids:
            submission = self.submission(label)
            raise Unproven(
                f"the deployment never reported the id of run {label} ({submission.outcome()})", submission.sent
            )
        return self._run_ids[label]

    def label_of(self, run_id: object) -> str:
        """Return the scenario's label for a run id, or the id itself when the scenario has no such run."""
        unknown = run_id if isinstance(run_id, str) else snippet(run_id)
        return next((label for label, known in self._run_ids.items() if known == run_id), unknown)

    @cached_property
    def _run_ids(self) -> dict[str, str]:
        return {
            submit.label: run_id
            for submit in self.scenario.all_submits
            if (run_id := ids.run_id(self.moments, submit.label))
        }

    def repeats(self, exchange: Exchange) -> list[Exchange]:
        """Return the requests that the official client sent to repeat this one, for example after a cut stream."""
        purpose, about = again(exchange.request.purpose), exchange.request.about
        return [e for e in self._by_purpose.get(purpose, ()) if e.request.about == about]

    def events(self, exchange: Exchange) -> list[StreamEvent]:
        """Return the stream events that answered `exchange`, including those after the client reconnected."""
        numbers = {e.request.exchange for e in (exchange, *self.repeats(exchange))}
        return [m for m in self.moments if isinstance(m, StreamEvent) and m.exchange in numbers]

    def readings(self, label: str) -> list[StatusReading]:
        """Return every status of run `label` that the deployment reported, in the order of the responses.

        The sources are the response to its creation, every GET of the run, and every list of the thread's runs. A 404
        reads as `gone`. The official client sends some of the GETs by itself, to verify that a stream has ended.
        """
        if label not in self._readings:
            found = sorted(self._read_statuses(label), key=lambda reading: reading.received)
            # A run that was not found only until its row was there had not gone.
            there = [e.sent for e in self.exchanges_for("look", f"run {label}") if e.ok][:1]
            self._readings[label] = [r for r in found if r.status != GONE or not there or r.sent > there[0]]
        return self._readings[label]

    def _read_statuses(self, label: str) -> Iterator[StatusReading]:
        for exchange in self.exchanges:
            if exchange.response is None:
                continue
            received, about = exchange.response.seq, exchange.request.about
            body = exchange.body
            if exchange.serves("look", "final run") and about == f"run {label}":
                if exchange.response.status == 404:
                    yield StatusReading(exchange.sent, received, GONE)
                elif isinstance(body, dict):
                    yield StatusReading(exchange.sent, received, status_text(body.get("status")))
            # The client's check whether a stream has ended is a GET of the run. It may be about a run of another label.
            elif exchange.serves("submit again", "watch again") and isinstance(body, dict) and "status" in body:
                if body.get("run_id") == self._run_ids.get(label, ""):
                    yield StatusReading(exchange.sent, received, status_text(body["status"]))
            elif exchange.serves("submit") and about == label and isinstance(body, dict) and "status" in body:
                yield StatusReading(exchange.sent, received, status_text(body["status"]))
            elif exchange.serves("final runs", "list runs", "final runs again", "list runs again") and isinstance(
                body, list
            ):
                for run in body:
                    if isinstance(run, dict) and run.get("run_id") == self._run_ids.get(label, ""):
                        yield StatusReading(exchange.sent, received, status_text(run.get("status")))

    def final_status(self, label: str) -> str:
        """Return the status of run `label` at the end of the play, or `gone` for 404.

        Raise Unproven when it could not be read.
        """
        self.accepted(label)
        exchange = self.last("final run", f"run {label}")
        if exchange.response is not None and exchange.response.status == 404:
            return GONE
        return status_text(self.body("final run", f"run {label}", dict).get("status"))

    def ends(self, label: str) -> frozenset[str]:
        """Return the statuses in which run `label` is over: the terminal ones, and one that it kept to the end.

        A run with an undocumented last status is over if two readings agree on it and its steps had stopped by then.
        RUN-01 judges the status.
        """
        if label not in self._ends:
            self._ends[label] = TERMINAL | self._own_end(label)
        return self._ends[label]

    def outcome(self, label: str) -> str:
        """Return how run `label` ended: its final status, or what its last step shows where that is undocumented.

        For premises only: a check that judges the status reads it with `final_status`.
        """
        status = self.final_status(label)
        if status in RUN_STATUSES or status not in self.ends(label):
            return status
        meant = {"returned": "success", "raised": "error", "interrupted": "interrupted", "cancelled": "interrupted"}
        outcomes = [meant.get(report.outcome or "") for report in self._reports(label) if report.event == "exit"]
        return (outcomes[-1] if outcomes else None) or status

    def _own_end(self, label: str) -> set[str]:
        readings = self.readings(label)
        if len(readings) < 2 or readings[-1].status in RUN_STATUSES | {GONE}:
            return set()
        before, last = readings[-2:]
        late = any(report.seq > before.sent and report.event != "gone" for report in self._reports(label))
        return set() if late or before.status != last.status else {last.status}

    def ended(self, label: str) -> int:
        """Return the seq of the first response with a terminal status of run `label`. Raise Unproven without one."""
        for reading in self.readings(label):
            if reading.status in self.ends(label) or reading.status == GONE:
                return reading.received
        raise Unproven(f"the deployment never reported a terminal status of run {label}")

    # -- the witness -------------------------------------------------------------------------------------

    def reports(self, label: str) -> list[WitnessEvent]:
        """Return the reports of run `label` to the witness, in order. Raise Unproven when no witness was reachable."""
        if not self.witnessed:
            raise Unproven(
                "only the witness can show it, and this agent does not report to the witness. "
                "Deploy the probe agent, and let it reach the witness (--conformance-witness-host)."
            )
        return self._reports(label)

    def _reports(self, label: str) -> list[WitnessEvent]:
        return list(self._reports_by_label.get(label, ()))

    @cached_property
    def _reports_by_label(self) -> dict[str, list[WitnessEvent]]:
        found: dict[str, list[WitnessEvent]] = {}
        for moment in self.moments:
            if isinstance(moment, WitnessEvent):
                found.setdefault(moment.label, []).append(moment)
        return found

    def steps(self, label: str) -> list[StepTrace]:
        """Return the steps of run `label` in the order in which they were entered. Raise Unproven without a witness."""
        self.reports(label)
        return self.reported_steps(label)

    def reported_steps(self, label: str) -> list[StepTrace]:
        """Return the steps of run `label` that were reported, which may be none. For pictures, not for verdicts."""
        traces: list[StepTrace] = []
        for report in self._reports(label):
            if report.event == "enter":
                traces.append(StepTrace(report.step, report.seq, report.seq, None, None, gone=False))
                continue
            # The newest trace of the step: a run that resumes enters the same step again.
            for index in reversed(range(len(traces))):
                trace = traces[index]
                if trace.step == report.step:
                    over = report.event == "exit"
                    traces[index] = StepTrace(
                        trace.step,
                        trace.enter,
                        # `gone` is the moment at which the witness noticed the lost connection. The step may have
                        # stopped long before, so this moment does not prove that the step was still executing.
                        trace.last if report.event == "gone" else report.seq,
                        report.seq if over else trace.exit,
                        report.outcome if over else trace.outcome,
                        gone=trace.gone or report.event == "gone",
                    )
                    break
        return traces

    def began(self, label: str) -> int | None:
        """Return the seq of the first report of run `label`, or None when the witness received none."""
        steps = self.steps(label)
        return steps[0].enter if steps else None

    def missed(self) -> list[Missed]:
        """Return the deadlines that passed."""
        return [m for m in self.moments if isinstance(m, Missed)]

    @property
    def lost(self) -> Lost | None:
        """The moment at which the deployment stopped answering. None when it did not."""
        return next((m for m in self.moments if isinstance(m, Lost)), None)

    def unanswered(self, seqs: Iterable[int]) -> bool:
        """Return whether a request among these moments has no response."""
        sent = set(seqs)
        return any(e.sent in sent and e.response is None for e in self.exchanges)

    def reached(self, label: str, point: str) -> int:
        """Return the seq at which run `label` reached `point`. Raise Unproven when it never did."""
        step, _, event = point.partition("/")
        for report in self.reports(label):
            if (report.step, report.event) == (step, event):
                return report.seq
        raise Unproven(f"run {label} never reported {point} to the witness")

    @cached_property
    def outdated_agent(self) -> str | None:
        """The reason why the deployed probe agent is too old for this scenario, or None when it is not.

        An agent that does not know the version of a run's probe fails the run in its first step, before its first
        report (`agents/CONTRACT.md`).
        """
        if not self.witnessed:
            return None
        # Another run of the scenario may show that the agent knows the version, so that this one failed otherwise.
        known_version = max(
            (one.probe_version for one in self.scenario.all_submits if self.reports(one.label)), default=1
        )
        for submit in self.scenario.all_submits:
            failed = any(reading.status == "error" for reading in self.readings(submit.label))
            version = submit.probe_version
            if version > known_version and failed and not self.reports(submit.label):
                known = "version 1 only" if version == 2 else f"versions 1 to {version - 1} only"
                return (
                    f"run {submit.label} has a probe of version {version} and failed before its first step. "
                    f"The deployed probe agent supports {known}. Deploy a newer one, or declare the scenario "
                    "absent in the profile."
                )
        return None

    # -- threads -----------------------------------------------------------------------------------------

    def thread_readings(self, name: str = s.MAIN) -> list[StatusReading]:
        """Return every status of the thread that the deployment reported, in the order of the responses."""
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
        """Return the thread at the end of the play. Raise Unproven when it could not be read."""
        body: dict[str, Any] = self.body("final thread", name, dict)
        return body

    # -- state and history ---------------------------------------------------------------------------------

    def state(self, when: When = "final", name: str = s.MAIN) -> dict[str, Any]:
        """Return the thread's state, read in the middle of the scenario (`mid`) or at its end (`final`).

        Raise Unproven when it could not be read.
        """
        body: dict[str, Any] = self.body(READINGS[when].state, name, dict)
        return body

    def messages(self, when: When = "final", name: str = s.MAIN) -> tuple[Message, ...]:
        """Return the messages of the state. Raise Unproven when it could not be read."""
        return read_messages(self.state(when, name).get("values"), self.scenario)

    def history(self, when: When = "final", name: str = s.MAIN) -> list[Checkpoint]:
        """Return the history as received, newest first. Raise Unproven when it could not be read."""
        entries = self.body(READINGS[when].history, name, list)
        return self._read_history(entries)

    def histories(self) -> list[tuple[Exchange, list[Checkpoint]]]:
        """Return every history of the main thread that was read, with its exchange, oldest reading first."""
        found = [*self.exchanges_for("mid history", s.MAIN), *self.exchanges_for("final history", s.MAIN)]
        return [(e, self._read_history(e.body)) for e in found if isinstance(e.body, list)]

    def _read_history(self, entries: list[Any]) -> list[Checkpoint]:
        # By identity, because dozens of checks read the same body. It is kept, so that no other one gets its identity.
        if id(entries) not in self._histories:
            read = self._attributed([self._checkpoint(entry) for entry in entries if isinstance(entry, dict)])
            self._histories[id(entries)] = entries, read
        return list(self._histories[id(entries)][1])

    def _checkpoint(self, entry: dict[str, Any]) -> Checkpoint:
        metadata = entry.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        following = entry.get("next")
        return Checkpoint(
            id=checkpoint_id(entry),
            parent_id=checkpoint_id(entry, "parent_"),
            run_id=_text(metadata.get("run_id")),
            named_run=_text(metadata.get("run_id")),
            source=_text(metadata.get("source")),
            next=tuple(str(node) for node in following) if isinstance(following, list) else (),
            created_at=_text(entry.get("created_at")),
            messages=read_messages(entry.get("values"), self.scenario),
            raw=entry,
        )

    def _attributed(self, history: list[Checkpoint]) -> list[Checkpoint]:
        """Return a history, newest first, in which checkpoints without a run have the one whose input they follow.

        The first checkpoint that holds the input of a run is the run's own. CHK-02 judges the missing name.
        """
        if not history or any(checkpoint.named_run for checkpoint in history):
            return history
        found: list[Checkpoint] = []
        seen: set[str] = set()
        writer: str | None = None
        for checkpoint in reversed(history):
            inputs = {message.label for message in checkpoint.messages if message.part == "human"} - seen
            new = next((label for label in inputs if label in self._run_ids), None)
            if new is not None:
                writer = self._run_ids[new]
                # The checkpoint with the source `input` is written right before, and does not hold the input yet.
                if found and found[-1].source == "input" and found[-1].id == checkpoint.parent_id:
                    found[-1] = replace(found[-1], run_id=writer)
            seen |= inputs
            found.append(replace(checkpoint, run_id=writer))
        return found[::-1]


def status_text(status: object) -> str:
    """Return a status as text. A status that is not a string is returned as its JSON.

    Neither that JSON nor a literal `"gone"` from the deployment equals a status that the judge knows.
    """
    text = status if isinstance(status, str) else snippet(status)
    # `gone` is the judge's own word for 404, and a deployment that sends it as a status must not be mistaken for that.
    return f"“{text}”" if text == GONE else text


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
