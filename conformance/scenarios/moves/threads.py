"""Requests that create, copy or change a thread or its state."""

from __future__ import annotations

from typing import Any, Literal

from conformance.scenarios.kind import Kind, Traits, setting, settings


class CreateAgain(Kind, frozen=True, kw_only=True, tag="create-again"):
    """Create the thread that was deleted again, under the same id."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="create again", by_hand=False)

    def describe(self) -> str:
        return "create the deleted thread again under its id"


class CreateTogether(Kind, frozen=True, kw_only=True, tag="create-together"):
    """Send several requests at the same time, each of which creates the thread `name` under an id of the client.

    None for `if_exists` is not sent.
    """

    traits = Traits(passive=False, quiet=False, may_end=False, changes="create together", by_hand=False)

    name: str
    times: int
    if_exists: Literal["raise", "do_nothing"] | None

    def describe(self) -> str:
        sent = settings(setting("if_exists", self.if_exists) or "no if_exists")
        return f"at the same time: {self.times} x create thread {self.name}{sent}"


class CopyThread(Kind, frozen=True, kw_only=True, tag="copy-thread"):
    """Copy the thread. The copy is the thread `name` of the scenario."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="copy thread", by_hand=False)

    name: str

    def describe(self) -> str:
        return f"copy the thread as {self.name}"


class ChangeThread(Kind, frozen=True, kw_only=True, tag="change-thread"):
    """Add `metadata` to that of the thread."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="change thread", by_hand=False)

    metadata: dict[str, Any]

    def describe(self) -> str:
        return "change the thread" + settings(setting("metadata", self.metadata))


class UpdateState(Kind, frozen=True, kw_only=True, tag="update-state", omit_defaults=True):
    """Try to add a human message `text` to the thread's state, or to the state at an older checkpoint."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="update state", by_hand=True)

    text: str

    from_step: str | None = None
    """Update the state at the checkpoint of this step, which is found like that of `Submit.from_step`."""

    as_node: str | None = None

    def describe(self) -> str:
        at = f" at the checkpoint of {self.from_step}" if self.from_step else ""
        return f"try to update the state{at}" + settings(setting("as_node", self.as_node))
