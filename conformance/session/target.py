"""A deployment under test, and its examination before anything is judged.

Theory of operation. `Target.examine` answers four questions, in this order:

1. Which server is it? `GET /info` reports a name and a version. An answer that has none is no problem.
2. Can it be judged? Plain runs of the agent are played, `CALIBRATIONS` in a row. Each must be created, start and
   finish. If one does not, `problem` is a one-line reason, and no scenario is played.
3. What is its agent? It is first taken for a probe agent that reaches the witness (`probe` is "witnessed"). If a run
   starts but the witness receives nothing, one more run is played in which the probe is given no witness:

   - The final state has the marks of a probe agent. After the first silent run that may just have been a slow start, so
     the witness is tried again. After the second one `probe` becomes "unwitnessed": runs are then held by time.
   - The final state has no such marks: the agent is not a probe agent. If the user named the assistant, `probe` becomes
     "none", and the scenarios that need no probe are played. Otherwise that is the `problem`.

4. How fast does it start a run? The slowest of the starts that were seen sets the deadlines. On a deployment that
   answers slowly, one plain run is enough. With `--conformance-jobs=auto`, `WIDTH` finds out how many runs can execute
   at once. Else `CAPACITY` finds out whether two can, where the shipped profiles for this server differ by that.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, Final

import httpx
import msgspec

from conformance.api import GONE, RUN_STATUSES, TERMINAL
from conformance.driver import player
from conformance.driver.context import Context
from conformance.driver.deadlines import Deadlines
from conformance.driver.http import Http
from conformance.driver.moves.read import steps_of
from conformance.driver.player import WorkerLease
from conformance.driver.witness import Witness
from conformance.judge.expect import Unproven
from conformance.judge.play import Play
from conformance.judge.profiles import Workers, proposals
from conformance.requirements.judged import requirements_in
from conformance.scenarios import moves as s
from conformance.scenarios.catalogue.blocks import FIRST_STEP, SF
from conformance.scenarios.scenario import Scenario
from conformance.scenarios.steps import STEPS
from conformance.session import answers
from conformance.session.course import course
from conformance.transcript.recorder import Recorder, now
from conformance.transcript.redaction import Redactor
from conformance.transcript.text import snippet
from conformance.transcript.transcript import ProbeUse, Released, SuiteInfo, TargetInfo, Transcript

CALIBRATION = Scenario(
    id="calibration",
    about="One plain run, which shows whether the deployment can be judged and how fast it starts a run.",
    moves=(
        s.Submit(label="A", text=SF),
        s.AwaitHeard(label="A"),
        s.AwaitEnd(label="A", if_begun=True),
        # An agent may try to reach the witness for a long time. Such a run must not delay the next one.
        s.Cancel(label="A", unless_begun=True),
    ),
)

CAPACITY = Scenario(
    id="capacity",
    about="Two runs on two threads, each held in its first step, which shows whether there are workers for both.",
    moves=(
        s.Submit(label="A", text=SF, hold=(FIRST_STEP,)),
        s.AwaitPoint(label="A", point=FIRST_STEP),
        s.Submit(label="X", text=SF, hold=(FIRST_STEP,), thread=s.OTHER),
        # Optional: with a single worker X starts after the release below, and that is the finding.
        s.AwaitPoint(label="X", point=FIRST_STEP, optional=True),
        s.Release(),
        s.AwaitEnd(label="A"),
        s.AwaitEnd(label="X"),
    ),
)

SHARERS = 6
"""The number of plays that share a single worker. A run that has to wait too long for it is played again alone."""

MOST = 10
"""The greatest number of workers that is looked for. More plays at a time would only compete for this process."""

MOST_IF_SLOW = 30
"""The same for a deployment that answers slowly. Its plays mostly wait for answers, and take this process no time."""


def _width(most: int) -> Scenario:
    """Return the scenario that counts the workers, up to `most`."""
    others = [f"X{number}" for number in range(2, most + 1)]
    return Scenario(
        id="width",
        about="Runs on as many threads, each held in its first step, which shows how many of them have a worker.",
        moves=(
            s.Submit(label="A", text=SF, hold=(FIRST_STEP,)),
            s.AwaitPoint(label="A", point=FIRST_STEP),
            s.Together(
                moves=tuple(
                    s.Submit(label=label, text=SF, hold=(FIRST_STEP,), thread=f"of run {label}") for label in others
                )
            ),
            # At the same time: the wait for one that has no worker takes its whole deadline.
            s.Together(moves=tuple(s.AwaitPoint(label=label, point=FIRST_STEP, optional=True) for label in others)),
            s.Release(),
            # Those that have no worker must not keep the first scenarios from one.
            s.Together(moves=tuple(s.Cancel(label=label, unless_begun=True) for label in others)),
            s.AwaitOneLeft(),
        ),
    )


WIDTH = _width(MOST)
WIDTH_IF_SLOW = _width(MOST_IF_SLOW)

NO_WITNESS = (
    "the agent cannot reach the suite's witness, so runs are held by time, and requirements that cannot be proved that "
    "way are INCONCLUSIVE; give the address of this machine as the deployment sees it: --conformance-witness-host=HOST"
)
ANY_AGENT = (
    "the agent `{assistant}` does not implement the probe contract, so requirements that need the probe agent are "
    "NOT-APPLICABLE"
)
NO_PROBE = (
    "the agent `{assistant}` does not implement the probe contract; deploy the probe agent under this name, or give "
    "--deployment-assistant={assistant} to judge this agent by the requirements that need no probe"
)
SLOWLY = (
    "the deployment answers a reading of a status after {seconds:.1f} s, and some scenarios send hundreds, so this run "
    "takes long. Look for a proxy, a log or a busy machine in between. --conformance-tier=smoke has the first verdict "
    "soonest"
)
BUSY = (
    "{number} requests at a time are answered after {together:.1f} s and one after {alone:.1f} s, so the free workers "
    "were not counted, and few plays are made at a time. --conformance-jobs=N plays N at a time"
)

# Official servers answer in a few milliseconds, and across an ocean in some 0.2 s.
SLOW = 0.5
"""The number of seconds for an answer from which a deployment is called slow."""

CROWDED = 2.0
"""The factor by which many requests at a time take longer than one where requests wait for each other."""

# More than one: a server that polls its queue may have polled right after the first run was created.
CALIBRATIONS = 3
"""The number of plain runs, one after another, from which the start latency is measured."""


SOON = 0.01
"""Seconds from an event of a calibration run to the next reading of its status. The readings are not judged."""


class _Unlimited:
    """As many workers as a play needs."""

    async def need(self, workers: int) -> None:
        """Wait for no worker."""

    def lower(self, workers: int) -> None:
        """Give nothing back."""


UNLIMITED: Final = _Unlimited()


class Target:
    """One deployment under test: its address, and the findings of its examination.

    `problem` is the one-line reason why it cannot be judged, or cannot be judged any more, and None when it can. The
    plays of the examination are `calibration`. `workers` is "one" or "several" where the examination had to find that
    out. The number of runs that can execute at once is `width` if it was `counted`, and 1 else. `notes` are remarks for
    the reader of the verdicts. `named` means that the user named the assistant, so that it is judged even if it is not
    a probe agent.
    """

    def __init__(
        self,
        *,
        url: str,
        assistant: str,
        headers: dict[str, str],
        profile: str | None,
        deadlines: Deadlines,
        named: bool = False,
        secret: str | None = None,
        name: str | None = None,
    ) -> None:
        self.url = url
        self.assistant = assistant
        self.named = named
        self.headers = headers
        self.deadlines = deadlines
        self.redactor = Redactor(headers, httpx.URL(url), secret)
        shown = self.redactor.url(httpx.URL(url)).rstrip("/")
        self.info = TargetInfo(url=shown, profile=profile, name=name)
        self.problem: str | None = None
        self.calibration: list[Transcript] = []
        self.workers: Workers | None = None
        self.width = 1
        self.counted = False
        self.notes: list[str] = []

    @property
    def sharers(self) -> int | None:
        """The number of plays at a time where only one worker was found, or None where there is one for each run."""
        return SHARERS if self.width == 1 else None

    def can_play(self, scenario: Scenario) -> bool:
        """Return whether any requirement can be judged by this scenario with the agent that was found."""
        return any(
            requirement.can_be_judged(self.info.probe, steered=scenario.steered)
            for requirement in requirements_in(scenario.id)
        )

    async def play(
        self,
        scenario: Scenario,
        transport: httpx.AsyncBaseTransport,
        witness: Witness,
        suite: SuiteInfo,
        lease: WorkerLease = UNLIMITED,
        on_cut: Callable[[Transcript], None] = lambda _: None,
        deadlines: Deadlines | None = None,
    ) -> Transcript:
        """Play one scenario and return its transcript. Set `problem` when the deployment stops answering in it.

        The runs of the play occupy the workers of `lease`. `on_cut` is called with the record so far if the play is
        cancelled.
        """
        recorder = Recorder(self.redactor)
        http = self._wire(transport, recorder)
        context = Context(
            http=http,
            recorder=recorder,
            deadlines=deadlines or self.deadlines,
            assistant=self.assistant,
            witness=witness,
            probe=self.info.probe,
        )
        try:
            transcript = await player.play(context, scenario, suite, self.info, lease)
        except asyncio.CancelledError:
            unplayed = Transcript.unplayed(suite, self.info, scenario)
            on_cut(msgspec.structs.replace(unplayed, threads=dict(context.threads), moments=list(recorder.moments)))
            raise
        # With several jobs other plays fail in the same second. The first reason is the one to report.
        # A play whose record is full says nothing about the others.
        if http.lost is not None and recorder.bytes_left >= 0 and self.problem is None:
            self.problem = f"it stopped answering during {scenario.id}: {http.lost}"
        return transcript

    async def discard(self, transcript: Transcript, transport: httpx.AsyncBaseTransport) -> None:
        """Delete the threads of a play. The answers are of no interest."""
        http = self._wire(transport, Recorder(self.redactor))
        for name, thread in transcript.threads.items():
            await http.call("delete", name, http.client.threads.delete(thread))

    async def examine(
        self, transport: httpx.AsyncBaseTransport, witness: Witness, suite: SuiteInfo, jobs: int | None = 1
    ) -> None:
        """Read `/info`, play the calibration runs, and set `info`, `problem`, `notes`, `workers` and the deadlines.

        `jobs` is the number of plays that will be under way at once. It is None for as many as there are workers for.
        `width` is set then.
        """

        async def play(scenario: Scenario) -> Play:
            # Not without a witness: there the readings show when a run starts, and so they set the deadlines.
            deadlines = replace(self.deadlines, poll=SOON) if self.info.probe == "witnessed" else None
            keep = self.calibration.append
            transcript = await self.play(scenario, transport, witness, suite, on_cut=keep, deadlines=deadlines)
            self.calibration.append(transcript)
            return Play(transcript)

        await self._read_info(transport)
        try:
            latencies = await self._calibrate(play)
        except _Unusable as unusable:
            self.problem = self.redactor.text(str(unusable))
            return
        slow = (seconds := _answer_time(self.calibration)) >= SLOW
        if slow:
            self.notes.append(SLOWLY.format(seconds=seconds))
            self.deadlines = replace(self.deadlines, slow=True)
        # Played only where the answer is used, here to choose between the profiles that would be proposed. Without a
        # witness nothing shows at which moment a run begins.
        proposing = self.info.profile is None and any(p.workers for p in proposals(self.info))
        if self.info.probe == "witnessed" and (jobs is None or proposing):
            crowding = await self._crowding(transport, seconds) if slow else 1.0
            self.counted = jobs is None and crowding == 1
            self.deadlines = self.deadlines.crowded(crowding)
            width = WIDTH_IF_SLOW if slow else WIDTH
            latencies += self._count_workers(await play(width if self.counted else CAPACITY))
        self.deadlines = self.deadlines.calibrated(latencies).shared(jobs or self.sharers or 1)

    async def _crowding(self, transport: httpx.AsyncBaseTransport, alone: float) -> float:
        """Return the factor by which `MOST` readings at a time take longer than one, which takes `alone` seconds.

        Return 1 unless requests wait for each other. More plays at a time would then only miss their deadlines.
        """
        began, ends = now(), list[float]()
        http, thread = self._wire(transport, Recorder(self.redactor)), self.calibration[-1].threads[s.MAIN]

        async def read() -> None:
            await http.look(s.MAIN, thread)
            ends.append(now())

        await asyncio.gather(*(read() for _ in range(MOST)))
        together = max(ends) - began
        if together < CROWDED * alone:
            return 1.0
        self.notes.append(BUSY.format(number=MOST, together=together, alone=alone))
        return together / alone

    def _count_workers(self, play: Play) -> list[float]:
        """Set `workers`, and `width` if they are counted. Return the seconds that the runs needed to start."""
        others = _started(play)
        self.workers = "several" if others else "one"
        if self.counted:
            self.width = 1 + len(others)
        # The others were created in one moment, so the slowest of them is one start.
        return [_start_latency(play), *sorted(_start_latency(play, label) for label in others)[-1:]]

    async def _calibrate(self, play: Callable[[Scenario], Awaitable[Play]]) -> list[float]:
        """Return the seconds that each of the plain runs needed to start. Raise _Unusable.

        Set `info.probe` and `notes` when a run starts but the witness receives nothing from it (point 3 of the module's
        theory of operation).
        """
        latencies: list[float] = []
        silent = 0
        # On a deployment that answers slowly, a plain run may take half a minute. The fewer starts were seen, the
        # longer are the windows, and there the reading takes longer than these.
        while len(latencies) < (1 if latencies and _answer_time(self.calibration) >= SLOW else CALIBRATIONS):
            calibration = await play(CALIBRATION)
            # A run that never started says nothing about its agent, and is reported as the problem below.
            if calibration.witnessed and not calibration.steps("A") and _has_started(calibration, self.assistant):
                silent += 1
                await self._try_without_witness(play, convinced=silent > 1)
                continue
            _raise_if(problem_of(calibration, self.assistant))
            latencies.append(_start_latency(calibration))
        return latencies

    async def _try_without_witness(self, play: Callable[[Scenario], Awaitable[Play]], *, convinced: bool) -> None:
        """Play a run that is given no witness, and set `info.probe` by the state that its agent left. Raise _Unusable.

        A probe agent is still taken for one that reaches the witness unless `convinced`.
        """
        # Set before the run is played: it decides whether the run's input names a witness.
        self._set_probe("unwitnessed")
        alone = await play(CALIBRATION)
        _raise_if(problem_of(alone, self.assistant))
        # A probe agent also writes its steps into the state, and this is the first one of run A.
        if "A/agent:1" in steps_of(alone.state()):
            self._set_probe("unwitnessed" if convinced else "witnessed")
            if convinced:
                self.notes.append(NO_WITNESS)
            return
        if not self.named:
            raise _Unusable(NO_PROBE.format(assistant=self.assistant))
        self._set_probe("none")
        self.notes.append(ANY_AGENT.format(assistant=self.assistant))

    def _set_probe(self, probe: ProbeUse) -> None:
        self.info = msgspec.structs.replace(self.info, probe=probe)

    async def _read_info(self, transport: httpx.AsyncBaseTransport) -> None:
        """Set the name and version from `/info`. A deployment without `/info` has neither."""
        http = self._wire(transport, Recorder(self.redactor))
        await http.call("info", "server", http.client.http.get("/info"))
        server, version = server_of(http.body("info", "server"))
        self.info = msgspec.structs.replace(self.info, server=server, version=version)

    def _wire(self, transport: httpx.AsyncBaseTransport, recorder: Recorder) -> Http:
        return Http(
            url=self.url, headers=self.headers, transport=transport, recorder=recorder, deadlines=self.deadlines
        )


def server_of(info: Any) -> tuple[str | None, str | None]:
    """Return the name and version of a server from the body of its `/info`. Each is None where it is not reported."""
    if not isinstance(info, dict):
        return None, None
    version = info.get("version")
    name = info.get("name")
    if not isinstance(name, str):
        # The official servers report no name, but the version of LangGraph that they run, under a key for the language.
        name = None
        if "langgraph_py_version" in info:
            name = "langgraph-api"
        elif "langgraph_js_version" in info:
            name = "langgraph-js"
    return name and snippet(name, 40), snippet(version, 40) if isinstance(version, str) else None


def _answer_time(plays: Sequence[Transcript]) -> float:
    """Return the median of the seconds in which the statuses of these plays were answered."""
    exchanges = [exchange for play in plays for exchange in Play(play).exchanges if exchange.serves("look")]
    times = [exchange.response.t - exchange.request.t for exchange in exchanges if exchange.response is not None]
    return median(times) if times else 0.0


def _started(play: Play) -> list[str]:
    """Return the other runs that started while run A was held."""
    released = [m.seq for m in play.moments if isinstance(m, Released) and m.label == "A"]
    end = min(released, default=len(play.moments))
    began = {submit.label: play.began(submit.label) for submit in play.scenario.all_submits if submit.label != "A"}
    return [label for label, seq in began.items() if seq is not None and seq < end]


def _start_latency(play: Play, label: str = "A") -> float:
    """Return the seconds from the request that created the run to its first step.

    Without a witness they end when the deployment first reports that the run executes. They are 0 where it never does.
    """
    asked = play.submission(label).request.t
    if play.witnessed:
        began = play.began(label)
    else:
        began = next((r.received for r in play.readings(label) if r.status != "pending"), None)
    return 0.0 if began is None else play.moments[began].t - asked


class _Unusable(Exception):  # noqa: N818 -- a finding about a deployment
    """The deployment cannot be judged. The text is a one-line reason."""


def _raise_if(problem: str | None) -> None:
    if problem is not None:
        raise _Unusable(problem)


def problem_of(play: Play, assistant: str) -> str | None:
    """Return the reason that a calibration run shows for not judging this deployment, or None."""
    try:
        problem = _problem_with_the_start(play, assistant) or _problem_with_the_end(play, assistant)
    except Unproven as unproven:
        problem = str(unproven)
    return problem and ". ".join(part for part in (problem, course(play)) if part)


def _problem_with_the_start(play: Play, assistant: str) -> str | None:
    """Return the reason why there is no thread, no run, or a run that never executed. Raise Unproven."""
    created = play.last("create thread", s.MAIN)
    if s.MAIN not in play.transcript.threads:
        return f"POST /threads at {play.transcript.target.url}: {answers.describe(created, 'thread_id')}"
    submission = play.submission("A")
    if not submission.ok:
        # Another refusal has another reason, and its text states it.
        response = submission.response
        named = response is not None and bool(re.search("assistant|graph", str(response.body), re.IGNORECASE))
        described = answers.describe(submission, "run_id", explained=named)
        problem = f"a run of the agent `{assistant}` could not be created: {described}"
        if named or (response is not None and response.status == 404):
            return f"{problem}; is the probe agent deployed under this name (--deployment-assistant)?"
        tried = [moment.how for moment, _, _ in play.adaptations]
        return f"{problem}; it was also refused {', '.join(dict.fromkeys(tried))}" if tried else problem
    statuses = [reading.status for reading in play.readings("A")]
    if set(statuses) & {"running", *TERMINAL} or (play.witnessed and play.steps("A")):
        return None
    accepted = f"a run of the agent `{assistant}` was accepted and never executed"
    if statuses and statuses[-1] == GONE:
        return f"{accepted}: the deployment does not know it any more (HTTP 404)"
    status = snippet(statuses[-1]) if statuses else "unknown"
    return f"{accepted}: its status is `{status}`. A worker of the deployment may not be running, or not free"


def _has_started(play: Play, assistant: str) -> bool:
    """Return whether there is a run that executes, so that its agent could have reported."""
    try:
        return _problem_with_the_start(play, assistant) is None
    except Unproven:
        return False


def _problem_with_the_end(play: Play, assistant: str) -> str | None:
    """Return the reason why the plain run did not finish. Raise Unproven."""
    if play.witnessed:
        finished = [trace.step for trace in play.steps("A") if trace.outcome == "returned"] == list(STEPS)
    else:
        # Whether an undocumented status means success is not known. The run is over, and RUN-01 judges its status.
        status = play.final_status("A")
        finished = status == "success" or (status in play.ends("A") and status not in RUN_STATUSES)
    if finished:
        return None
    status = snippet(play.final_status("A"))
    seen = [trace.step for trace in play.steps("A")] if play.witnessed else []
    if status == "success" and len(seen) > len(STEPS):
        return (
            f"a plain run of the agent `{assistant}` executed the steps {' '.join(seen)}, of which each is due once. "
            "The deployment, or a proxy before it, may create a run twice"
        )
    return (
        f"a plain run of the agent `{assistant}` did not finish: its status is `{status}`. "
        "The deployment's log may show why"
    )
