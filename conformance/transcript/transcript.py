"""The record of one play: every exchange, stream event, witness event and missed deadline, in one order.

A transcript is all that a check ever sees. It is plain JSON (`schemas/transcript-1.schema.json`), holds no
secret, and can be judged again offline.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any, Literal

import msgspec

from conformance.scenarios.scenario import Scenario

FORMAT: Literal["doubletext-transcript"] = "doubletext-transcript"
VERSION: Literal[1] = 1


class Moment(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Something that happened: `seq` orders all moments of a play, `t` is seconds since its start."""

    seq: int
    t: float


class MoveMade(Moment, frozen=True, kw_only=True, tag="move"):
    """The driver began the scenario's move number `index`."""

    index: int
    text: str


class Request(Moment, frozen=True, kw_only=True, tag="request"):
    """The driver sent a request; `purpose` says why, `about` which run or thread it concerns."""

    exchange: int
    purpose: str
    about: str
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None


class Response(Moment, frozen=True, kw_only=True, tag="response"):
    """The answer to request `exchange`: whole, or for a stream its head (`streamed`)."""

    exchange: int
    status: int
    headers: dict[str, str]
    body: Any = None
    streamed: bool = False


class StreamEvent(Moment, frozen=True, kw_only=True, tag="stream"):
    """One server-sent event of the stream that answered `exchange`."""

    exchange: int
    event: str
    data: Any = None
    id: str | None = None


class Closed(Moment, frozen=True, kw_only=True, tag="closed"):
    """The stream that answered `exchange` ended cleanly."""

    exchange: int


class Left(Moment, frozen=True, kw_only=True, tag="left"):
    """The driver closed the connection of `exchange` before its answer was complete, as the scenario asks."""

    exchange: int


class NetworkFault(Moment, frozen=True, kw_only=True, tag="fault"):
    """No usable answer to `exchange`: refused, cut, too large, late. `error` says which."""

    exchange: int
    error: str


class WitnessEvent(Moment, frozen=True, kw_only=True, tag="witness"):
    """A step told the witness something; `gone` means that its connection was lost while it was held."""

    label: str
    step: str
    event: Literal["enter", "token", "cancelled", "exit", "gone"]
    run_id: str | None = None
    outcome: str | None = None


class Delivery(Moment, frozen=True, kw_only=True, tag="delivery"):
    """The webhook of run `label` came, and was answered with the HTTP status `answered`."""

    label: str
    answered: int
    body: Any = None


class Released(Moment, frozen=True, kw_only=True, tag="released"):
    """The witness let run `label` go on at `point`."""

    label: str
    point: str


class Missed(Moment, frozen=True, kw_only=True, tag="missed"):
    """What the driver waited for did not happen within `seconds`."""

    awaited: str
    seconds: float


class Lost(Moment, frozen=True, kw_only=True, tag="lost"):
    """The deployment answers nothing any more, not even `/ok`: `error` is how that went. Nothing is asked after it."""

    error: str


AnyMoment = (
    MoveMade
    | Request
    | Response
    | StreamEvent
    | Closed
    | Left
    | NetworkFault
    | WitnessEvent
    | Delivery
    | Released
    | Missed
    | Lost
)


class SuiteInfo(msgspec.Struct, frozen=True):
    """Which suite made the record; `revision` is the rule book's."""

    name: str
    version: str
    revision: str

    @classmethod
    def here(cls, revision: str) -> SuiteInfo:
        """The suite that is installed, judging by this revision of the rule book."""
        try:
            installed = metadata.version("doubletext")
        except metadata.PackageNotFoundError:
            installed = "unknown (not installed)"
        return cls("doubletext", installed, revision)


ProbeUse = Literal["witnessed", "unwitnessed", "none"]
"""What hold the suite has on the agent: it reaches the witness; it obeys the probe, but reaches no witness, so that
runs are held by time; it knows nothing of the probe."""


class TargetInfo(msgspec.Struct, frozen=True):
    """Which deployment was asked, as far as it told, and what hold the suite had on its agent."""

    url: str
    server: str | None = None
    version: str | None = None
    profile: str | None = None
    probe: ProbeUse = "witnessed"


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """One play of one scenario against one deployment.

    `threads` maps the scenario's names for threads to the deployment's ids, `observed_for` is the length in
    seconds of the windows in which nothing should have happened, `started_at` is wall-clock ISO 8601.
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

    @staticmethod
    def unplayed(suite: SuiteInfo, target: TargetInfo, scenario: Scenario) -> Transcript:
        """The record of a scenario that says nothing about this deployment."""
        return Transcript(
            suite=suite, target=target, scenario=scenario, started_at="", observed_for=0.0, threads={}, moments=[]
        )


def encode(transcript: Transcript) -> bytes:
    """The transcript as indented JSON, UTF-8."""
    return msgspec.json.format(msgspec.json.encode(transcript), indent=1)


def decode(raw: bytes) -> Transcript:
    """Read a transcript back; raises `msgspec.ValidationError` that says what is wrong and where."""
    return msgspec.json.decode(raw, type=Transcript)
