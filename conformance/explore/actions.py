"""The actions of a random history. Each is independent of the others, so that any of them can be left out."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from conformance.scenarios.moves import Endpoint, Strategy
from doubletext.probe import OnCancel

Hold = Literal["", "agent:1/enter", "tools:1/enter", "tools:1/cancelled", "agent:2/token"]
Durability = Literal["sync", "async", "exit"]


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """Create a run. With a `hold`, the scenario waits until the run is there, if it can get there.

    With `tokens`, a stream has the pieces of its messages, too.
    """

    strategy: Strategy | None = None
    endpoint: Endpoint = "create"
    hold: Hold = ""
    ends: Literal["success", "error", "parked"] = "success"
    on_cancel: OnCancel = "stop"
    durability: Durability | None = None
    leaves: Literal["continue", "cancel"] | None = None
    resumable: bool = False
    tokens: bool = False
    settled: bool = True


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel the run that was created `back` runs before the newest."""

    back: int = 0
    action: Literal["interrupt", "rollback"] | None = None
    wait: bool = False


class StopAll(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel the newest `count` runs in one request."""

    count: int = 2


class Let(msgspec.Struct, frozen=True, kw_only=True):
    """Release a held run, and wait until it ends if `settled`."""

    back: int = 0
    settled: bool = True


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """Read something of the thread."""

    what: Literal["statuses", "state", "pending", "running", "interrupted", "success", "all", "busy", "idle"]


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """Connect a further client to a run."""

    back: int = 0
    how: Literal["join", "stream"] = "stream"
    cancels: bool = False


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """Connect a further client to the newest resumable stream, from its first event."""


class Reconnect(msgspec.Struct, frozen=True, kw_only=True):
    """Disconnect the client that created the newest resumable stream, and connect one that continues the stream."""


class Leave(msgspec.Struct, frozen=True, kw_only=True):
    """Disconnect the client that connected `back` clients before the newest."""

    back: int = 0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Answer the question of the newest parked run with a run that resumes it, or a question that no run asked."""

    strategy: Strategy | None = None


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """Update the state of the thread."""


class Remove(msgspec.Struct, frozen=True, kw_only=True):
    """Delete a run, or the thread if `thread`."""

    back: int = 0
    thread: bool = False


class Both(msgspec.Struct, frozen=True, kw_only=True):
    """Send two requests for runs at the same time."""

    first: Text
    second: Text


Action = Text | Stop | StopAll | Let | Read | Join | Replay | Reconnect | Leave | Reply | Edit | Remove | Both

PLACES: Final = ("sf", "nyc", "la", "boston", "rome", "oslo", "lima", "cairo", "delhi", "tokyo", "paris", "quito")
"""The places about which the runs ask, one each, so that every message names its run."""

LABELS: Final = "ABCDEFGHIJKL"
