"""Finding out what is at a deployment's URL before anything is judged.

One plain run of the agent shows whether there is a usable deployment, whether its agent obeys the probe contract
and reaches the witness, and how long it takes to start a run. What does not work is said in one line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec

from conformance.api import TERMINAL
from conformance.driver import player
from conformance.driver.context import Context
from conformance.driver.deadlines import Deadlines
from conformance.driver.http import Http
from conformance.driver.moves.read import steps_of
from conformance.driver.witness import Witness
from conformance.judge.expect import Unproven
from conformance.judge.play import Exchange, Play
from conformance.judge.profiles import Workers, proposals
from conformance.requirements import registry
from conformance.scenarios import moves as s
from conformance.scenarios.catalogue.blocks import FIRST_STEP, SF
from conformance.scenarios.scenario import Scenario
from conformance.scenarios.steps import STEPS
from conformance.transcript.recorder import Recorder
from conformance.transcript.redaction import Redactor
from conformance.transcript.text import snippet
from conformance.transcript.transcript import ProbeUse, Released, SuiteInfo, TargetInfo, Transcript

CALIBRATION = Scenario(
    id="calibration",
    about="One plain run, to see whether the deployment can be judged and how fast it starts a run.",
    moves=(
        s.Submit(label="A", text=SF),
        s.AwaitHeard(label="A"),
        s.AwaitEnd(label="A", if_begun=True),
        # An agent that looks for the witness in vain may be at that for long.
        s.Cancel(label="A", unless_begun=True),
    ),
)

CAPACITY = Scenario(
    id="capacity",
    about="Two runs on two threads, each held in its first step, to see whether there are workers for both.",
    moves=(
        s.Submit(label="A", text=SF, hold=(FIRST_STEP,)),
        s.AwaitPoint(label="A", point=FIRST_STEP),
        s.Submit(label="X", text=SF, hold=(FIRST_STEP,), thread=s.OTHER),
        s.AwaitPoint(label="X", point=FIRST_STEP, optional=True),
        s.Release(),
        s.AwaitEnd(label="A"),
        s.AwaitEnd(label="X"),
    ),
)

NO_WITNESS = (
    "the agent does not reach the witness (--conformance-witness-host): runs are held by time, and what cannot be "
    "proved that way is INCONCLUSIVE"
)
ANY_AGENT = "the agent `{assistant}` knows nothing of the probe: what needs the probe agent is NOT-APPLICABLE"
NO_PROBE = (
    "the agent `{assistant}` knows nothing of the probe: deploy the probe agent under this name; or name the agent, "
    "--deployment-assistant={assistant}, and be judged by what needs no probe"
)

CALIBRATIONS = 3
"""Plain runs, one after another: where a queue is looked into now and then, one alone may be lucky."""


class Target:
    """One deployment under test: how to reach it, and what was found out about it.

    `problem` is one line that says why it cannot be judged (any more), None when it can be; `workers` whether it
    executes one run at a time or several, where that was found out; `notes` are what a reader of its verdicts must
    know. `named`: somebody has named the assistant, and means it whether or not it knows the probe.
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
    ) -> None:
        self.url = url
        self.assistant = assistant
        self.named = named
        self.headers = headers
        self.deadlines = deadlines
        self.redactor = Redactor(headers, httpx.URL(url), secret)
        shown = self.redactor.url(httpx.URL(url)).rstrip("/")
        self.info = TargetInfo(url=shown, profile=profile)
        self.problem: str | None = None
        self.workers: Workers | None = None
        self.notes: list[str] = []

    def can_play(self, scenario: Scenario) -> bool:
        """Whether anything could be judged by this scenario with the agent that was found."""
        return any(
            requirement.can_be_judged(self.info.probe, steered=scenario.steered)
            for requirement in registry.load().requirements
            if requirement.applies_to(scenario.id)
        )

    async def play(
        self,
        scenario: Scenario,
        transport: httpx.AsyncBaseTransport,
        witness: Witness,
        suite: SuiteInfo,
        on_quiet: Callable[[], None] = lambda: None,
    ) -> Transcript:
        """Play one scenario; sets `problem` when the deployment is lost in it, so that the next need not wait.

        `on_quiet` is called when no further run is to execute.
        """
        recorder = Recorder(self.redactor)
        http = self._wire(transport, recorder)
        context = Context(
            http=http,
            recorder=recorder,
            deadlines=self.deadlines,
            assistant=self.assistant,
            witness=witness,
            probe=self.info.probe,
        )
        transcript = await player.play(context, scenario, suite, self.info, on_quiet)
        if http.lost is not None and self.problem is None:
            self.problem = f"it stopped answering during {scenario.id}: {http.lost}"
        return transcript

    async def examine(
        self, transport: httpx.AsyncBaseTransport, witness: Witness, suite: SuiteInfo, jobs: int = 1
    ) -> None:
        """Ask for `/info`, play the calibration runs, and set `info`, `problem`, `notes` and the deadlines.

        `jobs` is how many plays will be under way at once.
        """

        async def play(scenario: Scenario) -> Play:
            return Play(await self.play(scenario, transport, witness, suite))

        await self._ask_info(transport)
        try:
            latencies = await self._calibrate(play)
        except _Unusable as unusable:
            self.problem = self.redactor.text(str(unusable))
            return
        if (
            self.info.profile is None
            and self.info.probe == "witnessed"
            and any(p.workers for p in proposals(self.info))
        ):
            # Which of them to propose depends on it.
            self.workers = "one" if _missed_capacity(await play(CAPACITY)) else "several"
        self.deadlines = self.deadlines.calibrated(max(latencies)).shared(jobs)

    async def _calibrate(self, play: Callable[[Scenario], Awaitable[Play]]) -> list[float]:
        """Seconds that each of the plain runs needed to start; raises _Unusable. Sets `info.probe` and `notes`.

        A run of which the witness hears nothing is followed by one that is told of no witness: what it leaves shows
        whether its agent knows the probe. If it does, it is tried once more: the first run may just have been slow.
        """
        latencies: list[float] = []
        silent = 0
        while len(latencies) < CALIBRATIONS:
            calibration = await play(CALIBRATION)
            if calibration.witnessed and not calibration.steps("A") and _has_started(calibration, self.assistant):
                silent += 1
                await self._go_without_witness(play, convinced=silent > 1)
                continue
            _demand_none(problem_of(calibration, self.assistant))
            latencies.append(_start_latency(calibration))
        return latencies

    async def _go_without_witness(self, play: Callable[[Scenario], Awaitable[Play]], *, convinced: bool) -> None:
        """See what agent this is, of which the witness heard nothing; raises _Unusable.

        Leaves `info.probe` as it was unless that is certain, or we are `convinced`.
        """
        self._set_probe("unwitnessed")
        alone = await play(CALIBRATION)
        _demand_none(problem_of(alone, self.assistant))
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

    async def _ask_info(self, transport: httpx.AsyncBaseTransport) -> None:
        """Name and version as `/info` tells them; a deployment without it stays nameless."""
        http = self._wire(transport, Recorder(self.redactor))
        await http.call("info", "server", http.client.http.get("/info"))
        server, version = server_of(http.body("info", "server"))
        self.info = msgspec.structs.replace(self.info, server=server, version=version)

    def _wire(self, transport: httpx.AsyncBaseTransport, recorder: Recorder) -> Http:
        return Http(
            url=self.url, headers=self.headers, transport=transport, recorder=recorder, deadlines=self.deadlines
        )


