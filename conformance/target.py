"""Finding out what is at a deployment's URL before anything is judged.

One plain run of the agent shows whether there is a usable deployment, whether its agent obeys the probe contract
and reaches the witness, and how long it takes to start a run. What does not work is said in one line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import msgspec

from conformance import scenarios as s
from conformance.catalogue.blocks import FIRST_STEP, SF
from conformance.deadlines import Deadlines
from conformance.driver import Driver
from conformance.evidence import Exchange, Play
from conformance.findings import Unproven
from conformance.model import STEPS
from conformance.profiles import Workers, proposals
from conformance.recorder import Recorder
from conformance.redaction import Redactor
from conformance.transcript import Released, SuiteInfo, TargetInfo, Transcript
from conformance.wire import Wire
from conformance.witness import Witness
from conformance.wording import snippet

CALIBRATION = s.Scenario(
    id="calibration",
    about="One plain run, to see whether the deployment can be judged and how fast it starts a run.",
    moves=(s.Submit(label="A", text=SF), s.AwaitEnd(label="A")),
)

CAPACITY = s.Scenario(
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

CALIBRATIONS = 3
"""Plain runs, one after another: where a queue is looked into now and then, one alone may be lucky."""


class Target:
    """One deployment under test: how to reach it, and what was found out about it.

    `problem` is one line that says why it cannot be judged (any more), None when it can be; `workers` whether it
    executes one run at a time or several, where that was found out.
    """

    def __init__(
        self, *, url: str, assistant: str, headers: dict[str, str], profile: str | None, deadlines: Deadlines
    ) -> None:
        self.url = url
        self.assistant = assistant
        self.headers = headers
        self.deadlines = deadlines
        self.redactor = Redactor(headers, httpx.URL(url))
        shown = self.redactor.url(httpx.URL(url)).rstrip("/")
        self.info = TargetInfo(url=shown, profile=profile)
        self.problem: str | None = None
        self.workers: Workers | None = None

    async def play(
        self,
        scenario: s.Scenario,
        transport: httpx.AsyncBaseTransport,
        witness: Witness,
        suite: SuiteInfo,
        on_quiet: Callable[[], None] = lambda: None,
    ) -> Transcript:
        """Play one scenario; sets `problem` when the deployment is lost in it, so that the next need not wait.

        `on_quiet` is called when no further run is to execute.
        """
        recorder = Recorder(self.redactor)
        wire = self._wire(transport, recorder)
        driver = Driver(
            wire=wire, recorder=recorder, deadlines=self.deadlines, assistant=self.assistant, witness=witness
        )
        transcript = await driver.play(scenario, suite, self.info, on_quiet)
        if wire.lost is not None and self.problem is None:
            self.problem = f"it stopped answering during {scenario.id}: {wire.lost}"
        return transcript

    async def examine(
        self, transport: httpx.AsyncBaseTransport, witness: Witness, suite: SuiteInfo, jobs: int = 1
    ) -> None:
        """Ask for `/info`, play the calibration runs, and set `info`, `problem` and the deadlines.

        `jobs` is how many plays will be under way at once.
        """
        await self._ask_info(transport)
        latencies = []
        for _ in range(CALIBRATIONS):
            play = Play(await self.play(CALIBRATION, transport, witness, suite))
            problem = problem_of(play, self.assistant)
            if problem is not None:
                self.problem = self.redactor.text(problem)
                return
            latencies.append(_start_latency(play))
        if self.info.profile is None and any(profile.workers for profile in proposals(self.info)):
            # Which of them to propose depends on it.
            together = Play(await self.play(CAPACITY, transport, witness, suite))
            self.workers = "one" if _missed_capacity(together) else "several"
        self.deadlines = self.deadlines.calibrated(max(latencies)).shared(jobs)

    async def _ask_info(self, transport: httpx.AsyncBaseTransport) -> None:
        """Name and version as `/info` tells them; a deployment without it stays nameless."""
        wire = self._wire(transport, Recorder(self.redactor))
        await wire.call("info", "server", wire.client.http.get("/info"))
        server, version = server_of(wire.body("info", "server"))
        self.info = msgspec.structs.replace(self.info, server=server, version=version)

    def _wire(self, transport: httpx.AsyncBaseTransport, recorder: Recorder) -> Wire:
        return Wire(
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
    """Seconds from the request for a run to its first step."""
    asked = play.submission("A").request.t
    began = play.began("A")
    return 0.0 if began is None else play.moments[began].t - asked


def problem_of(play: Play, assistant: str) -> str | None:
    """Why the calibration run shows that this deployment cannot be judged."""
    try:
        created = play.last("create thread", s.MAIN)
        if s.MAIN not in play.transcript.threads:
            return f"POST /threads at {play.transcript.target.url}: {_say(created, 'thread_id')}"
        submission = play.submission("A")
        if not submission.ok:
            return (
                f"a run of the agent `{assistant}` could not be created: {_say(submission, 'run_id')}; "
                "is the probe agent deployed under this name (--deployment-assistant)?"
            )
        if not play.steps("A"):
            readings = play.readings("A")
            status = snippet(readings[-1].status) if readings else "unknown"
            return (
                f"run of the agent `{assistant}`: no step of it reached the witness (run status `{status}`); deploy "
                "the probe agent under this name, and let the deployment reach this machine "
                "(--conformance-witness-host)"
            )
        if [trace.step for trace in play.steps("A") if trace.outcome == "returned"] != list(STEPS):
            status = snippet(play.final_status("A"))
            return f"a plain run of the agent `{assistant}` did not get to its end: it is `{status}`"
    except Unproven as unproven:
        return str(unproven)
    return None


def _say(exchange: Exchange, wanted: str) -> str:
    """What came of an exchange that should have told `wanted`, in words that tell a user what to mend."""
    if exchange.fault is not None:
        return f"{exchange.fault.error} (is the deployment running, and is --deployment-url right?)"
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
