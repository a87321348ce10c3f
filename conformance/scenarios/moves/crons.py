"""Crons, and the wait until one fires."""

from __future__ import annotations

from typing import Literal

from conformance.scenarios.kind import AWAITS_REQUEST, Kind, Traits, setting, settings
from conformance.scenarios.moves.names import ON_THREAD, Strategy


class CreateCron(Kind, frozen=True, kw_only=True, tag="create-cron", omit_defaults=True):
    """Create a cron, whose run `label` has `text` as its human message. No cron outlives its play.

    If `often`, it is due every second, or every minute where the deployment accepts no seconds. Otherwise it is due at
    New Year, so that it does not fire during a play.
    """

    traits = Traits(passive=False, quiet=False, may_end=False, changes="create cron", by_hand=False)

    label: str
    text: str
    strategy: Strategy | None = None
    often: bool = False
    hold: tuple[str, ...] = ()

    until: int | None = None
    """The year at whose beginning it ends."""

    thread: Literal["main", "stateless"] = "main"
    """`stateless` stands for no thread: each run of the cron gets one of its own."""

    bare: bool = False
    """The request has no input."""

    def describe(self) -> str:
        texts = (
            "due every second or minute" if self.often else "due at New Year",
            ON_THREAD[self.thread],
            "without input" * self.bare,
            setting("end_time", self.until),
            setting("multitask_strategy", self.strategy) or "no multitask_strategy",
            f"hold at {' and '.join(self.hold)}" if self.hold else None,
        )
        return f"create cron {self.label}" + settings(*texts)


class AwaitCron(Kind, frozen=True, kw_only=True, tag="await-cron"):
    """Wait until the run of the cron `label` has begun."""

    traits = AWAITS_REQUEST

    label: str

    def describe(self) -> str:
        return f"wait until cron {self.label} fires"


class DeleteCron(Kind, frozen=True, kw_only=True, tag="delete-cron"):
    """Delete the cron `label`."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="delete cron", by_hand=False)

    label: str

    def describe(self) -> str:
        return f"delete cron {self.label}"


class ListCrons(Kind, frozen=True, kw_only=True, tag="list-crons"):
    """List the crons of the thread."""

    traits = AWAITS_REQUEST

    def describe(self) -> str:
        return "list the crons of the thread"
