"""Clients that watch a run, and the page of another origin."""

from __future__ import annotations

from typing import Literal

from conformance.scenarios.kind import PASSIVE, Kind, Traits, setting, settings
from conformance.scenarios.moves.names import StreamMode


class Watch(Kind, frozen=True, kw_only=True, tag="watch", omit_defaults=True):
    """Connect a further client, `name`, to run `label`, through `join` or through the run's stream.

    `since` is sent as Last-Event-ID. It is `-1`, or the name of a client whose last event id is sent. The client that
    created a run has the run's label as its name. `modes` and `cancel_on_disconnect` are sent unless empty or None.
    """

    traits = PASSIVE

    name: str
    label: str
    how: Literal["join", "stream"] = "stream"
    modes: tuple[StreamMode, ...] = ()
    since: str | None = None
    cancel_on_disconnect: bool | None = None

    def describe(self) -> str:
        last = self.since and (self.since if self.since == "-1" else f"the last that client {self.since} received")
        texts = (
            last and f"Last-Event-ID: {last}",
            setting("stream_mode", self.modes),
            setting("cancel_on_disconnect", self.cancel_on_disconnect),
        )
        # `join` returns the values of the run, and the stream its events. A failure text must show which.
        target = "run" if self.how == "join" else "the stream of run"
        return f"client {self.name} joins {target} {self.label}" + settings(*texts)


class AwaitEvent(Kind, frozen=True, kw_only=True, tag="await-event"):
    """Wait until the client `name` has received an event of this name."""

    traits = PASSIVE

    name: str
    event: str

    def describe(self) -> str:
        return f"wait until client {self.name} receives an event `{self.event}`"


class Leave(Kind, frozen=True, kw_only=True, tag="leave"):
    """Disconnect the client `name`. The client that created a run has the run's label as its name."""

    # A disconnect is no request: it can end a run, but a timeline has nothing to show for it but the closed stream.
    traits = Traits(passive=False, quiet=False, may_end=True, changes=None, by_hand=False)

    name: str

    def describe(self) -> str:
        return f"client {self.name} disconnects"

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        return cancels_on_disconnect


class ReadOn(Kind, frozen=True, kw_only=True, tag="read-on"):
    """Let the client that created run `label` read the rest of its stream, after `reads=False`."""

    traits = PASSIVE

    label: str

    def describe(self) -> str:
        return f"client {self.label} reads the rest of its stream"


class Browse(Kind, frozen=True, kw_only=True, tag="browse"):
    """Send a request as a browser sends it for a page of another origin.

    `preflight` asks whether the page may send JSON with POST. `search` and `wait` are such requests themselves: a
    search for threads, and the creation of a run whose values are waited for.
    """

    traits = Traits(passive=False, quiet=False, may_end=False, changes="page", by_hand=False)

    what: Literal["preflight", "search", "wait"]

    def describe(self) -> str:
        requests = {"preflight": "a preflight request", "search": "a search for threads", "wait": "a run to wait for"}
        return f"send {requests[self.what]} for a page of another origin"
