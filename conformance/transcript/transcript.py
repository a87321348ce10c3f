"""The transcript format: every exchange, stream event, witness event and missed deadline of one play, in one order.

A transcript is the only input of a check. It is plain JSON (`schemas/transcript-1.schema.json`), contains no secret,
and can be judged again offline.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any, Literal

import msgspec

from conformance.scenarios.scenario import Scenario

FORMAT: Literal["doubletext-transcript"] = "doubletext-transcript"
VERSION: Literal[1] = 1


class Moment(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """An event in a play. `seq` orders all moments of the play, and `t` is seconds since its start."""

    seq: int
    t: float


class MoveMade(Moment, frozen=True, kw_only=True, tag="move"):
    """The start of the scenario's move number `index`."""

    index: int
    text: str


class Request(Moment, frozen=True, kw_only=True, tag="request"):
    """A request of the driver. `purpose` is its reason, and `about` the run or thread that it concerns."""

    exchange: int
    purpose: str
    about: str
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None


class Response(Moment, frozen=True, kw_only=True, tag="response"):
    """The response to request `exchange`. For a stream (`streamed`) it has only the status and the headers."""

    exchange: int
    status: int
    headers: dict[str, str]
    body: Any = None
    streamed: bool = False


class StreamEvent(Moment, frozen=True, kw_only=True, tag="stream"):
    """One server-sent event of the stream that answers `exchange`."""

    exchange: int
    event: str
    data: Any = None
    id: str | None = None


class Closed(Moment, frozen=True, kw_only=True, tag="closed"):
    """The clean end of the stream that answers `exchange`."""

    exchange: int


class Left(Moment, frozen=True, kw_only=True, tag="left"):
    """The disconnection of a client, as its scenario requires, before the answer to `exchange` was complete."""

    exchange: int


class NetworkFault(Moment, frozen=True, kw_only=True, tag="fault"):
    """The failure of `exchange`: a connection refused or cut, an answer too large or too late. `error` states which."""

    exchange: int
    error: str


class Adapted(Moment, frozen=True, kw_only=True, tag="adapted"):
    """The decision to send the refused request `exchange` again in another form. The next request is that form.

    `needs` names what was refused in its first form (`conformance.api.Need`), and `how` describes the other form.
    """

    exchange: int
    needs: tuple[str, ...]
    how: str


class WitnessEvent(Moment, frozen=True, kw_only=True, tag="witness"):
    """A report of a step to the witness. `gone` means that the connection of a held step was lost."""

    label: str
    step: str
    event: Literal["enter", "token", "cancelled", "exit", "gone"]
    run_id: str | None = None
    outcome: str | None = None
    configurable: dict[str, Any] | None = None
    resume: Any = msgspec.UNSET


class Delivery(Moment, frozen=True, kw_only=True, tag="delivery"):
    """The webhook of run `label`, answered with the HTTP status `answered`."""

    label: str
    answered: int
    body: Any = None


class Released(Moment, frozen=True, kw_only=True, tag="released"):
    """The release of run `label` at `point` by the witness."""

    label: str
    point: str


class Missed(Moment, frozen=True, kw_only=True, tag="missed"):
    """A missed deadline: the awaited event did not happen within `seconds`.

    `unstarted` is true where the event was one of a run that had not begun, perhaps because it had no worker.
    """

    awaited: str
    seconds: float
    unstarted: bool = False


class Lost(Moment, frozen=True, kw_only=True, tag="lost"):
    """The loss of the deployment, which does not even answer `/ok`. `error` is the last fault. No request follows."""

    error: str


AnyMoment = (
    MoveMade
    | Request
    | Response
    | StreamEvent
    | Closed
    | Left
    | NetworkFault
    | Adapted
    | WitnessEvent
    | Delivery
    | Released
    | Missed
    | Lost
)


class SuiteInfo(msgspec.Struct, frozen=True):
    """The suite that made the transcript. `revision` is the revision of its rule book."""

    name: str
    version: str
    revision: str

    @classmethod
    def here(cls, revision: str) -> SuiteInfo:
        """Return the installed suite, with this revision of the rule book."""
        try:
            installed = metadata.version("doubletext")
        except metadata.PackageNotFoundError:
            installed = "unknown (not installed)"  # imported from a checkout, which has no distribution metadata
        return cls("doubletext", installed, revision)


ProbeUse = Literal["witnessed", "unwitnessed", "none"]
"""The control that the suite has over the agent.

`witnessed`: the agent reaches the witness. `unwitnessed`: it obeys the probe but cannot reach the witness, so runs are
held by time. `none`: it ignores the probe.
"""


class TargetInfo(msgspec.Struct, frozen=True):
    """The deployment under test, as far as it identified itself, and the control over its agent.

    `name` is the one that the user gave it.
    """

    url: str
    server: str | None = None
    version: str | None = None
    profile: str | None = None
    probe: ProbeUse = "witnessed"
    name: str | None = None


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """One play of one scenario against one deployment.

    `threads` maps the scenario's names for threads to the deployment's ids. `observed_for` is the length in seconds of
    the windows in which nothing may happen. `started_at` is the wall-clock time in ISO 8601. `cut` counts the bytes
    that were left out when the transcript was written to a file. `earlier` are plays of the same scenario, oldest
    first, in which a report to the witness was lost, so that it was played again.
    """

    format: Literal["doubletext-transcript"] = FORMAT
    version: Literal[1] = VERSION
    suite: SuiteInfo
    target: TargetInfo
    scenario: Scenario
    started_at: str
    observed_for: float
    threads: dict[str, str]
    moments: list[AnyMoment]
    cut: int = 0
    earlier: tuple[Transcript, ...] = ()

    @staticmethod
    def unplayed(suite: SuiteInfo, target: TargetInfo, scenario: Scenario) -> Transcript:
        """Return the empty transcript of a scenario that cannot be judged on this deployment."""
        return Transcript(
            suite=suite, target=target, scenario=scenario, started_at="", observed_for=0.0, threads={}, moments=[]
        )


def encode(transcript: Transcript) -> bytes:
    """Return the transcript as indented JSON in UTF-8."""
    return msgspec.json.format(msgspec.json.encode(transcript), indent=1)


def decode(raw: bytes) -> Transcript:
    """Return the transcript in this JSON. Raise `msgspec.ValidationError`, which names the problem and its path."""
    return msgspec.json.decode(raw, type=Transcript)
