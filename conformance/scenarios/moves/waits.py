"""Waits for an event of a run, and the release of what is held."""

from __future__ import annotations

from conformance.scenarios.kind import AWAITS_REQUEST, PASSIVE, Kind, Traits, settings


class AwaitPoint(Kind, frozen=True, kw_only=True, tag="await-point", omit_defaults=True):
    """Wait until run `label` is at `point`.

    If `optional`, a deployment without a free worker need not reach the point in time. The hold is then released, so
    that the run cannot keep the only worker later on.
    """

    traits = PASSIVE

    label: str
    point: str
    optional: bool = False

    def describe(self) -> str:
        return f"wait until run {self.label} is at {self.point}" + settings("if a worker is free" * self.optional)


class AwaitHeard(Kind, frozen=True, kw_only=True, tag="await-heard"):
    """Wait until run `label` has reported a step, has ended, or has had ample time to report."""

    traits = PASSIVE

    label: str

    def describe(self) -> str:
        return f"wait until run {self.label} reports a step or ends"


class AwaitSuperseded(Kind, frozen=True, kw_only=True, tag="await-superseded"):
    """Wait until run `label` is cancelled or run `by` begins. Release `label` if neither happens in time.

    Both orders are legal. A deployment that waits for the superseded run would wait for the suite's hold forever, and
    the play with it, hence the release.
    """

    traits = PASSIVE

    label: str
    by: str

    def describe(self) -> str:
        return f"wait until run {self.label} is cancelled or run {self.by} begins"


class AwaitEnd(Kind, frozen=True, kw_only=True, tag="await-end", omit_defaults=True):
    """Wait until run `label` has a terminal status, both through `join` and by polling.

    If `if_begun`, wait only if a step of the run was reported.
    """

    traits = PASSIVE

    label: str
    if_begun: bool = False

    def describe(self) -> str:
        return f"wait until run {self.label} ends" + settings("if it has begun" * self.if_begun)


class AwaitStopped(Kind, frozen=True, kw_only=True, tag="await-stopped"):
    """Wait until the newest step of run `label` is cancelled. Release the run if that does not happen in time."""

    traits = PASSIVE

    label: str

    def describe(self) -> str:
        return f"wait until run {self.label} is being cancelled"


class AwaitOneLeft(Kind, frozen=True, kw_only=True, tag="await-one-left"):
    """Wait until at most one run has no terminal status."""

    traits = PASSIVE

    def describe(self) -> str:
        return "wait until at most one run is in flight"


class AwaitGone(Kind, frozen=True, kw_only=True, tag="await-gone"):
    """Wait until the thread of the stateless run `label` no longer exists."""

    traits = AWAITS_REQUEST

    label: str

    def describe(self) -> str:
        return f"wait until the thread of run {self.label} is deleted"


class AwaitWebhook(Kind, frozen=True, kw_only=True, tag="await-webhook"):
    """Wait until the webhook of run `label` has arrived."""

    traits = AWAITS_REQUEST

    label: str

    def describe(self) -> str:
        return f"wait for the webhook of run {self.label}"


class Release(Kind, frozen=True, kw_only=True, tag="release", omit_defaults=True):
    """Release run `label` (every run if there is no label) from `point` (every point if there is none)."""

    traits = PASSIVE

    label: str | None = None
    point: str | None = None

    def describe(self) -> str:
        run = "every run" if self.label is None else f"run {self.label}"
        return f"release {run}" + (f" from {self.point}" if self.point else "")


class Observe(Kind, frozen=True, kw_only=True, tag="observe", omit_defaults=True):
    """Poll for a while, for something that must not happen. End early if run `until_begun` begins.

    The absence of an event is the one thing that the suite cannot wait for. `driver/deadlines.py` derives the time
    from how fast this deployment starts a run.
    """

    traits = Traits(passive=True, quiet=True, may_end=False, changes=None, by_hand=False)

    until_begun: str | None = None

    def describe(self) -> str:
        return "observe for a while" + (f", or until run {self.until_begun} begins" if self.until_begun else "")