def server_of(info: Any) -> tuple[str | None, str | None]:
    """Name and version of a server from the body of its `/info`.

    The official servers give no name, but the version of the LangGraph they run: `langgraph_py_version` or
    `langgraph_js_version`.
    """
    if not isinstance(info, dict):
        return None, None
    version = info.get("version")
    name = info.get("name")
    if not isinstance(name, str):
        name = None
        if "langgraph_py_version" in info:
            name = "langgraph-api"
        elif "langgraph_js_version" in info:
            name = "langgraph-js"
    return name and snippet(name, 40), snippet(version, 40) if isinstance(version, str) else None


def _missed_capacity(play: Play) -> bool:
    """Whether the second run did not begin while the first was held."""
    released = next((m.seq for m in play.moments if isinstance(m, Released)), len(play.moments))
    began = play.began("X")
    return began is None or began > released


def _start_latency(play: Play) -> float:
    """Seconds from the request for a run to its first step, or to when it was told to execute."""
    asked = play.submission("A").request.t
    if play.witnessed:
        began = play.began("A")
    else:
        began = next((r.received for r in play.readings("A") if r.status != "pending"), None)
    return 0.0 if began is None else play.moments[began].t - asked


class _Unusable(Exception):  # noqa: N818 -- a finding about a deployment
    """The deployment cannot be judged; the text is one line that says why."""


def _demand_none(problem: str | None) -> None:
    if problem is not None:
        raise _Unusable(problem)


def problem_of(play: Play, assistant: str) -> str | None:
    """Why a calibration run shows that this deployment cannot be judged."""
    try:
        return _problem_with_the_start(play, assistant) or _problem_with_the_end(play, assistant)
    except Unproven as unproven:
        return str(unproven)


def _problem_with_the_start(play: Play, assistant: str) -> str | None:
    """Why there is no thread, no run, or none that ever executed; raises Unproven."""
    created = play.last("create thread", s.MAIN)
    if s.MAIN not in play.transcript.threads:
        return f"POST /threads at {play.transcript.target.url}: {_say(created, 'thread_id')}"
    submission = play.submission("A")
    if not submission.ok:
        return (
            f"a run of the agent `{assistant}` could not be created: {_say(submission, 'run_id')}; "
            "is the probe agent deployed under this name (--deployment-assistant)?"
        )
    statuses = [reading.status for reading in play.readings("A")]
    if set(statuses) & {"running", *TERMINAL} or (play.witnessed and play.steps("A")):
        return None
    status = snippet(statuses[-1]) if statuses else "unknown"
    return f"a run of the agent `{assistant}` was accepted and never executed: it is `{status}`"


def _has_started(play: Play, assistant: str) -> bool:
    """Whether there is a run that executes, so that its agent could have reported."""
    try:
        return _problem_with_the_start(play, assistant) is None
    except Unproven:
        return False


def _problem_with_the_end(play: Play, assistant: str) -> str | None:
    """Why the plain run did not get to its end; raises Unproven."""
    if play.witnessed:
        finished = [trace.step for trace in play.steps("A") if trace.outcome == "returned"] == list(STEPS)
    else:
        finished = play.final_status("A") == "success"
    if finished:
        return None
    status = snippet(play.final_status("A"))
    return f"a plain run of the agent `{assistant}` did not get to its end: it is `{status}`"


def _advice(fault: str) -> str:
    """Return what a user may do about a request that was not answered."""
    if "CERTIFICATE_VERIFY_FAILED" in fault:
        return "trust the authority that signed the certificate with --deployment-ca FILE"
    if "CERTIFICATE_REQUIRED" in fault or "alert certificate" in fault.lower():
        return "show a certificate with --deployment-cert FILE"
    return "is the deployment running, and is --deployment-url right?"


def _say(exchange: Exchange, wanted: str) -> str:
    """What came of an exchange that should have told `wanted`, in words that tell a user what to mend."""
    if exchange.fault is not None:
        return f"{exchange.fault.error} ({_advice(exchange.fault.error)})"
    response = exchange.response
    if response is None:
        return "no answer"
    if 300 <= response.status < 400:
        location = snippet(response.headers.get("location", "nowhere"))
        return f"HTTP {response.status}, redirected to {location}; give the URL that answers itself"
    kind = snippet(response.headers.get("content-type", ""))
    body = response.body
    if response.status < 300 and not isinstance(body, dict):
        return f"HTTP {response.status} with {kind or 'no content type'} instead of a JSON object: {snippet(body)}"
    without = f" without a {wanted} that is text" if response.status < 300 else ""
    return f"HTTP {response.status}{without}: {snippet(body)}"
